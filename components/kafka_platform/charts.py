"""What operators installed by their official Helm charts have in common. No Pulumi."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from kafka_platform.checks import checked
from kafka_platform.free_maps import check_values

MOST_REPLICAS = 5
"""One pod of each part works and the others wait: more of them only cost."""

_REGISTRY = re.compile(r"[a-z0-9][A-Za-z0-9._:/-]*[A-Za-z0-9]")
_VERSION = re.compile(r"(\d+)\.(\d+)\.(\d+)")


def check_chart(
    *, replicas: int, registry: str | None, values: Mapping[str, Any], owned: Mapping[str, str] | None = None
) -> None:
    """Raises ValueError, which names the field, the value and the fix, for what no chart can be installed with.

    `owned` are values that follow from something else, each with what is wrong with giving them.
    """
    if not 1 <= replicas <= MOST_REPLICAS:
        raise ValueError(f"replicas: {replicas} is out of range: use 1 to {MOST_REPLICAS}")
    checked("values", check_values, values)
    if registry is not None and not _REGISTRY.fullmatch(registry):
        raise ValueError(f"registry: {registry!r} is not a registry: write one such as registry.example.com")
    for key, reason in (owned or {}).items():
        if key in values:
            raise ValueError(f"values: {key}: {reason}")


def definitions_kept(kinds: str, *keys: str) -> dict[str, str]:
    """The values by which a chart would own the definitions of its `kinds`, with what is wrong with giving them."""
    reason = f"the chart would delete every {kinds} when it goes: remove the key, the definitions are kept"
    return dict.fromkeys(keys or ("crds",), reason)


def check_version(version: str, what: str, example: str, least: Iterable[int] = (0, 0, 0)) -> None:
    """Raises unless it is a version of a chart, and none older than `least`."""
    match = _VERSION.fullmatch(version)
    if match is None:
        raise ValueError(f"version: {version!r} is not a version of {what}: write three numbers, such as {example}")
    if tuple(map(int, match.groups())) < tuple(least):
        oldest = ".".join(map(str, least))
        raise ValueError(f"version: {version} is too old: use {oldest} or newer, such as {example}")


def merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Values of a chart, and others on top of them."""
    made = dict(below)
    for key, value in above.items():
        old = made.get(key)
        made[key] = merged(old, value) if isinstance(old, Mapping) and isinstance(value, Mapping) else value
    return made
