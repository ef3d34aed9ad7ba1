"""HTTP/1.1 as the gateway speaks it: uvicorn's, with bounds, and with a shorter way for the writes that most callers send."""

import asyncio
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, Protocol

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from kafka_platform_runtime.gateway.callers.credentials import Owner
from kafka_platform_runtime.gateway.clock import now
from kafka_platform_runtime.gateway.errors import GatewayError, malformed
from kafka_platform_runtime.gateway.http import Response, encoded_headers, error_response
from kafka_platform_runtime.gateway.wire.answers import WRITTEN, DirectCycle, OneWrite, whole
from kafka_platform_runtime.gateway.wire.connections import Connections, State
from kafka_platform_runtime.gateway.wire.door import Accepted
from kafka_platform_runtime.gateway.wire.heads import (
    HEAD_BYTES,
    HEAD_FIELDS,
    ambiguity,
    head_too_large,
    without_upgrade,
)
from kafka_platform_runtime.gateway.wire.sockets import BoundedSocket

PIPELINED = 64
"""Requests of a connection that wait for the answers to those before them."""
PIPELINED_BYTES = 4096
"""What each of them takes beside its body, about."""
FED_BYTES = 4096
"""So much, or the rest of a body, is looked at before requests that wait are counted again: 30 bytes become a hundred times
as many."""
DIRECT_BYTES = 64 * 1024
"""The largest body that goes the direct way: as much as is read ahead of any other request, too."""
TOPICS = b"/topics/"
UNUSUAL = frozenset({b"content-encoding", b"expect", b"origin", b"sec-fetch-site"})
"""Fields of requests that do not go the direct way: there is more to be judged."""


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
                self._refuse(head_too_large())
        elif self._framing_bytes > HEAD_BYTES and self._body_since is not None and not self.transport.is_closing():
            self._refuse(head_too_large())
        if self._held or self._head_since is not None or self._body_since is not None or type(self.cycle) is OneWrite:
            self.recount()

    def _upgrade(self, data: bytes, end: int) -> None:
        """Speak WebSocket, or go on with HTTP: uvicorn loses the body where it knows nothing of what is offered."""
        while self._offers_upgrade:
            self._offers_upgrade = False
            data = without_upgrade(self.parser, self.url, self.headers) + data[end:]
            self.parser = httptools.HttpRequestParser(self)
            self.parser.set_dangerous_leniencies(lenient_data_after_close=True)  # as uvicorn does
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
            self._fault = head_too_large()
            raise self._fault
        fault = ambiguity(self.parser, self.url, self.headers, self.parser.should_upgrade() and self._should_upgrade())
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
                content, keep_alive = whole(response.status, encoded_headers(response), response.body, keep_alive)
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
