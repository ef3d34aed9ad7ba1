"""What operators installed by their official Helm charts have in common. No Pulumi."""

import re
from collections.abc import Mapping
from typing import Any

_REGISTRY = re.compile(r"[a-z0-9][A-Za-z0-9._:/-]*[A-Za-z0-9]")


def check_registry(registry: str | None) -> None:
    """Raises unless it is a registry of images, if one is given."""
    if registry is not None and not _REGISTRY.fullmatch(registry):
        raise ValueError(f"registry: {registry!r} is not a registry: write one such as registry.example.com")


def merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Values of a chart, and others on top of them."""
    made = dict(below)
    for key, value in above.items():
        old = made.get(key)
        made[key] = merged(old, value) if isinstance(old, Mapping) and isinstance(value, Mapping) else value
    return made
