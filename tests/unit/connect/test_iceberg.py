"""Changes of a database in tables of Iceberg: real workers, a real S3 server and a real catalog, read back by PyIceberg."""

import contextlib
import json
import re
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic
from kafka_platform import (
    Connector,
    IcebergCatalog,
    IcebergSink,
    IcebergStore,
    PostgresSource,
    QueryDatabase,
    QueryLake,
    QueryReader,
)
from kafka_platform_runtime.jobs import DONE
from pyiceberg.table import StaticTable

from tests.connect_process import LocalConnect, mend, needed_plugins, records
from tests.harness import eventually
from tests.kafka_process import LocalKafka, needed_jars
from tests.postgres_process import LocalPostgres, needed_postgres
from tests.s3_process import BUCKET, LOGIN, S3Server, needed_versitygw
from tests.tiers import IS_LONG
from tests.trino_process import LocalTrino, needed_trino

ROWS, CHANGES = (20_000, 10_000) if IS_LONG else (2_000, 2_000)
PASSWORD = "password-of-the-database"
TOPICS = ["shop.public.orders", "shop.public.customers"]
STORE = "http://store"
"""What stands for the server's address in the declaration: logins are declared only for addresses in a cluster."""


@pytest.fixture(scope="module")
def postgres() -> Iterator[LocalPostgres]:
    with LocalPostgres(needed_postgres()) as started:
        started.sql(
            f"create role debezium login replication password '{PASSWORD}'; create role lake login password '{PASSWORD}';"
        )
        started.sql("create database shop owner debezium")
        started.sql("create database catalog owner lake")
        started.sql(
            "create table orders (id bigserial primary key, customer text, amount numeric(12,2) not null);"
            "create table customers (id bigserial primary key, name text);"
            "alter table orders owner to debezium; alter table customers owner to debezium;"
            f"insert into orders (customer, amount) select 'c' || n % 50, n * 1.25 from generate_series(1, {ROWS}) n;"
            "insert into customers (name) select 'c' || n from generate_series(1, 50) n",
            "shop",
        )
        yield started


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    server = S3Server(needed_versitygw(), tmp_path_factory.mktemp("s3") / "server", {"reader": PASSWORD})
    server.start()
    server.client.create_bucket(Bucket=BUCKET)
    may = {"Effect": "Allow", "Principal": "reader"}
    policy = [
        may | {"Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{BUCKET}/warehouse/*"},
        may | {"Action": "s3:ListBucket", "Resource": f"arn:aws:s3:::{BUCKET}"},
    ]
    server.client.put_bucket_policy(Bucket=BUCKET, Policy=json.dumps({"Version": "2012-10-17", "Statement": policy}))
    yield server
    server.kill()


@pytest.fixture(scope="module")
def connect(postgres: LocalPostgres, store: S3Server) -> Iterator[LocalConnect]:
    plugins = needed_plugins()
    if not (plugins / "iceberg").exists():
        pytest.skip("no plugin of Iceberg: `make connect` fetches it")
    connectors = {
        "shop": Connector(
            postgres=PostgresSource(
                host="127.0.0.1",
                port=postgres.port,
                database="shop",
                secret="s",
                tables=["public.orders", "public.customers"],
                heartbeat="1s",
            )
        ),
        "lake": Connector(
            iceberg=IcebergSink(
                catalog=IcebergCatalog(url=f"jdbc:postgresql://127.0.0.1:{postgres.port}/catalog", secret="catalog"),
                warehouse=f"s3://{BUCKET}/warehouse",
                s3=IcebergStore(endpoint=STORE, secret="store"),
                table="shop.{table}",
                every="2s",
            ),
            reads=TOPICS,
            tasks=2,
        ),
    }
    lake = connectors["lake"].kind
    plain = {
        "key.converter": "org.apache.kafka.connect.storage.StringConverter",
        "value.converter.schemas.enable": "false",
    }
    connectors["clicks"] = Connector(
        iceberg=replace(lake, table="shop.clicks", changes=False, config=plain), reads=["clicks"]
    )
    secrets = {
        "shop": {"secret/username": "debezium", "secret/password": PASSWORD},
        "lake": {
            "catalog/username": "lake",
            "catalog/password": PASSWORD,
            **{f"s3/{key}": value for key, value in LOGIN.items()},
        },
    }
    secrets["clicks"] = secrets["lake"]
    with (
        # As Kafka has it by default: groups take three seconds to begin, in which the sink must not lose anything.
        LocalKafka(jars=needed_jars(), properties={"group.initial.rebalance.delay.ms": "3000"}) as kafka,
        LocalConnect(
            plugins=plugins,
            kafka=kafka,
            connectors=connectors,
            secrets=secrets,
            workers=2,
            replaced={STORE: store.url},
        ) as started,
        contextlib.ExitStack() as stack,
    ):
        ending = threading.Event()
        mending = threading.Thread(target=mend, args=[started, ending])
        mending.start()
        stack.callback(mending.join)
        stack.callback(ending.set)
        admin = AdminClient(kafka.client())
        admin.create_topics([NewTopic("clicks", 1, 1)])["clicks"].result(120)
        code, message = started.apply()
        assert code == DONE, message
        yield started


class Lake:
    """The tables, as anybody reads them."""

    def __init__(self, postgres: LocalPostgres, store: S3Server) -> None:
        self._postgres = postgres
        self._properties = {
            "s3.endpoint": store.url,
            "s3.access-key-id": LOGIN["AWS_ACCESS_KEY_ID"],
            "s3.secret-access-key": LOGIN["AWS_SECRET_ACCESS_KEY"],
            "s3.region": "us-east-1",
        }

    def rows(self, table: str) -> list[dict[str, Any]]:
        """What was appended, in no order; nothing if there is no table yet."""
        if self._postgres.sql("select to_regclass('iceberg_tables')", "catalog") == [""]:
            return []
        found = self._postgres.sql(
            f"select metadata_location from iceberg_tables where table_namespace = 'shop' and table_name = '{table}'",
            "catalog",
        )
        if not found:
            return []
        made: list[dict[str, Any]] = StaticTable.from_metadata(found[0], self._properties).scan().to_arrow().to_pylist()
        return made

    def kinds(self, table: str) -> Counter[str]:
        """How many rows there are of each kind of change."""
        return Counter(each["_cdc"]["op"] for each in self.rows(table))


@pytest.fixture(scope="module")
def lake(postgres: LocalPostgres, store: S3Server) -> Lake:
    return Lake(postgres, store)


def change(postgres: LocalPostgres) -> Counter[str]:
    """Changes rows, each in a transaction of its own. Returns how many of each kind, as the sink calls it."""
    client = postgres.client("shop")
    assert client.stdin is not None
    made = Counter[str]()
    for number in range(1, CHANGES + 1):
        if number % 10 == 0:
            made["D"] += 1
            client.stdin.write(f"delete from orders where id = {number};\n")
        elif number % 3 == 0:
            made["U"] += 1
            client.stdin.write(f"update orders set amount = amount + 1 where id = {number};\n")
        else:
            made["I"] += 1
            client.stdin.write(f"insert into orders (customer, amount) values ('live', {number}.5);\n")
        client.stdin.write("select pg_sleep(0.005);\n")
    client.stdin.close()
    assert client.wait(120) == 0
    return made


def restart(kafka: LocalKafka) -> None:
    """The only broker, which is killed."""
    kafka.kill_node(0)
    time.sleep(2)
    kafka.start_node(0)
    kafka.wait_until_registered(1)


@pytest.mark.usefixtures("connect")
def test_the_rows_of_a_database_are_in_the_lake(lake: Lake) -> None:
    eventually("all orders are in the lake", lambda: lake.kinds("orders") == Counter(I=ROWS), 120)
    eventually("all customers are in the lake", lambda: lake.kinds("customers") == Counter(I=50), 120)


@pytest.mark.long
def test_counts_and_sums_agree_although_a_worker_the_store_and_a_broker_are_killed(
    postgres: LocalPostgres, connect: LocalConnect, lake: Lake, store: S3Server
) -> None:
    made: list[Counter[str]] = []
    changing = threading.Thread(target=lambda: made.append(change(postgres)))
    changing.start()
    eventually("changes arrive", lambda: sum(lake.kinds("orders").values()) > ROWS + 100)
    victim = connect.worker_of("lake")
    victim.kill()
    store.kill()
    # Longer than a commit takes to be tried.
    time.sleep(4)
    store.start()
    restart(connect.kafka)
    changing.join()
    expected = made[0] + Counter(I=ROWS)
    eventually("all changes are in the lake", lambda: lake.kinds("orders") == expected, 240)

    last: dict[int, dict[str, Any]] = {}
    for row in sorted(lake.rows("orders"), key=lambda row: int(row["_cdc"]["offset"])):
        last[row["id"]] = row
    left = {key: row["amount"] for key, row in last.items() if row["_cdc"]["op"] != "D"}
    rows = dict(line.split("|") for line in postgres.sql("select id, amount from orders", "shop"))
    assert {str(key): str(amount) for key, amount in left.items()} == rows
    assert sum(left.values()) == Decimal(postgres.sql("select sum(amount) from orders", "shop")[0])
    connect.start(victim)


def test_no_secret_is_in_a_topic_a_log_or_the_bucket(connect: LocalConnect, store: S3Server) -> None:
    shown = [
        str(records(connect.kafka, each)) for each in ("connect-configs", "connect-status", "connect-control-lake")
    ]
    shown += [each.log for each in connect.members]
    shown += [str(connect.ask(each, "/connectors/lake/config")) for each in connect.members]
    shown += [str(connect.ask(each, "/connectors/lake/tasks")) for each in connect.members]
    metadata = [each for each in store.keys("warehouse/") if each.endswith(".json")]
    assert metadata
    shown += [store.content(each).decode() for each in metadata]
    told = "\n".join(shown)
    for secret in (PASSWORD, LOGIN["AWS_SECRET_ACCESS_KEY"], "-password-of-kafka"):
        assert secret not in told


def test_it_logs_in_as_its_own_user_and_sees_no_other_topic(connect: LocalConnect) -> None:
    user = "connector-lake"
    seen = AdminClient(connect.kafka.client(user, connect.password(user))).list_topics(timeout=60).topics
    assert set(seen) == {*TOPICS, "connect-control-lake", "lake-dead-letters"}
    # What it makes up the names of begins as only it may: no client of it used another login.
    admin = AdminClient(connect.kafka.client())
    found = admin.list_consumer_groups(request_timeout=60).result()
    assert found.errors == []
    groups = {each.group_id for each in found.valid}
    assert {"connect-lake", "connect-lake-coord"} <= groups
    own = [each for each in groups if re.search(r"control|coord", each)]
    assert all(re.fullmatch(r"connect-control\.(lake|clicks)\..+|connect-(lake|clicks)-coord", each) for each in own)


def test_a_record_that_is_no_change_becomes_a_dead_letter(connect: LocalConnect, lake: Lake) -> None:
    before = len(lake.rows("customers"))
    producer = Producer(connect.kafka.client())
    producer.produce(TOPICS[1], b"not JSON", key=b"broken")
    producer.produce(TOPICS[1], b'{"schema": null, "payload": {"id": 7}}', key=b'{"schema": null, "payload": 7}')
    producer.flush(120)
    eventually("both are dead letters", lambda: len(records(connect.kafka, "lake-dead-letters")) == 2)
    assert len(lake.rows("customers")) == before


def test_values_of_other_records_are_rows_too(connect: LocalConnect, lake: Lake) -> None:
    producer = Producer(connect.kafka.client())
    for number in range(100):
        producer.produce(
            "clicks", json.dumps({"page": f"/{number % 7}", "ms": number}).encode(), key=f"visitor-{number}"
        )
    producer.flush(120)
    eventually("all are rows", lambda: len(lake.rows("clicks")) == 100, 120)
    assert {(each["page"], each["ms"]) for each in lake.rows("clicks")} == {(f"/{n % 7}", n) for n in range(100)}


VISITS = 1_000


@pytest.fixture(scope="module")
def trino(postgres: LocalPostgres, connect: LocalConnect, lake: Lake, store: S3Server) -> Iterator[LocalTrino]:
    """A query engine whose logins to the database, the catalog and the bucket may read and nothing else."""
    root = needed_trino()
    eventually("the lake has all rows", lambda: len(lake.rows("customers")) >= 50, 120)
    postgres.sql(f"create role reader login password '{PASSWORD}'")
    postgres.sql("grant select on orders, customers to reader", "shop")
    postgres.sql("grant select on iceberg_tables, iceberg_namespace_properties to reader", "catalog")
    admin = AdminClient(connect.kafka.client())
    admin.create_topics([NewTopic("visits", 1, 1)])["visits"].result(120)
    producer = Producer(connect.kafka.client())
    for number in range(VISITS):
        producer.produce("visits", json.dumps({"customer": f"c{number % 50}"}).encode())
    producer.flush(120)
    address = f"jdbc:postgresql://127.0.0.1:{postgres.port}"
    database = {"username": "reader", "password": PASSWORD}
    with LocalTrino(
        root=root,
        kafka=connect.kafka,
        readers={
            "ann": QueryReader(topics=["visits"], tables=["lake.shop.orders", "shop.public.orders"]),
            "ben": QueryReader(topics=["visits"]),
        },
        sources={
            "lake": QueryLake(
                catalog=QueryDatabase(url=f"{address}/catalog", secret="s"),
                warehouse=f"s3://{BUCKET}/warehouse",
                store=IcebergStore(endpoint=STORE, secret="s"),
            ),
            "shop": QueryDatabase(url=f"{address}/shop", secret="s"),
        },
        secrets={
            "lake": database,
            "lake-store": {"AWS_ACCESS_KEY_ID": "reader", "AWS_SECRET_ACCESS_KEY": PASSWORD},
            "shop": database,
        },
        replaced={STORE: store.url},
    ) as started:
        yield started


@pytest.mark.long
def test_a_topic_a_database_and_the_lake_agree_in_one_query(
    postgres: LocalPostgres, lake: Lake, trino: LocalTrino
) -> None:
    kinds = trino.rows("select _cdc.op, count(*) from lake.shop.orders group by 1 order by 1", "ann")
    assert kinds == [list(each) for each in sorted(lake.kinds("orders").items())]
    [[count, total]] = trino.rows("select count(*), cast(sum(amount) as varchar) from shop.public.orders", "ann")
    assert [f"{count}|{total}"] == postgres.sql("select count(*), sum(amount) from orders", "shop")
    newest = """
        select count(*), sum(d.amount - l.amount) from shop.public.orders d join (
            select id, amount from (select id, amount, _cdc.op as op,
                row_number() over (partition by id order by _cdc.offset desc) as n from lake.shop.orders)
            where n = 1 and op <> 'D'
        ) l on l.id = d.id
    """
    [[joined, difference]] = trino.rows(newest, "ann")
    assert (joined, Decimal(difference)) == (count, Decimal(0))
    visits = """
        select v.customer, count(*) from (
            select cast(json_extract_scalar(message, '$.customer') as varchar) as customer from kafka.topics.visits
        ) v where v.customer in (select customer from shop.public.orders) group by 1 order by 1
    """
    known = postgres.sql("select distinct customer from orders where customer like 'c%'", "shop")
    assert trino.rows(visits, "ann") == [[name, VISITS // 50] for name in sorted(known)]


@pytest.mark.long
@pytest.mark.parametrize(
    ("user", "sql"),
    [
        ("ben", "select * from lake.shop.orders"),
        ("ben", "select * from shop.public.orders"),
        ("ann", "select * from shop.public.customers"),
        ("ann", "select * from lake.shop.customers"),
        ("ann", 'select * from lake.shop."orders$snapshots"'),
        ("ann", "select * from table(shop.system.query(query => 'select * from customers'))"),
        ("ann", "delete from lake.shop.orders"),
        ("ann", "insert into shop.public.orders (customer, amount) values ('x', 1)"),
        ("ann", "drop table lake.shop.orders"),
        ("ann", "call lake.system.unregister_table(schema_name => 'shop', table_name => 'orders')"),
        ("ann", "call shop.system.execute(query => 'drop table orders')"),
        ("ann", "create view lake.shop.mine as select 1 as one"),
    ],
)
def test_what_a_user_may_not_query_is_denied(trino: LocalTrino, user: str, sql: str) -> None:
    assert trino.refusal(sql, user).startswith("Access Denied: ")


@pytest.mark.long
def test_no_login_to_a_database_or_a_bucket_is_shown(trino: LocalTrino) -> None:
    trino.refusal("select custmer from shop.public.orders", "ann")
    assert PASSWORD not in trino.log + trino.rendered
