"""Every task and thread of the probe, killed one by one: the program ends."""

import json
import re
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.ports import free_ports
from tests.unit.runtime.gateway.conftest import Kafka, Program
from tests.unit.runtime.probe.test_program import Probe, gateway, kafka

__all__ = ["gateway", "kafka"]

SECONDS = 240.0
TASKS = ("judge of the probes", "reader by HTTP", "writer of the probes")
"""Tasks without which there are no figures."""
WATCHERS = ("look for changes", "order to end")
"""Tasks whose end is the order to end."""
THREADS = ("native-acknowledgements", "native-reader", "questions_0")


def order(port: int, *words: str) -> Any:
    with socket.create_connection(("127.0.0.1", port), 10) as connection:
        connection.sendall(f"{' '.join(words)}\n".encode())
        answer = connection.makefile().read()
    # A program whose thread was told to end may have ended before it answers.
    return json.loads(answer) if answer else None


@contextmanager
def at_work(kafka: Kafka, folder: Path, gateway: Program) -> Iterator[tuple[Probe, int]]:
    """A probe that has begun, and the port on which it takes orders."""
    [control] = free_ports(1)
    module = ["tests.unit.runtime.killing", str(control), "kafka_platform_runtime.probe"]
    probe = Probe(kafka, folder, f"http://127.0.0.1:{gateway.port}", module=module)
    try:
        until = time.monotonic() + SECONDS
        while "begun" not in probe.log.read_text():
            assert time.monotonic() < until, probe.log.read_text()
            assert probe.process.poll() is None, probe.log.read_text()
            time.sleep(0.1)
        yield probe, control
    finally:
        probe.process.kill()
        probe.process.wait()


def test_every_task_and_thread_has_a_name_and_is_known_here(kafka: Kafka, tmp_path: Path, gateway: Program) -> None:
    with at_work(kafka, tmp_path, gateway) as (_, control):
        found = order(control, "list")
        served = {name for name in found["tasks"] if "." in name}  # aiohttp's, and one for each partition
        assert set(found["tasks"]) - served == {"_run", *TASKS, *WATCHERS}
        # How many threads a pool has by now depends on how quick its first ones were.
        pools = {name.rpartition("_")[0] or name for name in found["threads"]}
        assert pools - {"MainThread"} == {name.rpartition("_")[0] or name for name in THREADS}


def exit_code(probe: Probe, control: int) -> int:
    """How the program ended; where it does not, what its tasks and threads do."""
    try:
        return probe.process.wait(SECONDS)
    except subprocess.TimeoutExpired:
        pytest.fail(f"{json.dumps(order(control, 'stacks'), indent=1)}\n{probe.log.read_text()}")


@pytest.mark.parametrize("task", TASKS)
def test_the_program_ends_with_a_task(kafka: Kafka, tmp_path: Path, gateway: Program, task: str) -> None:
    with at_work(kafka, tmp_path, gateway) as (probe, control):
        order(control, "cancel", task)
        assert exit_code(probe, control) == 1
        assert f"{task} has ended: was cancelled" in probe.log.read_text()


@pytest.mark.parametrize("task", WATCHERS)
def test_the_program_ends_when_nothing_could_end_it(kafka: Kafka, tmp_path: Path, gateway: Program, task: str) -> None:
    with at_work(kafka, tmp_path, gateway) as (probe, control):
        order(control, "cancel", task)
        assert isinstance(exit_code(probe, control), int)


@pytest.mark.parametrize("thread", THREADS[:2])
def test_the_program_ends_with_a_thread(kafka: Kafka, tmp_path: Path, gateway: Program, thread: str) -> None:
    with at_work(kafka, tmp_path, gateway) as (probe, control):
        order(control, "thread", thread)
        assert exit_code(probe, control) == 1
        # What is raised inside of a call of C is told as a SystemError.
        assert re.search(rf"{thread} has ended: System(Exit|Error)", probe.log.read_text())
