"""The CrossGuard pack: `pulumi preview --policy-pack policies`. It hands over the rules of `infra.rules`."""

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

# Pulumi runs this folder; the packages that it uses are beside it.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import pulumi
from pulumi_policy import (
    EnforcementLevel,
    Policy,
    PolicyPack,
    PolicyResourceOptions,
    ReportViolation,
    ResourceValidationArgs,
    ResourceValidationPolicy,
    StackValidationArgs,
    StackValidationPolicy,
)
from pulumi_policy.proxy import UnknownValueError

from infra.rules import RULES, Level, Resource, Rule
from infra.settings.core import Environment

_LEVELS = {
    Level.OFF: EnforcementLevel.DISABLED,
    Level.ADVISORY: EnforcementLevel.ADVISORY,
    Level.MANDATORY: EnforcementLevel.MANDATORY,
}


def environment() -> Environment:
    """The environment that the stack's file names; of a stack without settings of ours, the strictest."""
    settings: Any = pulumi.Config("kafka-platform").get("platform")
    content = json.loads(settings) if settings else {"environment": "prod"}
    return Environment(content.get("environment", Environment.DEV.value))


def policy(rule: Rule, level: Level) -> Policy:
    """A rule as Pulumi takes it."""

    def one(args: ResourceValidationArgs, report: ReportViolation) -> None:
        for _, message in rule.check([_resource(args.resource_type, args.props, args.name, args.opts)]):
            report(message, None)

    def all_(args: StackValidationArgs, report: ReportViolation) -> None:
        resources = {
            each.urn: _resource(each.resource_type, each.props, each.name, each.opts) for each in args.resources
        }
        urns = {id(resource): urn for urn, resource in resources.items()}
        for resource, message in rule.check(list(resources.values())):
            report(message, urns[id(resource)])

    if rule.together:
        return StackValidationPolicy(rule.name, rule.reason, all_, enforcement_level=_LEVELS[level])
    return ResourceValidationPolicy(rule.name, rule.reason, one, enforcement_level=_LEVELS[level])


def _resource(kind: str, properties: Any, name: str, options: PolicyResourceOptions) -> Resource:
    return Resource(type=kind, properties=plain(properties), name=name, ignored=tuple(options.ignore_changes))


def plain(value: Any) -> Any:
    """The value without what a preview does not know yet: a rule judges the rest now, and that in the deployment."""
    if isinstance(value, Mapping):
        return {key: plain(value[key]) for key in value if _is_known(value, key)}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [plain(value[index]) for index in range(len(value)) if _is_known(value, index)]
    return value


def _is_known(container: Any, key: str | int) -> bool:
    try:
        container[key]
    except UnknownValueError:
        return False
    return True


if __name__ == "__main__":
    found = environment()
    PolicyPack("kafka-platform", [policy(rule, rule.level(found.value)) for rule in RULES])
