"""Values that a program may know only when it runs: Pulumi's Outputs. No Pulumi at run time."""

import sys
from collections.abc import Awaitable, Mapping
from typing import TYPE_CHECKING, Annotated, Any

LATER = "later"
"""Marks annotations of such values."""

if TYPE_CHECKING:
    from pulumi import Input as Input
else:

    class Input:
        """A value, or an Output of it: `pulumi.Input`, which stack files do without."""

        def __class_getitem__(cls, kind: Any) -> Any:
            return Annotated[kind, LATER]


_PLAIN = frozenset({str, int, float, bool, list, tuple, dict})


def is_later(value: object) -> bool:
    """Whether a program knows the value only when it runs: it is an Output, or has to be awaited."""
    if type(value) in _PLAIN:
        return False
    pulumi = sys.modules.get("pulumi")
    return isinstance(value, Awaitable) or (pulumi is not None and isinstance(value, pulumi.Output))


def known(value: Any) -> Any:
    """The value as far as it is known before the program runs: None for what is not, lists and mappings without it."""
    if isinstance(value, list | tuple):
        return tuple(each for each in value if not is_later(each)) if any(map(is_later, value)) else value
    if isinstance(value, Mapping):
        if not any(map(is_later, value.values())):
            return value
        return {key: each for key, each in value.items() if not is_later(each)}
    return None if is_later(value) else value


def plain(value: Any) -> Any:
    """The value in contexts without Outputs, as in a stack file: it is known, whatever its annotation says."""
    return value
