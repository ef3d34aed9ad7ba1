"""Kafka Streams applications among the workers of a stack: whose topics and transactions would be in reach of another's user."""

from collections.abc import Iterator, Mapping
from typing import TypeVar

from kafka_platform.kafka.protocols import Engine
from kafka_platform.values.words import Path
from kafka_platform.worker.spec import WorkerSpec
from kafka_platform.worker.state import (
    STREAMS_PROTOCOL_SINCE,
    StreamsProtocol,
    WorkerState,
    internal_prefix,
    internal_topics,
)

from infra.capabilities.capability import Stack
from infra.capabilities.programs import Right
from infra.settings.faults import Fault, Known
from infra.settings.relations.declared import overlap

_Worker = TypeVar("_Worker", bound=WorkerSpec)
_INTERNAL = ("-changelog", "-repartition")
"""With what the names of Kafka Streams' own topics end."""


def rights_to_state(worker: WorkerSpec, group: str) -> list[Right]:
    """What the user of a worker needs for its changelog and repartition topics."""
    if worker.state is None:
        return []
    acl = internal_topics(group)
    return [(acl.resource, acl.name, operation) for operation in acl.operations]


def application_faults(
    workers: Mapping[str, _Worker], name: str, state: WorkerState, stack: Stack, known: Known
) -> Iterator[Fault]:
    """Names of others that begin as those of this application's own topics and transactions do."""
    path: Path = ("workers", name)
    worker = workers[name]
    group = worker.group or name
    prefix = internal_prefix(group)
    at = (*path, "group") if worker.group else path
    for other, each in workers.items():
        found = each.group or other
        if each.state is not None and other != name and found.startswith(prefix):
            message = (
                f"its own topics begin with {prefix!r}, and so do those of worker {other!r} in group {found!r}, which its user "
                f"could then read and delete: use a group with which no other one begins, such as {group}-app"
            )
            yield Fault(path=at, message=message)
    if stack.knows_topics(known):
        for topic in stack.declared(known).topics:
            if topic.startswith(prefix) and not topic.endswith(_INTERNAL):
                message = (
                    f"its own topics begin with {prefix!r}, and so does topic {topic!r}, which its user could then write and "
                    f"delete: use another group, such as {group}-app, or rename the topic"
                )
                yield Fault(path=at, message=message)
    if worker.transactional:
        yield from _transactions(at, name, prefix, stack)
    yield from _version(path, state, stack, known)


def _transactions(at: Path, name: str, prefix: str, stack: Stack) -> Iterator[Fault]:
    for user, declared in stack.users.items():
        shared = [each for each in declared.transactions if user != name and overlap(each, f"{prefix}*")]
        if shared:
            message = (
                f"its transactional ids begin with {prefix!r}, and user {user!r} may use {shared[0]}: each would end the other's "
                "producers: use another group, or other ids there"
            )
            yield Fault(path=at, message=message)


def _version(path: Path, state: WorkerState, stack: Stack, known: Known) -> Iterator[Fault]:
    kafka = stack.settings.kafka
    if state.protocol is not StreamsProtocol.STREAMS or kafka.engine is Engine.EXTERNAL or not known("kafka"):
        return
    major, minor = (int(part) for part in kafka.version.split(".")[:2])
    if (major, minor) < STREAMS_PROTOCOL_SINCE:
        needed = ".".join(map(str, STREAMS_PROTOCOL_SINCE))
        message = f"needs Kafka {needed}, and kafka.version is {kafka.version}: use that version, or classic"
        yield Fault(path=(*path, "state", "protocol"), message=message)
