"""Waits until a program has stopped with a savepoint, before its pods give way to others.

Run as `python3 -m kafka_platform_runtime.stream_keeper.stop` with these variables:

- STREAM_NAMESPACE, STREAM_NAME, STREAM_JOB: the namespace, what the job's objects are called, its id in Flink.
- STREAM_PODS: the pods that are to come.
- DEADLINE_SECONDS: how long a savepoint may take (default 240).

Exit code 0: nothing runs that is in need of a savepoint, or can write one. 3: a variable is wrong. 1: ran out of time; deploy again.
"""

import sys
import time
from collections.abc import Callable, Mapping

from kafka_platform_runtime.failures import Transient
from kafka_platform_runtime.jobs import ended
from kafka_platform_runtime.stream_keeper.change import Notes, waited
from kafka_platform_runtime.stream_keeper.keeper import PATIENCE_SECONDS

SILENCE_SECONDS = 2 * PATIENCE_SECONDS
"""After which no savepoint comes any more: a keeper that is there begins one, or decides on a checkpoint, sooner."""


class Stop:
    """The wait for one job to stop.

    Args:
        notes: where the keeper notes what it does.
        name: what the job's objects are called.
        pods: those that are to come.
    """

    def __init__(self, notes: Notes, name: str, pods: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._notes = notes
        self._name = name
        self._pods = pods
        self._clock = clock
        self._since = clock()

    def look(self) -> str:
        """What it has come to. Raises `Transient` as long as that is open."""
        held = self._notes.held()
        if held is None:
            return f"{self._name}: no job runs yet"
        ledger = held.ledger
        if ledger.pods == self._pods:
            return f"{self._name}: the next job starts {'without state' if ledger.origin is None else f'from {ledger.origin}'}"
        if ledger.stopping is not None:
            self._since = self._clock()
            raise Transient("it stops with a savepoint")
        if self._clock() - self._since > SILENCE_SECONDS:
            return f"{self._name}: the former job writes no savepoint, and its last checkpoint takes its place"
        raise Transient(ledger.trouble or "it has not begun to stop")


def run(environment: Mapping[str, str]) -> tuple[int, str]:
    """Waits until it has stopped, or is out of time; the exit code and the last message."""
    return waited(environment, "STREAM_PODS", Stop)


if __name__ == "__main__":
    sys.exit(ended(run))
