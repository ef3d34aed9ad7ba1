"""Every program of a pod answers at all of its addresses, of IPv4 and of IPv6."""

import asyncio
import http.client
import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from kafka_platform_runtime import health, listening
from kafka_platform_runtime.gateway import metrics as gateway_metrics
from kafka_platform_runtime.listening import listen, origin
from kafka_platform_runtime.probe import metrics as probe_metrics

from tests.ports import free_ports

LOOPBACKS = ["127.0.0.1", *(["::1"] if socket.has_dualstack_ipv6() else [])]
RUNTIME = Path(listening.__file__).parent


def status(address: str, port: int, path: str) -> int:
    connection = http.client.HTTPConnection(address, port, timeout=60)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    finally:
        connection.close()


@contextmanager
def gateways_metrics() -> Iterator[int]:
    [port] = free_ports(1)
    end = gateway_metrics.serve(port, gateway_metrics.Metrics(), lambda: None)
    yield port
    end()


@contextmanager
def probes_metrics() -> Iterator[int]:
    loop = asyncio.new_event_loop()
    [port] = free_ports(1)
    runner = loop.run_until_complete(probe_metrics.serve(port, probe_metrics.Metrics({}), lambda: None))
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    yield port
    asyncio.run_coroutine_threadsafe(runner.cleanup(), loop).result(120)
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


@contextmanager
def brokers_health() -> Iterator[int]:
    server = health.serve({"NODE_ID": "0", "HEALTH_PORT": "0", "KAFKA_BOOTSTRAP_SERVERS": "localhost:1"})
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_port
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("address", LOOPBACKS)
@pytest.mark.parametrize(
    ("serving", "path"), [(gateways_metrics, "/metrics"), (probes_metrics, "/metrics"), (brokers_health, "/livez")]
)
def test_metrics_and_health_are_answered_by_either_family(serving: object, path: str, address: str) -> None:
    with serving() as port:  # type: ignore[operator]
        assert status(address, port, path) == 200


@pytest.mark.parametrize("address", LOOPBACKS)
def test_one_socket_takes_both_families(address: str) -> None:
    with listen(0, 1) as listener, socket.create_connection((address, listener.getsockname()[1]), 10):
        accepted, peer = listener.accept()
        with accepted:
            assert origin(peer[0]) == ("127.0.0.1" if address == "127.0.0.1" else "::/64")


@pytest.mark.parametrize("has_dual", [False, True])
def test_without_ipv6_it_listens_by_ipv4(has_dual: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    made = socket.create_server

    def without_ipv6(address: tuple[str, int], **options: object) -> socket.socket:
        if options.get("family") == socket.AF_INET6:
            raise OSError(97, "Address family not supported by protocol")
        return made(address, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(socket, "has_dualstack_ipv6", lambda: has_dual)
    monkeypatch.setattr(socket, "create_server", without_ipv6)
    with listen(0, 1) as listener:
        assert listener.family == socket.AF_INET
        socket.create_connection(listener.getsockname(), 10).close()


def test_a_port_that_is_taken_is_told() -> None:
    with listen(0, 1) as first, pytest.raises(OSError, match="in use"):
        listen(first.getsockname()[1], 1)


def test_addresses_of_one_network_are_one_origin() -> None:
    assert origin("10.0.0.1") == origin("::ffff:10.0.0.1") == "10.0.0.1"
    assert origin("2001:db8::1") == origin("2001:db8::ffff:2") == "2001:db8::/64"
    assert origin("2001:db8:0:1::1") != origin("2001:db8::1")
    assert origin("fe80::1%eth0") == "fe80::/64"


def test_no_program_listens_by_ipv4_alone() -> None:
    alone = [
        f"{file.relative_to(RUNTIME)}"
        for file in sorted(RUNTIME.rglob("*.py"))
        if file.name != "listening.py" and re.search(r'0\.0\.0\.0|AF_INET|(?<!\w)\("", ', file.read_text())
    ]
    assert alone == []
