"""A `pulumi up` that is killed (SIGKILL), and what it leaves running."""

import json
import os
import select
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from sandbox.environment import standins
from tests.cluster.conformance.model import Resource
from tests.cluster.conformance.runner import Stack
from tests.harness import PATIENCE, eventually

ENDED_SECONDS = 600 if not standins() else 5
"""An official plugin looks every five minutes whether its engine is there, the sandbox's every two seconds."""


def descendants(pid: int) -> list[int]:
    parents: dict[int, int] = {}
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            text = status.read_text()
        except OSError:
            continue  # it has ended
        # The name before it may have blanks and brackets.
        parents[int(status.parent.name)] = int(text.rpartition(")")[2].split()[1])
    found = [pid]
    for each in found:
        found += [child for child, parent in parents.items() if parent == each]
    return found[1:]


def test_its_plugins_and_its_program_end_by_themselves(
    stacks: Callable[[str], Stack], environment: Mapping[str, str]
) -> None:
    stack = stacks("killed")
    waits_for_ever = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {
            "name": "waits",
            "namespace": "{namespace}",
            "annotations": {"pulumi.com/waitFor": "jsonpath={.data.done}"},
        },
        "data": {"a": "b"},
    }
    stack.declare({"waits": Resource(token="kubernetes:core/v1:ConfigMap", properties=waits_for_ever)})
    engine = subprocess.Popen(
        stack.command("up", "--yes", "--skip-preview"),
        env=stack.environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        # The plugin has made the object, and waits for it.
        eventually("the object is there", lambda: "waits" in names(stack))
        left = [os.pidfd_open(pid) for pid in descendants(engine.pid)]
        assert len(left) >= 2, "a plugin and a program run"
    finally:
        engine.send_signal(signal.SIGKILL)
        engine.wait()
    until = time.monotonic() + PATIENCE * ENDED_SECONDS
    for process in left:
        waiting = select.poll()  # `select` knows no file beyond the 1024th
        waiting.register(process, select.POLLIN)
        ended = waiting.poll(max(0.0, until - time.monotonic()) * 1000)
        os.close(process)
        assert ended, "a process still runs"
    # What it held is given back by hand, as docs/operations.md says.
    stack.pulumi("cancel", "--yes")


def names(stack: Stack) -> list[str]:
    found = json.loads(stack.kubectl("get", "configmaps", "--output=json"))
    return [each["metadata"]["name"] for each in found["items"]]
