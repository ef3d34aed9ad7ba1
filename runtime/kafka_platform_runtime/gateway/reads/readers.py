"""Kafka consumers that belong to no group: they read from any position, each in a thread of its own."""

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable, Iterator, Mapping, Sequence
from http import HTTPStatus
from typing import Any, TypeVar

from confluent_kafka import Consumer, KafkaError, KafkaException, Message as KafkaMessage, TopicPartition

from kafka_platform_runtime.gateway import errors, unpacking
from kafka_platform_runtime.gateway.callers.caller import Caller
from kafka_platform_runtime.gateway.callers.identity import Callers
from kafka_platform_runtime.gateway.clock import now
from kafka_platform_runtime.gateway.cursor import Positions
from kafka_platform_runtime.gateway.errors import GatewayError, timed_out
from kafka_platform_runtime.gateway.polling import Message, bounds_of_consumers, consume
from kafka_platform_runtime.gateway.rights import Right
from kafka_platform_runtime.gateway.settings import Limits
from kafka_platform_runtime.gateway.unpacking import Copies
from kafka_platform_runtime.gateway.verdicts import is_unknown_topic
from kafka_platform_runtime.supervision import WATCH

T = TypeVar("T")

IDLE_SECONDS = 30.0
"""Idle time after which a reader is closed."""
ASK_SECONDS = 10.0
"""How long a query about offsets may take."""
NEWS_SECONDS = 3.0
"""How long news of a partition may take to reach every broker."""
WAIT_MILLISECONDS = 100
"""How long a broker may wait for a record before it answers that there is none: for this long a reader that is given
other positions still waits for its previous ones."""
FEED_WAIT_MILLISECONDS = 500
"""The same for a feed's reader, which keeps its positions: a broker that has nothing is asked twice a second."""
LOOK_SECONDS = 0.1
"""Pause between two checks for a free reader."""
HARMLESS = frozenset({400, 403, 404, 406, 416, 429, 503})
"""Statuses of errors after which a reader is still usable."""
NO_GROUP = "kafka-platform-gateway"
"""librdkafka requires a name; nothing is ever committed under it and it needs no ACL."""


class Taken:
    """What a consumer returned: records, ends of partitions and errors."""

    __slots__ = ("ends", "errors", "records", "refusals")

    def __init__(self, records: list[Message]) -> None:
        self.records = records
        self.ends: Positions = {}
        """For partitions that currently have no further record: the offset that the next will have."""
        self.errors: list[KafkaError] = []
        self.refusals: Sequence[GatewayError] = ()
        """Why some partitions cannot be read further."""

    def add(self, others: list[Message]) -> None:
        """Sort out what is not a record.

        The client looks for its group's coordinator even if it does nothing in the group and so needs no
        right for it: a denial means nothing.
        """
        for message in others:
            error = message.error()
            if error is None:
                self.records.append(message)
            elif error.code() == KafkaError._PARTITION_EOF:
                self.ends[message.partition()] = message.offset()
            elif error.code() != KafkaError.GROUP_AUTHORIZATION_FAILED:
                self.errors.append(error)

    def __bool__(self) -> bool:
        return bool(self.records or self.ends or self.errors or self.refusals)

    def judge(self) -> None:
        """Give up where nothing more can be read; called once the records that were taken have been handed out.

        Raises:
            GatewayError: the next batch of a partition cannot be unpacked.
        """
        for refusal in self.refusals:
            raise refusal


class Reader:
    """One consumer and its thread.

    Args:
        caller: who reads.
        limits: the gateway's.
        release: gives the consumer back to the consumer count.
        wait_milliseconds: how long a broker may wait for a record.
    """

    def __init__(
        self,
        caller: Caller,
        limits: Limits,
        release: Callable[[], None],
        wait_milliseconds: int = WAIT_MILLISECONDS,
    ) -> None:
        self.caller = caller
        self._release = release
        self._share = limits.queue_bytes
        self._refusals = unpacking.Refusals()
        self._settings = caller.client(
            group_id=NO_GROUP,
            enable_auto_commit=False,
            enable_auto_offset_store=False,
            enable_partition_eof=True,
            auto_offset_reset="error",
            isolation_level="read_committed",
            fetch_wait_max_ms=wait_milliseconds,
            fetch_queue_backoff_ms=1,
            fetch_error_backoff_ms=100,
            **bounds_of_consumers(limits),
        )
        self._thread = WATCH.pool("reader", 1)
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
            raise errors.from_kafka(error, "Kafka", self.caller.wish(Right.READ, "")) from None

    async def bounds(self, topic: str, partitions: Iterable[int]) -> dict[int, tuple[int, int]]:
        """The first offset of each of these partitions, and the offset of the next record to be written."""
        numbers = sorted(partitions)

        def ask(consumer: Consumer) -> dict[int, tuple[int, int]]:
            return {number: _watermarks(consumer, topic, number) for number in numbers}

        return await self.call(ask)

    async def at(self, topic: str, partitions: Iterable[int], milliseconds: int) -> Positions:
        """The first record of each of these partitions that is not older; the end if there is none."""
        wanted = [TopicPartition(topic, number, milliseconds) for number in sorted(partitions)]

        def ask(consumer: Consumer) -> Positions:
            found = consumer.offsets_for_times(wanted, timeout=ASK_SECONDS)
            ends = {}
            for each in found:
                at = each.offset
                if at < 0:
                    at = _watermarks(consumer, topic, each.partition)[1]
                ends[each.partition] = at
            return ends

        return await self.call(ask)

    async def assign(self, topic: str, positions: Positions) -> None:
        """Read from these positions on."""
        await self.call(
            lambda consumer: consumer.assign([TopicPartition(topic, *position) for position in positions.items()])
        )

    async def consume(
        self, count: int, seconds: float, positions: Mapping[int, int], *, patient: bool = False
    ) -> "Taken":
        """Records and ends of partitions, as soon as there are any, or none after `seconds`.

        `positions` are the next offsets of the assigned partitions.
        `patient` waits for `count` of them until time runs out: then it is also known whether Kafka throttles the
        caller, which it reports right after the records.
        """

        def take(consumer: Consumer, copies: Copies) -> Taken:
            until = now() + seconds
            messages = consume(consumer, count, seconds, self._share)
            if patient and messages and len(messages) < count and sum(map(len, messages)) < self._share:
                messages += consume(consumer, count - len(messages), max(0.0, until - now()), self._share)
            copies.of(messages)
            messages, refusals = self._refusals.sift(
                consumer, messages, lambda batch: positions.get(batch.partition, 0)
            )
            if not refusals and not any(map(KafkaMessage.error, messages)):
                return Taken(messages)
            taken = Taken([])
            taken.add(messages)
            taken.refusals = refusals
            return taken

        with Copies() as copies:
            return await self.call(lambda consumer: take(consumer, copies))

    async def close(self) -> None:
        """End the consumer and its thread."""

        def end() -> None:
            if self._consumer is not None:
                self._consumer.close()

        await asyncio.get_running_loop().run_in_executor(self._thread, end)
        self._thread.shutdown(wait=False)
        self._release()


class Readers:
    """Idle readers, so that a read need not log in first.

    Args:
        callers: count the consumers.
        limits: the gateway's.
    """

    def __init__(self, callers: Callers, limits: Limits) -> None:
        self._callers = callers
        self._limits = limits
        self._idle: dict[Caller, list[Reader]] = {}
        self._waiting: Counter[Caller] = Counter()
        self._closing: set[asyncio.Task[None]] = set()

    def of_feed(self, caller: Caller) -> Reader:
        """An unshared reader that keeps its positions.

        Raises:
            GatewayError: the limit of consumers is reached.
        """
        return Reader(caller, self._limits, self._callers.claim_consumer(caller), FEED_WAIT_MILLISECONDS)

    @property
    def wanted(self) -> bool:
        """Whether somebody waits for a reader: long reads take turns with them."""
        return bool(self._waiting)

    @contextlib.asynccontextmanager
    async def borrow(
        self,
        caller: Caller,
        patience: float = 0.0,
        meanwhile: Callable[[], Awaitable[None]] | None = None,
        given_up: Callable[[], bool] = lambda: False,
    ) -> AsyncIterator[Reader]:
        """Borrow a reader.

        Args:
            caller: who reads.
            patience: seconds to wait for one while the limit of consumers is reached.
            meanwhile: called repeatedly while waiting.
            given_up: whether nobody wants it any more.

        Raises:
            GatewayError: the limit is still reached.
        """
        reader = await self._one(caller, patience, meanwhile, given_up)
        try:
            yield reader
        except GatewayError as error:
            if error.status not in HARMLESS:
                await _closed(reader)
                raise
            await self._rest(reader)
            raise
        except BaseException:
            # What it is doing at the moment is unknown.
            await _closed(reader)
            raise
        await self._rest(reader)

    def sweep(self) -> None:
        """Close readers that have been idle for a while."""
        for reader in self._expired(now() - IDLE_SECONDS):
            self.close_later(reader.close())

    def close_later(self, closing: Coroutine[Any, Any, None]) -> None:
        """Close a reader or a feed in the background."""
        task = WATCH.errand("closing of a reader", closing, awaited=False)
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    async def close(self) -> None:
        """Close the idle readers, and wait until everything being closed is closed."""
        for reader in self._expired(now() + 1):
            await reader.close()
        if self._closing:
            await asyncio.wait(self._closing)

    def _expired(self, before: float) -> list[Reader]:
        """Remove and return readers that have been idle since then."""
        expired: list[Reader] = []
        for caller, readers in list(self._idle.items()):
            kept = [each for each in readers if each.used_at > before]
            if kept:
                self._idle[caller] = kept
            else:
                del self._idle[caller]
            expired += [each for each in readers if each.used_at <= before]
        return expired

    async def _one(
        self,
        caller: Caller,
        patience: float,
        meanwhile: Callable[[], Awaitable[None]] | None,
        given_up: Callable[[], bool],
    ) -> Reader:
        until = now() + patience
        with self._counted_as_waiting(caller) if patience else contextlib.nullcontext():
            while True:
                idle = self._idle.get(caller)
                if idle:
                    return idle.pop()
                try:
                    return Reader(caller, self._limits, self._callers.claim_consumer(caller))
                except GatewayError as error:
                    if error.status == HTTPStatus.SERVICE_UNAVAILABLE and await self._close_an_idle_one():
                        continue
                    if now() >= until or given_up():
                        raise
                if meanwhile is not None:
                    await meanwhile()
                await asyncio.sleep(LOOK_SECONDS)

    @contextlib.contextmanager
    def _counted_as_waiting(self, caller: Caller) -> Iterator[None]:
        self._waiting[caller] += 1
        try:
            yield
        finally:
            self._waiting[caller] -= 1
            if not self._waiting[caller]:
                del self._waiting[caller]

    async def _rest(self, reader: Reader) -> None:
        if self._waiting and reader.caller not in self._waiting:
            # Others can use its place among the consumers.
            await _closed(reader)
            return
        try:
            await reader.call(lambda consumer: consumer.unassign())
        except GatewayError:
            await _closed(reader)
            return
        reader.used_at = now()
        self._idle.setdefault(reader.caller, []).append(reader)

    async def _close_an_idle_one(self) -> bool:
        for caller, readers in self._idle.items():
            if readers:
                reader = readers.pop(0)
                if not readers:
                    del self._idle[caller]
                await _closed(reader)
                return True
        return False


_UNHEARD = frozenset(
    {
        KafkaError._UNKNOWN_PARTITION,
        KafkaError.LEADER_NOT_AVAILABLE,
        KafkaError.NOT_LEADER_FOR_PARTITION,
        KafkaError.FENCED_LEADER_EPOCH,
        KafkaError.UNKNOWN_LEADER_EPOCH,
    }
)
"""Errors after which to ask again: the partition is new or has moved, and some broker has not heard of it."""


def _watermarks(consumer: Consumer, topic: str, partition: int) -> tuple[int, int]:
    """The bounds of a partition known to exist: some brokers may not have heard of it, or of its leader, yet."""
    until = now() + NEWS_SECONDS
    while True:
        try:
            found: tuple[int, int] = consumer.get_watermark_offsets(
                TopicPartition(topic, partition), timeout=ASK_SECONDS
            )
            return found
        except KafkaException as failure:
            error = failure.args[0]
            if not (error.code() in _UNHEARD or is_unknown_topic(error)) or now() > until:
                raise
        time.sleep(LOOK_SECONDS)


async def _closed(reader: Reader) -> None:
    """Close a reader even if the waiting task is cancelled meanwhile."""
    await asyncio.shield(WATCH.errand("closing of a reader", reader.close()))
