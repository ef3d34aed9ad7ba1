"""What a consumer instance has fetched but not yet handed out."""

import contextlib
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from confluent_kafka import Consumer, KafkaException, TopicPartition

from kafka_platform_runtime.gateway.errors import unprocessable
from kafka_platform_runtime.gateway.settings import Limits
from kafka_platform_runtime.gateway.unpacking import Place


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """Records that were taken out, as the response's body, and what puts them back if nobody receives them."""

    body: bytes
    messages: list[Any]
    size: int
    before: dict[Place, int]
    """What had been handed out before."""
    epoch: int


class Fetched:
    """Records in order of arrival, and how far each partition's were handed out.

    Args:
        limits: the gateway's.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._records: deque[Any] = deque()
        self.size = 0
        """Bytes of their keys and values."""
        self.delivered: dict[Place, int] = {}
        """Positions after what the caller was given."""
        self.next: dict[Place, int] = {}
        """Positions after the last record taken, or where a seek went."""
        self._epoch = 0
        """Counts events after which taken records no longer belong here: seeks, assignments, rebalances."""

    def __bool__(self) -> bool:
        return bool(self._records)

    def add(self, message: Any) -> None:
        """Add a fetched record."""
        self._records.append(message)
        self.size += _size(message)
        self.next[message.topic(), message.partition()] = message.offset() + 1

    def contents(self, most: int) -> list[bytes | None]:
        """Keys and values of the records that are next, up to this many bytes."""
        found: list[bytes | None] = []
        size = 0
        for message in self._records:
            size += _size(message)
            if found and size > most:
                break
            found += (message.key(), message.value())
        return found

    def take(self, encode: Callable[[Any], bytes], most: int, most_bytes: int | None) -> Taken:
        """Records up to this many bytes, or a single one.

        Args:
            encode: renders a record for the response.
            most: bytes of keys and values together.
            most_bytes: the same bound from the caller; None if there is none.

        Raises:
            GatewayError: the next record is larger than the caller's bound.
        """
        parts: list[bytes] = []
        batch: list[Any] = []
        size = 0
        for message in self._records:
            length = _size(message)
            if batch and (size + length > most or len(batch) >= self._limits.records):
                break
            if not batch and most_bytes is not None and length > most_bytes:
                raise unprocessable(
                    f"The next record, offset {message.offset()} of partition {message.partition()} of topic "
                    f"{message.topic()}, has {length} bytes: more than max_bytes={most_bytes}."
                )
            parts.append(encode(message))
            batch.append(message)
            size += length
        for _ in batch:
            self._records.popleft()
        self.size -= size
        before = dict(self.delivered)
        for message in batch:
            self.delivered[message.topic(), message.partition()] = message.offset() + 1
        body = b"[" + b",".join(parts) + b"]"
        return Taken(body=body, messages=batch, size=size, before=before, epoch=self._epoch)

    def put_back(self, taken: Taken) -> bool:
        """Take back records that nobody received; whether they still belong here."""
        if taken.epoch != self._epoch:
            return False
        self._records.extendleft(reversed(taken.messages))
        self.size += taken.size
        self.delivered = taken.before
        return True

    def shed(self, consumer: Consumer) -> None:
        """Keep no more than the share of memory until the next read: the rest is fetched again."""
        if self.size <= self._limits.kept_bytes:
            return
        first: dict[Place, int] = {}
        for message in self._records:
            first.setdefault((message.topic(), message.partition()), message.offset())
        for place, offset in first.items():
            with contextlib.suppress(KafkaException):  # the partition is being taken away: its records are dropped then
                consumer.seek(TopicPartition(*place, offset))
                self._records = deque(each for each in self._records if (each.topic(), each.partition()) != place)
                self.next[place] = offset
        self.size = sum(map(_size, self._records))

    def forget(self, places: Iterable[Place] | None) -> None:
        """Drop what was fetched of these partitions, or of all."""
        self._epoch += 1
        if places is None:
            self.clear()
            self.delivered.clear()
            self.next.clear()
            return
        lost = set(places)
        self._records = deque(each for each in self._records if (each.topic(), each.partition()) not in lost)
        for place in lost:
            self.delivered.pop(place, None)
            self.next.pop(place, None)
        self.size = sum(map(_size, self._records))

    def clear(self) -> None:
        """Drop all records."""
        self._records.clear()
        self.size = 0


def _size(message: Any) -> int:
    return len(message) + len(message.key() or b"")
