"""Where what a stack declares cannot hold the load that it declares for its topics."""

import math
from collections.abc import Iterator, Mapping

from kafka_platform.kafka.entities import Cleanup
from kafka_platform.kafka.protocols import Engine
from kafka_platform.values.units import bytes_per_second, milliseconds, size_bytes

from infra.capabilities.capability import Reader, Stack
from infra.capabilities.exporter import exporter_of, surges_of
from infra.settings.core import Core
from infra.settings.faults import Fault
from infra.settings.relations.declared import overlap
from infra.settings.relations.topics import replicas_of, room, shown_room
from infra.settings.topic import Load, Topic
from infra.sizing.formulas import (
    FILLED,
    REACTION_SECONDS,
    SURGE_SECONDS,
    kept_bytes,
    longest_wait,
    pods_before,
    pods_for,
)
from infra.sizing.text import storage


def advice(stack: Stack) -> list[Fault]:
    """What would have to be declared instead. Empty if no topic declares a load."""
    topics = {name: each for name, each in stack.settings.topics.items() if each.load is not None}
    if not topics:
        return []
    readers = [
        reader
        for capability, section in stack.present
        for reader in capability.readers(section, stack.settings)
        if any(overlap(pattern, topic) for pattern in reader.reads for topic in topics)
    ]
    return [*_disk(stack.settings, topics), *(fault for each in readers for fault in _reader(stack, each, topics))]


def _load_of(topic: Topic) -> Load:
    assert topic.load is not None  # noqa: S101 - only such topics get here
    return topic.load


def _disk(settings: Core, topics: Mapping[str, Topic]) -> Iterator[Fault]:
    kafka = settings.kafka
    if kafka.engine is Engine.EXTERNAL:
        return
    brokers = kafka.brokers
    kept = {name: _kept(settings, each) * replicas_of(settings, each) / brokers for name, each in topics.items()}
    needed, (there, where) = sum(kept.values()) / FILLED, room(settings)
    if needed > there:
        largest = max(kept, key=lambda name: kept[name])
        yield Fault(
            path=tuple(where.split(".")),
            message=f"each broker has {shown_room(settings)}, and keeps {storage(sum(kept.values()))} of the loads that topics "
            f"declare, most of it of {largest!r}: use at least {storage(needed)}, which is then {FILLED:.0%} full, or more "
            "brokers, or keep less",
        )


def _kept(settings: Core, topic: Topic) -> float:
    """Bytes of one copy; 0 if nobody can say."""
    defaults = settings.kafka.defaults
    if topic.cleanup is Cleanup.COMPACT:  # as many records as there are keys
        return 0
    load, retention = _load_of(topic), milliseconds(topic.retention or defaults.retention)
    most = -1 if topic.retention_size is None else size_bytes(topic.retention_size)
    kept = kept_bytes(
        load.records * size_bytes(load.size),
        None if retention < 0 else retention / 1000,
        None if most < 0 else most,
        topic.partitions,
    )
    return kept or 0


def _reader(stack: Stack, reader: Reader, topics: Mapping[str, Topic]) -> Iterator[Fault]:
    read = {name: each for name, each in topics.items() if any(overlap(pattern, name) for pattern in reader.reads)}
    loads = {name: _load_of(each) for name, each in read.items()}
    most = sum(each.records * each.peak for each in loads.values())
    if reader.consume is not None and stack.settings.kafka.engine is not Engine.EXTERNAL:
        yield from _quota(stack, reader, sum(e.records * e.peak * size_bytes(e.size) for e in loads.values()))
    scale = reader.scale
    if scale.records_per_second_per_pod is None or scale.acceptable_delay is None:
        return
    needed = pods_for(most, scale.records_per_second_per_pod)
    if scale.max is not None and needed > scale.max:
        yield Fault(
            path=(*reader.path, "scale", "max"),
            message=f"{scale.max} pods handle {scale.max * scale.records_per_second_per_pod:,g} records/s, and its topics have "
            f"up to {most:,g}: use at least {needed}",
        )
    partitions = sum(stack.partitions_of(reader.reads).values())
    if partitions and needed > partitions:
        name = max(loads, key=lambda each: loads[each].records * loads[each].peak)
        here = topics[name].partitions
        share = math.ceil(here * needed / partitions)
        yield Fault(
            path=("topics", name, "partitions"),
            message=f"{reader.what} needs {needed} pods for up to {most:,g} records/s, and more than {partitions} have nothing to "
            f"read: use at least {share}",
        )
    yield from _step(stack, reader, sum(each.records for each in loads.values()), most)


def _step(stack: Stack, reader: Reader, average: float, most: float) -> Iterator[Fault]:
    """Pods that come too late."""
    scale = reader.scale
    exporter = exporter_of(stack.settings)
    surged = exporter is not None and any(("workers", each.name) == reader.path for each in surges_of(exporter, stack))
    reaction = SURGE_SECONDS if surged else REACTION_SECONDS
    per_pod, delay = scale.records_per_second_per_pod, scale.acceptable_delay
    assert per_pod is not None  # noqa: S101 - whoever asks has looked
    assert delay is not None  # noqa: S101
    there, seconds = max(scale.min, pods_for(average, per_pod)), milliseconds(delay) / 1000
    waits = longest_wait(there, per_pod, most, reaction)
    if waits > seconds + 1e-6:
        enough = scale.follows_arrivals(reader.reads) and longest_wait(there, per_pod, most, SURGE_SECONDS) <= seconds
        remedy = "let the exporter add pods (exporter.surge), " if enough and not surged else ""
        yield Fault(
            path=(*reader.path, "scale", "min"),
            message=f"a step from {average:,g} to {most:,g} records/s makes records wait up to {math.ceil(waits - 1e-6)} s until new pods read, "
            f"and {delay} is acceptable: use at least {pods_before(most, per_pod, seconds, reaction)}, {remedy}or accept the delay",
        )


def _quota(stack: Stack, reader: Reader, needed: float) -> Iterator[Fault]:
    brokers, limit = stack.settings.kafka.brokers, bytes_per_second(str(reader.consume))
    if needed > limit * brokers:
        yield Fault(
            path=reader.path,
            message=f"its tenant's quotas.consume lets it read {limit * brokers / 10**6:,.3g} MB/s of {brokers} brokers, and its topics "
            f"have up to {needed / 10**6:,.3g} MB/s: use at least {math.ceil(needed / brokers / 10**6)}MB/s",
        )
