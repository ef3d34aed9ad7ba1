"""The routes that read without a consumer instance."""

import json
from collections.abc import Sequence

from kafka_platform_runtime.gateway import errors
from kafka_platform_runtime.gateway.core import Core
from kafka_platform_runtime.gateway.cursor import text_of
from kafka_platform_runtime.gateway.errors import GatewayError, malformed
from kafka_platform_runtime.gateway.formats import PLAIN, Format
from kafka_platform_runtime.gateway.http import Request, Response, Route
from kafka_platform_runtime.gateway.polling import Message
from kafka_platform_runtime.gateway.reads.collecting import Bounds, collect
from kafka_platform_runtime.gateway.reads.outlets import SSE, Events, Frames, Outlet
from kafka_platform_runtime.gateway.reads.readers import Readers
from kafka_platform_runtime.gateway.reads.start import begin, out_of_range
from kafka_platform_runtime.gateway.reads.stream import Stream
from kafka_platform_runtime.gateway.reads.streams import Streams
from kafka_platform_runtime.gateway.rights import Right

DEFAULT_BYTES = 1024 * 1024
DEFAULT_RECORDS = 500
MOST_RECORDS = 10_000
DEFAULT_WAIT_MILLISECONDS = 1000
MOST_PARTITIONS = 1000
"""Maximum that a stream may name."""


class Reads:
    """The routes that read without a consumer instance.

    Args:
        core: what all parts share.
    """

    def __init__(self, core: Core) -> None:
        self._core = core
        self._limits = core.limits
        self._readers = Readers(core.callers, core.limits)
        self._streams = Streams(core, self._readers)

    def routes(self) -> list[Route]:
        """The routes that it answers."""
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
        await self._streams.close()
        await self._readers.close()

    # Reads that end

    async def _partition_records(self, request: Request, topic: str, partition_text: str) -> Response:
        request.known("offset", "timeout", "max_bytes", "max_records")
        partition = _partition(partition_text)
        offset = request.integer("offset", 0)
        bounds = self._bounds(request)
        form = self._format(request)
        caller = request.caller
        caller.refuse_if_throttled()
        count = (await self._core.topic(caller, topic, Right.READ)).partitions
        if partition >= count:
            raise errors.no_partition(topic, partition)
        self._streams.keep_up()
        async with self._readers.borrow(caller) as reader:
            have = (await reader.bounds(topic, [partition]))[partition]
            if not have[0] <= offset <= have[1]:
                raise out_of_range(topic, partition, offset, have)
            messages = await collect(request, reader, topic, {partition: offset}, bounds, self._core.budget)
        await self._core.prepare(form, messages)
        return Response(body=self._rendered(request, messages, form, b"[", b"]"), content_type=form.media_type)

    async def _records(self, request: Request, topic: str) -> Response:
        request.known("from", "timeout", "max_bytes", "max_records")
        bounds = self._bounds(request)
        form = self._format(request)
        caller = request.caller
        caller.refuse_if_throttled()
        count = (await self._core.topic(caller, topic, Right.READ)).partitions
        self._streams.keep_up()
        async with self._readers.borrow(caller) as reader:
            start = await begin(reader, topic, range(count), request.query.get("from", "earliest"))
            positions = start.positions
            messages = await collect(request, reader, topic, positions, bounds, self._core.budget)
        await self._core.prepare(form, messages)
        gaps = f',"gaps":{json.dumps(start.gaps)}' if start.gaps else ""
        end = f'],"cursor":"{text_of(positions)}"{gaps}}}'.encode()
        body = self._rendered(request, messages, form, b'{"records":[', end)
        return Response(body=body, content_type=form.media_type)

    def _bounds(self, request: Request) -> Bounds:
        longest = int(self._limits.timeout_seconds * 1000)
        wait = request.integer("timeout", min(DEFAULT_WAIT_MILLISECONDS, longest), most=longest)
        most = request.integer("max_records", DEFAULT_RECORDS, least=1, most=MOST_RECORDS)
        most_bytes = request.integer("max_bytes", DEFAULT_BYTES, least=1, most=64 * DEFAULT_BYTES)
        return Bounds(wait / 1000, most, most_bytes)

    def _rendered(self, request: Request, messages: Sequence[Message], form: Format, begin: bytes, end: bytes) -> bytes:
        """The response with these records, which may be six times as large as they are.

        Raises:
            GatewayError: it needs more bytes than there are.
        """
        parts = [begin]
        for message in messages:
            part = form.record(message)
            # Once here, and once in the response.
            request.hold(2 * len(part), self._core.budget)
            parts += (part, b",")
        if messages:
            parts.pop()
        parts.append(end)
        self._core.metrics.read(len(messages))
        return b"".join(parts)

    # Streams

    async def _events(self, request: Request, topic: str) -> Response | None:
        request.known("from", "partitions", "group", "batch", "format", "heartbeat")
        batch = request.integer("batch", 1, least=1, most=MOST_RECORDS)
        form = self._format(request, request.query.get("format"))
        outlet = Events(request, form, self._heartbeat(request), self._core.prepare, batch)
        if request.method == "HEAD":
            await self._core.topic(request.caller, topic, Right.READ)
            return Response(content_type=SSE)
        await self._serve(request, topic, outlet)
        return None

    async def _socket(self, request: Request, topic: str) -> None:
        request.known("from", "partitions", "group", "acknowledge", "format", "heartbeat")
        form = self._format(request, request.query.get("format"))
        outlet = Frames(request, form, self._heartbeat(request), self._core.prepare)
        await request.receive()  # websocket.connect
        await self._serve(request, topic, outlet, is_acknowledged=request.flag("acknowledge"))

    def _heartbeat(self, request: Request) -> float:
        default = max(1, round(self._limits.heartbeat_seconds))
        return float(request.integer("heartbeat", default, least=1, most=max(300, default)))

    def _format(self, request: Request, named: str | None = None) -> Format:
        """The requested format of records: `form`, or the Accept header, or json by default."""
        forms = PLAIN if self._core.schemas is None else tuple(Format)
        if named is not None:
            if named not in forms:
                raise malformed(f"format={named[:50]}: use {', '.join(forms)}.")
            return Format(named)
        accept = request.header("accept") or "*/*"
        kinds = [part.partition(";")[0].strip().lower() for part in accept.split(",")]
        for kind in kinds:
            for form in forms:
                if kind == form.media_type:
                    return form
            if kind in {"*/*", "application/*", "application/json", "application/vnd.kafka.v2+json", "text/*", SSE, ""}:
                return Format.JSON
        raise GatewayError(
            406,
            40601,
            "Accept one of application/vnd.kafka.FORMAT.v2+json, or leave the header out; FORMAT is one of "
            f"{', '.join(forms)}.",
        )

    async def _serve(self, request: Request, topic: str, outlet: Outlet, *, is_acknowledged: bool = False) -> None:
        wanted = _chosen(request.query.get("partitions"))
        await self._streams.serve(
            Stream(request.caller, topic, outlet, wanted, is_acknowledged=is_acknowledged),
            group=request.query.get("group"),
            start=request.query.get("from"),
            last_id=request.header("last-event-id") or None,
        )


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
