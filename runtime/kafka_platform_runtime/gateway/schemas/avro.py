"""Avro: a schema, parsed by fastavro, becomes functions once, between its JSON encoding and its bytes.

fastavro's own reader is not for bytes of strangers: an array of a billion nulls takes five bytes and all memory. Its writer
takes twice as long, does not say where a value does not fit, and lets fields pass that the schema does not have.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from fastavro import parse_schema
from fastavro.schema import SchemaParseException, UnknownType

from kafka_platform_runtime.gateway.schemas.avro_reading import Reads
from kafka_platform_runtime.gateway.schemas.avro_writing import Writes
from kafka_platform_runtime.gateway.schemas.misfit import Misfit, Unusable
from kafka_platform_runtime.gateway.schemas.reading import Reading

MOST_DEPTH = 64
"""Nesting of a schema's text."""
MOST_NODES = 10_000
"""Types and fields in a schema's text."""
MOST_WEIGHT = 100_000
"""Steps that the smallest record may take: types that contain others twice, which do the same, double it each time."""
MOST_FIXED = 2**20
MOST_NESTED = 100
"""Records within each other in the smallest value."""
LONGEST_NAME = 250
"""Characters of a name or a namespace: every record in JSON has those of its fields, and parts inherit their namespace."""


class AvroCodec:
    """A schema.

    Args:
        text: of the schema.
        references: texts of the schemas that it uses, each after those that it uses itself.

    Raises:
        Unusable: it is not Avro, or beyond a bound.
    """

    def __init__(self, text: str, references: Sequence[str] = ()) -> None:
        self.nodes = 0
        named: dict[str, Any] = {}
        try:
            for each in references:
                parse_schema(self._decoded(each), named)
            self._schema: Any = parse_schema(self._decoded(text), named)
        except (SchemaParseException, UnknownType, ValueError, TypeError, KeyError, AttributeError) as error:
            if isinstance(error, Unusable):
                raise
            raise Unusable(f"is not valid Avro: {' '.join(str(error).split())[:200]}") from None
        try:
            _bound(self._schema, named)
            self._write = Writes(named).of(self._schema)
            self._read = Reads(named).of(self._schema)
        except RecursionError:
            raise Unusable("is nested too deeply") from None
        except (Misfit, KeyError, TypeError) as error:
            reason = f"{error.path or 'a default'} {error.reason}" if isinstance(error, Misfit) else "a part is missing"
            raise Unusable(f"is not valid Avro: {reason}") from None

    def _decoded(self, text: str) -> Any:
        try:
            schema = msgspec.json.decode(text)
        except (msgspec.DecodeError, RecursionError):
            if not text.isidentifier():
                raise Unusable("is not valid Avro: not JSON") from None
            schema = text
        self.nodes += count(schema)
        if self.nodes > MOST_NODES:
            raise Unusable(f"has more than {MOST_NODES} parts")
        _check_names(schema)
        return _without_logical_types(schema)

    def write(self, value: Any, header: bytes = b"") -> bytes:
        """A value as Avro's bytes, after these.

        Raises:
            Misfit: it does not fit.
        """
        out = bytearray(header)
        try:
            self._write(value, out)
        except RecursionError:
            raise Misfit("is nested too deeply") from None
        except UnicodeEncodeError:
            raise Misfit("has half of a character: send whole ones") from None
        return bytes(out)

    def read(self, content: memoryview | bytes) -> bytes:
        """Avro's bytes as JSON text, in Avro's JSON encoding.

        Raises:
            ValueError: they are not a record of this schema, or become too much JSON.
        """
        data = bytes(content)
        out = Reading(data)
        try:
            end = self._read(data, 0, out)
        except (IndexError, RecursionError, OverflowError):
            raise ValueError from None
        if end != len(data):
            raise ValueError
        return b"".join(out)


def count(schema: Any) -> int:
    """How many parts a schema's text has.

    Raises:
        Unusable: it is nested too deeply, or has too many.
    """
    found, level, depth = 0, [schema], 0
    while level:
        found += len(level)
        if depth > MOST_DEPTH:
            raise Unusable(f"is nested more than {MOST_DEPTH} deep")
        if found > MOST_NODES:
            raise Unusable(f"has more than {MOST_NODES} parts")
        following: list[Any] = []
        for each in level:
            if isinstance(each, dict):
                following += each.values()
            elif isinstance(each, list):
                following += each
        level, depth = following, depth + 1
    return found


def _check_names(schema: Any) -> None:
    """Raises `Unusable` for a name that is too long; what is nested has a bound already."""
    if isinstance(schema, list):
        for each in schema:
            _check_names(each)
    elif isinstance(schema, dict):
        for key, value in schema.items():
            if key in {"name", "namespace", "aliases", "symbols"}:
                for each in value if isinstance(value, list) else [value]:
                    if isinstance(each, str) and len(each) > LONGEST_NAME:
                        raise Unusable(f"has the name {each[:50]}..., which is longer than {LONGEST_NAME}")
            elif key not in {"default", "doc"}:
                _check_names(value)


def _without_logical_types(schema: Any) -> Any:
    """The schema as it is on the wire: dates are numbers, and decimals are bytes."""
    if isinstance(schema, list):
        return [_without_logical_types(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        key: value if key in {"default", "symbols", "aliases"} else _without_logical_types(value)
        for key, value in schema.items()
        if key not in {"logicalType", "precision", "scale"}
    }


def _bound(schema: Any, named: Mapping[str, Any]) -> None:
    """Raises `Unusable` if the smallest value takes too many steps, or too many records within each other."""
    known: dict[str, tuple[int, int]] = {}
    leaf = 1, 0

    def weight(node: Any) -> tuple[int, int]:
        """Steps, and records within each other."""
        if isinstance(node, str):
            return leaf if node not in named else weight(named[node])
        if not isinstance(node, dict) or node.get("type") != "record":
            return leaf
        name = node.get("name", "")
        if name not in known:
            known[name] = leaf  # within itself, it is in a union, an array or a map
            inner = [weight(field["type"]) for field in node["fields"]]
            steps, depth = 1 + sum(steps for steps, _ in inner), 1 + max((depth for _, depth in inner), default=0)
            known[name] = steps, depth
            if steps > MOST_WEIGHT:
                raise Unusable("is too large: records in it contain each other too often")
            if depth > MOST_NESTED:
                raise Unusable(f"has more than {MOST_NESTED} records within each other")
        return known[name]

    for node in (schema, *named.values()):
        weight(node)
        if isinstance(node, dict) and node.get("type") == "fixed" and not 0 <= node["size"] <= MOST_FIXED:
            raise Unusable(f"has a fixed of {node['size']} bytes: {MOST_FIXED} at most")
