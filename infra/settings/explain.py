"""Turns Pydantic's errors about a stack file into our messages."""

import re
from collections.abc import Sequence
from enum import Enum
from typing import Any

from kafka_platform.values.misfits import IN_FILE, Kind, misfit, show, unknown_word
from kafka_platform.values.words import Deciding, Path, suggest
from pydantic.alias_generators import to_camel

from infra.settings.kinds import at, below, fixed_keys, key_at, names

_NEEDED = {
    "name": "write a name such as orders, or a prefix such as orders-*",
    "operations": "write a list such as [READ, DESCRIBE]",
    "host": "write the name by which clients reach the brokers",
    "certificate": "write the name of a Secret",
    "image": "write registry/name:tag",
    "tenant": "write the tenant that it belongs to",
}
"""What to write at keys that are needed, where that says more than an example."""


def explain(error: Any, known: Sequence[str]) -> tuple[Path, str, Path]:
    """Path and message of one Pydantic error, and the path of what to leave out to find further faults.

    `known` are the keys that are known where the error is.
    """
    kind, path, value = error["type"], tuple(error["loc"]), error["input"]
    # A position in a list says nothing, its key does.
    key = next((each for each in reversed(path) if isinstance(each, str)), "")
    if kind in ("extra_forbidden", "unexpected_keyword_argument"):
        fix = suggest(str(key), known)
        # A key beside it that is nearly so is likelier meant than the same one in another section.
        is_near = fix.startswith("did you mean")
        if meant := below(path) or (None if is_near else fixed_keys().get(str(key))):
            fix = f"did you mean {meant}?"
        return path, f"unknown key: {fix}", path
    if kind in ("missing", "missing_argument", "missing_keyword_only_argument"):
        return path, f"missing: {_needed(path, str(key))}", path[:-1]
    if kind == "value_error":
        return _value_error(path, known, str(error["ctx"]["error"]))
    if kind == "enum":
        members = re.findall(r"'([^']*)'", error["ctx"]["expected"])
        return path, unknown_word(value, members, IN_FILE, decides=_decides(path)), path
    return path, _type_error(kind, path, value, known), path


def _needed(path: Path, key: str) -> str:
    known = key_at(path)
    hint = None if known is None or known.form is None else known.form.hint
    kind = at(path)
    if isinstance(kind, type) and issubclass(kind, Enum):
        return f"use one of {', '.join(str(each.value) for each in kind)}"
    needed = _NEEDED.get(key, "write a value for it")
    # A host of a connector is not that of the brokers.
    return f"write {hint}" if hint is not None and (key not in _NEEDED or key == "host") else needed


def _decides(path: Path) -> bool:
    found = at(path)
    return isinstance(found, type) and issubclass(found, Deciding)


def _value_error(path: Path, known: Sequence[str], text: str) -> tuple[Path, str, Path]:
    own = re.match(r"(?:config: )?'([^']+)' (cannot be set here|has a field of its own): (.*)", text)
    if own is not None:
        inner: tuple[str, ...] = (own[1],) if path[-1:] == ("config",) else ("config", own[1])
        is_fix = own[3].startswith(("write ", "declare "))
        message = f"{own[2]}: {own[3]}" if is_fix else f"{own[2]}, {own[3]}: remove the key"
        return path + inner, _camel(message), path + inner
    # The value objects begin with the names of their fields: `min_insync_replicas: 3 of 3 ...`.
    named = re.match(r"([a-z][a-z_]*)((?:\.[a-z_]+)*): (.*)", text, re.DOTALL)
    if named is None or _camel(named[1]) not in known:
        return path, _camel(text), path
    inner = tuple(_camel(part) for part in (named[1] + named[2]).split("."))
    return path + inner, _camel(named[3]), path + inner


_KINDS = {
    ("int",): Kind.WHOLE_NUMBER,
    ("float",): Kind.NUMBER,
    ("bool",): Kind.TRUTH,
    ("string",): Kind.TEXT,
    ("list", "tuple", "sequence", "iterable", "is_instance_of"): Kind.LIST,
    ("model", "dataclass", "dict", "mapping"): Kind.MAPPING,
}
"""What is wanted, by how the names of Pydantic's errors begin."""


def _type_error(error: str, path: Path, value: Any, known: Sequence[str]) -> str:
    kind = next((each for begin, each in _KINDS.items() if error.startswith(begin)), None)
    if kind is None:
        return f"{show(value)} cannot stand here: see the description of the key in docs/stack-file.md"
    if kind is Kind.MAPPING and known:
        return f"{show(value)} is not a mapping: write keys below it, such as {', '.join(known[:3])}"
    key = key_at(path)
    return misfit(kind, value, IN_FILE, None if key is None else key.form)


def _camel(text: str) -> str:
    """The text with the components' field names as the stack file spells them; what is quoted stays."""

    def spelled(match: re.Match[str]) -> str:
        return to_camel(match[0]) if match[0] in names() else match[0]

    parts = re.split(r"('[^']*')", text)
    return "".join(part if part.startswith("'") else re.sub(r"\b[a-z]+(?:_[a-z]+)+\b", spelled, part) for part in parts)
