"""Answers on their way to a connection."""

from collections.abc import Iterable, Mapping
from typing import Any, Protocol

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle

from kafka_platform_runtime.gateway.http import V2

WRITTEN = b"HTTP/1.1 200 OK\r\ncontent-type: " + V2.encode() + b"\r\ncontent-length: %d\r\n\r\n%b"
"""The answer to a write of which all records were acknowledged."""


class Recounted(Protocol):
    """A connection whose bytes are counted."""

    def recount(self) -> None:
        """Count what is held after it has changed."""


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
        content, self.keep_alive = whole(start["status"], start["headers"], message["body"], self.keep_alive)
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
        connection: Recounted = self.scope["connection"]  # type: ignore[typeddict-item]
        connection.recount()
        return message


def whole(status: int, headers: Iterable[tuple[bytes, bytes]], body: bytes, keep_alive: bool) -> tuple[bytes, bool]:
    """An answer as it goes over the wire, and whether the connection stays open after it."""
    content = [STATUS_LINE[status]]
    for name, value in headers:
        if name == b"connection":  # only ever to close it
            keep_alive = False
            continue
        content += (name, b": ", value, b"\r\n")
    content += (b"\r\n" if keep_alive else b"connection: close\r\n\r\n", body)
    return b"".join(content), keep_alive
