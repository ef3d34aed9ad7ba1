"""`pulumi up` killed (SIGKILL) at ten moments between its start and its end: the next one converges each time."""

import json
import os
import signal
import subprocess
import time
from typing import Any

import pytest

from tests.e2e.conftest import MakeStack
from tests.harness import Stack, client_pod, eventually, in_pod, kubectl

MOMENTS = 10
LATEST = 0.85
"""Share of a whole `up` after which the last one is killed: not every one takes equally long."""
PLATFORM: dict[str, Any] = {
    "namespace": "e2e-interrupted",
    "kafka": {"engine": "embedded", "nodes": 1, "storage": "1Gi", "deletion": "allow"},
    "topics": {"orders": {"partitions": 3}},
    "tenants": {"test": {"users": {"app": {"writes": ["orders"], "reads": ["orders"], "groups": ["g"]}}}},
}


@pytest.fixture(scope="module")
def stack(make_stack: MakeStack) -> Stack:
    return make_stack("interrupted", PLATFORM)


@pytest.fixture(scope="module")
def whole_seconds(stack: Stack) -> float:
    """How long an uninterrupted `up` from nothing takes."""
    started = time.monotonic()
    stack.up()
    took = time.monotonic() - started
    clear(stack)
    return took


def clear(stack: Stack) -> None:
    stack.destroy()
    namespace = str(PLATFORM["namespace"])
    kubectl("delete", "namespace", namespace, "--ignore-not-found")
    eventually("the namespace is gone", lambda: not kubectl("get", "namespace", namespace, "--ignore-not-found"), 120)


def kill_after(stack: Stack, seconds: float) -> bool:
    """Starts an `up` and kills it after a time; whether it was still at work then."""
    process = stack.start("up", "--yes", "--skip-preview")
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
    output = process.communicate()[0]
    assert process.returncode in (0, -signal.SIGKILL), output
    return process.returncode != 0


@pytest.mark.timeout(1500)
def test_the_next_up_converges(stack: Stack, whole_seconds: float) -> None:
    done_at_the_kill: list[int] = []
    for moment in range(MOMENTS):
        while not kill_after(stack, whole_seconds * (moment + 0.5) / MOMENTS * LATEST):
            whole_seconds *= 0.8  # it was quicker this time, and has ended by itself
            clear(stack)
        stack.run("cancel", "--yes")
        done_at_the_kill.append(len(stack.resources()))
        stack.up()
        plan = json.loads(stack.preview("--json"))
        assert {step["op"] for step in plan["steps"]} <= {"same", "read"}
        client_pod("e2e-interrupted", "client", "app", programs=["access.py"])
        assert (
            in_pod("e2e-interrupted", "client", "python3", "/programs/access.py", "produce", "orders").strip() == "ok"
        )
        clear(stack)
    print(f"\nresources in the state when killed: {done_at_the_kill}; a whole up takes {whole_seconds:.1f} s")
    # Most of the time goes by while the brokers start, with the same number of resources done.
    assert len(set(done_at_the_kill)) >= 3, "the kills must hit the beginning, the middle and the end"
