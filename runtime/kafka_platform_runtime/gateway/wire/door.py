"""How connections are accepted: counted and bounded before anything of theirs costs memory."""

import asyncio
import contextlib
import errno
import socket
import ssl
from collections.abc import Callable

from kafka_platform_runtime.gateway.callers.credentials import Owner
from kafka_platform_runtime.gateway.clock import now
from kafka_platform_runtime.gateway.wire.connections import HEAD_SECONDS, Connections, Pipe, State
from kafka_platform_runtime.listening import listen, origin
from kafka_platform_runtime.supervision import WATCH

VANISHED_SECONDS = 30
ACCEPTED_AT_A_TIME = 64
BACKLOG = 2048
PAUSE_WITHOUT_FILES = 0.1
"""Seconds without accepting when the program has reached its limit of open files."""
REFUSAL = (
    b"HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/vnd.kafka.v2+json\r\nretry-after: 1\r\n"
    b"content-length: 84\r\nconnection: close\r\n\r\n"
    b'{"error_code":50301,"message":"The gateway has as many connections as it may hold."}'
)


class Handshake:
    """An accepted connection without a protocol yet."""

    is_stranger = True

    def __init__(self, address: str) -> None:
        """`address` is that of its origin."""
        self.owner: Owner = ("address", address)
        self.begun: asyncio.Task[None] | None = None
        self._since = now()

    @property
    def transport(self) -> Pipe:
        """This object itself, until there is a transport."""
        return self

    def state(self) -> tuple[State, float]:
        """The handshake, and since when it has been going on."""
        return State.HANDSHAKE, self._since

    def too_late(self, state: State, seconds: float) -> None:
        """Give up."""
        self.abort()

    def abort(self) -> None:
        """The event loop closes the socket."""
        if self.begun is not None:
            self.begun.cancel()

    def is_closing(self) -> bool:
        """False: only its end is known."""
        return False

    def get_write_buffer_size(self) -> int:
        """0: nothing here is ours."""
        return 0


class Accepted(asyncio.Protocol):
    """A protocol that replaces the handshake once the connection is made."""

    handshake: Handshake


class Door:
    """Accepts connections: counted and bounded before TLS, or anything else, costs memory. A server to uvicorn.

    Args:
        connections: the existing ones.
        make: makes the protocol of a connection.
        port: on all addresses, of IPv4 and IPv6.
        context: for TLS.
    """

    def __init__(
        self, connections: Connections, make: Callable[[], Accepted], port: int, context: ssl.SSLContext | None
    ) -> None:
        self._connections = connections
        self._make = make
        self._context = context
        self._loop = asyncio.get_running_loop()
        self._handshakes: set[asyncio.Task[None]] = set()
        self._socket = listen(port, BACKLOG)
        self._socket.setblocking(False)
        # Accepted sockets inherit these.
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, VANISHED_SECONDS * 1000)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, VANISHED_SECONDS)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, VANISHED_SECONDS // 3)
        self._loop.add_reader(self._socket, self._accept)

    def close(self) -> None:
        """Accept no more."""
        if self._socket.fileno() >= 0:
            self._loop.remove_reader(self._socket)
            self._socket.close()
        for handshake in list(self._handshakes):
            handshake.cancel()

    async def wait_closed(self) -> None:
        """Called by uvicorn: there is nothing to wait for."""

    def _accept(self) -> None:
        for _ in range(ACCEPTED_AT_A_TIME):
            try:
                accepted, address = self._socket.accept()
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno in {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}:
                    self._loop.remove_reader(self._socket)
                    self._loop.call_later(PAUSE_WITHOUT_FILES, self._go_on)
                    return
                continue  # it left before it was accepted
            accepted.setblocking(False)
            if not self._connections.has_room():
                self._connections.ended += 1
                if self._context is None:
                    with contextlib.suppress(OSError):
                        accepted.send(REFUSAL)
                accepted.close()
                continue
            handshake = Handshake(origin(address[0]))
            self._connections.add(handshake)
            task = handshake.begun = WATCH.errand("connection", self._begin(accepted, handshake), awaited=False)
            self._handshakes.add(task)
            task.add_done_callback(self._handshakes.discard)

    def _go_on(self) -> None:
        if self._socket.fileno() >= 0:
            self._loop.add_reader(self._socket, self._accept)

    async def _begin(self, accepted: socket.socket, handshake: Handshake) -> None:
        protocol = self._make()
        protocol.handshake = handshake
        seconds = None if self._context is None else HEAD_SECONDS
        try:
            await self._loop.connect_accepted_socket(
                lambda: protocol,
                accepted,
                ssl=self._context,
                ssl_handshake_timeout=seconds,
                ssl_shutdown_timeout=seconds,
            )
        except OSError:
            accepted.close()  # no TLS, or the peer has left
        finally:
            self._connections.remove(handshake)
            handshake.begun = None  # the two would hold each other until the next garbage collection
