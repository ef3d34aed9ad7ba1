"""Kafka to a real Cassandra, by a connector that is killed, as the server is."""

import json
import time
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest
from kafka_platform_runtime.connectors.kinds.cassandra_sink import Settings, target
from kafka_platform_runtime.connectors.records import Outcome, Record
from kafka_platform_runtime.connectors.settings import Connector, Secrets
from kafka_platform_runtime.failures import Transient

from tests.cassandra_process import CENTRE, Cassandra, needed_cassandra
from tests.connector_process import HEADER, LocalConnector, eventually, headers_of, make_topics, read, write
from tests.kafka_process import LocalKafka
from tests.tiers import IS_LONG

RECORDS = 20_000 if IS_LONG else 3000
OUTAGE_SECONDS = 30.0 if IS_LONG else 2.0
KEYS = RECORDS // 2
BAD = {5, 1200, 2990}
LOGIN = {"username": "connect", "password": "word"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cassandra]:
    made = Cassandra(needed_cassandra(), tmp_path_factory.mktemp("cassandra") / "server")
    made.start()
    made.ask("CREATE KEYSPACE shop WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}")
    made.ask("CREATE ROLE connect WITH PASSWORD = 'word' AND LOGIN = true")
    yield made
    made.kill()


def table(server: Cassandra, name: str, columns: str) -> None:
    """A table in which the connector may write, and nothing else."""
    server.ask(f'CREATE TABLE shop."{name}" ({columns})')
    server.ask(f'GRANT MODIFY ON TABLE shop."{name}" TO connect')


def settings_of(server: Cassandra, name: str, columns: dict[str, str], **settings: Any) -> dict[str, Any]:
    return {
        "hosts": ["127.0.0.1"],
        "port": server.port,
        "datacenter": CENTRE,
        "keyspace": "shop",
        "table": name,
        "columns": columns,
    } | settings


def record(number: int) -> tuple[str, bytes]:
    amount: Any = "much" if number in BAD else number
    return f"k{number % KEYS}", json.dumps({"n": number, "amount": amount}).encode()


def test_each_row_is_its_newest_record_when_both_are_killed_and_only_what_is_refused_is_a_dead_letter(
    quick_kafka: LocalKafka, server: Cassandra, tmp_path: Path
) -> None:
    make_topics(quick_kafka, "orders", "orders-dead")
    table(server, "orders", "id text PRIMARY KEY, n int, amount int")
    file = {
        "name": "rows",
        "kind": "cassandra",
        "topics": ["orders"],
        "group": "rows",
        "deadLetters": "orders-dead",
        "batch": {"records": 500, "wait": 0.1},
        "settings": settings_of(server, "orders", {"id": "key", "n": "value.n", "amount": "value.amount"}),
    }
    step = RECORDS // 4

    def rows() -> dict[str, int]:
        return {each.id: each.n for each in server.ask("SELECT id, n FROM shop.orders")}

    def has_more(than: int) -> bool:
        return sum(rows().values()) > than

    with LocalConnector(kafka=quick_kafka, folder=tmp_path, file=file, secrets=LOGIN) as connector:
        for part in range(3):
            before = sum(rows().values())
            write(quick_kafka, "orders", map(record, range(part * step, (part + 1) * step)))
            # The offsets may not be committed yet: the same records come again.
            eventually(partial(has_more, before), lambda: connector.log)
            connector.again()
        connector.wait_ready()
        server.kill()
        write(quick_kafka, "orders", map(record, range(3 * step, RECORDS)))
        eventually(lambda: "trying again" in connector.log, lambda: connector.log)
        time.sleep(OUTAGE_SECONDS)
        server.start()
        wanted = {f"k{n % KEYS}": n for n in range(RECORDS) if n not in BAD}
        eventually(lambda: rows() == wanted, lambda: f"{len(rows())} rows\n{connector.log}")
        dead = eventually(lambda: read(quick_kafka, "orders-dead"), lambda: connector.log)
        assert connector.terminate() == 0
        assert "word" not in connector.log
    assert rows() == wanted
    assert {json.loads(each.value() or b"")["n"] for each in dead} == BAD
    assert all("Unable to make int from 'much'" in headers_of(each)[f"{HEADER}exception.message"] for each in dead)


NOW = 1_700_000_000_000


def of(offset: int, value: Any, key: bytes | None = b"k", timestamp: int = NOW) -> Record:
    content = value if value is None or isinstance(value, bytes) else json.dumps(value).encode()
    return Record(topic="t", partition=0, offset=offset, timestamp=timestamp, key=key, value=content)


def sink(server: Cassandra, folder: Path, name: str, columns: dict[str, str], **settings: Any) -> Any:
    for file, text in LOGIN.items():
        (folder / file).write_text(text)
    given = msgspec.convert(settings_of(server, name, columns, **settings), Settings)
    return target(given, Secrets(folder), Connector(name="c", kind="cassandra", topics=["t"], group="g"))


def delivered(made: Any, records: Sequence[Record]) -> Outcome:
    try:
        found: Outcome = made.deliver(records)
    finally:
        made.close()
    return found


ODD = {"id": "value.id", "amount": "value.amount", "about": "value.about", "CamelCase": "value.a.b", "at": "timestamp"}


def test_columns_get_what_they_are_told_to(server: Cassandra, tmp_path: Path) -> None:
    server.ask("CREATE TYPE shop.about (price decimal, words frozen<list<text>>)")
    table(
        server,
        "odd",
        'id bigint PRIMARY KEY, amount decimal, about frozen<about>, "CamelCase" text, at timestamp, other text',
    )
    server.ask("INSERT INTO shop.odd (id, other) VALUES (9007199254740993, 'stays') USING TIMESTAMP 1")
    price = b"12345678901234567890.123456789"
    value = b'{"id": 9007199254740993, "amount": %b, "about": {"price": %b, "words": ["1.0"]}, "a": {"b": "x"}}'
    outcome = delivered(sink(server, tmp_path, "odd", ODD), [of(0, value % (price, price))])
    assert (outcome.refused, outcome.left) == ([], [])
    (row,) = server.ask("SELECT * FROM shop.odd")
    assert (str(row.amount), str(row.about.price), row.about.words) == (price.decode(), price.decode(), ["1.0"])
    assert (row.camelcase if hasattr(row, "camelcase") else row.CamelCase, row.other) == ("x", "stays")
    assert row.at.timestamp() * 1000 == NOW


def test_a_member_that_is_missing_leaves_what_is_there_and_null_removes_it(server: Cassandra, tmp_path: Path) -> None:
    table(server, "parts", "id text PRIMARY KEY, a int, b int, c int")
    made = sink(server, tmp_path, "parts", {"id": "key", "a": "value.a", "b": "value.b", "c": "value.c"})
    assert delivered(made, [of(0, {"a": 1, "b": 1, "c": 1}), of(1, {"a": 2, "b": None})]).refused == []
    assert [tuple(row) for row in server.ask("SELECT a, b, c FROM shop.parts")] == [(2, None, 1)]


@pytest.mark.parametrize("tombstones", ["refuse", "delete", "ignore"])
def test_a_record_without_a_value_is_what_was_chosen(server: Cassandra, tmp_path: Path, tombstones: str) -> None:
    name = f"without_{tombstones}"
    table(server, name, "topic text, id int, a int, PRIMARY KEY (topic, id)")
    columns = {"topic": "topic", "id": "key.id", "a": "value.a"}
    key = b'{"id": 1}'
    records = [of(0, {"a": 1}, key), of(1, None, key), of(2, {"a": 2}, b'{"id": 2}'), of(3, None, b"{}")]
    outcome = delivered(sink(server, tmp_path, name, columns, tombstones=tombstones), records)
    rows = sorted(tuple(row) for row in server.ask(f"SELECT topic, id, a FROM shop.{name}"))
    reasons = {each.record.offset: each.reason for each in outcome.refused}
    assert outcome.left == []
    if tombstones == "delete":
        assert rows == [("t", 2, 2)]
        assert list(reasons) == [3]
    else:
        assert rows == [("t", 1, 1), ("t", 2, 2)]
        assert list(reasons) == ([1, 3] if tombstones == "refuse" else [])


def test_an_older_record_replaces_nothing_whenever_it_arrives(server: Cassandra, tmp_path: Path) -> None:
    table(server, "late", "id text PRIMARY KEY, a int")
    columns = {"id": "key", "a": "value.a"}
    records = [of(n, {"a": n}) for n in range(995, 1010)]
    late, other = (sink(server, tmp_path, "late", columns, tombstones="delete") for _ in range(2))
    late.deliver(records[:3])
    delivered(other, records)
    delivered(late, records[3:8])
    assert [tuple(row) for row in server.ask("SELECT a FROM shop.late")] == [(1009,)]
    delivered(sink(server, tmp_path, "late", columns, tombstones="delete"), [*records, of(1010, None)])
    delivered(late, records[3:8])
    assert server.ask("SELECT a FROM shop.late") == []


def test_rows_end_when_they_are_told_to(server: Cassandra, tmp_path: Path) -> None:
    table(server, "ends", "id text PRIMARY KEY, a int")
    delivered(sink(server, tmp_path, "ends", {"id": "key", "a": "value.a"}, expires=3600), [of(0, {"a": 1})])
    ((left,),) = server.ask("SELECT ttl(a) FROM shop.ends")
    assert 3000 < left <= 3600


FUTURE = 4_000_000_000_000
DROP = "x'); DROP TABLE shop.hostile; --"


@pytest.mark.parametrize(
    ("made", "told"),
    [
        (of(0, b"not json"), "its value is not JSON"),
        (of(0, b"\xff\xfe"), "its value is not JSON"),
        (of(0, [1]), "its value is not a JSON object"),
        (of(0, b'{"a": "\xff"}'), "its value is not"),
        (of(0, {"a": 1}, None), "it has no key, from which column id comes"),
        (of(0, {"a": 1}, b"\xff"), "its key is not text"),
        (of(0, {"a": 1}, b""), "Key may not be empty"),
        (of(0, {"a": 1}, b"x" * 70_000), "Key length of 70000 is longer"),
        (of(0, {"a": DROP}), "Unable to make int from"),
        (of(0, {"a": 2**40}), "Expected an int value, but got a Long"),
        (of(0, {"a": 1.5}), "Expected an int value, but got a Double"),
        (of(0, {"a": {"b": 1}}), "Expected an int value"),
        (of(0, b'{"a": ' + b"[" * 900 + b"]" * 900 + b"}"), "Expected an int value"),
        (of(0, b'{"a": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"), "its value is not JSON"),
        (of(0, b'{"a": ' + b"9" * 5000 + b"}"), "maximum allowed"),
        (of(0, {"l": [1] * 1_000_000}), "oversized mutation"),
        (of(0, {"a": 1, "d": "x" * 5_000_000}), "exceeds allowed maximum"),
        (of(0, {"a": 1, "d": "x" * 16_000_000}), "Cassandra takes up to"),
        (of(0, {"v": "1e5"}), "is not a valid representation of a varint"),
        (of(0, b'{"v": 1e999999999}'), "is not a valid representation of a varint"),
        (of(0, {"a": 1}, timestamp=-1), "it has no timestamp"),
        (of(0, {"a": 1}, timestamp=FUTURE), "its timestamp is more than an hour ahead"),
        (of(0, None), "it has no value, which tombstones: refuse makes a dead letter"),
    ],
)
def test_hostile_records_are_refused_alone(server: Cassandra, tmp_path: Path, made: Record, told: str) -> None:
    if not server.ask(
        "SELECT table_name FROM system_schema.tables WHERE keyspace_name = 'shop' AND table_name = 'hostile'"
    ):
        table(server, "hostile", "id text PRIMARY KEY, a int, d text, l list<int>, v varint")
    columns = {"id": "key", "a": "value.a", "d": "value.d", "l": "value.l", "v": "value.v"}
    neighbour = of(1, {"a": 7, "d": DROP, "id": "other", '"a"': 8, "no column": 9}, DROP.encode())
    outcome = delivered(sink(server, tmp_path, "hostile", columns), [made, neighbour])
    ((refused,), left) = outcome.refused, outcome.left
    assert (refused.record.offset, left) == (0, [])
    assert told in refused.reason
    assert refused.reason.isprintable()
    assert [tuple(row) for row in server.ask("SELECT id, a, d FROM shop.hostile")] == [(DROP, 7, DROP)]


@pytest.mark.parametrize(
    ("columns", "changes", "told"),
    [
        ({"id": "key"}, {"table": "none"}, "table shop.none is not there"),
        ({"id": "key", "z": "value"}, {}, "table shop.shape has no column z"),
        ({"a": "value.a"}, {}, "column id is part of the key and gets no value"),
        ({"id": "value.id"}, {"tombstones": "delete"}, "column id is part of the key and comes from value.id"),
        ({"id": "key"}, {"datacenter": "elsewhere"}, "no node of datacenter elsewhere"),
        ({"id": "key", "c": "value.c"}, {"table": "counts"}, "table shop.counts counts in column c"),
        ({"id": "key"}, {"port": 1}, "127.0.0.1:1"),
        ({"id": "key"}, {"hosts": ["no-such-host.invalid"]}, "no-such-host.invalid"),
    ],
)
def test_what_does_not_fit_is_told_before_anything_is_written(
    server: Cassandra, tmp_path: Path, columns: dict[str, str], changes: dict[str, Any], told: str
) -> None:
    for name, of_name in (("shape", "id text PRIMARY KEY, a int"), ("counts", "id text PRIMARY KEY, c counter")):
        if not server.ask(
            f"SELECT type FROM system_schema.columns WHERE keyspace_name = 'shop' AND table_name = '{name}'"
        ):
            table(server, name, of_name)
    made = sink(server, tmp_path, changes.pop("table", "shape"), columns, **changes)
    with pytest.raises(Transient, match=told) as caught:
        made.open()
    assert str(caught.value).isprintable()
    assert str(caught.value)


def test_a_wrong_password_and_a_missing_right_are_told_and_lose_nothing(server: Cassandra, tmp_path: Path) -> None:
    table(server, "shut", "id text PRIMARY KEY, a int")
    columns = {"id": "key", "a": "value.a"}
    made = sink(server, tmp_path, "shut", columns)
    server.ask("REVOKE MODIFY ON TABLE shop.shut FROM connect")
    eventually(lambda: made.deliver([of(0, {"a": 1})]).left, "the right to be gone")
    outcome = delivered(made, [of(0, {"a": 1}), of(1, b"x")])
    assert "has no MODIFY permission" in outcome.trouble
    assert [each.offset for each in outcome.left] == [0]
    wrong = sink(server, tmp_path, "shut", columns)
    (tmp_path / "password").write_text("wrong")
    wrong = target(wrong._settings, Secrets(tmp_path), Connector(name="c", kind="cassandra", topics=["t"], group="g"))
    with pytest.raises(Transient, match="Bad credentials") as caught:
        wrong.open()
    assert "wrong" not in str(caught.value)


def test_a_table_that_is_changed_or_dropped_makes_no_dead_letters(server: Cassandra, tmp_path: Path) -> None:
    table(server, "moves", "id text PRIMARY KEY, a int")
    made = sink(server, tmp_path, "moves", {"id": "key", "a": "value.a"})
    assert made.deliver([of(0, {"a": 1})]).left == []
    server.ask("ALTER TABLE shop.moves DROP a")
    outcome = made.deliver([of(1, {"a": 2})])
    assert ([each.offset for each in outcome.left], outcome.refused) == ([1], [])
    assert "has changed" in outcome.trouble
    with pytest.raises(Transient, match="has no column a"):
        made.deliver([of(1, {"a": 2})])
    server.ask("ALTER TABLE shop.moves ADD a int")
    assert made.deliver([of(1, {"a": 2})]).left == []
    server.ask("DROP TABLE shop.moves")
    outcome = made.deliver([of(2, {"a": 3})])
    assert ([each.offset for each in outcome.left], outcome.refused) == ([2], [])
    table(server, "moves", "id text PRIMARY KEY, a int")
    eventually(lambda: attempt(made, of(2, {"a": 3})), "the new table")
    made.close()
    assert [tuple(row) for row in server.ask("SELECT a FROM shop.moves")] == [(3,)]


def attempt(made: Any, each: Record) -> bool:
    try:
        return not made.deliver([each]).left
    except Transient:
        return False
