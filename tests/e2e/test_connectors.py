"""Light connectors as `pulumi up` deploys them: nothing is lost when their pods are killed, and each may do only its own work."""

import base64
import json
from typing import Any

import pytest

from tests.e2e.conftest import MakeStack
from tests.harness import Stack, client_pod, eventually, get, in_pod, kubectl

NAMESPACE = "e2e-connectors"
RECORDS, ITEMS = 600, 400
BAD = (7, 300, 599)
PORT = 8080
PASSWORD = "of-the-target-4711"
TARGET = f"http://target.{NAMESPACE}.svc:{PORT}"
PLATFORM: dict[str, Any] = {
    "namespace": NAMESPACE,
    "createNamespace": False,
    "kafka": {"engine": "embedded", "nodes": 1, "storage": "1Gi", "deletion": "allow"},
    "topics": {name: {"partitions": 3, "deletion": "allow"} for name in ("orders", "readings", "private")},
    "tenants": {
        "shop": {
            "users": {
                "app": {
                    "writes": ["orders", "private"],
                    "reads": ["readings", "deliver-dead-letters"],
                    "groups": ["app-*"],
                }
            }
        }
    },
    "connectors": {
        "deliver": {"http": {"url": f"{TARGET}/in", "secret": "target"}, "reads": ["orders"], "batch": 20},
        "collect": {
            "poll": {
                "url": f"{TARGET}/items",
                "secret": "target",
                "writes": "readings",
                "key": "id",
                "interval": "1s",
                "cursor": {"parameter": "after", "item": "id"},
            }
        },
    },
}
WRITE = """
import json, sys
from pathlib import Path
from confluent_kafka import Producer
config = dict(line.split("=", 1) for line in Path("/etc/kafka-client/librdkafka.conf").read_text().splitlines() if "=" in line)
producer = Producer(config | {"acks": "all"})
first, last, bad = json.loads(sys.argv[1])
for n in range(first, last):
    producer.produce("orders", json.dumps({"bad": n} if n in bad else {"n": n}), key=str(n % 10))
raise SystemExit(producer.flush(60))
"""
READ = """
import json, sys, time
from pathlib import Path
from confluent_kafka import Consumer
config = dict(line.split("=", 1) for line in Path("/etc/kafka-client/librdkafka.conf").read_text().splitlines() if "=" in line)
consumer = Consumer(config | {"group.id": f"app-{time.time()}", "auto.offset.reset": "earliest", "enable.auto.commit": False})
consumer.subscribe([sys.argv[1]])
found, end = [], time.monotonic() + 15
while time.monotonic() < end and len(found) < int(sys.argv[2]):
    for message in consumer.consume(500, 1):
        if message.error() is None:
            found.append([json.loads(message.value()), sorted(name for name, _ in message.headers() or [])])
consumer.close()
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def stack(make_stack: MakeStack) -> Stack:
    login = {
        name: base64.b64encode(text).decode() for name, text in (("username", b"user"), ("password", PASSWORD.encode()))
    }
    service = {"selector": {"app": "target"}, "ports": [{"port": PORT}]}
    objects = [
        {"kind": "Namespace", "metadata": {"name": NAMESPACE}},
        {"kind": "Secret", "metadata": {"name": "target", "namespace": NAMESPACE}, "data": login},
        {"kind": "Service", "metadata": {"name": "target", "namespace": NAMESPACE}, "spec": service},
    ]
    listed = {"apiVersion": "v1", "kind": "List", "items": [{"apiVersion": "v1", **each} for each in objects]}
    kubectl("apply", "-f", "-", stdin=json.dumps(listed))
    stack = make_stack("connectors", PLATFORM)
    stack.up()
    client_pod(NAMESPACE, "client", "app", programs=["http_target.py"], labels={"app": "target"})
    in_pod(
        NAMESPACE,
        "client",
        "sh",
        "-c",
        f"(python3 /programs/http_target.py {PORT} {ITEMS} {PASSWORD} > /tmp/target.log 2>&1 &)",
    )
    return stack


def kill(name: str) -> None:
    """SIGKILL of the pods of a connector."""
    selector = f"app.kubernetes.io/instance=connector-{name}"
    kubectl("-n", NAMESPACE, "delete", "pod", "-l", selector, "--grace-period=0", "--force")


def read(topic: str, count: int) -> list[Any]:
    """The values and names of headers in a topic, once it has so many records."""
    found: list[Any] = json.loads(in_pod(NAMESPACE, "client", "python3", "-c", READ, topic, str(count)))
    return found


def received() -> list[dict[str, int]]:
    """What the web service has taken."""
    ask = f"import urllib.request; print(urllib.request.urlopen('http://127.0.0.1:{PORT}/received').read().decode())"
    found: list[dict[str, int]] = json.loads(in_pod(NAMESPACE, "client", "python3", "-c", ask))
    return found


def test_a_sink_delivers_all_and_sets_aside_what_is_refused(stack: Stack) -> None:
    third = RECORDS // 3
    for part in range(3):
        in_pod(NAMESPACE, "client", "python3", "-c", WRITE, json.dumps([part * third, (part + 1) * third, BAD]))
        kill("deliver")
    good = {number for number in range(RECORDS) if number not in BAD}
    eventually("all has arrived", lambda: {each["n"] for each in received()} >= good, seconds=90)
    assert {each["n"] for each in received()} == good
    dead = read("deliver-dead-letters", len(BAD))
    assert {value["bad"] for value, _ in dead} == set(BAD)
    assert all("__connect.errors.exception.message" in headers for _, headers in dead)


def test_a_source_loses_nothing(stack: Stack) -> None:
    kill("collect")
    eventually(
        "its pod is back",
        lambda: bool(get("deployment", "connector-collect", NAMESPACE)["status"].get("readyReplicas")),
    )
    found = read("readings", ITEMS)
    assert {value["id"] for value, _ in found} == set(range(1, ITEMS + 1))


def test_a_connector_may_do_only_its_own_work(stack: Stack) -> None:
    client_pod(NAMESPACE, "spy", "connector-deliver", programs=["access.py"])
    for words, answer in (
        # It may: the connector's own member is in the group with another assignor.
        (("consume", "orders", "connector-deliver"), "INCONSISTENT_GROUP_PROTOCOL"),
        (("consume", "private", "connector-deliver"), "TOPIC_AUTHORIZATION_FAILED"),
        (("consume", "orders", "other"), "GROUP_AUTHORIZATION_FAILED"),
        (("produce", "orders"), "TOPIC_AUTHORIZATION_FAILED"),
        (("produce", "readings"), "TOPIC_AUTHORIZATION_FAILED"),
    ):
        assert in_pod(NAMESPACE, "spy", "python3", "/programs/access.py", *words).strip().lstrip("_") == answer, words


def test_the_login_is_in_nothing_but_its_secret(stack: Stack) -> None:
    """Also where it was used: by then the connectors have logged in many times."""
    seen = {
        "objects": kubectl("-n", NAMESPACE, "get", "pods,configmaps,deployments,events", "-o", "yaml"),
        "logs": kubectl("-n", NAMESPACE, "logs", "-l", "app.kubernetes.io/component=light-connector", "--tail=-1"),
        "state": stack.run("stack", "export"),
    }
    assert seen["logs"]
    for where, text in seen.items():
        assert [each for each in (PASSWORD, base64.b64encode(PASSWORD.encode()).decode()) if each in text] == [], where


def test_an_unchanged_stack_shows_no_change(stack: Stack) -> None:
    plan = json.loads(stack.preview("--json"))
    assert {step["op"] for step in plan["steps"]} <= {"same", "read"}
