"""What one declared topic needs."""

from collections.abc import Iterator, Mapping
from typing import Any

from kafka_platform_runtime.provisioner.adoption import refuse_topic
from kafka_platform_runtime.provisioner.declarations import Topic
from kafka_platform_runtime.provisioner.planning.actual import Actual, ActualTopic
from kafka_platform_runtime.provisioner.planning.changes import TopicChange, count
from kafka_platform_runtime.provisioner.planning.recorded import Recorded


def plan_topic(
    topic: Topic, actual: Actual, recorded: Recorded, refusals: list[str], waits: list[str]
) -> TopicChange | None:
    """What the topic needs; None if it is refused.

    Args:
        topic: as declared.
        actual: what the cluster has.
        recorded: what was applied last.
        refusals: receives the reasons why it cannot be done.
        waits: receives a reason why it cannot be done yet.
    """
    existing = actual.topics.get(topic.name)
    last = recorded.mine.get(topic.key)
    if existing is None:
        return _create(topic, last, actual.brokers, refusals, waits)
    fixed = list(_refuse_fixed(topic, existing))
    if fixed:
        refusals.extend(fixed)
        return None
    return _alter(topic, existing, last, refusals)


def _create(
    topic: Topic, last: Mapping[str, Any] | None, brokers: int, refusals: list[str], waits: list[str]
) -> TopicChange | None:
    if topic.adopt and last is None:
        refusals.append(f"{topic.key}: adopt: there is no such topic: remove `adopt` to create it, or correct the name")
        return None
    if topic.replicas is not None and topic.replicas > brokers:
        waits.append(
            f"{topic.key}: replicas: {topic.replicas} need as many brokers, {count(brokers, 'broker')} registered"
        )
    return TopicChange(topic=topic, create=True, record=True, is_unknown=last is None)


def _refuse_fixed(topic: Topic, existing: ActualTopic) -> Iterator[str]:
    """Refusals of changes that Kafka cannot make to an existing topic, or not without moving data."""
    if existing.partitions > topic.partitions:
        yield (
            f"{topic.key}: partitions: {topic.partitions} is fewer than the {existing.partitions} it has, and Kafka never "
            f"removes partitions: declare {existing.partitions} or more, or declare a new topic"
        )
    if topic.replicas is not None and existing.replicas != topic.replicas:
        yield (
            f"{topic.key}: replicas: {topic.replicas} differs from the {existing.replicas} it has, and changing it moves "
            f"data between brokers, which is not done here: declare {existing.replicas}, "
            "or reassign the partitions with kafka-reassign-partitions.sh first"
        )


def _alter(
    topic: Topic, existing: ActualTopic, last: Mapping[str, Any] | None, refusals: list[str]
) -> TopicChange | None:
    declared_before = (last or {}).get("config", {})
    partitions = topic.partitions if topic.partitions > existing.partitions else None
    set_config = {
        name: value
        for name, value in sorted(topic.config.items())
        if name not in existing.config or not same_setting(value, existing.config[name])
    }
    if last is None and not topic.adopt:
        refusal = refuse_topic(
            topic,
            partitions=existing.partitions,
            config=existing.config,
            wanted_partitions=partitions,
            wanted=set_config,
        )
        if refusal is not None:
            refusals.append(refusal)
            return None
    return TopicChange(
        topic=topic,
        partitions=partitions,
        partitions_before=existing.partitions,
        set_config=set_config,
        unset_config=tuple(
            sorted(name for name in declared_before if name not in topic.config and name in existing.config)
        ),
        record=last != topic.value(),
        is_unknown=last is None,
    )


def same_setting(one: str, other: str) -> bool:
    """Whether Kafka treats both values alike, ignoring spaces, letter case of booleans and notation of numbers."""
    first = [part.strip() for part in one.split(",")]
    second = [part.strip() for part in other.split(",")]
    return len(first) == len(second) and all(map(_same_part, first, second))


def _same_part(one: str, other: str) -> bool:
    if one == other:
        return True
    if {one.lower(), other.lower()} <= {"true", "false"}:
        return one.lower() == other.lower()
    try:
        return int(one) == int(other)
    except ValueError:
        pass
    try:
        return float(one) == float(other)
    except ValueError:
        return False
