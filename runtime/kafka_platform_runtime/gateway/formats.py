"""How keys and values of records are handed out."""

from collections.abc import Callable, Iterable, Mapping
from enum import StrEnum
from functools import partial
from typing import Any

import msgspec
from confluent_kafka import TIMESTAMP_NOT_AVAILABLE
from msgspec import Raw

from kafka_platform_runtime.gateway.jsontext import why_unreadable

NULL = Raw(b"null")
_encode = msgspec.json.Encoder().encode
_check_json = msgspec.json.Decoder(Raw).decode


class Format(StrEnum):
    """The embedded formats of the dialect, and one for keys of each kind beside values of another: `<key>-<value>`."""

    JSON = "json"
    BINARY = "binary"
    TEXT = "text"
    TEXT_JSON = "text-json"
    TEXT_BINARY = "text-binary"
    JSON_TEXT = "json-text"
    JSON_BINARY = "json-binary"
    BINARY_JSON = "binary-json"
    BINARY_TEXT = "binary-text"
    AVRO = "avro"
    TEXT_AVRO = "text-avro"
    JSON_AVRO = "json-avro"
    BINARY_AVRO = "binary-avro"
    JSONSCHEMA = "jsonschema"
    TEXT_JSONSCHEMA = "text-jsonschema"
    JSON_JSONSCHEMA = "json-jsonschema"
    BINARY_JSONSCHEMA = "binary-jsonschema"
    PROTOBUF = "protobuf"
    TEXT_PROTOBUF = "text-protobuf"
    JSON_PROTOBUF = "json-protobuf"
    BINARY_PROTOBUF = "binary-protobuf"

    @property
    def media_type(self) -> str:
        """The media type of records in this format."""
        return f"application/vnd.kafka.{self.value}.v2+json"

    @property
    def of_keys(self) -> "Format":
        """The format of the keys: json, binary, text, or one with schemas."""
        return _OF_KEYS[self]

    @property
    def of_values(self) -> "Format":
        """The format of the values: json, binary, text, or one with schemas."""
        return _OF_VALUES[self]

    @property
    def has_schema(self) -> bool:
        """Whether it needs a schema registry."""
        return _OF_VALUES[self] in SCHEMA_TYPES

    def contents(self, message: Any) -> tuple[Any, Any, str]:
        """Key and value of a record as they are handed out, and the format in its field `format`.

        A key or value that does not fit the format is handed out in base64, and the record says so. Refusing it would let
        its writer keep readers from everything behind it.
        """
        key, value = message.key(), message.value()
        of_key, of_value = _OF_KEYS[self], _OF_VALUES[self]
        shown_key, shown_value = _fitting(of_key, key), _fitting(of_value, value)
        if shown_key is not _UNFIT and shown_value is not _UNFIT:
            return shown_key, shown_value, ""
        if shown_key is _UNFIT:
            shown_key, of_key = key, Format.BINARY
        if shown_value is _UNFIT:
            shown_value, of_value = value, Format.BINARY
        if key is None:
            of_key = of_value
        if value is None:
            of_value = of_key
        return shown_key, shown_value, of_key.value if of_key is of_value else f"{of_key.value}-{of_value.value}"

    def record(self, message: Any) -> bytes:
        """A record as JSON."""
        key, value, unfit = self.contents(message)
        record = {
            "topic": message.topic(),
            "key": key,
            "value": value,
            "partition": message.partition(),
            "offset": message.offset(),
        }
        kind, timestamp = message.timestamp()
        if kind != TIMESTAMP_NOT_AVAILABLE:
            record["timestamp"] = timestamp
        headers = message.headers()
        if headers:
            record["headers"] = [{"key": name, "value": content} for name, content in headers]
        if unfit:
            record["format"] = unfit
        return _encode(record)


def json_of(content: bytes | None) -> Raw:
    """JSON as it was written, on one line: large numbers and the order of members are preserved.

    Raises:
        ValueError: it is not JSON, or many readers could not read it.
    """
    if content is None:
        return NULL
    content.decode()
    _check_json(content)
    if why_unreadable(content) is not None:
        raise ValueError
    # Line ends between the parts of a JSON document mean nothing; in a stream's event they would end the line.
    return Raw(content.replace(b"\r", b" ").replace(b"\n", b" "))


def text_of(content: bytes | None) -> str | None:
    """Text.

    Raises:
        ValueError: it is not UTF-8.
    """
    return None if content is None else content.decode()


def _binary_of(content: bytes | None) -> bytes | None:
    return content  # bytes become base64


_CONTENT: dict[Format, Callable[[bytes | None], Any]] = {
    Format.JSON: json_of,
    Format.TEXT: text_of,
    Format.BINARY: _binary_of,
}


def read_with(read: Callable[[bytes, str], bytes]) -> None:
    """Hand out what was written with schemas as JSON.

    Args:
        read: from a key or value, and the type of its schema, to JSON; raises `ValueError` if it was not written with one.
    """
    for form, kind in SCHEMA_TYPES.items():
        _CONTENT[form] = partial(_with_schema, read, kind)


def _with_schema(read: Callable[[bytes, str], bytes], kind: str, content: bytes | None) -> Raw:
    return NULL if content is None else json_of(read(content, kind))


SCHEMA_TYPES: Mapping[Format, str] = {Format.AVRO: "AVRO", Format.JSONSCHEMA: "JSON", Format.PROTOBUF: "PROTOBUF"}
"""The formats with schemas, and the registry's names for their languages."""
_OF_KEYS: Mapping[Format, Format] = {each: Format(each.value.partition("-")[0]) for each in Format}
_OF_VALUES: Mapping[Format, Format] = {each: Format(each.value.rpartition("-")[2]) for each in Format}
_UNFIT = object()
PLAIN = tuple(each for each in Format if not each.has_schema)
"""Those that a gateway without a schema registry has."""


def contents_of(form: Format, contents: Iterable[bytes | None]) -> list[Any]:
    """Keys or values in a format.

    Raises:
        ValueError: one does not fit.
    """
    return list(map(_CONTENT[form], contents))


def _fitting(form: Format, content: bytes | None) -> Any:
    """A key or value in a format; `_UNFIT` if it does not fit."""
    try:
        return _CONTENT[form](content)
    except (ValueError, RecursionError):
        return _UNFIT
