"""Topics, and whether the brokers can hold them."""

from collections.abc import Callable, Iterator, Mapping

from kafka_platform.entities.declarations import check_declared, declarations
from kafka_platform.kafka import topic_settings
from kafka_platform.kafka.entities import Cleanup, Topic, User
from kafka_platform.kafka.protocols import Engine
from kafka_platform.kube.declared import MAX_BYTES
from kafka_platform.values.names import check_topic
from kafka_platform.values.units import quantity, size_bytes

from infra.settings.core import Core
from infra.settings.faults import Fault, Known, declare
from infra.settings.relations.brokers import is_counted, min_insync_faults, nodes_key, too_many

_Topics = Callable[[], Mapping[str, Topic]]
_Users = Callable[[], Mapping[str, User]]

MAX_PARTITIONS_OF_ALL = 1_000_000
"""Partitions of all topics: half of what Kafka's own tests of KRaft go to."""
MAX_REPLICAS_PER_BROKER = 30_000
"""Partitions times replicas on one broker: each maps two index files into memory, and Linux gives a process 65,530
mappings (vm.max_map_count)."""


def faults(settings: Core, known: Known, topics: _Topics, users: _Users) -> Iterator[Fault]:
    """Topics that Kafka, or its brokers, would refuse.

    `topics` and `users` are all, with those of capabilities; they raise `ValueError` if one of those cannot be.
    """
    yield from _each_topic(settings, known, topics)
    yield from _partitions(settings)
    yield from _size(settings, topics, users)


def _each_topic(settings: Core, known: Known, topics: _Topics) -> Iterator[Fault]:
    folded: dict[str, str] = {}
    counted = is_counted(settings, known) and known("kafka", "defaults", "replicas")
    for name, topic in settings.topics.items():
        try:
            check_topic(name)
            if settings.kafka.engine is not Engine.STRIMZI and known("kafka", "engine"):
                check_declared(name)
        except ValueError as error:
            yield Fault(path=("topics", name), message=str(error))
        # Kafka names metrics with '_' for '.', and refuses two topics that differ in nothing else.
        other = folded.setdefault(name.replace(".", "_"), name)
        if other != name:
            yield Fault(
                path=("topics", name),
                message=f"differs from {other!r} only by '.' and '_', which Kafka refuses: rename one",
            )
        yield from _topic_itself(name, topic)
        if topic.tenant is not None and topic.tenant not in settings.tenants and known("tenants"):
            message = f"{topic.tenant!r} is not a tenant of this file: {declare('tenants', settings.tenants)}"
            yield Fault(path=("topics", name, "tenant"), message=message)
        if settings.kafka.engine is not Engine.EXTERNAL and counted:
            yield from _topic_on_brokers(settings, name, topic, known)
    if settings.kafka.engine is not Engine.EXTERNAL and known("kafka", "engine"):
        yield from _topic_settings(settings, known)
    if counted:
        yield from _load(settings, topics)


def _partitions(settings: Core) -> Iterator[Fault]:
    """More partitions than a Kafka can have."""
    total = sum(topic.partitions for topic in settings.topics.values())
    if total > MAX_PARTITIONS_OF_ALL:
        message = f"{total:,} partitions altogether are out of range: use at most {MAX_PARTITIONS_OF_ALL:,}"
        yield Fault(path=("topics",), message=message)


def _topic_itself(name: str, topic: Topic) -> Iterator[Fault]:
    if topic.cleanup is Cleanup.COMPACT:
        for key, value in (("retention", topic.retention), ("retentionSize", topic.retention_size)):
            if value is not None:
                yield Fault(
                    path=("topics", name, key),
                    message="has no effect on a compacted topic, which keeps the newest record of each key for ever: remove it, "
                    "or say by cleanup: 'compact,delete' that these are deleted too",
                )


def _topic_settings(settings: Core, known: Known) -> Iterator[Fault]:
    """Topic settings that Kafka will refuse, if it has the version that the platform knows."""
    version = settings.kafka.version if known("kafka", "version") else None
    if settings.kafka.engine is Engine.EXTERNAL:
        version = topic_settings.defined_by()
    for name, topic in settings.topics.items():
        for key, message in topic_settings.faults(topic.config, version):
            yield Fault(path=("topics", name, "config", key), message=message)


def advice(settings: Core) -> list[Fault]:
    """Likely faults, if the external Kafka is like the version that the platform knows."""
    if settings.kafka.engine is not Engine.EXTERNAL:
        return []
    return [
        Fault(path=fault.path, message=f"{fault.message} (by Kafka {topic_settings.defined_by()})")
        for fault in _topic_settings(settings, Known(()))
    ]


def _topic_on_brokers(settings: Core, name: str, topic: Topic, known: Known) -> Iterator[Fault]:
    kafka, nodes = settings.kafka, settings.kafka.brokers
    if topic.replicas is not None and topic.replicas > nodes:
        yield Fault(path=("topics", name, "replicas"), message=too_many(topic.replicas, settings))
        return
    replicas = replicas_of(settings, topic)
    if known("topics", name, "replicas"):
        if topic.replicas is None:
            yield from min_insync_faults(("topics", name, "minInsyncReplicas"), topic.min_insync_replicas, replicas)
        if (
            topic.min_insync_replicas is None
            and topic.replicas is not None
            and replicas > 1
            and known("topics", name, "minInsyncReplicas")
            and known("kafka", "defaults", "minInsyncReplicas")
        ):
            least = kafka.defaults.min_insync_replicas or max(min(nodes, kafka.defaults.replicas or 3) - 1, 1)
            if least >= replicas:
                yield Fault(
                    path=("topics", name, "replicas"),
                    message=f"{replicas} replicas, and {least} have to be in sync by kafka.defaults: one broker down "
                    f"would stop every writer: write minInsyncReplicas: {replicas - 1}, or more replicas",
                )
    if topic.retention_size is not None and known("kafka", "storage"):
        kept = size_bytes(topic.retention_size) * topic.partitions * replicas // nodes
        most, where = room(settings)
        if kept > most:
            yield Fault(
                path=("topics", name, "retentionSize"),
                message=f"{topic.retention_size} in {topic.partitions} partitions, {replicas} copies, is "
                f"{kept / 2**30:.0f}Gi on each broker, whose volume has {shown_room(settings)}: keep less, or raise {where}",
            )


def room(settings: Core) -> tuple[int, str]:
    """Bytes on the volumes of the smallest broker, and the key that says so."""
    kafka = settings.kafka
    if kafka.engine is not Engine.STRIMZI:
        return int(quantity(kafka.storage)), "kafka.storage"
    rooms = {
        f"kafka.pools.{name}": sum(int(quantity(volume.size)) for volume in pool.all_volumes)
        for name, pool in kafka.pools.items()
        if pool.holds_records
    }
    where = min(rooms, key=lambda name: rooms[name])
    return rooms[where], where


def shown_room(settings: Core) -> str:
    """The same as text."""
    if settings.kafka.engine is not Engine.STRIMZI:
        return settings.kafka.storage
    return f"{room(settings)[0] / 2**30:.0f}Gi"


def replicas_of(settings: Core, topic: Topic) -> int:
    """Copies that it has."""
    nodes = settings.kafka.brokers
    wanted = topic.replicas if topic.replicas is not None else settings.kafka.defaults.replicas or 3
    return min(wanted, nodes)


def _load(settings: Core, topics: _Topics) -> Iterator[Fault]:
    nodes = settings.kafka.brokers
    load = sum(topic.partitions * replicas_of(settings, topic) for topic in topics().values()) // nodes
    if load > MAX_REPLICAS_PER_BROKER:
        yield Fault(
            path=("topics",),
            message=f"{load:,} partition replicas on each broker: use at most {MAX_REPLICAS_PER_BROKER:,}: fewer "
            f"partitions, or more nodes in {nodes_key(settings)}",
        )


def _size(settings: Core, topics: _Topics, users: _Users) -> Iterator[Fault]:
    """More topics and users than one object of Kubernetes can hold."""
    if settings.kafka.engine is Engine.STRIMZI:
        return  # each topic is an object of its own
    try:
        all_topics, all_users = topics(), users()
    except ValueError:
        return  # a worker's name, or a number, is at fault, which is said by itself
    try:
        declarations(all_topics, all_users, settings.kafka.defaults.replicas)
    except ValueError:
        yield Fault(
            path=("topics",),
            message=f"{len(settings.topics):,} topics and {len(settings.users):,} users are more than one ConfigMap takes "
            f"({MAX_BYTES:,} bytes): divide them among several stacks",
        )
