"""The newest records of a topic, read once for all of a caller's streams that are at its end."""

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from confluent_kafka import KafkaError, TopicPartition

from kafka_platform_runtime.gateway import errors
from kafka_platform_runtime.gateway.callers.caller import Caller
from kafka_platform_runtime.gateway.clock import now
from kafka_platform_runtime.gateway.core import Core
from kafka_platform_runtime.gateway.cursor import Positions
from kafka_platform_runtime.gateway.errors import GatewayError
from kafka_platform_runtime.gateway.polling import LASTING, Message
from kafka_platform_runtime.gateway.reads.readers import Reader, Readers, Taken
from kafka_platform_runtime.gateway.rights import Right
from kafka_platform_runtime.supervision import WATCH, whereabouts

LOG = logging.getLogger("gateway")

KEPT_BYTES = 4 * 1024 * 1024
"""Newest records of a topic that are kept: a stream that falls further behind reads from Kafka again, alone. Less if
there are many feeds; each still keeps one chunk."""
KEPT_RENDERINGS = 4
"""Renderings of a chunk that are kept; streams that want another one make it for themselves."""
CHUNK_BYTES = 256 * 1024
RECORD_OVERHEAD = 200
"""Approximate bytes that a record takes besides its key and value."""
AT_A_TIME = 500
BEGIN_SECONDS = 15.0
"""How long Kafka may take until the first read."""
REFRESH_SECONDS = 10.0
"""Pause between two checks for new partitions."""
MISSED_LOOKS = 2
"""After this many checks a missing topic counts as deleted: a broker that has just started knows none at first."""
LINGER_SECONDS = 10.0
"""How long a feed continues after its last stream has left."""


class Chunk:
    """Records that arrived together, where they begin and end, and their rendering in each format."""

    __slots__ = ("begin", "end", "messages", "renderings", "size")

    def __init__(self, messages: Sequence[Message], begin: Positions, end: Positions, size: int) -> None:
        self.messages = messages
        self.begin = begin
        self.end = end
        self.size = size
        self.renderings: dict[object, Any] = {}


class Feed:
    """The end of a topic as one caller may read it.

    Args:
        feeds: the feeds that it belongs to.
        caller: who reads.
        topic: what is read.
        reader: a consumer of its own.
    """

    def __init__(self, feeds: "Feeds", caller: Caller, topic: str, reader: Reader) -> None:
        self._feeds = feeds
        self.caller = caller
        self.topic = topic
        self._reader = reader
        self.base: Positions = {}
        """Where the oldest kept chunk begins."""
        self.positions: Positions = {}
        """Where the newest chunk ends."""
        self.chunks: deque[Chunk] = deque()
        self.first = 0
        """Number of the oldest chunk; the count never restarts."""
        self.kept = 0
        """Bytes of records and their renderings."""
        self.failure: GatewayError | None = None
        self._awake: set[Callable[[], None]] = set()
        self.left_at = now()
        self._waiting = 0
        self._missed = 0
        self._closed = False
        self._ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._task: asyncio.Task[None] | None = WATCH.errand("feed", self._run())

    @property
    def used(self) -> bool:
        """Whether a stream listens, or is about to listen."""
        return bool(self._awake or self._waiting)

    async def ready(self) -> None:
        """Return once Kafka has allowed the first read.

        Raises:
            GatewayError: it does not.
        """
        self._waiting += 1
        try:
            await asyncio.shield(self._ready)
        finally:
            self._waiting -= 1
            self.left_at = now()

    @contextlib.contextmanager
    def listening(self, wake: Callable[[], None]) -> Iterator[None]:
        """Call `wake` after each change."""
        self._awake.add(wake)
        try:
            yield
        finally:
            self._awake.discard(wake)
            self.left_at = now()

    def has(self, positions: Mapping[int, int], only: frozenset[int] | None = None) -> bool:
        """Whether everything from these positions on is kept here; `only` are the relevant partitions."""
        return all(
            positions.get(partition, 0) >= offset
            for partition, offset in self.base.items()
            if only is None or partition in only
        )

    def rendering(self, chunk: Chunk, form: object, make: Callable[[], Any]) -> Any:
        """The rendering of a kept chunk: made once for all streams that want it."""
        known = chunk.renderings.get(form)
        if known is None:
            known = make()
            if len(chunk.renderings) < KEPT_RENDERINGS:
                chunk.renderings[form] = known
                chunk.size += len(known)
                self.kept += len(known)
        return known

    async def close(self) -> None:
        """End it."""
        self._closed = True
        # The two refer to each other, and would hold all kept records until the next garbage collection.
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.wait({task})
        if not self._ready.done():
            self._ready.set_exception(errors.overloaded("The gateway is shutting down: reconnect."))
            self._ready.exception()  # possibly nobody waits
        await self._reader.close()

    async def _run(self) -> None:
        try:
            await self._begin()
            looked = now()
            while True:
                self._take(await self._reader.consume(AT_A_TIME, 1.0, self.positions))
                if now() > looked + REFRESH_SECONDS:
                    looked = now()
                    await self._add_partitions()
        except GatewayError as error:
            self._fail(error)
        except Exception as error:
            LOG.error("Feed: %s", whereabouts(error))
            self._fail(GatewayError(500, 50001, "Internal error in the gateway: its log has the details."))
        finally:
            if self.failure is None and not self._closed:
                # Whoever ended it, listeners must not wait forever.
                self._fail(errors.overloaded("The reader of this topic was ended: reconnect."))

    async def _begin(self) -> None:
        partitions = (await self._feeds.topic(self.caller, self.topic, Right.READ)).partitions
        bounds = await self._reader.bounds(self.topic, range(partitions))
        self.positions = {partition: end for partition, (_, end) in bounds.items()}
        self.base = dict(self.positions)
        await self._reader.assign(self.topic, dict(self.positions))
        # Only a read shows whether this caller may read: it ends with records, with "there are none", or is denied.
        until = now() + BEGIN_SECONDS
        while not self._ready.done():
            taken = await self._reader.consume(AT_A_TIME, 1.0, self.positions)
            if taken:
                self._take(taken)
                if not self._ready.done():
                    self._ready.set_result(None)
            elif now() > until:
                raise errors.timed_out(f"Topic {self.topic}: Kafka did not answer in time.")

    def _take(self, taken: Taken) -> None:
        for error in taken.errors:
            self._judge(error)
        records = taken.records
        ends = {each.partition(): each.offset() + 1 for each in records}
        for partition, offset in taken.ends.items():
            ends[partition] = max(offset, ends.get(partition, 0))
        end = {partition: max(offset, ends.get(partition, 0)) for partition, offset in self.positions.items()}
        if records:
            self._keep(records, end)
            most = min(KEPT_BYTES, self._feeds.bytes_of_each)
            while self.kept > most and len(self.chunks) > 1:
                oldest = self.chunks.popleft()
                self.first += 1
                self.kept -= oldest.size
                self.base = self.chunks[0].begin
            if self.kept > most:
                # One record exceeds what is kept: each stream reads it alone.
                self.chunks.clear()
                self.first += 1
                self.kept = 0
                self.base = end
        elif not self.chunks:
            self.base = end
        self.positions = end
        if records:
            self._wake()
        taken.judge()

    def _keep(self, records: Sequence[Message], end: Positions) -> None:
        """Add small chunks: one at a time is rendered, and held for slow readers."""
        begin, first, size = self.positions, 0, 0
        for number, record in enumerate(records, 1):
            size += RECORD_OVERHEAD + len(record)
            last = number == len(records)
            if size >= CHUNK_BYTES or last:
                part = records[first:number]
                reached = end
                if not last:
                    reached = {**begin, **{each.partition(): each.offset() + 1 for each in part}}
                self.chunks.append(Chunk(part, begin, reached, size))
                self.kept += size
                begin, first, size = reached, number, 0

    def _judge(self, error: KafkaError) -> None:
        """End the feed if the error lasts; lost and restored connections are librdkafka's own business."""
        reason = errors.from_kafka(error, f"Topic {self.topic}", self.caller.wish(Right.READ, self.topic))
        if error.code() == KafkaError._AUTO_OFFSET_RESET:
            raise GatewayError(
                416,
                41601,
                f"Topic {self.topic}: its records were deleted or it was made anew: read it from the beginning.",
            )
        if reason.status in LASTING:
            raise reason

    async def _add_partitions(self) -> None:
        if (dismissal := self._feeds.dismissal(self.caller)) is not None:
            raise dismissal
        self.caller.topics.pop(self.topic, None)
        try:
            count = (await self._feeds.topic(self.caller, self.topic, Right.READ)).partitions
        except GatewayError as error:
            self._missed += error.status == 404
            if error.status in {401, 403} or self._missed >= MISSED_LOOKS:
                raise
            return  # Kafka cannot answer at the moment
        self._missed = 0
        new = dict.fromkeys((number for number in range(count) if number not in self.positions), 0)
        if new:
            # From their beginning: what was written before they were noticed counts too.
            added = [TopicPartition(self.topic, number, 0) for number in new]
            await self._reader.call(lambda consumer: consumer.incremental_assign(added))
            self.positions = {**self.positions, **new}
            self.base = {**self.base, **new}

    def _fail(self, error: GatewayError) -> None:
        self.failure = error
        if not self._ready.done():
            self._ready.set_exception(error)
            self._ready.exception()  # possibly nobody waits
        self._feeds.drop(self)
        self._wake()

    def _wake(self) -> None:
        for wake in list(self._awake):
            wake()


class Feeds:
    """A feed for each topic and caller with streams at its end.

    Args:
        core: what all parts share.
        readers: the source of the feeds' readers.
    """

    def __init__(self, core: Core, readers: Readers) -> None:
        self.topic = core.topic
        self.dismissal = core.callers.dismissal
        self._most_bytes = core.limits.feed_bytes
        self._readers = readers
        self._feeds: dict[tuple[Caller, str], Feed] = {}
        core.metrics.gauge("gateway_feeds", "Topics read for streams at their end.", lambda: len(self._feeds))
        core.metrics.gauge(
            "gateway_feed_bytes",
            "Newest records kept for streams, in bytes.",
            lambda: sum(feed.kept for feed in list(self._feeds.values())),
        )

    @property
    def bytes_of_each(self) -> int:
        """Bytes of newest records that each feed may keep."""
        return self._most_bytes // max(1, len(self._feeds))

    async def of(self, caller: Caller, topic: str) -> Feed:
        """The feed of a topic as this caller may read it, ready to be listened to.

        Raises:
            GatewayError: they may not, there is no such topic, or the limit of consumers is reached.
        """
        feed = self._feeds.get((caller, topic))
        if feed is None:
            await self.topic(caller, topic, Right.READ)
            # Another task may have started one meanwhile.
            feed = self._feeds.get((caller, topic))
        if feed is None:
            feed = Feed(self, caller, topic, self._readers.of_feed(caller))
            self._feeds[caller, topic] = feed
        await feed.ready()
        return feed

    def drop(self, feed: Feed) -> None:
        """Drop a failed feed: the next stream starts another."""
        if self._feeds.get((feed.caller, feed.topic)) is feed:
            del self._feeds[feed.caller, feed.topic]
        self._readers.close_later(feed.close())

    def sweep(self) -> None:
        """Close feeds that have had no stream for a while."""
        for key, feed in list(self._feeds.items()):
            if not feed.used and feed.left_at < now() - LINGER_SECONDS:
                del self._feeds[key]
                self._readers.close_later(feed.close())

    async def close(self) -> None:
        """Close all of them."""
        for feed in list(self._feeds.values()):
            await feed.close()
