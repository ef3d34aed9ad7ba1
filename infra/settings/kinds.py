"""The classes that stack files are made of."""

import functools
from dataclasses import fields, is_dataclass
from typing import Any, get_args, get_type_hints

from pydantic import BaseModel

from infra.settings.model import Settings


@functools.cache
def _kinds() -> tuple[type, ...]:
    found: dict[type, None] = {}
    waiting: list[Any] = [Settings]
    while waiting:
        kind = waiting.pop()
        if not isinstance(kind, type):
            waiting += get_args(kind)
        elif kind not in found and (is_dataclass(kind) or issubclass(kind, BaseModel)):
            found[kind] = None
            waiting += get_type_hints(kind).values()
    return tuple(found)


def declared() -> tuple[type, ...]:
    """The dataclasses that stack files are made of."""
    return tuple(kind for kind in _kinds() if is_dataclass(kind))


@functools.cache
def names() -> frozenset[str]:
    """The names of all their fields, as programs write them."""
    models = (kind for kind in _kinds() if issubclass(kind, BaseModel))
    return frozenset(each.name for kind in declared() for each in fields(kind)) | frozenset(
        name for kind in models for name in kind.model_fields
    )
