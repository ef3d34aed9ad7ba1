"""Faults of a stack file: one line each."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kafka_platform.values.words import Path, listed, show_path


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One fault."""

    path: Path
    """Its path below `kafka-platform:platform`, or in the whole file for anything outside of it."""
    message: str
    """What is wrong and how to fix it: `what: fix`."""
    place: str | None = None
    """Where instead of a path, if the file cannot be read so far: `line 7`."""

    def __str__(self) -> str:
        return f"{self.place or show_path(self.path)}: {self.message}"


class SettingsError(ValueError):
    """Settings that cannot be deployed; `faults` has all of them, in the order of the file."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__("\n".join(str(fault) for fault in faults))
        self.faults = tuple(faults)


def declare(where: str, known: Iterable[str]) -> str:
    """A fix for the name of something that is not declared: the nearest one may be another team's, so all are shown."""
    words = tuple(known)
    return f"declare it under {where}" + (f", or name one that is there: {listed(words)}" if words else "")


class Known:
    """The parts of the settings without faults, from which other checks can draw conclusions."""

    def __init__(self, faulty: Collection[Path], data: Mapping[str, Any] | None = None) -> None:
        """`faulty` are the paths of faults, `data` is the content of the file."""
        self._data = data or {}
        self._faulty = frozenset(faulty)
        self._above = frozenset(each[:depth] for each in self._faulty for depth in range(len(each)))

    def __call__(self, *path: str) -> bool:
        """Whether there is no fault at, above or below the path."""
        return path not in self._above and not any(path[:depth] in self._faulty for depth in range(len(path) + 1))

    def written(self, section: str) -> set[str]:
        """The keys of a section that have no faults."""
        return set(self._data.get(section) or {})

    def names(self, section: str) -> list[str] | None:
        """Names below a section that were left out for a fault; None if the section itself was."""
        if (section,) in self._faulty:
            return None
        return [str(each[1]) for each in self._faulty if len(each) == 2 and each[0] == section]
