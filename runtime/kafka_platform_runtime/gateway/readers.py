"""Kafka consumers that belong to no group: they read from wherever they are told to, each in a thread of its own."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, TypeVar

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from kafka_platform_runtime.gateway import errors
from kafka_platform_runtime.gateway.errors import GatewayError, malformed, timed_out
from kafka_platform_runtime.gateway.http import now
from kafka_platform_runtime.gateway.identity import Caller

if TYPE_CHECKING:
    from kafka_platform_runtime.gateway.server import Gateway

Positions = dict[int, int]
"""For each partition the offset of the next record."""
Message = Any
T = TypeVar("T")

IDLE_SECONDS = 30.0
"""A reader that nobody uses for so long is closed."""
ASK_SECONDS = 10.0
"""How long a question about offsets may take."""
WAIT_MILLISECONDS = 100
"""How long a broker may wait for a record before it answers that there is none: for so long a reader that is given
other positions still waits for its former ones."""
BUFFER_KILOBYTES = 2048
"""Records that are fetched ahead: what a stream costs whose reader is slow."""
NO_GROUP = "kafka-platform-gateway"
"""librdkafka wants a name; nothing is ever committed under it and no ACL is needed for it."""


def text_of(positions: Mapping[int, int]) -> str:
    """The cursor: `partition:offset` of the next record for each partition, such as `0:5,1:9`."""
    return ",".join(f"{partition}:{offset}" for partition, offset in sorted(positions.items()))


def parse(cursor: str) -> Positions:
    """Read a cursor.

    Raises:
        GatewayError: it is none.
    """
    positions: Positions = {}
    for part in cursor.split(","):
        partition, colon, offset = part.partition(":")
        if not (colon and _is_number(partition) and _is_number(offset)) or int(partition) in positions:
            raise malformed(
                f"{cursor[:50]!r} is no cursor: it has partition:offset for each partition, such as 0:5,1:9."
            )
        positions[int(partition)] = int(offset)
    return positions


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 19


class Taken:
    """What a consumer handed out: records, ends of partitions and errors."""

    __slots__ = ("ends", "errors", "records")

    def __init__(self, records: list[Message]) -> None:
        self.records = records
        self.ends: Positions = {}
        """For partitions without a further record at the moment: the offset that the next will have."""
        self.errors: list[KafkaError] = []

    def add(self, others: list[Message]) -> None:
        """Sort what is no record.

        The client looks for the coordinator of its group even if nothing is done in the group, for which no leave is
        needed: that this is denied means nothing.
        """
        for message in others:
            error = message.error()
            if error.code() == KafkaError._PARTITION_EOF:
                self.ends[message.partition()] = message.offset()
            elif error.code() != KafkaError.GROUP_AUTHORIZATION_FAILED:
                self.errors.append(error)

    def __bool__(self) -> bool:
        return bool(self.records or self.ends or self.errors)


class Reader:
    """One consumer and its thread.

    Args:
        caller: who reads.
        release: gives the consumer back to the count of consumers.
    """

    def __init__(self, caller: Caller, release: Callable[[], None]) -> None:
        self.caller = caller
        self._release = release
        self._settings = caller.client(
            group_id=NO_GROUP,
            enable_auto_commit=False,
            enable_auto_offset_store=False,
            enable_partition_eof=True,
            auto_offset_reset="error",
            isolation_level="read_committed",
            fetch_wait_max_ms=WAIT_MILLISECONDS,
            fetch_queue_backoff_ms=1,
            fetch_error_backoff_ms=100,
            queued_max_messages_kbytes=BUFFER_KILOBYTES,
            fetch_max_bytes=BUFFER_KILOBYTES * 1024,
        )
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="reader")
        self._consumer: Consumer | None = None
        self.used_at = now()

    async def call(self, action: Callable[[Consumer], T]) -> T:
        """Do something with the consumer in its thread.

        Raises:
            GatewayError: Kafka refused it.
        """

        def run() -> T:
            if self._consumer is None:
                self._consumer = Consumer(self._settings)
            return action(self._consumer)

        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, run)
        except KafkaException as failure:
            error = failure.args[0]
            if error.code() in {KafkaError._TIMED_OUT, KafkaError._TRANSPORT}:
                raise timed_out("Kafka did not answer in time.") from None
            raise errors.from_kafka(error, "Kafka") from None

    async def bounds(self, topic: str, partitions: int) -> dict[int, tuple[int, int]]:
        """The first offset of each partition, and that of the next record to be written."""

        def ask(consumer: Consumer) -> dict[int, tuple[int, int]]:
            return {
                number: consumer.get_watermark_offsets(TopicPartition(topic, number), timeout=ASK_SECONDS)
                for number in range(partitions)
            }

        return await self.call(ask)

    async def at(self, topic: str, partitions: int, milliseconds: int) -> Positions:
        """The first record of each partition that is not older; the end where there is none."""

        def ask(consumer: Consumer) -> Positions:
            wanted = [TopicPartition(topic, number, milliseconds) for number in range(partitions)]
            found = consumer.offsets_for_times(wanted, timeout=ASK_SECONDS)
            ends = {}
            for each in found:
                at = each.offset
                if at < 0:
                    at = consumer.get_watermark_offsets(TopicPartition(topic, each.partition), timeout=ASK_SECONDS)[1]
                ends[each.partition] = at
            return ends

        return await self.call(ask)

    async def assign(self, topic: str, positions: Positions) -> None:
        """Read from here on."""
        await self.call(
            lambda consumer: consumer.assign([TopicPartition(topic, *position) for position in positions.items()])
        )

    async def consume(self, count: int, seconds: float) -> "Taken":
        """Records and ends of partitions, as soon as there are any, or none after `seconds`."""

        def take(consumer: Consumer) -> Taken:
            messages = consumer.consume(count, seconds)
            records = [each for each in messages if each.error() is None]
            taken = Taken(records)
            if len(records) < len(messages):
                taken.add([each for each in messages if each.error() is not None])
            return taken

        return await self.call(take)

    async def close(self) -> None:
        """End the consumer and its thread."""

        def end() -> None:
            if self._consumer is not None:
                self._consumer.close()

        await asyncio.get_running_loop().run_in_executor(self._thread, end)
        self._thread.shutdown(wait=False)
        self._release()


class Readers:
    """Readers at rest, so that a read need not log in first.

    Args:
        gateway: callers and their counts.
    """

    def __init__(self, gateway: "Gateway") -> None:
        self._gateway = gateway
        self._idle: dict[Caller, list[Reader]] = {}

    def new(self, caller: Caller) -> Reader:
        """A reader that is not shared.

        Raises:
            GatewayError: there are as many consumers as there may be.
        """
        return Reader(caller, self._gateway.callers.claim_consumer(caller))

    @contextlib.asynccontextmanager
    async def borrow(self, caller: Caller) -> AsyncIterator[Reader]:
        """A reader for a while.

        Raises:
            GatewayError: there are as many consumers as there may be.
        """
        idle = self._idle.get(caller)
        reader = idle.pop() if idle else self.new(caller)
        try:
            yield reader
            await reader.call(lambda consumer: consumer.unassign())
        except BaseException:
            # What it does at the moment is unknown.
            await asyncio.shield(asyncio.ensure_future(reader.close()))
            raise
        reader.used_at = now()
        self._idle.setdefault(caller, []).append(reader)

    async def expire(self, before: float) -> None:
        """Close what nobody has used since."""
        for caller, readers in list(self._idle.items()):
            self._idle[caller] = [each for each in readers if each.used_at > before]
            if not self._idle[caller]:
                del self._idle[caller]
            for reader in readers:
                if reader.used_at <= before:
                    await reader.close()


def checked(topic: str, positions: Positions, bounds: Mapping[int, tuple[int, int]]) -> Positions:
    """The positions, with the beginning for partitions that they do not name.

    Raises:
        GatewayError: a partition does not exist or ends before the position.
    """
    for partition, offset in positions.items():
        if partition not in bounds:
            raise errors.no_partition(topic, partition)
        if offset > bounds[partition][1]:
            raise out_of_range(topic, partition, offset, bounds[partition])
    return {partition: positions.get(partition, low) for partition, (low, _) in bounds.items()}


def out_of_range(topic: str, partition: int, offset: int, bounds: tuple[int, int]) -> GatewayError:
    """There is no record at this offset, nor will there be one next."""
    return GatewayError(
        HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE,
        41601,
        f"Offset {offset} is out of range: partition {partition} of topic {topic} has {bounds[0]} to {bounds[1]}.",
    )
