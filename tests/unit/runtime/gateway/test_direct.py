"""Writes answered without a task of their own: whatever way a request takes, its answer is the same."""

import json
import re
import socket
import time
from collections.abc import Iterator

import pytest

from tests.unit.runtime.gateway.conftest import JSON, RED, Kafka, Program, StartGateway, authorization


@pytest.fixture(scope="module")
def topic(kafka: Kafka) -> str:
    return kafka.make_topic("red-direct")


@pytest.fixture
def warm(gateway: Program, topic: str) -> Program:
    """A gateway that knows the caller and the topic, so that a write need not wait for anything but Kafka."""
    assert gateway.ask("POST", f"/topics/{topic}", {"records": [{"value": 0}]}, user=RED).status == 200
    return gateway


def write(topic: str, *values: object, more: str = "", version: str = "1.1", body: bytes | None = None) -> bytes:
    """A write as it goes over the wire."""
    data = json.dumps({"records": [{"value": value} for value in values]}).encode() if body is None else body
    head = (
        f"POST /topics/{topic} HTTP/{version}\r\nHost: gateway\r\nAuthorization: {authorization(RED)}\r\n"
        f"Content-Type: {JSON}\r\nContent-Length: {len(data)}\r\n{more}\r\n"
    )
    return head.encode() + data


class Wire:
    """A connection, byte by byte."""

    def __init__(self, program: Program) -> None:
        self.socket = socket.create_connection((program.address, program.port), 30)
        self._kept = b""

    def send(self, *pieces: bytes) -> None:
        """Send pieces, each in a packet of its own."""
        for piece in pieces:
            self.socket.sendall(piece)
            time.sleep(0.02)

    def answer(self) -> tuple[int, str, object]:
        """Status, head and body of the next answer."""
        while b"\r\n\r\n" not in self._kept:
            self._more()
        head, _, rest = self._kept.partition(b"\r\n\r\n")
        found = re.search(rb"content-length: (\d+)", head)
        assert found is not None, head
        while len(rest) < int(found[1]):
            self._more()
            rest = self._kept.partition(b"\r\n\r\n")[2]
        self._kept = rest[int(found[1]) :]
        return int(head.split(b" ")[1]), head.decode(), json.loads(rest[: int(found[1])])

    def _more(self) -> None:
        piece = self.socket.recv(65536)
        assert piece, f"the connection was closed after {self._kept!r}"
        self._kept += piece

    @property
    def is_closed(self) -> bool:
        """Whether nothing more comes."""
        return not self._kept and self.socket.recv(1) == b""


@pytest.fixture
def wire(warm: Program) -> Iterator[Wire]:
    made = Wire(warm)
    yield made
    made.socket.close()


def offsets(body: object) -> list[int]:
    """The offsets that an answer names."""
    assert isinstance(body, dict), body
    return [each["offset"] for each in body["offsets"]]


def test_many_on_one_connection(wire: Wire, topic: str) -> None:
    seen = []
    for number in range(50):
        wire.send(write(topic, number, "x" * number))
        status, _, body = wire.answer()
        assert status == 200
        seen += offsets(body)
    assert seen == list(range(seen[0], seen[0] + 100))


def test_one_in_many_pieces(wire: Wire, topic: str) -> None:
    whole = write(topic, "a", {"b": None}, [1])
    for size in (1, 7, 60):
        pieces = [whole[at : at + size] for at in range(0, len(whole), size)]
        if size == 1:
            pieces = [whole[:-30], *pieces[-30:]]
        wire.send(*pieces)
        status, _, body = wire.answer()
        assert (status, len(offsets(body))) == (200, 3)


def test_several_at_once_are_answered_in_their_order(wire: Wire, warm: Program, topic: str) -> None:
    lookup = f"GET /topics/{topic} HTTP/1.1\r\nHost: gateway\r\nAuthorization: {authorization(RED)}\r\n\r\n".encode()
    wire.send(write(topic, 1) + write(topic, 2, 3) + lookup + write(topic, 4, 5, 6) + write(topic, 7))
    answers = [wire.answer() for _ in range(5)]
    assert [status for status, _, _ in answers] == [200] * 5
    assert isinstance(answers[2][2], dict)
    assert answers[2][2]["name"] == topic
    counts = [len(offsets(body)) for number, (_, _, body) in enumerate(answers) if number != 2]
    assert counts == [1, 2, 3, 1]


@pytest.mark.parametrize(("more", "version"), [("Connection: close\r\n", "1.1"), ("", "1.0")])
def test_the_last_on_a_connection(wire: Wire, topic: str, more: str, version: str) -> None:
    wire.send(write(topic, 1, more=more, version=version))
    status, head, _ = wire.answer()
    assert status == 200
    assert "connection: close" in head
    assert wire.is_closed


def test_one_that_waits_to_be_told_to_go_on(wire: Wire, topic: str) -> None:
    whole = write(topic, 1, more="Expect: 100-continue\r\n")
    head, _, body = whole.partition(b"\r\n\r\n")
    wire.send(head + b"\r\n\r\n")
    assert wire.socket.recv(100).startswith(b"HTTP/1.1 100 ")
    wire.send(body)
    assert wire.answer()[0] == 200


def test_large_ones(wire: Wire, topic: str) -> None:
    for size in (65_000, 66_000, 300_000):
        wire.send(write(topic, "x" * size))
        status, _, body = wire.answer()
        assert (status, len(offsets(body))) == (200, 1)


def test_what_follows_and_is_not_http_gets_no_answer_that_could_be_taken_for_the_write(wire: Wire, topic: str) -> None:
    wire.send(write(topic, 1) + b"this is not HTTP\r\n\r\n")
    received = b""
    while piece := wire.socket.recv(65536):
        received += piece
    assert received == b"" or received.startswith(b"HTTP/1.1 200 ")


def test_faults_are_told_as_they_are_elsewhere(wire: Wire, start_gateway: StartGateway, topic: str) -> None:
    """A gateway that has just begun goes the ordinary way with all of them; what it says, the other says too."""
    cases = [
        write(topic, body=b'{"records":[{"value":1}'),
        write(topic, body=b'{"records":[{"value":1,"key":2,"partition":-4}]}'),
        write(topic, body=b'{"records":[]}'),
        write(topic, body=b'{"records":[{"value":"\xff"}]}'),
        write(topic, body=b""),
        write("red-direct-none", 1),
        write("red%2Ddirect", body=b"{}"),
        write(f"{topic}?async=maybe", 1),
        write(f"{topic}/partitions/9", 1),
        write(topic, body=b'{"records":[' + b'{"value":1},' * 20_000 + b'{"value":1}]}'),
    ]
    fresh = start_gateway()
    for case in cases:
        wire.send(case)
        other = Wire(fresh)
        other.send(case)
        known, new = wire.answer(), other.answer()
        other.socket.close()
        assert (known[0], known[2]) == (new[0], new[2]), case[:300]
        assert known[0] >= 400, case[:300]


def test_both_ways_are_counted(warm: Program, wire: Wire, topic: str) -> None:
    before = warm.metric("gateway_requests_total"), warm.metric("gateway_records_written_total")
    wire.send(write(topic, 1, 2, 3))
    wire.answer()
    warm.until_metric("gateway_requests_total", lambda count: count == before[0] + 1)
    warm.until_metric("gateway_records_written_total", lambda count: count == before[1] + 3)
    warm.until_metric("gateway_requests_in_flight", lambda count: count == 0)
    warm.until_metric("gateway_bytes", lambda count: count == 0)
