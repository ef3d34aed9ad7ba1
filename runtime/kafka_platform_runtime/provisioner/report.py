"""What a run reports: lines while it works, and a final message that Kubernetes keeps with the pod."""

import sys
import time
from collections import Counter
from collections.abc import Iterable, Sequence

from kafka_platform_runtime.provisioner.planning.changes import (
    Change,
    TopicChange,
    TopicRemoval,
    UserChange,
    UserRemoval,
    count,
)
from kafka_platform_runtime.termination import LONGEST_MESSAGE

# Names in a list in the message; the log has all of them.
NAMES_SHOWN = 20


class Report:
    """Collects what was planned, applied and failed, over all attempts of one run."""

    def __init__(self) -> None:
        self._begun = time.monotonic()
        self._planned: dict[str, Change] = {}
        self._applied: dict[str, Change] = {}
        self._failed: dict[str, str] = {}
        self._unchanged = 0

    def say(self, line: str) -> None:
        """Print one line to the log, with the seconds since the start."""
        sys.stdout.write(f"{self.seconds:7.1f}s  {line}\n")
        sys.stdout.flush()

    def plan(self, changes: Iterable[Change], unchanged: int) -> None:
        """Note what an attempt is about to do; what earlier attempts applied stays noted."""
        self._planned = {change.key: change for change in changes}
        self._failed.clear()
        self._unchanged = max(0, unchanged - len(self._applied.keys() - self._planned.keys()))

    def applied(self, change: Change) -> None:
        """Note that a change was made and recorded."""
        self._applied[change.key] = change
        self.say(f"{change.key}: {change.describe()}")

    def failed(self, key: str, reason: str) -> None:
        """Note that the cluster refused a change."""
        self._failed[key] = reason
        self.say(f"{key}: failed: {reason}")

    @property
    def failures(self) -> dict[str, str]:
        """The reasons, by key."""
        return dict(self._failed)

    @property
    def seconds(self) -> float:
        """How long the run has taken so far."""
        return time.monotonic() - self._begun

    def changes(self) -> dict[str, int]:
        """How many topics and users, by what became of them (`runs.CHANGES`)."""
        counted = Counter(_became(change) for change in self._applied.values())
        return {**counted, "unchanged": self._unchanged, "refused": len(self._failed), "not_tried": len(self._left)}

    @property
    def _left(self) -> list[str]:
        """What was planned and not tried."""
        return [key for key in self._planned if key not in self._applied and key not in self._failed]

    def success(self) -> str:
        """What was done, in one line that begins with the success: Pulumi shows what a Job's pod left as a warning."""
        if not self._applied:
            return f"done: nothing to change, {count(self._unchanged, 'declaration')} in place"
        return f"done: {self._done()}; {self._unchanged:,} unchanged; {self.seconds:.1f} s"

    def refused(self, faults: Sequence[str]) -> str:
        """The message of a run that was refused before it changed anything, or after the changes that it lists."""
        return self._message(faults)

    def partial(self) -> str:
        """The message of a run in which the cluster refused some of the changes."""
        return self._message([f"{key}: {reason}" for key, reason in sorted(self._failed.items())])

    def _message(self, reasons: Sequence[str]) -> str:
        left = self._left
        ending = [f"applied: {_names(self._applied)}" if self._applied else "nothing was applied"]
        if left:
            ending.append(f"not tried: {_names(left)}")
        return fit(reasons, ending)

    def _done(self) -> str:
        changes = self._applied.values()
        topics = [change for change in changes if isinstance(change, TopicChange)]
        users = [change for change in changes if isinstance(change, UserChange)]
        gone = [change for change in changes if isinstance(change, TopicRemoval)]
        users_gone = [change for change in changes if isinstance(change, UserRemoval)]
        created = sum(change.create for change in topics)
        parts = [
            (created, "topic", "created"),
            (len(topics) - created, "topic", "changed"),
            (sum(change.is_new for change in users), "user", "created"),
            (sum(not change.is_new for change in users), "user", "changed"),
            (sum(change.delete and change.exists for change in gone), "topic", "deleted with their records"),
            (sum(not change.kept for change in users_gone), "user", "removed"),
        ]
        told = [f"{count(number, noun)} {verb}" for number, noun, verb in parts if number]
        kept = [change.name for change in gone if change.exists and not change.delete]
        if kept:
            told.append(f"{count(len(kept), 'topic')} no longer declared, kept with records: {_names(kept)}")
        left = [change.name for change in users_gone if change.kept]
        if left:
            told.append(f"{count(len(left), 'user')} no longer declared, kept as taken over: {_names(left)}")
        return ", ".join(told) or "nothing to change"


def _became(change: Change) -> str:
    match change:
        case TopicChange():
            return "created" if change.create else "changed"
        case UserChange():
            return "created" if change.is_new else "changed"
        case TopicRemoval():
            return "removed" if change.delete and change.exists else "kept"
    return "kept" if change.kept else "removed"


def _names(names: Iterable[str]) -> str:
    every = list(names)
    more = f" and {len(every) - NAMES_SHOWN:,} more" if len(every) > NAMES_SHOWN else ""
    return ", ".join(every[:NAMES_SHOWN]) + more


def fit(reasons: Sequence[str], ending: Sequence[str]) -> str:
    """The reasons and then the ending, one per line, within what Kubernetes keeps; counts reasons that do not fit."""
    tail = "\n".join(ending)
    room = LONGEST_MESSAGE - len(tail.encode()) - 64
    shown: list[str] = []
    for index, reason in enumerate(reasons):
        size = len(reason.encode()) + 1
        if size > room and not shown:
            shown.append(reason.encode()[: max(0, room - 4)].decode(errors="ignore") + " ...")
            room = 0
        elif size > room:
            shown.append(f"and {len(reasons) - index:,} more; the log of the pod has all of them")
            break
        else:
            shown.append(reason)
            room -= size
    return "\n".join([*shown, tail]).encode()[:LONGEST_MESSAGE].decode(errors="ignore")
