"""The schemas of a stack's topics."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import kafka_platform
from kafka_platform.registry.spec import SCHEMA_REGISTRY
from kafka_platform.schemas.objects import SchemaSettings, declarations, objects

from infra.capabilities.capability import JOBS, Capability, Deployment, Needs, Placed, Rendered, Stack
from infra.capabilities.registry import Registry
from infra.schemas.declared import Declared
from infra.settings.core import ROOT, Core
from infra.settings.faults import Fault, Known

SCHEMAS = "schemas"
"""Name of the objects that register schemas."""


@dataclass(frozen=True, kw_only=True)
class Section:
    """The schemas of a file: those of its topics, and where they are registered."""

    registry: Registry | None
    topics: dict[str, Any]


class Schemas(Capability[Section]):
    """Registers what topics declare."""

    key = SCHEMAS

    def section(self, settings: Core) -> Section | None:
        """None if there is nothing to register, and nothing to remove."""
        registry = settings.of(Registry)
        topics = {name: topic for name, topic in settings.topics.items() if topic.has_schema}
        if not topics and (registry is None or not registry.removed_subjects):
            return None
        return Section(registry=registry, topics=topics)

    def needs(self, section: Section, settings: Core) -> Needs:
        """A Kubernetes in which Jobs do not fail by eviction."""
        return Needs(kubernetes=[JOBS])

    def described(self, section: Section) -> str | None:
        """How many topics have schemas."""
        count = len(section.topics)
        return None if not count else f"schemas of {count} topic{'' if count == 1 else 's'}"

    def faults(self, section: Section, stack: Stack, known: Known) -> Iterator[Fault]:
        """Invalid schema files, and schemas without a registry."""
        if section.registry is None and known("registry"):
            topic = next(iter(section.topics))
            part = "value" if section.topics[topic].value is not None else "key"
            message = "schemas need a registry: write registry: {}, or registry.url of one that is there"
            yield Fault(path=("topics", topic, part), message=message)
        declared = Declared(ROOT, section.topics)
        for topic, part, message in declared.faults:
            yield Fault(path=("topics", topic, part), message=message)
        if section.registry is None:
            return
        for subject in section.registry.removed_subjects:
            if subject in declared.subjects:
                message = f"{subject!r} is the schema of a topic: remove one of them"
                yield Fault(path=("registry", "removedSubjects"), message=message)
        try:
            declarations(declared.subjects, section.registry.compatibility)
        except ValueError as error:
            yield Fault(path=("topics",), message=str(error).partition(": ")[2])

    def rendered(self, section: Section, placed: Placed) -> Iterator[Rendered]:
        """Its objects."""
        if section.registry is not None:
            values = _values(section, section.registry, placed)
            values["removed"] = values.pop("removed_subjects")
            yield from placed.named(SCHEMAS, objects(SchemaSettings(name=SCHEMAS, **values)))

    def build(self, section: Section, deployment: Deployment) -> None:
        """Depends on the registry."""
        if section.registry is not None:
            args = kafka_platform.SchemaSubjectsArgs(**_values(section, section.registry, deployment))
            kafka_platform.SchemaSubjects(SCHEMAS, args, deployment.options("registry", namespaces=True))


def _values(section: Section, registry: Registry, placed: Placed) -> dict[str, Any]:
    own = registry.url is None
    authority = registry.authority if registry.tls is None else registry.tls.authority
    return {
        "url": placed.registry_url,
        "namespace": placed.settings.namespace,
        "secret": f"{SCHEMA_REGISTRY}-admin" if own else registry.secret,
        "ca_secret": authority,
        "subjects": Declared(ROOT, section.topics, judged=True).subjects,
        "compatibility": registry.compatibility,
        "removed_subjects": registry.removed_subjects,
        "runtime_image": placed.settings.runtime_image,
        "pod_settings": placed.settings.pod_settings,
    }
