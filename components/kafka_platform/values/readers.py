"""Converts what a program passes to a field's annotated type, or raises one line that says what to write. No Pulumi.

Stack files are read by Pydantic, from the same annotations, and are told the same.
"""

import types
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, dataclass, fields, is_dataclass
from enum import Enum
from functools import cache
from typing import Annotated, Any, TypeVar, Union, cast, get_args, get_origin

from kafka_platform.values.form import FORM, Form
from kafka_platform.values.free_maps import as_text
from kafka_platform.values.later import LATER, is_later
from kafka_platform.values.misfits import IN_PROGRAM, Kind, misfit, unknown_word
from kafka_platform.values.words import Deciding, Path, show_path, suggest

_T = TypeVar("_T")
_Reader = Callable[[Any, Path], Any]
"""Returns the value converted, or the same object if it already has the right type. The path is its position."""

_CONTAINERS = (list, tuple, Sequence, dict, Mapping)
_NUMBERS: Mapping[type, Kind] = {int: Kind.WHOLE_NUMBER, float: Kind.NUMBER}


@dataclass(frozen=True, kw_only=True)
class _FieldReader:
    name: str
    kinds: frozenset[type]
    """Types of values that need no look."""
    read: _Reader


def read_fields(instance: Any) -> None:
    """Has each field of the frozen dataclass be what its annotation says.

    Words become enums, mappings the dataclasses that they describe, and whole floats (all numbers of other languages) ints.

    Raises:
        ValueError: a value is of another kind; the message begins with the field's name.
    """
    values, kind = instance.__dict__, cast(Any, type(instance))
    for each in _readers(kind):
        value = values[each.name]
        if type(value) not in each.kinds:
            made = each.read(value, (each.name,))
            if made is not value:
                object.__setattr__(instance, each.name, made)


def build(cls: type[_T], given: Mapping[str, Any], path: Path = ()) -> _T:
    """An object of the dataclass `cls` from a mapping by field names; None is what is absent.

    Raises:
        ValueError: the mapping has a key that the class does not have, lacks one that it needs, or has a value that is not
            acceptable.
    """
    known, _ = _keys(cast(Any, cls))
    values = {key: value for key, value in given.items() if value is not None or key not in known}
    check_keys(cls, values, path)
    try:
        return cls(**values)
    except ValueError as error:
        raise (ValueError(f"{show_path(path)}.{error}") if path else error) from None


def check_keys(cls: Any, given: Mapping[str, Any], path: Path = ()) -> None:
    """Raises `ValueError` for a key that the dataclass does not have, and for one that it needs and that is not given."""
    known, needed = _keys(cls)
    if not known.issuperset(given):
        unknown = next(str(key) for key in given if key not in known)
        raise _fault((*path, unknown), f"unknown key: {suggest(unknown, sorted(known))}")
    if not needed <= given.keys():
        raise _fault((*path, next(iter(sorted(needed - given.keys())))), "missing: write a value for it")


@cache
def _keys(cls: Any) -> tuple[frozenset[str], frozenset[str]]:
    """All keys of a dataclass, and those that it needs."""
    own = fields(cls)
    needed = (each.name for each in own if each.default is MISSING and each.default_factory is MISSING)
    return frozenset(each.name for each in own), frozenset(needed)


def _fault(path: Path, message: str) -> ValueError:
    return ValueError(f"{show_path(path)}: {message}")


@cache
def later_fields(kind: type) -> frozenset[str]:
    """The fields of a dataclass that may be, or hold, what a program knows only when it runs."""
    return frozenset(each.name for each in fields(cast(Any, kind)) if _may_be_later(each.type))


def _may_be_later(hint: Any) -> bool:
    hint, _, is_input = unwrapped(hint)
    return is_input or (get_origin(hint) in _CONTAINERS and any(map(_may_be_later, get_args(hint))))


@cache
def _readers(kind: type) -> tuple[_FieldReader, ...]:
    return tuple(
        _FieldReader(name=each.name, **_reader_of(each.type, each.metadata.get(FORM)))
        for each in fields(cast(Any, kind))
    )


def _reader_of(hint: Any, form: Form | None = None) -> dict[str, Any]:
    """The reader of an annotation, and the types of values that it has nothing to do with."""
    hint, is_optional, is_input = unwrapped(hint)
    read = _plain_reader(hint, form, is_input=is_input)
    atomic = isinstance(hint, type) and (hint in (str, int, bool) or issubclass(hint, Enum) or is_dataclass(hint))
    kinds = frozenset({hint} if atomic else {float, int} if hint is float else ())
    if not is_optional:
        return {"kinds": kinds, "read": read}
    return {"kinds": kinds | {types.NoneType}, "read": lambda value, path: None if value is None else read(value, path)}


def unwrapped(hint: Any) -> tuple[Any, bool, bool]:
    """The plain type of an annotation, whether it may be None, and whether it may be an Output.

    `pulumi.Input[T]` is a union whose first part is `T`.
    """
    is_optional = is_input = False
    while True:
        origin, parts = get_origin(hint), get_args(hint)
        if origin is Annotated:
            hint, is_input = parts[0], is_input or LATER in parts[1:]
        elif origin in (Union, types.UnionType):
            is_optional = is_optional or types.NoneType in parts
            plain = [each for each in parts if each is not types.NoneType]
            is_input = is_input or len(plain) > 1
            hint = plain[0]
        else:
            return hint, is_optional, is_input


def _plain_reader(hint: Any, form: Form | None, *, is_input: bool) -> _Reader:
    reader = _reader_by_type(hint, form)

    def read(value: Any, path: Path) -> Any:
        if is_later(value):
            if is_input:
                return value
            raise _fault(path, "an Output is known too late to decide on it: write a plain value")
        if value is None and hint is not Any:
            raise _fault(path, "has no value: write one, or leave it out")
        return reader(value, path)

    return read


def _reader_by_type(hint: Any, form: Form | None) -> _Reader:
    origin, parts = get_origin(hint), get_args(hint)
    if origin in (list, tuple, Sequence):
        return _list_reader(parts[0])
    if origin in (dict, Mapping):
        return _mapping_reader(parts[1])
    if isinstance(hint, type):
        if issubclass(hint, Enum):
            return _enum_reader(hint)
        if is_dataclass(hint):
            return _dataclass_reader(hint)
        if hint in _NUMBERS:
            return _number_reader(hint)
        if hint is bool:
            return _scalar_reader(bool, Kind.TRUTH, form)
        if hint is str:
            return _scalar_reader(str, Kind.TEXT, form)
    return lambda value, path: value


def _list_reader(of: Any) -> _Reader:
    reader = _reader_of(of)
    kinds, read = reader["kinds"], reader["read"]

    def read_list(value: Any, path: Path) -> Any:
        is_list = type(value) in (tuple, list) or (isinstance(value, Sequence) and not isinstance(value, str | bytes))
        if not is_list:
            raise _fault(path, misfit(Kind.LIST, value, IN_PROGRAM))
        if not value or set(map(type, value)) <= kinds:
            return value
        made = tuple(read(each, (*path, index)) for index, each in enumerate(value))
        return value if all(new is old for new, old in zip(made, value, strict=True)) else made

    return read_list


def _mapping_reader(of: Any) -> _Reader:
    reader, is_free = _reader_of(of), unwrapped(of)[0] is str
    kinds, read = reader["kinds"], reader["read"]

    def read_mapping(value: Any, path: Path) -> Any:
        if type(value) is not dict and not isinstance(value, Mapping):
            raise _fault(path, misfit(Kind.MAPPING, value, IN_PROGRAM))
        if not value:
            return value
        for key in value:
            if not isinstance(key, str):
                raise _fault(path, f"key {misfit(Kind.TEXT, key, IN_PROGRAM)}")
        if set(map(type, value.values())) <= kinds:
            return value
        if is_free:
            value = {key: as_text(each) for key, each in value.items()}
        made = {key: read(each, (*path, key)) for key, each in value.items()}
        return value if all(made[key] is each for key, each in value.items()) else made

    return read_mapping


def _enum_reader(kind: type[Enum]) -> _Reader:
    def read(value: Any, path: Path) -> Any:
        if isinstance(value, kind):
            return value
        try:
            return kind(value)
        except ValueError:
            words = [str(each.value) for each in kind]
            raise _fault(path, unknown_word(value, words, IN_PROGRAM, decides=issubclass(kind, Deciding))) from None

    return read


def _dataclass_reader(kind: type) -> _Reader:
    def read(value: Any, path: Path) -> Any:
        if isinstance(value, kind):
            return value
        if isinstance(value, Mapping):
            return build(kind, value, path)
        what = IN_PROGRAM.show(value)
        if isinstance(getattr(value, _field(path), None), kind):
            raise _fault(path, f"{what} is not a {kind.__name__}: write its {_field(path)}")
        known = ", ".join(each.name for each in fields(kind)[:3])
        raise _fault(path, f"{what} is not a {kind.__name__}: write one, with fields such as {known}")

    return read


def _number_reader(kind: type) -> _Reader:
    def read(value: Any, path: Path) -> Any:
        if isinstance(value, int) and not isinstance(value, bool | Enum):
            return value
        if isinstance(value, float) and (kind is float or value.is_integer()):
            return value if kind is float else int(value)
        raise _fault(path, misfit(_NUMBERS[kind], value, IN_PROGRAM))

    return read


def _scalar_reader(kind: type, wanted: Kind, form: Form | None) -> _Reader:
    def read(value: Any, path: Path) -> Any:
        if isinstance(value, kind):
            return value
        if kind is str and isinstance(value, Enum) and isinstance(value.value, str):
            return value.value
        raise _fault(path, misfit(wanted, value, IN_PROGRAM, form))

    return read


def _field(path: Path) -> str:
    return next((each for each in reversed(path) if isinstance(each, str)), "")
