"""Servers with a thread for each connection have bounds, and who dawdles keeps nobody out."""

import socket
import threading
import time
from collections.abc import Iterator
from http.server import HTTPServer
from typing import Any

import pytest
from kafka_platform_runtime import bounded_server
from kafka_platform_runtime.bounded_server import Answering, BoundedThreads


class Handler(Answering):
    def answer(self) -> None:
        if self.path == "/fault":
            raise RuntimeError("a fault of one request")
        self.send(204, b"", "text/plain")

    def do_POST(self) -> None:  # noqa: N802 - the base class' name
        self.say(413, "too long")


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
    until = time.monotonic() + 240
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


def test_a_caller_whose_body_is_refused_learns_why(server: Server) -> None:
    """Not only that the connection was reset, whether it has sent all of the body or is still at it."""
    for length in (2, bounded_server.UNREAD_BYTES):
        with connect(server) as connection:
            connection.sendall(f"POST / HTTP/1.0\r\nContent-Length: {length}\r\n\r\n".encode() + b" " * length)
            assert connection.makefile("rb").read().startswith(b"HTTP/1.0 413")


def test_who_sends_without_end_is_ended(server: Server) -> None:
    with connect(server) as connection, pytest.raises(OSError):  # noqa: PT011 - broken pipe, or reset
        connection.sendall(b"POST / HTTP/1.0\r\n\r\n" + b" " * 64 * bounded_server.UNREAD_BYTES)
