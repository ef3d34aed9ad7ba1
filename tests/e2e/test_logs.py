"""A log collector as `pulumi up` deploys it: on every machine, for the named namespaces alone, with the rights of its own user."""

import json
import subprocess
import sys
from typing import Any

import pytest

from sandbox.pins import COLLECTOR_IMAGE, RUNTIME_IMAGE
from tests.collector_process import needed_collector
from tests.e2e.conftest import MakeStack
from tests.harness import ROOT, Stack, client_pod, eventually, get, in_pod, kubectl

NAMESPACE, TEAM, STRANGER = "e2e-logs", "e2e-logs-team", "e2e-logs-other"
TOPIC = f"logs.{TEAM}"
PLATFORM: dict[str, Any] = {
    "namespace": NAMESPACE,
    "kafka": {"engine": "embedded", "nodes": 1, "storage": "1Gi"},
    "tenants": {
        "team": {"namespace": TEAM, "createNamespace": True, "users": {"reader": {"reads": [TOPIC]}}},
        "own": {"users": {"watcher": {"reads": [f"logs.{NAMESPACE}"]}}},
        "other": {"namespace": STRANGER, "createNamespace": True},
    },
    "logs": {"namespaces": [TEAM, NAMESPACE], "resources": {"memory": "128Mi"}},
}
READ = """
import json, sys, time
from pathlib import Path
from confluent_kafka import Consumer, TopicPartition
config = dict(line.split("=", 1) for line in Path("/etc/kafka-client/librdkafka.conf").read_text().splitlines() if "=" in line)
consumer = Consumer(config | {"group.id": "unused"})
consumer.assign([TopicPartition(sys.argv[1], number, 0) for number in range(3)])
wanted, until = int(sys.argv[2]), time.monotonic() + 120
while wanted and time.monotonic() < until:
    record = consumer.poll(1)
    if record is not None and record.error() is None:
        print(json.dumps([dict((name, value.decode()) for name, value in record.headers()), json.loads(record.value())]))
        wanted -= 1
"""


@pytest.fixture(scope="module")
def stack(make_stack: MakeStack) -> Stack:
    needed_collector()
    subprocess.run([sys.executable, "-m", "sandbox", "image", "--tag", COLLECTOR_IMAGE], cwd=ROOT, check=True)
    made = make_stack("e2e-logs", PLATFORM)
    made.up()
    return made


def says(namespace: str, name: str, *lines: str) -> None:
    """A pod that writes these lines and ends."""
    program = "import sys; print(*sys.argv[1:], sep='\\n')"
    container = {"name": "main", "image": RUNTIME_IMAGE, "command": ["python3", "-c", program, *lines]}
    spec = {"restartPolicy": "Never", "containers": [container]}
    about = {"name": name, "namespace": namespace}
    kubectl("apply", "-f", "-", stdin=json.dumps({"apiVersion": "v1", "kind": "Pod", "metadata": about, "spec": spec}))


def collectors() -> list[dict[str, Any]]:
    found = kubectl("-n", NAMESPACE, "get", "pods", "-l", "app.kubernetes.io/component=log-collector", "-o", "json")
    return list(json.loads(found)["items"])


def read(records: int) -> list[tuple[dict[str, str], dict[str, Any]]]:
    text = in_pod(TEAM, "reader", "python3", "-c", READ, TOPIC, str(records))
    return [(headers, value) for headers, value in map(json.loads, text.splitlines())]


def test_lines_of_the_named_namespaces_come_from_every_machine_and_survive_a_killed_collector(stack: Stack) -> None:
    nodes = len(json.loads(kubectl("get", "nodes", "-o", "json"))["items"])
    eventually(
        "a collector is ready on every machine",
        lambda: get("daemonset", "log-collector", NAMESPACE)["status"].get("numberReady") == nodes,
    )
    says(STRANGER, "secretive", "nobody asked for this")
    says(TEAM, "api", "password=hunter2", "WARN second", "x" * 20_000)
    client_pod(TEAM, "reader", "reader")
    found = {value["line"]: (headers, value) for headers, value in read(3)}
    assert found.keys() == {"password=[masked]", "WARN second", "x" * 20_000}
    headers, value = found["WARN second"]
    assert (value["pod"], value["container"], value["severity"], value["stream"]) == ("api", "main", "warn", "stdout")
    assert headers == {"namespace": TEAM, "node": value["node"]}
    assert value["node"] == get("pod", "api", TEAM)["spec"]["nodeName"]
    names = [each["metadata"]["name"] for each in collectors()]
    kubectl("-n", NAMESPACE, "delete", "pods", "--grace-period=0", "--force", *names)
    says(TEAM, "later", "after the collectors were killed")
    assert read(4)[-1][1]["line"] == "after the collectors were killed"


def test_a_collector_has_no_way_to_the_api_server_and_its_own_lines_are_nowhere(stack: Stack) -> None:
    assert stack.outputs()["logs"] == {"namespace": NAMESPACE, "topics": sorted([TOPIC, f"logs.{NAMESPACE}"])}
    for pod in collectors():
        mounts = [each["mountPath"] for each in pod["spec"]["containers"][0]["volumeMounts"]]
        assert not [each for each in mounts if "serviceaccount" in each]
    client_pod(NAMESPACE, "watcher", "watcher")
    # The brokers' lines are there, so the collectors' would be.
    found = in_pod(NAMESPACE, "watcher", "python3", "-c", READ, f"logs.{NAMESPACE}", "50")
    pods = {json.loads(each)[1]["pod"] for each in found.splitlines()}
    assert [each for each in pods if each.startswith("kafka")]
    assert not [each for each in pods if each.startswith("log-collector")]
