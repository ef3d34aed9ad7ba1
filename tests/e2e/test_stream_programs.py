"""A stream job that is a program of an image: each record counts once, through kills, other arguments and another image."""

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping
from typing import Any

import pytest

from sandbox.pins import OBJECT_STORE_IMAGE
from tests.e2e.conftest import MakeStack
from tests.harness import ROOT, Stack, client_pod, eventually, get, in_pod, kubectl
from tests.s3_process import needed_versitygw
from tests.sandbox_cache import needed_layer

pytestmark = pytest.mark.long
NAMESPACE = "e2e-stream-programs"
JOB: dict[str, Any] = {
    "image": "totals-e2e:1",
    "jar": "/opt/flink/usrlib/totals.jar",
    "entryClass": "com.example.Totals",
    "reads": ["orders"],
    "writes": ["totals"],
    "checkpoints": "2s",
}
PLATFORM: dict[str, Any] = {
    "namespace": NAMESPACE,
    "kafka": {"engine": "embedded", "nodes": 1, "storage": "1Gi"},
    "topics": {"orders": {"partitions": 3}, "totals": {"partitions": 1}, "private": {}},
    "tenants": {
        "shop": {"users": {"app": {"writes": ["orders", "private"], "reads": ["totals"], "groups": ["app-*"]}}}
    },
    "storage": {"install": True, "size": "1Gi"},
    "streams": {"totals": JOB},
}
CLIENT = """
import json, sys, time
from pathlib import Path
from confluent_kafka import Consumer, KafkaException, Producer
config = dict(line.split("=", 1) for line in Path("/etc/kafka-client/librdkafka.conf").read_text().splitlines() if "=" in line)
"""
WRITE = f"""{CLIENT}
producer = Producer(config | {{"acks": "all"}})
first, last, amount = map(int, sys.argv[1:])
for n in range(first, last):
    producer.produce("orders", json.dumps({{"customer": f"c{{n % 4}}", "amount": amount}}), partition=n % 3)
    producer.poll(0)
raise SystemExit(producer.flush(60))
"""
READ = f"""{CLIENT}
consumer = Consumer(config | {{"group.id": f"app-{{time.time()}}", "auto.offset.reset": "earliest", "isolation.level": "read_committed"}})
consumer.subscribe(["totals"])
end = time.monotonic() + 15
while time.monotonic() < end:
    message = consumer.poll(1)
    if message is not None and not message.error():
        print(message.key().decode(), message.value().decode(), sep="\\t")
        end = time.monotonic() + 4
"""
LOOK = f"""{CLIENT}
consumer = Consumer(config | {{"group.id": "stream-totals", "auto.offset.reset": "earliest"}})
consumer.subscribe([sys.argv[1]])
end = time.monotonic() + 30
while time.monotonic() < end:
    message = consumer.poll(1)
    if message is not None:
        print(message.error().name() if message.error() else "read")
        break
"""


@pytest.fixture(scope="module", autouse=True)
def _images() -> None:
    needed_versitygw()
    needed_layer("flink", "no Flink: `make flink` fetches it (400 MB, once)")
    made = (["--tag", OBJECT_STORE_IMAGE], ["--tag", str(JOB["image"]), "examples/flink"])
    for each in made:
        subprocess.run([sys.executable, "-m", "sandbox", "image", *each], cwd=ROOT, check=True)


@pytest.fixture(scope="module")
def stack(make_stack: MakeStack) -> Stack:
    made = make_stack(NAMESPACE, PLATFORM)
    made.up()
    client_pod(NAMESPACE, "app", "app")
    return made


def changed(stack: Stack, **job: Any) -> None:
    stack.write(PLATFORM | {"streams": {"totals": JOB | job}})


def written(first: int, last: int, amount: int = 10) -> None:
    in_pod(NAMESPACE, "app", "python3", "-c", WRITE, str(first), str(last), str(amount))


def ledger() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(get("configmap", "stream-totals-ledger", NAMESPACE)["data"]["ledger.json"])
    return found


def each_counts_once(orders: int) -> None:
    """Of each customer, totals have 1, 2, 3 and so on: one that is missing, there twice, or counted from zero again shows."""
    found: list[tuple[str, int]] = []

    def complete() -> bool:
        rows = (line.split("\t") for line in in_pod(NAMESPACE, "app", "python3", "-c", READ).splitlines())
        found[:] = [(key, json.loads(value)["orders"]) for key, value in rows]
        return len(found) >= orders

    eventually(f"{orders} totals are there", complete, 120)
    wanted: Mapping[tuple[str, int], int] = Counter((f"c{n % 4}", n // 4 + 1) for n in range(orders))
    assert Counter(found) == wanted


def test_other_arguments_stop_it_with_a_savepoint_and_nothing_is_there_twice(stack: Stack) -> None:
    written(0, 400)
    each_counts_once(400)
    changed(stack, arguments=["--least", "5"])
    stack.up()
    assert "/savepoints/" in ledger()["origin"]
    written(400, 500, amount=1)  # too little
    written(400, 800)
    kubectl("-n", NAMESPACE, "delete", "pods", "-l", "kafka-platform/part=tasks", "--grace-period=0", "--force")
    written(800, 1000)
    each_counts_once(1000)


@pytest.mark.long
def test_another_image_comes_after_a_savepoint(stack: Stack) -> None:
    """A variable of the pods stands for the image: both are what the former program cannot run with."""
    before = ledger()
    changed(stack, arguments=["--least", "5"], start="latest")
    stack.up()
    after = ledger()
    assert (after["generation"], after["settled"]) == (before["generation"] + 1, True)
    assert after["pods"] != before["pods"]
    assert f"/savepoints/{before['generation']}-" in after["origin"]
    written(1000, 1200)
    each_counts_once(1200)


def test_its_user_reads_and_writes_what_is_declared_and_nothing_else(stack: Stack) -> None:
    client_pod(NAMESPACE, "impostor", "stream-totals")
    tried = f"""{CLIENT}
producer = Producer(config | {{"acks": "all", "message.timeout.ms": 20000}})
for topic in ("private", "orders"):
    producer.produce(topic, b"x", callback=lambda error, _: print("ok" if error is None else error.name()))
    producer.flush(120)
try:
    other = Producer(config | {{"transactional.id": "stream-other.totals"}})
    other.init_transactions(30)
    print("ok")
except KafkaException as refused:
    print(refused.args[0].name())
"""
    said = in_pod(NAMESPACE, "impostor", "python3", "-c", tried).split()
    assert said == ["TOPIC_AUTHORIZATION_FAILED"] * 2 + ["TRANSACTIONAL_ID_AUTHORIZATION_FAILED"]
    assert in_pod(NAMESPACE, "impostor", "python3", "-c", LOOK, "private").split() == ["TOPIC_AUTHORIZATION_FAILED"]


@pytest.mark.long
def test_an_image_that_lacks_what_is_named_is_refused_before_anything_stops(stack: Stack) -> None:
    before = ledger()
    changed(stack, arguments=["--least", "5"], start="latest", entryClass="com.example.Sums")
    said = stack.up(fails=True)
    assert "entryClass: com.example.Sums of /opt/flink/usrlib/totals.jar cannot be loaded" in said
    assert ledger() == before
    changed(stack, arguments=["--least", "5"], start="latest", jar="/opt/flink/usrlib/total.jar")
    assert "jar: the image has no file /opt/flink/usrlib/total.jar" in stack.up(fails=True)
    assert ledger() == before
