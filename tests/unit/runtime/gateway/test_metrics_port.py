"""The port of the metrics, which anybody in Kubernetes may reach unless the stack says otherwise."""

import contextlib
import socket
import time
from pathlib import Path

from tests.unit.runtime.gateway.conftest import Program
from tests.unit.runtime.gateway.consumers_harness import eventually

DAWDLERS = 300
MOST_THREADS = 40
"""Of as many connections as are served at a time, and a few on their way."""


def threads(program: Program) -> int:
    return len(list(Path(f"/proc/{program.process.pid}/task").iterdir()))


def test_connections_that_dawdle_hold_few_threads_and_keep_nobody_out(gateway: Program) -> None:
    assert gateway.beside("/metrics")[0] == 200
    before = threads(gateway)
    with contextlib.ExitStack() as stack:
        for number in range(DAWDLERS):
            connection = stack.enter_context(socket.create_connection(("127.0.0.1", gateway.metrics_port), 10))
            connection.sendall(b"GET /metrics HTTP/1.1\r\nhost: " if number % 2 else b"GET")
            if number % 50 == 49:
                assert gateway.beside("/healthz") == (200, "ok\n")
        eventually(lambda: threads(gateway) <= before + MOST_THREADS)
        assert gateway.beside("/metrics")[0] == 200


def test_a_request_that_trickles_in_is_ended(gateway: Program) -> None:
    with socket.create_connection(("127.0.0.1", gateway.metrics_port), 10) as connection:
        connection.setblocking(False)

        def is_ended() -> bool:
            try:
                connection.send(b"x")
                return connection.recv(1) == b""
            except BlockingIOError:
                return False
            except OSError:
                return True

        until = time.monotonic() + 60
        while not is_ended():
            assert time.monotonic() < until
            time.sleep(0.1)
