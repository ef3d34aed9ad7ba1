"""The CrossGuard pack hands the rules to the engine as they are; tests/cluster/test_policies.py runs it in one."""

import json
from typing import Any

import pulumi
import pytest
from pulumi_policy import EnforcementLevel, ResourceValidationPolicy, StackValidationPolicy
from pulumi_policy.proxy import UNKNOWN_STRING_VALUE, unknown_checking_proxy

from infra.rules import RULES
from infra.settings.core import Environment
from policies.__main__ import environment, plain, policy


def test_levels_and_kinds() -> None:
    made = {rule.name: policy(rule, rule.level(Environment.DEV.value)) for rule in RULES}
    assert made["encrypted-listeners"].enforcement_level is EnforcementLevel.DISABLED
    assert made["tenant-quotas"].enforcement_level is EnforcementLevel.ADVISORY
    assert isinstance(made["tenant-quotas"], ResourceValidationPolicy)
    assert isinstance(made["scaled-without-replicas"], StackValidationPolicy)
    for rule in RULES:
        strict = policy(rule, rule.level(Environment.PROD.value))
        assert strict.enforcement_level is EnforcementLevel.MANDATORY or rule.name == "nothing-taken-over"
        assert strict.description == rule.reason


def test_what_a_preview_does_not_know_is_left_out() -> None:
    given: Any = {"a": UNKNOWN_STRING_VALUE, "b": [1, {"c": UNKNOWN_STRING_VALUE}, UNKNOWN_STRING_VALUE], "d": "e"}
    assert plain(unknown_checking_proxy(given)) == {"b": [1, {}], "d": "e"}


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (json.dumps({"environment": "staging"}), Environment.STAGING),
        (json.dumps({}), Environment.DEV),
        (None, Environment.PROD),
    ],
)
def test_the_environment(monkeypatch: pytest.MonkeyPatch, settings: str | None, expected: Environment) -> None:
    monkeypatch.setattr(pulumi.Config, "get", lambda self, key: settings)
    assert environment() is expected
