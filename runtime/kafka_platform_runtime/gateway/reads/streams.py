"""How streams are served: from their topic's feed, alone while they are behind, or as members of a group."""

import asyncio
import contextlib
from collections.abc import Callable, Iterator

from confluent_kafka import KafkaError

from kafka_platform_runtime.gateway import errors
from kafka_platform_runtime.gateway.clock import now
from kafka_platform_runtime.gateway.core import Core
from kafka_platform_runtime.gateway.errors import GatewayError, malformed
from kafka_platform_runtime.gateway.groups import is_group
from kafka_platform_runtime.gateway.http import Gone
from kafka_platform_runtime.gateway.polling import judge
from kafka_platform_runtime.gateway.reads.feeds import Feed, Feeds
from kafka_platform_runtime.gateway.reads.members import Member
from kafka_platform_runtime.gateway.reads.readers import NO_GROUP, Reader, Readers
from kafka_platform_runtime.gateway.reads.start import begin, out_of_range
from kafka_platform_runtime.gateway.reads.stream import Stream, average_size, send_in_pieces, shared
from kafka_platform_runtime.gateway.rights import Right
from kafka_platform_runtime.supervision import WATCH

STREAMED_AT_FIRST = 2
STREAMED_AT_MOST = 4000
STREAMED_BYTES = 1024 * 1024
"""Bytes that a stream that is behind takes at a time: few records at first, then as many as have about this size."""
STALL_SECONDS = 1.0
"""A stream whose reader takes nothing for this long gives its consumer back until it does."""
TURN_SECONDS = 1.0
"""How long a stream that is behind keeps its consumer while others wait for one."""
BEGIN_PATIENCE_SECONDS = 10.0
"""How long a stream waits for a consumer before it starts (429 or 503)."""
PATIENCE_SECONDS = 60.0
"""How long a stream that is behind waits for one before it ends with that error."""
SWEEP_SECONDS = 2.0
"""Pause between two checks for callers whose credentials are no longer valid, and for unused readers."""


class Streams:
    """The open streams.

    Args:
        core: what all parts share.
        readers: for streams that are behind.
    """

    def __init__(self, core: Core, readers: Readers) -> None:
        self._core = core
        self._limits = core.limits
        self._readers = readers
        self._feeds = Feeds(core, readers)
        self._running: set[Stream] = set()
        self._tasks: list[asyncio.Task[None]] = []

    async def close(self) -> None:
        """End the streams, and the feeds."""
        for task in self._tasks:
            task.cancel()
        await self._feeds.close()

    def keep_up(self) -> None:
        """Start maintaining readers and streams, when the first one appears."""
        if not self._tasks:
            self._tasks = [
                WATCH.vital("end of streams", self._end()),
                WATCH.vital("sweep of streams", self._sweep()),
            ]

    async def serve(self, stream: Stream, *, group: str | None, start: str | None, last_id: str | None) -> None:
        """Hand records to a stream until its reader leaves, it fails or the gateway ends.

        Args:
            stream: what is wanted, and its outlet.
            group: the consumer group whose share it gets; None: all records.
            start: where to start, as in `from`.
            last_id: the id of the reader's last event; it takes precedence over `start`.

        Raises:
            GatewayError: the stream cannot start.
            Gone: the reader left before that.
        """
        outlet = stream.outlet
        failure: GatewayError | None = None
        try:
            with self._core.callers.stream(stream.caller), self._open(stream):
                if group is not None:
                    await self._share(stream, group, start)
                elif stream.is_acknowledged:
                    raise malformed("acknowledge: only a group remembers what was acknowledged: add group.")
                else:
                    await self._follow(stream, "latest" if start is None else start, last_id)
                failure = stream.failure
        except GatewayError as error:
            if not outlet.begun:
                raise
            failure = error
        if not outlet.begun:
            if failure is not None:
                raise failure
            if not self._core.ending.is_set():
                raise Gone
            raise errors.overloaded("The gateway is shutting down: reconnect.")
        await outlet.end(failure)

    @contextlib.contextmanager
    def _open(self, stream: Stream) -> Iterator[None]:
        """Register a stream, to notice that its reader has left, or that it has to end."""
        self.keep_up()
        leaving = WATCH.errand("reader leaves", self._left(stream))
        leaving.add_done_callback(lambda _: stream.stop())
        self._running.add(stream)
        if self._core.ending.is_set():
            stream.stop()
        try:
            yield
        finally:
            self._running.discard(stream)
            leaving.cancel()

    async def _left(self, stream: Stream) -> None:
        try:
            await stream.outlet.gone()
        except GatewayError as error:
            stream.fail(error)

    async def _follow(self, stream: Stream, start: str, last_id: str | None) -> None:
        caller, topic, outlet = stream.caller, stream.topic, stream.outlet
        feed = await self._feeds.of(caller, topic)
        with feed.listening(stream.wake):
            if stream.only is not None:
                for partition in stream.only:
                    if partition not in feed.positions:
                        raise errors.no_partition(topic, partition)
            gaps: list[dict[str, int]] = []
            positions = {number: end for number, end in feed.positions.items() if stream.wants(number)}
            if last_id or start != "latest":
                async with self._readers.borrow(caller, BEGIN_PATIENCE_SECONDS) as reader:
                    begun = await begin(reader, topic, list(feed.positions), last_id or start, only=stream.only)
                positions, gaps = begun.positions, begun.gaps
            stream.positions = positions
            await outlet.begin(positions)
            for gap in gaps:
                await outlet.tell("gap", gap, positions)
            while not stream.stopped:
                if not feed.has(positions, stream.only):
                    await self._catch_up(stream, feed)
                elif not await self._step(stream, feed):
                    if feed.failure is not None:
                        raise feed.failure
                    await stream.wait()

    async def _step(self, stream: Stream, feed: Feed) -> bool:
        """Send what the feed has beyond the stream, as far as possible without a pause; whether there was anything."""
        sent = False
        positions, outlet = stream.positions, stream.outlet
        number = max(stream.next_chunk, feed.first)
        while not stream.stopped and feed.first <= number < feed.first + len(feed.chunks):
            chunk = feed.chunks[number - feed.first]
            number += 1
            stream.next_chunk = number
            records = stream.wanted_of(chunk)
            if stream.in_step(chunk):
                # As most are: the same bytes for all of them.
                if records:
                    await outlet.prepare(records)
                    await outlet.write(shared(feed, chunk, records, stream))
            else:
                records = [each for each in records if each.offset() >= positions.get(each.partition(), 0)]
                await send_in_pieces(records, stream)
            for partition, offset in chunk.end.items():
                if stream.wants(partition) and offset > positions.get(partition, -1):
                    positions[partition] = offset
            if records:
                sent = True
                self._core.metrics.read(len(records))
        return sent

    async def _catch_up(self, stream: Stream, feed: Feed) -> None:
        """Read alone for a while, or until the feed has what comes next."""
        stream.next_chunk = 0
        topic, positions = stream.topic, stream.positions
        sending: asyncio.Future[None] | None = None
        try:
            async with self._readers.borrow(
                stream.caller, PATIENCE_SECONDS, stream.outlet.write_alive, lambda: stream.stopped
            ) as reader:
                await self._look_for_gaps(stream, feed, reader)
                await reader.assign(topic, dict(positions))
                since, count = now(), STREAMED_AT_FIRST
                while not stream.stopped and not feed.has(positions, stream.only):
                    if feed.failure is not None:
                        raise feed.failure
                    taken = await reader.consume(count, 1.0, positions)
                    if any(error.code() == KafkaError._AUTO_OFFSET_RESET for error in taken.errors):
                        return  # deleted while it was read: check the bounds again
                    judge(taken.errors, lambda _: f"Topic {topic}", stream.caller.wish(Right.READ, topic))
                    if taken.records:
                        self._core.metrics.read(len(taken.records))
                        count = max(1, min(STREAMED_AT_MOST, STREAMED_BYTES // average_size(taken.records)))
                        sending = WATCH.errand("records to a reader", send_in_pieces(taken.records, stream))
                        await asyncio.wait({sending}, timeout=STALL_SECONDS)
                        if not sending.done():
                            break
                        sending.result()
                    else:
                        await stream.outlet.write_alive()
                    taken.judge()
                    for partition, offset in taken.ends.items():
                        # After the last record there may be transaction markers, which are never handed out.
                        positions[partition] = max(positions[partition], offset)
                    if self._readers.wanted and now() > since + TURN_SECONDS:
                        break
            if sending is not None:
                await sending
        finally:
            if sending is not None:
                sending.cancel()

    async def _look_for_gaps(self, stream: Stream, feed: Feed, reader: Reader) -> None:
        """Report what Kafka has deleted that would have come next; it is never skipped silently."""
        wanted = [number for number in feed.positions if stream.wants(number)]
        for partition, bounds in (await reader.bounds(stream.topic, wanted)).items():
            have = stream.positions.setdefault(partition, 0)  # a new partition
            if have < bounds[0]:
                stream.positions[partition] = bounds[0]
                gap = {"partition": partition, "from": have, "to": bounds[0]}
                await stream.outlet.tell("gap", gap, stream.positions)
            elif have > bounds[1]:
                raise out_of_range(stream.topic, partition, have, bounds)

    async def _share(self, stream: Stream, group: str, start: str | None) -> None:
        """Read as a member of a group and commit what was handed out."""
        if not is_group(group) or group == NO_GROUP:
            raise malformed(f"group={group[:50]}: is not a consumer group name.")
        if start not in {None, "earliest", "latest"}:
            raise malformed("from: a group continues from its own offsets: use earliest or latest for a new one.")
        if stream.only is not None:
            raise malformed("partitions: a group assigns them to its members: leave out partitions or group.")
        await self._core.topic(stream.caller, stream.topic, Right.READ)
        release = self._core.callers.claim_consumer(stream.caller)
        member = Member(
            stream.caller, self._limits, stream.topic, group, start or "earliest", by_reader=stream.is_acknowledged
        )
        if stream.is_acknowledged:
            stream.outlet.acknowledge = member.acknowledge
        try:
            await member.join()
            await stream.outlet.begin({})
            while not stream.stopped:
                records = await member.take()
                if not records:
                    await stream.outlet.write_alive()
                    continue
                stream.positions = {}
                member.hands_out(records)
                await send_in_pieces(records, stream)
                self._core.metrics.read(len(records))
                if not stream.stopped and not stream.outlet.is_closing:
                    # Only what was handed to a reader who was still there counts as delivered.
                    member.delivered(records)
        finally:
            await asyncio.shield(WATCH.errand("member leaves", _left(member, release)))

    async def _end(self) -> None:
        await self._core.ending.wait()
        for stream in list(self._running):
            stream.stop()

    async def _sweep(self) -> None:
        with WATCH.heart("The sweep of streams") as beat:
            while True:
                await asyncio.sleep(SWEEP_SECONDS)
                beat()
                for stream in list(self._running):
                    dismissal = self._core.callers.dismissal(stream.caller)
                    if dismissal is not None:
                        stream.fail(dismissal)
                self._readers.sweep()
                self._feeds.sweep()


async def _left(member: Member, release: Callable[[], None]) -> None:
    try:
        await member.leave()
    except GatewayError:
        pass  # the group finds out by itself
    finally:
        release()
