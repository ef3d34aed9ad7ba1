"""Unknown words: the nearest known one, or all of them, and their position. No Pulumi."""

import difflib
import re
from collections.abc import Iterable, Sequence
from enum import Enum
from functools import lru_cache
from itertools import islice

Path = tuple[str | int, ...]
"""Position of a value in a declaration, as keys and list indices."""

MOST_COMPARED = 500
"""Words among which the nearest is looked for: beyond it thousands of faults would take minutes."""
MOST_SHOWN = 20
"""Words that a message lists."""

_PLAIN_KEY = re.compile(r"[^\s.\[\]'\"]+")


class Deciding(Enum):
    """Base of enums whose words decide what is deleted, who may do what, or which policies apply: these are never guessed."""


def show_path(path: Path) -> str:
    """A path as shown in messages: `kafka.nodes`, `acls[0].name`; names with dots in quotes."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            text += ("." if text else "") + (part if _PLAIN_KEY.fullmatch(part) else repr(part))
    return text


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


def listed(words: Sequence[str]) -> str:
    """The words with commas, as far as a message can hold them."""
    return ", ".join(words[:MOST_SHOWN]) + (", ..." if len(words) > MOST_SHOWN else "")


def _one_of(words: Sequence[str]) -> str:
    if not words:
        return "remove it"
    return f"use one of {listed(words)}" if len(words) > 1 else f"use {listed(words)}"


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
