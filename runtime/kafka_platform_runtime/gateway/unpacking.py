"""A bound on what batches of Kafka unpack to: a megabyte of them may become a gigabyte.

The bound is kept inside librdkafka's own allocations (_unpacking.c). The places in its code that it is about differ from
version to version; they are learned at the start, from batches that go through librdkafka's own stand-in for a cluster.
"""

import asyncio
import contextlib
import logging
import time
import uuid
from collections.abc import AsyncIterator
from http import HTTPStatus
from typing import NamedTuple

from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition

from kafka_platform_runtime.gateway.errors import GatewayError, overloaded

try:
    from kafka_platform_runtime.gateway import _unpacking
except ImportError:
    _unpacking = None  # type: ignore[assignment]

LOG = logging.getLogger("gateway")

WAIT_MILLISECONDS = 3000
"""How long a batch waits for the room that others have; then it is refused, and its reader is told to come again."""
LEARNED_BYTES = 8 * 1024 * 1024
LEARN_SECONDS = 10.0
TAKERS = 4
HURRIED_SECONDS = 0.05
MUCH_SHARE = 8
FAILS_NEXT, POISONS = 1, 2
_batch_bytes = 0
_much = 0
_takers = asyncio.Semaphore(TAKERS)
_WAYS = {
    "gzip": (100_000, FAILS_NEXT, 0),
    "zstd": (100_000, FAILS_NEXT, 0),
    "lz4": (100_000, FAILS_NEXT, POISONS),
    # The batch itself, and not only what it unpacks to, has more than 100,000 bytes.
    "snappy": (LEARNED_BYTES // 2, POISONS, 0),
}
"""For each codec: the least size that tells its allocation from others, and how those by malloc and realloc are refused."""


class State(NamedTuple):
    """What happened since the start, in all clients."""

    used: int
    """Bytes unpacked at the moment."""
    too_large: int
    """Batches refused because they unpack to more than one may."""
    no_room: int
    """Batches refused because others had not gone in time."""


def state() -> State:
    """How it stands; all zero where it is not bounded."""
    return State(0, 0, 0) if _unpacking is None else State(*_unpacking.state())


@contextlib.asynccontextmanager
async def turn(seconds: float) -> AsyncIterator[float]:
    """Take records, as is done everywhere, within these seconds.

    The client copies a record before anybody can count it. While one part in MUCH_SHARE of what may be unpacked is, only TAKERS
    take records at a time, and each of them waits for HURRIED_SECONDS at most.
    """
    if state().used <= _much:
        yield seconds
    else:
        async with _takers:
            yield min(seconds, HURRIED_SECONDS)


def refusal(topic: str, partition: int, offset: int, since: State) -> GatewayError:
    """Why the record at this offset cannot be read; `since` is the state when the read began."""
    where = f"Offset {offset} of partition {partition} of topic {topic}"
    if state().no_room > since.no_room:
        return overloaded(f"{where}: the gateway unpacks as much as it may: try again in a moment.")
    return GatewayError(
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        41302,
        f"{where} cannot be unpacked: its batch is damaged, or has more than {_batch_bytes // 2**20} MiB. "
        f"What follows can be read from offset {offset + 1} on.",
    )


def bound(batch: int, everything: int) -> bool:
    """Bound what is unpacked from now on, in all clients; called once, blocks for some tenths of a second.

    Args:
        batch: bytes of one batch.
        everything: bytes of all that are in memory at a time.

    Returns:
        Whether it is bounded: not without the compiled part, nor with a librdkafka that cannot be led through it.
    """
    global _batch_bytes, _much
    _batch_bytes, _much = batch, everything // MUCH_SHARE
    if _unpacking is None or not _unpacking.install():
        return False
    try:
        learned = [_learn(codec) for codec in _WAYS]
    except KafkaException as failure:
        LOG.error("What batches unpack to cannot be bounded: %s", failure.args[0])
        return False
    finally:
        _unpacking.learn(0, 0, 0)
    _unpacking.bound(batch, everything, WAIT_MILLISECONDS)
    return all(learned)


def _learn(codec: str) -> bool:
    """Have a batch unpacked of which nothing but its unpacking takes much room; whether a place was found."""
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
