"""`pulumi up` killed (SIGKILL) at ten moments between its start and its end: the next one converges each time."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.e2e.conftest import MakeStack
from tests.harness import Stack, client_pod, eventually, in_pod, kubectl

MOMENTS = 10
LATEST = 0.85
"""Share of a whole `up` after which the last one is killed: not every one takes equally long."""
NAMESPACES = ("e2e-interrupted-1", "e2e-interrupted-2")
"""Stacks that take turns with the moments at the same time: most of it is waiting."""


def platform(namespace: str) -> dict[str, Any]:
    return {
        "namespace": namespace,
        "kafka": {"engine": "embedded", "nodes": 1, "storage": "1Gi", "deletion": "allow"},
        "topics": {"orders": {"partitions": 3}},
        "tenants": {"test": {"users": {"app": {"writes": ["orders"], "reads": ["orders"], "groups": ["g"]}}}},
    }


@pytest.fixture(scope="module")
def stacks(make_stack: MakeStack) -> list[Stack]:
    return [make_stack(namespace.removeprefix("e2e-"), platform(namespace)) for namespace in NAMESPACES]


def clear(stack: Stack) -> None:
    stack.destroy()
    namespace = str(stack.platform["namespace"])
    kubectl("delete", "namespace", namespace, "--ignore-not-found")
    eventually("the namespace is gone", lambda: not kubectl("get", "namespace", namespace, "--ignore-not-found"), 120)


def seconds_of_a_whole_up(stack: Stack) -> float:
    """How long an uninterrupted `up` from nothing takes."""
    started = time.monotonic()
    stack.up()
    took = time.monotonic() - started
    clear(stack)
    return took


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


def kill_at(stack: Stack, moments: Sequence[int]) -> list[int]:
    """Kills an `up` at each of these moments, and looks what the next one makes of it.

    Returns how many resources were in the state at each kill.
    """
    namespace = str(stack.platform["namespace"])
    done_at_the_kill: list[int] = []
    whole_seconds = seconds_of_a_whole_up(stack)
    for moment in moments:
        while not kill_after(stack, whole_seconds * (moment + 0.5) / MOMENTS * LATEST):
            whole_seconds *= 0.8  # it was quicker this time, and has ended by itself
            clear(stack)
        stack.run("cancel", "--yes")
        done_at_the_kill.append(len(stack.resources()))
        stack.run("up", "--yes", "--skip-preview")
        plan = json.loads(stack.preview("--json"))
        assert {step["op"] for step in plan["steps"]} <= {"same", "read"}
        client_pod(namespace, "client", "app", programs=["access.py"])
        assert in_pod(namespace, "client", "python3", "/programs/access.py", "produce", "orders").strip() == "ok"
        clear(stack)
    print(f"\nresources in the state when killed: {done_at_the_kill}; a whole up takes {whole_seconds:.1f} s")
    return done_at_the_kill


@pytest.mark.timeout(1500)
def test_the_next_up_converges(stacks: list[Stack]) -> None:
    turns = [range(number, MOMENTS, len(stacks)) for number in range(len(stacks))]
    with ThreadPoolExecutor(len(stacks)) as threads:
        done = [each for all_of_one in threads.map(kill_at, stacks, turns) for each in all_of_one]
    # Most of the time goes by while the brokers start, with the same number of resources done.
    assert len(set(done)) >= 2, "the kills must hit the beginning and the middle"
