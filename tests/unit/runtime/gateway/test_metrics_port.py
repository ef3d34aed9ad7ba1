"""The port of the metrics, which has a thread for each connection."""

import contextlib
import socket
import time

from kafka_platform_runtime import bounded_server

from tests.unit.runtime.gateway.conftest import Program


def test_connections_beyond_the_bound_are_closed_and_places_come_free(gateway: Program) -> None:
    with contextlib.ExitStack() as stack:
        connections = [
            stack.enter_context(socket.create_connection(("127.0.0.1", gateway.metrics_port), 30))
            for _ in range(4 * bounded_server.CONNECTIONS)
        ]
        for connection in connections:
            connection.settimeout(60)
        over = connections[2 * bounded_server.CONNECTIONS :]
        assert all(connection.recv(1) == b"" for connection in over)
        # Those that are silent are closed too.
        assert all(connection.recv(1) == b"" for connection in connections)
    until = time.monotonic() + 60
    while True:
        with contextlib.suppress(OSError):
            if gateway.beside("/healthz") == (200, "ok\n"):
                break
        assert time.monotonic() < until
