"""Avro by a real schema registry: a table's changes in a topic, read by a second database, by Confluent's client and over HTTP."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer
from confluent_kafka.serialization import MessageField, SerializationContext
from kafka_platform import (
    Connector,
    JdbcSink,
    PostgresSource,
    RecordFormat,
    RegistryRole,
    RegistryUser,
    schema_registry_topics,
    schema_registry_user,
)
from kafka_platform.entities.declarations import declarations
from kafka_platform.kafka.registry import RegistryConnection
from kafka_platform.registry.objects import API
from kafka_platform_runtime.jobs import DONE

from tests.connect_process import LocalConnect, needed_plugins, records
from tests.harness import eventually
from tests.kafka_process import LocalKafka, needed_jars
from tests.postgres_process import LocalPostgres, needed_postgres
from tests.provisioning import Bench
from tests.registry_process import LocalRegistry, needed_registry
from tests.unit.runtime.gateway.conftest import Program

TOPIC = "shop-eu.public.orders"
PASSWORD = "password-of-the-database"
SOURCE, SINK = "connector-shop-eu", "connector-warehouse"
USERS = {SOURCE: RegistryUser(role=RegistryRole.DEVELOPER), SINK: RegistryUser(), "reader": RegistryUser()}
ROWS = 200


@pytest.fixture(scope="module")
def postgres() -> Iterator[LocalPostgres]:
    with LocalPostgres(needed_postgres()) as started:
        started.sql(f"create role debezium login replication password '{PASSWORD}'")
        started.sql("create database shop owner debezium; ")
        started.sql("create database warehouse owner debezium")
        started.sql(
            'create table orders (id bigint primary key, "amount-eur" numeric(12,2), note text); alter table orders owner to debezium;'
            f"insert into orders select n, n * 1.25, 'ä' || n from generate_series(1, {ROWS}) n",
            "shop",
        )
        yield started


@pytest.fixture(scope="module")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalKafka]:
    needed_registry()
    with LocalKafka(jars=needed_jars()) as started:
        bench = Bench(started, tmp_path_factory.mktemp("provisioner"), "registry")
        declared = declarations(schema_registry_topics(), {"schema-registry": schema_registry_user()}, 1)
        bench.files = {name: json.loads(text) for name, text in declared.items()}
        bench.passwords = {"schema-registry": "password-of-the-registry"}
        bench.apply()
        yield started


@pytest.fixture(scope="module")
def registry(kafka: LocalKafka) -> Iterator[LocalRegistry]:
    with LocalRegistry(
        files=needed_registry(), kafka=kafka, user="schema-registry", password="password-of-the-registry", users=USERS
    ) as started:
        yield started


@pytest.fixture(scope="module")
def connect(postgres: LocalPostgres, kafka: LocalKafka, registry: LocalRegistry) -> Iterator[LocalConnect]:
    plugins = needed_plugins()
    if not (plugins / "schemas").is_dir():
        pytest.skip("the plugins of Kafka Connect are of an older release: `make connect` fetches them")
    connectors = {
        "shop-eu": Connector(
            postgres=PostgresSource(
                host="127.0.0.1", port=postgres.port, database="shop", secret="s", tables=["public.orders"]
            ),
            format=RecordFormat.AVRO,
        ),
        "warehouse": Connector(
            jdbc=JdbcSink(
                url=f"jdbc:postgresql://127.0.0.1:{postgres.port}/warehouse", secret="warehouse", table="orders"
            ),
            reads=[TOPIC],
            format=RecordFormat.AVRO,
        ),
    }
    login = {"username": "debezium", "password": PASSWORD}
    secrets = {
        name: login | {"registry/username": f"connector-{name}", "registry/password": f"connector-{name}-password"}
        for name in connectors
    }
    registries = {
        name: RegistryConnection(url=registry.url, secret="login", registers=not each.is_sink)
        for name, each in connectors.items()
    }
    with LocalConnect(
        plugins=plugins, kafka=kafka, connectors=connectors, secrets=secrets, registries=registries
    ) as started:
        assert started.apply() == (DONE, "done: 2 applied, 0 unchanged, 0 deleted")
        yield started


def rows(postgres: LocalPostgres, database: str) -> list[str]:
    there = postgres.sql("select to_regclass('orders')", database) != [""]
    return postgres.sql('select id, "amount-eur", note from orders order by id', database) if there else []


def copied(postgres: LocalPostgres) -> list[str]:
    """The second database has the columns by the names that Avro allows."""
    there = postgres.sql("select to_regclass('orders')", "warehouse") != [""]
    return postgres.sql("select id, amount_eur, note from orders order by id", "warehouse") if there else []


def test_a_table_reaches_a_second_database_in_avro_also_when_it_gets_a_column(
    postgres: LocalPostgres, connect: LocalConnect
) -> None:
    eventually("all rows are there", lambda: copied(postgres) == rows(postgres, "shop"), 120)
    postgres.sql(
        "alter table orders add column discount int; insert into orders values (1000, 1.10, 'new', 7);"
        'delete from orders where id <= 10; update orders set "amount-eur" = 0.01 where id = 11;',
        "shop",
    )
    eventually("all changes are there", lambda: copied(postgres) == rows(postgres, "shop"), 120)
    assert postgres.sql("select discount from orders where id = 1000", "warehouse") == ["7"]


def test_records_have_schemas_that_confluents_client_reads(connect: LocalConnect, registry: LocalRegistry) -> None:
    client = SchemaRegistryClient({"url": registry.url, "basic.auth.user.info": "reader:reader-password"})
    read = AvroDeserializer(client)
    values = [each for _, each in records(connect.kafka, TOPIC) if each is not None]
    assert {each[0] for each in values} == {0}
    events: list[Any] = [read(each, SerializationContext(TOPIC, MessageField.VALUE)) for each in values]
    found = next(each for each in events if each["after"] is not None and each["after"]["id"] == 1)
    assert str(found["after"]["amount_eur"]) == "1.25"
    assert found["after"]["note"] == "ä1"
    assert {f"{TOPIC}-key", f"{TOPIC}-value"} <= set(client.get_subjects())


def test_over_http_they_are_json(connect: LocalConnect, registry: LocalRegistry, tmp_path: Path) -> None:
    for name, content in (("username", "reader"), ("password", "reader-password")):
        (tmp_path / name).write_text(content)
    program = Program(connect.kafka, tmp_path, {"registry": {"url": registry.url, "login": str(tmp_path)}}).wait()
    try:
        accept = {"accept": "application/vnd.kafka.avro.v2+json"}
        reply = program.ask("GET", f"/topics/{TOPIC}/records", headers=accept)
        assert reply.status == 200, reply.body
        first = reply.json()["records"][0]
    finally:
        program.kill()
    assert "format" not in first, first
    assert set(first["key"]) == {"id"}
    assert first["value"]["op"] == "r"
    assert first["value"]["after"] is not None


def test_a_source_changes_no_schema_of_another_and_a_sink_registers_none(
    connect: LocalConnect, registry: LocalRegistry
) -> None:
    text = {"schema": json.dumps({"type": "record", "name": "Other", "fields": []})}
    assert registry.admin("POST", "/subjects/other-value/versions", text)[0] == 200
    changed = {"schema": json.dumps({"type": "string"})}
    assert registry.ask("POST", f"{API}/subjects/other-value/versions", SOURCE, changed)[0] == 403
    assert registry.ask("POST", f"{API}/subjects/{TOPIC}-value/versions", SINK, changed)[0] == 403


def test_no_login_of_the_registry_is_in_a_topic_an_answer_or_a_log(connect: LocalConnect) -> None:
    shown = [str(records(connect.kafka, f"connect-{part}")) for part in ("configs", "offsets", "status")]
    [worker] = connect.members
    shown += [worker.log, json.dumps(connect.ask(worker, "/connectors?expand=info&expand=status"))]
    assert f"{SOURCE}-password" not in "\n".join(shown)
    assert f"{SINK}-password" not in "\n".join(shown)
