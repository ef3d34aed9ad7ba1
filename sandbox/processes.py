"""The processes that a sandbox starts: found again by pid and start time, and ended by nothing else."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sandbox.host import SandboxError, environment, tail
from sandbox.instance import Instance, write

SUPERVISOR = Path(__file__).with_name("supervise.py")


def start_time(pid: int) -> str | None:
    """When a process began, in ticks since boot; None if there is none. With the pid it identifies a process forever."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if fields[0] in "ZX" else fields[19]


def record(instance: Instance, name: str, pid: int) -> None:
    """Records a process that was started, so that it can be found and ended."""
    write(instance.state / "run" / f"{name}.pid", f"{pid} {start_time(pid)}")


def recorded(instance: Instance, name: str) -> int | None:
    """The pid of a recorded process if it still runs."""
    try:
        pid, began = (instance.state / "run" / f"{name}.pid").read_text().split()
    except FileNotFoundError:
        return None
    return int(pid) if start_time(int(pid)) == began else None


def end(instance: Instance, name: str, *, signals: tuple[tuple[signal.Signals, float], ...]) -> None:
    """Ends a recorded process with the given signals, each with the seconds to wait after it.

    Raises:
        SandboxError: it did not end.
    """
    for number, seconds in signals:
        pid = recorded(instance, name)
        if pid is None:
            break
        os.kill(pid, number)
        deadline = time.monotonic() + seconds
        while recorded(instance, name) is not None and time.monotonic() < deadline:
            time.sleep(0.02)
    if recorded(instance, name) is not None:
        raise SandboxError(f"{name} (process {recorded(instance, name)}) does not end: look at it and run this again")
    (instance.state / "run" / f"{name}.pid").unlink(missing_ok=True)


@dataclass(frozen=True)
class Service:
    """A program that a supervisor keeps running; its output goes to logs/NAME.log."""

    name: str
    argv: Sequence[str | Path]


def _listed(services: Sequence[Service]) -> list[dict[str, object]]:
    return [{"name": each.name, "argv": [str(part) for part in each.argv]} for each in services]


def changed(instance: Instance, name: str, services: Sequence[Service]) -> bool:
    """Whether a supervisor was last started with services other than these."""
    spec = json.loads((instance.state / "run" / f"{name}.json").read_text())
    return bool(spec["services"] != _listed(services))


class Supervisor:
    """A started supervisor that waits for `go`; until then nobody knows it and it ends with this process."""

    def __init__(
        self,
        instance: Instance,
        name: str,
        *,
        services: Sequence[Service] = (),
        setup: Sequence[Sequence[str | Path]] = (),
        unshare: Sequence[str] = (),
        env: dict[str, str] | None = None,
    ) -> None:
        instance.logs.mkdir(parents=True, exist_ok=True)
        self._instance, self._name = instance, name
        spec = {
            "logs": str(instance.logs),
            "setup": [[str(each) for each in command] for command in setup],
            "services": _listed(services),
        }
        file = write(instance.state / "run" / f"{name}.json", json.dumps(spec, indent=1))
        command = [sys.executable, "-I", str(SUPERVISOR), str(file)]
        if unshare:
            command = ["unshare", *unshare, *command]
        with (instance.logs / f"{name}.log").open("ab") as log:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env=environment(env),
                cwd="/",
                start_new_session=True,
            )
        assert self._process.stdout is not None  # noqa: S101
        answer = self._process.stdout.readline()
        if not answer:
            raise SandboxError(f"{name} did not start:\n{tail((instance.logs / f'{name}.log').read_text())}")
        self.pid = int(answer)
        """The pid on this machine; in a node it is process 1."""

    def go(self) -> None:
        """Records the process and lets it begin."""
        assert self._process.stdin is not None  # noqa: S101
        assert self._process.stdout is not None  # noqa: S101
        record(self._instance, self._name, self.pid)
        self._process.stdin.write(b"go\n")
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.returncode = 0  # it stays; nobody here waits for it
