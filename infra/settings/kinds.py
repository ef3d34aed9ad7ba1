"""The classes that stack files are made of, and what follows from their fields: keys, their forms, what may be left empty."""

import functools
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, dataclass, fields, is_dataclass
from typing import Any, get_args, get_origin, get_type_hints

from kafka_platform.kafka.entities import Quotas
from kafka_platform.values.form import Form
from kafka_platform.values.forms import forms
from kafka_platform.values.readers import unwrapped
from kafka_platform.values.words import Path
from pydantic import BaseModel
from pydantic.alias_generators import to_camel

from infra.settings.model import Settings

_FEW = 5
"""Maximum number of places named in a hint about a misplaced key."""


@dataclass(frozen=True, kw_only=True)
class Key:
    """A key of a section."""

    name: str
    """Its field's."""
    type: Any
    needed: bool
    form: Form | None


def _plain(kind: Any) -> Any:
    """The type without annotations and None."""
    return unwrapped(kind)[0]


@functools.cache
def keys_of(kind: type) -> Mapping[str, Key]:
    """The keys of a section's class, as stack files spell them; none if it is no section."""
    if not isinstance(kind, type):
        return {}
    if issubclass(kind, BaseModel):
        return {
            str(each.alias or name): Key(name=name, type=_plain(each.annotation), needed=each.is_required(), form=None)
            for name, each in kind.model_fields.items()
        }
    if not is_dataclass(kind):
        return {}
    hints, own = get_type_hints(kind, include_extras=True), forms(kind)
    return {
        to_camel(each.name): Key(
            name=each.name,
            type=_plain(hints[each.name]),
            needed=each.default is MISSING and each.default_factory is MISSING,
            form=own.get(each.name),
        )
        for each in fields(kind)
    }


def at(path: Path) -> Any:
    """The type of what belongs at a path of a stack file; None if nothing does."""
    kind: Any = Settings
    for part in path:
        arguments = get_args(kind)
        if arguments:
            kind = _plain(arguments[-1] if isinstance(part, str) else arguments[0])
        else:
            key = keys_of(kind).get(str(part))
            kind = None if key is None else key.type
    return kind


def key_at(path: Path) -> Key | None:
    """The key that a path ends in; None where keys are free."""
    return keys_of(at(path[:-1])).get(str(path[-1])) if path else None


def known_keys(path: Path) -> Sequence[str]:
    """The keys that are known at a path; none where they are free."""
    return list(keys_of(at(path)))


def below(path: Path) -> str | None:
    """The full paths, as shown in messages, of the path's last key in the sections that have it; None if none has it."""
    *outer, last = map(str, path)
    sections = keys_of(at(path[:-1]))
    found = [".".join((*outer, name, last)) for name, key in sections.items() if last in keys_of(key.type)]
    return _or(found) if found and len(found) <= _FEW else None


def is_map(kind: Any) -> bool:
    """Whether people choose the keys."""
    origin = get_origin(kind)
    return isinstance(origin, type) and issubclass(origin, Mapping)


def is_free_text(kind: Any) -> bool:
    """Whether it is a map of texts: they may be written as numbers, and as true or false."""
    return is_map(kind) and _plain(get_args(kind)[1]) is str


def may_be_empty(kind: Any) -> bool:
    """Whether its key may be left empty: a map, and a section without required keys. `orders:` declares a topic.

    Not quotas: a user's replace its tenant's, and a forgotten key would lift all limits.
    """
    if kind is Quotas:
        return False
    found = keys_of(kind) if isinstance(kind, type) else {}
    return is_map(kind) or (bool(found) and not any(each.needed for each in found.values()))


@functools.cache
def fixed_keys() -> Mapping[str, str]:
    """The full paths, as people say them, of each key that is in few places, and below no name that people choose."""
    found: dict[str, list[str]] = {}

    def walk(path: Path) -> None:
        for key in known_keys(path):
            found.setdefault(key, []).append(".".join((*map(str, path), key)))
            walk((*path, key))

    walk(())
    return {key: _or(paths) for key, paths in found.items() if len(paths) <= _FEW}


def _or(words: Sequence[str]) -> str:
    return " or ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


@functools.cache
def kinds() -> tuple[type, ...]:
    """All classes that stack files are made of."""
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
    """The dataclasses among them."""
    return tuple(kind for kind in kinds() if is_dataclass(kind))


@functools.cache
def names() -> frozenset[str]:
    """The names of all their fields, as programs write them."""
    return frozenset(each.name for kind in kinds() for each in keys_of(kind).values())
