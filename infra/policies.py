"""The rules that a stack file alone can be judged by: all objects that it renders without an engine, as resources."""

from collections.abc import Iterator
from dataclasses import dataclass

from kafka_platform.kafka.protocols import Engine
from kafka_platform.kube.marks import ADOPTED

from infra.capabilities import rendered
from infra.reading.kinds import KINDS
from infra.rules import RULES, Level, Resource, Rule
from infra.settings.model import Settings


@dataclass(frozen=True, kw_only=True)
class Violation:
    """A rule that a stack breaks."""

    rule: Rule
    level: Level
    message: str

    def __str__(self) -> str:
        advice = "" if self.level is Level.MANDATORY else "advice: "
        return f"{advice}{self.message} ({self.rule.name})"


def violations(settings: Settings) -> list[Violation]:
    """What the stack breaks, each once, the mandatory first."""
    judged = list(resources(settings))
    found: dict[str, Violation] = {}
    for rule in RULES:
        level = rule.level(settings.environment.value)
        if level is Level.OFF:
            continue
        for _, message in rule.check(judged):
            violation = Violation(rule=rule, level=level, message=message)
            found.setdefault(str(violation), violation)
    return sorted(found.values(), key=lambda each: each.level is not Level.MANDATORY)


def resources(settings: Settings) -> Iterator[Resource]:
    """What is judged: the objects as they are placed, and what the file says of what is none."""
    for each in rendered(settings):
        manifest, version = each.object.manifest, each.object.manifest["apiVersion"]
        group = "core/v1" if version == "v1" else version
        suffix = "Patch" if each.object.partial else ""
        yield Resource(
            type=f"kubernetes:{group}:{each.object.kind}{suffix}",
            properties=manifest,
            name=each.name,
            ignored=each.object.ignored,
            kept=each.object.kept,
        )
    if settings.kafka.engine is Engine.EXTERNAL:
        properties = {"securityProtocol": settings.kafka.security_protocol.value}
        yield Resource(type=KINDS["KafkaConnection"].type, properties=properties, name="kafka")
    for adopted in settings.adopt:
        kind, name = adopted.partition("/")[0], adopted.rpartition("/")[2]
        metadata = {"name": name, "annotations": {ADOPTED: "true"}}
        yield Resource(type=f"kubernetes:adopted:{kind}", properties={"metadata": metadata})
