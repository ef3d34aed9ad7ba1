"""Kafka to a real S3 server and back, by connectors that are killed while the server is."""

import gzip
import json
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest
from kafka_platform_runtime.connectors.kinds.s3_sink import Settings, target
from kafka_platform_runtime.connectors.kinds.s3_source import inflated
from kafka_platform_runtime.connectors.records import Record
from kafka_platform_runtime.connectors.settings import Connector, Secrets

from tests.connector_process import HEADER, Arrived, LocalConnector, eventually, headers_of, make_topics, read, write
from tests.kafka_process import LocalKafka
from tests.s3_process import BUCKET, LOGIN, S3Server, needed_versitygw

RECORDS = 3000
KEYS = 30


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    made = S3Server(needed_versitygw(), tmp_path_factory.mktemp("s3") / "server")
    made.start()
    made.client.create_bucket(Bucket=BUCKET)
    yield made
    made.kill()


def settings_of(server: S3Server, **settings: Any) -> dict[str, Any]:
    return {"endpoint": server.url, "bucket": BUCKET} | settings


def sink_of(name: str, server: S3Server, **settings: Any) -> dict[str, Any]:
    return {
        "name": name,
        "kind": "s3",
        "topics": [name],
        "group": name,
        "deadLetters": f"{name}-dead",
        "batch": {"records": 200, "wait": 0.3},
        "settings": settings_of(server, **settings),
    }


def source_of(name: str, server: S3Server, **settings: Any) -> dict[str, Any]:
    return {
        "name": name,
        "kind": "s3-source",
        "topics": [name],
        "group": name,
        "inFlight": 100,
        "settings": settings_of(server, prefix=f"{name}/", interval=0.2, **settings),
    }


def record(number: int) -> tuple[str, bytes]:
    return f"k{number % KEYS}", json.dumps({"n": number, "key": f"k{number % KEYS}"}).encode()


def arrived(server: S3Server, prefix: str) -> Arrived:
    found = []
    for key in server.keys(prefix):
        for line in gzip.decompress(server.content(key)).splitlines():
            each = json.loads(line)
            found.append((each["key"], each["n"]))
    return Arrived(numbers=found)


def test_each_record_is_in_one_object_when_both_are_killed(
    quick_kafka: LocalKafka, server: S3Server, tmp_path: Path
) -> None:
    make_topics(quick_kafka, "orders", "orders-dead")
    with LocalConnector(kafka=quick_kafka, folder=tmp_path, file=sink_of("orders", server), secrets=LOGIN) as connector:
        step = RECORDS // 4

        def has_more(than: int) -> bool:
            return len(server.keys("orders/")) > than

        for part in range(3):
            before = len(server.keys("orders/"))
            write(quick_kafka, "orders", map(record, range(part * step, (part + 1) * step)))
            # The offsets may not be committed yet: the same records come again.
            eventually(partial(has_more, before), lambda: connector.log)
            connector.again()
        server.kill()
        write(quick_kafka, "orders", map(record, range(3 * step, RECORDS)))
        eventually(lambda: "trying again" in connector.log, lambda: connector.log)
        server.start()
        eventually(lambda: len(arrived(server, "orders/").distinct) == RECORDS, lambda: connector.log)
        assert connector.terminate() == 0
    found = arrived(server, "orders/")
    assert (found.twice, found.disorder) == (0, [])
    assert read(quick_kafka, "orders-dead") == []


def test_a_record_without_json_goes_to_the_dead_letter_topic_and_a_line_says_where_a_record_was(
    quick_kafka: LocalKafka, server: S3Server, tmp_path: Path
) -> None:
    make_topics(quick_kafka, "mixed", "mixed-dead", partitions=1)
    write(quick_kafka, "mixed", [("a", b"not json"), ("a", b'{\n"n": 1}'), ("b", None)])
    file = sink_of("mixed", server, prefix="raw/", files={"lines": "record", "compression": "none"})
    with LocalConnector(kafka=quick_kafka, folder=tmp_path, file=file, secrets=LOGIN) as connector:
        (dead,) = eventually(lambda: read(quick_kafka, "mixed-dead"), lambda: connector.log)
        eventually(lambda: server.keys("raw/mixed/"), lambda: connector.log)
    assert headers_of(dead)[f"{HEADER}exception.message"].startswith("its value is not JSON")
    (key,) = server.keys("raw/mixed/")
    assert key == "raw/mixed/0/00000000000000000000.jsonl"
    lines = [json.loads(line) for line in server.content(key).splitlines()]
    assert [(each["offset"], each["key"], each["value"]) for each in lines] == [(1, "a", {"n": 1}), (2, "b", None)]


def test_a_wrong_login_is_told_and_loses_nothing(quick_kafka: LocalKafka, server: S3Server, tmp_path: Path) -> None:
    make_topics(quick_kafka, "shut", "shut-dead", partitions=1)
    write(quick_kafka, "shut", [record(0)])
    secrets = LOGIN | {"AWS_SECRET_ACCESS_KEY": "wrong"}
    with LocalConnector(kafka=quick_kafka, folder=tmp_path, file=sink_of("shut", server), secrets=secrets) as connector:
        eventually(lambda: "403 SignatureDoesNotMatch" in connector.log, lambda: connector.log)
    assert read(quick_kafka, "shut-dead") == []


def records(numbers: range, value: bytes = b"%d") -> list[Record]:
    return [
        Record(topic="t", partition=0, offset=n, timestamp=n, key=None, value=value % n if b"%" in value else value)
        for n in numbers
    ]


def sink(server: S3Server, folder: Path, prefix: str) -> Any:
    for name, word in LOGIN.items():
        (folder / name).write_text(word)
    settings = msgspec.convert(settings_of(server, prefix=prefix, files={"compression": "none"}), Settings)
    connector = Connector(name="c", kind="s3", topics=["t"], group="g")
    return target(settings, Secrets(folder), connector)


def test_a_pod_that_was_given_up_too_early_neither_replaces_nor_repeats_what_another_has_written(
    server: S3Server, tmp_path: Path
) -> None:
    late, other = sink(server, tmp_path, "late/"), sink(server, tmp_path, "late/")
    assert other.deliver(records(range(6))).left == ()
    assert other.deliver(records(range(6, 9))).left == ()
    assert late.deliver(records(range(12))).left == ()
    found = [server.content(key).split() for key in server.keys("late/")]
    assert [[int(each) for each in lines] for lines in found] == [[0, 1, 2, 3, 4, 5], [6, 7, 8], [9, 10, 11]]


def test_records_of_a_topic_that_was_made_anew_do_not_vanish_behind_those_of_the_old_one(
    server: S3Server, tmp_path: Path
) -> None:
    assert sink(server, tmp_path, "anew/").deliver(records(range(6))).left == ()
    outcome = sink(server, tmp_path, "anew/").deliver(records(range(3), b"9"))
    assert (len(outcome.left), outcome.refused) == (3, [])
    assert "is there and has other records" in outcome.trouble


def lines_of(numbers: Sequence[int]) -> bytes:
    return b"".join(json.dumps({"n": n, "id": f"i{n}"}).encode() + b"\n" for n in numbers)


def test_each_object_is_read_once_and_goes_on_at_its_line_after_a_kill(
    quick_kafka: LocalKafka, server: S3Server, tmp_path: Path
) -> None:
    make_topics(quick_kafka, "inbox", partitions=1)
    step = RECORDS // 3

    def put(part: int) -> None:
        numbers = range(part * step, (part + 1) * step)
        is_packed = part == 1
        body = gzip.compress(lines_of(numbers)) if is_packed else b"\n" + lines_of(numbers)
        name = f"inbox/{part}.jsonl{'.gz' if is_packed else ''}"
        server.client.put_object(Bucket=BUCKET, Key=name, Body=body)

    def there() -> Arrived:
        return Arrived(numbers=[("", json.loads(each.value() or b"")["n"]) for each in read(quick_kafka, "inbox")])

    def has_more(than: int) -> bool:
        return len(there().distinct) > than

    file = source_of("inbox", server, key="id")
    with LocalConnector(kafka=quick_kafka, folder=tmp_path, file=file, secrets=LOGIN) as connector:
        for part in range(3):
            before = len(there().distinct)
            put(part)
            eventually(partial(has_more, before), lambda: connector.log)
            connector.again()
        eventually(lambda: len(there().distinct) == RECORDS, lambda: f"{len(there().distinct)}\n{connector.log}")
        server.kill()
        eventually(lambda: "trying again" in connector.log, lambda: connector.log)
        server.start()
        server.client.put_object(Bucket=BUCKET, Key="inbox/4", Body=lines_of([RECORDS]))
        eventually(lambda: RECORDS in there().distinct, lambda: connector.log)
        assert connector.terminate() == 0
    assert there().disorder == []
    # What is repeated after a kill is what an object had until then, since its position was last kept.
    assert there().twice <= 3 * step
    last = read(quick_kafka, "inbox")[-1]
    assert (last.key(), headers_of(last)) == (f"i{RECORDS}".encode(), {"s3.key": "inbox/4", "s3.line": "1"})
    assert len(server.keys("inbox/")) == 4


def test_objects_are_deleted_when_kafka_has_them_and_need_no_order(
    quick_kafka: LocalKafka, server: S3Server, tmp_path: Path
) -> None:
    make_topics(quick_kafka, "queue", partitions=1)
    file = source_of("queue", server, after="delete")
    with LocalConnector(kafka=quick_kafka, folder=tmp_path, file=file, secrets=LOGIN) as connector:
        for name, number in (("b", 1), ("a", 2)):
            server.client.put_object(Bucket=BUCKET, Key=f"queue/{name}", Body=lines_of([number]))
            eventually(lambda: server.keys("queue/") == [], lambda: connector.log)
    assert [json.loads(each.value() or b"")["n"] for each in read(quick_kafka, "queue")] == [1, 2]


def test_gzip_of_many_parts_is_read_and_one_without_its_end_is_not() -> None:
    packed = gzip.compress(b"1\n" * 200_000) + gzip.compress(b"2\n")
    chunks = [packed[at : at + 100] for at in range(0, len(packed), 100)]
    found = list(inflated(chunks))
    assert b"".join(found) == b"1\n" * 200_000 + b"2\n"
    assert max(map(len, found)) <= 256 * 1024
    with pytest.raises(EOFError):
        list(inflated(chunks[:-1]))
