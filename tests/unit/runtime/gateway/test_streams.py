"""Streams when something is in the way: readers who stall, rights that end, brokers that are away."""

import concurrent.futures
import contextlib
import itertools
import json
import random
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import (
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    ResourcePatternType,
    ResourceType,
)
from kafka_platform_runtime.connection import Connection
from kafka_platform_runtime.provisioner.quotas import QuotaChange, QuotaClient
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from tests.unit.runtime.gateway.conftest import RED, Kafka, Program, Reply, StartGateway, authorization
from tests.unit.runtime.gateway.test_reads import LOOKS, Stream, by_partition, numbers, write
from tests.unit.runtime.hurried import hurried

_names = itertools.count()


def new_topic(kafka: Kafka, partitions: int = 1, prefix: str = "red", **config: str) -> str:
    return kafka.make_topic(f"{prefix}-streams-{next(_names)}", partitions, **config)


def eventually(what: str, condition: Callable[[], object], seconds: float = 240) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, f"not within {seconds:g} s: {what}"
        time.sleep(0.1)


def error_of(stream: Stream) -> dict[str, Any]:
    """The error that ends a stream; it has to end."""
    found = [event for event in stream.events() if event.get("event") == "error"]
    assert len(found) == 1, found
    error: dict[str, Any] = json.loads(found[0]["data"])
    return error


def websocket(gateway: Program, topic: str, query: str = "") -> Any:
    return connect(
        f"ws://127.0.0.1:{gateway.port}/topics/{topic}/stream{query}",
        additional_headers={"authorization": authorization(RED)},
        compression=None,
    )


def until_closed(socket: Any) -> Iterator[str]:
    """Frames until the gateway closes the socket."""
    with contextlib.suppress(ConnectionClosed):
        while True:
            yield socket.recv(60)


@contextlib.contextmanager
def written(kafka: Kafka, topic: str, count: int, at_a_time: int = 500) -> Iterator[None]:
    """Numbers are written while the block runs; at its end all of them are."""

    def run() -> None:
        for start in range(0, count, at_a_time):
            write(kafka, topic, numbers(start, min(start + at_a_time, count)))

    with concurrent.futures.ThreadPoolExecutor(1) as threads:
        writing = threads.submit(run)
        yield
        writing.result()


def is_each_once_in_order(records: list[dict[str, Any]], count: int) -> bool:
    """Whether the numbers up to `count` are there once, and in each partition in order without a hole."""
    return sorted(each["value"] for each in records) == list(range(count)) and all(
        offsets == list(range(len(offsets))) for offsets in by_partition(records).values()
    )


def test_a_record_is_handed_out_when_it_comes(kafka: Kafka, gateway: Program) -> None:
    """Not when there are many, nor when the second is over in which more could come."""
    topic = new_topic(kafka, 3)
    producer = Producer({**kafka.client(), "linger.ms": 0})
    took: list[float] = []
    with Stream(gateway, topic) as stream:
        next(stream.events())
        # If it waited, each of them would take the second; a busy machine makes many of them slow, but not all.
        while sum(each < 0.5 for each in took) < 4:
            assert len(took) < 60, took
            began = time.monotonic()
            producer.produce(topic, str(len(took)).encode(), partition=len(took) % 3)
            producer.poll(0)
            stream.records(1)
            took.append(time.monotonic() - began)


class TestWhereItBegins:
    def test_a_stream_that_broke_before_its_first_record_misses_none(self, kafka: Kafka, gateway: Program) -> None:
        topic = new_topic(kafka, 2)
        write(kafka, topic, numbers(0, 6))
        with Stream(gateway, topic) as stream:
            begin = next(event for event in stream.events() if "id" in event)
        assert begin == {"retry": "1000", "id": "0:3,1:3"}
        write(kafka, topic, numbers(6, 10))
        with Stream(gateway, topic, last_id=begin["id"]) as stream:
            assert sorted(each["value"] for each in stream.records(4)) == [6, 7, 8, 9]

    def test_some_partitions(self, kafka: Kafka, gateway: Program) -> None:
        topic = new_topic(kafka, 4)
        write(kafka, topic, numbers(0, 40))
        with Stream(gateway, topic, "?from=earliest&partitions=1,3") as stream:
            old = stream.records(20)
            write(kafka, topic, numbers(40, 80))
            new = stream.records(20)
            assert stream.last_id == "1:20,3:20"
        assert {partition: len(found) for partition, found in by_partition(old + new).items()} == {1: 20, 3: 20}
        assert all(offsets == list(range(20)) for offsets in by_partition(old + new).values())
        write(kafka, topic, numbers(80, 84))
        with Stream(gateway, topic, "?partitions=1,3", last_id=stream.last_id) as stream:
            assert sorted(each["value"] for each in stream.records(2)) == [81, 83]

    def test_streams_of_some_partitions_share_what_is_made_for_one(self, kafka: Kafka, gateway: Program) -> None:
        topic = new_topic(kafka, 2)
        queries = ("", "?partitions=0", "?partitions=0", "?partitions=1", "?partitions=0,1")
        with contextlib.ExitStack() as stack:
            streams = [stack.enter_context(Stream(gateway, topic, query)) for query in queries]
            for turn in range(3):
                write(kafka, topic, numbers(turn * 10, turn * 10 + 10))
                found = [
                    each.records(10 if query in {"", "?partitions=0,1"} else 5)
                    for each, query in zip(streams, queries, strict=True)
                ]
                assert found[1] == found[2]
                assert (
                    by_partition(found[0])
                    == by_partition(found[4])
                    == {**by_partition(found[1]), **by_partition(found[3])}
                )

    @pytest.mark.parametrize(
        ("query", "status"),
        [
            ("partitions=", 400),
            ("partitions=a", 400),
            ("partitions=-1", 400),
            ("partitions=0,9", 404),
            ("partitions=0&group=red-g", 400),
            ("heartbeat=0", 400),
            ("batch=0", 400),
            ("batch=10001", 400),
            ("format=xml", 400),
            ("group=", 400),
            # The C library would see no name, and end the program.
            ("group=%00", 400),
            ("group=%00red-g", 400),
            ("group=red-g%0A", 400),
            ("group=red-g&from=0:1", 400),
            ("since=earliest", 400),
        ],
    )
    def test_wrong_parameters(self, kafka: Kafka, gateway: Program, query: str, status: int) -> None:
        topic = "red-streams-wrong"
        if topic not in kafka.admin.list_topics(timeout=60).topics:
            kafka.make_topic(topic)
        reply = gateway.ask("GET", f"/topics/{topic}/stream?{query}", user=RED)
        assert (reply.status, reply.json()["error_code"] // 100) == (status, status)

    def test_a_head_opens_no_stream(self, kafka: Kafka, gateway: Program) -> None:
        topic = new_topic(kafka)
        assert gateway.ask("HEAD", f"/topics/{topic}/stream", user=RED).status == 200
        assert gateway.ask("HEAD", f"/topics/{topic}/stream?group=red-head", user=RED).status == 200
        eventually("no stream is open", lambda: gateway.metric("gateway_streams") == 0)


class TestExactness:
    def test_many_readers_step_over_to_the_feed_under_load(self, kafka: Kafka, gateway: Program) -> None:
        topic = new_topic(kafka, 3)
        total = 20_000
        queries = ["?from=earliest", "?from=earliest&batch=100", "?from=0:0", "?from=earliest&batch=10000"] * 2
        with contextlib.ExitStack() as stack, concurrent.futures.ThreadPoolExecutor(len(queries)) as threads:
            with written(kafka, topic, total):
                reading = []
                for query in queries:
                    stream = stack.enter_context(Stream(gateway, topic, query))
                    reading.append(threads.submit(stream.records, total))
                    time.sleep(0.15)
            for each in reading:
                assert is_each_once_in_order(each.result(), total)

    def test_a_reader_who_pauses_gets_all_of_it(self, kafka: Kafka, start_gateway: StartGateway) -> None:
        """He falls out of what is kept, reads alone, and is back at the end: several times."""
        gateway = start_gateway()
        topic = new_topic(kafka, 2)
        value = b'"' + b"x" * 2000 + b'"'
        with Stream(gateway, topic, "?from=latest") as stream:
            found: list[dict[str, Any]] = []
            for _ in range(4):
                write(kafka, topic, [value] * 6000)  # thrice what a feed keeps, while he takes none
                time.sleep(random.uniform(0.2, 0.6))
                found += stream.records(6000)
            write(kafka, topic, [b"1"] * 4)
            found += stream.records(4)
        assert {number: len(offsets) for number, offsets in by_partition(found).items()} == {0: 12_002, 1: 12_002}
        assert all(offsets == list(range(12_002)) for offsets in by_partition(found).values())

    def test_aborted_records_are_left_out_and_the_cursor_goes_on(self, kafka: Kafka, gateway: Program) -> None:
        topic = new_topic(kafka)
        producer = Producer({**kafka.client(), "transactional.id": "red-streams"})
        producer.init_transactions(20)
        for number, ends in enumerate(("commit", "abort", "commit", "abort")):
            producer.begin_transaction()
            for value in range(3):
                producer.produce(topic, str(10 * number + value))
            producer.flush(120)
            (producer.commit_transaction if ends == "commit" else producer.abort_transaction)(20)
        wanted = [0, 1, 2, 20, 21, 22]
        with Stream(gateway, topic, "?from=earliest") as stream:
            assert [each["value"] for each in stream.records(6)] == wanted
            write(kafka, topic, [b"30"])
            assert [each["value"] for each in stream.records(1)] == [30]
        page = gateway.ask("GET", f"/topics/{topic}/records", user=RED).json()
        assert [each["value"] for each in page["records"]] == [*wanted, 30]
        page = gateway.ask("GET", f"/topics/{topic}/records?from=0:12&max_records=1", user=RED).json()
        assert (page["records"][0]["value"], page["cursor"]) == (30, "0:17")

    def test_a_page_of_nothing_moves_over_what_was_aborted(self, kafka: Kafka, gateway: Program) -> None:
        topic = new_topic(kafka)
        producer = Producer({**kafka.client(), "transactional.id": "red-streams-aborted"})
        producer.init_transactions(20)
        producer.begin_transaction()
        producer.produce(topic, "1")
        producer.flush(120)
        producer.abort_transaction(20)
        page = gateway.ask("GET", f"/topics/{topic}/records?timeout=500", user=RED).json()
        assert page == {"records": [], "cursor": "0:2"}


class TestSlowReaders:
    def test_those_who_stall_keep_nobody_from_reading(self, kafka: Kafka, start_gateway: StartGateway) -> None:
        gateway = start_gateway({"limits": {"consumersPerCaller": 4}})
        topic = new_topic(kafka)
        other = new_topic(kafka)
        total = 2000
        write(kafka, topic, [b'"' + b"x" * 10_000 + b'"'] * total)
        write(kafka, other, numbers(0, 10))
        with contextlib.ExitStack() as stack:
            stalled = [stack.enter_context(Stream(gateway, topic, "?from=earliest")) for _ in range(8)]
            with Stream(gateway, topic, "?from=earliest") as quick:
                assert len(quick.records(total)) == total
            eventually(
                "a page can be read while eight streams stall",
                lambda: gateway.ask("GET", f"/topics/{other}/records", user=RED).status == 200,
            )
            assert gateway.metric("gateway_consumers") <= 4
            # They come back, all at once, and take turns.
            with concurrent.futures.ThreadPoolExecutor(len(stalled)) as threads:
                for found in threads.map(lambda each: each.records(total), stalled):
                    assert by_partition(found) == {0: list(range(total))}

    def test_each_size_of_batch_is_not_kept(self, kafka: Kafka, start_gateway: StartGateway) -> None:
        gateway = start_gateway()
        topic = new_topic(kafka)
        value = b'"' + b"x" * 1000 + b'"'
        with contextlib.ExitStack() as stack:
            streams = [stack.enter_context(Stream(gateway, topic, f"?batch={size}")) for size in range(1, 101)]
            before = gateway.megabytes
            for _ in range(6):
                write(kafka, topic, [value] * 500)
                for each in streams:
                    each.records(500)
            assert gateway.megabytes < before + 60
            assert gateway.metric("gateway_feeds") == 1
            assert 0 < gateway.metric("gateway_feed_bytes") < 6e6

    def test_a_stalled_websocket_takes_little_memory(self, kafka: Kafka, start_gateway: StartGateway) -> None:
        gateway = start_gateway()
        topic = new_topic(kafka)
        write(kafka, topic, [b"0"])
        with websocket(gateway, topic, "?from=earliest") as one, websocket(gateway, topic, "?from=earliest") as other:
            before = gateway.megabytes
            write(kafka, topic, [b'"' + b"x" * 10_000 + b'"'] * 10_000)
            time.sleep(3)
            assert gateway.megabytes < before + 60, "a hundred megabytes wait for readers who take none"
            for reader in (one, other):
                reader.socket.shutdown(socket.SHUT_RDWR)

    def test_websockets_that_vanish_are_no_fault(self, kafka: Kafka, start_gateway: StartGateway) -> None:
        gateway = start_gateway()
        topic = new_topic(kafka)
        write(kafka, topic, [b'"' + b"x" * 10_000 + b'"'] * 2000)
        for _ in range(5):
            with websocket(gateway, topic, "?from=earliest") as reader:
                reader.recv(20)
                reader.socket.shutdown(socket.SHUT_RDWR)
        eventually("no stream is open", lambda: gateway.metric("gateway_streams") == 0)
        assert "ERROR" not in gateway.log.read_text()


class TestWhatEndsAStream:
    def test_a_deleted_topic(self, kafka: Kafka, gateway: Program) -> None:
        topic = new_topic(kafka)
        with Stream(gateway, topic) as stream, websocket(gateway, topic) as socket:
            kafka.admin.delete_topics([topic])[topic].result(120)
            assert error_of(stream)["error_code"] == 40401
            frames = [json.loads(frame) for frame in until_closed(socket)]
            closed = socket.protocol.close_rcvd
        assert frames[-1]["error"]["error_code"] == 40401
        assert closed is not None
        assert (closed.code, topic in closed.reason) == (4404, True)

    def test_a_right_that_is_taken_away(self, kafka: Kafka, gateway: Program) -> None:
        user, topic = "leaver", new_topic(kafka, prefix="leaver")
        kafka.make_user(user)
        kafka.allow(user, "leaver")
        write(kafka, topic, numbers(0, 2))
        with Stream(gateway, topic, "?from=earliest", user=user) as stream:
            assert len(stream.records(2)) == 2
            rights = AclBindingFilter(
                ResourceType.TOPIC,
                "leaver",
                ResourcePatternType.PREFIXED,
                f"User:{user}",
                "*",
                AclOperation.ANY,
                AclPermissionType.ANY,
            )
            kafka.admin.delete_acls([rights])[rights].result(120)
            error = error_of(stream)
        assert error["error_code"] == 40301
        assert error["message"] == f"{user} may not READ topic {topic}: add it to its `reads`."

    def test_another_password(self, kafka: Kafka, start_gateway: StartGateway) -> None:
        gateway = start_gateway({"recheckSeconds": 2})
        user, topic = "red-mover", new_topic(kafka)
        kafka.make_user(user)
        kafka.allow(user, "red")
        with (
            Stream(gateway, topic, user=user) as alone,
            Stream(gateway, topic, "?group=red-mover", user=user) as shared,
        ):
            kafka.make_user(user, "another-password")
            assert [error_of(stream)["error_code"] for stream in (alone, shared)] == [40101, 40101]
        assert gateway.ask("GET", f"/topics/{topic}/records", user=user, secret="another-password").status == 200
        assert "ERROR" not in gateway.log.read_text()

    def test_the_quota_of_a_throttled_reader(self, kafka: Kafka, gateway: Program) -> None:
        user, topic = "red-throttled", new_topic(kafka)
        kafka.make_user(user)
        kafka.allow(user, "red")
        write(kafka, topic, [b'"' + b"x" * 10_000 + b'"'] * 500)
        with QuotaClient(Connection.from_environment(kafka.environment())) as quotas:
            quotas.change([QuotaChange(user=user, set={"consumer_byte_rate": 200_000.0})])
        path = f"/topics/{topic}/records?max_bytes=1000000&timeout=3000"
        replies: list[Reply] = []

        def is_throttled() -> bool:
            replies.append(gateway.ask("GET", path, user=user))
            return replies[-1].status == 429

        eventually("a reader over the quota is told so", is_throttled)
        assert int(replies[-1].headers["retry-after"]) >= 1
        assert replies[-1].json()["error_code"] == 42901
        # 504: a busy machine takes longer than the request may last.
        assert {reply.status for reply in replies} <= {200, 429, 504}
        assert gateway.ask("GET", f"/topics/{topic}/records?max_records=1", user=RED).status == 200


class TestGroups:
    def test_nothing_is_lost_while_members_come_and_go(self, kafka: Kafka, gateway: Program) -> None:
        topic = new_topic(kafka, 4)
        total = 6000
        found: list[dict[str, Any]] = []
        lock = threading.Lock()
        restless, ended = threading.Event(), threading.Event()
        restless.set()

        def read(turn: int) -> None:
            while not ended.is_set():
                with Stream(gateway, topic, "?group=red-restless&batch=50&heartbeat=1") as stream:
                    until, leaving = time.monotonic() + random.uniform(3, 7), False
                    for event in stream.events():
                        assert event.get("event") != "error", event
                        if "data" in event:
                            with lock:
                                found.extend(json.loads(event["data"]))
                        if ended.is_set():
                            break
                        if not leaving and turn and restless.is_set() and time.monotonic() > until:
                            leaving = True
                            stream.leave()

        def missing() -> set[int]:
            with lock:
                return set(range(total)) - {each["value"] for each in found}

        with concurrent.futures.ThreadPoolExecutor(3) as threads:
            readers = [threads.submit(read, turn) for turn in range(3)]
            try:
                with written(kafka, topic, total, 200):
                    pass
                # Who comes and goes faster than a busy machine shares out partitions keeps everybody from reading.
                restless.clear()
                eventually("all of it is read", lambda: not missing() or any(each.done() for each in readers), 240)
            finally:
                ended.set()
                print(f"not read: {sorted(missing())}, read {len(found)} times")
            for reader in readers:
                reader.result(60)
        assert not missing()
        # A reader who breaks off in the middle has his last records handed to another again: never many.
        assert len(found) < total * 2

    def test_who_leaves_with_records_on_their_way_reads_them_and_the_next_one_gets_the_rest(
        self, kafka: Kafka, gateway: Program
    ) -> None:
        """More than all buffers between gateway and reader hold."""
        topic, total = new_topic(kafka), 2_000
        write(kafka, topic, [json.dumps({"number": number, "fill": "x" * 10_000}).encode() for number in range(total)])
        found: list[int] = []
        for _ in range(2):
            with Stream(gateway, topic, "?group=red-slow") as stream:
                found += [each["value"]["number"] for each in stream.records(1)]
                if len(found) == 1:
                    looks = [0]

                    def is_full(stream: Stream = stream, looks: list[int] = looks) -> bool:
                        looks.append(stream.unread())
                        return 0 < looks[-2] == looks[-1]

                    eventually("nothing more comes", is_full)
                    stream.leave()
                    found += [each["value"]["number"] for each in stream.rest()]
                else:
                    assert found[-1] <= found[-2] + 1, "what was on its way is lost"
                    found += [each["value"]["number"] for each in stream.records(total - 1 - found[-1])]
        assert set(found) == set(range(total))

    def test_what_was_delivered_is_committed_at_the_end(self, kafka: Kafka, gateway: Program) -> None:
        topic = new_topic(kafka)
        write(kafka, topic, numbers(0, 10))
        with Stream(gateway, topic, "?group=red-committed") as stream:
            assert len(stream.records(10)) == 10
        consumer = Consumer({**kafka.client(), "group.id": "red-committed", "enable.auto.commit": False})
        try:
            at = TopicPartition(topic, 0)
            eventually("the end is committed", lambda: consumer.committed([at], 10)[0].offset == 10)
        finally:
            consumer.close()


def test_a_broker_that_is_away_for_a_while(kafka: Kafka, start_gateway: StartGateway) -> None:
    gateway = start_gateway(module=hurried("gateway", **LOOKS))
    topic = new_topic(kafka, 2)
    write(kafka, topic, numbers(0, 10))
    with Stream(gateway, topic, "?from=earliest") as follower, Stream(gateway, topic) as waiting:
        assert len(follower.records(10)) == 10
        kafka.stop_node(0)
        time.sleep(3)  # beyond a look for new partitions
        kafka.start_node(0)
        kafka.wait_until_registered(1)
        write(kafka, topic, numbers(10, 20))
        for stream in (follower, waiting):
            assert sorted(each["value"] for each in stream.records(10)) == list(range(10, 20))
