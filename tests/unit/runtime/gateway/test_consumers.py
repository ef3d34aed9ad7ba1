"""Consumer instances: one pod, real Kafka."""

import base64
import contextlib
import json
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.unit.runtime.gateway.conftest import BINARY, BLUE, JSON, RED, TEXT, Kafka, StartGateway, authorization
from tests.unit.runtime.gateway.consumers_harness import Consumer, Pod, eventually, start_pods


@pytest.fixture(scope="module")
def pod(start_gateway: StartGateway) -> Iterator[Pod]:
    pod = start_pods(start_gateway, "gateway-0")[0]
    yield pod
    assert "ERROR" not in pod.log


@pytest.fixture
def topic(kafka: Kafka, request: pytest.FixtureRequest) -> str:
    return kafka.make_topic(f"red.{request.node.originalname}", 2)


@pytest.fixture
def group(request: pytest.FixtureRequest) -> str:
    return f"red.{request.node.originalname}"


def offsets_of(records: list[dict[str, Any]]) -> list[tuple[int, int]]:
    return [(each["partition"], each["offset"]) for each in records]


def test_the_whole_life(pod: Pod, topic: str, group: str) -> None:
    created = pod.call(
        "POST", f"/consumers/{group}", {"name": "mine", "format": "json", "auto.offset.reset": "earliest"}
    )
    assert created.status == 200
    assert created.headers["content-type"] == "application/vnd.kafka.v2+json"
    assert created.body == {
        "instance_id": "mine",
        "base_uri": f"http://127.0.0.1:{pod.port}/consumers/{group}/instances/mine@gateway-0",
    }
    consumer = Consumer(pod=pod, group=group, name="mine@gateway-0")
    assert consumer.call("GET", "/subscription").body == {"topics": [], "partitions": []}
    assert consumer.call("GET", "/records").code == 40903
    consumer.subscribe(topic)
    pod.write(topic, [{"n": 1}], partition=0)
    pod.write(topic, [[2], None], partition=1)
    records = sorted(consumer.read_until(3), key=lambda each: (each["partition"], each["offset"]))
    assert [(each["topic"], each["partition"], each["offset"], each["key"], each["value"]) for each in records] == [
        (topic, 0, 0, None, {"n": 1}),
        (topic, 1, 0, None, [2]),
        (topic, 1, 1, None, None),
    ]
    assert consumer.call("GET", "/subscription").body == {"topics": [topic], "partitions": [{topic: [0, 1]}]}
    assert consumer.partitions() == [0, 1]
    assert consumer.read(200) == []
    consumer.done("POST", "/offsets")
    assert consumer.committed() == {0: 1, 1: 2}
    consumer.done("DELETE", "/subscription")
    assert consumer.call("GET", "/records").code == 40903
    consumer.done("DELETE")
    for method, path in (("DELETE", ""), ("GET", "/records"), ("POST", "/subscription"), ("GET", "/offsets")):
        answer = consumer.call(method, path)
        assert (answer.status, answer.code) == (404, 40403)


def test_records_have_the_format_of_the_instance(pod: Pod, topic: str, group: str) -> None:
    pod.write(topic, [{"é": 1}])
    for kind, media_type, value in (
        ("json", JSON, {"é": 1}),
        ("binary", BINARY, base64.b64encode('{"é":1}'.encode()).decode()),
        ("text", TEXT, '{"é":1}'),
    ):
        consumer = Consumer.make(pod, f"{group}-{kind}", format=kind).subscribe(topic)
        answer = consumer.call("GET", "/records?timeout=10000", accept=media_type)
        while answer.body == []:  # the instance has not joined its group yet
            answer = consumer.call("GET", "/records?timeout=10000", accept=media_type)
        assert answer.status == 200, answer
        assert answer.headers["content-type"].startswith(media_type)
        value_read = answer.body[0]["value"]
        assert (
            (json.loads(value_read) == {"é": 1})
            if kind == "text"
            else (json.loads(base64.b64decode(value_read)) == {"é": 1} if kind == "binary" else value_read == value)
        )
        for other in {JSON, BINARY, TEXT} - {media_type}:
            refused = consumer.call("GET", "/records", accept=other)
            assert (refused.status, refused.code) == (406, 40601)
        for accept in (None, "*/*", "application/vnd.kafka.v2+json", f"text/html, {media_type};q=0.5"):
            assert consumer.call("GET", "/records?timeout=0", accept=accept).status == 200
        consumer.done("DELETE")


def test_a_record_that_does_not_fit_comes_in_base64(pod: Pod, topic: str, group: str) -> None:
    path = f"/topics/{topic}/partitions/0"
    for value in (b'{"ok":1}', b"{not json", b"2"):
        body = {"records": [{"value": base64.b64encode(value).decode()}]}
        assert pod.call("POST", path, body, content_type=BINARY).status == 200
    consumer = Consumer.make(pod, group, fetch_min_bytes=50).assign(topic, 0)
    found = consumer.read_until(3)
    assert [(each["value"], each.get("format")) for each in found] == [
        ({"ok": 1}, None),
        (base64.b64encode(b"{not json").decode(), "binary"),
        (2, None),
    ]


def test_records_are_handed_out_as_they_were_written(pod: Pod, topic: str, group: str) -> None:
    value = b'{"b": 12345678901234567890123, "a": 1.10}'
    header = [{"key": "k", "value": base64.b64encode(b"v").decode()}, {"key": "n", "value": None}]
    record = {
        "key": base64.b64encode(b"1").decode(),
        "value": base64.b64encode(value).decode(),
        "headers": header,
        "timestamp": 1234567890123,
        "partition": 1,
    }
    assert pod.call("POST", f"/topics/{topic}", {"records": [record]}, content_type=BINARY).status == 200
    consumer = Consumer.make(pod, group).subscribe(topic)
    (read,) = consumer.read_until(1)
    assert read == {
        "topic": topic,
        "key": 1,
        "value": json.loads(value),
        "partition": 1,
        "offset": 0,
        "timestamp": 1234567890123,
        "headers": header,
    }
    consumer.done("POST", "/positions/beginning", {"partitions": [{"topic": topic, "partition": 1}]})
    assert consumer.call("HEAD", "/records").status == 405
    assert len(consumer.read_until(1)) == 1
    consumer.done("DELETE")


def test_names_of_instances(pod: Pod, group: str) -> None:
    consumer = Consumer.make(pod, group, "one")
    answer = pod.call("POST", f"/consumers/{group}", {"name": "one"})
    assert (answer.status, answer.code) == (409, 40902)
    Consumer.make(pod, f"{group}-2", "one").done("DELETE")
    generated = pod.call("POST", f"/consumers/{group}")
    assert generated.status == 200
    assert generated.body["instance_id"].endswith("@gateway-0")
    assert generated.body["base_uri"].endswith(generated.body["instance_id"])
    Consumer(pod=pod, group=group, name=generated.body["instance_id"]).done("DELETE")
    consumer.done("DELETE")
    Consumer.make(pod, group, "one").done("DELETE")


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"format": "avro"}, 422),
        ({"format": "foo"}, 422),
        ({"format": ""}, 422),
        ({"auto.offset.reset": ""}, 422),
        ({"isolation.level": ""}, 422),
        ({"format": 1}, 422),
        ({"auto.offset.reset": "foo"}, 422),
        ({"isolation.level": "foo"}, 422),
        ({"enable.auto.commit": "foo"}, 422),
        ({"fetch.min.bytes": "foo"}, 422),
        ({"fetch.min.bytes": 2**40}, 422),
        ({"consumer.request.timeout.ms": -5}, 422),
        ({"unknown": True}, 422),
        ({"name": ""}, 422),
        ({"name": "a/b"}, 422),
        ({"name": "a@b"}, 422),
        ({"name": ".."}, 422),
        ({"name": "x" * 201}, 422),
        ([], 422),
        (b"{", 400),
        (b'{"name":"\xff"}', 400),
        (b"[" * 10_000, 422),
    ],
)
def test_wrong_options(pod: Pod, group: str, body: Any, status: int) -> None:
    answer = pod.call("POST", f"/consumers/{group}", body)
    assert answer.status == status, answer
    assert answer.body["message"]


def test_an_instance_that_waits_for_nothing_is_answered_at_once(pod: Pod, topic: str, group: str) -> None:
    consumer = Consumer.make(pod, group, consumer_request_timeout_ms=0).assign(topic, 0)
    # Less than the half minute that the gateway would wait for a record otherwise.
    assert consumer.call("GET", "/records?timeout=30000", timeout=20).body == []
    consumer.done("DELETE")


def test_options_of_both_dialects(pod: Pod, group: str) -> None:
    body = {
        "id": "older",
        "format": "JSON",
        "auto.offset.reset": "none",
        "auto.commit.enable": "false",
        "fetch.min.bytes": "-1",
        "consumer.request.timeout.ms": "500",
        "isolation.level": "read_committed",
    }
    assert pod.call("POST", f"/consumers/{group}", body, content_type="application/json").status == 200
    consumer = Consumer(pod=pod, group=group, name="older")
    assert consumer.call("GET").body == {
        "instance_id": "older",
        "group": group,
        "format": "json",
        "auto.offset.reset": "none",
        "enable.auto.commit": False,
        "isolation.level": "read_committed",
    }
    assert pod.call("POST", f"/consumers/{group}", {}, content_type="text/plain").status == 415
    consumer.done("DELETE")


def test_base_uri_is_what_the_caller_knows(pod: Pod, group: str) -> None:
    def made(**headers: str) -> str:
        answer = pod.call("POST", f"/consumers/{group}", headers={k.replace("_", "-"): v for k, v in headers.items()})
        uri: str = answer.body["base_uri"]
        Consumer(pod=pod, group=group, name=answer.body["instance_id"]).done("DELETE")
        return uri.split("/instances/")[0]

    assert made(host="kafka.example.com") == f"http://kafka.example.com/consumers/{group}"
    assert (
        made(x_forwarded_proto="https", x_forwarded_host="data.example.com, inner", x_forwarded_prefix="/kafka/")
        == f"https://data.example.com/kafka/consumers/{group}"
    )
    assert made(x_forwarded_host="a.b", x_forwarded_port="8443") == f"http://a.b:8443/consumers/{group}"
    assert made(forwarded='for=1.2.3.4;proto=https;host="a.b:8443", for=5') == f"https://a.b:8443/consumers/{group}"
    assert made(x_forwarded_path=f"/api/consumers/{group}").endswith(f"/api/consumers/{group}")


def test_subscription_and_assignment_exclude_each_other(pod: Pod, topic: str, group: str) -> None:
    consumer = Consumer.make(pod, group).subscribe(topic)
    for path, body in (
        ("/assignments", {"partitions": [{"topic": topic, "partition": 0}]}),
        ("/subscription", {"topic_pattern": "x.*"}),
        ("/subscription", {"topics": [topic], "topic_pattern": "x.*"}),
    ):
        answer = consumer.call("POST", path, body)
        assert (answer.status, answer.code) == (409, 40903)
    consumer.done("DELETE", "/subscription")
    consumer.assign(topic, 1)
    answer = consumer.call("POST", "/subscription", {"topics": [topic]})
    assert (answer.status, answer.code) == (409, 40903)
    pod.write(topic, [1], partition=0)
    pod.write(topic, [2], partition=1)
    assert [each["value"] for each in consumer.read_until(1)] == [2]
    consumer.done("POST", "/offsets")
    assert consumer.committed() == {1: 1}
    consumer.done("DELETE")


def test_patterns_fit_the_whole_name(kafka: Kafka, pod: Pod, group: str) -> None:
    for name in ("red.p-1", "red.p-22", "red.px-1", "red.p-1x", "xred.p-1", "blue.p-1"):
        kafka.make_topic(name)
    consumer = Consumer.make(pod, group)
    consumer.done("POST", "/subscription", {"topic_pattern": r"(red|blue)\.[\w]+-\d+?"})
    eventually(lambda: len(consumer.call("GET", "/subscription").body["topics"]) == 3)
    answer = consumer.call("GET", "/subscription").body
    assert answer["topics"] == ["red.p-1", "red.p-22", "red.px-1"]
    assert answer["topic_pattern"] == r"(red|blue)\.[\w]+-\d+?"
    consumer.done("DELETE")
    for pattern in ("a{2}", "(?=a)", "[", "(", "\\1", "x" * 501, "é", ""):
        refused = Consumer.make(pod, group)
        assert refused.call("POST", "/subscription", {"topic_pattern": pattern}).status == 422, pattern
        refused.done("DELETE")


def test_a_topic_may_come_later(kafka: Kafka, pod: Pod, group: str) -> None:
    consumer = Consumer.make(pod, group).subscribe("red.later")
    assert consumer.read(300) == []
    consumer.done("DELETE")
    missing = Consumer.make(pod, group)
    answer = missing.call("POST", "/assignments", {"partitions": [{"topic": "red.never", "partition": 0}]})
    assert (answer.status, answer.code) == (404, 40401)


def test_positions(pod: Pod, topic: str, group: str) -> None:
    consumer = Consumer.make(pod, group, enable_auto_commit=False).subscribe(topic)
    pod.write(topic, list(range(10)), partition=0)
    pod.write(topic, list(range(10)), partition=1)
    consumer.read_until(20)
    both = {"partitions": [{"topic": topic, "partition": 0}, {"topic": topic, "partition": 1}]}
    consumer.done("POST", "/positions/beginning", both)
    assert len(consumer.read_until(20)) == 20
    consumer.done("POST", "/positions", {"offsets": [{"topic": topic, "partition": 1, "offset": 7, "metadata": "x"}]})
    assert offsets_of(consumer.read_until(3)) == [(1, 7), (1, 8), (1, 9)]
    consumer.done("POST", "/positions/beginning", both)
    consumer.done("POST", "/positions/end", both)
    assert consumer.read(300) == []
    pod.write(topic, ["new"], partition=0)
    assert offsets_of(consumer.read_until(1)) == [(0, 10)]
    # Also after a pause in which nothing was fetched.
    time.sleep(2.5)
    consumer.done("POST", "/positions", {"offsets": [{"topic": topic, "partition": 0, "offset": 9}]})
    assert offsets_of(consumer.read_until(2)) == [(0, 9), (0, 10)]
    for moment in (0, "1970-01-01T00:00:00Z", "1970-01-01T01:00:00+01:00"):
        consumer.done("POST", "/positions", {"timestamps": [{"topic": topic, "partition": 1, "timestamp": moment}]})
        assert offsets_of(consumer.read_until(10))[0] == (1, 0)
    for path in ("/positions/beginning", "/positions/end"):
        answer = consumer.call("POST", path, {"partitions": [{"topic": topic, "partition": 7}]})
        assert (answer.status, answer.code) == (404, 40402)
    answer = consumer.call("POST", "/positions", {"offsets": [{"topic": "red.other", "partition": 0, "offset": 0}]})
    assert (answer.status, answer.code) == (404, 40402)
    assert f"No current assignment for partition {'red.other'}-0" in answer.body["message"]
    consumer.done("DELETE")


def test_commits(pod: Pod, topic: str, group: str) -> None:
    pod.write(topic, list(range(10)), partition=0)
    consumer = Consumer.make(pod, group, enable_auto_commit=False).subscribe(topic)
    consumer.read_until(10)
    assert consumer.committed() == {}
    one = {"topic": topic, "partition": 0, "offset": 4, "metadata": "why"}
    consumer.done("POST", "/offsets", {"offsets": [one]})
    asked = {"partitions": [{"topic": topic, "partition": 0}, {"topic": topic, "partition": 1}]}
    assert consumer.call("GET", "/offsets", asked).body == {"offsets": [one]}
    consumer.done("POST", "/offsets", {})
    assert consumer.committed() == {0: 10}
    consumer.done("POST", "/offsets?async=true", {"offsets": [{"topic": topic, "partition": 0, "offset": 5}]})
    for place, code in (({"topic": topic, "partition": 9}, 40402), ({"topic": "red.none", "partition": 0}, 40401)):
        answer = consumer.call("POST", "/offsets", {"offsets": [{**place, "offset": 1}]})
        assert (answer.status, answer.code) == (404, code)
    consumer.done("DELETE")
    # What was read without a commit is delivered again.
    again = Consumer.make(pod, group, enable_auto_commit=False).subscribe(topic)
    assert offsets_of(again.read_until(5)) == [(0, each) for each in range(5, 10)]
    again.done("DELETE")


def test_auto_commit_counts_what_the_caller_has(pod: Pod, topic: str, group: str) -> None:
    pod.write(topic, list(range(10)), partition=0)
    first = Consumer.make(pod, group).subscribe(topic)
    assert len(first.read_until(10)) == 10
    first.done("DELETE")  # whoever deletes his instance has what he was given
    second = Consumer.make(pod, group).subscribe(topic)
    pod.write(topic, ["next"], partition=0)
    assert offsets_of(second.read_until(1)) == [(0, 10)]
    second.done("DELETE")


def test_answers_are_cut_where_they_are_full(pod: Pod, topic: str, group: str) -> None:
    pod.write(topic, ["x" * 98] * 10, partition=0)
    consumer = Consumer.make(pod, group).assign(topic, 0)
    sizes = [len(consumer.read(3000, max_bytes=350)) for _ in range(4)]
    assert sizes == [3, 3, 3, 1]
    consumer.done("POST", "/positions/beginning", {"partitions": [{"topic": topic, "partition": 0}]})
    for _ in range(2):
        answer = consumer.call("GET", "/records?timeout=3000&max_bytes=99")
        assert (answer.status, answer.code) == (422, 42201)
    assert len(consumer.read_until(10)) == 10
    for query in ("timeout=x", "max_bytes=1e3", "timeout=-2", "foo=1", "timeout=1&timeout=2"):
        assert consumer.call("GET", f"/records?{query}").status == 400
    consumer.done("DELETE")


def test_large_backlog_is_read_once_and_in_order(pod: Pod, topic: str, group: str) -> None:
    for start in range(0, 20_000, 5000):
        pod.write(topic, [f"{each:090}" for each in range(start, start + 5000)], partition=start // 5000 % 2)
    consumer = Consumer.make(pod, group).subscribe(topic)
    found: list[tuple[int, int]] = []
    until = time.monotonic() + 240
    while len(found) < 20_000 and time.monotonic() < until:
        found += offsets_of(consumer.read(1000))
        if len(found) == 10_000:
            time.sleep(2)  # long enough to stop fetching
    assert len(found) == 20_000
    for partition in (0, 1):
        assert [offset for each, offset in found if each == partition] == list(range(10_000))
    consumer.done("DELETE")


def test_latest_begins_where_the_subscription_did(pod: Pod, topic: str, group: str) -> None:
    pod.write(topic, ["old"], partition=0)
    consumer = Consumer.make(pod, group, auto_offset_reset="latest").subscribe(topic)
    eventually(lambda: consumer.partitions() == [0, 1])
    eventually(lambda: consumer.committed() == {0: 1, 1: 0})
    pod.write(topic, ["new"], partition=0)
    time.sleep(2)
    pod.write(topic, ["new"], partition=1)
    # Taken over by another one before it has read anything: nothing of what came meanwhile is missed.
    other = Consumer.make(pod, group, auto_offset_reset="latest").subscribe(topic)
    eventually(lambda: len(other.partitions()) == 1 and len(consumer.partitions()) == 1)
    records = consumer.read_until(1) + other.read_until(1)
    assert sorted(offsets_of(records)) == [(0, 1), (1, 0)]
    consumer.done("DELETE")
    other.done("DELETE")


def test_members_share_and_take_over(pod: Pod, topic: str, group: str) -> None:
    first = Consumer.make(pod, group, enable_auto_commit=False).subscribe(topic)
    eventually(lambda: first.partitions() == [0, 1])
    # Nobody reads from the first one; nevertheless it gives one of its partitions away.
    second = Consumer.make(pod, group, enable_auto_commit=False).subscribe(topic)
    eventually(lambda: sorted(first.partitions() + second.partitions()) == [0, 1] and len(first.partitions()) == 1)
    for partition in (0, 1):
        pod.write(topic, list(range(50)), partition=partition)
    mine, others = first.read_until(50), second.read_until(50)
    assert sorted(offsets_of(mine + others)) == [(partition, each) for partition in (0, 1) for each in range(50)]
    first.done("POST", "/offsets")
    second.done("DELETE")
    eventually(lambda: first.partitions() == [0, 1])
    # What the second one did not commit comes again, what the first one did does not.
    assert {each["partition"] for each in first.read_until(50)} == {others[0]["partition"]}
    first.done("DELETE")


def test_nobody_uses_another_users_instance_or_group(kafka: Kafka, pod: Pod, topic: str, group: str) -> None:
    consumer = Consumer.make(pod, group, "mine").subscribe(topic)
    for method, path, body in (
        ("GET", "", None),
        ("GET", "/records", None),
        ("GET", "/subscription", None),
        ("POST", "/subscription", {"topics": [topic]}),
        ("POST", "/offsets", None),
        ("GET", "/offsets", None),
        ("POST", "/positions/beginning", {"partitions": []}),
        ("POST", "/assignments", {"partitions": []}),
        ("DELETE", "/subscription", None),
        ("DELETE", "", None),
    ):
        answer = consumer.call(method, path, body, user=BLUE)
        assert (answer.status, answer.code) == (404, 40403), (method, path)
    assert consumer.call("GET", "/subscription").body["topics"] == [topic]
    answer = pod.call("POST", f"/consumers/{group}", {"name": "bobs"}, user=BLUE)
    assert (answer.status, answer.code) == (403, 40301)
    assert answer.body["message"] == f"{BLUE} may not READ group {group}: add it to its `groups`."
    assert pod.call("POST", "/consumers/blue.x", {"name": "alices"}).code == 40301
    kafka.make_topic("blue.topic")
    own = Consumer.make(pod, f"{group}-own")
    place = {"topic": "blue.topic", "partition": 0}
    wanted: dict[str, Any] = {
        "/subscription": {"topics": ["blue.topic"]},
        "/assignments": {"partitions": [place]},
        "/offsets": {"offsets": [{**place, "offset": 0}]},
    }
    for path, wish in wanted.items():
        answer = own.call("POST", path, wish)
        assert (answer.status, answer.code) == (403, 40301), path
        assert answer.body["message"].endswith("may not READ topic blue.topic: add it to its `reads`.")
    assert own.call("GET", "/offsets", {"partitions": [place]}).code == 40301
    assert pod.call("POST", f"/consumers/{group}", user=None).status == 401
    assert consumer.call("GET", "/records", user=None).status == 401
    consumer.done("DELETE")
    own.done("DELETE")


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "/subscription", {}, 422),
        ("POST", "/subscription", {"topics": []}, 422),
        ("POST", "/subscription", {"topics": [1]}, 422),
        ("POST", "/subscription", {"topics": ["^a"]}, 422),
        ("POST", "/subscription", {"topics": "a"}, 422),
        ("POST", "/subscription", {"topics": ["a"] * 1001}, 422),
        ("POST", "/subscription", None, 400),
        ("POST", "/assignments", {}, 422),
        ("POST", "/assignments", {"partitions": [{"topic": "red.x"}]}, 422),
        ("POST", "/assignments", {"partitions": [{"topic": "red.x", "partition": -1}]}, 422),
        ("POST", "/assignments", {"partitions": [{"topic": "red.x", "partition": 2**31}]}, 422),
        ("POST", "/assignments", {"partitions": [{"topic": "x\0y", "partition": 0}]}, 404),
        ("POST", "/offsets", {"offsets": [{"topic": "red.x", "partition": 0}]}, 422),
        ("POST", "/offsets", {"offsets": [{"topic": "red.x", "partition": 0, "offset": -1}]}, 422),
        ("POST", "/offsets", {"offsets": [{"topic": "red.x", "partition": 0, "offset": 2**63}]}, 422),
        ("POST", "/offsets", b"null", 422),
        ("POST", "/offsets", b"{", 400),
        ("POST", "/positions", {"offsets": [{"topic": "red.x", "partition": 0, "offset": "1"}]}, 422),
        ("POST", "/positions", {"timestamps": [{"topic": "red.x", "partition": 0, "timestamp": "soon"}]}, 422),
        ("POST", "/positions/beginning", {"offsets": []}, 422),
        ("POST", "/positions/middle", {"partitions": []}, 404),
        ("PUT", "/subscription", {"topics": ["a"]}, 405),
        ("POST", "/records", {}, 405),
    ],
)
def test_malformed_requests(pod: Pod, method: str, path: str, body: Any, status: int) -> None:
    consumer = Consumer.make(pod, "red.malformed")
    answer = consumer.call(method, path, body)
    assert answer.status == status, answer
    assert answer.body["message"]
    consumer.done("DELETE")


def test_requests_on_one_instance_at_a_time(pod: Pod, topic: str, group: str) -> None:
    consumer = Consumer.make(pod, group).subscribe(topic)
    eventually(lambda: consumer.partitions() == [0, 1])
    with ThreadPoolExecutor(12) as threads:
        waiting = [threads.submit(consumer.read, 25_000) for _ in range(4)]
        pod.program.until_metric("gateway_requests_in_flight", lambda count: count == 4)
        # Others need not wait until a read that has nothing to tell is over.
        consumer.done("POST", "/offsets")
        assert consumer.call("GET", "/subscription").status == 200
        assert not any(each.done() for each in waiting)
        count = 0
        while count < 20 or not all(each.done() for each in waiting):
            pod.write(topic, [count // 2, count // 2], partition=count % 2)
            count += 1
        found = [record for each in waiting for record in each.result()]
        while len(found) < 2 * count:
            found += [
                record for each in [threads.submit(consumer.read, 500) for _ in range(4)] for record in each.result()
            ]
    written = [(turn % 2, turn // 2 * 2 + number) for turn in range(count) for number in range(2)]
    assert sorted(offsets_of(found)) == sorted(written)
    consumer.done("DELETE")


def test_a_caller_who_leaves_takes_no_records_along(pod: Pod, topic: str, group: str) -> None:
    consumer = Consumer.make(pod, group).subscribe(topic)
    eventually(lambda: consumer.partitions() == [0, 1])
    head = f"GET /consumers/{group}/instances/{consumer.name}/records?timeout=10000 HTTP/1.1\r\nhost: x\r\n"
    for _ in range(5):
        with contextlib.closing(socket.create_connection(("127.0.0.1", pod.port))) as connection:
            connection.sendall(f"{head}authorization: {authorization(RED)}\r\n\r\n".encode())
            pod.program.until_metric("gateway_requests_in_flight", lambda count: count == 1)
        pod.program.until_metric("gateway_requests_in_flight", lambda count: count == 0)
    writer = threading.Thread(target=pod.write, args=(topic, list(range(5))), kwargs={"partition": 0})
    writer.start()
    assert offsets_of(consumer.read_until(5)) == [(0, each) for each in range(5)]
    writer.join()
    consumer.done("DELETE")


def test_idle_instances_end(start_gateway: StartGateway, topic: str, group: str) -> None:
    # Between two requests on the busy instance a busy machine may take a second or two.
    limits = {"consumerIdleSeconds": 6, "consumersPerCaller": 2}
    pod = start_pods(start_gateway, "gateway-0", limits=limits)[0]
    pod.write(topic, [1], partition=0)
    idle, busy = Consumer.make(pod, group).subscribe(topic), Consumer.make(pod, group, "busy").subscribe(topic)
    refused = pod.call("POST", f"/consumers/{group}")
    assert (refused.status, refused.code) == (429, 42901)
    assert int(refused.headers["retry-after"]) >= 1
    # A read that waits keeps an instance alive; the partitions come to it when the idle one is gone.
    deadline = time.monotonic() + 120
    while len(busy.partitions()) < 2 and time.monotonic() < deadline:
        busy.read(6500)
    assert busy.partitions() == [0, 1]
    assert idle.call("GET", "/records").code == 40403
    Consumer.make(pod, group).done("DELETE")
