"""Clients of the Strimzi bridge and of Confluent's REST Proxy work here; where not, the difference is written down."""

import re
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kafka_process import ADMIN_USER
from tests.unit.runtime.gateway import compatibility
from tests.unit.runtime.gateway.compatibility import Case
from tests.unit.runtime.gateway.conftest import JSON, Kafka, Program, authorization

CASES = compatibility.read()
DIFFERENCES = Path("docs/http-api.md")


@pytest.mark.parametrize("case", CASES, ids=[each.name for each in CASES])
def test_case(gateway: Program, case: Case) -> None:
    # The cases go on from one another, in the order of the table.
    login = {"authorization": authorization(ADMIN_USER)}
    answer, wrong = compatibility.try_case(f"http://127.0.0.1:{gateway.port}", case, case.here, login)
    assert wrong == [], answer


def test_every_difference_is_written_down() -> None:
    known = set(re.findall(r"^\| `(\w+)` \|", DIFFERENCES.read_text(), re.MULTILINE))
    used = {case.here.difference for case in CASES if case.here is not case.documented}
    assert None not in used
    assert used <= known


def test_each_difference_is_one() -> None:
    for case in CASES:
        assert (case.here is case.documented) == (case.here.difference is None)
        assert (case.here.status, case.here.type, case.here.body) != (
            case.documented.status,
            case.documented.type,
            case.documented.body,
        ) or case.here is case.documented


OFFERS = "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAEAAEAAAAIAAAABAAMAAABkAAQBAAAAAAUAAEAA\r\n"


@pytest.fixture
def connection(gateway: Program) -> Iterator[socket.socket]:
    with socket.create_connection((gateway.address, gateway.port), 20) as opened:
        yield opened


def read_answer(connection: socket.socket) -> tuple[int, bytes]:
    data = b""
    while b"\r\n\r\n" not in data:
        data += connection.recv(65_536)
    head, _, body = data.partition(b"\r\n\r\n")
    length = int(re.findall(rb"content-length: (\d+)", head)[0])
    while len(body) < length:
        body += connection.recv(65_536)
    return int(head.split()[1]), body


@pytest.mark.parametrize("parts", ["together", "head first", "byte by byte"])
def test_callers_who_would_rather_speak_http2(
    kafka: Kafka, gateway: Program, connection: socket.socket, parts: str
) -> None:
    """Java's own client offers HTTP/2 with every request, also with those that have a body."""
    topic = kafka.make_topic(f"red-http2-{parts.replace(' ', '-')}")
    body = '{"records":[{"value":"ä"}]}'.encode()
    for number in range(3):
        head = (
            f"POST /topics/{topic} HTTP/1.1\r\nHost: x\r\n{OFFERS}Authorization: {authorization(ADMIN_USER)}\r\n"
            f"Content-Type: {JSON}\r\nContent-Length: {len(body)}\r\n\r\n"
        ).encode()
        if parts == "together":
            connection.sendall(head + body)
        elif parts == "head first":
            connection.sendall(head)
            connection.sendall(body)
        else:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, True)
            for octet in head + body:
                connection.sendall(bytes([octet]))
        status, answer = read_answer(connection)
        assert (status, answer) == (200, b'{"offsets":[{"partition":0,"offset":%d}]}' % number)


def test_callers_who_would_rather_speak_http2_and_ask_much_at_once(connection: socket.socket) -> None:
    request = f"GET /healthz HTTP/1.1\r\nHost: x\r\n{OFFERS}\r\n".encode()
    connection.sendall(request * 2000)
    data = b""
    while data.count(b"HTTP/1.1 200 OK") < 2000:
        more = connection.recv(65_536)
        assert more
        data += more
