"""Members of JSON values, by their paths."""

from typing import Annotated, Any

import msgspec
from msgspec import Meta

Path = Annotated[str, Meta(pattern=r"^[^.\s]+(\.[^.\s]+)*$")]
"""Names of members, from the outside to the inside, such as `data.items`."""


def member(value: Any, path: str) -> Any:
    """What is at a path; None if there is nothing."""
    for name in path.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    return value


def key_at(value: Any, path: str | None) -> bytes | None:
    """The key that a value has at a path; None if there is none."""
    found = None if path is None else member(value, path)
    if found is None:
        return None
    return found.encode() if isinstance(found, str) else msgspec.json.encode(found)
