"""Writers through three gateways to three brokers while pods of both are killed at random."""

import json
import os
import random
import signal
import subprocess
import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.e2e.conftest import MakeStack
from tests.harness import Stack, client_pod, eventually, get, in_pod, kubectl, process_of

pytestmark = pytest.mark.long

NAMESPACE = "e2e-gateway-loss"
SECONDS = 60
"""How long the writers write; the first and last ten of them undisturbed."""
DISTURBANCES = 6
SEED = 20_261_121
PLATFORM: dict[str, Any] = {
    "namespace": NAMESPACE,
    "kafka": {"engine": "embedded", "nodes": 3, "storage": "5Gi"},
    "topics": {"ledger": {"partitions": 6}},
    "tenants": {"test": {"users": {"writer": {"writes": ["ledger"], "reads": ["ledger"], "groups": ["unused"]}}}},
    "gateway": {"pods": {"min": 3, "max": 3}},
}
NAMES = {"kafka": "kafka", "gateway": "gateway"}
PROGRAMS = {"kafka": b"kafka.Kafka", "gateway": b"kafka_platform_runtime.gateway"}


@pytest.fixture(scope="module")
def stack(make_stack: MakeStack) -> Stack:
    stack = make_stack("gatewayloss", PLATFORM)
    stack.up()
    return stack


def all_ready(workload: str) -> bool:
    status = get("statefulset", workload, NAMESPACE)["status"]
    return bool(status.get("readyReplicas") == 3)


def start(*command: str) -> "subprocess.Popen[str]":
    """A program in the client's pod, in the background."""
    arguments = ["kubectl", "-n", NAMESPACE, "exec", "client", "--", "python3", "/programs/http_ledger.py", *command]
    return subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True)


def disturb(chance: random.Random) -> str:
    """One pod of one of the two dies: deleted at once, deleted in peace, or its process killed."""
    workload = chance.choice(["kafka", "gateway", "gateway"])
    # Two brokers down at a time would stop every writer, which is not what is asked here.
    eventually(f"all of {workload} ready before the next disturbance", lambda: all_ready(workload), 120)
    pod = f"{workload}-{chance.randrange(3)}"
    how = chance.choice(["deleted at once", "deleted in peace", "killed"])
    if how == "killed":
        os.kill(process_of(NAMESPACE, pod, PROGRAMS[workload]), signal.SIGKILL)
    else:
        grace = ["--grace-period=0", "--force"] if how == "deleted at once" else []
        kubectl("-n", NAMESPACE, "delete", "pod", pod, "--wait=false", *grace)
    return f"{pod} {how}"


def test_what_was_answered_with_an_offset_is_there(
    stack: Stack, record_property: Callable[[str, object], None]
) -> None:
    client_pod(NAMESPACE, "client", "writer", programs=["http_ledger.py"])
    url = stack.outputs()["gateway"]["url"]
    chance = random.Random(SEED)
    with start("write", url, "ledger", str(SECONDS)) as writer, start("read", url, "ledger") as reader:
        begun = time.monotonic()
        disturbances = []
        for number in range(DISTURBANCES):
            time.sleep(max(0.0, begun + 10 + number * (SECONDS - 20) / DISTURBANCES - time.monotonic()))
            if writer.poll() is not None:
                break
            disturbances.append(disturb(chance))
        written = json.loads(writer.communicate(timeout=SECONDS + 120)[0])
        compared = json.loads(in_pod(NAMESPACE, "client", "python3", "/programs/http_ledger.py", "verify", "ledger"))
        read = json.loads(reader.communicate(timeout=120)[0])
    print(f"\n{'; '.join(disturbances)}\nwritten:  {written}\nstreamed: {read}\ncompared: {compared}")
    record_property("figures", [written, read, compared])
    assert len(disturbances) >= DISTURBANCES // 2
    assert compared["acknowledged"] > 10_000
    assert (compared["lost"], compared["elsewhere"], compared["twice"]) == (0, 0, 0)
    assert (compared["stream_missed"], compared["stream_invented"], read["duplicated_or_out_of_order"]) == (0, 0, 0)
    assert read["connections"] > len(disturbances)
    # What was written without an answer is no more than what was left without one.
    assert compared["written_without_answer"] <= sum(written["unknown"].values())
