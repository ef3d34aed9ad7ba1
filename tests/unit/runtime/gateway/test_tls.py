"""HTTPS: certificates that change while the gateway runs, and callers who need one."""

import asyncio
import json
import shutil
import socket
import ssl
import time
from pathlib import Path

import pytest
from kafka_platform_runtime.gateway.wire.connections import HEAD_SECONDS

from tests import attacks
from tests.authority import Authority
from tests.unit.runtime.gateway.conftest import RED, Kafka, Program, StartGateway, authorization

REFUSED = "the former one stays in use"
pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl: install it")


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    folder = tmp_path / "authority"
    folder.mkdir()
    return Authority(folder)


def connect(port: int, authority: Authority, own: tuple[Path, Path] | None = None) -> ssl.SSLSocket:
    context = ssl.create_default_context(cafile=str(authority.certificate))
    if own is not None:
        context.load_cert_chain(*map(str, own))
    return context.wrap_socket(socket.create_connection(("127.0.0.1", port), 10), server_hostname="127.0.0.1")


def subject(connection: ssl.SSLSocket) -> str:
    certificate = connection.getpeercert()
    assert certificate is not None
    return str(dict(pair for part in certificate["subject"] for pair in part)["commonName"])  # type: ignore[misc]


def days_left(gateway: Program) -> float:
    """How long the certificate in use is valid, as the metrics have it."""
    return (gateway.metric("gateway_certificate_end_timestamp_seconds") - time.time()) / 86_400


def write(connection: ssl.SSLSocket, topic: str) -> int:
    """The status of a write on this connection; 0 if it is refused."""
    body = json.dumps({"records": [{"value": 1}]})
    head = f"POST /topics/{topic} HTTP/1.1\r\nhost: gateway\r\nauthorization: {authorization(RED)}\r\n"
    head += f"content-type: application/vnd.kafka.json.v2+json\r\ncontent-length: {len(body)}\r\n\r\n"
    try:
        connection.sendall((head + body).encode())
        answer = connection.recv(65536)
    except OSError:
        answer = b""
    return int(answer.split(b" ")[1]) if answer else 0


def test_a_new_certificate_is_served_without_a_restart(
    kafka: Kafka, start_gateway: StartGateway, authority: Authority, tmp_path: Path
) -> None:
    topic = kafka.make_topic("red-tls")
    certificate, key = tmp_path / "tls.crt", tmp_path / "tls.key"
    authority.sign("first", certificate, key)
    gateway = start_gateway({"tls": {"certificate": str(certificate), "key": str(key)}})
    old = connect(gateway.port, authority)
    assert subject(old) == "first"
    assert write(old, topic) == 200

    assert days_left(gateway) == pytest.approx(1, abs=0.1)
    authority.sign("second", certificate, key, days=20)
    until = time.monotonic() + 240
    while subject(connect(gateway.port, authority)) != "second":
        assert time.monotonic() < until, "the new certificate is not served"
        time.sleep(0.3)
    assert write(old, topic) == 200, "a connection that was open must go on"
    assert days_left(gateway) == pytest.approx(20, abs=0.1)

    # Between the key and the certificate of a new pair the files do not fit each other: that may have been seen before.
    refused = gateway.log.read_text().count(REFUSED)
    certificate.write_text("this is no certificate")
    until = time.monotonic() + 240
    while gateway.log.read_text().count(REFUSED) == refused:
        assert time.monotonic() < until, "the wrong certificate is not noticed"
        time.sleep(0.1)
    assert subject(connect(gateway.port, authority)) == "second"
    assert write(connect(gateway.port, authority), topic) == 200


def test_callers_who_need_a_certificate(
    kafka: Kafka, start_gateway: StartGateway, authority: Authority, tmp_path: Path
) -> None:
    topic = kafka.make_topic("red-mutual")
    certificate, key, own, own_key = (tmp_path / name for name in ("tls.crt", "tls.key", "own.crt", "own.key"))
    authority.sign("server", certificate, key)
    authority.sign("caller", own, own_key)
    tls = {"certificate": str(certificate), "key": str(key), "clientAuthority": str(authority.certificate)}
    gateway = start_gateway({"tls": tls})
    assert write(connect(gateway.port, authority, (own, own_key)), topic) == 200
    assert write(connect(gateway.port, authority), topic) == 0


def test_a_plain_request_to_the_https_port(start_gateway: StartGateway, authority: Authority, tmp_path: Path) -> None:
    certificate, key = tmp_path / "tls.crt", tmp_path / "tls.key"
    authority.sign("server", certificate, key)
    gateway = start_gateway({"tls": {"certificate": str(certificate), "key": str(key)}})
    with socket.create_connection(("127.0.0.1", gateway.port), 10) as plain:
        plain.sendall(b"GET /healthz HTTP/1.1\r\nhost: gateway\r\n\r\n")
        assert b"200" not in plain.recv(1000)
    assert subject(connect(gateway.port, authority)) == "server"


def test_a_handshake_that_never_begins_is_ended(
    authority: Authority, start_gateway: StartGateway, tmp_path: Path
) -> None:
    certificate, key = tmp_path / "tls.crt", tmp_path / "tls.key"
    authority.sign("gateway", certificate, key)
    program = start_gateway({"tls": {"certificate": str(certificate), "key": str(key)}})
    seen = asyncio.run(attacks.hold("127.0.0.1", program.port, b"", count=100, seconds=6 * HEAD_SECONDS))
    assert (seen.opened, seen.closed, seen.left) == (100, 100, 0)
