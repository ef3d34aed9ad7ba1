"""Specs for tests that say only what they are about."""

from dataclasses import fields
from typing import Any, TypeVar

T = TypeVar("T")


def taken(kind: type[T], given: dict[str, Any]) -> T:
    """A spec from those of `given` that are its fields, which are taken out of it."""
    return kind(**{each.name: given.pop(each.name) for each in fields(kind) if each.name in given})  # type: ignore[arg-type]
