"""A table's changes on their way through Kafka to a second server while everything between restarts: a worker, brokers, both databases.

`make test` moves some thousand rows, `make test-long` a hundred thousand and at least 20,000 changes.
"""

import contextlib
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from confluent_kafka import Consumer, KafkaException, TopicPartition
from kafka_platform import Connector, JdbcSink, PostgresSource
from kafka_platform_runtime.jobs import DONE

from tests.connect_process import LocalConnect, events, mend, needed_plugins, records
from tests.harness import PATIENCE, eventually
from tests.kafka_process import LocalKafka, needed_jars
from tests.postgres_process import LocalPostgres, needed_postgres
from tests.tiers import IS_LONG

ROWS, CHANGES = (100_000, 20_000) if IS_LONG else (5_000, 3_000)
TOPIC = "shop.public.orders"
PASSWORD = "password-of-the-database"
PAUSE = 0.002
"""Between two changes, so that they go on for longer than anything needs to restart."""
HOT = 50
"""Rows that are changed again and again: with these, order shows."""
SCHEMA = f"""
create table orders (id bigint primary key, amount numeric(12,2) not null, version bigint not null);
alter table orders owner to debezium;
create table done (number bigint primary key);
insert into orders select n, n * 1.25, 0 from generate_series(1, {ROWS}) n;
create function change(n bigint) returns void language plpgsql as $$
begin
  insert into done values (n);
  if n % 10 = 0 then
    delete from orders where id = {HOT} + n / 10;
  elsif n % 3 = 0 then
    update orders set amount = amount + 1, version = n where id = 1 + n % {HOT};
  else
    insert into orders values ({ROWS} + n, n * 0.5, n);
  end if;
end $$;
"""


def kind(number: int) -> str:
    """Of a change, as Debezium calls it."""
    return "d" if number % 10 == 0 else "u" if number % 3 == 0 else "c"


class Changing:
    """Makes numbered changes one after another, each in a transaction of its own and exactly once, whenever the database is there."""

    def __init__(self, postgres: LocalPostgres) -> None:
        self._postgres = postgres
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._work)

    def __enter__(self) -> "Changing":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ending.set()
        self._thread.join()

    @property
    def made(self) -> int:
        """How many the database has."""
        return int(self._postgres.sql("select coalesce(max(number), 0) from done", "shop")[0])

    def _work(self) -> None:
        while True:
            with contextlib.suppress(AssertionError):  # the database is away
                made = self.made
                if self._ending.is_set() and made >= CHANGES:
                    return
                self._some(made)
            time.sleep(0.2)

    def _some(self, made: int) -> None:
        """From the next one on, until the database goes away or it is time to look how many there are."""
        client = self._postgres.client("shop")
        assert client.stdin is not None
        with contextlib.suppress(OSError):
            for number in range(made + 1, made + 1001):
                client.stdin.write(f"select change({number});\n")
                client.stdin.flush()
                time.sleep(PAUSE)
        with contextlib.suppress(OSError):
            client.stdin.close()
        client.wait()


class Pair:
    """Two databases, the Kafka between them and its connectors."""

    def __init__(self, source: LocalPostgres, target: LocalPostgres, kafka: LocalKafka, connect: LocalConnect) -> None:
        self.source, self.target, self.kafka, self.connect = source, target, kafka, connect

    def written(self) -> int:
        """Offsets of the table's topic, with those of transactions' ends."""
        consumer = Consumer(self.kafka.client() | {"group.id": "watching", "log_level": 0})
        try:
            parts = consumer.list_topics(TOPIC, timeout=60).topics[TOPIC].partitions
            return sum(consumer.get_watermark_offsets(TopicPartition(TOPIC, each), 30)[1] for each in parts)
        except KafkaException:  # a broker is away
            return 0
        finally:
            consumer.close()

    def rows(self, postgres: LocalPostgres, database: str) -> list[str]:
        return postgres.sql("select id, amount, version from orders order by id", database)

    def copied(self) -> bool:
        """Whether the second database has what the first has."""
        there = self.target.sql("select to_regclass('orders')", "warehouse") != [""]
        return there and self.rows(self.target, "warehouse") == self.rows(self.source, "shop")


@pytest.fixture(scope="module")
def pair() -> Iterator[Pair]:
    plugins, programs = needed_plugins(), needed_postgres()
    with contextlib.ExitStack() as stack:
        source, target = (stack.enter_context(LocalPostgres(programs)) for _ in range(2))
        source.sql(f"create role debezium login replication password '{PASSWORD}'")
        source.sql("create database shop owner debezium")
        source.sql(SCHEMA, "shop")
        target.sql(f"create role sink login password '{PASSWORD}'")
        target.sql("create database warehouse owner sink")
        connectors = {
            "shop": Connector(
                postgres=PostgresSource(
                    host="127.0.0.1", port=source.port, database="shop", secret="s", tables=["public.orders"]
                )
            ),
            "warehouse": Connector(
                jdbc=JdbcSink(url=f"jdbc:postgresql://127.0.0.1:{target.port}/warehouse", secret="s", table="orders"),
                reads=[TOPIC],
            ),
        }
        secrets = {
            name: {"username": user, "password": PASSWORD}
            for name, user in (("shop", "debezium"), ("warehouse", "sink"))
        }
        safe = {"min.insync.replicas": "2", "transaction.state.log.min.isr": "2"}
        kafka = stack.enter_context(LocalKafka(jars=needed_jars(), nodes=3, heap="384m", properties=safe))
        connect = stack.enter_context(
            LocalConnect(plugins=plugins, kafka=kafka, connectors=connectors, secrets=secrets, workers=2)
        )
        code, message = connect.apply()
        assert code == DONE, message
        ending = threading.Event()
        mending = threading.Thread(target=mend, args=[connect, ending])
        mending.start()
        stack.callback(mending.join)
        stack.callback(ending.set)
        yield Pair(source, target, kafka, connect)


def restart_worker(pair: Pair) -> None:
    victim = pair.connect.worker_of("shop")
    victim.kill()
    pair.connect.start(victim)


def restart_broker(pair: Pair) -> None:
    """The one that leads the first partition of the table's topic."""
    consumer = Consumer(pair.kafka.client() | {"group.id": "watching"})
    leader = consumer.list_topics(TOPIC, timeout=60).topics[TOPIC].partitions[0].leader
    consumer.close()
    pair.kafka.kill_node(leader)
    time.sleep(3)
    pair.kafka.start_node(leader)
    pair.kafka.wait_until_registered(3)


def shut_down(postgres: LocalPostgres) -> None:
    postgres.stop("fast")
    time.sleep(2)
    postgres.start()


def crash(postgres: LocalPostgres) -> None:
    postgres.kill()
    time.sleep(2)
    postgres.start()


FAULTS: dict[str, Callable[[Pair], None]] = {
    "the second database shuts down": lambda pair: shut_down(pair.target),
    "a worker is killed": restart_worker,
    "a broker is killed": restart_broker,
    "the database is killed": lambda pair: crash(pair.source),
}
MORE: dict[str, Callable[[Pair], None]] = {
    "the database shuts down": lambda pair: shut_down(pair.source),
    "the second database is killed": lambda pair: crash(pair.target),
}
if IS_LONG:
    FAULTS |= MORE


def state(pair: Pair) -> str:
    answers = [
        pair.connect.ask(each, "/connectors?expand=status")[1]
        for each in pair.connect.members
        if each.process is not None
    ]
    told: dict[str, Any] = next((each for each in answers if each), {})
    return "; ".join(
        f"{name}: {[task['state'] + ' ' + task.get('trace', '')[-700:] for task in each['status']['tasks']]}"
        for name, each in told.items()
    )


@pytest.mark.long
def test_nothing_is_lost_or_twice_or_out_of_order_whatever_restarts(pair: Pair) -> None:
    # A snapshot that is broken off begins anew: its rows would be there twice.
    eventually("all rows are read", lambda: len(records(pair.kafka, TOPIC)) == ROWS, 120)
    with Changing(pair.source) as changing:
        for what, fault in FAULTS.items():
            eventually("the topic answers", lambda: pair.written() > 0)
            before = pair.written()
            fault(pair)
            # Each finds the records moving: more than are written at once.
            deadline = time.monotonic() + 120 * PATIENCE
            while pair.written() < before + 600:
                assert time.monotonic() < deadline, f"nothing moves after {what}: {state(pair)}"
                time.sleep(0.5)
    made = changing.made
    try:
        eventually("the second database has the same rows", pair.copied, 240)
    except AssertionError as error:
        raise AssertionError(f"{error}; {state(pair)}") from None

    found = events(pair.kafka, TOPIC)
    kinds = Counter(value["payload"]["op"] if value else "tombstone" for _, value in found)
    expected = Counter(map(kind, range(1, made + 1)))
    assert kinds == expected + Counter(r=ROWS, tombstone=expected["d"])

    versions: defaultdict[int, list[int]] = defaultdict(list)
    last: dict[int, Any] = {}
    for key, value in found:
        last[key["payload"]["id"]] = value
        if value is not None and value["payload"]["after"] is not None:
            versions[key["payload"]["id"]].append(value["payload"]["after"]["version"])
    assert all(each == sorted(set(each)) for each in versions.values())
    after = [value["payload"]["after"] for value in last.values() if value is not None]
    left = sorted((each["id"], f"{each['amount']:.2f}", each["version"]) for each in after)
    assert ["|".join(map(str, each)) for each in left] == pair.rows(pair.source, "shop")
