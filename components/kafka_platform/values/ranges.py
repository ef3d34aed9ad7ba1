"""Numbers with a range, which is declared at the field; the check and the schema of stack files follow from it. No Pulumi."""

import math
from dataclasses import MISSING, field, fields
from functools import cache
from typing import Any, cast

_RANGE = "range"
_FLOOR = "floor"

MOST_REPLICAS = 32_767
"""Copies of a record: Kafka's protocol counts them in 16 bits."""
MOST_NUMBER = 1_000_000_000_000
"""Records, or whatever a query counts: more than any group lags behind."""
LEAST_NUMBER = 0.000001
MOST_PODS = 1000
"""Most pods of one workload: beyond it a number is nearly always a typing error."""
MOST_VERSIONS = 1_000_000
"""Passwords of one user: one a minute for two years."""


def within(least: float, most: float, *, default: Any = MISSING, floor: str | None = None) -> Any:
    """A field of a dataclass whose value is a number from `least` to `most`, or None where that is the default.

    `floor` names a field before it that the number is not below either, as `min` is for `max`.
    """
    metadata = {_RANGE: (least, most), _FLOOR: floor}
    return field(metadata=metadata) if default is MISSING else field(default=default, metadata=metadata)


def check_ranges(instance: Any) -> None:
    """Raises `ValueError` for the first field of the dataclass that is out of its range."""
    kind: Any = type(instance)
    for name, least, most, floor in _ranged(kind):
        value = getattr(instance, name)
        if value is not None:
            above = None if floor is None else getattr(instance, floor)
            check_range(name, value, least, most, floor=None if above is None else (above, str(floor)))


@cache
def _ranged(kind: type) -> tuple[tuple[str, float, float, str | None], ...]:
    return tuple(
        (each.name, *each.metadata[_RANGE], each.metadata[_FLOOR])
        for each in fields(cast(Any, kind))
        if _RANGE in each.metadata
    )


def check_range(name: str, value: float, least: float, most: float, *, floor: tuple[float, str] | None = None) -> None:
    """Raises `ValueError` that begins with `name` unless the number is in the range, and not below the field `floor`."""
    shown = str(least)
    if floor is not None and floor[0] >= least:
        least, shown = floor[0], f"{floor[0]} ({floor[1]})"
    if not (math.isfinite(value) and least <= value <= most):
        raise ValueError(f"{name}: {value} is out of range: use {shown} to {most}")


def ranges(kind: type) -> dict[str, tuple[float, float]]:
    """The ranges of a dataclass's fields, by name."""
    return {each.name: each.metadata[_RANGE] for each in fields(kind) if _RANGE in each.metadata}
