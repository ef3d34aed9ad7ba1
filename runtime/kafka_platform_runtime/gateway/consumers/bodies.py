"""The request bodies of consumer instances."""

from datetime import UTC, datetime
from http import HTTPStatus
from typing import Annotated, TypeVar

import msgspec
from msgspec import Meta

from kafka_platform_runtime.gateway.errors import GatewayError, malformed, unprocessable
from kafka_platform_runtime.gateway.http import Request

_JSON_TYPES = frozenset({b"", b"application/json", b"application/octet-stream"})

B = TypeVar("B", bound="Body")
PartitionNumber = Annotated[int, Meta(ge=0, le=2**31 - 1)]
OffsetNumber = Annotated[int, Meta(ge=0, le=2**63 - 2)]
TopicName = Annotated[str, Meta(max_length=249)]
Remark = Annotated[str, Meta(max_length=4096, pattern=r"^[^\0]*$")]
"""Metadata of a committed offset; brokers accept 4096 bytes, and librdkafka's protocol is garbage beyond 32767."""


class Body(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A request body: unknown names and wrong types are faults."""


class Subscription(Body, frozen=True):
    """POST .../subscription."""

    topics: list[str] | None = None
    topic_pattern: str | None = None


class Place(Body, frozen=True):
    """A partition."""

    topic: TopicName
    partition: PartitionNumber


class Places(Body, frozen=True):
    """POST .../assignments, .../positions/beginning and /end, GET .../offsets."""

    partitions: list[Place]


class Offset(Body, frozen=True):
    """An offset of a partition."""

    topic: TopicName
    partition: PartitionNumber
    offset: OffsetNumber
    metadata: Remark | None = None


class Offsets(Body, frozen=True):
    """POST .../offsets."""

    offsets: list[Offset] | None = None


class Moment(Body, frozen=True):
    """A time in a partition."""

    topic: TopicName
    partition: PartitionNumber
    timestamp: OffsetNumber | str
    """Milliseconds, or in ISO 8601."""
    metadata: Remark | None = None


class Positions(Body, frozen=True):
    """POST .../positions."""

    offsets: list[Offset] = []
    timestamps: list[Moment] = []


class Creation(Body, frozen=True):
    """POST /consumers/{group}."""

    name: str | None = None
    id: str | None = None
    """Older name of `name`."""
    format: str | None = None
    auto_offset_reset: str | None = msgspec.field(default=None, name="auto.offset.reset")
    enable_auto_commit: bool | str | None = msgspec.field(default=None, name="enable.auto.commit")
    auto_commit_enable: bool | str | None = msgspec.field(default=None, name="auto.commit.enable")
    """Older name of `enable.auto.commit`."""
    fetch_min_bytes: int | str | None = msgspec.field(default=None, name="fetch.min.bytes")
    request_timeout: int | str | None = msgspec.field(default=None, name="consumer.request.timeout.ms")
    isolation_level: str | None = msgspec.field(default=None, name="isolation.level")


class Created(msgspec.Struct, frozen=True):
    """The response to it."""

    instance_id: str
    base_uri: str


CREATION = msgspec.json.Decoder(Creation)
SUBSCRIPTION = msgspec.json.Decoder(Subscription)
PLACES = msgspec.json.Decoder(Places)
OFFSETS = msgspec.json.Decoder(Offsets)
POSITIONS = msgspec.json.Decoder(Positions)


def decoded(request: Request, body: bytes, decoder: "msgspec.json.Decoder[B]") -> B:
    """The content of a body.

    Raises:
        GatewayError: it is not JSON (400), is invalid (422), or the request declares another content type.
    """
    kind = request.content_type.partition(b";")[0].strip().lower()
    if kind not in _JSON_TYPES and not (kind.startswith(b"application/vnd.kafka.") and kind.endswith(b"+json")):
        raise GatewayError(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE, 41501, "Set Content-Type to application/vnd.kafka.v2+json."
        )
    try:
        return decoder.decode(body)
    except msgspec.ValidationError as error:
        raise unprocessable(f"{error}.") from None
    except msgspec.DecodeError as error:
        raise malformed(f"The body is not JSON: {error}.") from None
    except (RecursionError, UnicodeDecodeError):
        raise malformed("The body is not JSON: nested too deeply, or not UTF-8.") from None


def milliseconds(timestamp: int | str) -> int:
    """A time, in milliseconds since 1970.

    Raises:
        GatewayError: it is not a time.
    """
    if isinstance(timestamp, int):
        return timestamp
    try:
        moment = datetime.fromisoformat(timestamp)
        milliseconds = int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)
    except (ValueError, OverflowError):
        raise unprocessable(f"timestamp: {timestamp[:50]!r} is neither milliseconds nor ISO 8601.") from None
    if milliseconds < 0:
        raise unprocessable(f"timestamp: {timestamp[:50]!r} is before 1970.")
    return milliseconds
