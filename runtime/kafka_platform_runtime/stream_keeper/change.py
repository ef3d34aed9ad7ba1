"""Waits until a stream job runs as it is declared, and ends; or says why it does not.

Run as `python3 -m kafka_platform_runtime.stream_keeper.change` with these variables:

- STREAM_NAMESPACE, STREAM_NAME, STREAM_JOB: the namespace, what the job's objects are called, its id in Flink.
- STREAM_PLAN: what is declared, as the keeper calls it.
- DEADLINE_SECONDS: how long to wait (default 240).

Exit code 0: it runs. 3: it was refused. 1: ran out of time; the keeper goes on.
"""

import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Protocol

from kafka_platform_runtime.api_server import ApiServer, ConflictError
from kafka_platform_runtime.failures import Refused, Transient
from kafka_platform_runtime.jobs import REFUSED, attempts, deadline, ended, refused
from kafka_platform_runtime.stream_keeper.cluster import ConfigMaps, Held
from kafka_platform_runtime.stream_keeper.ledger import Ledger
from kafka_platform_runtime.stream_keeper.settings import Settings, needed


class Notes(Protocol):
    """What is needed of Kubernetes (`ConfigMaps`)."""

    def held(self) -> Held | None: ...  # noqa: D102
    def note(self, before: Held | None, ledger: Ledger, scripts: Mapping[str, str]) -> None: ...  # noqa: D102


class Change:
    """The wait for one plan.

    Args:
        notes: where the keeper notes what it does.
        name: what the job's objects are called.
        plan: what is declared.
    """

    def __init__(self, notes: Notes, name: str, plan: str) -> None:
        self._notes = notes
        self._name = name
        self._plan = plan
        self._asked = False

    def look(self) -> str:
        """What it has come to. Raises `Transient` as long as that is open, and `Refused` if it cannot be."""
        held = self._notes.held()
        if held is None:
            raise Transient("its keeper has not begun")
        ledger = held.ledger
        if not self._asked:
            self._try_again(held)
            self._asked = True
        elif ledger.refused is not None and ledger.refused.plan == self._plan:
            raise Refused([_refusal(self._name, ledger)])
        if ledger.plan == self._plan and ledger.settled:
            start = "without state" if ledger.origin is None else f"from {ledger.origin}"
            return f"{self._name} runs; it has started {start}"
        raise Transient(ledger.trouble or "it does not run yet")

    def _try_again(self, held: Held) -> None:
        """Whoever deploys the same once more wants it to be tried once more."""
        refusal = held.ledger.refused
        if refusal is None or refusal.plan != self._plan:
            return
        again = held.ledger.plan == self._plan
        try:
            self._notes.note(held, replace(held.ledger, refused=None, again=again), held.scripts)
        except ConflictError as conflict:
            raise Transient(str(conflict)) from None


def _refusal(name: str, ledger: Ledger) -> str:
    assert ledger.refused is not None  # noqa: S101
    reason = ledger.refused.reason
    if ledger.plan == ledger.refused.plan and ledger.former is not None:
        return (
            f"{name}: it cannot start from the state of the former job: {reason}. The former job needs the pods that it had, so none runs; "
            f"its state is in {ledger.former.origin}, and no result is lost or there twice. Take the change back, and it goes on from there, "
            f"or raise version to {ledger.version + 1} to start without state"
        )
    if ledger.plan == ledger.refused.plan:
        return f"{name}: it cannot start: {reason}"
    return (
        f"{name}: it cannot start from the state of the former job: {reason}. The former job runs again from {ledger.origin}, and no "
        f"result is lost or there twice. Take the change back, or raise version to {ledger.version + 1} to start without state"
    )


class Wait(Protocol):
    """A wait for something that the keeper does."""

    def look(self) -> str: ...  # noqa: D102


def waited(environment: Mapping[str, str], variable: str, begin: Callable[[Notes, str, str], Wait]) -> tuple[int, str]:
    """Looks until it is so, is refused, or is out of time; the exit code and the last message.

    Args:
        environment: with the variables.
        variable: says what is waited for.
        begin: makes the wait, of the keeper's notes, the name of the job's objects and that variable's value.
    """
    try:
        settings, wanted = Settings.from_environment(environment), needed(environment, variable)
        notes = ConfigMaps(ApiServer.in_pod(os.environ), settings.namespace, settings.name, settings.job)
        seconds = deadline(environment)
    except Refused as refusal:
        return REFUSED, refused(refusal)
    return attempts(begin(notes, settings.name, wanted).look, seconds)


def run(environment: Mapping[str, str]) -> tuple[int, str]:
    """Waits until it runs, is refused, or is out of time; the exit code and the last message."""
    return waited(environment, "STREAM_PLAN", Change)


if __name__ == "__main__":
    sys.exit(ended(run))
