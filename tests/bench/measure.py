"""What the benchmarks share: a command's time and memory, and one line of JSON at the end.

Figures are compared side by side in one run, in alternation, by their medians: machines are noisy and differ.
"""

import contextlib
import json
import os
import signal
import statistics
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Usage:
    """What one run of a command took."""

    seconds: float
    megabytes: float
    """Peak resident memory of the largest process of its tree."""
    processor: float = 0.0
    """Seconds of processors that it and all that it waited for have used: other programs change them little."""


def measured(command: Sequence[str], environment: Mapping[str, str], well: Sequence[int] = (0,)) -> Usage:
    """Runs the command to its end; raises with its output if it ends with another code than those."""
    started = time.monotonic()
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert process.stdout is not None
    output = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in well:
        raise SystemExit(f"{' '.join(command)}:\n{output.decode()}")
    return Usage(
        seconds=time.monotonic() - started,
        megabytes=usage.ru_maxrss / 1024,
        processor=usage.ru_utime + usage.ru_stime,
    )


def alternate(runs: int, *sides: Callable[[], Usage]) -> list[Usage]:
    """The median of each side over `runs` rounds; the sides take turns, after one round that is not counted."""
    rounds = [[side() for side in sides] for _ in range(runs + 1)][1:]
    return [
        Usage(
            seconds=statistics.median(each[index].seconds for each in rounds),
            megabytes=statistics.median(each[index].megabytes for each in rounds),
        )
        for index in range(len(sides))
    ]


@contextlib.contextmanager
def ending_properly() -> Iterator[None]:
    """SIGTERM raises SystemExit here, as Ctrl-C raises KeyboardInterrupt, so that what was started is ended.

    Further signals do not interrupt that.
    """

    def end(number: int, _: FrameType | None) -> None:
        for each in (signal.SIGTERM, signal.SIGINT):
            signal.signal(each, signal.SIG_IGN)
        raise SystemExit(128 + number)

    before = {each: signal.signal(each, end) for each in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


def processor_seconds(pid: int) -> float:
    """What a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident_megabytes(pid: int) -> float:
    """The memory that a process has now."""
    text = Path(f"/proc/{pid}/status").read_text()
    return int(text.partition("VmRSS:")[2].split()[0]) / 1024


def report(**figures: Any) -> None:
    """The last line of a benchmark."""
    print(json.dumps({key: round(value, 3) if isinstance(value, float) else value for key, value in figures.items()}))
