"""Servers of health and metrics that use a thread per connection, with bounds."""

import contextlib
import socket
import time
from http.server import BaseHTTPRequestHandler
from socketserver import BaseServer, ThreadingMixIn
from threading import Lock
from typing import Any

CONNECTIONS = 32
"""Concurrent connections: Prometheus and the kubelet have one or two each, and each takes a thread."""
CONNECTION_SECONDS = 10.0
"""How long a connection may last from beginning to end; Prometheus' own default timeout is as long."""
UNREAD_BYTES = 4 * 1024 * 1024
"""Of a request's body that nobody asked for, which is read and thrown away before the connection is closed."""


class BoundedThreads(ThreadingMixIn, BaseServer):
    """A thread per connection, so that a slow client delays nobody; bounded in number and time.

    Beyond the bound the oldest connection is ended, not the newest: a collector is done in milliseconds, and a slow
    client must not keep it, or the kubelet's health check, out.
    """

    daemon_threads = True
    request_queue_size = 4 * CONNECTIONS
    """Connections that the kernel queues until they are accepted; the library's 5 would make others wait for TCP
    retries."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._open: dict[socket.socket, float] = {}
        """Since when each has been open, oldest first. Changed by the accepting thread and those that answer."""
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
        """End a connection."""
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
        """Do not report broken connections."""


class Answering(BaseHTTPRequestHandler):
    """One request of Prometheus or the kubelet."""

    timeout = CONNECTION_SECONDS

    def do_GET(self) -> None:
        """Answer a request."""
        self.answer()

    def answer(self) -> None:
        """Answer the request for `path`, by `say` or `send`."""
        raise NotImplementedError

    def say(self, status: int, line: str) -> None:
        """Answer with one line of text."""
        self.send(status, f"{line}\n".encode(), "text/plain; charset=utf-8")

    def send(self, status: int, body: bytes, kind: str) -> None:
        """Answer with a body of this content type."""
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def finish(self) -> None:
        """End the answer, then the connection.

        One that is closed with unread bytes is reset, and a caller who is still sending may never see the answer.
        """
        super().finish()
        with contextlib.suppress(OSError):
            self.connection.shutdown(socket.SHUT_WR)
            left = UNREAD_BYTES
            while left > 0 and (read := len(self.connection.recv(64 * 1024))):
                left -= read

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class' name
        """Log nothing: they come every few seconds."""


def _break_off(connection: socket.socket) -> None:
    """Wake the thread that serves it, which closes it."""
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
