"""Reads without state: by offset, merged over partitions with a cursor, and as streams that resume where they broke."""

import asyncio
import contextlib
import json
import logging
import re
from collections.abc import Callable, Coroutine, Iterator, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from confluent_kafka import KafkaError

from kafka_platform_runtime.gateway import errors
from kafka_platform_runtime.gateway.caller import Caller
from kafka_platform_runtime.gateway.errors import GatewayError, malformed, unauthorized
from kafka_platform_runtime.gateway.feed import LINGER_SECONDS, RECORD_OVERHEAD, Chunk, Feed
from kafka_platform_runtime.gateway.formats import Format
from kafka_platform_runtime.gateway.groups import is_group
from kafka_platform_runtime.gateway.http import Gone, Request, Response, Route, now
from kafka_platform_runtime.gateway.members import Member
from kafka_platform_runtime.gateway.outlets import SSE, Events, Frames, Outlet
from kafka_platform_runtime.gateway.readers import (
    IDLE_SECONDS,
    NO_GROUP,
    Message,
    Positions,
    Reader,
    Readers,
    checked,
    judge,
    out_of_range,
    parse,
    text_of,
)
from kafka_platform_runtime.supervision import WATCH

if TYPE_CHECKING:
    from kafka_platform_runtime.gateway.server import Gateway

LOG = logging.getLogger("gateway")

DEFAULT_BYTES = 1024 * 1024
DEFAULT_RECORDS = 500
MOST_RECORDS = 10_000
DEFAULT_WAIT_MILLISECONDS = 1000
SLICE_SECONDS = 0.25
"""How long a read holds its thread at a time, so that somebody who left is noticed."""
ANSWER_SECONDS = 10.0
"""How long Kafka may take to say what is there."""
STREAMED_AT_FIRST = 2
STREAMED_AT_MOST = 4000
STREAMED_BYTES = 1024 * 1024
"""Records that a stream that is behind takes at a time: few at first, then as many as have about so many bytes."""
SAMPLED = 64
"""Records whose size is looked at, of those that came together; what is held in all is bounded by the reader's buffer."""
PIECE_BYTES = 256 * 1024
"""Records that are made ready for a reader at a time: more are not held in memory for one who is slow."""
STALL_SECONDS = 1.0
"""A stream whose reader takes nothing for so long gives its consumer back until he does."""
TURN_SECONDS = 1.0
"""For so long a stream that is behind keeps its consumer while others wait for one."""
BEGIN_PATIENCE_SECONDS = 10.0
"""How long a stream waits for a consumer before it begins (429 or 503)."""
PATIENCE_SECONDS = 60.0
"""How long a stream that is behind waits for one before it ends with that error."""
SWEEP_SECONDS = 2.0
"""Pause between two looks for callers whose credentials do not count any more, and for what nobody uses."""
MOST_PARTITIONS = 1000
"""That a stream may name."""


class Reads:
    """The routes that read without a consumer instance.

    Args:
        gateway: settings, callers and metrics.
    """

    def __init__(self, gateway: "Gateway") -> None:
        self.gateway = gateway
        self._limits = gateway.settings.limits
        self._readers = Readers(gateway)
        self._feeds: dict[tuple[Caller, str], Feed] = {}
        self._streams: set[_Stream] = set()
        self._tasks: list[asyncio.Task[None]] = []
        self._closing: set[asyncio.Task[None]] = set()
        gateway.metrics.gauge("gateway_feeds", "Topics read for streams at their end.", lambda: len(self._feeds))
        gateway.metrics.gauge(
            "gateway_feed_bytes",
            "Newest records kept for streams, in bytes.",
            lambda: sum(feed.kept for feed in list(self._feeds.values())),
        )

    @property
    def feed_bytes(self) -> int:
        """Newest records that each feed may keep."""
        return self._limits.feed_bytes // max(1, len(self._feeds))

    def routes(self) -> list[Route]:
        """What this class answers."""
        stream = "/topics/{topic}/stream"
        return [
            Route(
                method="GET",
                path="/topics/{topic}/partitions/{partition}/records",
                handler=self._partition_records,
                name="read",
            ),
            Route(method="GET", path="/topics/{topic}/records", handler=self._records, name="read"),
            Route(method="GET", path=stream, handler=self._events, name="stream", long=True),
            Route(method="WEBSOCKET", path=stream, handler=self._socket, name="stream", long=True),
        ]

    async def close(self) -> None:
        """End every stream, feed and reader."""
        for task in self._tasks:
            task.cancel()
        for feed in list(self._feeds.values()):
            await feed.close()
        for reader in self._readers.expired(now() + 1):
            await reader.close()
        if self._closing:
            await asyncio.wait(self._closing)

    def drop(self, feed: Feed) -> None:
        """A feed has failed: the next stream begins another."""
        if self._feeds.get((feed.caller, feed.topic)) is feed:
            del self._feeds[feed.caller, feed.topic]
        self._close_later(feed.close())

    def dismissal(self, caller: Caller) -> GatewayError | None:
        """Why nothing more is handed to this caller, who was let in; None if he may go on.

        A caller who has a stream is only forgotten when Kafka does not accept the credentials any more.
        """
        if caller in set(self.gateway.callers):
            return None
        return unauthorized("Kafka does not accept these credentials any more.")

    # Reads that end

    async def _partition_records(self, request: Request, topic: str, partition_text: str) -> Response:
        request.known("offset", "timeout", "max_bytes", "max_records")
        partition = _partition(partition_text)
        offset = request.integer("offset", 0)
        seconds, most, most_bytes = self._bounds(request)
        form = _format(request)
        caller = request.caller
        caller.refuse_if_throttled()
        count = (await self.gateway.topic(caller, topic)).partitions
        if partition >= count:
            raise errors.no_partition(topic, partition)
        self._keep_up()
        async with self._readers.borrow(caller) as reader:
            bounds = (await reader.bounds(topic, [partition]))[partition]
            if not bounds[0] <= offset <= bounds[1]:
                raise out_of_range(topic, partition, offset, bounds)
            messages = await self._collect(request, reader, topic, {partition: offset}, seconds, most, most_bytes)
        return Response(body=self._rendered(request, messages, form, b"[", b"]"), content_type=form.media_type)

    async def _records(self, request: Request, topic: str) -> Response:
        request.known("from", "timeout", "max_bytes", "max_records")
        seconds, most, most_bytes = self._bounds(request)
        form = _format(request)
        caller = request.caller
        caller.refuse_if_throttled()
        count = (await self.gateway.topic(caller, topic)).partitions
        self._keep_up()
        async with self._readers.borrow(caller) as reader:
            begin = await _begin(reader, topic, range(count), request.query.get("from", "earliest"))
            positions = begin.positions
            messages = await self._collect(request, reader, topic, positions, seconds, most, most_bytes)
        gaps = f',"gaps":{json.dumps(begin.gaps)}' if begin.gaps else ""
        end = f'],"cursor":"{text_of(positions)}"{gaps}}}'.encode()
        body = self._rendered(request, messages, form, b'{"records":[', end)
        return Response(body=body, content_type=form.media_type)

    def _bounds(self, request: Request) -> tuple[float, int, int]:
        longest = int(self._limits.timeout_seconds * 1000)
        wait = request.integer("timeout", min(DEFAULT_WAIT_MILLISECONDS, longest), most=longest)
        most = request.integer("max_records", DEFAULT_RECORDS, least=1, most=MOST_RECORDS)
        return wait / 1000, most, request.integer("max_bytes", DEFAULT_BYTES, least=1, most=64 * DEFAULT_BYTES)

    def _rendered(self, request: Request, messages: Sequence[Message], form: Format, begin: bytes, end: bytes) -> bytes:
        """The answer with these records, which may be six times as large as they are.

        Raises:
            GatewayError: it holds more bytes than there are.
        """
        parts = [begin]
        for message in messages:
            part = form.record(message)
            # Once here, and once in the answer.
            request.hold(2 * len(part), self.gateway.budget)
            parts += (part, b",")
        if messages:
            parts.pop()
        parts.append(end)
        self.gateway.metrics.read(len(messages))
        return b"".join(parts)

    async def _collect(
        self,
        request: Request,
        reader: Reader,
        topic: str,
        positions: Positions,
        seconds: float,
        most: int,
        most_bytes: int,
    ) -> list[Message]:
        """Records from the positions on, which are moved: what is there, or what comes within the time; one at least.

        Raises:
            GatewayError: Kafka denies it, or does not say in time what is there; the gateway holds too much.
        """
        await reader.assign(topic, dict(positions))
        until = now() + seconds
        collected: list[Message] = []
        size = 0
        ended: set[int] = set()
        while len(collected) < most:
            late = now() >= until
            if late and collected:
                break
            if len(ended) == len(positions) and (late or collected):
                break
            if now() >= until + ANSWER_SECONDS:
                raise errors.timed_out(f"Topic {topic}: Kafka did not answer in time.")
            taken = await reader.consume(most - len(collected), SLICE_SECONDS, positions, patient=True)
            judge(taken.errors, lambda _: f"Topic {topic}")
            if not taken.records and not collected:
                taken.judge()
            for record in taken.records:
                # As it is read, and as it will be handed out.
                length = len(record) + len(record.key() or b"")
                size += length
                if size > most_bytes and collected:
                    return collected
                request.hold(length + RECORD_OVERHEAD, self.gateway.budget)
                collected.append(record)
                positions[record.partition()] = record.offset() + 1
                ended.discard(record.partition())
            for partition, end in taken.ends.items():
                # Behind the last record there may be marks of transactions, which nobody is handed.
                positions[partition] = max(positions[partition], end)
            ended.update(taken.ends)
            if taken.refusals:
                break  # what comes before it is handed out
        return collected

    # Streams

    async def _events(self, request: Request, topic: str) -> Response | None:
        request.known("from", "partitions", "group", "batch", "format", "heartbeat")
        batch = request.integer("batch", 1, least=1, most=MOST_RECORDS)
        outlet = Events(request, _format(request, request.query.get("format")), self._heartbeat(request), batch)
        if request.method == "HEAD":
            await self.gateway.topic(request.caller, topic)
            return Response(content_type=SSE)
        await self._serve(request, topic, outlet)
        return None

    async def _socket(self, request: Request, topic: str) -> None:
        request.known("from", "partitions", "group", "format", "heartbeat")
        outlet = Frames(request, _format(request, request.query.get("format")), self._heartbeat(request))
        await request.receive()  # websocket.connect
        await self._serve(request, topic, outlet)

    def _heartbeat(self, request: Request) -> float:
        default = max(1, round(self._limits.heartbeat_seconds))
        return float(request.integer("heartbeat", default, least=1, most=max(300, default)))

    async def _serve(self, request: Request, topic: str, outlet: Outlet) -> None:
        caller = request.caller
        stream = _Stream(caller, topic, outlet, _chosen(request.query.get("partitions")))
        group, start = request.query.get("group"), request.query.get("from")
        failure: GatewayError | None = None
        try:
            with self.gateway.callers.stream(caller), self._open(stream):
                if group is not None:
                    await self._share(stream, group, start)
                else:
                    await self._follow(
                        stream, "latest" if start is None else start, request.header("last-event-id") or None
                    )
                failure = stream.failure
        except GatewayError as error:
            if not outlet.begun:
                raise
            failure = error
        if not outlet.begun:
            if failure is not None:
                raise failure
            if not self.gateway.ending.is_set():
                raise Gone
            raise errors.overloaded("The gateway is ending: come back.")
        await outlet.end(failure)

    def _keep_up(self) -> None:
        """Begin to look after readers and streams, with the first of them."""
        if not self._tasks:
            self._tasks = [
                WATCH.vital("end of streams", self._end()),
                WATCH.vital("sweep of streams", self._sweep()),
            ]

    @contextlib.contextmanager
    def _open(self, stream: "_Stream") -> Iterator[None]:
        """Know of a stream: that its reader has left, or that it has to end."""
        self._keep_up()
        leaving = WATCH.errand("reader leaves", stream.outlet.gone())
        leaving.add_done_callback(lambda _: stream.stop())
        self._streams.add(stream)
        if self.gateway.ending.is_set():
            stream.stop()
        try:
            yield
        finally:
            self._streams.discard(stream)
            leaving.cancel()

    async def _follow(self, stream: "_Stream", start: str, last_id: str | None) -> None:
        caller, topic, outlet = stream.caller, stream.topic, stream.outlet
        feed = await self._feed(caller, topic)
        with feed.listening(stream.wake):
            if stream.only is not None:
                for partition in stream.only:
                    if partition not in feed.positions:
                        raise errors.no_partition(topic, partition)
            gaps: list[dict[str, int]] = []
            positions = {number: end for number, end in feed.positions.items() if stream.wants(number)}
            if last_id or start != "latest":
                async with self._readers.borrow(caller, BEGIN_PATIENCE_SECONDS) as reader:
                    begin = await _begin(reader, topic, list(feed.positions), last_id or start, only=stream.only)
                positions, gaps = begin.positions, begin.gaps
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

    async def _step(self, stream: "_Stream", feed: Feed) -> bool:
        """Send what the feed has beyond the stream, as far as it goes without a pause; whether that was anything."""
        sent = False
        positions, outlet = stream.positions, stream.outlet
        number = max(stream.next_chunk, feed.first)
        while not stream.stopped and feed.first <= number < feed.first + len(feed.chunks):
            chunk = feed.chunks[number - feed.first]
            number += 1
            stream.next_chunk = number
            records = _of(chunk, stream.only)
            if stream.in_step(chunk):
                # As most are: the same bytes for all of them.
                if records:
                    await outlet.write(_shared(feed, chunk, records, stream))
            else:
                records = [each for each in records if each.offset() >= positions.get(each.partition(), 0)]
                await _in_pieces(records, stream)
            for partition, offset in chunk.end.items():
                if stream.wants(partition) and offset > positions.get(partition, -1):
                    positions[partition] = offset
            if records:
                sent = True
                self.gateway.metrics.read(len(records))
        return sent

    async def _catch_up(self, stream: "_Stream", feed: Feed) -> None:
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
                        return  # deleted while it was read: look at the bounds again
                    judge(taken.errors, lambda _: f"Topic {topic}")
                    if taken.records:
                        self.gateway.metrics.read(len(taken.records))
                        count = max(1, min(STREAMED_AT_MOST, STREAMED_BYTES // _average_size(taken.records)))
                        sending = WATCH.errand("records to a reader", _in_pieces(taken.records, stream))
                        await asyncio.wait({sending}, timeout=STALL_SECONDS)
                        if not sending.done():
                            break
                        sending.result()
                    else:
                        await stream.outlet.write_alive()
                    taken.judge()
                    for partition, offset in taken.ends.items():
                        # Behind the last record there may be marks of transactions, which nobody is handed.
                        positions[partition] = max(positions[partition], offset)
                    if self._readers.wanted and now() > since + TURN_SECONDS:
                        break
            if sending is not None:
                await sending
        finally:
            if sending is not None:
                sending.cancel()

    async def _look_for_gaps(self, stream: "_Stream", feed: Feed, reader: Reader) -> None:
        """Say what Kafka has deleted that would have been next, which is never silently left out."""
        wanted = [number for number in feed.positions if stream.wants(number)]
        for partition, bounds in (await reader.bounds(stream.topic, wanted)).items():
            have = stream.positions.setdefault(partition, 0)  # a partition that was added
            if have < bounds[0]:
                stream.positions[partition] = bounds[0]
                gap = {"partition": partition, "from": have, "to": bounds[0]}
                await stream.outlet.tell("gap", gap, stream.positions)
            elif have > bounds[1]:
                raise out_of_range(stream.topic, partition, have, bounds)

    async def _share(self, stream: "_Stream", group: str, start: str | None) -> None:
        """Read as a member of a group and commit what was handed out."""
        if not is_group(group) or group == NO_GROUP:
            raise malformed(f"group={group[:50]}: is no name of a consumer group.")
        if start not in {None, "earliest", "latest"}:
            raise malformed("from: a group's own offsets say where it goes on: use earliest or latest for a new one.")
        if stream.only is not None:
            raise malformed("partitions: the members of a group share them out: leave partitions or group away.")
        await self.gateway.topic(stream.caller, stream.topic)
        release = self.gateway.callers.claim_consumer(stream.caller)
        member = Member(stream.caller, self._limits, stream.topic, group, start or "earliest")
        try:
            await member.join()
            await stream.outlet.begin({})
            while not stream.stopped:
                records = await member.take()
                if not records:
                    await stream.outlet.write_alive()
                    continue
                stream.positions = {}
                await _in_pieces(records, stream)
                self.gateway.metrics.read(len(records))
                if not stream.stopped:
                    # Only what a reader who was still there has been handed counts as delivered.
                    member.delivered(records)
        finally:
            await asyncio.shield(WATCH.errand("member leaves", _left(member, release)))

    async def _feed(self, caller: Caller, topic: str) -> Feed:
        feed = self._feeds.get((caller, topic))
        if feed is None:
            await self.gateway.topic(caller, topic)
            # Somebody else may have begun one meanwhile.
            feed = self._feeds.get((caller, topic))
        if feed is None:
            feed = Feed(self, caller, topic, self._readers.of_feed(caller))
            self._feeds[caller, topic] = feed
        await feed.ready()
        return feed

    async def _end(self) -> None:
        await self.gateway.ending.wait()
        for stream in list(self._streams):
            stream.stop()

    async def _sweep(self) -> None:
        with WATCH.heart("The sweep of streams") as beat:
            while True:
                await asyncio.sleep(SWEEP_SECONDS)
                beat()
                for stream in list(self._streams):
                    dismissal = self.dismissal(stream.caller)
                    if dismissal is not None:
                        stream.fail(dismissal)
                for reader in self._readers.expired(now() - IDLE_SECONDS):
                    self._close_later(reader.close())
                for key, feed in list(self._feeds.items()):
                    if not feed.used and feed.left_at < now() - LINGER_SECONDS:
                        del self._feeds[key]
                        self._close_later(feed.close())

    def _close_later(self, closing: Coroutine[Any, Any, None]) -> None:
        task = WATCH.errand("closing of a reader", closing, awaited=False)
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)


class _Stream:
    """A stream: where it stands, and what it waits for.

    Args:
        caller: who reads.
        topic: what is read.
        outlet: where it goes.
        only: the partitions that are wanted; None for all.
    """

    __slots__ = (
        "_event",
        "caller",
        "failure",
        "next_chunk",
        "only",
        "outlet",
        "positions",
        "stopped",
        "topic",
    )

    def __init__(self, caller: Caller, topic: str, outlet: Outlet, only: frozenset[int] | None) -> None:
        self.caller = caller
        self.topic = topic
        self.outlet = outlet
        self.only = only
        self.positions: Positions = {}
        self.next_chunk = 0
        self.stopped = False
        self.failure: GatewayError | None = None
        self._event = asyncio.Event()

    def wants(self, partition: int) -> bool:
        """Whether records of this partition are handed out."""
        return self.only is None or partition in self.only

    def in_step(self, chunk: Chunk) -> bool:
        """Whether the next record of the stream is the first of the chunk, in each partition that is wanted."""
        if self.only is None:
            return self.positions == chunk.begin
        return all(self.positions.get(partition) == chunk.begin.get(partition) for partition in self.only)

    def wake(self) -> None:
        """There may be something new."""
        self._event.set()

    def stop(self) -> None:
        """The reader has left, or the program ends."""
        self.stopped = True
        self._event.set()

    def fail(self, error: GatewayError) -> None:
        """End for a reason."""
        self.failure = error
        self.stop()

    async def wait(self) -> None:
        """Wait for a call, or say that the stream is alive when there was none for a while."""
        try:
            async with asyncio.timeout(max(0.01, self.outlet.seconds_until_heartbeat)):
                await self._event.wait()
        except TimeoutError:
            await self.outlet.write_alive()
            return
        self._event.clear()


def _of(chunk: Chunk, only: frozenset[int] | None) -> Sequence[Message]:
    if only is None:
        return chunk.messages
    return [each for each in chunk.messages if each.partition() in only]


def _shared(feed: Feed, chunk: Chunk, records: Sequence[Message], stream: _Stream) -> object:
    """What a chunk looks like for streams that are in step with the feed."""
    return feed.rendering(
        chunk,
        (stream.outlet.form, stream.only),
        lambda: stream.outlet.rendered(records, dict(stream.positions)),
    )


async def _left(member: Member, release: Callable[[], None]) -> None:
    try:
        await member.leave()
    except GatewayError:
        pass  # the group finds out by itself
    finally:
        release()


def _average_size(records: Sequence[Message]) -> int:
    """Bytes of memory that one of them takes, about: as few of them as SAMPLED show it."""
    sample = records[:: len(records) // SAMPLED + 1]
    return RECORD_OVERHEAD + sum(map(len, sample)) // len(sample)


async def _in_pieces(records: Sequence[Message], stream: _Stream) -> None:
    """Send records, made ready a piece at a time; a stream that was stopped gets no more."""
    if not records:
        return
    size = _average_size(records)
    count = max(1, PIECE_BYTES // size)
    outlet, positions = stream.outlet, stream.positions
    with outlet.holding(size * len(records)):
        for begin in range(0, len(records), count):
            if stream.stopped:
                return
            await outlet.write(outlet.rendered(records[begin : begin + count], positions))


class _Begin:
    """Where a read begins, and what is gone before that."""

    __slots__ = ("gaps", "positions")

    def __init__(self, positions: Positions, gaps: list[dict[str, int]]) -> None:
        self.positions = positions
        self.gaps = gaps


async def _begin(
    reader: Reader, topic: str, partitions: Sequence[int], start: str, *, only: frozenset[int] | None = None
) -> _Begin:
    """The positions that `from` or the id of an event mean; `only` are the partitions that are wanted."""
    wanted = [number for number in partitions if only is None or number in only]
    if re.fullmatch(r"[0-9]+:.*", start) and "T" not in start:
        cursor = parse(start)
        for partition in cursor:
            if partition not in partitions:
                raise errors.no_partition(topic, partition)
        bounds = await reader.bounds(topic, wanted)
        named = {partition: offset for partition, offset in cursor.items() if partition in bounds}
        positions = checked(topic, named, bounds)
        gaps = []
        for partition, offset in positions.items():
            low = bounds[partition][0]
            if offset < low:
                gaps.append({"partition": partition, "from": offset, "to": low})
                positions[partition] = low
        return _Begin(positions, gaps)
    if start in {"earliest", "latest"}:
        side = 0 if start == "earliest" else 1
        bounds = await reader.bounds(topic, wanted)
        return _Begin({partition: each[side] for partition, each in bounds.items()}, [])
    return _Begin(await reader.at(topic, wanted, _milliseconds(start)), [])


def _milliseconds(text: str) -> int:
    """A time: milliseconds since 1970, or ISO 8601 (without an offset: UTC)."""
    if text.isascii() and text.isdigit() and len(text) < 17:
        return int(text)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise malformed(
            f"from={text[:50]}: use earliest, latest, a cursor such as 0:5,1:9, milliseconds since 1970 or an ISO 8601 time."
        ) from None
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)


def _chosen(text: str | None) -> frozenset[int] | None:
    """The partitions that `partitions=0,2` names; None for all."""
    if text is None:
        return None
    parts = text.split(",")
    if len(parts) > MOST_PARTITIONS or not all(part.isascii() and part.isdigit() and len(part) <= 10 for part in parts):
        raise malformed(f"partitions={text[:50]}: use numbers such as 0,2, at most {MOST_PARTITIONS}.")
    return frozenset(map(int, parts))


def _partition(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 10):
        raise malformed(f"Partition {text[:50]!r} is not a number.")
    return int(text)


def _format(request: Request, named: str | None = None) -> Format:
    """What the caller wants records to look like: by `form`, or by the Accept header; json if he does not say."""
    if named is not None:
        if named not in set(Format):
            raise malformed(f"format={named[:50]}: use {', '.join(Format)}.")
        return Format(named)
    accept = request.header("accept") or "*/*"
    kinds = [part.partition(";")[0].strip().lower() for part in accept.split(",")]
    for kind in kinds:
        for form in Format:
            if kind == form.media_type:
                return form
        if kind in {"*/*", "application/*", "application/json", "application/vnd.kafka.v2+json", "text/*", SSE, ""}:
            return Format.JSON
    raise GatewayError(
        406, 40601, f"Accept one of {', '.join(form.media_type for form in Format)}, or leave the header out."
    )
