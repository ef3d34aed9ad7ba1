"""What is wrong with a stack file, in people's words: one line for each fault."""

import difflib
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from typing import Any

Path = tuple[str | int, ...]
"""Where something stands in a stack file, as keys and positions in lists."""

_PLAIN_KEY = re.compile(r"[^\s.\[\]'\"]+")


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One thing that is wrong."""

    path: Path
    """Where, below `kafka-platform:platform` (or in the whole file, for what stands outside of it)."""
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


def show_path(path: Path) -> str:
    """A path as people write it: `kafka.nodes`, `acls[0].name`; names with dots in quotes."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            text += ("." if text else "") + (part if _PLAIN_KEY.fullmatch(part) else repr(part))
    return text


def show(value: object) -> str:
    """A value as it stands in the file."""
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    if isinstance(value, bool):
        return str(value).lower()
    return repr(value) if isinstance(value, str) else str(value)


def suggest(word: str, known: Iterable[str]) -> str:
    """A fix for a word that is not known: the nearest known one, otherwise all (or how many there are)."""
    words = tuple(known)
    near = _nearest(word.lower(), words)
    if near is not None:
        return f"did you mean {near!r}?"
    return _one_of(words)


def choose(word: str, known: Iterable[str]) -> str:
    """A fix for a word that decides on what is deleted, or on who may do what: the known ones, and never the nearest alone."""
    words = tuple(known)
    same = _lower(words).get(word.lower())
    return f"write {same}" if same is not None else _one_of(words)


def declare(where: str, known: Iterable[str]) -> str:
    """A fix for the name of something that is not declared: the nearest one may be another team's, so all are shown."""
    words = tuple(known)
    shown = ", ".join(words[:20]) + (", ..." if len(words) > 20 else "")
    return f"declare it under {where}" + (f", or name one that is there: {shown}" if words else "")


def _one_of(words: Sequence[str]) -> str:
    if not words:
        return "remove it"
    shown = ", ".join(words[:20]) + (", ..." if len(words) > 20 else "")
    return f"use one of {shown}" if len(words) > 1 else f"use {shown}"


MOST_COMPARED = 500
"""Words among which the nearest is looked for: beyond it thousands of faults would take minutes."""


@lru_cache(maxsize=4)
def _lower(words: tuple[str, ...]) -> dict[str, str]:
    return {each.lower(): each for each in words}


def _nearest(word: str, words: tuple[str, ...]) -> str | None:
    """The one of the words that is most like the word, if any is."""
    lower = _lower(words)
    if word in lower:
        return lower[word]
    if len(lower) > MOST_COMPARED:
        # Most typing errors are behind the first letter.
        lower = {each: lower[each] for each in lower if each[:3] == word[:3]}
    compared = islice(lower, MOST_COMPARED)
    return next((lower[each] for each in difflib.get_close_matches(word, compared, n=1, cutoff=0.6)), None)


class Known:
    """What is free of faults, so that something can be concluded from it."""

    def __init__(self, faulty: Collection[Path], data: Mapping[str, Any] | None = None) -> None:
        """`faulty` are the paths of faults, `data` is what stands in the file besides."""
        self._data = data or {}
        self._faulty = frozenset(faulty)
        self._above = frozenset(each[:depth] for each in self._faulty for depth in range(len(each)))

    def __call__(self, *path: str) -> bool:
        """Whether nothing at, above or below the path is at fault."""
        return path not in self._above and not any(path[:depth] in self._faulty for depth in range(len(path) + 1))

    def written(self, section: str) -> set[str]:
        """The keys that stand in a section and are free of faults."""
        return set(self._data.get(section) or {})

    def names(self, section: str) -> list[str] | None:
        """Names below a section that were left out for a fault; None if the section itself was."""
        if (section,) in self._faulty:
            return None
        return [str(each[1]) for each in self._faulty if len(each) == 2 and each[0] == section]
