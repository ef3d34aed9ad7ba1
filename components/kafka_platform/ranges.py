"""Numbers that have a range: it stands at the field, the check and the schema of stack files follow from it. No Pulumi."""

import math
from dataclasses import MISSING, field, fields
from typing import Any

_RANGE = "range"

MOST_REPLICAS = 32_767
"""Copies of a record: Kafka's protocol counts them in 16 bits."""
MOST_VERSIONS = 1_000_000
"""Passwords of one user: one a minute for two years."""


def within(least: float, most: float, *, default: Any = MISSING) -> Any:
    """A field of a dataclass whose value is a number from `least` to `most`, or None where that is the default."""
    metadata = {_RANGE: (least, most)}
    return field(metadata=metadata) if default is MISSING else field(default=default, metadata=metadata)


def check_ranges(instance: Any) -> None:
    """Raises `ValueError` for the first field of the dataclass that is out of its range."""
    for each in fields(instance):
        if _RANGE in each.metadata:
            value = getattr(instance, each.name)
            if value is not None:
                check_range(each.name, value, *each.metadata[_RANGE])


def check_range(name: str, value: float, least: float, most: float) -> None:
    """Raises `ValueError` that begins with `name` unless the number is in the range."""
    if not (math.isfinite(value) and least <= value <= most):
        raise ValueError(f"{name}: {value} is out of range: use {least} to {most}")


def ranges(kind: type) -> dict[str, tuple[float, float]]:
    """The ranges of a dataclass's fields, by name."""
    return {each.name: each.metadata[_RANGE] for each in fields(kind) if _RANGE in each.metadata}
