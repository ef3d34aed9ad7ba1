"""`pulumi up` killed (SIGKILL) at several moments between its start and its end: the next one converges each time."""

import contextlib
import itertools
import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.harness import QUICK_JVM, Stack, client_pod, in_pod, kubectl
from tests.tiers import IS_LONG

MOMENTS = 10 if IS_LONG else 4
LATEST = 0.85
"""Share of a whole `up` after which the last one is killed: not every one takes equally long."""
AT_A_TIME = 2
"""Stacks that are worked on at the same time: most of it is waiting."""


def platform(namespace: str) -> dict[str, Any]:
    return {
        "namespace": namespace,
        "kafka": {"engine": "embedded", "nodes": 1, "storage": "1Gi", "deletion": "allow"},
        "topics": {"orders": {"partitions": 3}},
        "tenants": {"test": {"users": {"app": {"writes": ["orders"], "reads": ["orders"], "groups": ["g"]}}}},
    }


@contextlib.contextmanager
def new_stack(folder: Path, name: str) -> Iterator[Stack]:
    """A stack that nothing is deployed of yet; its namespace, and all that is in it, goes at the end, unwaited for."""
    stack = Stack(name, folder / name, platform(f"e2e-{name}"), jvm=QUICK_JVM)
    try:
        yield stack
    finally:
        kubectl("delete", "namespace", f"e2e-{name}", "--ignore-not-found", "--wait=false")


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


def look_after_a_kill(stack: Stack) -> int:
    """What the next `up` makes of a stack; returns how many resources were in its state."""
    stack.run("cancel", "--yes")
    done = len(stack.resources())
    stack.up()
    plan = json.loads(stack.preview("--json"))
    assert {step["op"] for step in plan["steps"]} <= {"same", "read"}
    namespace = str(stack.platform["namespace"])
    client_pod(namespace, "client", "app", programs=["access.py"])
    assert in_pod(namespace, "client", "python3", "/programs/access.py", "produce", "orders").strip() == "ok"
    return done


def kill_at(folder: Path, turn: int) -> list[int]:
    """Kills an `up` at each moment of this turn; returns how many resources were in the state at each."""
    names = (f"interrupted-{turn}-{number}" for number in itertools.count())
    with new_stack(folder, next(names)) as stack:
        started = time.monotonic()
        stack.up()
        whole_seconds = time.monotonic() - started
    done_at_the_kill: list[int] = []
    moments = list(range(turn, MOMENTS, AT_A_TIME))
    while moments:
        with new_stack(folder, next(names)) as stack:
            if kill_after(stack, whole_seconds * (moments[0] + 0.5) / MOMENTS * LATEST):
                done_at_the_kill.append(look_after_a_kill(stack))
                del moments[0]
            else:
                whole_seconds *= 0.8  # it was quicker this time, and has ended by itself
    print(f"\nresources in the state when killed: {done_at_the_kill}; a whole up takes {whole_seconds:.1f} s")
    return done_at_the_kill


@pytest.mark.timeout(2400)
def test_the_next_up_converges(tmp_path: Path) -> None:
    with ThreadPoolExecutor(AT_A_TIME) as threads:
        done = [each for of_one in threads.map(partial(kill_at, tmp_path), range(AT_A_TIME)) for each in of_one]
    # Most of the time goes by while the brokers start, with the same number of resources done.
    assert len(set(done)) >= 2, "the kills must hit the beginning and the middle"
