import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from sandbox.instance import Instance
from sandbox.processes import Service, Supervisor, changed, end, record, recorded, start_time

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the sandbox's processes are Linux processes")


@pytest.fixture
def instance(tmp_path: Path) -> Instance:
    return Instance(state=tmp_path, subnet=90, count=0, port=1)


def eventually(condition: Callable[[], bool], seconds: float = 240) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "not in time"
        time.sleep(0.02)


def test_a_process_that_has_a_recorded_pid_by_chance_is_not_ours(instance: Instance) -> None:
    (instance.state / "run").mkdir()
    (instance.state / "run" / "x.pid").write_text(f"{os.getpid()} 1")
    assert recorded(instance, "x") is None
    end(instance, "x", signals=((signal.SIGKILL, 1),))  # and it is not ended: this test goes on
    assert start_time(os.getpid()) is not None


def test_a_recorded_process_is_ended(instance: Instance) -> None:
    child = subprocess.Popen(["sleep", "100"])
    record(instance, "x", child.pid)
    assert recorded(instance, "x") == child.pid
    end(instance, "x", signals=((signal.SIGTERM, 60),))
    assert child.wait() == -signal.SIGTERM
    assert recorded(instance, "x") is None


def lines(file: Path) -> int:
    return len(file.read_text().splitlines()) if file.exists() else 0


def service(file: Path) -> Service:
    return Service("s", ["sh", "-c", f"echo $$ >> {file}; exec sleep 100"])


def test_a_supervisor_starts_again_what_ends_and_ends_with_it(instance: Instance, tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    Supervisor(instance, "v", services=[service(pids)], setup=[["touch", tmp_path / "set-up"]]).go()
    eventually(lambda: lines(pids) == 1)
    assert (tmp_path / "set-up").exists()
    os.kill(int(pids.read_text()), signal.SIGKILL)
    eventually(lambda: lines(pids) == 2)
    assert "ended (-9)" in (instance.logs / "s.log").read_text()
    second = int(pids.read_text().splitlines()[1])
    end(instance, "v", signals=((signal.SIGINT, 60),))
    assert start_time(second) is None


def test_nothing_outlives_a_supervisor_that_is_killed(instance: Instance, tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    Supervisor(instance, "v", services=[service(pids)]).go()
    eventually(lambda: lines(pids) == 1)
    end(instance, "v", signals=((signal.SIGKILL, 60),))
    eventually(lambda: start_time(int(pids.read_text())) is None)


def test_a_supervisor_ends_when_its_starter_dies_before_it_is_recorded(instance: Instance, tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    program = (
        "import os, pathlib; from sandbox.instance import Instance; from sandbox.processes import *;"
        f"i = Instance(state=pathlib.Path({str(instance.state)!r}), subnet=90, count=0, port=1);"
        f"s = Supervisor(i, 'v', services=[Service('s', ['sh', '-c', 'echo $$ >> {pids}; sleep 100'])]);"
        "print(s.pid, flush=True); os.kill(os.getpid(), 9)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    pid = int(done.stdout)
    eventually(lambda: start_time(pid) is None)
    assert not pids.exists()


def test_a_failed_setup_says_why_and_starts_nothing(instance: Instance, tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    Supervisor(instance, "v", services=[service(pids)], setup=[["ls", "/does/not/exist"]]).go()
    eventually(lambda: recorded(instance, "v") is None)
    assert "/does/not/exist" in (instance.logs / "v.log").read_text()
    assert not pids.exists()


def test_other_arguments_are_noticed(instance: Instance) -> None:
    (instance.state / "run").mkdir()
    before = [Service("s", ["sleep", "1"])]
    (instance.state / "run" / "v.json").write_text(json.dumps({"services": [{"name": "s", "argv": ["sleep", "1"]}]}))
    assert not changed(instance, "v", before)
    assert changed(instance, "v", [Service("s", ["sleep", "2"])])
