"""Kafka to a real HDFS, by a connector that is killed, as both of HDFS's processes are."""

import gzip
import json
import time
from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec
import pytest
from kafka_platform_runtime.connectors.kinds.hdfs_sink import UNFINISHED, Settings, target
from kafka_platform_runtime.connectors.records import Record
from kafka_platform_runtime.connectors.settings import Connector, Secrets

from tests.connector_process import HEADER, Arrived, LocalConnector, eventually, headers_of, make_topics, read, write
from tests.hdfs_process import DATANODE, NAMENODE, Hdfs, needed_hdfs
from tests.kafka_process import LocalKafka
from tests.tiers import IS_LONG

RECORDS = 20_000 if IS_LONG else 3000
OUTAGE_SECONDS = 30.0 if IS_LONG else 2.0
KEYS = 30
USER = "connect"


@pytest.fixture(scope="module")
def hdfs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hdfs]:
    made = Hdfs(needed_hdfs(), tmp_path_factory.mktemp("hdfs") / "server")
    made.start()
    made.folder_for(USER, "/lake")
    yield made
    made.kill()


def settings_of(hdfs: Hdfs, **settings: Any) -> dict[str, Any]:
    return {"urls": [hdfs.url], "datanodes": [hdfs.datanode], "path": "/lake", "user": USER} | settings


def sink_of(name: str, hdfs: Hdfs, **settings: Any) -> dict[str, Any]:
    return {
        "name": name,
        "kind": "hdfs",
        "topics": [name],
        "group": name,
        "deadLetters": f"{name}-dead",
        "batch": {"records": 500, "wait": 0.3},
        "settings": settings_of(hdfs, **settings),
    }


def record(number: int) -> tuple[str, bytes]:
    return f"k{number % KEYS}", json.dumps({"n": number, "key": f"k{number % KEYS}"}).encode()


def lines_of(hdfs: Hdfs, folder: str) -> list[dict[str, Any]]:
    return [
        json.loads(line)
        for name in hdfs.names(folder)
        for line in gzip.decompress(hdfs.content(f"{folder}/{name}")).splitlines()
    ]


def seen(kafka: LocalKafka, hdfs: Hdfs, connector: LocalConnector) -> str:
    """What is missing, and what is twice."""
    there = Counter((each["partition"], each["offset"]) for each in lines_of(hdfs, "/lake/orders"))
    wanted = {(each.partition() or 0, each.offset() or 0) for each in read(kafka, "orders")}
    missing, twice = sorted(wanted - there.keys()), sorted(place for place, times in there.items() if times > 1)
    return f"missing {len(missing)}: {missing[:5]}, twice {len(twice)}: {twice[:5]}\n{connector.log}"


@pytest.mark.long
def test_each_record_is_in_one_file_when_both_are_killed_and_what_is_refused_is_a_dead_letter(
    quick_kafka: LocalKafka, hdfs: Hdfs, tmp_path: Path
) -> None:
    make_topics(quick_kafka, "orders", "orders-dead")
    step = RECORDS // 5
    with LocalConnector(
        kafka=quick_kafka, folder=tmp_path, file=sink_of("orders", hdfs, files={"lines": "record"})
    ) as connector:

        def has_more(than: int) -> bool:
            return len(hdfs.names("/lake/orders")) > than

        def has_failed(times: int) -> bool:
            return connector.log.count("trying again") > times

        for part in range(3):
            before = len(hdfs.names("/lake/orders"))
            write(quick_kafka, "orders", map(record, range(part * step, (part + 1) * step)))
            # The offsets may not be committed yet: the same records come again.
            eventually(partial(has_more, before), lambda: connector.log)
            connector.again()
        for part, gone in ((3, (NAMENODE, DATANODE)), (4, (DATANODE,))):
            hdfs.kill(*gone)
            write(quick_kafka, "orders", map(record, range(part * step, (part + 1) * step)))
            eventually(partial(has_failed, connector.log.count("trying again")), lambda: connector.log)
            time.sleep(OUTAGE_SECONDS)
            hdfs.start(*gone)
        write(quick_kafka, "orders", [("bad", b"not json"), ("bad", b'{"n": '), ("k", b"\xff")])

        eventually(lambda: len(lines_of(hdfs, "/lake/orders")) >= RECORDS, lambda: seen(quick_kafka, hdfs, connector))
        dead = eventually(
            lambda: (found := read(quick_kafka, "orders-dead")) and len(found) == 3 and found, connector.log
        )
        assert connector.terminate() == 0
    lines = lines_of(hdfs, "/lake/orders")
    places = Counter((each["partition"], each["offset"]) for each in lines)
    assert {place: times for place, times in places.items() if times > 1} == {}
    found = Arrived(numbers=[(each["key"], each["value"]["n"]) for each in lines])
    assert (found.distinct, found.twice, found.disorder) == (set(range(RECORDS)), 0, [])
    assert all(headers_of(each)[f"{HEADER}exception.message"].startswith("its value is not JSON") for each in dead)


def records(numbers: range, value: bytes = b"%d") -> list[Record]:
    return [
        Record(topic="t", partition=0, offset=n, timestamp=n, key=None, value=value % n if b"%" in value else value)
        for n in numbers
    ]


def sink(hdfs: Hdfs, path: str, folder: Path | None = None, **changes: Any) -> Any:
    given = settings_of(hdfs, path=path, files={"compression": "none"}, **changes)
    connector = Connector(name="c", kind="hdfs", topics=["t"], group="g")
    return target(msgspec.convert(given, Settings), Secrets(folder), connector)


def test_a_pod_that_was_given_up_too_early_neither_replaces_nor_repeats_what_another_has_written(hdfs: Hdfs) -> None:
    late, other = sink(hdfs, "/lake/late"), sink(hdfs, "/lake/late")
    assert other.deliver(records(range(6))).left == ()
    assert other.deliver(records(range(6, 9))).left == ()
    assert late.deliver(records(range(12))).left == ()
    found = [hdfs.content(f"/lake/late/{name}").split() for name in hdfs.names("/lake/late")]
    assert [[int(each) for each in lines] for lines in found] == [[0, 1, 2, 3, 4, 5], [6, 7, 8], [9, 10, 11]]


def test_records_of_a_topic_that_was_made_anew_do_not_vanish_behind_those_of_the_old_one(hdfs: Hdfs) -> None:
    assert sink(hdfs, "/lake/anew").deliver(records(range(6))).left == ()
    outcome = sink(hdfs, "/lake/anew").deliver(records(range(3), b"9"))
    assert (len(outcome.left), outcome.refused) == (3, [])
    assert "is there and has other records" in outcome.trouble


def test_what_a_killed_pod_has_left_is_removed_once_it_is_old_and_what_another_writes_stays(
    hdfs: Hdfs, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = f"/lake/rest/{UNFINISHED}"
    hdfs.folder_for(USER, "/lake/rest")
    for name in ("c.1", "cc.1", "c"):
        assert hdfs.ask("PUT", f"{folder}/{name}", "MKDIRS", user=USER)
    sink(hdfs, "/lake/rest").open()
    assert len(hdfs.ask("GET", folder, "LISTSTATUS")["FileStatuses"]["FileStatus"]) == 3
    for name in ("c.2", "cc.2"):
        sink(hdfs, "/lake/rest")._store._write(f"{folder}/{name}", b"1")
    monkeypatch.setattr("kafka_platform_runtime.connectors.kinds.hdfs_sink.FORGOTTEN_SECONDS", -3600)
    sink(hdfs, "/lake/rest").open()
    assert hdfs.names(folder) == ["cc.2"]


def test_a_file_has_one_name_while_it_is_written_and_nothing_remains_if_it_may_not_get_its_own(hdfs: Hdfs) -> None:
    for name in ("/lake/shut", "/lake/shut/t"):
        hdfs.folder_for(USER, name)
    assert hdfs.ask("PUT", "/lake/shut/t", "SETPERMISSION", permission="555") is not None
    outcome = sink(hdfs, "/lake/shut").deliver(records(range(6)))
    assert len(outcome.left) == 6
    assert "AccessControlException" in outcome.trouble
    assert hdfs.names("/lake/shut") == []
    assert hdfs.ask("PUT", "/lake/shut/t", "SETPERMISSION", permission="755") is not None
    assert sink(hdfs, "/lake/shut").deliver(records(range(6))).left == ()
    assert hdfs.names("/lake/shut") == ["t/0/00000000000000000000.jsonl"]


def test_a_folder_in_the_place_of_a_file_takes_no_records(hdfs: Hdfs) -> None:
    hdfs.folder_for(USER, "/lake/odd")
    assert hdfs.ask("PUT", "/lake/odd/t/0/00000000000000000000.jsonl", "MKDIRS", user=USER)
    outcome = sink(hdfs, "/lake/odd").deliver(records(range(6)))
    assert len(outcome.left) == 6
    assert "is there and has other records" in outcome.trouble
    assert hdfs.names("/lake/odd") == []


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"user": "nobody"}, "AccessControlException"),
        ({"datanodes": []}, "which is not among datanodes: add it if it is one"),
        ({"datanodes": ["127.0.0.1:1", "*.0.0.1:80"]}, "which is not among datanodes: add it if it is one"),
        ({"path": "/other"}, "AccessControlException"),
    ],
)
def test_what_it_may_not_do_is_told_and_loses_nothing(hdfs: Hdfs, changes: dict[str, Any], told: str) -> None:
    outcome = sink(hdfs, changes.pop("path", "/lake/not"), **changes).deliver(records(range(3)))
    assert (len(outcome.left), outcome.refused) == (3, [])
    assert told in outcome.trouble
    assert hdfs.names("/lake/not") == []


def test_the_other_namenode_is_asked_when_one_is_gone(hdfs: Hdfs) -> None:
    outcome = sink(hdfs, "/lake/two", urls=["http://127.0.0.1:1", hdfs.url]).deliver(records(range(3)))
    assert (outcome.left, outcome.refused) == ((), [])
    assert hdfs.names("/lake/two") == ["t/0/00000000000000000000.jsonl"]


def test_names_that_mean_something_in_an_address_are_names(hdfs: Hdfs) -> None:
    odd = "/lake/a?op=DELETE&recursive=true#x%2e%2e"
    hdfs.folder_for(USER, quote(odd))
    assert sink(hdfs, odd).deliver(records(range(3))).left == ()
    assert hdfs.names(quote(odd)) == ["t/0/00000000000000000000.jsonl"]
    assert hdfs.ask("GET", "/lake", "GETFILESTATUS")


def test_httpfs_does_what_a_namenode_does(hdfs: Hdfs) -> None:
    how: dict[str, Any] = {"urls": [hdfs.start_httpfs()], "datanodes": []}
    first, other = sink(hdfs, "/lake/httpfs", **how), sink(hdfs, "/lake/httpfs", **how)
    first.open()
    assert first.deliver(records(range(6))).left == ()
    assert first.deliver(records(range(6, 9))).left == ()
    assert other.deliver(records(range(12))).left == ()
    found = [hdfs.content(f"/lake/httpfs/{name}").split() for name in hdfs.names("/lake/httpfs")]
    assert [[int(each) for each in lines] for lines in found] == [[0, 1, 2, 3, 4, 5], [6, 7, 8], [9, 10, 11]]
    assert "has other records" in sink(hdfs, "/lake/httpfs", **how).deliver(records(range(3), b"9")).trouble
    assert "AccessControlException" in sink(hdfs, "/other", **how).deliver(records(range(3))).trouble
