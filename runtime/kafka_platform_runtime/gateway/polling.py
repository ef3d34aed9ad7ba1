"""How messages are taken from a Kafka consumer: promptly, and never more than the memory share allows."""

from collections.abc import Callable, Sequence
from typing import Any

from confluent_kafka import Consumer, KafkaError, TopicPartition

from kafka_platform_runtime.gateway import errors, unpacking
from kafka_platform_runtime.gateway.rights import Wish
from kafka_platform_runtime.gateway.settings import Limits
from kafka_platform_runtime.gateway.unpacking import Unreadable

Message = Any

LASTING = frozenset({401, 403, 404})
"""Statuses of errors that last; lost and restored connections are librdkafka's own business."""
RECEIVED_BYTES = 32 * 1024 * 1024
"""The largest readable batch, as stored: Kafka accepts 1 MiB by default, and `max.message.bytes` may be more."""
GROWTH = 16
"""How many times as many records are taken at a time as the previous ones, whose size is known."""


def consume(consumer: Consumer, count: int, seconds: float, size: int) -> list[Message]:
    """What is available, as soon as there is anything; nothing after `seconds`.

    `Consumer.consume` alone waits until it has `count` messages or time runs out, however large they are.

    Args:
        consumer: the Kafka consumer.
        count: the most messages.
        seconds: how long to wait.
        size: bytes that suffice; the last record exceeds them, or the last few if they are larger than those
            before.
    """
    first = consumer.poll(seconds)
    if first is None:
        return []
    taken = [first]
    length = largest = max(1, len(first))
    while len(taken) < count and length < size:
        more = min(count - len(taken), max(1, (size - length) // largest), GROWTH * len(taken))
        if unpacking.is_much():
            more = 1  # one may be as large as everything that is unpacked
        messages = consumer.consume(more, 0)
        if not messages:
            break
        taken += messages
        sizes = [len(each) for each in messages]
        length += sum(sizes)
        largest = max(largest, *sizes)
    return taken


def committed(consumer: Consumer, batch: Unreadable, seconds: float) -> int:
    """The offset that the group has committed in a batch's partition, where a member starts; -1: none.

    Raises:
        KafkaException: Kafka did not answer within `seconds`.
    """
    [at] = consumer.committed([TopicPartition(batch.topic, batch.partition)], timeout=seconds)
    return int(at.offset)


def bounds_of_consumers(limits: Limits) -> dict[str, int]:
    """Settings of a Kafka consumer (with underscores for dots) that bound its memory."""
    return {
        "queued_max_messages_kbytes": limits.queue_bytes // 1024,
        "message_max_bytes": limits.fetch_bytes,  # may not exceed the next
        "fetch_max_bytes": limits.fetch_bytes,
        "receive_message_max_bytes": RECEIVED_BYTES,
    }


def judge(found: Sequence[KafkaError], subject: Callable[[KafkaError], str], wish: Wish) -> None:
    """Give up if an error lasts; `subject` starts the sentence about it, such as `Topic orders`.

    Raises:
        GatewayError: the read is denied, or what is read no longer exists.
    """
    for error in found:
        reason = errors.from_kafka(error, subject(error), wish)
        if reason.status in LASTING:
            raise reason
