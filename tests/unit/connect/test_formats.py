"""JSON Schema, Protobuf and Avro through Kafka Connect, by a real schema registry whose certificate is of an authority of its own."""

import contextlib
import json
import socket
import threading
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from confluent_kafka import Producer
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroSerializer
from confluent_kafka.schema_registry.json_schema import JSONDeserializer, JSONSerializer
from confluent_kafka.serialization import MessageField, SerializationContext
from kafka_platform import (
    Connector,
    JdbcSink,
    PostgresSource,
    RecordFormat,
    RegistryRole,
    RegistryTls,
    RegistryUser,
    schema_registry_topics,
    schema_registry_user,
)
from kafka_platform.connect.kinds import SECRETS
from kafka_platform.entities.declarations import declarations
from kafka_platform.kafka.registry import RegistryConnection
from kafka_platform.registry.spec import RegistrySpec
from kafka_platform_runtime.jobs import DONE

from tests.authority import Authority
from tests.connect_process import LocalConnect, needed_plugins, records
from tests.connector_process import HEADER, headers_of, make_topics, read
from tests.harness import eventually
from tests.kafka_process import LocalKafka, needed_jars
from tests.postgres_process import LocalPostgres, needed_postgres
from tests.provisioning import Bench
from tests.registry_process import LocalRegistry, needed_registry
from tests.unit.runtime.gateway.conftest import Program

TABLE = "shop.public.orders"
PASSWORD = "password-of-the-database"
READS = {"copy": TABLE, "payments": "payments", "clicks": "clicks", "invoices": "invoices"}
FORMATS = {
    "copy": (RecordFormat.JSONSCHEMA, None),
    "payments": (RecordFormat.PROTOBUF, RecordFormat.TEXT),
    "clicks": (RecordFormat.JSONSCHEMA, RecordFormat.TEXT),
    "invoices": (RecordFormat.AVRO, RecordFormat.TEXT),
}
USERS = {
    "connector-shop": RegistryUser(role=RegistryRole.DEVELOPER),
    **{f"connector-{name}": RegistryUser() for name in READS},
    "reader": RegistryUser(),
    "writer": RegistryUser(role=RegistryRole.DEVELOPER),
}
PAYMENT = """syntax = "proto3";
package shop;
import "google/protobuf/timestamp.proto";
import "kind.proto";
message Other { string nothing = 1; }
message Payment {
  string customer = 2;
  uint32 cents = 3;
  google.protobuf.Timestamp at = 4;
  Kind kind = 5;
  optional string note = 6;
  bool settled = 7;
}
"""
KIND = 'syntax = "proto3";\npackage shop;\nenum Kind { CARD = 0; CASH = 1; }\nmessage Unit { string name = 1; }'
CLICK = {
    "$schema": "http://json-schema.org/draft-07/schema#",
    "title": "Click",
    "type": "object",
    "properties": {
        "page": {"type": "string"},
        "seconds": {"type": "number"},
        "count": {"type": ["integer", "null"]},
        "origin": {"oneOf": [{"type": "null"}, {"$ref": "#/definitions/Place"}]},
        "tags": {"type": "object"},
    },
    "required": ["page"],
    "definitions": {"Place": {"enum": ["search", "mail"]}},
}
INVOICE = {
    "type": "record",
    "name": "Invoice",
    "fields": [
        {"name": "total", "type": {"type": "bytes", "logicalType": "decimal", "precision": 10, "scale": 2}},
        {"name": "paid", "type": ["null", "boolean"], "default": None},
    ],
}


@pytest.fixture(scope="module")
def postgres() -> Iterator[LocalPostgres]:
    with LocalPostgres(needed_postgres()) as started:
        started.sql(f"create role debezium login replication password '{PASSWORD}'")
        started.sql("create database shop owner debezium")
        started.sql("create database warehouse owner debezium")
        started.sql(
            'create table orders (id bigint primary key, "amount-eur" numeric(12,2), note text, bytes bytea, day date);'
            "alter table orders owner to debezium;"
            "insert into orders select n, n * 1.10, 'ä' || n, '\\xff00', '2026-02-28' from generate_series(1, 100) n",
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
        make_topics(started, "payments", "clicks", "invoices", partitions=1)
        yield started


@pytest.fixture(scope="module")
def registry(kafka: LocalKafka, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalRegistry]:
    with LocalRegistry(
        files=needed_registry(),
        kafka=kafka,
        user="schema-registry",
        password="password-of-the-registry",
        users=USERS,
        spec=RegistrySpec(tls=RegistryTls(certificate="certificate", authority="authority")),
        authority=Authority(tmp_path_factory.mktemp("authority")),
    ) as started:
        yield started


def authority_of(registry: LocalRegistry) -> Path:
    assert registry.authority is not None
    return registry.authority.certificate


class Way:
    """To the registry, closed at first: a port that hands connections on once it is open, and ends them before."""

    def __init__(self, target: int) -> None:
        self.is_open, self.refused = False, 0
        self._target = target
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = self._server.getsockname()[1]
        self._serving = threading.Thread(target=self._serve, daemon=True)
        self._serving.start()

    def close(self) -> None:
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        self._serving.join(60)

    def _serve(self) -> None:
        while True:
            try:
                caller = self._server.accept()[0]
            except OSError:
                return
            if not self.is_open:
                self.refused += 1
                caller.close()
                continue
            other = socket.create_connection(("127.0.0.1", self._target))
            for one, two in ((caller, other), (other, caller)):
                threading.Thread(target=self._hand_on, args=(one, two), daemon=True).start()

    @staticmethod
    def _hand_on(one: socket.socket, two: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while content := one.recv(65536):
                two.sendall(content)
            two.shutdown(socket.SHUT_WR)


@pytest.fixture(scope="module")
def way(registry: LocalRegistry) -> Iterator[Way]:
    made = Way(registry.port)
    yield made
    made.close()


@pytest.fixture(scope="module")
def client(registry: LocalRegistry) -> SchemaRegistryClient:
    login = {"basic.auth.user.info": "writer:writer-password", "ssl.ca.location": str(authority_of(registry))}
    return SchemaRegistryClient({"url": registry.url, **login})


@pytest.fixture(scope="module")
def connect(postgres: LocalPostgres, kafka: LocalKafka, registry: LocalRegistry, way: Way) -> Iterator[LocalConnect]:
    plugins = needed_plugins()
    if not (plugins / "schemas").is_dir():
        pytest.skip("the plugins of Kafka Connect are of an older release: `make connect` fetches them")
    source = PostgresSource(
        host="127.0.0.1", port=postgres.port, database="shop", secret="shop", tables=["public.orders"]
    )
    url = f"jdbc:postgresql://127.0.0.1:{postgres.port}/warehouse"
    connectors = {"shop": Connector(postgres=source, format=RecordFormat.JSONSCHEMA)}
    for name, topic in READS.items():
        values, keys = FORMATS[name]
        sink = JdbcSink(url=url, secret="warehouse", table=name, key_column=None if keys is None else "id")
        connectors[name] = Connector(jdbc=sink, reads=[topic], format=values, keys=keys)
    authority = authority_of(registry).read_text()
    secrets = {
        name: {
            "username": "debezium",
            "password": PASSWORD,
            "registry/username": f"connector-{name}",
            "registry/password": f"connector-{name}-password",
            "registry-ca/ca.crt": authority,
        }
        for name in connectors
    }
    registries = {
        name: RegistryConnection(url=registry.url, secret="login", ca_secret="ca", registers=not each.is_sink)
        for name, each in connectors.items()
    }
    behind = registry.url.replace(f":{registry.port}/", f":{way.port}/")
    registries["invoices"] = replace(registries["invoices"], url=behind)
    with LocalConnect(
        plugins=plugins, kafka=kafka, connectors=connectors, secrets=secrets, registries=registries
    ) as started:
        assert started.apply() == (DONE, "done: 5 applied, 0 unchanged, 0 deleted")
        yield started


def rows(postgres: LocalPostgres, table: str, columns: str, database: str = "warehouse") -> list[str]:
    if postgres.sql(f"select to_regclass('{table}')", database) == [""]:
        return []
    return postgres.sql(f"select {columns} from {table} order by id", database)


def arrive(connect: LocalConnect, postgres: LocalPostgres, table: str, columns: str, expected: list[str]) -> None:
    def seen() -> list[str]:
        return rows(postgres, table, columns)

    try:
        eventually(f"rows of {table}", lambda: seen() == expected, 60)
    except AssertionError:
        told = f"{seen()}\nnot {expected}\n{dead(connect, table)}\n{connect.members[0].log[-2000:]}"
        raise AssertionError(told) from None


def dead(connect: LocalConnect, name: str) -> list[str]:
    """The reasons of a sink's dead letters."""
    return [headers_of(each)[f"{HEADER}exception.message"] for each in read(connect.kafka, f"{name}-dead-letters")]


def write(kafka: LocalKafka, topic: str, *sent: tuple[str, bytes | None]) -> None:
    producer = Producer(kafka.client())
    for key, value in sent:
        producer.produce(topic, value, key)
    assert producer.flush(60) == 0


def register(registry: LocalRegistry, subject: str, kind: str, text: str, *references: str) -> bytes:
    """The beginning of records with this schema."""
    known = [{"name": each, "subject": each, "version": 1} for each in references]
    body = {"schema": text, "schemaType": kind, "references": known}
    status, told = registry.admin("POST", f"/subjects/{subject}/versions", body)
    assert status == 200, told
    return b"\x00" + int(told["id"]).to_bytes(4)


def test_a_table_reaches_a_second_database_in_json_schema_also_when_it_gets_a_column(
    postgres: LocalPostgres, connect: LocalConnect, client: SchemaRegistryClient
) -> None:
    columns = 'id, "amount-eur", note, bytes, day'
    arrive(connect, postgres, "copy", columns, rows(postgres, "orders", columns, "shop"))
    postgres.sql(
        "alter table orders add column discount int; insert into orders values (1000, 1.10, null, null, null, 7);"
        'delete from orders where id <= 10; update orders set "amount-eur" = 0.01 where id = 11;',
        "shop",
    )
    arrive(connect, postgres, "copy", columns, rows(postgres, "orders", columns, "shop"))
    assert postgres.sql("select discount from copy where id = 1000", "warehouse") == ["7"]
    assert postgres.sql("select count(*) from copy", "warehouse") == ["91"]
    assert {f"{TABLE}-key", f"{TABLE}-value"} <= set(client.get_subjects())
    assert len(client.get_versions(f"{TABLE}-value")) == 2
    text = str(client.get_latest_version(f"{TABLE}-value").schema.schema_str)
    values = [each for _, each in records(connect.kafka, TABLE) if each is not None]
    deserializer = JSONDeserializer(text)  # which validates
    assert all(deserializer(each, SerializationContext(TABLE, MessageField.VALUE)) for each in values)


def test_protobuf_with_references_reaches_a_table_and_what_does_not_fit_the_dead_letters(
    postgres: LocalPostgres, connect: LocalConnect, registry: LocalRegistry
) -> None:
    register(registry, "kind.proto", "PROTOBUF", KIND)
    number = register(registry, "payments-value", "PROTOBUF", PAYMENT, "kind.proto")
    json_number = register(registry, "else-value", "JSON", json.dumps(CLICK))
    second = b"\x02\x02"  # one index: the second message of the file
    full = b"\x12\x03ann\x18\xff\xff\xff\xff\x0f\x22\x05\x08\x80\xe8\x92\x26\x28\x01\x32\x00\x38\x01"
    write(
        connect.kafka,
        "payments",
        ("a", number + second + full),
        ("b", number + second),
        ("x", b'{"customer": "not of Protobuf"}'),
        ("y", number + second + b"\x12\x7f"),
        ("z", json_number + b"{}"),
        ("w", b"\x00\x00\x00\xff\xff\x00"),
        ("v", number + b"\x02\x0a"),
        ("c", number + second + full),
    )
    columns = "id, customer, cents, extract(epoch from at)::bigint, kind, note is null, settled"
    expected = ["a|ann|4294967295|80000000|CASH|f|t", "b||0||CARD|t|f", "c|ann|4294967295|80000000|CASH|f|t"]
    arrive(connect, postgres, "payments", columns, expected)
    eventually("dead letters", lambda: len(dead(connect, "payments")) == 5, 90)
    assert postgres.sql("select count(*) from payments", "warehouse") == ["3"]


def test_json_schema_of_others_reaches_a_table(
    postgres: LocalPostgres, connect: LocalConnect, client: SchemaRegistryClient, registry: LocalRegistry
) -> None:
    write_json = JSONSerializer(json.dumps(CLICK), client)
    context = SerializationContext("clicks", MessageField.VALUE)
    full = write_json(
        {"page": "/", "seconds": 1.5, "count": 2**40, "origin": "mail", "tags": {"a": [1]}, "more": 1}, context
    )
    assert full is not None
    header = full[:5]
    write(
        connect.kafka,
        "clicks",
        ("a", full),
        ("b", write_json({"page": "/b", "count": None}, context)),
        ("x", header + b'{"page": 5}'),
        ("y", header + b'{"seconds": 1}'),
        ("z", header + b'{"page": "/", "count": 1.5}'),
        ("w", header + b'{"page": "/"'),
    )
    columns = "id, page, seconds, count, origin, tags"
    arrive(connect, postgres, "clicks", columns, ['a|/|1.5|1099511627776|mail|{"a":[1]}', "b|/b||||"])
    eventually("dead letters", lambda: len(dead(connect, "clicks")) == 4, 90)


def test_while_the_registry_is_away_records_wait_and_none_is_a_dead_letter(
    postgres: LocalPostgres, connect: LocalConnect, client: SchemaRegistryClient, way: Way
) -> None:
    write_avro = AvroSerializer(client, json.dumps(INVOICE))
    value = write_avro({"total": Decimal("12.30"), "paid": True}, SerializationContext("invoices", MessageField.VALUE))
    write(connect.kafka, "invoices", ("a", value))
    eventually("the registry is asked again", lambda: way.refused >= 2, 60)
    assert rows(postgres, "invoices", "id") == []
    way.is_open = True
    arrive(connect, postgres, "invoices", "id, total, paid", ["a|12.30|t"])
    assert dead(connect, "invoices") == []


def test_the_gateway_trusts_that_authority_too(
    connect: LocalConnect, registry: LocalRegistry, client: SchemaRegistryClient, tmp_path: Path
) -> None:
    for name, content in (("username", "reader"), ("password", "reader-password")):
        (tmp_path / name).write_text(content)
    known = {"url": registry.url, "login": str(tmp_path)}
    accept = {"accept": "application/vnd.kafka.avro.v2+json"}
    replies = []
    for file in ({"caFile": str(authority_of(registry))}, {}):
        program = Program(connect.kafka, tmp_path, {"registry": known | file}).wait()
        try:
            replies.append(program.ask("GET", "/topics/invoices/records", headers=accept))
        finally:
            program.kill()
    assert replies[0].status == 200, replies[0].body
    assert replies[0].json()["records"][0]["value"]["paid"] == {"boolean": True}
    # Without the authority no schema is read.
    assert replies[1].status != 200 or "paid" not in str(replies[1].body)


def test_no_login_of_the_registry_is_in_a_topic_an_answer_or_a_log(connect: LocalConnect) -> None:
    shown = [str(records(connect.kafka, f"connect-{part}")) for part in ("configs", "offsets", "status")]
    [worker] = connect.members
    shown += [worker.log, json.dumps(connect.ask(worker, "/connectors?expand=info&expand=status"))]
    text = "\n".join(shown)
    assert f"{SECRETS}/shop/registry" in text or "registry:password" in text
    for name in ("shop", *READS):
        assert f"connector-{name}-password" not in text.replace(f"connector-{name}-password-of-kafka", "")
