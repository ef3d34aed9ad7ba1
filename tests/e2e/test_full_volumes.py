"""Brokers on volumes that are full to the last byte, and every way out that docs/operations.md shows: no record is lost.

The volumes are file systems in memory that a pod mounts on a node, so that they are small, fill up and can grow.
"""

import json
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import MakeStack
from tests.harness import Stack, client_pod, eventually, get, in_pod, kubectl
from tests.volumes import Volumes

pytestmark = pytest.mark.long

NAMESPACE = "fullvol"
SMALL, LARGE, LARGEST = "80m", "160m", "400m"
NODES = range(3)
WRITE_SECONDS = 900
DOCS = Path(__file__).parents[2] / "docs" / "operations.md"
PROGRAM = ("python3", "/programs/ledger.py")
BROKERS = "app.kubernetes.io/instance=kafka,app.kubernetes.io/component=broker"
TOPICS = ("first", "second")
# Compressed, the records of the test would fill nothing.
LEDGER: dict[str, Any] = {"partitions": 3, "config": {"compression.type": "uncompressed", "segment.bytes": 4_194_304}}
PLATFORM: dict[str, Any] = {
    "namespace": NAMESPACE,
    "kafka": {"nodes": 3, "storage": "1Gi", "storageClass": NAMESPACE, "deletion": "allow"},
    "topics": {"first": LEDGER, "second": LEDGER},
    "tenants": {"test": {"users": {"writer": {"writes": list(TOPICS), "reads": list(TOPICS), "groups": ["unused"]}}}},
}


@pytest.fixture(scope="module")
def volumes() -> Iterator[Volumes]:
    made = Volumes(NAMESPACE)
    try:
        yield made
    finally:
        made.remove()


@pytest.fixture(scope="module")
def stack(volumes: Volumes, make_stack: MakeStack) -> Stack:
    for node in NODES:
        volumes.make(f"fullvol-{node}", SMALL, "1Gi")
    stack = make_stack("fullvol", PLATFORM)
    stack.up()
    client_pod(NAMESPACE, "ledger", "writer", programs=["ledger.py"])
    return stack


def message(node: int) -> str:
    """What the broker said when it ended last."""
    pod = json.loads(kubectl("-n", NAMESPACE, "get", "pod", f"kafka-{node}", "-o", "json", check=False) or "{}")
    for each in pod.get("status", {}).get("containerStatuses", []):
        if each["name"] == "kafka":
            ended = each["state"].get("terminated") or each.get("lastState", {}).get("terminated") or {}
            return str(ended.get("message", ""))
    return ""


def all_ready() -> bool:
    return bool(get("statefulset", "kafka", NAMESPACE)["status"].get("readyReplicas") == len(NODES))


def full() -> list[int]:
    return [node for node in NODES if message(node).startswith("the volume is full: ")]


def start_writer(topic: str) -> "subprocess.Popen[str]":
    in_pod(NAMESPACE, "ledger", "rm", "-f", "/tmp/stop")
    command = ["kubectl", "-n", NAMESPACE, "exec", "ledger", "--", *PROGRAM, "write", topic, str(WRITE_SECONDS)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def stop_writer() -> None:
    in_pod(NAMESPACE, "ledger", "touch", "/tmp/stop")


def fill_until_a_majority_is_down() -> None:
    eventually("two brokers say that their volumes are full", lambda: len(full()) > 1, 300)
    stop_writer()


def verify(writer: "subprocess.Popen[str]", topic: str) -> None:
    written = json.loads(writer.communicate(timeout=900)[0])
    read = json.loads(in_pod(NAMESPACE, "ledger", *PROGRAM, "verify", topic))
    print(f"\nwritten: {written}\nread:    {read}")
    assert written["acknowledged"] > 50_000
    assert (read["lost"], read["duplicated"], read["unread_partitions"]) == (0, 0, 0)


def blocks() -> list[str]:
    """The commands that the documentation shows for full volumes."""
    section = DOCS.read_text(encoding="utf-8").partition("## A volume is full\n")[2].partition("\n## ")[0]
    return re.findall(r"```bash\n(.*?)```", section, re.DOTALL)


def test_brokers_whose_volumes_grow_lose_nothing(stack: Stack, volumes: Volumes) -> None:
    with start_writer("first") as writer:
        fill_until_a_majority_is_down()
        stack.write(PLATFORM | {"kafka": {**PLATFORM["kafka"], "storage": "2Gi"}})
        stack.up()
        for node in NODES:
            volumes.grow(f"fullvol-{node}", LARGE)
        subprocess.run(["bash", "-eu", "-c", blocks()[0].replace("-n streaming", f"-n {NAMESPACE}")], check=True)
        eventually("all brokers are ready", all_ready, 300)
        verify(writer, "first")


def test_brokers_whose_volumes_are_copied_to_larger_ones_lose_nothing(stack: Stack, volumes: Volumes) -> None:
    for node in NODES:
        volumes.make(f"fullvol-large-{node}", LARGEST, "4Gi")
    with start_writer("second") as writer:
        fill_until_a_majority_is_down()
        variables = {"NAMESPACE": NAMESPACE, "NODES": "3", "SIZE": "4Gi", "CLASS": NAMESPACE}
        subprocess.run(["bash", "-eu", "-c", blocks()[1]], env=os.environ | variables, check=True)
        eventually("all brokers are ready", all_ready, 300)
        verify(writer, "second")
    assert {get("pvc", f"data-kafka-{node}", NAMESPACE)["spec"]["volumeName"] for node in NODES} == {
        f"fullvol-large-{node}" for node in NODES
    }
    stack.write(PLATFORM | {"kafka": {**PLATFORM["kafka"], "storage": "4Gi"}})
    stack.up()
    assert all_ready()
