"""Servers with a thread for each connection have bounds, and who dawdles keeps nobody out."""

import socket
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from kafka_platform_runtime import bounded_server
from kafka_platform_runtime.bounded_server import BoundedThreads


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path == "/fault":
            raise RuntimeError("a fault of one request")
        self.send_response(204)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class' name
        """Say nothing."""


class Server(BoundedThreads, HTTPServer):
    """Knows its threads, whichever others the tests' process has."""

    request_queue_size = 4 * bounded_server.CONNECTIONS
    """With the standard library's 5, many connections at once wait for TCP to try again, seconds later."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.serving: set[threading.Thread] = set()

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        self.serving.add(threading.current_thread())
        super().process_request_thread(request, client_address)

    @property
    def at_work(self) -> int:
        return sum(each.is_alive() for each in list(self.serving))


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def connect(server: Server) -> socket.socket:
    return socket.create_connection(("127.0.0.1", server.server_port), 30)


def status(server: Server, path: str) -> bytes:
    with connect(server) as connection:
        connection.sendall(f"GET {path} HTTP/1.0\r\n\r\n".encode())
        return connection.recv(12)


def test_beyond_the_bound_the_oldest_connection_makes_room(server: Server) -> None:
    silent = [connect(server) for _ in range(3 * bounded_server.CONNECTIONS)]
    assert status(server, "/") == b"HTTP/1.0 204"
    assert silent[0].recv(1) == b""
    until = time.monotonic() + 60
    while server.at_work > bounded_server.CONNECTIONS:
        assert time.monotonic() < until
        time.sleep(0.05)
    for connection in silent:
        connection.close()


def test_a_connection_that_takes_too_long_is_ended(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounded_server, "CONNECTION_SECONDS", 0.1)
    with connect(server) as silent:
        assert silent.recv(1) == b""


def test_a_fault_of_one_request_ends_nothing_else(server: Server) -> None:
    assert status(server, "/fault") == b""
    assert status(server, "/") == b"HTTP/1.0 204"
