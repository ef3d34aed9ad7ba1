"""The gateway under attack stays within a pod's memory, ends what never goes on, and serves those who behave."""

import asyncio
import contextlib
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests import attacks
from tests.unit.runtime.gateway.conftest import RED, Kafka, Program, StartGateway, authorization, password
from tests.unit.runtime.gateway.test_bad_input import Witness, peak_megabytes

POD_MEGABYTES = 256
"""The least that a pod may have."""
BODY_SECONDS = 3.0
LOGIN = attacks.basic(RED, password(RED))
GROUPS = Path("/sys/fs/cgroup/memory")


@pytest.fixture(scope="module")
def topic(kafka: Kafka) -> str:
    kafka.make_topic("red-good")
    return kafka.make_topic("red-bounds")


@pytest.fixture
def pod(start_gateway: StartGateway, topic: str) -> Iterator[Program]:
    """A gateway that is killed, as in a pod, when it takes more memory; where the machine lets a test bound it."""
    program = start_gateway({"limits": {"timeoutSeconds": BODY_SECONDS}})
    group = GROUPS / f"gateway-{program.process.pid}"
    with contextlib.suppress(OSError):
        group.mkdir()
        (group / "memory.limit_in_bytes").write_text(str(POD_MEGABYTES * 2**20))
        (group / "cgroup.procs").write_text(str(program.process.pid))
    assert program.ask("POST", "/topics/red-good", {"records": [{"value": 1}]}, user=RED).status == 200
    yield program
    with contextlib.suppress(OSError):
        print(f"peak of the group: {int((group / 'memory.max_usage_in_bytes').read_text()) / 2**20:.0f} MB")
    program.stop()
    with contextlib.suppress(OSError):
        group.rmdir()


class Attacked:
    """What was seen while a gateway was attacked."""

    def __init__(self, program: Program, attack: Callable[[], attacks.Seen]) -> None:
        witness = Witness(program)
        witness.start()
        try:
            self.seen = attack()
        finally:
            witness.ended.set()
            witness.join()
        self.statuses: Counter[int] = witness.statuses
        self.peak = peak_megabytes(program.process.pid)
        print(f"peak {self.peak:.0f} MB, {self.seen}, {witness.statuses}, slowest good one {witness.slowest:.2f} s")


def attack(program: Program, payload: bytes, count: int = 7000, seconds: float = 15, **more: object) -> Attacked:
    return Attacked(
        program,
        lambda: asyncio.run(
            attacks.hold("127.0.0.1", program.port, payload, count=count, seconds=seconds, **more)  # type: ignore[arg-type]
        ),
    )


@pytest.mark.parametrize("kind", attacks.STRANGERS)
def test_strangers_cannot_fill_the_memory_nor_keep_others_out(pod: Program, kind: str) -> None:
    attacked = attack(pod, attacks.STRANGERS[kind], count=300 if kind == "pipelines" else 7000)
    assert pod.process.poll() is None
    assert attacked.peak < POD_MEGABYTES
    assert set(attacked.statuses) == {200}
    assert attacked.seen.left <= (300 if kind == "pipelines" else 0)
