"""Columns of a schema of Avro. No Pulumi."""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from kafka_platform.streams.spec import EVENT_TIME
from kafka_platform.streams.types import NOT_NULL

_PRIMITIVES = {
    "boolean": "BOOLEAN",
    "bytes": "BYTES",
    "double": "DOUBLE",
    "float": "FLOAT",
    "int": "INT",
    "long": "BIGINT",
    "string": "STRING",
}
_LOGICAL = {
    ("int", "date"): "DATE",
    ("int", "time-millis"): "TIME(0)",
    ("long", "timestamp-millis"): "TIMESTAMP(3)",
}
_NAMED = {"enum", "error", "fixed", "record"}
_DEEPEST = 8
_MOST_DIGITS = 38


@dataclass(frozen=True, kw_only=True)
class AvroColumns:
    """What a table of it has."""

    columns: list[str]
    """Each a name and a type."""
    left_out: Mapping[str, str]
    """Why a field is no column, by its name."""


class _NoColumn(Exception):  # noqa: N818 - an answer
    """A type that no column can have."""


def columns_of(schema: str, others: Iterable[str] = ()) -> AvroColumns:
    """The columns of a topic whose values have this schema; `others` are schemas that define types for it.

    A field with a default, or that may be null, is read as NULL or its default where records lack it. Points in time are those of UTC;
    with microseconds they are a BIGINT.

    Raises:
        ValueError: it is no record.
    """
    types: dict[str, Any] = {}
    try:
        for each in others:
            _define(json.loads(each), "", types)
        root = json.loads(schema)
        _define(root, "", types)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"is no schema of Avro: {error}") from None
    if not isinstance(root, dict) or root.get("type") not in ("record", "error"):
        raise ValueError("is no record: a table needs fields")
    found: list[str] = []
    left: dict[str, str] = {}
    namespace = _space(root, "")
    for field in root.get("fields", []):
        name = str(field.get("name"))
        try:
            if name == EVENT_TIME:
                raise _NoColumn("is the name of a column of every table")
            found.append(f"{name} {_type(field.get('type'), namespace, types, 0)}")
        except _NoColumn as reason:
            left[name] = str(reason)
    return AvroColumns(columns=found, left_out=left)


def written_of(schema: str) -> dict[str, str]:
    """The type of each column of a topic that is written with this schema, in their order: exactly those that Flink makes of it.

    Raises:
        ValueError: Flink cannot write such records.
    """
    types: dict[str, Any] = {}
    try:
        root = json.loads(schema)
        _define(root, "", types)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"is no schema of Avro: {error}") from None
    if not isinstance(root, dict) or root.get("type") != "record":
        raise ValueError("is no record: a table needs fields")
    namespace = _space(root, "")
    found: dict[str, str] = {}
    for field in root.get("fields", []):
        name = str(field.get("name"))
        try:
            if name == EVENT_TIME:
                raise _NoColumn("is the name of a column of every table")
            found[name] = _written(field.get("type"), namespace, types, 0)
        except _NoColumn as reason:
            raise ValueError(f"its field {name!r} {reason}, and every field has to be written") from None
    return found


_WRITTEN = {
    ("int", "date"): "DATE",
    ("long", "timestamp-micros"): "TIMESTAMP(6)",
    ("long", "timestamp-millis"): "TIMESTAMP(3)",
}


def _written(value: Any, namespace: str, types: Mapping[str, Any], depth: int) -> str:
    if isinstance(value, list):
        parts = [each for each in value if each != "null"]
        if len(value) != 2 or len(parts) != 1:
            raise _NoColumn("is of one of several types")
        return _written(parts[0], namespace, types, depth + 1).removesuffix(NOT_NULL)
    if depth > _DEEPEST:
        raise _NoColumn("is nested too deeply, or in itself")
    if isinstance(value, str) and value not in _PRIMITIVES:
        known = types.get(_full(value, namespace)) or types.get(value)
        if known is None:
            raise _NoColumn(f"is of the type {value!r}, which another file defines")
        return _written(known[0], known[1], types, depth + 1)
    if isinstance(value, dict) and not isinstance(value.get("type"), str):
        return _written(value.get("type"), namespace, types, depth + 1)
    return _written_plain(value if isinstance(value, dict) else {"type": value}, namespace, types, depth) + NOT_NULL


def _written_plain(value: Mapping[str, Any], namespace: str, types: Mapping[str, Any], depth: int) -> str:
    kind, logical = value.get("type"), value.get("logicalType")
    if kind == "record":
        return _row(value, namespace, types, depth, _written)
    if kind == "array":
        return f"ARRAY<{_written(value.get('items'), namespace, types, depth + 1)}>"
    if kind == "map":
        return f"MAP<STRING{NOT_NULL}, {_written(value.get('values'), namespace, types, depth + 1)}>"
    if (kind, logical) == ("bytes", "decimal"):
        return _complex(value, namespace, types, depth)
    if (kind, str(logical)) in _WRITTEN:
        return _WRITTEN[str(kind), str(logical)]
    if kind not in _PRIMITIVES or (kind in ("int", "long") and logical is not None):
        raise _NoColumn(f"is of the type {logical or kind}, which Flink does not write")
    return _PRIMITIVES[str(kind)]


def _row(
    value: Mapping[str, Any],
    namespace: str,
    types: Mapping[str, Any],
    depth: int,
    column: Callable[[Any, str, Mapping[str, Any], int], str],
) -> str:
    """A record's type; `column` says that of a field."""
    own = _space(value, namespace)
    parts = [f"`{each['name']}` {column(each.get('type'), own, types, depth + 1)}" for each in value.get("fields", [])]
    if not parts:
        raise _NoColumn("has no fields")
    return f"ROW<{', '.join(parts)}>"


def _define(value: Any, namespace: str, types: dict[str, Any]) -> None:
    """Notes all types that have a name."""
    if isinstance(value, list):
        for each in value:
            _define(each, namespace, types)
    elif isinstance(value, dict):
        if value.get("type") in _NAMED:
            namespace = _space(value, namespace)
            types[_full(str(value.get("name")), namespace)] = (value, namespace)
        for part in (value.get("type"), value.get("items"), value.get("values")):
            _define(part, namespace, types)
        for each in value.get("fields") or ():
            if isinstance(each, dict):
                _define(each.get("type"), namespace, types)


def _space(value: Mapping[str, Any], namespace: str) -> str:
    name = str(value.get("name"))
    return name.rpartition(".")[0] if "." in name else str(value.get("namespace", namespace))


def _full(name: str, namespace: str) -> str:
    return name if "." in name or not namespace else f"{namespace}.{name}"


def _type(value: Any, namespace: str, types: Mapping[str, Any], depth: int) -> str:
    if depth > _DEEPEST:
        raise _NoColumn("is nested too deeply, or in itself")
    if isinstance(value, list):
        parts = [each for each in value if each != "null"]
        if len(parts) != 1:
            raise _NoColumn("is of one of several types")
        return _type(parts[0], namespace, types, depth + 1)
    if isinstance(value, str):
        if value in _PRIMITIVES:
            return _PRIMITIVES[value]
        known = types.get(_full(value, namespace)) or types.get(value)
        if known is None:
            raise _NoColumn(f"is of the type {value!r}")
        return _type(known[0], known[1], types, depth + 1)
    if not isinstance(value, dict):
        raise _NoColumn("has no type")
    return _complex(value, namespace, types, depth)


def _complex(value: Mapping[str, Any], namespace: str, types: Mapping[str, Any], depth: int) -> str:
    kind, logical = value.get("type"), value.get("logicalType")
    if not isinstance(kind, str):
        return _type(kind, namespace, types, depth + 1)
    if kind in ("record", "error"):
        return _row(value, namespace, types, depth, _type)
    if kind == "array":
        return f"ARRAY<{_type(value.get('items'), namespace, types, depth + 1)}>"
    if kind == "map":
        return f"MAP<STRING, {_type(value.get('values'), namespace, types, depth + 1)}>"
    if kind in _NAMED:
        raise _NoColumn(f"is of the type {kind}, which Flink does not read")
    if (kind, logical) == ("bytes", "decimal"):
        digits, scale = int(value.get("precision", 0)), int(value.get("scale", 0))
        if not 0 < digits <= _MOST_DIGITS or not 0 <= scale <= digits:
            raise _NoColumn(f"has more than {_MOST_DIGITS} digits")
        return f"DECIMAL({digits}, {scale})"
    return _LOGICAL.get((kind, str(logical))) or _type(kind, namespace, types, depth + 1)
