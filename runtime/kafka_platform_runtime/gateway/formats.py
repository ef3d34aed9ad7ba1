"""How keys and values of records are handed out."""

import base64
from enum import StrEnum
from http import HTTPStatus
from typing import Any

import msgspec
from confluent_kafka import TIMESTAMP_NOT_AVAILABLE

from kafka_platform_runtime.gateway.errors import GatewayError


class Format(StrEnum):
    """The embedded formats of the dialect."""

    JSON = "json"
    BINARY = "binary"
    TEXT = "text"

    @property
    def media_type(self) -> str:
        """The media type of records in this format."""
        return f"application/vnd.kafka.{self.value}.v2+json"

    def record(self, message: Any) -> bytes:
        """A record as JSON.

        Raises:
            GatewayError: it does not fit this format.
        """

        def decoded(value: bytes | None) -> Any:
            if value is None:
                return None
            if self is Format.BINARY:
                return base64.b64encode(value).decode()
            try:
                if self is Format.TEXT:
                    return value.decode()
                # As it was written: large numbers and the order of keys stay what they are.
                msgspec.json.decode(value)
                return msgspec.Raw(value)
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                raise GatewayError(
                    HTTPStatus.NOT_ACCEPTABLE,
                    40602,
                    f"Offset {message.offset()} of partition {message.partition()} of topic {message.topic()} is not "
                    f"{self.value}: read it as binary, or set the position behind it.",
                ) from None

        record = {
            "topic": message.topic(),
            "key": decoded(message.key()),
            "value": decoded(message.value()),
            "partition": message.partition(),
            "offset": message.offset(),
        }
        kind, timestamp = message.timestamp()
        if kind != TIMESTAMP_NOT_AVAILABLE:
            record["timestamp"] = timestamp
        headers = message.headers()
        if headers:
            record["headers"] = [
                {"key": key, "value": None if value is None else base64.b64encode(value).decode()}
                for key, value in headers
            ]
        return msgspec.json.encode(record)
