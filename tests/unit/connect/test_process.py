"""Real workers of Kafka Connect, with a real database: what arrives, what is kept secret, and what a connector may do."""

import json
import re
import threading
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient
from kafka_platform import Connector, ConnectorState, DatabaseTls, JdbcSink, MongodbSource, PostgresSource
from kafka_platform.connect.applying import data_of
from kafka_platform.connect.kinds import SECRETS
from kafka_platform_runtime.connect_applier import apply as applying
from kafka_platform_runtime.jobs import DONE, REFUSED

from infra.connection import NoAnswerError
from infra.connectors.changing import Action, act, offsets
from infra.connectors.seen import drift, states
from infra.connectors.workers import Workers
from tests.connect_process import LocalConnect, needed_plugins, records, wait_for
from tests.dashboards import asked
from tests.documented import ROOT
from tests.harness import PATIENCE, eventually
from tests.kafka_process import LocalKafka, needed_jars
from tests.ports import free_ports
from tests.postgres_process import LocalPostgres, needed_postgres

ROWS, CHANGES = 2_000, 1_500
TOPIC = "shop.public.orders"
DATABASE_PASSWORD = "password-of-the-source"
WAREHOUSE_PASSWORD = "password-of-the-sink"
[_SQL] = re.findall(r"```sql\n(.*?)```", (ROOT / "docs" / "patterns.md").read_text(), re.DOTALL)
OUTBOX = _SQL.split("\n", 1)
"""What docs/patterns.md says: how the table is made, and a transaction that writes to it."""


@pytest.fixture(scope="module")
def postgres() -> Iterator[LocalPostgres]:
    with LocalPostgres(needed_postgres()) as started:
        started.sql(
            f"create role debezium login replication password '{DATABASE_PASSWORD}';"
            f"create role sink login password '{WAREHOUSE_PASSWORD}';"
        )
        started.sql("create database shop owner debezium")
        started.sql("create database warehouse owner sink")
        started.sql(
            "create table orders (id bigserial primary key, customer text, amount numeric(12,2), at timestamptz default now());"
            "alter table orders owner to debezium;"
            f"{OUTBOX[0]} alter table outbox owner to debezium;"
            f"insert into orders (customer, amount) select 'c' || n % 50, n * 1.25 from generate_series(1, {ROWS}) n;",
            "shop",
        )
        yield started


@pytest.fixture(scope="module")
def connect(postgres: LocalPostgres) -> Iterator[LocalConnect]:
    plugins = needed_plugins()
    connectors = {
        "shop": Connector(
            postgres=PostgresSource(
                host="127.0.0.1",
                port=postgres.port,
                database="shop",
                secret="shop-db",
                tables=["public.orders", "public.outbox"],
                heartbeat="1s",
            )
        ),
        "warehouse": Connector(
            jdbc=JdbcSink(
                url=f"jdbc:postgresql://127.0.0.1:{postgres.port}/warehouse", secret="warehouse", table="orders"
            ),
            reads=[TOPIC],
        ),
    }
    secrets = {
        "shop": {"username": "debezium", "password": DATABASE_PASSWORD},
        "warehouse": {"username": "sink", "password": WAREHOUSE_PASSWORD},
    }
    with (
        LocalKafka(jars=needed_jars()) as kafka,
        LocalConnect(plugins=plugins, kafka=kafka, connectors=connectors, secrets=secrets, workers=2) as started,
    ):
        code, message = started.apply()
        assert code == DONE, message
        assert message == "done: 2 applied, 0 unchanged, 0 deleted"
        yield started


def change(postgres: LocalPostgres) -> None:
    """New rows, changed ones and deleted ones, each in a transaction of its own."""
    client = postgres.client("shop")
    assert client.stdin is not None
    for number in range(1, CHANGES + 1):
        if number % 10 == 0:
            client.stdin.write(f"delete from orders where id = {number};\n")
        elif number % 3 == 0:
            client.stdin.write(f"update orders set amount = amount + 1 where id = {number};\n")
        else:
            client.stdin.write(f"insert into orders (customer, amount) values ('live', {number}.5);\n")
        client.stdin.flush()
        time.sleep(0.005)
    client.stdin.close()
    assert client.wait(60) == 0


def rows_of(postgres: LocalPostgres, database: str) -> dict[str, str]:
    return dict(line.split("|") for line in postgres.sql("select id, amount from orders", database))


def test_an_event_of_the_outbox_arrives_although_its_row_is_gone(
    postgres: LocalPostgres, connect: LocalConnect
) -> None:
    postgres.sql(OUTBOX[1].replace("17, 3, 250", "1000017, '3', 250"), "shop")
    wait_for(connect.kafka, "shop.public.outbox", Counter(c=1, d=1), 60 * PATIENCE)
    assert postgres.sql("select count(*) from outbox", "shop") == ["0"]
    [event] = [
        change["after"]
        for _, value in records(connect.kafka, "shop.public.outbox")
        if value is not None and (change := json.loads(value)["payload"])["op"] == "c"
    ]
    assert (event["aggregateid"], json.loads(event["payload"])) == ("17", {"order": 17, "amount": 250})


@pytest.mark.long
def test_nothing_is_lost_or_twice_when_the_worker_is_killed(postgres: LocalPostgres, connect: LocalConnect) -> None:
    wait_for(connect.kafka, TOPIC, Counter(r=ROWS), 60 * PATIENCE)
    changing = threading.Thread(target=change, args=[postgres])
    changing.start()
    time.sleep(3)
    victim = connect.worker_of("shop")
    victim.kill()
    changing.join()
    expected = Counter(
        r=ROWS,
        d=CHANGES // 10,
        u=sum(1 for each in range(1, CHANGES + 1) if each % 3 == 0 and each % 10),
        c=sum(1 for each in range(1, CHANGES + 1) if each % 3 and each % 10),
    )
    found = wait_for(connect.kafka, TOPIC, expected, 60 * PATIENCE)
    rows = rows_of(postgres, "shop")
    last = {str(key["payload"]["id"]): value for key, value in found}
    left = {key: f"{value['payload']['after']['amount']:.2f}" for key, value in last.items() if value is not None}
    assert left == rows
    eventually("the second database has the same rows", lambda: rows_of(postgres, "warehouse") == rows)
    connect.start(victim)


def test_applying_again_changes_nothing(connect: LocalConnect) -> None:
    assert connect.apply() == (DONE, "done: 0 applied, 2 unchanged, 0 deleted")


def names(connect: LocalConnect) -> set[str]:
    """Of the metrics that the workers show."""
    lines = (line for each in connect.members for line in connect.metrics(each).splitlines())
    return {line.partition("{")[0].partition(" ")[0] for line in lines if not line.startswith("#")}


def test_it_shows_what_dashboards_and_alerts_ask_for(connect: LocalConnect) -> None:
    # Tasks may just be moved to the worker that came back.
    eventually("all metrics are shown", lambda: asked("kafka_connect_") | asked("debezium_") <= names(connect))
    wanted = (
        r'kafka_connect_worker_connector_running_task_count\{connector="shop"\} 1',
        r'debezium_millisecondsbehindsource\{connector="shop",system="postgres"\}',
        r'kafka_connect_sink_sink_record_read_total\{connector="warehouse",task="0"\} [1-9]',
    )

    def missing() -> list[str]:
        shown = "\n".join(map(connect.metrics, connect.members))
        return [each for each in wanted if not re.search(each, shown)]

    eventually("they say what runs", lambda: not missing(), 120)


def test_no_secret_is_in_a_topic_an_answer_or_a_log(connect: LocalConnect) -> None:
    shown = [str(records(connect.kafka, f"connect-{part}")) for part in ("configs", "offsets", "status")]
    for worker in connect.members:
        shown.append(worker.log)
        for path in ("/connectors?expand=info&expand=status", "/connectors/shop/tasks", "/connectors/shop/config"):
            shown.append(json.dumps(connect.ask(worker, path)))
    told = "\n".join(shown)
    assert "shop" in told
    for secret in (DATABASE_PASSWORD, WAREHOUSE_PASSWORD, "-password-of-kafka"):
        assert secret not in told


@pytest.mark.parametrize(
    ("user", "topic"),
    [("connector-shop", "connect-configs"), ("connector-warehouse", "connect-offsets-shop"), ("connect", TOPIC)],
)
def test_a_connector_reads_nothing_that_it_did_not_declare(connect: LocalConnect, user: str, topic: str) -> None:
    seen = AdminClient(connect.kafka.client(user, connect.password(user))).list_topics(timeout=60).topics
    assert topic not in seen
    own = {"connector-shop": "connect-offsets-shop", "connector-warehouse": TOPIC, "connect": "connect-configs"}
    assert own[user] in seen


def test_a_wrong_password_is_refused_by_the_plugin_in_one_line(
    connect: LocalConnect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(applying, "PATIENCE_SECONDS", 1.0)
    secret = connect.folder / "mnt" / "shop" / "secret" / "password"
    kept = dict(connect.connectors)
    try:
        secret.write_text("wrong")
        connect.connectors = kept | {"shop": Connector(postgres=replace(kept["shop"].kind, heartbeat="2s"))}
        code, message = connect.apply()
    finally:
        secret.write_text(DATABASE_PASSWORD)
        connect.connectors = kept
    assert code == REFUSED
    assert len(message.splitlines()) == 2, message
    assert "connector shop: database." in message
    assert "password authentication failed" in message


def test_the_plugin_of_mongodb_takes_all_that_it_is_told_and_misses_only_the_server(
    connect: LocalConnect, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No server of MongoDB is at hand: the plugin reads its login from the files, and says that nobody answers."""
    monkeypatch.setattr(applying, "PATIENCE_SECONDS", 0.0)
    kept = dict(connect.connectors)
    source = MongodbSource(
        hosts=["127.0.0.1"],
        port=free_ports(1)[0],
        replica_set="rs0",
        secret="docs",
        collections=["shop.orders"],
        signals="shop.signals",
        tls=DatabaseTls.OFF,
        config={"mongodb.server.selection.timeout.ms": "500"},
    )
    folder = connect.folder / "mnt" / "docs" / "secret"
    folder.mkdir(parents=True)
    for key in ("username", "password"):
        (folder / key).write_text("docs")
    try:
        connect.connectors = kept | {"docs": Connector(mongodb=source)}
        connect._mount()
        code, message = connect.apply()
        config = json.loads(data_of(connect.settings.applying)["connector.docs"])["config"]
    finally:
        connect.connectors = kept
    assert code == REFUSED
    [_, fault] = message.splitlines()
    assert fault.strip().startswith("connector docs: mongodb.connection.string: Unable to connect: Timed out")
    assert "Connection refused" in fault
    # It knows each of the settings of its own, and would say nothing of one that it does not know.
    wanted = {
        each for each in config if each.startswith(("collection.", "heartbeat.", "mongodb.", "signal.", "snapshot."))
    }
    known = Asked(connect).of_connect(f"connector-plugins/{config['connector.class']}/config")
    assert wanted <= {each["name"] for each in known}


def test_a_record_that_cannot_be_converted_becomes_a_dead_letter_and_holds_up_no_other(connect: LocalConnect) -> None:
    producer = Producer(connect.kafka.client())
    producer.produce(TOPIC, b"not JSON", key=b"broken")
    producer.flush(120)
    eventually(
        "it is a dead letter", lambda: records(connect.kafka, "warehouse-dead-letters") == [(b"broken", b"not JSON")]
    )
    status = connect.ask(connect.members[0], "/connectors/warehouse/status")[1]
    assert [each["state"] for each in status["tasks"]] == ["RUNNING"]
    shown = "\n".join(map(connect.metrics, connect.members))
    assert re.search(r'deadletterqueue_produce_requests_total\{connector="warehouse",task="0"\} 1', shown)


def test_a_failed_task_is_shown_with_the_databases_reason_and_restarted(
    postgres: LocalPostgres, connect: LocalConnect
) -> None:
    """By what `python -m infra connectors` asks, and makes of the answer."""

    def seen() -> dict[str, str]:
        found = states(connect.ask(connect.members[0], "/connectors?expand=status")[1])
        return {name: f"{each.state} {each.tasks}" for name, each in found.items()}

    assert seen() == {"shop": "running 1/1", "warehouse": "running 1/1"}
    postgres.sql("alter table orders add constraint small check (amount < 1000000)", "warehouse")
    postgres.sql("insert into orders (customer, amount) values ('rich', 2000000)", "shop")
    eventually("the task has failed", lambda: seen() == {"shop": "running 1/1", "warehouse": "failed 0/1"}, 120)
    reason = states(connect.ask(connect.members[0], "/connectors?expand=status")[1])["warehouse"].reason
    assert 'violates check constraint "small"' in reason
    assert "\n" not in reason
    postgres.sql("alter table orders drop constraint small", "warehouse")
    connect.ask(connect.members[0], "/connectors/warehouse/restart?includeTasks=true&onlyFailed=true", "POST")
    eventually(
        "the second database has the same rows",
        lambda: rows_of(postgres, "warehouse") == rows_of(postgres, "shop"),
        120,
    )
    assert seen()["warehouse"] == "running 1/1"


class Asked(Workers):
    """What commands ask, without a Kubernetes cluster between them and Kafka Connect."""

    def __init__(self, connect: LocalConnect) -> None:
        self.connect, self.operated = connect, False

    def of_connect(self, path: str, method: str = "GET", body: Any = None) -> Any:
        sent = None if body is None else json.dumps(body).encode()
        address = f"http://127.0.0.1:{self.connect.members[0].port}/{path}"
        request = urllib.request.Request(address, sent, {"Content-Type": "application/json"}, method=method)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return json.loads(answer.read() or b"null")
        except urllib.error.HTTPError as error:
            raise NoAnswerError(f"Kafka Connect answers {error.code}: {error.read()!r}", error.code) from error

    def deployed(self) -> dict[str, Mapping[str, str]]:
        folder = str(self.connect.folder / "mnt")
        texts = data_of(self.connect.settings.applying).values()
        told = [json.loads(text.replace(SECRETS, folder)) for text in texts]
        return {each["name"]: each["config"] for each in told}

    def state(self, name: str) -> str:
        return states(self.of_connect("connectors?expand=status"))[name].state


def test_a_connector_is_paused_and_resumed(connect: LocalConnect) -> None:
    asked = Asked(connect)
    assert act(asked, Action.PAUSE, "warehouse", ConnectorState.RUNNING) == [
        "the file says running: it stays paused until its declaration changes"
    ]
    eventually("it is paused", lambda: asked.state("warehouse") == "paused")
    assert act(asked, Action.RESUME, "warehouse", ConnectorState.RUNNING) == []
    eventually("it runs", lambda: asked.state("warehouse") == "running")


def test_what_was_changed_by_hand_is_seen_and_set_back(connect: LocalConnect) -> None:
    asked = Asked(connect)

    def differs() -> str:
        return drift(asked.deployed()["warehouse"], asked.of_connect("connectors/warehouse/config"))

    assert differs() == ""
    asked.of_connect("connectors/warehouse/config", "PUT", {**asked.deployed()["warehouse"], "batch.size": "7"})
    assert differs() == "changed by hand: batch.size: --restore sets it back"
    assert act(asked, Action.RESTORE, "warehouse", ConnectorState.RUNNING) == []
    assert differs() == ""


def test_offsets_are_shown_and_reset(postgres: LocalPostgres, connect: LocalConnect) -> None:
    asked = Asked(connect)
    eventually("both have offsets", lambda: all(list(offsets(asked, each)) for each in ("warehouse", "shop")))
    sink = {each.part: int(each.offset) for each in offsets(asked, "warehouse")}
    assert {part.rpartition("-")[0] for part in sink} == {TOPIC}
    [source] = offsets(asked, "shop")
    assert source.part == "server=shop"
    assert "lsn=" in source.offset

    postgres.sql("delete from orders where id > 20", "warehouse")
    assert act(asked, Action.RESET, "warehouse", ConnectorState.RUNNING) == [f"warehouse: {len(sink)} offsets reset"]
    eventually("all is written again", lambda: rows_of(postgres, "warehouse") == rows_of(postgres, "shop"), 120)
