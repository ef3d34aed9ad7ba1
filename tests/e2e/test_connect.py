"""Kafka Connect as `pulumi up` deploys it: a table's changes reach a second database although the workers are killed, and nobody
else reaches the workers or reads a connector's secret."""

import base64
import json
import socket
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest

from sandbox.pins import CONNECT_IMAGE
from tests.connect_process import needed_plugins
from tests.e2e.conftest import MakeStack
from tests.harness import ROOT, Stack, client_pod, eventually, in_pod, kubectl
from tests.postgres_process import LocalPostgres, needed_postgres

NAMESPACE = "e2e-connect"
TOPIC = "shop.public.orders"
ROWS, CHANGES = 300, 300
PASSWORDS = {"shop-db": "of-the-source-4711", "warehouse-db": "of-the-target-4712"}
WORKERS = "app.kubernetes.io/component=connect"
READ = """
import json, sys, time
from pathlib import Path
from confluent_kafka import Consumer
config = dict(line.split("=", 1) for line in Path("/etc/kafka-client/librdkafka.conf").read_text().splitlines() if "=" in line)
consumer = Consumer(config | {"group.id": f"app-{time.time()}", "auto.offset.reset": "earliest", "enable.auto.commit": False})
consumer.subscribe([sys.argv[1]])
found, quiet = [], time.monotonic() + 30
while time.monotonic() < quiet:
    for message in consumer.consume(500, 1):
        if message.error() is None:
            found.append(json.loads(message.value())["payload"]["op"] if message.value() else "tombstone")
            quiet = time.monotonic() + 3
consumer.close()
print(json.dumps(found))
"""
KNOCK = """
import sys, urllib.request
try:
    print(urllib.request.urlopen(sys.argv[1], timeout=5).status)
except OSError as error:
    print("no answer:", error)
"""
METRICS = """
import sys, urllib.request
print(urllib.request.urlopen(sys.argv[1], timeout=5).read().decode())
"""


def address_for_pods() -> str:
    """The address of this machine at which pods reach its programs, as the sandbox's reach the API server; skips where there is none."""
    server = kubectl("config", "view", "--minify", "-o", "jsonpath={.clusters[0].cluster.server}")
    address = str(urlsplit(server).hostname)
    with socket.socket() as trying:
        try:
            trying.bind((address, 0))
        except OSError:
            pytest.skip(f"pods reach no database of this machine: {address}, where the API server is, is another one")
    if address.startswith("127."):
        pytest.skip("pods reach no database of this machine: the API server is known by its loopback address only")
    return address


@pytest.fixture(scope="module", autouse=True)
def _image() -> None:
    needed_plugins()
    subprocess.run([sys.executable, "-m", "sandbox", "image", "--tag", CONNECT_IMAGE], cwd=ROOT, check=True)


@pytest.fixture(scope="module")
def postgres(_image: None) -> Iterator[LocalPostgres]:
    with LocalPostgres(needed_postgres(), address_for_pods()) as started:
        source, target = PASSWORDS.values()
        started.sql(
            f"create role debezium login replication password '{source}'; create role sink login password '{target}';"
        )
        started.sql("create database shop owner debezium")
        started.sql("create database warehouse owner sink")
        started.sql(
            "create table orders (id bigserial primary key, amount numeric(12,2)); alter table orders owner to debezium;"
            f"insert into orders (amount) select n * 1.25 from generate_series(1, {ROWS}) n",
            "shop",
        )
        yield started


def platform(host: str, port: int) -> dict[str, Any]:
    return {
        "namespace": NAMESPACE,
        "createNamespace": False,
        "kafka": {"engine": "embedded", "nodes": 1, "storage": "1Gi", "deletion": "allow"},
        "topics": {TOPIC: {"partitions": 3, "cleanup": "compact", "deletion": "allow"}},
        "tenants": {"shop": {"users": {"app": {"reads": [TOPIC], "groups": ["app-*"]}}}},
        "connect": {"pods": 2, "resources": {"cpu": "50m", "memory": "768Mi"}},
        "connectors": {
            "shop": {
                "postgres": {
                    "host": host,
                    "port": port,
                    "database": "shop",
                    "secret": "shop-db",
                    "tables": ["public.orders"],
                    "heartbeat": "1s",
                }
            },
            "warehouse": {
                "jdbc": {
                    "url": f"jdbc:postgresql://{host}:{port}/warehouse",
                    "secret": "warehouse-db",
                    "table": "orders",
                },
                "reads": [TOPIC],
            },
        },
    }


@pytest.fixture(scope="module")
def stack(make_stack: MakeStack, postgres: LocalPostgres) -> Stack:
    objects: list[dict[str, Any]] = [{"kind": "Namespace", "metadata": {"name": NAMESPACE}}]
    for (name, password), user in zip(PASSWORDS.items(), ("debezium", "sink"), strict=True):
        data = {
            key: base64.b64encode(text.encode()).decode() for key, text in (("username", user), ("password", password))
        }
        objects.append({"kind": "Secret", "metadata": {"name": name, "namespace": NAMESPACE}, "data": data})
    listed = {"apiVersion": "v1", "kind": "List", "items": [{"apiVersion": "v1", **each} for each in objects]}
    kubectl("apply", "-f", "-", stdin=json.dumps(listed))
    made = make_stack("e2e-connect", platform(address_for_pods(), postgres.port))
    made.up()
    client_pod(NAMESPACE, "client", "app")
    return made


def rows(postgres: LocalPostgres, database: str) -> list[str]:
    """What is in the table, if it is there."""
    there = postgres.sql("select to_regclass('orders')", database) != [""]
    return postgres.sql("select id, amount from orders order by id", database) if there else []


def change(postgres: LocalPostgres) -> None:
    """New rows, changed ones and deleted ones, each in a transaction of its own."""
    words = {
        "c": "insert into orders (amount) values ({}.5);",
        "d": "delete from orders where id = {};",
        "u": "update orders set amount = amount + 1 where id = {};",
    }
    numbers = range(1, CHANGES + 1)
    postgres.sql("select pg_sleep(0.02);\n".join(words[kind(each)].format(each) for each in numbers), "shop")


def kind(number: int) -> str:
    """Of a change, as Debezium calls it."""
    return "d" if number % 10 == 0 else "u" if number % 3 == 0 else "c"


def test_nothing_is_lost_or_twice_when_all_workers_are_killed(stack: Stack, postgres: LocalPostgres) -> None:
    # The deployment was complete before the source had read the rows that were there.
    eventually("the first rows are copied", lambda: rows(postgres, "warehouse") == rows(postgres, "shop"), 120)
    changing = threading.Thread(target=change, args=[postgres])
    changing.start()
    kubectl("-n", NAMESPACE, "delete", "pod", "-l", WORKERS, "--grace-period=0", "--force", "--wait=false")
    changing.join()
    eventually(
        "the second database is as the first", lambda: rows(postgres, "warehouse") == rows(postgres, "shop"), 120
    )
    kinds = Counter(json.loads(in_pod(NAMESPACE, "client", "python3", "-c", READ, TOPIC)))
    numbers = range(1, CHANGES + 1)
    deleted, updated = (sum(kind(each) == wanted for each in numbers) for wanted in ("d", "u"))
    expected = {"r": ROWS, "c": CHANGES - deleted - updated, "u": updated, "d": deleted, "tombstone": deleted}
    assert kinds == expected


def test_nobody_else_reaches_the_workers(stack: Stack) -> None:
    for where in ("connect", f"connect.{NAMESPACE}.svc"):
        told = in_pod(NAMESPACE, "client", "python3", "-c", KNOCK, f"http://{where}:8083/connectors")
        assert told.startswith("no answer: "), told
    address = kubectl("-n", NAMESPACE, "get", "pod", "-l", WORKERS, "-o", "jsonpath={.items[0].status.podIP}")
    assert in_pod(NAMESPACE, "client", "python3", "-c", KNOCK, f"http://{address}:8083/").startswith("no answer: ")


def test_nobody_else_reads_a_connectors_secret(stack: Stack) -> None:
    who = f"--as=system:serviceaccount:{NAMESPACE}:default"
    assert kubectl("auth", "can-i", "get", "secrets", "-n", NAMESPACE, who, check=False).strip() == "no"
    found = json.loads(kubectl("-n", NAMESPACE, "get", "pods", "-o", "json"))["items"]
    mounted: dict[str, set[str]] = {}
    for each in found:
        secrets = {volume.get("secret", {}).get("secretName") for volume in each["spec"].get("volumes", [])}
        if secrets & PASSWORDS.keys():
            mounted[each["metadata"]["labels"]["app.kubernetes.io/component"]] = secrets & PASSWORDS.keys()
    # What watches the source's slot logs in as the source, and knows no sink.
    assert mounted == {"connect": PASSWORDS.keys(), "connect-slots": {"shop-db"}}
    seen = {
        "objects": kubectl("-n", NAMESPACE, "get", "pods,configmaps,deployments,jobs,events", "-o", "yaml"),
        "logs": kubectl("-n", NAMESPACE, "logs", "-l", WORKERS, "--tail=-1"),
        "slots": kubectl("-n", NAMESPACE, "logs", "deployment/connect-slots"),
        "state": stack.run("stack", "export"),
    }
    assert "shop" in seen["logs"]
    for where, text in seen.items():
        encoded = [base64.b64encode(each.encode()).decode() for each in PASSWORDS.values()]
        assert [each for each in (*PASSWORDS.values(), *encoded) if each in text] == [], where


def test_a_slot_without_a_limit_is_told_with_the_fix_and_so_is_its_end(stack: Stack, postgres: LocalPostgres) -> None:
    def told() -> str:
        return kubectl("-n", NAMESPACE, "logs", "deployment/connect-slots")

    eventually("it is told", lambda: "max_slot_wal_keep_size is -1, so slot shop can fill" in told(), 120)
    postgres.sql("alter system set max_slot_wal_keep_size = '1GB'")
    postgres.sql("select pg_reload_conf()")
    eventually("it is well", lambda: "connector shop: well" in told(), 120)
    address = kubectl(
        "-n", NAMESPACE, "get", "pod", "-l", "app.kubernetes.io/component=connect-slots", "-o",
        "jsonpath={.items[0].status.podIP}",
    )  # fmt: skip
    shown = in_pod(NAMESPACE, "client", "python3", "-c", METRICS, f"http://{address}:9404/metrics")
    assert 'connect_slots_limit_bytes{connector="shop"} 1.073741824e+09' in shown
    assert 'connect_slots_active{connector="shop"} 1.0' in shown


def test_an_unchanged_stack_shows_no_change(stack: Stack) -> None:
    plan = json.loads(stack.preview("--json"))
    assert {step["op"] for step in plan["steps"]} <= {"same", "read"}
