"""A source and a sink of Kafka Connect as a stack renders them, next to the same connectors started by hand.

Both sides have a worker of their own with the same heap and flags, beside one Kafka and one PostgreSQL, and take turns. By hand means a
worker that logs in to Kafka as the administrator and is told the connectors' settings as their manuals have them, exactly once too.
"""

import contextlib
import json
import statistics
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from confluent_kafka import OFFSET_BEGINNING, OFFSET_END, Consumer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic
from kafka_platform import Connector, JdbcSink, PostgresSource
from kafka_platform.connect.spec import TABLE_PARTITIONS, ConnectorState
from kafka_platform_runtime.jobs import DONE

from tests.bench.measure import ending_properly, report, resident_megabytes
from tests.connect_process import LocalConnect, needed_plugins
from tests.kafka_process import ADMIN_PASSWORD, ADMIN_USER, KAFKA_JVM, LocalKafka, needed_jars
from tests.postgres_process import ADMIN_PASSWORD as DATABASE_PASSWORD, LocalPostgres, needed_postgres

ROWS, ROUNDS = 100_000, 3
"""Of a table, and how often each side moves one, after a round that is not counted."""
COMMITS, PAUSE_SECONDS = 400, 0.05
"""How many rows are inserted one by one while the time from commit to record is measured, and the pause between two."""
MOST_SECONDS = 300.0
"""For one table."""
LEAST_RATIO = 0.95


@dataclass(kw_only=True)
class Side:
    """One way of running connectors: a source and a sink for each round."""

    name: str
    connect: LocalConnect
    rates: dict[str, list[float]] = field(default_factory=lambda: {"source": [], "sink": []})

    def source(self, number: int) -> str:
        """The source's name in a round."""
        return f"{self.name}-{number}"

    def topic(self, number: int) -> str:
        """The topic of a round's table."""
        return f"{self.source(number)}.public.{table(number)}"

    def copy(self, number: int) -> str:
        """The table that a round's sink writes."""
        return f"copy_{self.name}_{number}"

    def run(self, *names: str) -> None:
        """Has these connectors run, and no others."""
        raise NotImplementedError


def table(number: int) -> str:
    """The table that a round's sources read."""
    return f"orders_{number}"


class Declared(Side):
    """As a stack has them."""

    def run(self, *names: str) -> None:
        """By the program of the Job that applies them."""
        states = {True: ConnectorState.RUNNING, False: ConnectorState.STOPPED}
        self.connect.connectors = {
            name: replace(each, state=states[name in names]) for name, each in self.connect.connectors.items()
        }
        code, message = self.connect.apply()
        if code != DONE:
            raise SystemExit(message)


@dataclass(kw_only=True)
class ByHand(Side):
    """By requests to the worker's REST interface."""

    configs: dict[str, dict[str, str]]

    def run(self, *names: str) -> None:
        """Creates these and stops the rest."""
        for name in self.connect.ask(self.connect.members[0], "/connectors")[1]:
            self._ask(f"/connectors/{name}/stop", "PUT", None)
        for name in names:
            self._ask(f"/connectors/{name}/config", "PUT", self.configs[name])
            self._ask(f"/connectors/{name}/resume", "PUT", None)

    def _ask(self, path: str, method: str, body: dict[str, str] | None) -> None:
        url = f"http://127.0.0.1:{self.connect.members[0].port}{path}"
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(url, data, {"Content-Type": "application/json"}, method=method)
        with urllib.request.urlopen(request, timeout=60):
            pass


class PlainConnect(LocalConnect):
    """A worker without users of connectors and without files for secrets."""

    def provision(self) -> None:
        """Creates no users and no topics: the worker makes its own."""

    def _mount(self) -> None:
        """Mounts nothing."""

    def properties(self) -> dict[str, str]:
        """As in the manual."""
        login = {
            "security.protocol": self.kafka.client_protocol,
            "sasl.mechanism": "SCRAM-SHA-512",
            "sasl.jaas.config": "org.apache.kafka.common.security.scram.ScramLoginModule required "
            f'username="{ADMIN_USER}" password="{ADMIN_PASSWORD}";',
        }
        converter = "org.apache.kafka.connect.json.JsonConverter"
        storage = {f"{each}.storage.topic": f"plain-{each}" for each in ("config", "offset", "status")}
        copies = {f"{each}.storage.replication.factor": "1" for each in ("config", "offset", "status")}
        return {
            "bootstrap.servers": self.kafka.bootstrap_servers,
            "group.id": "plain",
            "exactly.once.source.support": "enabled",
            "key.converter": converter,
            "value.converter": converter,
            "plugin.path": "/opt/kafka/plugins",
            "plugin.discovery": "service_load",
            # As a stack has them: it is the time of the same recovery that is compared.
            "session.timeout.ms": "10000",
            "heartbeat.interval.ms": "3000",
            "scheduled.rebalance.max.delay.ms": "5000",
            **storage,
            **copies,
            **{f"{client}{key}": value for client in ("", "producer.", "consumer.", "admin.") for key, value in login.items()},
        }  # fmt: skip


def declared(kafka: LocalKafka, postgres: LocalPostgres, plugins: Path) -> Declared:
    """The side of the stack, with all connectors stopped."""
    side = Declared(name="stack", connect=LocalConnect(plugins=plugins, kafka=kafka, connectors={}))
    secret = {"username": "postgres", "password": DATABASE_PASSWORD}
    found: dict[str, Connector] = {}
    for number in range(ROUNDS + 1):
        source = PostgresSource(
            host="127.0.0.1",
            port=postgres.port,
            database="shop",
            secret="shop",
            tables=[f"public.{table(number)}"],
        )
        url = f"jdbc:postgresql://127.0.0.1:{postgres.port}/warehouse"
        sink = JdbcSink(url=url, secret="warehouse", table=side.copy(number))
        found[side.source(number)] = Connector(postgres=source, state=ConnectorState.STOPPED)
        found[f"{side.source(number)}-copy"] = Connector(
            jdbc=sink, reads=[side.topic(number)], state=ConnectorState.STOPPED
        )
    side.connect.connectors = found
    side.connect.secrets = dict.fromkeys(found, secret)
    return side


def by_hand(kafka: LocalKafka, postgres: LocalPostgres, plugins: Path) -> ByHand:
    """The side of the manuals."""
    configs: dict[str, dict[str, str]] = {}
    side = ByHand(name="plain", connect=PlainConnect(plugins=plugins, kafka=kafka, connectors={}), configs=configs)
    for number in range(ROUNDS + 1):
        configs[side.source(number)] = {
            "connector.class": "io.debezium.connector.postgresql.PostgresConnector",
            "tasks.max": "1",
            "exactly.once.support": "required",
            "transaction.boundary": "poll",
            "database.hostname": "127.0.0.1",
            "database.port": str(postgres.port),
            "database.user": "postgres",
            "database.password": DATABASE_PASSWORD,
            "database.dbname": "shop",
            "plugin.name": "pgoutput",
            "slot.name": f"plain_{number}",
            "publication.name": f"plain_{number}",
            "publication.autocreate.mode": "filtered",
            "topic.prefix": side.source(number),
            "table.include.list": f"public.{table(number)}",
            "topic.creation.default.replication.factor": "1",
            "topic.creation.default.partitions": str(TABLE_PARTITIONS),
        }
        configs[f"{side.source(number)}-copy"] = {
            "connector.class": "io.debezium.connector.jdbc.JdbcSinkConnector",
            "tasks.max": "1",
            "topics": side.topic(number),
            "connection.url": f"jdbc:postgresql://127.0.0.1:{postgres.port}/warehouse",
            "connection.username": "postgres",
            "connection.password": DATABASE_PASSWORD,
            "collection.name.format": side.copy(number),
            "insert.mode": "upsert",
            "delete.enabled": "true",
            "primary.key.mode": "record_key",
            "schema.evolution": "basic",
            "consumer.override.auto.offset.reset": "earliest",
        }
    return side


@contextlib.contextmanager
def reader(kafka: LocalKafka, topic: str, begins: int = OFFSET_BEGINNING) -> Iterator[Consumer]:
    """Reads a topic, as it is committed."""
    login = kafka.client() | {"group.id": "bench", "isolation.level": "read_committed", "fetch.wait.max.ms": 10}
    consumer = Consumer(login)
    consumer.assign([TopicPartition(topic, number, begins) for number in range(TABLE_PARTITIONS)])
    yield consumer
    consumer.close()


def moved(side: Side, number: int, kafka: LocalKafka, postgres: LocalPostgres) -> tuple[float, float]:
    """Rows a second of a round's source, by the times at which its records were made, then of its sink, by those of its rows."""
    side.run(side.source(number))
    made: list[int] = []
    with reader(kafka, side.topic(number)) as consumer:
        until(
            lambda: len(made) >= ROWS, lambda: made.extend(each.timestamp()[1] for each in consumer.consume(10_000, 1))
        )
    copy = side.copy(number)
    side.run(f"{side.source(number)}-copy")
    until(lambda: postgres.sql(f"select count(*) from {copy}", "warehouse") == [str(ROWS)], lambda: time.sleep(1))
    took = postgres.sql(f"select extract(epoch from max(copied) - min(copied)) from {copy}", "warehouse")[0]
    return 1000 * ROWS / (max(made) - min(made)), ROWS / float(took)


def until(condition: Callable[[], bool], step: Callable[[], None]) -> None:
    """Takes steps until it is so; gives up in the end."""
    end = time.monotonic() + MOST_SECONDS
    while not condition():
        if time.monotonic() > end:
            raise SystemExit(f"not all of the {ROWS} rows after {MOST_SECONDS:.0f} s")
        step()


def inserting(postgres: LocalPostgres, side: Side, first: int, many: int) -> "subprocess.Popen[str]":
    """A client that inserts rows of a side one by one in the background, each with the time of its commit."""
    client = postgres.client("shop")
    now = "(extract(epoch from clock_timestamp()) * 1e6)::bigint"
    statement = f"insert into {table(ROUNDS)} (id, customer, amount, at) values ({{}}, '{side.name}', 1, {now});\n"
    assert client.stdin is not None
    for number in range(first, first + many):
        client.stdin.write(statement.format(number) + f"select pg_sleep({PAUSE_SECONDS});\n")
    client.stdin.close()
    return client


def latencies(consumer: Consumer, side: Side, many: int) -> list[float]:
    """Seconds from the commits of inserted rows to their records."""
    found: list[float] = []
    end = time.monotonic() + MOST_SECONDS
    while len(found) < many and time.monotonic() < end:
        for each in consumer.consume(100, 0.01):
            now = time.time()
            value = json.loads(each.value() or b"null")
            row = value and value["payload"]["after"]
            if row and row["customer"] == side.name:
                found.append(now - row["at"] / 1e6)
    return sorted(found)


def followed(side: Side, kafka: LocalKafka, postgres: LocalPostgres, first: int) -> dict[str, float]:
    """How late records are, how long a killed worker's source is away when it starts again at once, and its memory."""
    side.run(side.source(ROUNDS))
    with reader(kafka, side.topic(ROUNDS), OFFSET_END) as consumer:
        consumer.consume(1, 3)  # the positions at the end are looked up meanwhile
        inserting(postgres, side, first, 1).wait()
        latencies(consumer, side, 1)  # it runs
        client = inserting(postgres, side, first + 1, COMMITS)
        late = latencies(consumer, side, COMMITS)
        client.wait()
        worker = side.connect.members[0]
        assert worker.process is not None
        memory = resident_megabytes(worker.process.pid)
        begun = time.monotonic()
        worker.kill()
        inserting(postgres, side, first + COMMITS + 1, 1).wait()
        side.connect.start(worker)
        latencies(consumer, side, 1)
        away = time.monotonic() - begun
    return {
        "p50_ms": 1000 * statistics.median(late),
        "p99_ms": 1000 * late[int(len(late) * 0.99)],
        "recovery_seconds": away,
        "memory_mb": memory,
    }


def fill(postgres: LocalPostgres, sides: Iterable[Side]) -> None:
    """The tables of all rounds, and those of their copies."""
    columns = "id bigint primary key, customer text, amount numeric(12,2), at bigint"
    for database in ("shop", "warehouse"):
        postgres.sql(f"create database {database}")
    for number in range(ROUNDS + 1):
        postgres.sql(
            f"create table {table(number)} ({columns});"
            f"insert into {table(number)} select n, 'customer ' || n % 500, n * 1.25, 0 from generate_series(1, {ROWS}) n;",
            "shop",
        )
        for side in sides:
            copied = f"{columns}, copied timestamptz default clock_timestamp()"
            postgres.sql(f"create table {side.copy(number)} ({copied})", "warehouse")


def main() -> None:
    """Runs the benchmark."""
    plugins, jars = needed_plugins(), needed_jars()
    with (
        ending_properly(),
        LocalPostgres(needed_postgres()) as postgres,
        LocalKafka(jars=jars, heap="1g", jvm_options=KAFKA_JVM) as kafka,
    ):
        sides = declared(kafka, postgres, plugins), by_hand(kafka, postgres, plugins)
        fill(postgres, sides)
        admin = AdminClient(kafka.client())
        topics = [NewTopic(sides[1].topic(number), TABLE_PARTITIONS, 1) for number in range(ROUNDS + 1)]
        for future in admin.create_topics(topics).values():
            future.result(60)
        with sides[0].connect, sides[1].connect:
            for number in range(ROUNDS + 1):
                for side in sides if number % 2 else reversed(sides):
                    source, sink = moved(side, number, kafka, postgres)
                    print(f"{side.name} {number}: source {source:,.0f} rows/s, sink {sink:,.0f} rows/s", flush=True)
                    if number:
                        side.rates["source"].append(source)
                        side.rates["sink"].append(sink)
            live = {
                side.name: followed(side, kafka, postgres, ROWS + 1 + at * 10 * COMMITS)
                for at, side in enumerate(sides)
            }
    medians = {side.name: {way: statistics.median(rates) for way, rates in side.rates.items()} for side in sides}
    ratios = {f"{way}_ratio": medians["stack"][way] / medians["plain"][way] for way in ("source", "sink")}
    report(
        **{f"{way}_{name}": rate for name, each in medians.items() for way, rate in each.items()},
        **ratios,
        **{f"{what}_{name}": value for name, each in live.items() for what, value in each.items()},
        least_ratio=LEAST_RATIO,
    )


if __name__ == "__main__":
    main()
