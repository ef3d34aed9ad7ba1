"""Tells the engine that runs this program to end, as Ctrl-C would."""

import os
import signal
import subprocess
from pathlib import Path

MOST_ANCESTORS = 10
"""A program's parent is the language host, and that one's parent the engine."""


def cancel() -> None:
    """Makes the engine cancel: it informs the providers, records the state, and fails. Does nothing if the engine is not found."""
    engine = find_engine(os.getppid())
    if engine is not None:
        os.kill(engine, signal.SIGTERM)


def find_engine(process: int) -> int | None:
    """The process id of the nearest ancestor that is Pulumi's command line; None if there is none, as under its mocks."""
    for _ in range(MOST_ANCESTORS):
        found = _parent_and_name(process)
        if found is None:
            return None
        parent, name = found
        if name == "pulumi":
            return process
        process = parent
    return None


def _parent_and_name(process: int) -> tuple[int, str] | None:
    try:
        if Path("/proc/self/status").exists():
            lines = Path(f"/proc/{process}/status").read_text(encoding="utf-8").splitlines()
            told = dict(line.split(":\t", 1) for line in lines if ":\t" in line)
            return int(told["PPid"]), told["Name"]
        command = ["ps", "-o", "ppid=,comm=", "-p", str(process)]  # macOS has no /proc
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)
        parent, _, name = done.stdout.strip().partition(" ")
        return int(parent), Path(name.strip()).name
    except (OSError, ValueError, KeyError, subprocess.SubprocessError):
        return None
