"""Tables that follow from schemas of Avro: their columns, their format, and what a stack says of them."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from kafka_platform import RegistryConnection, StreamJobArgs, StreamTable
from kafka_platform.streams.avro import columns_of, written_of
from kafka_platform.streams.objects import objects
from kafka_platform.streams.reading import read
from kafka_platform.streams.spec import StreamFormat
from kafka_platform.streams.types import check_type

from infra.platform import Platform
from infra.settings.faults import SettingsError
from infra.settings.parsing import parse
from tests.unit.components.graph import run
from tests.unit.settings.test_rendered import COMMON
from tests.unit.streams.test_objects import ARGS, settings
from tests.unit.test_platform import EMBEDDED, KUBECONFIG

ORDER: dict[str, Any] = {
    "type": "record",
    "name": "Order",
    "namespace": "shop",
    "fields": [
        {"name": "customer", "type": "string"},
        {"name": "amount", "type": {"type": "bytes", "logicalType": "decimal", "precision": 10, "scale": 2}},
        {"name": "at", "type": {"type": "long", "logicalType": "timestamp-millis"}},
        {"name": "state", "type": {"type": "enum", "name": "State", "symbols": ["NEW"]}},
    ],
}
COUNTS = {"columns": ["customer STRING", "n BIGINT"]}
AVRO = StreamTable(columns=["id STRING", "amount DOUBLE", "at BIGINT"], format=StreamFormat.AVRO)


def columns(kind: Any) -> tuple[list[str], dict[str, str]]:
    found = columns_of(json.dumps({"type": "record", "name": "R", "fields": [{"name": "f", "type": kind}]}))
    return found.columns, dict(found.left_out)


@pytest.mark.parametrize(
    ("kind", "shown"),
    [
        ("string", "STRING"),
        (["null", "int"], "INT"),
        ({"type": "string"}, "STRING"),
        ({"type": "string", "logicalType": "uuid"}, "STRING"),
        ({"type": "int", "logicalType": "date"}, "DATE"),
        ({"type": "long", "logicalType": "timestamp-millis"}, "TIMESTAMP(3)"),
        ({"type": "long", "logicalType": "timestamp-micros"}, "BIGINT"),
        ({"type": "bytes", "logicalType": "decimal", "precision": 38}, "DECIMAL(38, 0)"),
        ({"type": "map", "values": ["null", "double"]}, "MAP<STRING, DOUBLE>"),
        ({"type": "array", "items": {"type": "record", "name": "L", "fields": [{"name": "n", "type": "int"}]}}, "ARRAY<ROW<`n` INT>>"),
    ],
)  # fmt: skip
def test_a_type(kind: Any, shown: str) -> None:
    assert columns(kind) == ([f"f {shown}"], {})
    check_type(shown)


@pytest.mark.parametrize(
    ("kind", "why"),
    [
        (["string", "int"], "is of one of several types"),
        ({"type": "enum", "name": "E", "symbols": ["A"]}, "is of the type enum, which Flink does not read"),
        ({"type": "fixed", "name": "F", "size": 4}, "is of the type fixed, which Flink does not read"),
        ("shop.Missing", "is of the type 'shop.Missing'"),
        (["null", "R"], "is nested too deeply, or in itself"),
        ({"type": "bytes", "logicalType": "decimal", "precision": 60}, "has more than 38 digits"),
        (3, "has no type"),
    ],
)
def test_a_type_that_no_column_has(kind: Any, why: str) -> None:
    assert columns(kind) == ([], {"f": why})


def test_a_type_of_another_file() -> None:
    other = json.dumps(
        {"type": "record", "name": "Customer", "namespace": "shop", "fields": [{"name": "id", "type": "long"}]}
    )
    schema = {**ORDER, "fields": [{"name": "by", "type": "Customer"}]}
    assert columns_of(json.dumps(schema), [other]).columns == ["by ROW<`id` BIGINT>"]


@pytest.mark.parametrize("text", ["", "3", '"string"', "[", '{"type": "enum", "name": "E", "symbols": []}'])
def test_what_is_no_record_is_no_table(text: str) -> None:
    with pytest.raises(ValueError, match="is no "):
        columns_of(text)


def written(kind: Any) -> str:
    return written_of(json.dumps({"type": "record", "name": "R", "fields": [{"name": "f", "type": kind}]}))["f"]


@pytest.mark.parametrize(
    ("kind", "shown"),
    [
        ("string", "STRING NOT NULL"),
        (["null", "int"], "INT"),
        (["double", "null"], "DOUBLE"),
        ({"type": "string", "logicalType": "uuid"}, "STRING NOT NULL"),
        ({"type": "int", "logicalType": "date"}, "DATE NOT NULL"),
        ({"type": "long", "logicalType": "timestamp-millis"}, "TIMESTAMP(3) NOT NULL"),
        ({"type": "long", "logicalType": "timestamp-micros"}, "TIMESTAMP(6) NOT NULL"),
        ({"type": "bytes", "logicalType": "decimal", "precision": 10, "scale": 2}, "DECIMAL(10, 2) NOT NULL"),
        ({"type": "map", "values": ["null", "double"]}, "MAP<STRING NOT NULL, DOUBLE> NOT NULL"),
        (
            {"type": "array", "items": {"type": "record", "name": "L", "fields": [{"name": "n", "type": "int"}]}},
            "ARRAY<ROW<`n` INT NOT NULL> NOT NULL> NOT NULL",
        ),
    ],
)
def test_the_type_of_a_column_that_is_written(kind: Any, shown: str) -> None:
    assert written(kind) == shown


@pytest.mark.parametrize(
    ("kind", "why"),
    [
        (
            {"type": "enum", "name": "E", "symbols": ["A"]},
            "its field 'f' is of the type enum, which Flink does not write",
        ),
        ({"type": "fixed", "name": "F", "size": 4}, "is of the type fixed, which Flink does not write"),
        ({"type": "int", "logicalType": "time-millis"}, "is of the type time-millis, which Flink does not write"),
        (["null", "string", "int"], "is of one of several types"),
        (["string"], "is of one of several types"),
        ("shop.Missing", "is of the type 'shop.Missing', which another file defines"),
        (["null", "R"], "is nested too deeply, or in itself"),
    ],
)
def test_a_field_that_cannot_be_written_is_named(kind: Any, why: str) -> None:
    with pytest.raises(ValueError, match=re.escape(why)):
        written(kind)


TWO = {
    "type": "record",
    "name": "Two",
    "doc": "it's",
    "fields": [{"name": "id", "type": "string"}, {"name": "n", "type": ["null", "long"]}],
}
SUM: dict[str, Any] = {
    "type": "record",
    "name": "Sum",
    "fields": [
        {"name": "customer", "type": "string"},
        {"name": "amount", "type": ["null", "double"], "default": None},
        {"name": "n", "type": "long"},
    ],
}
WRITTEN = {
    "orders": StreamTable(columns=["customer STRING", "amount DOUBLE"]),
    "sums": StreamTable(format=StreamFormat.AVRO, schema=json.dumps(SUM)),
}


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        (
            "INSERT INTO sums SELECT customer, amount FROM orders",
            "line 1, column 18: it selects 2 columns, and 'sums' has 3: customer, amount, n",
        ),
        (
            "INSERT INTO sums SELECT customer, ARRAY[1, 2], MAX(a, b), 1 FROM orders",
            "it selects 4 columns, and 'sums' has 3",
        ),
        ("INSERT INTO sums (customer, amount) SELECT customer, amount FROM orders", "column 13: 'n' is missing"),
        ("INSERT INTO sums (customer, m, n) SELECT customer, amount, 1 FROM orders", "'m' is not a column of 'sums'"),
    ],
)
def test_what_does_not_fit_the_schema_is_refused(sql: str, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        read(sql, WRITTEN)


@pytest.mark.parametrize(
    "sql",
    [
        "INSERT INTO sums SELECT customer, amount, 1 FROM orders",
        "INSERT INTO sums (n, customer) SELECT 1, customer FROM orders",
        "INSERT INTO sums SELECT * FROM (SELECT customer, amount, 1 AS n FROM orders)",
        "INSERT INTO sums SELECT customer, amount IS DISTINCT FROM 3, COUNT(*) FROM orders",
        "INSERT INTO sums WITH x AS (SELECT customer FROM orders) SELECT customer, 1, 2 FROM x",
        "INSERT INTO sums SELECT o.* FROM orders o",
    ],
)
def test_what_may_fit_the_schema_is_left_to_flink(sql: str) -> None:
    assert read(sql, WRITTEN).sinks == ["sums"]


class TestObjects:
    REGISTRY = RegistryConnection(url="http://schemas:8085", secret="stream-minutes-registry", namespace="streaming")

    def manifests(self) -> dict[str, Any]:
        made = settings(tables=ARGS["tables"] | {"orders": AVRO})
        with_registry = type(made)(**{**vars(made), "registry": self.REGISTRY})
        return {each.role: each.manifest for each in objects(with_registry)}

    def test_the_password_is_a_file_of_the_pods_that_read(self) -> None:
        found = self.manifests()
        script = found["config"]["data"]["job.sql"]
        assert "'format' = 'avro-confluent'" in script
        assert "'avro-confluent.url' = 'http://schemas:8085'" in script
        assert "'avro-confluent.basic-auth.credentials-source' = 'SASL_INHERIT'" in script
        for role in ("tasks", "manager"):
            pod = found[role]["spec"]["template"]["spec"]
            secret = next(each["secret"] for each in pod["volumes"] if each["name"] == "registry")
            assert secret["items"] == [{"key": "jaas.conf", "path": "jaas.conf"}]
            option = "-Djava.security.auth.login.config=/etc/kafka-platform/registry/jaas.conf"
            assert option in pod["containers"][0]["command"]
        keeper = found["manager"]["spec"]["template"]["spec"]["containers"][1]
        assert [each["name"] for each in keeper["volumeMounts"]] == ["turn"]

    def test_flink_writes_by_a_relay_and_has_no_login(self) -> None:
        sums = {"orders": AVRO, "it-s.sums": StreamTable(format=StreamFormat.AVRO, schema=json.dumps(TWO))}
        made = settings(tables=ARGS["tables"] | sums)
        made = type(made)(**{**vars(made), "registry": self.REGISTRY})
        found = {each.role: each.manifest for each in objects(made)}
        script = found["config"]["data"]["job.sql"]
        assert script.count("'avro-confluent.url' = 'http://127.0.0.1:8085'") == 2
        assert "SASL_INHERIT" not in script
        assert "  `id` STRING NOT NULL,\n  `n` BIGINT,\n" in script
        assert "'avro-confluent.schema' = '{" in script
        tasks, manager = (found[role]["spec"]["template"]["spec"] for role in ("tasks", "manager"))
        flink, relay = tasks["containers"]
        assert {each["name"]: each["value"] for each in relay["env"]} == {
            "RELAY_HEALTH_PORT": "9406",
            "RELAY_LOGIN": "/etc/kafka-platform/registry",
            "RELAY_PORT": "8085",
            "RELAY_URL": "http://schemas:8085",
        }
        assert [each["name"] for each in relay["volumeMounts"]] == ["registry"]
        for container in (flink, *manager["containers"]):
            assert "registry" not in {each["name"] for each in container["volumeMounts"]}
        assert "registry" not in {each["name"] for each in manager["volumes"]}

    def test_its_pods_reach_the_registry(self) -> None:
        rules = self.manifests()["network"]["spec"]["egress"]
        assert 8085 in {port["port"] for rule in rules for port in rule.get("ports", ())}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"tables": ARGS["tables"] | {"orders": AVRO}}, "registry: missing: tables in Avro need the registry"),
        (
            {"registry": RegistryConnection(url="https://r.example.com", ca_secret="authority")},
            "registry: ca_secret: stream jobs trust public authorities alone",
        ),
        ({"tables": ARGS["tables"] | {"orders": StreamTable()}}, "tables: orders: columns: missing"),
        (
            {
                "tables": ARGS["tables"]
                | {"it-s.sums": StreamTable(columns=["id STRING", "n BIGINT"], format=StreamFormat.AVRO)}
            },
            "sql: line 1, column 13: 'it-s.sums' has records in Avro: write the schema that they are to have in schema",
        ),
    ],
)
def test_a_misuse_names_the_field(given: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        StreamJobArgs(**(ARGS | given))


TABLE = {"orders": StreamTable(columns=["customer STRING", "amount DOUBLE"]), "sums": StreamTable(columns=["c STRING"])}


@pytest.mark.parametrize(
    ("sql", "place"),
    [
        ("INSERT INTO sums SELECT custmer FROM orders", "line 1, column 25: 'custmer'"),
        ("INSERT INTO sums SELECT customer FROM orders\nWHERE amont > 3 AND true", "line 2, column 7: 'amont'"),
        ("INSERT INTO sums SELECT MAX(customr) FROM orders AS o", "line 1, column 29: 'customr'"),
    ],
)
def test_a_column_that_is_misspelt(sql: str, place: str) -> None:
    with pytest.raises(ValueError, match=f"{re.escape(place)} is not a column: did you mean"):
        read(sql, TABLE)


@pytest.mark.parametrize(
    "sql",
    [
        "INSERT INTO sums (c) SELECT customer FROM orders",
        "INSERT INTO sums SELECT customer AS custmer FROM orders GROUP BY customer, custmer",
        "INSERT INTO sums SELECT customer custmer FROM orders",
        "INSERT INTO sums SELECT amounts(customer) FROM orders",
        "INSERT INTO sums SELECT customer FROM orders WHERE event_time > CURRENT_TIMESTAMP - INTERVAL '1' DAY",
        "INSERT INTO sums SELECT window_start FROM TABLE(TUMBLE(DATA => TABLE orders, TIMECOL => DESCRIPTOR(event_time), SIZE => INTERVAL '1' DAYS))",
        "INSERT INTO sums SELECT c FROM (SELECT customer AS c, amount AS amont FROM orders) WHERE amont > 1",
        "INSERT INTO sums SELECT customer FROM orders customers WHERE customers.amount > 1",
    ],
)
def test_what_may_be_something_else_is_left_to_flink(sql: str) -> None:
    assert read(sql, TABLE).sources == ["orders"]


class TestStacks:
    def raw(self, folder: Path, sql: str, *, schema: Any = ORDER, **stream: Any) -> dict[str, Any]:
        (folder / "job.sql").write_text(sql)
        (folder / "order.avsc").write_text(json.dumps(schema))
        return {
            **EMBEDDED,
            "topics": {"orders": {"value": "order.avsc"}, "counts": {}},
            "tenants": COMMON["tenants"],
            "storage": COMMON["storage"],
            "registry": {},
            "streams": {"minutes": {"sql": "job.sql", "tables": {"counts": COUNTS}} | stream},
        }

    def refused(self, folder: Path, sql: str, **given: Any) -> str:
        with pytest.raises(SettingsError) as caught:
            parse(self.raw(folder, sql, **given), folder)
        return str(caught.value)

    def test_sql_begins_with_insert(self, tmp_path: Path) -> None:
        raw = self.raw(tmp_path, "INSERT INTO counts SELECT customer, COUNT(*) FROM orders GROUP BY customer")
        found = run(lambda: Platform(parse(raw, tmp_path), KUBECONFIG) and None)
        script = found["ConfigMap stream-minutes-config"].inputs["data"]["job.sql"]
        assert "`customer` STRING,\n  `amount` DECIMAL(10, 2),\n  `at` TIMESTAMP(3),\n  `event_time`" in script
        assert "'avro-confluent.url' = 'http://schema-registry.streaming.svc" in script
        assert any(name.startswith("Secret") and "stream-minutes" in name and "registry" in name for name in found)

    def test_an_unknown_column_names_file_line_and_the_near_miss(self, tmp_path: Path) -> None:
        said = self.refused(tmp_path, "INSERT INTO counts SELECT o.custmer, 1 FROM orders AS o")
        assert "job.sql, line 1, column 29: 'custmer' is not a column of 'orders': did you mean 'customer'?" in said

    def test_a_field_that_is_no_column_is_named_with_the_reason(self, tmp_path: Path) -> None:
        said = self.refused(tmp_path, "INSERT INTO counts SELECT o.state, 1 FROM orders AS o")
        assert "(orders.state is of the type enum, which Flink does not read)" in said

    def test_an_unknown_topic_names_the_near_miss(self, tmp_path: Path) -> None:
        said = self.refused(tmp_path, "INSERT INTO counts SELECT customer, 1 FROM ordrs")
        assert "'ordrs' is not a topic under tables: did you mean 'orders'?" in said

    def test_time_of_a_schemas_table(self, tmp_path: Path) -> None:
        sql = "INSERT INTO counts SELECT customer, 1 FROM orders"
        said = self.refused(tmp_path, sql, tables={"counts": COUNTS, "orders": {"time": "customer"}})
        assert "'customer' is of type STRING: use a BIGINT, TIMESTAMP(3) or TIMESTAMP_LTZ(3)" in said

    def test_columns_besides_a_schema(self, tmp_path: Path) -> None:
        sql = "INSERT INTO counts SELECT customer, 1 FROM orders"
        said = self.refused(tmp_path, sql, tables={"counts": COUNTS, "orders": {"columns": ["customer STRING"]}})
        assert "streams.minutes.tables.orders.columns: follow from the schema of the topic: remove the key" in said

    def test_a_topic_with_a_schema_is_written(self, tmp_path: Path) -> None:
        raw = self.raw(tmp_path, "INSERT INTO sums SELECT customer, CAST(amount AS DOUBLE), 1 FROM orders", tables={})
        (tmp_path / "sum.avsc").write_text(json.dumps(SUM))
        raw["topics"]["sums"] = {"value": "sum.avsc"}
        found = run(lambda: Platform(parse(raw, tmp_path), KUBECONFIG) and None)
        script = found["ConfigMap stream-minutes-config"].inputs["data"]["job.sql"]
        assert "`customer` STRING NOT NULL,\n  `amount` DOUBLE,\n  `n` BIGINT NOT NULL,\n  `event_time`" in script
        users = json.loads(found["ConfigMap kafka-declarations"].inputs["data"]["user.stream-minutes"])
        assert ("topic", "sums") in {(each["resource"], each["name"]) for each in users["acls"]}

    def test_a_schema_that_jobs_cannot_write_names_file_line_and_field(self, tmp_path: Path) -> None:
        said = self.refused(tmp_path, "INSERT INTO orders SELECT customer, 1, 2, 3 FROM orders")
        assert (
            "job.sql, line 1, column 13: the schema of 'orders' cannot be written: its field 'state' is of the type enum"
            in said
        )
