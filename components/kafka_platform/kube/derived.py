"""Values that follow from others, of which some are known only while deploying. No Pulumi."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Derived:
    """A value that follows from others, of which some are known only while deploying."""

    function: Callable[..., Any]
    values: tuple[Any, ...]


def derived(function: Callable[..., Any], *values: Any) -> Any:
    """The function's result: at once if all values are plain, otherwise when Pulumi knows them."""
    return function(*values) if all(map(is_plain, values)) else Derived(function, values)


def is_plain(value: Any) -> bool:
    """Whether a value is known now, with everything in it."""
    if isinstance(value, Mapping):
        return all(map(is_plain, value.values()))
    if isinstance(value, list | tuple):
        return all(map(is_plain, value))
    return value is None or isinstance(value, str | int | float | bool)
