"""Stream jobs over topics in Avro: their tables follow from the schemas, and their records from the registry and for it."""

import base64
import io
import json
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from typing import Any

import fastavro
import pytest

from sandbox.pins import FLINK_IMAGE, OBJECT_STORE_IMAGE, REGISTRY_IMAGE
from tests.e2e.conftest import MakeStack
from tests.harness import ROOT, Stack, client_pod, eventually, forwarded, get, in_pod, kubectl
from tests.s3_process import needed_versitygw
from tests.sandbox_cache import needed_layer

pytestmark = pytest.mark.long
NAMESPACE = "e2e-stream-schemas"
FOLDER = ROOT / "stacks" / NAMESPACE
ORDERS = 500
SCHEMA: dict[str, Any] = {
    "type": "record",
    "name": "Order",
    "namespace": "shop",
    "fields": [
        {"name": "customer", "type": "string"},
        {"name": "amount", "type": {"type": "bytes", "logicalType": "decimal", "precision": 10, "scale": 2}},
        {"name": "at", "type": {"type": "long", "logicalType": "timestamp-millis"}},
        {"name": "note", "type": ["null", "string"], "default": None},
        {"name": "lines", "type": {"type": "array", "items": {"type": "record", "name": "Line", "fields": [
            {"name": "item", "type": "string"}, {"name": "count", "type": "int"}]}}},
        {"name": "state", "type": {"type": "enum", "name": "State", "symbols": ["NEW", "PAID"]}},
    ],
}  # fmt: skip
SQL = """\
INSERT INTO big
SELECT customer, amount, note, lines[1].item AS item, `at` FROM orders WHERE amount >= 100;
"""
COPY: dict[str, Any] = {
    "type": "record",
    "name": "Copy",
    "namespace": "shop",
    "doc": "it's written by a job",
    "fields": [
        SCHEMA["fields"][0],
        {"name": "amount", "type": ["null", SCHEMA["fields"][1]["type"]], "default": None},
        SCHEMA["fields"][2],
        {"name": "note", "type": ["string", "null"]},
        {"name": "tags", "type": {"type": "array", "items": "string"}},
        {"name": "line", "type": {"type": "record", "name": "Of", "fields": [{"name": "count", "type": ["null", "int"]}]}},
    ],
}  # fmt: skip
COPIES = """\
INSERT INTO copies
SELECT customer, amount, `at`, note, ARRAY['big', customer], ROW(lines[1].`count`) FROM orders WHERE amount >= 100;
"""
PLATFORM: dict[str, Any] = {
    "namespace": NAMESPACE,
    "kafka": {"engine": "embedded", "nodes": 1, "storage": "1Gi"},
    "topics": {
        "orders": {"partitions": 2, "value": f"{NAMESPACE}/order.avsc"},
        "big": {"partitions": 1},
        "copies": {"partitions": 1, "value": f"{NAMESPACE}/copy.avsc"},
    },
    "registry": {"pods": 1},
    "tenants": {"shop": {"users": {"app": {"writes": ["orders"], "reads": ["big", "copies"], "groups": ["app-*"]}}}},
    "storage": {"install": True, "size": "1Gi"},
    "streams": {
        "copies": {"sql": f"{NAMESPACE}/copies.sql", "checkpoints": "2s", "tables": {"copies": {"key": "customer"}}},
        "big": {
            "sql": f"{NAMESPACE}/big.sql",
            "checkpoints": "2s",
            "tables": {
                "big": {
                    "columns": [
                        "customer STRING",
                        "amount DECIMAL(10, 2)",
                        "note STRING",
                        "item STRING",
                        "at TIMESTAMP(3)",
                    ],
                    "key": "customer",
                }
            },
        },
    },
}
WRITE = """
import base64, decimal, fastavro, io, json, struct, sys, urllib.request
from pathlib import Path
from confluent_kafka import Producer
url, login, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
config = dict(line.split("=", 1) for line in Path("/etc/kafka-client/librdkafka.conf").read_text().splitlines() if "=" in line)
request = urllib.request.Request(url + "/subjects/orders-value/versions/latest", headers={"Authorization": "Basic " + login})
latest = json.load(urllib.request.urlopen(request, timeout=60))
schema = fastavro.parse_schema(json.loads(latest["schema"]))
producer = Producer(config | {"acks": "all"})
for n in range(count):
    row = {"customer": f"c{n % 7}", "amount": decimal.Decimal(n).scaleb(0).quantize(decimal.Decimal("0.01")), "at": 1700000000000 + n,
           "note": None if n % 2 else "it's", "lines": [{"item": f"i{n}", "count": n}], "state": "NEW"}
    out = io.BytesIO(b"\\0" + struct.pack(">I", latest["id"]))
    out.seek(5)
    fastavro.schemaless_writer(out, schema, row)
    producer.produce("orders", out.getvalue())
raise SystemExit(producer.flush(60))
"""
READ = """
import json, sys, time
from pathlib import Path
from confluent_kafka import Consumer
config = dict(line.split("=", 1) for line in Path("/etc/kafka-client/librdkafka.conf").read_text().splitlines() if "=" in line)
consumer = Consumer(config | {"group.id": f"app-{sys.argv[1]}", "auto.offset.reset": "earliest", "isolation.level": "read_committed"})
consumer.subscribe([sys.argv[2]])
end = time.monotonic() + 15
while time.monotonic() < end:
    message = consumer.poll(1)
    if message is not None and not message.error():
        print(message.value().decode() if sys.argv[2] == "big" else message.value().hex() + " " + message.key().decode())
        end = time.monotonic() + 3
"""


@pytest.fixture(scope="module", autouse=True)
def _files() -> Iterator[None]:
    needed_versitygw()
    for layer in ("flink", "registry"):
        needed_layer(layer, f"no {layer}: `make {layer}` fetches it")
    FOLDER.mkdir(exist_ok=True)
    files = {"order.avsc": json.dumps(SCHEMA), "copy.avsc": json.dumps(COPY), "big.sql": SQL, "copies.sql": COPIES}
    for name, content in files.items():
        (FOLDER / name).write_text(content)
    for tag in (OBJECT_STORE_IMAGE, FLINK_IMAGE, REGISTRY_IMAGE):
        subprocess.run([sys.executable, "-m", "sandbox", "image", "--tag", tag], cwd=ROOT, check=True)
    try:
        yield
    finally:
        for name in files:
            (FOLDER / name).unlink()
        FOLDER.rmdir()


@pytest.fixture(scope="module")
def stack(make_stack: MakeStack) -> Stack:
    made = make_stack(NAMESPACE, PLATFORM)
    made.up()
    client_pod(NAMESPACE, "app", "app")
    return made


def registry_login(user: str) -> tuple[str, str, str]:
    """Its name, its password and the registry's URL."""
    secret = get("secret", f"{user}-registry", NAMESPACE)["data"]
    name, password, url = (
        base64.b64decode(secret[key]).decode() for key in ("username", "password", "schema.registry.url")
    )
    return name, password, url


def test_its_table_follows_from_the_schema(stack: Stack) -> None:
    user, password, url = registry_login("app")
    login = base64.b64encode(f"{user}:{password}".encode()).decode()
    in_pod(NAMESPACE, "app", "python3", "-c", WRITE, url, login, str(ORDERS))
    rows: list[dict[str, Any]] = []

    def complete() -> bool:
        rows[:] = [
            json.loads(line)
            for line in in_pod(NAMESPACE, "app", "python3", "-c", READ, str(time.time()), "big").splitlines()
        ]
        return len(rows) >= ORDERS - 100

    eventually("all large orders are there", complete, 90)
    found = sorted((row["amount"], row["customer"], row["note"], row["item"]) for row in rows)
    wanted = [(n, f"c{n % 7}", None if n % 2 else "it's", f"i{n}") for n in range(100, ORDERS)]
    assert found == wanted
    assert {row["at"][:16] for row in rows} == {"2023-11-14 22:13"}


def test_what_is_written_has_the_schema_of_its_topic(stack: Stack) -> None:
    found: list[list[str]] = []

    def complete() -> bool:
        lines = in_pod(NAMESPACE, "app", "python3", "-c", READ, str(time.time()), "copies").splitlines()
        found[:] = [line.split(" ") for line in lines]
        return len(found) >= ORDERS - 100

    eventually("all copies are there", complete, 90)
    schema = fastavro.parse_schema(COPY)
    rows: list[Any] = []
    for value, key in found:
        record = bytes.fromhex(value)
        row = fastavro.schemaless_reader(io.BytesIO(record[5:]), schema)
        assert isinstance(row, dict)
        assert key == row["customer"]
        rows.append((int(row["amount"]), row["customer"], row["note"], row["tags"], row["line"]))
    wanted = [
        (n, f"c{n % 7}", None if n % 2 else "it's", ["big", f"c{n % 7}"], {"count": n}) for n in range(100, ORDERS)
    ]
    assert sorted(rows, key=lambda row: row[0]) == wanted
    # It is the number of the one version that the topic declares: the job has registered nothing.
    user, password, url = registry_login("app")
    with forwarded(NAMESPACE, "deployment/schema-registry", 8080) as address:
        place = f"{address}/{url.split('/', 3)[3]}/subjects/copies-value/versions"
        headers = {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}
        versions = json.load(urllib.request.urlopen(urllib.request.Request(place, headers=headers), timeout=60))
        latest = json.load(
            urllib.request.urlopen(urllib.request.Request(f"{place}/latest", headers=headers), timeout=60)
        )
    assert versions == [1]
    assert {value[:10] for value, _ in found} == {f"00{latest['id']:08x}"}


@pytest.mark.parametrize("job", ["big", "copies"])
def test_no_password_is_in_what_it_shows(stack: Stack, job: str) -> None:
    _, password, _ = registry_login(f"stream-{job}")
    shown = "".join(
        kubectl("-n", NAMESPACE, "logs", f"deployment/stream-{job}-{part}", "--all-containers", "--tail=-1")
        for part in ("manager", "tasks")
    )
    shown += kubectl("-n", NAMESPACE, "get", "configmaps,deployments,jobs", "-o", "yaml")
    assert password not in shown
