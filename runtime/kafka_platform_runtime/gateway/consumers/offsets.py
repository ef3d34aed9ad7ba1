"""What an instance's consumer asks Kafka about offsets."""

from collections.abc import Sequence

from confluent_kafka import OFFSET_END, Consumer, KafkaException, TopicPartition

from kafka_platform_runtime.gateway.consumers.faults import failed
from kafka_platform_runtime.gateway.consumers.keys import InstanceKey
from kafka_platform_runtime.gateway.unpacking import Place

BEGIN_SECONDS = 5.0
"""How long it may take to find the ends of partitions when a consumer starts there."""


def ends_of(consumer: Consumer, places: Sequence[TopicPartition]) -> dict[Place, int]:
    """The ends of partitions without a committed offset, for a consumer that starts there.

    Such an end counts as handed out. Otherwise, at every rebalance before the first commit,
    the end would be looked up again and the records in between would be missed.
    """
    if not places:
        return {}
    try:
        committed = consumer.committed(list(places), timeout=BEGIN_SECONDS)
        fresh = [TopicPartition(each.topic, each.partition, OFFSET_END) for each in committed if each.offset < 0]
        ends = consumer.offsets_for_times(fresh, timeout=BEGIN_SECONDS) if fresh else []
    except KafkaException:
        # librdkafka finds out by itself, or reports why it cannot.
        return {}
    return {(each.topic, each.partition): each.offset for each in ends if each.error is None and each.offset >= 0}


def committed_of(
    consumer: Consumer, key: InstanceKey, places: Sequence[Place], seconds: float
) -> list[tuple[str, int, int, str]]:
    """Topic, partition, committed offset and metadata, for partitions that have one.

    Raises:
        GatewayError: Kafka did not answer.
    """
    found = consumer.committed([TopicPartition(*place) for place in places], timeout=seconds)
    for each in found:
        if each.error is not None:
            raise failed(each.error, key, f"Partition {each.partition} of topic {each.topic}", each.topic)
    return [(each.topic, each.partition, each.offset, each.metadata or "") for each in found if each.offset >= 0]


def offsets_for(
    consumer: Consumer, key: InstanceKey, moments: Sequence[tuple[str, int, int]], seconds: float
) -> list[tuple[str, int, int]]:
    """For each partition the first offset that is not older than the moment, in ms; negative if there is none.

    Raises:
        GatewayError: Kafka did not answer.
    """
    if not moments:
        return []
    found = consumer.offsets_for_times([TopicPartition(*each) for each in moments], timeout=seconds)
    for each in found:
        if each.error is not None:
            raise failed(each.error, key, f"Partition {each.partition} of topic {each.topic}", each.topic)
    return [(each.topic, each.partition, each.offset) for each in found]
