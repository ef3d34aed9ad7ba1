"""HTTP/1.1 as the gateway speaks it: uvicorn's, with bounds, and a shorter path for the most common writes."""

import logging
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, Protocol

import httptools

from kafka_platform_runtime.gateway.clock import now
from kafka_platform_runtime.gateway.http import Response, encoded_headers
from kafka_platform_runtime.gateway.wire.answers import WRITTEN, DirectCycle, OneWrite, whole
from kafka_platform_runtime.gateway.wire.counted import CountedProtocol
from kafka_platform_runtime.gateway.wire.heads import (
    HEAD_BYTES,
    HEAD_FIELDS,
    ambiguity,
    head_too_large,
    without_upgrade,
)
from kafka_platform_runtime.gateway.wire.sockets import BoundedSocket

LOG = logging.getLogger("gateway")

PIPELINED = 64
"""Maximum requests on a connection that may wait for earlier responses."""
FED_BYTES = 4096
"""Bytes parsed before waiting requests are counted again, unless the rest of a body is longer: a request of 30 bytes takes
a hundred times as much memory."""
DIRECT_BYTES = 64 * 1024
"""The largest body on the direct path: as much as is read ahead of any other request, too."""
TOPICS = b"/topics/"
UNUSUAL = frozenset({b"content-encoding", b"expect", b"origin", b"sec-fetch-site"})
"""Header fields that keep a request off the direct path, because there is more to check."""


class Direct(Protocol):
    """Begins a write whose body has arrived, if it has to wait for nothing but Kafka's acknowledgement."""

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
        """Whether it was begun: then `answer` is called later; otherwise nothing has happened."""


class BoundedProtocol(CountedProtocol):
    """uvicorn's HTTP/1.1 with bounds that it lacks: on size, fields and time of a head, and on what frames a body.

    Nothing of a body is read ahead on a connection without a login, and one piece on others.

    A write whose caller and topic are known, and whose body is small, takes the direct path: it gets no task, no scope
    and no timer, which would cost as much as all of its hundred records. Anything unusual about a request sends it
    the ordinary way, so that only one place has to handle it.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._framing_bytes = 0
        """Bytes since the last piece of the body: sizes and extensions of chunks, trailers."""
        self._offers_upgrade = False
        """The last request read offers to continue in another protocol, which is not supported here."""
        self._direct: Direct = self.config.app.direct  # type: ignore[union-attr]
        self._direct_length = 0
        """Length of the body of a request that may take the direct path."""
        self._authorization: bytes | None = None
        self._content_type = b""
        self._is_socket = False
        self._known: Callable[[bytes | None], Any] = self.config.app.callers.known  # type: ignore[union-attr]

    def data_received(self, data: bytes) -> None:
        """Bytes from the caller."""
        if self._unread or len(data) > FED_BYTES:
            self._unread += data
            self._feed_unread()
        else:
            self._feed(data)

    def _feed_unread(self) -> None:
        """Parse what has arrived, unless too many requests already wait for their responses."""
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
        """Parse bytes; those of a head count even before their header is complete."""
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
        """Switch to WebSocket, or continue with HTTP: uvicorn loses the body of a request that offers anything else."""
        while self._offers_upgrade:
            self._offers_upgrade = False
            data = without_upgrade(self.parser, self.url, self.headers) + data[end:]
            self.parser = httptools.HttpRequestParser(self)
            self.parser.set_dangerous_leniencies(lenient_data_after_close=True)  # like uvicorn
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
                self.transport.close()  # the current response and the handshake would be one stream of bytes
            else:
                self.handle_websocket_upgrade()

    def handle_websocket_upgrade(self) -> None:
        """Continue as a WebSocket."""
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
        """The head has arrived."""
        if len(self.headers) > HEAD_FIELDS or (
            # What has arrived may include the body, so its size is only known now.
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
        self._add_shown()
        if self._may_go_direct():
            self._direct_body = b""
        else:
            self._go_the_ordinary_way()
        self._body_since = self._asked_at

    def on_header(self, name: bytes, value: bytes) -> None:
        """A field of the head; those after the body (trailers) are ignored, as are blanks around a value."""
        if self._body_since is None:
            super().on_header(name, value.strip(b" \t"))

    def _add_shown(self) -> None:
        """Have a caller without other credentials be the user that the certificate names: what follows knows one kind of login."""
        if self._shown is None or any(name == b"authorization" for name, _ in self.headers):
            return
        try:
            authorization = self._certificates.authorization(self._shown)
        except OSError as error:
            LOG.error("The password of a certificate's user cannot be read: %s", error.strerror)
            return
        if authorization is not None:
            self.headers.append((b"authorization", authorization))

    def _may_go_direct(self) -> bool:
        """Whether the head is that of a small write, and nothing else is in progress on this connection.

        On a stranger's connection the caller must be known already: then the connection is, too.
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
        """Do what uvicorn does from the first byte of a head to its last."""
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
            # The handler reads on once it knows the caller.
            self.flow.pause_reading()

    def _go_direct(self, body: bytes, since: float) -> bool:
        """Begin a write whose head had arrived at `since`; whether that was possible."""
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
            # Otherwise nobody requests more, and it is read to its end: the next request may follow it.
        else:
            self._direct_body = self._direct_body + body if self._direct_body else body

    def on_message_complete(self) -> None:
        """The body has arrived, and what followed it."""
        if self._offers_upgrade:
            return
        body, since = self._direct_body, self._body_since
        self._direct_body = self._body_since = None
        if body is None:
            super().on_message_complete()
            if not self.is_stranger and not self.pipeline:
                self.flow.resume_reading()  # only reading notices that the caller leaves
        elif not self._go_direct(body, since or now()):
            self._go_the_ordinary_way()
            if body:
                super().on_body(body)
            super().on_message_complete()

    def on_response_complete(self) -> None:
        """A response is written: like uvicorn's, without a timer for each."""
        if self.transport.is_closing():
            return
        if self._is_next_under_way():  # its time starts with its turn
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
