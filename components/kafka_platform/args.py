"""Args that arrive as plain mappings, from TypeScript, Go or YAML, become the dataclasses they are declared as."""

import dataclasses
import types
import typing
from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Any, Self, TypeVar, cast, get_args, get_origin

import pulumi

_T = TypeVar("_T")


class Args:
    """Base of the args that cross a border between languages."""

    @classmethod
    def of(cls, value: Self | Mapping[str, Any]) -> Self:
        """The value itself, or the object that a plain mapping describes.

        Raises:
            TypeError: the mapping has a key that the class does not have, or lacks one that it needs.
            ValueError: a value is not acceptable.
        """
        return value if isinstance(value, cls) else build(cls, cast(Mapping[str, Any], value))

    def get(self, name: str, default: Any = None) -> Any:
        """The field of that name: how Pulumi's component host reads an output."""
        return getattr(self, name, default)


def build(cls: type[_T], value: Mapping[str, Any]) -> _T:
    """An object of the dataclass `cls` from a mapping by field names."""
    hints = {each.name: each.type for each in dataclasses.fields(cast(Any, cls))}
    unknown = value.keys() - hints.keys()
    if unknown:
        raise TypeError(f"{cls.__name__}: {sorted(unknown)[0]}: unknown: use {', '.join(sorted(hints))}")
    return cls(**{name: convert(hints[name], given) for name, given in value.items() if given is not None})


def convert(hint: Any, value: Any) -> Any:
    """The value as the annotation wants it; values of Inputs stay as they are."""
    if isinstance(value, pulumi.Output) or value is None:
        return value
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (typing.Union, types.UnionType):
        # Optional[T] and Input[T]: the plain type stands first, or is the only one that is not None.
        return convert(next(each for each in arguments if each is not type(None)), value)
    if origin in (list, tuple, Sequence) and not isinstance(value, str):
        return tuple(convert(arguments[0], each) for each in value)
    if origin in (dict, Mapping):
        return {key: convert(arguments[1], each) for key, each in value.items()}
    if isinstance(hint, type):
        if issubclass(hint, Enum):
            return hint(value)
        if hint is int and isinstance(value, float) and value.is_integer():
            return int(value)
        if dataclasses.is_dataclass(hint) and isinstance(value, Mapping):
            return build(hint, value)
    return value
