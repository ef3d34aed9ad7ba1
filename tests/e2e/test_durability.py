"""Three brokers, a writer that never pauses for long, and everything that can happen to a broker: nothing acknowledged is lost."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable

import pytest

from tests.e2e.conftest import MakeStack
from tests.harness import Stack, client_pod, eventually, get, in_pod, kubectl, process_of

NAMESPACE = "e2e-durability"
PLATFORM = {
    "namespace": NAMESPACE,
    "kafka": {"engine": "embedded", "nodes": 3, "storage": "5Gi"},
    "topics": {"ledger": {"partitions": 12}},
    "tenants": {"test": {"users": {"writer": {"writes": ["ledger"], "reads": ["ledger"], "groups": ["unused"]}}}},
}


@pytest.fixture(scope="module")
def stack(make_stack: MakeStack) -> Stack:
    stack = make_stack("durability", PLATFORM)
    stack.up()
    return stack


def all_ready() -> bool:
    status = get("statefulset", "kafka", NAMESPACE)["status"]
    return bool(status.get("readyReplicas") == 3 and status.get("updatedReplicas") == 3)


def restarts(pod: str) -> int:
    statuses = get("pod", pod, NAMESPACE)["status"]["containerStatuses"]
    return int(next(each["restartCount"] for each in statuses if each["name"] == "kafka"))


def test_nothing_acknowledged_is_lost(stack: Stack, record_property: Callable[[str, object], None]) -> None:
    client_pod(NAMESPACE, "ledger", "writer", programs=["ledger.py"])
    program = ("python3", "/programs/ledger.py")
    command = ["kubectl", "-n", NAMESPACE, "exec", "ledger", "--", *program, "write", "ledger", "540"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
        time.sleep(5)

        uid = get("pod", "kafka-0", NAMESPACE)["metadata"]["uid"]
        kubectl("-n", NAMESPACE, "delete", "pod", "kafka-0", "--wait=false")
        eventually("another kafka-0", lambda: pod_uid("kafka-0") not in (uid, None), 180)
        eventually("all brokers ready after the deletion", all_ready, 180)

        os.kill(process_of(NAMESPACE, "kafka-1", b"kafka.Kafka"), signal.SIGKILL)
        eventually("kafka-1 restarted", lambda: restarts("kafka-1") == 1, 120)
        eventually("all brokers ready after the SIGKILL", all_ready, 180)

        revision = get("statefulset", "kafka", NAMESPACE)["status"]["updateRevision"]
        changed = PLATFORM | {"kafka": {**PLATFORM["kafka"], "config": {"log.cleaner.backoff.ms": "20000"}}}  # type: ignore[dict-item]
        stack.write(changed)
        stack.up()
        assert get("statefulset", "kafka", NAMESPACE)["status"]["currentRevision"] != revision
        assert all_ready()

        assert writer.poll() is None, "the writer must still be writing after the last disturbance"
        in_pod(NAMESPACE, "ledger", "touch", "/tmp/stop")
        written = json.loads(writer.communicate(timeout=360)[0])
    read = json.loads(in_pod(NAMESPACE, "ledger", *program, "verify", "ledger"))
    print(f"\nwritten: {written}\nread:    {read}")
    record_property("written", written)
    record_property("read", read)
    assert written["acknowledged"] > 50_000
    assert (written["failed"], written["unfinished"]) == ({}, 0)
    assert (read["lost"], read["duplicated"], read["out_of_order"], read["unknown"], read["unread_partitions"]) == (
        0,
        0,
        0,
        0,
        0,
    )


def pod_uid(pod: str) -> str | None:
    """The pod's uid; None while there is no such pod."""
    return kubectl("-n", NAMESPACE, "get", "pod", pod, "-o", "jsonpath={.metadata.uid}", check=False) or None
