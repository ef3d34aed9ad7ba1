"""Reads without state: by offset, merged over partitions with a cursor, and as streams that resume where they broke."""

import asyncio
import contextlib
import json
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from kafka_platform_runtime.gateway import errors, render
from kafka_platform_runtime.gateway._formats import Format
from kafka_platform_runtime.gateway.errors import GatewayError, malformed
from kafka_platform_runtime.gateway.feed import LINGER_SECONDS, RECORD_OVERHEAD, Feed
from kafka_platform_runtime.gateway.http import Request, Response, Route, now
from kafka_platform_runtime.gateway.identity import Caller
from kafka_platform_runtime.gateway.readers import (
    BUFFER_KILOBYTES,
    IDLE_SECONDS,
    NO_GROUP,
    Message,
    Positions,
    Reader,
    Readers,
    checked,
    out_of_range,
    parse,
    text_of,
)

if TYPE_CHECKING:
    from kafka_platform_runtime.gateway.server import Gateway

DEFAULT_BYTES = 1024 * 1024
DEFAULT_RECORDS = 500
MOST_RECORDS = 10_000
DEFAULT_WAIT_MILLISECONDS = 1000
SLICE_SECONDS = 0.25
"""How long a read holds its thread at a time, so that somebody who left is noticed."""
ANSWER_SECONDS = 10.0
"""How long Kafka may take to say what is there."""
STREAMED_AT_A_TIME = 1000
PIECE_BYTES = 256 * 1024
"""Records that are made ready for a reader at a time: more are not held in memory for one who is slow."""
RETRY_MILLISECONDS = 1000
"""What browsers are told to wait before they come back."""
COMMIT_SECONDS = 1.0
"""Pause between two commits of a group's stream."""
JOIN_SECONDS = 20.0
"""How long joining a group may take before the stream begins all the same."""
POLL_INTERVAL_MILLISECONDS = 600_000
"""A reader of a group that takes nothing for so long loses its partitions to others."""
SSE = "text/event-stream"
GOING_AWAY = 1001
CLOSE_CODES = {401: 3000, 403: 3003, 404: 4404, 503: 1013}
"""WebSocket close codes for the statuses of errors; 1011 for others."""


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
        self._stops: set[Callable[[], None]] = set()
        self._tasks: list[asyncio.Task[None]] = []
        self._closing: set[asyncio.Task[None]] = set()

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
        await self._readers.expire(now() + 1)

    def drop(self, feed: Feed) -> None:
        """A feed has failed: the next stream begins another."""
        if self._feeds.get((feed.caller, feed.topic)) is feed:
            del self._feeds[feed.caller, feed.topic]
        self._close_later(feed.close())

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
        async with self._readers.borrow(caller) as reader:
            bounds = (await reader.bounds(topic, count))[partition]
            if not bounds[0] <= offset <= bounds[1]:
                raise out_of_range(topic, partition, offset, bounds)
            messages = await self._collect(reader, topic, {partition: offset}, seconds, most, most_bytes)
        return Response(body=b"[" + self._rendered(messages, form) + b"]", content_type=form.media_type)

    async def _records(self, request: Request, topic: str) -> Response:
        request.known("from", "timeout", "max_bytes", "max_records")
        seconds, most, most_bytes = self._bounds(request)
        form = _format(request)
        caller = request.caller
        caller.refuse_if_throttled()
        count = (await self.gateway.topic(caller, topic)).partitions
        async with self._readers.borrow(caller) as reader:
            begin = await _begin(reader, topic, count, request.query.get("from", "earliest"), None)
            positions = dict(begin.positions)
            messages = await self._collect(reader, topic, positions, seconds, most, most_bytes)
        text = self._rendered(messages, form)
        for message in messages:
            positions[message.partition()] = message.offset() + 1
        gaps = f',"gaps":{json.dumps(begin.gaps)}' if begin.gaps else ""
        body = b'{"records":[' + text + f'],"cursor":"{text_of(positions)}"{gaps}}}'.encode()
        return Response(body=body, content_type=form.media_type)

    def _bounds(self, request: Request) -> tuple[float, int, int]:
        longest = int(self._limits.timeout_seconds * 1000)
        wait = request.integer("timeout", min(DEFAULT_WAIT_MILLISECONDS, longest), most=longest)
        most = request.integer("max_records", DEFAULT_RECORDS, least=1, most=MOST_RECORDS)
        return wait / 1000, most, request.integer("max_bytes", DEFAULT_BYTES, least=1, most=64 * DEFAULT_BYTES)

    def _rendered(self, messages: Sequence[Message], form: Format) -> bytes:
        text = b",".join([form.record(message) for message in messages])
        self.gateway.metrics.read(len(messages))
        return text

    async def _collect(
        self, reader: Reader, topic: str, positions: Positions, seconds: float, most: int, most_bytes: int
    ) -> list[Message]:
        """Records from the positions on: what is there, or what comes within the time; at least one if there is any.

        Raises:
            GatewayError: Kafka denies it, or does not say in time what is there.
        """
        await reader.assign(topic, positions)
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
            taken = await reader.consume(most - len(collected), SLICE_SECONDS)
            _judge(taken.errors, f"Topic {topic}")
            for record in taken.records:
                size += len(record) + len(record.key() or b"")
                if size > most_bytes and collected:
                    return collected
                collected.append(record)
                ended.discard(record.partition())
            ended.update(taken.ends)
        return collected

    # Streams

    async def _events(self, request: Request, topic: str) -> None:
        request.known("from", "group", "batch", "format", "heartbeat")
        batch = request.integer("batch", 1, least=1, most=MOST_RECORDS)
        form = _format(request, request.query.get("format"))
        begun = False

        async def begin() -> None:
            nonlocal begun
            begun = True
            await request.begin(SSE, [("cache-control", "no-store"), ("x-accel-buffering", "no")])
            await request.piece(f"retry: {RETRY_MILLISECONDS}\n\n".encode())

        async def send(messages: Sequence[Message], positions: Positions, rendered: dict[object, Any] | None) -> None:
            known = None if rendered is None else rendered.get((SSE, form, batch))
            if known is None:
                known = render.sse(messages, positions, form, batch)
                if rendered is not None:
                    rendered[SSE, form, batch] = known
            await request.piece(known)

        async def tell(event: str, data: Mapping[str, Any]) -> None:
            await request.piece(f"event: {event}\ndata: {json.dumps(data)}\n\n".encode())

        async def alive() -> None:
            await request.piece(b": alive\n\n")

        try:
            await self._stream(
                request, topic, form, _Out(begin=begin, send=send, tell=tell, alive=alive, gone=request.gone())
            )
        except GatewayError as error:
            if not begun:
                raise
            await tell("error", {"error_code": error.code, "message": error.message})
        await request.end()

    async def _socket(self, request: Request, topic: str) -> None:
        request.known("from", "group", "format", "heartbeat")
        form = _format(request, request.query.get("format"))
        begun = False

        async def begin() -> None:
            nonlocal begun
            begun = True
            await request.send({"type": "websocket.accept"})

        async def text(data: str) -> None:
            await request.send({"type": "websocket.send", "text": data})

        async def send(messages: Sequence[Message], positions: Positions, rendered: dict[object, Any] | None) -> None:
            known = None if rendered is None else rendered.get(("frame", form))
            if known is None:
                known = render.frame(messages, positions, form)
                if rendered is not None:
                    rendered["frame", form] = known
            await text(known)

        async def tell(event: str, data: Mapping[str, Any]) -> None:
            await text(json.dumps({event: data}))

        async def alive() -> None:
            await text('{"alive":true}')

        async def gone() -> None:
            while (await request.receive())["type"] != "websocket.disconnect":
                pass

        await request.receive()  # websocket.connect
        code, reason = GOING_AWAY, "The gateway is ending: come back."
        try:
            await self._stream(request, topic, form, _Out(begin=begin, send=send, tell=tell, alive=alive, gone=gone()))
        except GatewayError as error:
            if not begun:
                raise
            await tell("error", {"error_code": error.code, "message": error.message})
            code, reason = CLOSE_CODES.get(error.status, 1011), error.message[:100]
        await request.send({"type": "websocket.close", "code": code, "reason": reason})

    async def _stream(self, request: Request, topic: str, form: Format, out: "_Out") -> None:
        caller = request.caller
        self._start()
        heartbeat = float(request.integer("heartbeat", int(self._limits.heartbeat_seconds), least=1, most=300))
        listener = _Listener()
        leaving = asyncio.ensure_future(out.gone)
        leaving.add_done_callback(lambda _: listener.stop())
        self._stops.add(listener.stop)
        if self.gateway.ending.is_set():
            listener.stop()
        try:
            with self.gateway.callers.stream(caller):
                group = request.query.get("group")
                if group is not None:
                    await self._group(caller, topic, group, request.query.get("from"), out, listener, heartbeat)
                else:
                    start = request.query.get("from", "latest")
                    await self._follow(caller, topic, start, request.header("last-event-id"), out, listener, heartbeat)
        finally:
            self._stops.discard(listener.stop)
            leaving.cancel()

    async def _follow(
        self,
        caller: Caller,
        topic: str,
        start: str,
        last_id: str | None,
        out: "_Out",
        listener: "_Listener",
        heartbeat: float,
    ) -> None:
        feed = await self._feed(caller, topic)
        with feed.listening(listener.wake):
            positions = dict(feed.positions)
            gaps: list[dict[str, int]] = []
            if last_id or start != "latest":
                async with self._readers.borrow(caller) as reader:
                    begin = await _begin(reader, topic, len(positions), start, last_id or None)
                positions, gaps = begin.positions, begin.gaps
            await out.begin()
            for gap in gaps:
                await out.tell("gap", gap)
            while not listener.stopped:
                if not feed.has(positions):
                    await self._catch_up(caller, topic, positions, feed, out, listener)
                elif not await self._step(positions, feed, out, listener):
                    if feed.failure is not None:
                        raise feed.failure
                    if not await listener.wait(heartbeat):
                        await out.alive()

    async def _step(self, positions: Positions, feed: Feed, out: "_Out", listener: "_Listener") -> bool:
        """Send what the feed has beyond the positions, as far as it goes without a pause; whether that was anything."""
        sent = False
        number = max(listener.next_chunk, feed.first)
        while not listener.stopped and feed.first <= number < feed.first + len(feed.chunks):
            chunk = feed.chunks[number - feed.first]
            number += 1
            listener.next_chunk = number
            if positions == chunk.begin:
                # In step with the feed, as most are: the same bytes for all of them.
                await out.send(chunk.messages, dict(positions), chunk.rendered)
                count = len(chunk.messages)
            else:
                new = [each for each in chunk.messages if each.offset() >= positions.get(each.partition(), 0)]
                await _in_pieces(new, positions, out, listener)
                count = len(new)
            for partition, offset in chunk.end.items():
                if offset > positions.get(partition, 0):
                    positions[partition] = offset
            if count:
                sent = True
                self.gateway.metrics.read(count)
        return sent

    async def _catch_up(
        self, caller: Caller, topic: str, positions: Positions, feed: Feed, out: "_Out", listener: "_Listener"
    ) -> None:
        """Read alone from the positions on, until the feed has what comes next."""
        listener.next_chunk = 0
        async with self._readers.borrow(caller) as reader:
            bounds = await reader.bounds(topic, len(feed.positions))
            for partition, (low, _) in bounds.items():
                have = positions.setdefault(partition, 0)
                if have < low:
                    # Kafka has deleted it meanwhile: said, and never silently left out. New topics begin at 0.
                    await out.tell("gap", {"partition": partition, "from": have, "to": low})
                    positions[partition] = low
            await reader.assign(topic, dict(positions))
            while not listener.stopped and not feed.has(positions):
                if feed.failure is not None:
                    raise feed.failure
                taken = await reader.consume(STREAMED_AT_A_TIME, 1.0)
                if any(error.code() == KafkaError._AUTO_OFFSET_RESET for error in taken.errors):
                    return  # deleted while it was read: look at the bounds again
                _judge(taken.errors, f"Topic {topic}")
                await _in_pieces(taken.records, positions, out, listener)
                self.gateway.metrics.read(len(taken.records))
                for partition, offset in taken.ends.items():
                    # Behind the last record there may be marks of transactions, which nobody is handed.
                    positions[partition] = max(positions[partition], offset)

    async def _group(
        self,
        caller: Caller,
        topic: str,
        group: str,
        start: str | None,
        out: "_Out",
        listener: "_Listener",
        heartbeat: float,
    ) -> None:
        if not 0 < len(group) <= 249 or group == NO_GROUP:
            raise malformed(f"group={group[:50]}: is no name of a consumer group.")
        if start not in {None, "earliest", "latest"}:
            raise malformed("from: a group's own offsets say where it goes on: use earliest or latest for a new one.")
        await self.gateway.topic(caller, topic)
        release = self.gateway.callers.claim_consumer(caller)
        member = _Member(caller, topic, group, start or "earliest")
        try:
            await member.join()
            await out.begin()
            silent_since = now()
            while not listener.stopped:
                records = await member.take()
                if records:
                    positions: Positions = {}
                    await _in_pieces(records, positions, out, listener)
                    self.gateway.metrics.read(len(records))
                    if not listener.stopped:
                        # Only what a caller who was still there has been handed counts as delivered.
                        await member.delivered(records)
                    silent_since = now()
                elif now() > silent_since + heartbeat:
                    await out.alive()
                    silent_since = now()
        finally:
            await asyncio.shield(asyncio.ensure_future(member.leave()))
            release()

    async def _feed(self, caller: Caller, topic: str) -> Feed:
        feed = self._feeds.get((caller, topic))
        if feed is None:
            await self.gateway.topic(caller, topic)
            # Somebody else may have begun one meanwhile.
            feed = self._feeds.get((caller, topic))
        if feed is None:
            feed = Feed(self, caller, topic, self._readers.new(caller))
            self._feeds[caller, topic] = feed
        await feed.ready()
        return feed

    def _start(self) -> None:
        if not self._tasks:
            self._tasks = [asyncio.create_task(self._end()), asyncio.create_task(self._sweep())]

    async def _end(self) -> None:
        await self.gateway.ending.wait()
        for stop in list(self._stops):
            stop()

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(5)
            await self._readers.expire(now() - IDLE_SECONDS)
            for key, feed in list(self._feeds.items()):
                if not feed.used and feed.left_at < now() - LINGER_SECONDS:
                    del self._feeds[key]
                    await feed.close()

    def _close_later(self, closing: Awaitable[None]) -> None:
        async def close() -> None:
            with contextlib.suppress(asyncio.CancelledError):
                await closing

        task = asyncio.create_task(close())
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)


class _Out:
    """Where a stream goes: Server-Sent Events or a WebSocket."""

    __slots__ = ("alive", "begin", "gone", "send", "tell")

    def __init__(
        self,
        *,
        begin: Callable[[], Awaitable[None]],
        send: Callable[[Sequence[Message], Positions, dict[object, Any] | None], Awaitable[None]],
        tell: Callable[[str, Mapping[str, Any]], Awaitable[None]],
        alive: Callable[[], Awaitable[None]],
        gone: Awaitable[None],
    ) -> None:
        self.begin = begin
        self.send = send
        self.tell = tell
        self.alive = alive
        self.gone = gone


class _Listener:
    """A stream that waits for records, or for its end."""

    __slots__ = ("_event", "next_chunk", "stopped")

    def __init__(self) -> None:
        self._event = asyncio.Event()
        self.stopped = False
        self.next_chunk = 0

    def wake(self) -> None:
        """There may be something new."""
        self._event.set()

    def stop(self) -> None:
        """The reader has left, or the program ends."""
        self.stopped = True
        self._event.set()

    async def wait(self, seconds: float) -> bool:
        """Wait for a call; whether there was one in time."""
        try:
            async with asyncio.timeout(seconds):
                await self._event.wait()
        except TimeoutError:
            return False
        self._event.clear()
        return True


class _Member:
    """A member of a consumer group, for one stream, in a thread of its own."""

    def __init__(self, caller: Caller, topic: str, group: str, start: str) -> None:
        self._topic = topic
        self._group = group
        self._settings = caller.client(
            group_id=group,
            auto_offset_reset=start,
            enable_auto_commit=False,
            enable_auto_offset_store=False,
            max_poll_interval_ms=POLL_INTERVAL_MILLISECONDS,
            isolation_level="read_committed",
            fetch_queue_backoff_ms=5,
            queued_max_messages_kbytes=BUFFER_KILOBYTES,
            fetch_max_bytes=BUFFER_KILOBYTES * 1024,
            partition_assignment_strategy="cooperative-sticky",
        )
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="member")
        self._consumer: Consumer | None = None
        self._joined = False
        self._pending: Positions = {}
        self._committed_at = now()
        self._first: list[Message] = []

    async def join(self) -> None:
        """Become a member.

        Raises:
            GatewayError: this caller may not read the topic or use the group.
        """
        until = now() + JOIN_SECONDS
        while not self._joined and not self._first and now() < until:
            self._first = await self.take()

    async def take(self) -> list[Message]:
        """The next records, or none after a moment."""
        if self._first:
            first, self._first = self._first, []
            return first
        return await self._run(self._take)

    def _take(self) -> list[Message]:
        if self._consumer is None:
            self._consumer = Consumer(self._settings)
            self._consumer.subscribe([self._topic], on_assign=self._on_assign, on_revoke=self._on_revoke)
        messages = self._consumer.consume(STREAMED_AT_A_TIME, SLICE_SECONDS)
        _judge([error for each in messages if (error := each.error()) is not None], f"Group {self._group}")
        if self._pending and now() > self._committed_at + COMMIT_SECONDS:
            self._commit()
        return [each for each in messages if each.error() is None]

    async def delivered(self, records: Sequence[Message]) -> None:
        """These were handed out: to be committed soon."""
        for record in records:
            self._pending[record.partition()] = record.offset() + 1

    async def leave(self) -> None:
        """Commit what was handed out and leave the group."""

        def end() -> None:
            if self._consumer is not None:
                with contextlib.suppress(KafkaException):
                    self._commit()
                self._consumer.close()

        await asyncio.get_running_loop().run_in_executor(self._thread, end)
        self._thread.shutdown(wait=False)

    def _on_assign(self, consumer: Consumer, partitions: Sequence[TopicPartition]) -> None:
        self._joined = True

    def _on_revoke(self, consumer: Consumer, partitions: Sequence[TopicPartition]) -> None:
        # Everything that was taken has been handed out: nothing is taken before that.
        with contextlib.suppress(KafkaException):
            self._commit()

    def _commit(self) -> None:
        self._committed_at = now()
        if self._pending and self._consumer is not None:
            offsets = [TopicPartition(self._topic, *position) for position in self._pending.items()]
            self._pending = {}
            self._consumer.commit(offsets=offsets, asynchronous=False)

    async def _run(self, action: Callable[[], list[Message]]) -> list[Message]:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, action)
        except KafkaException as failure:
            raise errors.from_kafka(failure.args[0], f"Group {self._group}") from None


async def _in_pieces(records: Sequence[Message], positions: Positions, out: _Out, listener: _Listener) -> None:
    """Send records, made ready a piece at a time; a stream that was stopped gets no more."""
    if not records:
        return
    average = RECORD_OVERHEAD + sum(map(len, records)) // len(records)
    count = max(1, PIECE_BYTES // average)
    for begin in range(0, len(records), count):
        if listener.stopped:
            return
        await out.send(records[begin : begin + count], positions, None)


def _judge(found: Sequence[KafkaError], subject: str) -> None:
    """Give up if an error stays; the ups and downs of connections are librdkafka's own affair.

    Raises:
        GatewayError: the read is denied, or what is read does not exist any more.
    """
    for error in found:
        reason = errors.from_kafka(error, subject)
        if reason.status in {401, 403, 404}:
            raise reason


class _Begin:
    """Where a read begins, and what is gone before that."""

    __slots__ = ("gaps", "positions")

    def __init__(self, positions: Positions, gaps: list[dict[str, int]]) -> None:
        self.positions = positions
        self.gaps = gaps


async def _begin(reader: Reader, topic: str, partitions: int, start: str, last_id: str | None) -> _Begin:
    """The positions that `from` or a cursor mean."""
    cursor = (
        last_id if last_id is not None else start if re.fullmatch(r"[0-9]+:.*", start) and "T" not in start else None
    )
    bounds = await reader.bounds(topic, partitions)
    if cursor is not None:
        wanted = parse(cursor)
        positions = checked(topic, wanted, bounds)
        gaps = []
        for partition, offset in positions.items():
            low = bounds[partition][0]
            if offset < low:
                gaps.append({"partition": partition, "from": offset, "to": low})
                positions[partition] = low
        return _Begin(positions, gaps)
    if start == "earliest":
        return _Begin({partition: low for partition, (low, _) in bounds.items()}, [])
    if start == "latest":
        return _Begin({partition: high for partition, (_, high) in bounds.items()}, [])
    return _Begin(await reader.at(topic, partitions, _milliseconds(start)), [])


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
