"""Values in a manifest or in a preview, by their path of keys.

A value that is secret or not yet known counts as absent, and is never shown.
"""

from collections.abc import Mapping
from typing import Any

Object = Mapping[str, Any]
"""The inputs of a resource."""

SECRET = "[secret]"  # noqa: S105
"""What the engine writes in the place of a secret (github.com/pulumi/pulumi/pkg/v3/backend/display, json.go)."""
UNKNOWN = frozenset(
    {
        "04da6b54-80e4-46f7-96ec-b56ff0331ba9",
        "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7",
        "3eeb2bf0-c639-47a8-9e75-3b44932eb421",
        "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2",
        "030794c1-ac77-496b-92df-f27374a8bd58",
        "e48ece36-62e2-4504-bad9-02848725956a",
    }
)
"""Placeholder of values that are unknown before the deployment (sdk/go/common/resource/plugin, rpc.go)."""


def known(value: object) -> bool:
    """Whether the value is neither secret nor still unknown."""
    return not isinstance(value, str) or (value != SECRET and value not in UNKNOWN)


def at(value: Any, *path: str) -> Any:
    """The value at the path of keys; None if it is absent or unknown."""
    for key in path:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value if known(value) else None


def mapping(value: Any, *path: str) -> Mapping[str, Any]:
    """The mapping at the path of keys; empty if there is none."""
    found = at(value, *path)
    return found if isinstance(found, Mapping) else {}


def items(value: Any, *path: str) -> list[Any]:
    """The list at the path of keys; empty if there is none."""
    found = at(value, *path)
    return list(found) if isinstance(found, list | tuple) else []


def text(value: Any, *path: str) -> str:
    """The text at the path of keys; empty if there is none."""
    found = at(value, *path)
    return found if isinstance(found, str) else ""


def number(value: Any, *path: str) -> int | None:
    """The whole number at the path of keys (the engine's numbers are floats)."""
    found = at(value, *path)
    if isinstance(found, str) and found.lstrip("-").isdigit():
        return int(found)
    return int(found) if isinstance(found, int | float) and not isinstance(found, bool) else None
