"""Reads by offset and by cursor, and streams that break and resume."""

import array
import base64
import concurrent.futures
import contextlib
import fcntl
import http.client
import itertools
import json
import signal
import socket
import termios
import threading
import time
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from confluent_kafka import Consumer, KafkaError, Message, Producer, TopicPartition
from confluent_kafka.admin import NewPartitions
from kafka_platform_runtime.gateway.formats import PLAIN, Format
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from tests.kafka_process import ADMIN_USER
from tests.unit.runtime.gateway.conftest import (
    BINARY,
    BLUE,
    RED,
    STOP_SECONDS,
    TEXT,
    Kafka,
    Program,
    StartGateway,
    authorization,
)
from tests.unit.runtime.gateway.consumers_harness import eventually
from tests.unit.runtime.hurried import hurried

_names = itertools.count()
RECORDS_SECONDS = 120
LOOKS = {"gateway__reads__feeds__REFRESH_SECONDS": 1, "gateway__reads__members__LOOK_MILLISECONDS": 1000}
"""For a gateway that looks for new partitions every second instead of every ten."""


def new_topic(kafka: Kafka, partitions: int = 1, **config: str) -> str:
    return kafka.make_topic(f"red-reads-{next(_names)}", partitions, **config)


def write(kafka: Kafka, topic: str, values: list[bytes | None], partition: int = -1) -> None:
    """Write by Kafka's own protocol; with partition -1 in turn to all partitions."""
    producer = Producer({**kafka.client(), "linger.ms": 5})
    count = len(producer.list_topics(topic, 60).topics[topic].partitions)
    errors: list[KafkaError] = []

    def delivered(error: KafkaError | None, _: Message) -> None:
        errors.extend([] if error is None else [error])

    for number, value in enumerate(values):
        to = number % count if partition < 0 else partition
        producer.produce(topic, value, partition=to, on_delivery=delivered)
    assert (producer.flush(120), errors) == (0, [])


def numbers(first: int, last: int) -> list[bytes | None]:
    return [str(number).encode() for number in range(first, last)]


class Stream:
    """A stream of events as a program reads it."""

    def __init__(
        self, gateway: Program, topic: str, query: str = "", *, user: str = RED, last_id: str | None = None
    ) -> None:
        self._connection = http.client.HTTPConnection(gateway.address, gateway.port, timeout=RECORDS_SECONDS)
        headers = {"authorization": authorization(user), "accept": "text/event-stream"}
        if last_id is not None:
            headers["last-event-id"] = last_id
        self._connection.request("GET", f"/topics/{topic}/stream{query}", headers=headers)
        self.answer = self._connection.getresponse()
        self.last_id = last_id

    def __enter__(self) -> "Stream":
        assert self.answer.status == 200, self.answer.read()
        assert self.answer.headers["content-type"] == "text/event-stream"
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):
            if self._connection.sock is not None:
                self._connection.sock.shutdown(socket.SHUT_RDWR)
        self._connection.close()
        self.answer.close()

    def unread(self) -> int:
        """How many bytes have arrived and were not yet read."""
        count = array.array("i", [0])
        fcntl.ioctl(self._connection.sock, termios.FIONREAD, count)
        return count[0]

    def leave(self) -> None:
        """Close the reader's side: what is on its way still comes, then the stream ends."""
        self._connection.sock.shutdown(socket.SHUT_WR)

    def events(self) -> Iterator[dict[str, str]]:
        """Events until the stream ends; comments under the name of the empty string."""
        event: dict[str, str] = {}
        for line in self.answer:
            name, _, value = line.decode().rstrip("\n").partition(": ")
            if value and not name:
                yield {"": value}
            elif name:
                event[name] = value
            elif event:
                yield event
                event = {}

    def rest(self) -> list[dict[str, Any]]:
        """The records until the stream ends."""
        return [json.loads(event["data"]) for event in self.events() if "data" in event]

    def records(self, count: int) -> list[dict[str, Any]]:
        """The next records; heartbeats do not keep a wait for those that never come alive."""
        found: list[dict[str, Any]] = []
        until = time.monotonic() + RECORDS_SECONDS
        for event in self.events():
            assert time.monotonic() < until, f"{len(found)} of {count} records came"
            assert event.get("event", "message") == "message", event
            if "data" in event:
                data = json.loads(event["data"])
                found.extend(data if isinstance(data, list) else [data])
                self.last_id = event["id"]
                if len(found) >= count:
                    break
        return found


def by_partition(records: list[dict[str, Any]]) -> dict[int, list[int]]:
    found: dict[int, list[int]] = {}
    for each in records:
        found.setdefault(each["partition"], []).append(each["offset"])
    return found


class TestByOffset:
    def test_records_of_a_partition(self, kafka: Kafka, gateway: Program) -> None:
        topic = new_topic(kafka)
        write(kafka, topic, numbers(0, 50))
        reply = gateway.ask("GET", f"/topics/{topic}/partitions/0/records?offset=20&timeout=2000", user=RED)
        assert reply.status == 200
        assert reply.headers["content-type"] == "application/vnd.kafka.json.v2+json"
        assert [(each["offset"], each["value"]) for each in reply.json()] == [(n, n) for n in range(20, 50)]
        assert gateway.ask("GET", f"/topics/{topic}/partitions/0/records?offset=50&timeout=300").json() == []

    def test_bytes_and_counts_are_bounded(self, kafka: Kafka, gateway: Program) -> None:
        topic = new_topic(kafka)
        write(kafka, topic, [b'"' + b"x" * 98 + b'"'] * 30)
        path = f"/topics/{topic}/partitions/0/records?offset=0"
        assert len(gateway.ask("GET", f"{path}&max_bytes=1000").json()) == 10
        assert len(gateway.ask("GET", f"{path}&max_bytes=1").json()) == 1
        assert len(gateway.ask("GET", f"{path}&max_records=7").json()) == 7

    def test_formats(self, kafka: Kafka, gateway: Program) -> None:
        topic = new_topic(kafka)
        write(kafka, topic, ["grün".encode(), None])
        path = f"/topics/{topic}/partitions/0/records"
        text, binary = (gateway.ask("GET", path, headers={"accept": kind}).json() for kind in (TEXT, BINARY))
        assert [each["value"] for each in text] == ["grün", None]
        assert [each["value"] for each in binary] == ["Z3LDvG4=", None]
        json_form = gateway.ask("GET", path).json()
        assert [(each["value"], each.get("format")) for each in json_form] == [("Z3LDvG4=", "binary"), (None, None)]

    @pytest.mark.parametrize(
        ("query", "status", "code"),
        [
            ("offset=4", 416, 41601),
            ("offset=-1", 400, 40001),
            ("offset=x", 400, 40001),
            ("ofset=1", 400, 40001),
            ("timeout=99999999", 400, 40001),
        ],
    )
    def test_wrong_parameters(self, kafka: Kafka, gateway: Program, query: str, status: int, code: int) -> None:
        topic = new_topic(kafka)
        write(kafka, topic, numbers(0, 3))
        reply = gateway.ask("GET", f"/topics/{topic}/partitions/0/records?{query}")
        assert (reply.status, reply.json()["error_code"]) == (status, code)

    def test_who_may_not(self, kafka: Kafka, gateway: Program) -> None:
        topic = new_topic(kafka)
        for path in ("partitions/0/records", "records", "stream", "stream?from=earliest", "stream?group=blue-g"):
            reply = gateway.ask("GET", f"/topics/{topic}/{path}", user=BLUE)
            assert (reply.status, reply.json()["error_code"]) == (403, 40301), path
            assert reply.json()["message"] == f"{BLUE} may not READ topic {topic}: add it to its `reads`."
            absent = gateway.ask("GET", f"/topics/red-missing/{path}", user=BLUE)
            assert absent.json()["message"] == f"{BLUE} may not READ topic red-missing: add it to its `reads`."
        for path in ("partitions/0/records", "records", "stream"):
            assert gateway.ask("GET", f"/topics/red-missing/{path}").status == 404
        assert gateway.ask("GET", f"/topics/{topic}/partitions/1/records").json()["error_code"] == 40402
        reply = gateway.ask("GET", f"/topics/{topic}/stream?group=blue-group", user=RED)
        assert (reply.status, reply.json()["error_code"]) == (403, 40301)
        assert reply.json()["message"] == f"{RED} may not READ group blue-group: add it to its `groups`."


UNFIT = [b"not json", b"\xff", b'"\\ud800"', b"NaN", b"[" * 501 + b"]" * 501, b"9" * 1001, b"[" * 5000 + b"]" * 5000]
"""Values of other clients that are no JSON, or that many readers of JSON could not read."""
READABLE = [
    '{"value":1e400}',
    '{"value":-0}',
    '{"value":-0.0}',
    '{"value":1e-400}',
    '{"value":1E99999999999999999999}',
    '{"value":{"a":1,"a":2}}',
    '{"value":"\\u0000"}',
    '{"value":"\\ud83d\\ude00"}',
    f'{{"value":{"9" * 1000}}}',
    f'{{"value":0.{"1" * 998}}}',
    f'{{"value":{"[" * 500}{"]" * 500}}}',
    f'{{"value":1,"key":{"[" * 500}{"]" * 500}}}',
    f'{{"value":"{"9" * 5000}"}}',
    '{"key":1e400,"value":1}',
    '{"key":{"b":1.50,"a":"\\u00e9"},"value":null}',
    '{"key":"only"}',
]
REFUSED = [
    '{"value":NaN}',
    '{"value":Infinity}',
    '{"value":"\\ud800"}',
    '{"value":"\\udc00\\ud800"}',
    f'{{"value":{"9" * 1001}}}',
    f'{{"value":1,"key":{"9" * 5000}}}',
    f'{{"value":{"[" * 501}{"]" * 501}}}',
    f'{{"value":1,"key":{"[" * 800}{"]" * 800}}}',
    f'{{"value":[{"[" * 5000}{"]" * 5000}]}}',
]


class TestWhatDoesNotFit:
    """A record that cannot be shown in a format keeps nobody from those behind it."""

    @pytest.mark.parametrize("place", ["key", "value"])
    @pytest.mark.parametrize("way", ["offset", "cursor", "stream", "batches", "instance"])
    def test_it_is_in_base64_and_says_so(self, kafka: Kafka, gateway: Program, way: str, place: str) -> None:
        topic = new_topic(kafka)
        producer = Producer(dict(kafka.client()))
        contents = [each for unfit in UNFIT for each in (unfit, b'"ok"')]
        for each in contents:
            key, value = (each, b'"v"') if place == "key" else (b'"k"', each)
            producer.produce(topic, value, key)
        assert producer.flush(120) == 0
        found = read_all(gateway, topic, way, len(contents))
        assert [each["offset"] for each in found] == list(range(len(contents)))
        for record, content in zip(found, contents, strict=True):
            if content == b'"ok"':
                assert (record[place], record.get("format")) == ("ok", None)
            else:
                form = "binary-json" if place == "key" else "json-binary"
                assert (base64.b64decode(record[place]), record["format"]) == (content, form)
                assert record["value" if place == "key" else "key"] in ("k", "v"), "what fits is in the format"

    @pytest.mark.parametrize("way", ["offset", "cursor", "stream", "batches", "instance"])
    def test_keys_of_text_beside_values_of_json(self, kafka: Kafka, gateway: Program, way: str) -> None:
        """As most clients of Kafka write them."""
        topic = new_topic(kafka)
        producer = Producer(dict(kafka.client()))
        producer.produce(topic, b'{"item": "chair"}', b"order-17")
        assert producer.flush(120) == 0
        body = {"records": [{"key": "order-17", "value": {"item": "table"}}, {"key": None, "value": 1}, {"key": "x"}]}
        written = gateway.ask("POST", f"/topics/{topic}", body, kind=Format.TEXT_JSON.media_type)
        assert written.status == 200, written.body
        found = read_all(gateway, topic, way, 4, Format.TEXT_JSON)
        shown = [(each["key"], each["value"], each.get("format")) for each in found]
        assert shown == [
            ("order-17", {"item": "chair"}, None),
            ("order-17", {"item": "table"}, None),
            (None, 1, None),
            ("x", None, None),
        ]

    @pytest.mark.parametrize("form", [each for each in PLAIN if "-" in each])
    def test_every_pair_of_formats_is_read_as_it_was_written(
        self, kafka: Kafka, gateway: Program, form: Format
    ) -> None:
        topic = new_topic(kafka)
        shown = {Format.JSON: {"a": [1]}, Format.TEXT: "grün", Format.BINARY: "/w=="}
        record = {"key": shown[form.of_keys], "value": shown[form.of_values]}
        kind = form.media_type
        assert gateway.ask("POST", f"/topics/{topic}", {"records": [record]}, kind=kind).status == 200
        accept = {"accept": form.media_type}
        [found] = gateway.ask("GET", f"/topics/{topic}/records", headers=accept).json()["records"]
        assert {name: found[name] for name in record} == record
        assert "format" not in found
        wrong = {"records": [{"key": 1, "value": 1}]}
        reply = gateway.ask("POST", f"/topics/{topic}", wrong, kind=kind)
        name = "value" if form.of_values is not Format.JSON else "key"
        assert (reply.status, reply.json()["message"]) == (422, f"records[0].{name}: is not a string.")

    def test_text_that_is_none_is_in_base64(self, kafka: Kafka, gateway: Program) -> None:
        topic = new_topic(kafka)
        write(kafka, topic, [b"\xff", b"b"])
        found = gateway.ask("GET", f"/topics/{topic}/records", headers={"accept": TEXT}).json()["records"]
        assert [(each["value"], each.get("format")) for each in found] == [("/w==", "binary"), ("b", None)]

    def test_what_is_accepted_as_json_is_read_as_json(self, kafka: Kafka, gateway: Program) -> None:
        topic = new_topic(kafka)
        for record in READABLE:
            reply = gateway.ask("POST", f"/topics/{topic}", f'{{"records":[{record}]}}'.encode())
            assert reply.status == 200, (record, reply.body)
        for way in ("offset", "cursor", "stream", "batches", "instance"):
            for found, sent in zip(read_all(gateway, topic, way, len(READABLE)), READABLE, strict=True):
                meant = json.loads(sent)
                assert "format" not in found, (way, sent)
                assert (found["key"], found["value"]) == (meant.get("key"), meant.get("value")), (way, sent)

    @pytest.mark.parametrize("record", REFUSED, ids=lambda each: each[:30])
    def test_what_many_readers_could_not_read_is_refused(self, kafka: Kafka, gateway: Program, record: str) -> None:
        topic = new_topic(kafka)
        reply = gateway.ask("POST", f"/topics/{topic}", f'{{"records":[{{"value":1}},{record}]}}'.encode())
        assert reply.status in {400, 422}, reply.body
        assert reply.json()["error_code"] in {40001, 42201}
        assert gateway.ask("GET", f"/topics/{topic}/records?timeout=100").json()["records"] == []


def read_all(gateway: Program, topic: str, way: str, count: int, form: Format = Format.JSON) -> list[dict[str, Any]]:
    """All records of a topic with one partition, in a format."""
    accept = {"accept": form.media_type}
    if way == "offset":
        return list(gateway.ask("GET", f"/topics/{topic}/partitions/0/records", headers=accept).json())
    if way == "cursor":
        return list(gateway.ask("GET", f"/topics/{topic}/records", headers=accept).json()["records"])
    if way != "instance":
        batch = "&batch=5" if way == "batches" else ""
        with Stream(gateway, topic, f"?from=earliest{batch}&format={form}") as stream:
            return stream.records(count)
    group = f"/consumers/red-{topic}"
    options = {"name": "c", "format": form, "auto.offset.reset": "earliest"}
    assert gateway.ask("POST", group, options, user=RED).status == 200
    own = f"{group}/instances/c"
    try:
        assert gateway.ask("POST", f"{own}/subscription", {"topics": [topic]}, user=RED).status == 204
        found: list[dict[str, Any]] = []
        until = time.monotonic() + RECORDS_SECONDS
        while len(found) < count and time.monotonic() < until:
            reply = gateway.ask("GET", f"{own}/records?timeout=2000", user=RED)
            assert reply.status == 200, reply.body
            found += reply.json()
        return found
    finally:
        gateway.ask("DELETE", own, user=RED)


class TestByCursor:
    def test_pages_have_everything_once(self, kafka: Kafka, gateway: Program) -> None:
        topic = new_topic(kafka, 3)
        write(kafka, topic, numbers(0, 100))
        start, found = "earliest", []
        while True:
            page = gateway.ask("GET", f"/topics/{topic}/records?from={start}&max_records=17&timeout=300").json()
            if not page["records"]:
                break
            found.extend(page["records"])
            start = page["cursor"]
        assert sorted(each["value"] for each in found) == list(range(100))
        assert all(offsets == sorted(offsets) for offsets in by_partition(found).values())
        write(kafka, topic, numbers(100, 103))
        page = gateway.ask("GET", f"/topics/{topic}/records?from={start}&timeout=5000").json()
        assert sorted(each["value"] for each in page["records"]) == [100, 101, 102]

    def test_from_a_time(self, kafka: Kafka, gateway: Program) -> None:
        topic = new_topic(kafka, 2)
        write(kafka, topic, numbers(0, 10))
        time.sleep(0.05)
        moment = int(time.time() * 1000)
        time.sleep(0.05)
        write(kafka, topic, numbers(10, 14))
        page = gateway.ask("GET", f"/topics/{topic}/records?from={moment}&timeout=2000").json()
        assert sorted(each["value"] for each in page["records"]) == [10, 11, 12, 13]
        assert (
            gateway.ask("GET", f"/topics/{topic}/records?from=2999-01-01T00:00:00Z&timeout=300").json()["records"] == []
        )

    @pytest.mark.parametrize("start", ["yesterday", "0:", "0:1,0:2", "x:1", "7:0", "0:99"])
    def test_wrong_starts(self, kafka: Kafka, gateway: Program, start: str) -> None:
        topic = new_topic(kafka)
        for path in ("records", "stream"):
            assert gateway.ask("GET", f"/topics/{topic}/{path}?from={start}").status in {400, 404, 416}, path


class TestStream:
    def test_old_and_new_records_come_one_by_one(self, kafka: Kafka, gateway: Program) -> None:
        topic = new_topic(kafka, 3)
        write(kafka, topic, numbers(0, 30))
        with Stream(gateway, topic, "?from=earliest") as stream:
            old = stream.records(30)
            write(kafka, topic, numbers(30, 60))
            new = stream.records(30)
        assert sorted(each["value"] for each in old + new) == list(range(60))
        assert all(offsets == list(range(20)) for offsets in by_partition(old + new).values())

    def test_latest_begins_at_the_end(self, kafka: Kafka, gateway: Program) -> None:
        topic = new_topic(kafka)
        write(kafka, topic, numbers(0, 5))
        with Stream(gateway, topic) as first, Stream(gateway, topic, "?batch=10") as second:
            write(kafka, topic, numbers(5, 8))
            assert [each["value"] for each in first.records(3)] == [5, 6, 7]
            assert [each["value"] for each in second.records(3)] == [5, 6, 7]

    def test_each_record_once_over_many_breaks_while_records_are_written(self, kafka: Kafka, gateway: Program) -> None:
        topic = new_topic(kafka, 4)
        total = 12_000
        ended = threading.Event()

        def keep_writing() -> None:
            for start in range(0, total, 400):
                write(kafka, topic, numbers(start, start + 400))
            ended.set()

        found: list[dict[str, Any]] = []
        last_id = None
        with concurrent.futures.ThreadPoolExecutor(1) as threads:
            threads.submit(keep_writing)
            for turn in itertools.count():
                batch = ("", "&batch=7", "&batch=500")[turn % 3]
                with Stream(gateway, topic, f"?from=earliest{batch}", last_id=last_id) as stream:
                    found.extend(stream.records(min(371, total - len(found))))
                    last_id = stream.last_id
                if len(found) >= total:
                    break
        assert ended.wait(120)
        assert len(found) == total
        assert sorted(each["value"] for each in found) == list(range(total))
        assert all(offsets == list(range(len(offsets))) for offsets in by_partition(found).values())

    def test_what_is_gone_is_said(self, kafka: Kafka, gateway: Program) -> None:
        topic = new_topic(kafka)
        write(kafka, topic, numbers(0, 10))
        kafka.delete_records(topic, {0: 6})
        with Stream(gateway, topic, last_id="0:2") as stream:
            events = stream.events()
            event = next(each for each in events if "event" in each)
            assert event["event"] == "gap"
            assert json.loads(event["data"]) == {"partition": 0, "from": 2, "to": 6}
            assert json.loads(next(events)["data"])["value"] == 6

    def test_a_record_that_does_not_fit_does_not_end_the_stream(self, kafka: Kafka, gateway: Program) -> None:
        topic = new_topic(kafka)
        write(kafka, topic, [b"1", b"not json", b'{"a":\n 2}', b"\xff", None])
        with Stream(gateway, topic, "?from=earliest") as stream:
            found = stream.records(5)
        assert [each["value"] for each in found] == [1, "bm90IGpzb24=", {"a": 2}, "/w==", None]
        assert [each.get("format") for each in found] == [None, "binary", None, "binary", None]

    @pytest.mark.parametrize("query", ["", "?group=red-new-partitions"])
    def test_a_new_partition_is_read_from_its_beginning(
        self, kafka: Kafka, start_gateway: StartGateway, query: str
    ) -> None:
        gateway = start_gateway(module=hurried("gateway", **LOOKS))
        topic = new_topic(kafka)
        with Stream(gateway, topic, query) as stream:
            kafka.admin.create_partitions([NewPartitions(topic, 2)])[topic].result(120)
            eventually(lambda: len(kafka.admin.list_topics(topic, timeout=60).topics[topic].partitions) == 2)
            write(kafka, topic, numbers(0, 5), partition=1)
            assert [each["value"] for each in stream.records(5)] == list(range(5))

    def test_a_heartbeat_on_an_idle_stream(self, kafka: Kafka, gateway: Program) -> None:
        with Stream(gateway, new_topic(kafka), "?heartbeat=1") as stream:
            events = stream.events()
            assert [next(events) for _ in range(3)] == [{"retry": "1000", "id": "0:0"}, {"": "alive"}, {"": "alive"}]

    def test_only_the_first_block_has_no_data(self, kafka: Kafka, gateway: Program) -> None:
        """Some clients take every block for an event, such as httpx-sse."""
        topic = new_topic(kafka)
        with Stream(gateway, topic, "?heartbeat=1") as stream:
            events = stream.events()
            first, _ = next(events), next(events)
            write(kafka, topic, [b"1"])
            blocks = (event for event in events if "" not in event)
            assert "data" not in first
            assert json.loads(next(blocks)["data"])["value"] == 1

    def test_a_slow_reader_hurts_nobody(self, kafka: Kafka, start_gateway: StartGateway) -> None:
        gateway = start_gateway()
        topic = new_topic(kafka)
        value = b'"' + b"x" * 10_000 + b'"'
        write(kafka, topic, [b"0"])
        slow = [Stream(gateway, topic, "?from=earliest") for _ in range(5)]
        before = gateway.megabytes
        with Stream(gateway, topic, "?from=latest") as quick:
            for _ in range(10):
                write(kafka, topic, [value] * 1000)
                assert len(quick.records(1000)) == 1000
        assert gateway.megabytes < before + 120, "a hundred megabytes went by five readers who take none"
        for each in slow:
            each.__exit__()

    def test_streams_end_politely(self, kafka: Kafka, start_gateway: StartGateway) -> None:
        gateway = start_gateway()
        topic = new_topic(kafka)
        with Stream(gateway, topic) as stream:
            gateway.process.send_signal(signal.SIGTERM)
            assert [event for event in stream.events() if "event" in event] == []
        assert gateway.process.wait(STOP_SECONDS) == 0

    def test_streams_are_bounded(self, kafka: Kafka, start_gateway: StartGateway) -> None:
        gateway = start_gateway({"limits": {"streamsPerCaller": 2}})
        topic = new_topic(kafka)
        with Stream(gateway, topic), Stream(gateway, topic):
            assert gateway.ask("GET", f"/topics/{topic}/stream", user=RED).status == 429
        gateway.until_metric("gateway_streams", lambda count: count == 0)  # whoever left is not counted any more


def partitions_of_members(kafka: Kafka, group: str) -> list[int]:
    """How many partitions each member of a group has."""
    members = kafka.admin.describe_consumer_groups([group])[group].result(120).members
    return sorted(len(each.assignment.topic_partitions) for each in members)


def committed_offset(kafka: Kafka, group: str, topic: str, partition: int = 0) -> int:
    """What a group has committed of a partition of a topic; below 0 if nothing."""
    consumer = Consumer({**kafka.client(), "group.id": group, "enable.auto.commit": False})
    try:
        return int(consumer.committed([TopicPartition(topic, partition)], 60)[0].offset)
    finally:
        consumer.close()


class TestGroup:
    def test_two_streams_share_the_records(self, kafka: Kafka, gateway: Program) -> None:
        topic, query = new_topic(kafka, 4), "?group=red-share&from=earliest"
        found: list[dict[str, Any]] = []
        with Stream(gateway, topic, query) as first, Stream(gateway, topic, query) as second:
            eventually(lambda: partitions_of_members(kafka, "red-share") == [2, 2])
            with concurrent.futures.ThreadPoolExecutor(2) as threads:
                write(kafka, topic, numbers(0, 400))
                shares = [each.result() for each in [threads.submit(one.records, 200) for one in (first, second)]]
        assert all(shares)
        found = [record for share in shares for record in share]
        assert sorted(each["value"] for each in found) == list(range(400))

    def test_goes_on_where_it_was_left(self, kafka: Kafka, gateway: Program) -> None:
        topic = new_topic(kafka)
        write(kafka, topic, numbers(0, 10))
        with Stream(gateway, topic, "?group=red-resume") as stream:
            assert [each["value"] for each in stream.records(10)] == list(range(10))
            eventually(lambda: committed_offset(kafka, "red-resume", topic) == 10)
        write(kafka, topic, numbers(10, 20))
        with Stream(gateway, topic, "?group=red-resume") as stream:
            assert [each["value"] for each in stream.records(10)] == list(range(10, 20))


class TestWebSocket:
    @staticmethod
    def open(gateway: Program, topic: str, query: str = "", user: str = RED) -> Any:
        headers: Mapping[str, str] = {"authorization": authorization(user)}
        return connect(f"ws://127.0.0.1:{gateway.port}/topics/{topic}/stream{query}", additional_headers=headers)

    def test_records_and_cursor(self, kafka: Kafka, gateway: Program) -> None:
        topic = new_topic(kafka, 2)
        write(kafka, topic, numbers(0, 20))
        found: list[dict[str, Any]] = []
        cursor = ""
        with self.open(gateway, topic, "?from=earliest") as socket:
            while len(found) < 20:
                frame = json.loads(socket.recv(RECORDS_SECONDS))
                found += frame["records"]
                cursor = frame["cursor"]
        write(kafka, topic, numbers(20, 24))
        with self.open(gateway, topic, f"?from={cursor}") as socket:
            while len(found) < 24:
                found += json.loads(socket.recv(RECORDS_SECONDS))["records"]
        assert sorted(each["value"] for each in found) == list(range(24))

    def frames(self, gateway: Program, topic: str, query: str, count: int) -> tuple[Any, list[dict[str, Any]]]:
        """An open socket, and the frames in which the first records came."""
        opened, found = self.open(gateway, topic, query), list[dict[str, Any]]()
        while sum(len(each["records"]) for each in found) < count:
            frame = json.loads(opened.recv(RECORDS_SECONDS))
            found += [frame] if frame.get("records") else []
        return opened, found

    def test_a_reader_that_dies_gets_again_what_it_did_not_acknowledge(self, kafka: Kafka, gateway: Program) -> None:
        topic, query = new_topic(kafka), "?group=red-acknowledged&acknowledge=true"
        write(kafka, topic, numbers(0, 10))
        first, frames = self.frames(gateway, topic, query, 10)
        assert frames[-1]["cursor"] == "0:10"
        for cursor in ("0:7", "0:3"):  # a late one does not count
            first.send(json.dumps({"acknowledged": cursor}))
        eventually(lambda: committed_offset(kafka, "red-acknowledged", topic) == 7)
        first.socket.shutdown(socket.SHUT_RDWR)
        second, frames = self.frames(gateway, topic, query, 3)
        assert [each["value"] for frame in frames for each in frame["records"]] == [7, 8, 9]
        second.send(json.dumps({"acknowledged": frames[-1]["cursor"]}))
        second.close()
        eventually(lambda: committed_offset(kafka, "red-acknowledged", topic) == 10)

    @pytest.mark.parametrize(
        ("frame", "said"),
        [
            ('{"acknowledged": "0:3"}', "0:3 was not handed out"),
            ('{"acknowledged": "0"}', "is not a cursor"),
            ('{"acknowledged": 3}', "Only"),
            ('{"acknowledged": "0:1", "commit": true}', "Only"),
            ("[" * 1_000, "Only"),
            (b"0:1", "Only"),
            ("", "Only"),
        ],
    )
    def test_what_cannot_be_acknowledged_ends_the_stream(
        self, kafka: Kafka, gateway: Program, frame: str | bytes, said: str
    ) -> None:
        topic, group = new_topic(kafka), f"red-{next(_names)}"
        write(kafka, topic, numbers(0, 2))
        opened, _ = self.frames(gateway, topic, f"?group={group}&acknowledge=true", 2)
        opened.send(frame)
        while "error" not in (told := json.loads(opened.recv(RECORDS_SECONDS))):
            assert told == {"alive": True}
        assert said in told["error"]["message"]
        with pytest.raises(ConnectionClosed) as closed:
            opened.recv(RECORDS_SECONDS)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 4400
        assert committed_offset(kafka, group, topic) < 0

    def test_partitions_that_it_was_never_given_are_not_committed(self, kafka: Kafka, gateway: Program) -> None:
        topic, group = new_topic(kafka, 2), "red-others"
        write(kafka, topic, numbers(0, 4))
        opened, frames = self.frames(gateway, topic, f"?group={group}&acknowledge=true", 4)
        opened.send(json.dumps({"acknowledged": "7:1"}))
        for each in frames:
            opened.send(json.dumps({"acknowledged": each["cursor"]}))
        ends = [
            sum(each["partition"] == partition for frame in frames for each in frame["records"]) for partition in (0, 1)
        ]
        eventually(lambda: [committed_offset(kafka, group, topic, each) for each in (0, 1)] == ends)
        opened.close()

    @pytest.mark.parametrize("query", ["?acknowledge=true", "?group=red-x&acknowledge=maybe"])
    def test_nothing_is_acknowledged_without_a_group(self, kafka: Kafka, gateway: Program, query: str) -> None:
        with pytest.raises(InvalidStatus) as refused:
            self.open(gateway, new_topic(kafka), query)
        assert refused.value.response.status_code == 400
        assert "acknowledge" in json.loads(refused.value.response.body)["message"]

    def test_who_may_not(self, kafka: Kafka, gateway: Program) -> None:
        with pytest.raises(InvalidStatus) as denied:
            self.open(gateway, new_topic(kafka), user=BLUE)
        assert denied.value.response.status_code == 403
        refusal = json.loads(denied.value.response.body)
        assert refusal["error_code"] == 40301
        assert "may not READ topic" in refusal["message"]

    def test_the_end_is_said(self, kafka: Kafka, start_gateway: StartGateway) -> None:
        gateway = start_gateway()
        with self.open(gateway, new_topic(kafka)) as socket:
            assert json.loads(socket.recv(RECORDS_SECONDS)) == {"records": [], "cursor": "0:0"}
            gateway.process.send_signal(signal.SIGTERM)
            with pytest.raises(ConnectionClosed) as closed:
                socket.recv(STOP_SECONDS)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code in {1001, 1012}
        assert gateway.process.wait(STOP_SECONDS) == 0


def test_many_idle_streams_take_little_memory(kafka: Kafka, start_gateway: StartGateway) -> None:
    count = 500
    gateway = start_gateway({"limits": {"streamsPerCaller": count}})
    topic = new_topic(kafka)
    with Stream(gateway, topic, user=ADMIN_USER):
        gateway.until_metric("gateway_streams", lambda count: count == 1)
    gateway.until_metric("gateway_streams", lambda count: count == 0)
    before = gateway.megabytes
    with contextlib.ExitStack() as stack:
        streams = [stack.enter_context(Stream(gateway, topic, user=ADMIN_USER)) for _ in range(count)]
        used = gateway.megabytes - before
        print(f"{count} idle streams: {used:.1f} MB")
        assert used < 300 * count / 2000
        assert gateway.metric("gateway_consumers") <= 2
        write(kafka, topic, [b"1"])
        assert all(each.records(1)[0]["value"] == 1 for each in streams)
