"""Decides when a failed connector is restarted: soon at first, then less and less often, and never more often than that."""

from dataclasses import dataclass

FIRST_SECONDS = 20.0
"""From a failure to the first restart: longer than the Job that applies connectors takes to judge one that has just failed."""
LONGEST_SECONDS = 300.0
"""The longest pause between two restarts, and how long a connector has to be well until the pauses begin anew."""


@dataclass(kw_only=True)
class _Seen:
    """A connector that has failed."""

    due: float
    pause: float
    well_since: float | None = None


class Restarts:
    """When each connector is to be restarted, in monotonic seconds.

    Args:
        first: the pause before the first restart.
        longest: the longest pause.
    """

    def __init__(self, first: float = FIRST_SECONDS, longest: float = LONGEST_SECONDS) -> None:
        self._first = first
        self._longest = longest
        self._seen: dict[str, _Seen] = {}

    def is_due(self, name: str, now: float, *, failed: bool) -> bool:
        """Whether a connector, seen in this state, is to be restarted now."""
        seen = self._seen.get(name)
        if not failed:
            self._well(name, seen, now)
            return False
        if seen is None:
            self._seen[name] = _Seen(due=now + self._first, pause=self._first)
            return False
        if seen.well_since is not None:
            seen.due, seen.well_since = max(seen.due, now + self._first), None
        return now >= seen.due

    def restarted(self, name: str, now: float) -> float:
        """Note a restart. Returns the pause until the next one."""
        seen = self._seen[name]
        seen.pause = min(self._longest, seen.pause * 2)
        seen.due = now + seen.pause
        return seen.pause

    def keep(self, names: set[str]) -> None:
        """Forget all other connectors, which are gone or are not to run."""
        self._seen = {name: seen for name, seen in self._seen.items() if name in names}

    def _well(self, name: str, seen: _Seen | None, now: float) -> None:
        if seen is None:
            return
        if seen.well_since is None:
            seen.well_since = now
        elif now - seen.well_since >= self._longest:
            del self._seen[name]
