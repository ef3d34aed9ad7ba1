"""What is known of a part of the platform: its versions, and when each of them ends."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path


class NoVersionError(LookupError):
    """A file of the repository has no longer the version that the table reads there."""


@dataclass(frozen=True, kw_only=True)
class Written:
    """A version that a file of the repository pins, and no module knows."""

    file: str
    pattern: str
    """Its first group is the version; several different ones are all listed."""

    def read(self, root: Path) -> str:
        """The versions, the oldest first.

        Raises:
            NoVersionError: there is none.
        """
        found = set(re.findall(self.pattern, (root / self.file).read_text(encoding="utf-8"), re.MULTILINE))
        if not found:
            raise NoVersionError(f"{self.file}: nothing is like {self.pattern}: correct infra/versions/table.py")
        return ", ".join(sorted(found, key=numbers))


@dataclass(frozen=True, kw_only=True)
class Part:
    """Something that the platform installs, runs on, or is made with."""

    name: str
    used: str | Written
    """The version that this release is tested with, and uses unless a stack names another."""
    works: str
    """Which versions work, in words."""
    policy: str
    """How long its project cares for a version, in words."""
    source: str
    """Where its project says so."""
    ends: Mapping[str, date | None] = field(default_factory=dict)
    """Last day with corrections of each series, the oldest first; None: cared for, and its project names no day."""
    least: str | None = None
    """Of an operator: the oldest that works."""
    image: str | None = None
    """What its image is called, without registry and version, where pods of a stack tell which version runs."""

    @property
    def newest(self) -> str | None:
        """The newest series that is known; None: of none is known when it ends."""
        return next(reversed(list(self.ends)), None)

    def series(self, version: str) -> str | None:
        """The series of a version, such as 1.34 of v1.34.2+k3s1; None if it is not known."""
        return next((each for each in self.ends if numbers(version)[: len(numbers(each))] == numbers(each)), None)

    def is_older(self, version: str) -> bool:
        """Whether a version is older than all series that are known: it has ended, whenever that was."""
        return bool(self.ends) and bool(numbers(version)) and numbers(version) < numbers(next(iter(self.ends)))


def numbers(version: str) -> list[int]:
    """The numbers of a version, without what stands behind a - or a +."""
    return [int(each) for each in re.findall(r"\d+", re.split(r"[-+]", version)[0])]
