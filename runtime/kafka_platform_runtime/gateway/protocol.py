"""HTTP/1.1 as the gateway speaks it: uvicorn's, with bounds, and with a shorter way for the writes that most callers send."""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from http import HTTPStatus
from typing import Any, Protocol

import httptools
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from kafka_platform_runtime.gateway.clock import now
from kafka_platform_runtime.gateway.connections import Accepted, Connections, State
from kafka_platform_runtime.gateway.credentials import Owner
from kafka_platform_runtime.gateway.errors import GatewayError, malformed
from kafka_platform_runtime.gateway.http import V2, Response, encoded_headers, error_response

HEAD_BYTES = 32 * 1024
"""Size of a request's line and headers together."""
HEAD_FIELDS = 100
PIPELINED = 64
"""Requests of a connection that wait for the answers to those before them."""
PIPELINED_BYTES = 4096
"""What each of them takes beside its body, about."""
FED_BYTES = 4096
"""So much, or the rest of a body, is looked at before requests that wait are counted again: 30 bytes become a hundred times
as many."""
SINGLE = frozenset(
    {
        b"authorization",
        b"content-encoding",
        b"content-length",
        b"content-type",
        b"expect",
        b"host",
        b"last-event-id",
        b"origin",
        b"sec-fetch-dest",
        b"sec-fetch-mode",
        b"sec-fetch-site",
        b"transfer-encoding",
        b"upgrade",
    }
)
"""Fields that mean something here and must not mean two things; those of SINGLE_PREFIX too."""
SINGLE_PREFIX = b"x-gateway-"
DIRECT_BYTES = 64 * 1024
"""The largest body that goes the direct way: as much as is read ahead of any other request, too."""
TOPICS = b"/topics/"
WRITTEN = b"HTTP/1.1 200 OK\r\ncontent-type: " + V2.encode() + b"\r\ncontent-length: %d\r\n\r\n%b"
"""The answer to a write of which all records were acknowledged."""
UNUSUAL = frozenset({b"content-encoding", b"expect", b"origin", b"sec-fetch-site"})
"""Fields of requests that do not go the direct way: there is more to be judged."""
OF_UPGRADE = frozenset({b"upgrade", b"http2-settings"})
"""Fields, and words of the field Connection, by which a caller offers another protocol."""


class Direct(Protocol):
    """Begins a write whose body is there, if nothing has to be waited for but Kafka's acknowledgement."""

    def __call__(
        self,
        *,
        authorization: bytes | None,
        content_type: bytes,
        topic: str,
        body: bytes,
        since: float,
        answer: Callable[[Response], None],
    ) -> bool:
        """Whether it was begun; `answer` is called later then. Otherwise nothing has happened."""


class DirectCycle:
    """A write on the direct way, where uvicorn looks for what a connection is busy with."""

    response_started = False
    response_complete = False
    disconnected = False

    def __init__(self, keep_alive: bool) -> None:
        self.keep_alive = keep_alive
        self.message_event = self

    def set(self) -> None:
        """Nobody waits for what uvicorn tells here."""


class OneWrite(RequestResponseCycle):
    """uvicorn's answer, written at once where all of it is known: a system call for the head alone costs a tenth.

    It returns when the reader has taken the answer, so that what it holds counts until then.
    """

    _start: Mapping[str, Any] | None = None
    _is_unbounded = False

    async def send(self, message: Any) -> None:
        """Keep the head until the body comes."""
        start = self._start
        if start is None:
            if message["type"] == "http.response.start" and not self.response_started:
                self._start = message
            else:
                await self._send(message)
            return
        self._start = None
        if message.get("more_body") or self.flow.write_paused or self.scope["method"] == "HEAD":
            await self._send(start)
            await self._send(message)
            return
        if self.disconnected:
            return
        if self.transport.is_closing():
            self.disconnected = True  # nobody takes the answer any more
            return
        content, self.keep_alive = _whole(start["status"], start["headers"], message["body"], self.keep_alive)
        self.response_started = True
        self.waiting_for_100_continue = False
        self.transport.write(content)
        if self.flow.write_paused:
            await self.flow.drain()
        self.response_complete = True
        self.body.clear()  # what came of it without being asked for
        self.message_event.set()
        if not self.keep_alive:
            self.transport.close()
        self.on_response()

    async def _send(self, message: Any) -> None:
        """As uvicorn does, but for HTTP/1.0, which knows no chunks: the end of the connection is that of the answer."""
        if self.scope["http_version"] == "1.0":
            if message["type"] == "http.response.start":
                self._is_unbounded = all(name != b"content-length" for name, _ in message["headers"])
                if self._is_unbounded:
                    self.chunked_encoding = False
            elif self._is_unbounded:
                self.expected_content_length = len(message["body"])
        await super().send(message)

    async def receive(self) -> Any:
        """What has come of the body; it is the handler's from here on."""
        message = await super().receive()
        connection: BoundedProtocol = self.scope["connection"]  # type: ignore[typeddict-item]
        connection.recount()
        return message


def _whole(status: int, headers: Iterable[tuple[bytes, bytes]], body: bytes, keep_alive: bool) -> tuple[bytes, bool]:
    """An answer as it goes over the wire, and whether the connection stays open after it."""
    content = [STATUS_LINE[status]]
    for name, value in headers:
        if name == b"connection":  # only ever to close it
            keep_alive = False
            continue
        content += (name, b": ", value, b"\r\n")
    content += (b"\r\n" if keep_alive else b"connection: close\r\n\r\n", body)
    return b"".join(content), keep_alive


class BoundedProtocol(HttpToolsProtocol, Accepted):
    """uvicorn's HTTP/1.1 with bounds of which it has none: size, fields and time of a head, and of what frames a body.

    Nothing of a body is read ahead on a connection on which nobody was logged in yet, and one piece on others.

    A write whose caller and topic are known, and whose body is small, goes the direct way: no task, no scope and no
    timer are made for it, which cost as much as all of its hundred records. Whatever is unusual about a request sends it
    the ordinary way, so that only one place has to know of it.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._head_bytes = 0
        self._head_since: float | None = now()
        """Since when a head is expected or under way; None while there is none."""
        self._body_since: float | None = None
        """Since when a body is under way; None while there is none."""
        self._framing_bytes = 0
        """Since the last piece of the body: sizes and extensions of chunks, trailers."""
        self._fault: GatewayError | None = None
        self._offers_upgrade = False
        """The request that has just been read offers to go on in another protocol, which nobody speaks here."""
        self._direct: Direct = self.config.app.direct  # type: ignore[union-attr]
        self._direct_body: bytes | None = None
        """What has arrived of the body of a request that may go the direct way; None if it does not."""
        self._direct_length = 0
        """How long it will be."""
        self._authorization: bytes | None = None
        self._content_type = b""
        self._idle_since: float | None = None
        """Since when nothing is under way; None while something is."""
        self._asked_at = 0.0
        """When the last head was there."""
        self._held = 0
        """Bytes of the caller's that are here and of which no handler knows yet."""
        self._unread = b""
        """What has come and was not looked at yet."""
        self._is_socket = False
        self._in_hand = 0
        """Bytes of records that a stream is about to write."""
        self._open: Connections = self.config.app.open  # type: ignore[union-attr]
        self._known: Callable[[bytes | None], Any] = self.config.app.callers.known  # type: ignore[union-attr]
        self.owner: Owner = ()
        self.is_stranger = True

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """It was accepted, and TLS agreed on."""
        super().connection_made(transport)
        self._open.replace(self.handshake, self)

    def connection_lost(self, exc: Exception | None) -> None:
        """It has ended."""
        super().connection_lost(exc)
        self._open.remove(self)
        # Those who are at work have what they need; without these cycles all of it is freed at once.
        self.pipeline.clear()
        self.cycle = self.scope = None  # type: ignore[assignment]
        self.headers, self._unread, self._direct_body = [], b"", None

    def pause_writing(self) -> None:
        """The caller does not take what is written."""
        super().pause_writing()
        self._open.written.hold(self, self._in_hand + self.transport.get_write_buffer_size())

    def resume_writing(self) -> None:
        """He does again."""
        super().resume_writing()
        self._open.written.hold(self, self._in_hand)

    def holds(self, count: int) -> None:
        """So many bytes of records are about to be written."""
        self._in_hand = count
        waiting = self.transport.get_write_buffer_size() if self.flow.write_paused else 0
        self._open.written.hold(self, count + waiting)

    def recount(self) -> None:
        """Count what is held after it has changed."""
        cycle, held = self.cycle, len(self._unread)
        if self._head_since is not None:
            held += self._head_bytes
        if self._direct_body:
            held += len(self._direct_body)
        if type(cycle) is OneWrite:
            # The last of those that wait is `cycle`.
            waiting = [each for each, _ in self.pipeline] or [cycle]
            held += PIPELINED_BYTES * len(self.pipeline) + sum(len(each.body) for each in waiting)
        if held != self._held:
            self._held = held
            self._open.read(self, held)

    def state(self) -> tuple[State, float]:
        """What it does, and since when."""
        cycle = self.cycle
        if self.flow.write_paused:
            return State.BLOCKED, 0.0
        if self.flow.read_paused and self._is_next_under_way() and cycle is not None and not cycle.response_complete:
            # The caller is not late with what nobody reads before this one is answered.
            return (State.STREAMING, 0.0) if cycle.response_started else (State.ANSWERING, self._asked_at)
        if self._body_since is not None:
            if self._direct_body is None and cycle.response_started and not cycle.response_complete:
                return State.STREAMING, 0.0
            return State.BODY, self._body_since
        if self._head_since is not None:
            return State.HEAD, self._head_since
        if self._idle_since is not None:
            return State.IDLE, self._idle_since
        if cycle is not None and cycle.response_started and not cycle.response_complete:
            return State.STREAMING, 0.0
        return State.ANSWERING, self._asked_at

    def _is_next_under_way(self) -> bool:
        """Whether a part of a request has come behind the one that is answered."""
        return self._head_since is not None or bool(self.pipeline)

    def too_late(self, state: State, seconds: float) -> None:
        """A deadline is over."""
        if state is State.BODY or (state is State.HEAD and self._head_bytes):
            what = "body" if state is State.BODY else "head of the request"
            late = f"The {what} did not arrive within {seconds:g} s."
            self._refuse(GatewayError(HTTPStatus.REQUEST_TIMEOUT, 40801, late))
        elif state is State.ANSWERING:
            self.transport.abort()
        else:
            self.transport.close()

    def data_received(self, data: bytes) -> None:
        """Bytes of the caller."""
        if self._unread or len(data) > FED_BYTES:
            self._unread += data
            self._feed_unread()
        else:
            self._feed(data)

    def _feed_unread(self) -> None:
        """Look at what has come, unless too many requests wait for their answers already."""
        data, self._unread = self._unread, b""
        begin = 0
        while begin < len(data) and not self.transport.is_closing() and not self._is_socket:
            if len(self.pipeline) >= PIPELINED:
                self._unread = data[begin:]
                self.flow.pause_reading()
                self.recount()
                return
            rest = 0 if self._direct_body is None else self._direct_length - len(self._direct_body)
            end = begin + max(FED_BYTES, rest)
            self._feed(data[begin:end])
            begin = end

    def _feed(self, data: bytes) -> None:
        """Look at bytes; in a head they count even before the header that they belong to is complete."""
        if self._head_since is not None:
            self._head_bytes += len(data)
        else:
            self._framing_bytes += len(data)
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._upgrade(data, upgrade.args[0])
        except httptools.HttpParserError:
            self.send_400_response("")
        if self._head_since is not None:
            if self._head_bytes > HEAD_BYTES and not self.transport.is_closing():
                self._refuse(_head_too_large())
        elif self._framing_bytes > HEAD_BYTES and self._body_since is not None and not self.transport.is_closing():
            self._refuse(_head_too_large())
        if self._held or self._head_since is not None or self._body_since is not None or type(self.cycle) is OneWrite:
            self.recount()

    def _upgrade(self, data: bytes, end: int) -> None:
        """Speak WebSocket, or go on with HTTP: uvicorn loses the body where it knows nothing of what is offered."""
        while self._offers_upgrade:
            data = self._head_without_upgrade() + data[end:]
            try:
                self.parser.feed_data(data)
                return
            except httptools.HttpParserUpgrade as upgrade:
                end = upgrade.args[0]
            except httptools.HttpParserError:
                self.send_400_response("")
                return
        if self._should_upgrade():
            if self.cycle is not None and not self.cycle.response_complete:
                self.transport.close()  # the answer under way and the handshake would be one stream of bytes
            else:
                self.handle_websocket_upgrade()

    def handle_websocket_upgrade(self) -> None:
        """Go on as a WebSocket."""
        self._is_socket = True
        self.connections.discard(self)
        head = [b"GET ", self.url, b" HTTP/1.1\r\n"]
        for name, value in self.headers:
            head += [name, b": ", value, b"\r\n"]
        socket = BoundedSocket(config=self.config, server_state=self.server_state, app_state=self.app_state)
        socket.connection_made(self.transport)
        self._open.replace(self, socket)
        socket.data_received(b"".join([*head, b"\r\n"]))
        self.transport.set_protocol(socket)

    def _head_without_upgrade(self) -> bytes:
        """The head just read, without the caller's wish to speak HTTP/2, which Java's client has with each request."""
        self._offers_upgrade = False
        version = self.parser.get_http_version().encode()
        head = [self.parser.get_method(), b" ", self.url, b" HTTP/", version, b"\r\n"]
        for name, value in self.headers:
            if name == b"connection":
                wishes = [wish.strip() for wish in value.split(b",")]
                value = b", ".join(wish for wish in wishes if wish.lower() not in OF_UPGRADE)
            if name not in OF_UPGRADE and (name != b"connection" or value):
                head += [name, b": ", value, b"\r\n"]
        self.parser = httptools.HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)  # as uvicorn does
        return b"".join([*head, b"\r\n"])

    def on_message_begin(self) -> None:
        """The first byte of a head."""
        self.url = b""
        self.headers = []
        self.expect_100_continue = False
        self._idle_since = None
        if self._head_since is None:
            self._head_since = now()
            self._head_bytes = 0

    def on_headers_complete(self) -> None:
        """The head is here."""
        if len(self.headers) > HEAD_FIELDS or (
            # What has arrived may be the body too, so that only now its size is known.
            self._head_bytes > HEAD_BYTES
            and len(self.url) + sum(len(name) + len(value) for name, value in self.headers) > HEAD_BYTES
        ):
            self._fault = _head_too_large()
            raise self._fault
        fault = self._ambiguity()
        if fault is not None:
            self._fault = fault
            raise fault
        if self.parser.should_upgrade() and not self._should_upgrade() and self.parser.get_method() != b"CONNECT":
            self._offers_upgrade = True
            return
        self._head_since = None
        self._framing_bytes = 0
        self._asked_at = now()
        if self._may_go_direct():
            self._direct_body = b""
        else:
            self._go_the_ordinary_way()
        self._body_since = self._asked_at

    def on_header(self, name: bytes, value: bytes) -> None:
        """A field of the head; those behind the body (trailers) mean nothing here, nor do blanks around a value."""
        if self._body_since is None:
            super().on_header(name, value.strip(b" \t"))

    def _ambiguity(self) -> GatewayError | None:
        """Why the head could mean two things, or none; None if it means one."""
        names = [name for name, _ in self.headers]
        if len(set(names)) != len(names):
            for name in names:
                if (name in SINGLE or name.startswith(SINGLE_PREFIX)) and names.count(name) > 1:
                    return malformed(f"The field {name.decode()} is there twice: send it once.")
        version = self.parser.get_http_version()
        if b"host" not in names and version == "1.1":
            return malformed("The field host is missing, which HTTP/1.1 requires.")
        if version not in {"1.1", "1.0"}:
            return malformed("Speak HTTP/1.1.")
        if self.url[:1] != b"/" or b"#" in self.url:
            return self._of_target()
        if self.parser.should_upgrade() and self._should_upgrade():
            framed = b"content-length" in names or b"transfer-encoding" in names
            if framed or version != "1.1" or self.parser.get_method() != b"GET":
                return malformed("A WebSocket is opened by GET of HTTP/1.1 without a body.")
        if b"expect" in names and dict(self.headers)[b"expect"].lower() != b"100-continue":
            return GatewayError(HTTPStatus.EXPECTATION_FAILED, 41701, "Expect 100-continue, or nothing.")
        return None

    def _of_target(self) -> GatewayError | None:
        """Judge a target that is no plain path."""
        if self.url == b"*" or self.parser.get_method() == b"CONNECT":
            return None
        try:
            parsed = httptools.parse_url(self.url)
        except httptools.HttpParserInvalidURLError:
            return malformed("The target of the request is no URL.")
        if parsed.fragment is not None:
            return malformed("The target of the request has a fragment: leave # and what follows away.")
        authority = (parsed.host or b"") + (b":%d" % parsed.port if parsed.port else b"")
        if authority.lower() != dict(self.headers).get(b"host", authority).lower():
            return malformed("The target of the request and the field host name different hosts.")
        return None

    def _may_go_direct(self) -> bool:
        """Whether the head is that of a small write, and nothing else is under way on this connection.

        On a connection of a stranger the caller must be known already: then the connection is.
        """
        if not self.url.startswith(TOPICS) or self.parser.get_method() != b"POST" or self.parser.should_upgrade():
            return False
        length = None
        self._authorization, self._content_type = None, b""
        for name, value in self.headers:
            if name == b"authorization":
                self._authorization = value
            elif name == b"content-type":
                self._content_type = value
            elif name == b"content-length":
                length = int(value)
            elif name in UNUSUAL:
                return False
        if length is None or length > DIRECT_BYTES or self.flow.write_paused:
            return False
        if self.cycle is not None and not self.cycle.response_complete:
            return False
        self._direct_length = length
        if self.is_stranger:
            caller = self._known(self._authorization)
            if caller is None:
                return False
            self._open.identified(self, caller.identity.owner)
        return True

    def _go_the_ordinary_way(self) -> None:
        """What uvicorn does from the first byte of a head to its last."""
        url, headers, expects = self.url, self.headers, self.expect_100_continue
        super().on_message_begin()
        self.url, self.expect_100_continue = url, expects
        self.headers.extend(headers)
        super().on_headers_complete()
        if self.parser.should_upgrade():
            return
        self.cycle.__class__ = OneWrite
        self.scope["connection"] = self  # type: ignore[typeddict-unknown-key]
        if self.is_stranger:
            # The handler reads on when it knows who it is.
            self.flow.pause_reading()

    def _go_direct(self, body: bytes, since: float) -> bool:
        """Begin a write whose head was there at `since`; whether that was possible."""
        cycle = DirectCycle(self.parser.get_http_version() != "1.0" and self.parser.should_keep_alive())

        def answer(response: Response) -> None:
            if self.transport.is_closing():
                return
            keep_alive = cycle.keep_alive
            if response.status == HTTPStatus.OK and keep_alive and not response.headers:
                content = WRITTEN % (len(response.body), response.body)
            else:
                content, keep_alive = _whole(response.status, encoded_headers(response), response.body, keep_alive)
            cycle.response_started = cycle.response_complete = True
            self.transport.write(content)
            if not keep_alive:
                self.transport.close()
            self.on_response_complete()

        begun = self._direct(
            authorization=self._authorization,
            content_type=self._content_type,
            topic=self.url[len(TOPICS) :].decode("latin-1"),
            body=body,
            since=since,
            answer=answer,
        )
        if begun:
            self.cycle = cycle  # type: ignore[assignment]
        return begun

    def on_body(self, body: bytes) -> None:
        """A piece of the body."""
        self._framing_bytes = 0
        if self._direct_body is None:
            super().on_body(body)
            if not self.cycle.response_complete:
                self.flow.pause_reading()
            # Otherwise nobody asks for more, and it is read to its end: the next request may stand behind it.
        else:
            self._direct_body = self._direct_body + body if self._direct_body else body

    def on_message_complete(self) -> None:
        """The body is here, and what followed it."""
        if self._offers_upgrade:
            return
        body, since = self._direct_body, self._body_since
        self._direct_body = self._body_since = None
        if body is None:
            super().on_message_complete()
            if not self.is_stranger and not self.pipeline:
                self.flow.resume_reading()  # that the caller leaves is noticed by reading
        elif not self._go_direct(body, since or now()):
            self._go_the_ordinary_way()
            if body:
                super().on_body(body)
            super().on_message_complete()

    def on_response_complete(self) -> None:
        """An answer is written: as uvicorn's, without a timer for each."""
        if self.transport.is_closing():
            return
        if self._is_next_under_way():  # its time begins with its turn
            self._head_since = None if self._head_since is None else now()
            self._body_since = None if self._body_since is None else now()
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())
        else:
            self._idle_since = now()
        if not self._unread:
            self.flow.resume_reading()
        elif len(self.pipeline) < PIPELINED // 2:
            self.loop.call_soon(self._feed_unread)

    def send_400_response(self, msg: str) -> None:
        """Say why the request is not taken, as every other error is said, and close the connection."""
        if self._body_since is None:  # what is wrong is no part of the request that `cycle` answers
            answering = self.cycle is not None and not self.cycle.response_complete
        else:
            answering = self._direct_body is None and self.cycle.response_started
        if self.pipeline or answering:
            # Another answer is under way, or this request has one already: a second would be taken for it.
            self.transport.close()
            return
        response = error_response(self._fault or malformed("The request is not HTTP/1.1."))
        head = [f"HTTP/1.1 {response.status} {HTTPStatus(response.status).phrase}".encode(), b"connection: close"]
        head += [name + b": " + value for name, value in encoded_headers(response)]
        self.transport.write(b"\r\n".join([*head, b"", response.body]))
        self.transport.close()

    def _refuse(self, fault: GatewayError) -> None:
        self._fault = fault
        self.send_400_response("")


def _head_too_large() -> GatewayError:
    return GatewayError(
        HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
        43101,
        f"The head of the request is too large: at most {HEAD_BYTES} bytes and {HEAD_FIELDS} fields are taken.",
    )


class BoundedSocket(WebSocketsSansIOProtocol):
    """uvicorn's WebSocket, counted and ended as every other connection."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._open: Connections = self.config.app.open  # type: ignore[union-attr]
        self._since = now()
        self._in_hand = 0
        self.owner: Owner = ()
        self.is_stranger = True

    def connection_lost(self, exc: Exception | None) -> None:
        """It has ended."""
        super().connection_lost(exc)
        self._open.remove(self)

    def handle_connect(self, event: Any) -> None:
        """The handshake is here."""
        super().handle_connect(event)
        if not self.close_sent:
            self.scope["connection"] = self  # type: ignore[typeddict-unknown-key]

    def pause_writing(self) -> None:
        """The caller does not take what is written: nothing of what he sends is read, as each ping would be answered."""
        super().pause_writing()
        self.transport.pause_reading()
        self._open.written.hold(self, self._in_hand + self.transport.get_write_buffer_size())

    def resume_writing(self) -> None:
        """He does again."""
        super().resume_writing()
        if not self.read_paused:
            self.transport.resume_reading()
        self._open.written.hold(self, self._in_hand)

    async def receive(self) -> Any:
        """What has come; while the caller takes nothing, nothing is read."""
        message = await super().receive()
        if not self.writable.is_set():
            self.transport.pause_reading()
        return message

    def holds(self, count: int) -> None:
        """So many bytes of records are about to be written."""
        self._in_hand = count
        waiting = 0 if self.writable.is_set() else self.transport.get_write_buffer_size()
        self._open.written.hold(self, count + waiting)

    def state(self) -> tuple[State, float]:
        """What it does, and since when."""
        if not self.writable.is_set():
            return State.BLOCKED, 0.0
        return (State.STREAMING, 0.0) if self.handshake_complete else (State.ANSWERING, self._since)

    def too_late(self, state: State, seconds: float) -> None:
        """The handshake was never answered."""
        self.transport.abort()
