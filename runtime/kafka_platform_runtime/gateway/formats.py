"""How keys and values of records are handed out."""

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any

import msgspec
from confluent_kafka import TIMESTAMP_NOT_AVAILABLE
from msgspec import Raw

from kafka_platform_runtime.gateway.jsontext import why_unreadable

NULL = Raw(b"null")
UNFIT = "binary"
"""A record's field `format` if the record does not fit the requested format: it is in base64."""
_encode = msgspec.json.Encoder().encode
_check_json = msgspec.json.Decoder(Raw).decode


class Format(StrEnum):
    """The embedded formats of the API."""

    JSON = "json"
    BINARY = "binary"
    TEXT = "text"

    @property
    def media_type(self) -> str:
        """The media type of records in this format."""
        return f"application/vnd.kafka.{self.value}.v2+json"

    def contents(self, message: Any) -> tuple[Any, Any, str]:
        """Key and value of a record as they are handed out, and its field `format`.

        A record that does not fit the format is handed out in base64 and marked. If it were refused, its writer would
        keep readers from everything behind it.
        """
        key, value = message.key(), message.value()
        content_of = _CONTENT[self]
        try:
            return content_of(key), content_of(value), ""
        except (ValueError, RecursionError):
            return key, value, UNFIT

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


_CONTENT: Mapping[Format, Callable[[bytes | None], Any]] = {
    Format.JSON: json_of,
    Format.TEXT: text_of,
    Format.BINARY: _binary_of,
}
