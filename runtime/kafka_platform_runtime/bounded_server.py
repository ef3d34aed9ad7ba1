"""Bounds for servers that have a thread for each connection."""

import contextlib
import socket
import time
from socketserver import BaseServer, ThreadingMixIn
from threading import Lock
from typing import Any

CONNECTIONS = 32
"""Connections at a time: Prometheus and the kubelet have one or two each, and each takes a thread."""
CONNECTION_SECONDS = 10.0
"""How long one may take from its beginning to its end; Prometheus itself gives up after as long by default."""


class BoundedThreads(ThreadingMixIn, BaseServer):
    """A thread for each connection, so that one who dawdles holds up nobody; bounded in number and time.

    Beyond the bound the oldest connection is ended, not the newest: a collector is done in milliseconds, and whoever
    dawdles must not keep it, or the kubelet that asks for the health, out.
    """

    daemon_threads = True
    request_queue_size = 4 * CONNECTIONS
    """Connections that the kernel keeps until they are accepted; the library's 5 would have others wait for TCP to try again."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._open: dict[socket.socket, float] = {}
        """Since when; the oldest first. Changed by the thread that accepts and by those that answer."""
        self._open_lock = Lock()

    def process_request(self, request: Any, client_address: Any) -> None:
        """Answer a connection in a thread of its own."""
        with self._open_lock:
            self._open[request] = time.monotonic()
            if len(self._open) > CONNECTIONS:
                oldest = next(iter(self._open))
                del self._open[oldest]
                _break_off(oldest)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """The end of a connection."""
        with self._open_lock:
            self._open.pop(request, None)
        super().shutdown_request(request)

    def service_actions(self) -> None:
        """Called about twice a second: end what takes too long."""
        with self._open_lock:
            for connection, since in self._open.items():
                if since + CONNECTION_SECONDS <= time.monotonic():
                    _break_off(connection)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of connections that broke."""


def _break_off(connection: socket.socket) -> None:
    """Wake the thread that serves it, which closes it."""
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
