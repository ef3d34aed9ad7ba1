"""What a write answers, and that Kafka has what was answered with an offset."""

import base64
import concurrent.futures
import json
import re
import time
from collections.abc import Callable
from typing import Any

import pytest
from confluent_kafka import Consumer, TopicPartition

from tests.dashboards import asked
from tests.kafka_process import ADMIN_USER
from tests.unit.runtime.gateway.conftest import BINARY, BLUE, JSON, RED, TEXT, Kafka, Program, StartGateway


@pytest.fixture(scope="module")
def topic(kafka: Kafka) -> str:
    return kafka.make_topic("red-writes", 3)


def record_at(kafka: Kafka, topic: str, partition: int, offset: int) -> Any:
    """The record at a place, as Kafka has it."""
    consumer = Consumer({**kafka.client(), "group.id": "none", "enable.auto.commit": False})
    consumer.assign([TopicPartition(topic, partition, offset)])
    try:
        message = consumer.poll(20)
    finally:
        consumer.close()
    assert message is not None
    assert message.error() is None
    return message


def test_each_record_is_where_the_answer_says(kafka: Kafka, gateway: Program, topic: str) -> None:
    records: list[dict[str, Any]] = [
        {"value": {"n": 1}},
        {"key": "k", "value": [1, "zwei", None]},
        {"key": {"b": 1, "a": 2}, "value": None, "timestamp": 1_700_000_000_000},
        {"value": "ä", "partition": 2, "headers": [{"key": "h", "value": base64.b64encode(b"\x00x").decode()}]},
    ]
    reply = gateway.ask("POST", f"/topics/{topic}", {"records": records}, user=RED)
    assert reply.status == 200, reply.body
    places = [(each["partition"], each["offset"]) for each in reply.json()["offsets"]]
    found = [record_at(kafka, topic, *place) for place in places]
    assert [None if each.value() is None else json.loads(each.value()) for each in found] == [
        record["value"] for record in records
    ]
    assert [each.key() for each in found] == [None, b'"k"', b'{"b":1,"a":2}', None]
    assert found[2].timestamp()[1] == 1_700_000_000_000
    assert places[3][0] == 2
    assert found[3].headers() == [("h", b"\x00x")]


@pytest.mark.parametrize(
    ("kind", "value", "key", "stored", "stored_key"),
    [
        (TEXT, "plain, not JSON", "k", b"plain, not JSON", b"k"),
        (TEXT, None, None, None, None),
        (BINARY, base64.b64encode(b"\xff\x00").decode(), base64.b64encode(b"\x01").decode(), b"\xff\x00", b"\x01"),
    ],
)
def test_other_formats(
    kafka: Kafka,
    gateway: Program,
    topic: str,
    kind: str,
    value: str | None,
    key: str | None,
    stored: bytes | None,
    stored_key: bytes | None,
) -> None:
    reply = gateway.ask("POST", f"/topics/{topic}/partitions/1", {"records": [{"key": key, "value": value}]}, kind=kind)
    (place,) = reply.json()["offsets"]
    assert place["partition"] == 1
    found = record_at(kafka, topic, 1, place["offset"])
    assert (found.value(), found.key()) == (stored, stored_key)


def test_equal_keys_meet_however_they_are_written(gateway: Program, topic: str) -> None:
    bodies = [
        b'{"records":[{"key":{"a":1,"b":[2]},"value":1}]}',
        b'{"records":[{"key": { "a" : 1,\n"b":[ 2 ] },"value":1}]}',
    ]
    partitions = {
        gateway.ask("POST", f"/topics/{topic}", body).json()["offsets"][0]["partition"]
        for body in bodies
        for _ in range(3)
    }
    assert len(partitions) == 1


@pytest.mark.parametrize(
    ("spellings", "stored"),
    [
        ([r'"caf\u00e9\/1"', r'"caf\u00e9/1"', '"café/1"'], '"café/1"'),
        (["1.0", "1e0", "10E-1"], "1.0"),
        (["12345678901234567890123"], "12345678901234567890123"),
        (['{"a":1,"b":[2.50]}', '{ "a" : 1,\n"b":[ 25e-1 ] }', r'{"\u0061":1,"b":[2.5]}'], '{"a":1,"b":[2.5]}'),
        (['""'], '""'),
        (["0", "-0"], "0"),
        (["false"], "false"),
    ],
)
def test_a_key_is_stored_in_one_spelling(
    kafka: Kafka, gateway: Program, topic: str, spellings: list[str], stored: str
) -> None:
    partitions = set()
    for key in spellings:
        body = f'{{"records":[{{"key":{key},"value":1}}]}}'.encode()
        (place,) = gateway.ask("POST", f"/topics/{topic}", body).json()["offsets"]
        assert record_at(kafka, topic, place["partition"], place["offset"]).key() == stored.encode()
        partitions.add(place["partition"])
    assert len(partitions) == 1


@pytest.mark.parametrize(
    ("kind", "record", "key", "value"),
    [
        (JSON, {"key": "a"}, b'"a"', None),
        (JSON, {"key": "", "value": ""}, b'""', b'""'),
        (JSON, {"key": 0, "value": 0, "partition": 0}, b"0", b"0"),
        (JSON, {"key": False, "value": False}, b"false", b"false"),
        (JSON, {"key": None, "value": [], "headers": []}, None, b"[]"),
        (JSON, {"value": {}, "headers": None, "partition": None, "timestamp": None}, None, b"{}"),
        (TEXT, {"key": "a"}, b"a", None),
        (TEXT, {"key": "", "value": ""}, b"", b""),
        (TEXT, {"value": None}, None, None),
        (BINARY, {"key": "YQ=="}, b"a", None),
        (BINARY, {"key": "", "value": ""}, b"", b""),
        (BINARY, {"value": "_-8"}, None, b"\xff\xef"),
        (BINARY, {"value": "/+8"}, None, b"\xff\xef"),
        (BINARY, {"value": "YWJj\r\nZGVm\r\nZw==\r\n"}, None, b"abcdefg"),
        (BINARY, {"value": "YWJjZGU"}, None, b"abcde"),
    ],
)
def test_what_is_empty_or_zero_is_not_absent(
    kafka: Kafka,
    gateway: Program,
    topic: str,
    kind: str,
    record: dict[str, Any],
    key: bytes | None,
    value: bytes | None,
) -> None:
    schemas = dict.fromkeys(("key_schema", "key_schema_id", "value_schema", "value_schema_id"))
    reply = gateway.ask("POST", f"/topics/{topic}", {"records": [record], **schemas}, kind=kind)
    assert reply.status == 200, reply.body
    (place,) = reply.json()["offsets"]
    found = record_at(kafka, topic, place["partition"], place["offset"])
    assert (found.key(), found.value(), found.headers()) == (key, value, None)


def test_an_empty_header_is_not_null(kafka: Kafka, gateway: Program, topic: str) -> None:
    headers = [{"key": "", "value": ""}, {"key": "a", "value": None}, {"key": "b"}]
    reply = gateway.ask("POST", f"/topics/{topic}", {"records": [{"value": 1, "headers": headers, "timestamp": 1}]})
    (place,) = reply.json()["offsets"]
    found = record_at(kafka, topic, place["partition"], place["offset"])
    assert found.headers() == [("", b""), ("a", None), ("b", None)]
    assert found.timestamp()[1] == 1


def test_a_time_that_would_become_another_is_refused(gateway: Program, topic: str) -> None:
    reply = gateway.ask("POST", f"/topics/{topic}", {"records": [{"value": 1, "timestamp": 0}]})
    assert (reply.status, reply.json()["error_code"]) == (422, 42201)
    assert "timestamp" in reply.json()["message"]


def test_a_failed_record_does_not_fail_its_neighbours(gateway: Program, topic: str) -> None:
    records = [{"value": 1}, {"value": 2, "partition": 99}, {"value": 3}]
    reply = gateway.ask("POST", f"/topics/{topic}", {"records": records})
    assert reply.status == 200
    first, second, third = reply.json()["offsets"]
    assert second["error_code"] == 40402
    assert "offset" in first
    assert "offset" in third


def test_async_is_answered_at_once_and_written(kafka: Kafka, gateway: Program) -> None:
    topic = kafka.make_topic("red-async")
    reply = gateway.ask("POST", f"/topics/{topic}?async=true", {"records": [{"value": "later"}]}, user=RED)
    assert reply.status == 202
    assert record_at(kafka, topic, 0, 0).value() == b'"later"'


@pytest.mark.parametrize(
    ("user", "secret", "topic", "status", "code"),
    [
        (None, None, "red-writes", 401, 40101),
        (RED, "wrong", "red-writes", 401, 40101),
        ("nobody", "x", "red-writes", 401, 40101),
        (BLUE, None, "red-writes", 403, 40301),
        (ADMIN_USER, None, "missing", 404, 40401),
        (ADMIN_USER, None, "not%20a%20name", 404, 40401),
        (ADMIN_USER, None, "red-writes/partitions/3", 404, 40402),
        (ADMIN_USER, None, "red-writes/partitions/x", 400, 40001),
    ],
)
@pytest.mark.usefixtures("topic")
def test_who_may_not(
    gateway: Program, user: str | None, secret: str | None, topic: str, status: int, code: int
) -> None:
    reply = gateway.ask("POST", f"/topics/{topic}", {"records": [{"value": 1}]}, user=user, secret=secret)
    assert (reply.status, reply.json()["error_code"]) == (status, code), reply.body


@pytest.mark.usefixtures("topic")
def test_who_may_not_write_is_told_the_right_but_not_whether_there_is_such_a_topic(gateway: Program) -> None:
    for topic in ("red-writes", "red-absent"):
        for path in (f"/topics/{topic}", f"/topics/{topic}/partitions/0"):
            reply = gateway.ask("POST", path, {"records": [{"value": 1}]}, user=BLUE)
            sentence = f"{BLUE} may not WRITE topic {topic}: add it to its `writes`."
            assert (reply.status, reply.json()["message"]) == (403, sentence)


def test_a_changed_password_takes_effect(kafka: Kafka, start_gateway: StartGateway) -> None:
    kafka.make_user("red-changing")
    kafka.allow("red-changing", "red")
    topic = kafka.make_topic("red-changed")
    gateway = start_gateway({"recheckSeconds": 2})

    def write(secret: str | None = None) -> int:
        return gateway.ask(
            "POST", f"/topics/{topic}", {"records": [{"value": 1}]}, user="red-changing", secret=secret
        ).status

    assert write() == 200
    kafka.make_user("red-changing", "another")
    assert within(60, lambda: write() == 401)
    assert write("another") == 200


def within(seconds: float, condition: Callable[[], bool]) -> bool:
    until = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > until:
            return False
        time.sleep(0.2)
    return True


def test_bounds(kafka: Kafka, start_gateway: StartGateway) -> None:
    topic = kafka.make_topic("red-bounds")
    gateway = start_gateway({"limits": {"bodyBytes": 1000, "records": 5, "requestsPerCaller": 4}})
    path = f"/topics/{topic}"
    assert gateway.ask("POST", path, {"records": [{"value": "x" * 1000}]}).status == 413
    many = gateway.ask("POST", path, {"records": [{"value": 1}] * 6})
    assert (many.status, many.json()["error_code"]) == (413, 41301)
    with concurrent.futures.ThreadPoolExecutor(24) as threads:
        statuses = list(threads.map(lambda _: gateway.ask("POST", path, {"records": [{"value": 1}]}).status, range(96)))
    assert set(statuses) <= {200, 429}
    gateway.until_metric("gateway_requests_in_flight", lambda count: count == 0)
    gateway.until_metric("gateway_bytes", lambda count: count == 0)
    gateway.until_metric("gateway_records_written_total", lambda count: count == statuses.count(200))


def test_a_record_larger_than_the_topic_allows(kafka: Kafka, gateway: Program) -> None:
    topic = kafka.make_topic("red-small", max_message_bytes="2000")
    reply = gateway.ask("POST", f"/topics/{topic}", {"records": [{"value": "x" * 5000}]})
    assert (reply.status, reply.json()["error_code"]) == (413, 41301)


def test_what_was_accepted_is_finished_at_the_end(kafka: Kafka, start_gateway: StartGateway) -> None:
    topic = kafka.make_topic("red-ending")
    gateway = start_gateway({"limits": {"drainSeconds": 1}})
    body = {"records": [{"value": "x" * 100}] * 100}
    with concurrent.futures.ThreadPoolExecutor(8) as threads:

        def write(_: int) -> int:
            try:
                return gateway.ask("POST", f"/topics/{topic}", body).status
            except OSError:
                return 0

        answers = threads.map(write, range(2000))
        gateway.until_metric("gateway_records_written_total", lambda count: count > 0)
        assert gateway.stop() == 0
        statuses = list(answers)
    # Refused connections are nothing accepted; what was answered is all there.
    assert set(statuses) <= {200, 0}
    consumer = Consumer({**kafka.client(), "group.id": "none"})
    _, end = consumer.get_watermark_offsets(TopicPartition(topic, 0), 10)
    consumer.close()
    assert end == 100 * statuses.count(200)


def test_not_ready_without_kafka(kafka: Kafka, start_gateway: StartGateway) -> None:
    gateway = start_gateway(environment={"KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1"})
    assert gateway.ask("GET", "/healthz", user=None).status == 200
    reply = gateway.ask("GET", "/readyz", user=None)
    assert reply.status == 503
    assert b"127.0.0.1:1" in reply.body
    assert gateway.beside("/healthz") == (200, "ok\n")
    assert gateway.beside("/readyz") == (503, reply.body.decode())
    assert gateway.ask("POST", "/topics/red", {"records": [{"value": 1}]}).status == 503


def test_the_port_of_the_metrics_tells_the_health_too(gateway: Program) -> None:
    assert gateway.beside("/readyz") == (200, "ok\n")
    assert gateway.beside("/metrics")[0] == 200
    assert gateway.beside("/topics")[0] == 404


def test_dashboards_and_alerts_ask_for_metrics_that_it_shows(gateway: Program) -> None:
    assert gateway.ask("GET", "/topics").status == 200
    names = {re.split(r"[{ ]", line)[0] for line in gateway.beside("/metrics")[1].splitlines()}
    assert "gateway_limit" in asked("gateway_")
    # The certificate's end is shown where there is one: test_tls.py.
    assert asked("gateway_") - {"gateway_certificate_end_timestamp_seconds"} <= names


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"prot": 1}, "unknown field `prot`"),
        ({"limits": {"records": "many"}}, "$.limits.records"),
        ({"tls": {"certificate": "/nowhere/tls.crt", "key": "/nowhere/tls.key"}}, "tls.certificate: /nowhere/tls.crt"),
    ],
)
def test_wrong_settings_end_with_one_clear_line(
    kafka: Kafka, tmp_path_factory: pytest.TempPathFactory, settings: dict[str, Any], said: str
) -> None:
    program = Program(kafka, tmp_path_factory.mktemp("wrong"), settings)
    assert program.process.wait(60) == 3
    assert said in program.log.read_text()
