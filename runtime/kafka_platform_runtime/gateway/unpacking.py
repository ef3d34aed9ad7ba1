"""A bound on what Kafka batches unpack to: a megabyte of them may become a gigabyte.

The bound is enforced inside librdkafka's own allocations (_unpacking.c). The code locations concerned differ between
versions; they are learned at startup, from batches that pass through librdkafka's own mock cluster.

A refused batch arrives as an error, or as records that nobody else can write: notices.
"""

import contextlib
import logging
import os
import threading
import time
import uuid
from collections.abc import Callable, Sequence
from http import HTTPStatus
from types import TracebackType
from typing import Any, NamedTuple, Self

from confluent_kafka import Consumer, KafkaError, KafkaException, Message as KafkaMessage, Producer, TopicPartition

from kafka_platform_runtime.gateway.errors import GatewayError, overloaded

try:
    from kafka_platform_runtime.gateway import _unpacking
except ImportError:
    _unpacking = None  # type: ignore[assignment]

Message = Any
Place = tuple[str, int]
"""Topic and partition."""

LOG = logging.getLogger("gateway")

WAIT_MILLISECONDS = 3000
"""How long a batch waits for room that others hold; then it is refused, and its reader has to retry."""
RESPONSE_SHARE = 8
"""One response of Kafka unpacks to at most this part of the total, or its first batch; the rest is fetched again."""
ROOM_SECONDS = 10.0
"""How long a batch without room is retried before its reader is told."""
LEARNED_BYTES = 8 * 1024 * 1024
LEARN_SECONDS = 10.0
FAILS_NEXT, POISONS = 1, 2
UNREADABLE = frozenset({KafkaError._BAD_COMPRESSION, KafkaError._BAD_MSG})
"""A batch that cannot be unpacked."""
NOTICE_DELTA = 2**30
"""How far after its batch's first offset the first notice is: no reader can be there already."""
NOTICE_DELTAS = (NOTICE_DELTA, *(2**power for power in range(20, -1, -1)), 0)
"""Of all notices of a batch. The client drops those before its fetch position, and continues after the last remaining
one: after an offset that does not exist yet it would start anew, from the reader's default position."""
_NAME = os.urandom(24)
"""How notices begin: nobody else can know it."""
_TOO_LARGE, _NO_ROOM = _NAME + b"0", _NAME + b"1"
_batch_bytes = _everything = 0
_WAYS = {
    "gzip": (100_000, FAILS_NEXT, 0),
    "zstd": (100_000, FAILS_NEXT, 0),
    "lz4": (100_000, FAILS_NEXT, POISONS),
    # The batch itself, not only what it unpacks to, has more than 100,000 bytes.
    "snappy": (LEARNED_BYTES // 2, POISONS, 0),
}
"""For each codec: the smallest size that distinguishes its allocation, and how malloc and realloc calls are refused."""


class State(NamedTuple):
    """What has happened since startup, in all clients."""

    used: int
    """Bytes currently unpacked."""
    too_large: int
    """Batches refused because they exceed the bound for one batch."""
    no_room: int
    """Batches refused because others did not leave in time."""


def state() -> State:
    """The current state; all zero if unpacking is not bounded."""
    return State(0, 0, 0) if _unpacking is None else State(*_unpacking.state())


def is_much() -> bool:
    """Whether more than half of the total bound is unpacked."""
    return state().used > _everything // 2


class Copies:
    """Copies of records, which the client makes before anybody can count them: counted here until the context ends."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._bytes = 0
        self._ended = False

    def of(self, messages: Sequence[Message]) -> None:
        """Count these; called in the thread that took them, which must not wait any more."""
        self.add(sum(map(len, messages)))

    def add(self, size: int) -> None:
        """Count further bytes, such as those of a response."""
        with self._lock:
            if not self._ended:
                self._bytes += size
                _count(size)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._lock:
            self._ended = True
            _count(-self._bytes)


def _count(size: int) -> None:
    if _unpacking is not None and size:
        _unpacking.count(size)


class Unreadable(NamedTuple):
    """A batch that was not unpacked."""

    topic: str
    partition: int
    offset: int
    """Of its first record."""
    lacks_room: bool | None
    """Whether there was no room; None: an error that does not say so."""


class Refusals:
    """The batches refused to one consumer: one without room is retried, from its reader's position."""

    def __init__(self) -> None:
        self._begin = state()
        self._judged: dict[Place, State] = {}
        """The state when something was last reported about a partition."""
        self._tried: dict[Place, float] = {}

    def sift(
        self, consumer: Consumer, messages: list[Message], position: Callable[[Unreadable], int]
    ) -> tuple[list[Message], list[GatewayError]]:
        """Remove the stand-ins of refused batches, and make the consumer continue where they begin.

        Args:
            consumer: the Kafka consumer.
            messages: what it returned.
            position: the reader's previous position, in a batch's partition.

        Returns:
            The remaining messages, and why some partitions cannot be read: to be raised once those have been handed
                out.
        """
        found = state()
        may_have_notices = any(found[1:]) and len(_NO_ROOM) in map(len, messages)
        if not may_have_notices and not self._tried and not any(map(KafkaMessage.error, messages)):
            return messages, []
        kept: list[Message] = []
        refused: dict[Place, Unreadable] = {}
        ends: dict[Place, int] = {}
        for message in messages:
            place = (message.topic(), message.partition())
            batch = _unreadable(message)
            if batch is not None:
                refused.setdefault(place, batch)  # of several notices the first has the offset
            elif message.error() is not None:
                if place not in refused or message.error().code() != KafkaError._AUTO_OFFSET_RESET:
                    kept.append(message)
            elif place not in refused or refused[place].lacks_room is None:
                refused.pop(place, None)  # the client has continued by itself
                self._tried.pop(place, None)
                ends[place] = message.offset() + 1
                kept.append(message)
        errors: list[GatewayError] = []
        for place, batch in refused.items():
            error = self._error(batch, ends.get(place) or max(batch.offset, position(batch)), consumer)
            self._judged[place] = found
            if error is not None:
                errors.append(error)
        return kept, errors

    def _error(self, batch: Unreadable, offset: int, consumer: Consumer) -> GatewayError | None:
        place = (batch.topic, batch.partition)
        since = self._judged.get(place, self._begin)
        lacks_room = state().no_room > since.no_room if batch.lacks_room is None else batch.lacks_room
        with contextlib.suppress(KafkaException):  # it is no longer read
            consumer.seek(TopicPartition(*place, offset))
        where = f"Offset {offset} of partition {batch.partition} of topic {batch.topic}"
        if not lacks_room:
            return GatewayError(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
                41302,
                f"{where} cannot be unpacked: its batch is damaged, or has more than {_batch_bytes // 2**20} MiB. "
                f"What follows can be read from offset {offset + 1} on.",
            )
        if time.monotonic() < self._tried.setdefault(place, time.monotonic()) + ROOM_SECONDS:
            return None
        del self._tried[place]
        return overloaded(f"{where}: the gateway has reached its limit of unpacked bytes: try again in a moment.")


def _unreadable(message: Message) -> Unreadable | None:
    """The batch that this message stands for, if it is an error or a notice."""
    error, offset, lacks_room = message.error(), message.offset(), None
    if error is not None:
        if error.code() not in UNREADABLE:
            return None
    else:
        if len(message) != len(_NO_ROOM) or (value := message.value()) not in {_TOO_LARGE, _NO_ROOM}:
            return None
        offset, lacks_room = offset - NOTICE_DELTA, value == _NO_ROOM
    return Unreadable(message.topic(), message.partition(), offset, lacks_room)


def _notices(value: bytes) -> bytes:
    """Records in their batch encoding (https://kafka.apache.org/documentation/#record)."""
    bodies = [
        b"\0" + b"".join(map(_varint, (0, delta, -1, len(value)))) + value + _varint(0) for delta in NOTICE_DELTAS
    ]
    return b"".join(_varint(len(body)) + body for body in bodies)


def _varint(number: int) -> bytes:
    left, text = (number << 1) ^ (number >> 63), b""
    while left >= 0x80:
        text += bytes([left & 0x7F | 0x80])
        left >>= 7
    return text + bytes([left])


def bound(batch: int, everything: int) -> bool:
    """Bound what is unpacked from now on, in all clients; called once, blocks for some tenths of a second.

    Args:
        batch: bytes of one batch.
        everything: bytes of all batches in memory at a time.

    Returns:
        Whether it is bounded: not without the compiled part, nor with a librdkafka for which it does not work.
    """
    global _batch_bytes, _everything
    _batch_bytes, _everything = batch, everything
    if _unpacking is None or not _unpacking.install():
        return False
    try:
        learned = [_learn(codec) for codec in _WAYS]
    except KafkaException as failure:
        LOG.error("What batches unpack to cannot be bounded: %s", failure.args[0])
        return False
    finally:
        _unpacking.learn(0, 0, 0)
    response = everything // RESPONSE_SHARE
    # If a batch does not state its size the client guesses it, tripling each time.
    _unpacking.bound(3 * batch, everything, response, WAIT_MILLISECONDS, _notices(_TOO_LARGE), _notices(_NO_ROOM))
    return all(learned)


def trim() -> None:
    """Return malloc's free fragments to the system: takes some milliseconds, in which other threads continue."""
    if _unpacking is not None:
        _unpacking.trim()


def allocated() -> int:
    """Bytes that malloc has handed out and that were not freed; 0 without the compiled part."""
    return 0 if _unpacking is None else _unpacking.allocated()


def _learn(codec: str) -> bool:
    """Unpack a batch in which nothing but its unpacking takes much room; whether a location was found."""
    least, by_malloc, by_realloc = _WAYS[codec]
    topic = f"learn-{codec}"
    producer = Producer(
        {
            "bootstrap.servers": "unused",
            "test.mock.num.brokers": 1,
            "compression.type": codec,
            "message.max.bytes": 2 * LEARNED_BYTES,
            "log_level": 0,
        }
    )
    brokers = producer.list_topics(topic, timeout=LEARN_SECONDS).brokers.values()
    producer.produce(topic, bytes(LEARNED_BYTES), partition=0)
    if producer.flush(LEARN_SECONDS):
        return False
    consumer = Consumer(
        {
            "bootstrap.servers": ",".join(f"{broker.host}:{broker.port}" for broker in brokers),
            "group.id": str(uuid.uuid4()),
            "log_level": 0,
        }
    )
    before = _unpacking.learn(least, by_malloc, by_realloc)
    consumer.assign([TopicPartition(topic, 0, 0)])
    until = time.monotonic() + LEARN_SECONDS
    found = None
    while found is None and time.monotonic() < until:
        found = consumer.poll(0.1)
    after = _unpacking.learn(0, 0, 0)
    consumer.close()
    return found is not None and found.error() is None and after > before
