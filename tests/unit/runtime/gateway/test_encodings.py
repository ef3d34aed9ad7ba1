"""Compressed bodies are taken within the bounds of others, and answers are compressed for those who ask."""

import gzip
import json
import socket
import zlib

import pytest
from kafka_platform_runtime.gateway.encodings import LEAST_BYTES, wants_gzip

from tests.unit.runtime.gateway.conftest import JSON, RED, Kafka, Program, Reply, StartGateway, authorization

TRAILING = "The body continues after its gzip data: compress all of it at once."


@pytest.fixture(scope="module")
def topic(kafka: Kafka) -> str:
    return kafka.make_topic("red-encodings")


def write(gateway: Program, topic: str, body: bytes, encoding: str) -> Reply:
    headers = {"content-type": JSON, "content-encoding": encoding}
    return gateway.ask("POST", f"/topics/{topic}", body, user=RED, headers=headers)


def records(*values: object) -> bytes:
    return json.dumps({"records": [{"value": value} for value in values]}).encode()


def read(gateway: Program, topic: str, offset: int, **headers: str) -> Reply:
    path = f"/topics/{topic}/partitions/0/records?offset={offset}"
    return gateway.ask("GET", path, user=RED, headers={"accept": JSON, **headers})


@pytest.mark.parametrize("encoding", ["gzip", "GZIP", "x-gzip", "identity"])
def test_a_compressed_body_is_written_as_if_it_were_not(gateway: Program, topic: str, encoding: str) -> None:
    body = records({"text": "ä" * 1000, "encoding": encoding}, 2)
    reply = write(gateway, topic, body if encoding == "identity" else gzip.compress(body), encoding)
    assert reply.status == 200, reply.body
    offset = reply.json()["offsets"][0]["offset"]
    found = read(gateway, topic, offset).json()
    assert [each["value"] for each in found] == [{"text": "ä" * 1000, "encoding": encoding}, 2]


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (records(1), "The body is not gzip, though Content-Encoding says so."),
        (gzip.compress(records(1))[:-4], "The body ends before its gzip data does."),
        (b"", "The body ends before its gzip data does."),
        (gzip.compress(records(1)) + b"more", TRAILING),
        (gzip.compress(b"") * 2, TRAILING),
        (gzip.compress(records(1)) + b"\0" * 100_000, TRAILING),
        (zlib.compress(records(1)), "The body is not gzip, though Content-Encoding says so."),
    ],
    ids=["plain", "torn", "empty", "followed", "two", "followed by zeros", "zlib"],
)
def test_what_is_not_gzip_is_refused(gateway: Program, topic: str, body: bytes, says: str) -> None:
    reply = write(gateway, topic, body, "gzip")
    assert (reply.status, reply.json()["message"]) == (400, says)


@pytest.mark.parametrize("encoding", ["br", "deflate", "zstd", "gzip, gzip", "none"])
def test_other_encodings_are_refused_with_those_that_are_taken(gateway: Program, topic: str, encoding: str) -> None:
    reply = write(gateway, topic, records(1), encoding)
    assert (reply.status, reply.json()["error_code"]) == (415, 41502)
    assert "gzip" in reply.json()["message"]
    assert reply.headers["accept-encoding"] == "gzip"


def test_a_body_is_bounded_by_what_it_inflates_to(start_gateway: StartGateway, topic: str) -> None:
    gateway = start_gateway({"limits": {"bodyBytes": 100_000}})
    fits = records("a" * 99_000)
    assert write(gateway, topic, gzip.compress(fits), "gzip").status == 200
    for size in (100_001, 90_000_000):  # the second has 90 kB
        reply = write(gateway, topic, gzip.compress(b" " * size), "gzip")
        assert (reply.status, reply.json()["error_code"]) == (413, 41301)
    gateway.until_metric("gateway_bytes", lambda count: count == 0)
    gateway.stop()


def test_an_answer_is_compressed_for_those_who_ask(gateway: Program, topic: str) -> None:
    values = [{"number": number, "text": "hello" * 20} for number in range(100)]
    offset = write(gateway, topic, records(*values), "identity").json()["offsets"][0]["offset"]
    plain = read(gateway, topic, offset)
    packed = read(gateway, topic, offset, **{"accept-encoding": "gzip, deflate"})
    assert "content-encoding" not in plain.headers
    assert packed.headers["content-encoding"] == "gzip"
    assert plain.headers["vary"] == packed.headers["vary"] == "accept-encoding"
    assert gzip.decompress(packed.body) == plain.body
    assert len(packed.body) < len(plain.body) / 5
    small = gateway.ask("GET", "/topics", user=RED, headers={"accept-encoding": "gzip"})
    assert len(small.body) < LEAST_BYTES
    assert "content-encoding" not in small.headers


@pytest.mark.parametrize(
    ("accepted", "wanted"),
    [
        (None, False),
        ("", False),
        ("gzip", True),
        ("GZIP;q=0.5", True),
        ("gzip;q=0", False),
        ("gzip;q=0.000, *", False),
        ("*", True),
        ("*;q=0", False),
        ("identity", False),
        ("identity;q=1, gzip;q=0.5", False),
        ("br, gzip", True),
        ("br", False),
        ("gzip;q=high", False),
    ],
)
def test_who_asks_for_gzip(accepted: str | None, wanted: bool) -> None:
    assert wants_gzip(accepted) is wanted


def test_an_answer_of_unknown_length_has_no_chunks_in_http_1_0(gateway: Program, topic: str) -> None:
    offset = write(gateway, topic, records("mark"), "identity").json()["offsets"][0]["offset"]
    with socket.create_connection((gateway.address, gateway.port), 30) as connection:
        connection.sendall(
            f"GET /topics/{topic}/stream?from=0:{offset} HTTP/1.0\r\nAuthorization: {authorization(RED)}\r\n\r\n".encode()
        )
        connection.settimeout(30)
        text = b""
        while b"mark" not in text:
            part = connection.recv(65536)
            assert part, text
            text += part
    head, _, body = text.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200")
    assert b"transfer-encoding" not in head.lower()
    assert b"connection: close" in head.lower()
    assert body.startswith(b"retry:"), body
    assert all(line == b"" or b":" in line for line in body.split(b"\n")), body
