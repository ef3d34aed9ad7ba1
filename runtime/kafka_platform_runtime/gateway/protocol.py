"""HTTP/1.1 as the gateway speaks it: uvicorn's, with bounds, and with a shorter way for the writes that most callers send."""

from collections.abc import Callable, Iterable, Mapping
from http import HTTPStatus
from typing import Any, Protocol

import httptools
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from kafka_platform_runtime.gateway.errors import GatewayError, malformed
from kafka_platform_runtime.gateway.http import V2, Response, encoded_headers, error_response, now

HEAD_SECONDS = 10.0
"""How long the head of a request may take to arrive."""
HEAD_BYTES = 32 * 1024
"""Size of a request's line and headers together."""
HEAD_FIELDS = 100
IDLE_CONNECTION_SECONDS = 75.0
DIRECT_BYTES = 64 * 1024
"""The largest body that goes the direct way: as much as is read ahead of any other request, too."""
TOPICS = b"/topics/"
WRITTEN = b"HTTP/1.1 200 OK\r\ncontent-type: " + V2.encode() + b"\r\ncontent-length: %d\r\n\r\n%b"
"""The answer to a write of which all records were acknowledged."""
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
    """uvicorn's answer, written at once where all of it is known: a system call for the head alone costs a tenth."""

    _start: Mapping[str, Any] | None = None

    async def send(self, message: Any) -> None:
        """Keep the head until the body comes."""
        start = self._start
        if start is None:
            if message["type"] == "http.response.start" and not self.response_started:
                self._start = message
            else:
                await super().send(message)
            return
        self._start = None
        if message.get("more_body") or self.flow.write_paused or self.scope["method"] == "HEAD":
            await super().send(start)  # type: ignore[arg-type]
            await super().send(message)
            return
        if self.disconnected:
            return
        content, self.keep_alive = _whole(start["status"], start["headers"], message["body"], self.keep_alive)
        self.response_started = self.response_complete = True
        self.waiting_for_100_continue = False
        self.transport.write(content)
        self.message_event.set()
        if not self.keep_alive:
            self.transport.close()
        self.on_response()


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


class BoundedProtocol(HttpToolsProtocol):
    """uvicorn's HTTP/1.1 with bounds of which it has none: size, fields and time of a head, and of what frames a body.

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
        self._authorization: bytes | None = None
        self._content_type = b""
        self._idle_since: float | None = None
        """Since when nothing is under way; None while something is."""

    def data_received(self, data: bytes) -> None:
        """Bytes of the caller; in a head they count even before the header that they belong to is complete."""
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
            self.handle_websocket_upgrade()

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
        if self.parser.should_upgrade() and not self._should_upgrade() and self.parser.get_method() != b"CONNECT":
            self._offers_upgrade = True
            return
        self._head_since = None
        self._framing_bytes = 0
        if self._may_go_direct():
            self._direct_body = b""
        else:
            self._go_the_ordinary_way()
        self._body_since = now()

    def _may_go_direct(self) -> bool:
        """Whether the head is that of a small write, and nothing else is under way on this connection."""
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
            elif name == b"expect":
                return False
        if length is None or length > DIRECT_BYTES or self.flow.write_paused:
            return False
        return self.cycle is None or self.cycle.response_complete

    def _go_the_ordinary_way(self) -> None:
        """What uvicorn does from the first byte of a head to its last."""
        url, headers, expects = self.url, self.headers, self.expect_100_continue
        super().on_message_begin()
        self.url, self.expect_100_continue = url, expects
        self.headers.extend(headers)
        super().on_headers_complete()
        if not self.parser.should_upgrade():
            self.cycle.__class__ = OneWrite

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
        elif not self._go_direct(body, since or now()):
            self._go_the_ordinary_way()
            if body:
                super().on_body(body)
            super().on_message_complete()

    def on_response_complete(self) -> None:
        """An answer is written: as uvicorn's, without a timer for each."""
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())
        else:
            self._idle_since = now()

    def refuse_if_late(self, moment: float, body_seconds: float) -> None:
        """Close the connection if the head or body of a request takes too long; to be called from time to time."""
        if self.transport.is_closing():
            return
        if self._idle_since is not None and self._idle_since + IDLE_CONNECTION_SECONDS <= moment:
            self.transport.close()
            return
        if self._body_since is not None:
            is_streaming = (
                self._direct_body is None and self.cycle.response_started and not self.cycle.response_complete
            )
            if self._body_since + body_seconds <= moment and not is_streaming:
                late = f"The body did not arrive within {body_seconds:g} s."
                self._refuse(GatewayError(HTTPStatus.REQUEST_TIMEOUT, 40801, late))
            return
        if self._head_since is None or self._head_since + HEAD_SECONDS > moment:
            return
        if self._head_bytes:
            late = f"The head of the request did not arrive within {HEAD_SECONDS:g} s."
            self._refuse(GatewayError(HTTPStatus.REQUEST_TIMEOUT, 40801, late))
        else:
            self.transport.close()

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
