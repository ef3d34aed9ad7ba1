"""A connection of the fuzz: sends bytes as they are, reads answers strictly, and keeps both for whoever repeats the case."""

import contextlib
import socket
import struct
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

Piece = bytes | float
"""Bytes to send, or a pause in seconds."""

DOCUMENTED = frozenset(
    {101, 200, 202, 204, 400, 401, 403, 404, 405, 406, 408, 409, 413, 415, 416, 417, 422, 426, 429, 431, 501, 503, 504}
)
"""Statuses that may be answered (docs/http-api.md; 101, 426 and 501 are the WebSocket's). 500 is a fault in any case."""
KEPT = 1 << 20
"""Bytes of a connection that are kept for the report, in each direction."""
MOST_HEAD = 64 * 1024
MOST_BODY = 16 << 20


class Fault(Exception):  # noqa: N818 - what is looked for, not an error of this program
    """The gateway did what it must not do."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """An answer of the gateway."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def closes(self) -> bool:
        """Whether it says that the connection ends."""
        return "close" in self.headers.get("connection", "").lower()


@dataclass(kw_only=True)
class Wire:
    """One connection.

    Args:
        port: of the gateway, on loopback.
        users: whose credentials are sent here.
    """

    port: int
    users: frozenset[str]
    sent: bytearray = field(default_factory=bytearray)
    received: bytearray = field(default_factory=bytearray)
    statuses: list[int] = field(default_factory=list)
    connection: socket.socket = field(init=False)
    _buffer: bytes = b""
    _sending: threading.Lock = field(default_factory=threading.Lock)
    """Held by who sends: an answer may be there before all of its request is."""

    def __post_init__(self) -> None:
        self.connection = socket.create_connection(("127.0.0.1", self.port), 20)

    def send(self, pieces: Sequence[Piece]) -> bool:
        """Send these; whether all of it went out (the gateway may have closed the connection)."""
        with self._sending:
            for piece in pieces:
                if isinstance(piece, float):
                    time.sleep(piece)
                    continue
                if len(self.sent) < KEPT:
                    self.sent += piece
                try:
                    self.connection.sendall(piece)
                except OSError:
                    return False
        return True

    def more(self, seconds: float) -> bytes:
        """What arrives next; nothing if the connection is closed.

        Raises:
            TimeoutError: nothing arrives in time.
        """
        self.connection.settimeout(max(0.001, seconds))
        try:
            data = self.connection.recv(65536)
        except TimeoutError:
            raise
        except OSError:
            return b""
        if len(self.received) < KEPT:
            self.received += data
        return data

    def _until(self, end: bytes, most: int, until: float) -> bytes | None:
        """Up to and with `end`; None if the connection is closed before the first byte."""
        while end not in self._buffer:
            if len(self._buffer) > most:
                raise Fault(f"an answer without an end: {self._buffer[:100]!r}")
            data = self.more(until - time.monotonic())
            if not data:
                if self._buffer:
                    raise Fault(f"an answer that is cut off: {self._buffer[:100]!r}")
                return None
            self._buffer += data
        found, _, self._buffer = self._buffer.partition(end)
        return found + end

    def _exactly(self, count: int, until: float) -> bytes:
        if count > MOST_BODY:
            raise Fault(f"an answer of {count} bytes")
        while len(self._buffer) < count:
            data = self.more(until - time.monotonic())
            if not data:
                raise Fault("an answer whose body is cut off")
            self._buffer += data
        found, self._buffer = self._buffer[:count], self._buffer[count:]
        return found

    def answer(self, method: str = "GET", seconds: float = 20.0) -> Answer | None:
        """The next answer that is not 100; None if the connection was closed instead.

        Raises:
            Fault: it is not HTTP, or has a status that it must not have.
            TimeoutError: it does not come in time.
        """
        until = time.monotonic() + seconds
        while True:
            head = self._until(b"\r\n\r\n", MOST_HEAD, until)
            if head is None:
                return None
            line, *lines = head[:-4].split(b"\r\n")
            version, _, rest = line.partition(b" ")
            if version != b"HTTP/1.1" or not rest[:3].isdigit():
                raise Fault(f"not an answer: {line[:100]!r}")
            status = int(rest[:3])
            headers: dict[str, str] = {}
            for each in lines:
                name, colon, value = each.partition(b":")
                if not colon or not name or name != name.strip():
                    raise Fault(f"not a header: {each[:100]!r}")
                lower = name.decode("latin-1").lower()
                if lower in headers and lower in {"content-length", "transfer-encoding", "content-type"}:
                    raise Fault(f"{lower} twice")
                headers[lower] = value.strip().decode("latin-1")
            if status == 100:
                continue
            self.statuses.append(status)
            if status not in DOCUMENTED:
                raise Fault(f"status {status}: {self._buffer[:300]!r}")
            return Answer(status=status, headers=headers, body=self._body(method, status, headers, until))

    def _body(self, method: str, status: int, headers: Mapping[str, str], until: float) -> bytes:
        if method == "HEAD" or status in {101, 204, 304}:
            return b""
        if "chunked" in headers.get("transfer-encoding", ""):
            parts = []
            while True:
                size = self._until(b"\r\n", MOST_HEAD, until)
                if size is None:
                    raise Fault("an answer whose chunks are cut off")
                count = int(size.strip(), 16)
                parts.append(self._exactly(count, until))
                if self._exactly(2, until) != b"\r\n":
                    raise Fault("a chunk without an end")
                if not count:
                    return b"".join(parts)
        if "content-length" not in headers:
            raise Fault(f"status {status} without a length")
        return self._exactly(int(headers["content-length"]), until)

    def rest(self, seconds: float) -> list[Answer]:
        """Whatever is still answered, until the connection is closed or nothing comes for so long."""
        answers = []
        with contextlib.suppress(TimeoutError):
            while (answer := self.answer("GET", seconds)) is not None:
                answers.append(answer)
                if answer.status == 101:
                    break
        return answers

    def close(self, *, reset: bool = False) -> None:
        """Close the connection, or break it off without a goodbye."""
        with contextlib.suppress(OSError):
            if reset:
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()
