"""Where the two sides of a change differ."""

import re
from collections.abc import Mapping
from typing import Any

from infra.review import ownership
from infra.review.changes import Change

POD = r"spec\.(?:jobTemplate\.spec\.)?template\."
"""Where the template of pods is, as a pattern of paths."""
_FOLLOWS = (
    # Hashes and generated values: they change because something else does.
    rf"{POD}metadata\.annotations\.kafka-platform/",
    # How the provider goes about it.
    r"metadata\.annotations\.pulumi\.com/",
)
"""Paths whose changes only follow from others, or are internal to the provider."""


def changed(change: Change) -> list[str]:
    """The paths below the inputs at which the two sides differ, with dots between the keys."""
    found: list[str] = []
    _differences(change.before or {}, change.after or {}, (), found)
    return found


def _differences(old: Any, new: Any, path: tuple[str, ...], found: list[str]) -> None:
    if old == new:
        return
    if isinstance(old, Mapping | None) and isinstance(new, Mapping | None):
        old, new = old or {}, new or {}
        for key in dict.fromkeys([*old, *new]):
            _differences(old.get(key), new.get(key), (*path, str(key)), found)
        return
    if isinstance(old, list | tuple) and isinstance(new, list | tuple) and len(old) == len(new):
        for index, (was, is_) in enumerate(zip(old, new, strict=True)):
            _differences(was, is_, (*path, str(index)), found)
        return
    found.append(".".join(path))


def follows(path: str) -> bool:
    """Whether a change at this path only says who owns the object, or follows from another change."""
    return ownership.is_mark(path) or any(re.match(pattern, path) for pattern in _FOLLOWS)
