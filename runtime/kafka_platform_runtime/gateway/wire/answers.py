"""Responses on their way to a connection."""

from collections.abc import Iterable, Mapping
from typing import Any, Protocol

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle

from kafka_platform_runtime.gateway.http import V2

WRITTEN = b"HTTP/1.1 200 OK\r\ncontent-type: " + V2.encode() + b"\r\ncontent-length: %d\r\n\r\n%b"
"""The response to a write whose records were all acknowledged."""


class Recounted(Protocol):
    """A connection whose bytes are counted."""

    def recount(self) -> None:
        """Update the count of what is held."""


class DirectCycle:
    """A write on the direct path, in the place where uvicorn keeps a connection's current request."""

    response_started = False
    response_complete = False
    disconnected = False

    def __init__(self, keep_alive: bool) -> None:
        self.keep_alive = keep_alive
        self.message_event = self

    def set(self) -> None:
        """Ignore uvicorn's signal: nobody waits for it."""


class OneWrite(RequestResponseCycle):
    """uvicorn's response, written at once if all of it is known: a system call for the head alone costs a tenth.

    It returns when the reader has taken the response, so that what it holds counts until then.
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
            self.disconnected = True  # nobody receives the response any more
            return
        content, self.keep_alive = whole(start["status"], start["headers"], message["body"], self.keep_alive)
        self.response_started = True
        self.waiting_for_100_continue = False
        self.transport.write(content)
        if self.flow.write_paused:
            await self.flow.drain()
        self.response_complete = True
        self.body.clear()  # parts of the body that arrived unrequested
        self.message_event.set()
        if not self.keep_alive:
            self.transport.close()
        self.on_response()

    async def _send(self, message: Any) -> None:
        """Like uvicorn, except for HTTP/1.0, which has no chunks: the response ends with the connection."""
        if self.scope["http_version"] == "1.0":
            if message["type"] == "http.response.start":
                self._is_unbounded = all(name != b"content-length" for name, _ in message["headers"])
                if self._is_unbounded:
                    self.chunked_encoding = False
            elif self._is_unbounded:
                self.expected_content_length = len(message["body"])
        await super().send(message)

    async def receive(self) -> Any:
        """What has arrived of the body; from here on it belongs to the handler."""
        message = await super().receive()
        connection: Recounted = self.scope["connection"]  # type: ignore[typeddict-item]
        connection.recount()
        return message


def whole(status: int, headers: Iterable[tuple[bytes, bytes]], body: bytes, keep_alive: bool) -> tuple[bytes, bool]:
    """A response in wire format, and whether the connection stays open after it."""
    content = [STATUS_LINE[status]]
    for name, value in headers:
        if name == b"connection":  # only ever to close it
            keep_alive = False
            continue
        content += (name, b": ", value, b"\r\n")
    content += (b"\r\n" if keep_alive else b"connection: close\r\n\r\n", body)
    return b"".join(content), keep_alive
