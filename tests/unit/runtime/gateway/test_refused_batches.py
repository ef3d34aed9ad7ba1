"""A record that Kafka refuses hurts none of those that were gathered into its batch."""

import base64
import concurrent.futures
import json
from collections.abc import Sequence
from typing import Any

import pytest
from confluent_kafka import Consumer, KafkaError, TopicPartition

from tests.unit.runtime.gateway.conftest import RED, Kafka, Program, Reply, StartGateway

AT_ONCE = 20
ROUNDS = 5
MICROSECONDS = 1_700_000_000_000_000


def everything(kafka: Kafka, topic: str, partitions: int = 1) -> list[Any]:
    """All records of a topic, those of a partition in their order."""
    consumer = Consumer(
        {**kafka.client(), "group.id": "none", "enable.auto.commit": False, "enable.partition.eof": True}
    )
    consumer.assign([TopicPartition(topic, number, 0) for number in range(partitions)])
    found: list[Any] = []
    ended = 0
    try:
        while ended < partitions:
            message = consumer.poll(20)
            assert message is not None
            error = message.error()
            if error is None:
                found.append(message)
            else:
                assert error.code() == KafkaError._PARTITION_EOF
                ended += 1
    finally:
        consumer.close()
    return found


def at_once(gateway: Program, requests: Sequence[tuple[str, list[dict[str, Any]]]]) -> list[Reply]:
    """Send writes (path, records) at the same time."""
    with concurrent.futures.ThreadPoolExecutor(len(requests)) as threads:
        return list(threads.map(lambda each: gateway.ask("POST", each[0], {"records": each[1]}, user=RED), requests))


BAD: dict[str, tuple[dict[str, Any], dict[str, Any], int]] = {
    "without a key": ({"cleanup_policy": "compact"}, {"value": "bad"}, 422),
    "time in microseconds": ({}, {"value": "bad", "key": "k", "timestamp": MICROSECONDS}, 422),
    "larger than the topic takes": ({"max_message_bytes": "2000"}, {"value": "bad" * 1000, "key": "k"}, 413),
}
"""Settings of the topic, the bad record, and the status of its request."""


@pytest.mark.parametrize("name", BAD)
@pytest.mark.parametrize("bad", [1, 3, AT_ONCE - 1, AT_ONCE])
def test_only_the_bad_record_of_many_requests_fails(kafka: Kafka, gateway: Program, name: str, bad: int) -> None:
    config, record, status = BAD[name]
    topic = kafka.make_topic(f"red-refused-{name.replace(' ', '-')}-{bad}", **config)
    expected: list[str] = []
    for turn in range(ROUNDS):
        good = [{"key": f"k{turn}-{number}", "value": number} for number in range(AT_ONCE - bad)]
        requests = [(f"/topics/{topic}", [each]) for each in good] + [(f"/topics/{topic}", [record])] * bad
        replies = at_once(gateway, requests)
        assert [each.status for each in replies[: len(good)]] == [200] * len(good), [each.body for each in replies]
        assert {each.status for each in replies[len(good) :]} == {status}, [each.body for each in replies]
        expected += [str(each["key"]) for each in good]
    assert sorted(json.loads(each.key()) for each in everything(kafka, topic)) == sorted(expected)


def test_small_records_that_are_too_much_together_are_all_written(kafka: Kafka, gateway: Program) -> None:
    topic = kafka.make_topic("red-refused-sum", max_message_bytes="2000")
    records = [{"key": "k", "value": f"{number:0300}"} for number in range(100)]
    reply = gateway.ask("POST", f"/topics/{topic}", {"records": records}, user=RED)
    assert reply.status == 200, reply.body
    assert all("offset" in each for each in reply.json()["offsets"])
    assert [int(json.loads(each.value())) for each in everything(kafka, topic)] == list(range(100))


def test_a_bad_record_within_a_request_leaves_the_others_in_their_order(kafka: Kafka, gateway: Program) -> None:
    topic = kafka.make_topic("red-refused-within", cleanup_policy="compact")
    header = [{"key": "h", "value": base64.b64encode(b"\x00").decode()}, {"key": "n", "value": None}]
    records: list[dict[str, Any]] = [
        {"key": f"k{number}", "value": number, "timestamp": 1_700_000_000_000 + number, "headers": header}
        for number in range(50)
    ]
    for place in (10, 30):
        del records[place]["key"]
    reply = gateway.ask("POST", f"/topics/{topic}", {"records": records}, user=RED)
    assert reply.status == 200
    entries = reply.json()["offsets"]
    assert [number for number, each in enumerate(entries) if "offset" not in each] == [10, 30]
    assert entries[10]["error_code"] == 42201
    assert "validate record" in entries[10]["error"]
    found = everything(kafka, topic)
    left = [number for number in range(50) if number not in {10, 30}]
    assert [json.loads(each.value()) for each in found] == left
    assert [each.offset() for each in found] == [entries[number]["offset"] for number in left]
    assert [each.timestamp()[1] - 1_700_000_000_000 for each in found] == left
    assert all(each.headers() == [("h", b"\x00"), ("n", None)] for each in found)


def test_values_alone_that_are_sent_again_are_where_the_answer_says(kafka: Kafka, gateway: Program) -> None:
    topic = kafka.make_topic("red-refused-values", 2, max_message_bytes="2000")
    requests = [(f"/topics/{topic}", [{"value": f"{turn:0400}"}, {"value": f"{turn + 50:0400}"}]) for turn in range(40)]
    replies = at_once(gateway, requests)
    assert {each.status for each in replies} == {200}, [each.body for each in replies]
    places = {}
    for turn, each in enumerate(replies):
        first, second = each.json()["offsets"]
        places[first["partition"], first["offset"]] = turn
        places[second["partition"], second["offset"]] = turn + 50
    found = everything(kafka, topic, 2)
    assert {(each.partition(), each.offset()): int(json.loads(each.value())) for each in found} == places


def test_topics_and_reasons_may_be_mixed(kafka: Kafka, gateway: Program) -> None:
    compact = kafka.make_topic("red-refused-mixed-compact", 3, cleanup_policy="compact")
    small = kafka.make_topic("red-refused-mixed-small", 3, max_message_bytes="2000")
    plain = kafka.make_topic("red-refused-mixed-plain", 3)
    requests: list[tuple[str, list[dict[str, Any]]]] = []
    for turn in range(10):
        requests += [(f"/topics/{name}", [{"key": f"k{turn}", "value": "x" * 300}]) for name in (compact, small, plain)]
        requests.append((f"/topics/{compact}", [{"value": 1}, {"key": f"l{turn}", "value": 1}]))
        requests.append((f"/topics/{small}", [{"key": f"l{turn}", "value": "x" * 3000}]))
        requests.append((f"/topics/{plain}", [{"key": f"l{turn}", "value": 1, "timestamp": MICROSECONDS}]))
    replies = at_once(gateway, requests)
    assert [each.status for each in replies] == [200, 200, 200, 200, 413, 422] * 10
    assert all([("offset" in each) for each in reply.json()["offsets"]] == [False, True] for reply in replies[3::6])
    for name, count in ((compact, 20), (small, 10), (plain, 10)):
        assert len(everything(kafka, name, 3)) == count


def test_a_large_request_of_bad_records_is_answered(kafka: Kafka, gateway: Program) -> None:
    topic = kafka.make_topic("red-refused-large", cleanup_policy="compact")
    reply = gateway.ask("POST", f"/topics/{topic}", {"records": [{"value": 1}] * 5000}, user=RED)
    assert (reply.status, reply.json()["error_code"]) == (422, 42201)
    assert len(reply.json()["offsets"]) == 5000
    assert gateway.metric("gateway_records_sent_again") == 0


def test_accepted_records_are_sent_again_before_the_gateway_ends(kafka: Kafka, start_gateway: StartGateway) -> None:
    gateway = start_gateway()
    topic = kafka.make_topic("red-refused-ending", cleanup_policy="compact")
    records = [{"key": f"k{number}", "value": 1} for number in range(200)]
    reply = gateway.ask("POST", f"/topics/{topic}?async=true", {"records": [*records, {"value": 1}]}, user=RED)
    assert reply.status == 202
    assert gateway.stop() == 0
    assert len(everything(kafka, topic)) == 200
