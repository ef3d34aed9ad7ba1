"""The bodies of writes, and what is wrong with those that are refused."""

import base64
from typing import Annotated, TypeVar

import msgspec
from msgspec import UNSET, Meta, Raw, UnsetType

from kafka_platform_runtime.gateway.errors import GatewayError, malformed, unprocessable
from kafka_platform_runtime.gateway.jsontext import why_unreadable

NULL = b"null"
NO_VALUE = Raw(NULL)
ABSENT = Raw(NULL)


_PLAIN = str.maketrans("-_", "+/", " \t\r\n")

R = TypeVar("R")

Offset = Annotated[int, Meta(ge=0, le=2**31 - 1)]
Timestamp = Annotated[int, Meta(ge=1, le=2**63 - 1)]
"""Kafka's client treats 0 as absent: it would write the current time."""


class RecordHeader(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    """A header of a record; the value in base64."""

    key: str
    value: str | None = None


class Record(msgspec.Struct, gc=False, forbid_unknown_fields=True, kw_only=True):
    """What records of all formats may have."""

    partition: Offset | None = None
    timestamp: Timestamp | None = None
    headers: list[RecordHeader] | None = None


class JsonRecord(Record):
    """Key and value are JSON."""

    value: Raw = ABSENT
    key: Raw = ABSENT


class TextRecord(Record):
    """Key and value are text; binary ones are base64."""

    value: str | UnsetType | None = UNSET
    key: str | UnsetType | None = UNSET


class Value(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    """A JSON record that is a value and nothing else."""

    value: Raw


class _Body(msgspec.Struct, gc=False, forbid_unknown_fields=True, kw_only=True):
    # Clients that use schemas send null if there is none.
    key_schema: None = None
    key_schema_id: None = None
    value_schema: None = None
    value_schema_id: None = None


class Values(_Body):
    """The body of a write of such records."""

    records: list[Value]


class JsonRecords(_Body):
    """The body of a write in the json format."""

    records: list[JsonRecord]


class TextRecords(_Body):
    """The body of a write in the text and binary formats."""

    records: list[TextRecord]


Headers = list[tuple[str, str | bytes | None]] | None


def text_of(content: str | UnsetType | None) -> str | None:
    """A key or value; None if it is missing."""
    return None if content is UNSET else content


def empty(index: int) -> GatewayError:
    """A record is empty."""
    return unprocessable(f"records[{index}]: has neither key nor value: send one of them, null to delete a key.")


def require_readable(content: bytes | Raw, index: int, name: str) -> None:
    """Check that every JSON reader can read this.

    Raises:
        GatewayError: many could not.
    """
    why = why_unreadable(content)
    if why is not None:
        raise unprocessable(f"records[{index}].{name}: {why}: write it as text or in base64.")


def decoded(decoder: "msgspec.json.Decoder[R]", body: bytes) -> R:
    """The records of a body.

    Raises:
        GatewayError: it is not JSON.
        msgspec.ValidationError: it is JSON, but invalid.
    """
    try:
        return decoder.decode(body)
    except msgspec.ValidationError:
        raise
    except msgspec.DecodeError as error:
        raise malformed(f"The body is not JSON: {error}.") from None
    except (RecursionError, UnicodeDecodeError):
        raise malformed("The body is not JSON: nested too deeply, or not UTF-8.") from None


def from_base64(text: str | None, index: int, name: str) -> bytes | None:
    """Decode base64; also without padding, in the URL alphabet and in lines.

    Raises:
        GatewayError: it is not base64, or bits of it would be lost.
    """
    if text is None:
        return None
    try:
        data = base64.b64decode(text, validate=True)
    except ValueError:
        data = None
    if data is None:
        plain = text.translate(_PLAIN)
        plain += "" if "=" in plain else "=" * (-len(plain) % 4)
        try:
            data = base64.b64decode(plain, validate=True)
        except ValueError:
            raise unprocessable(f"records[{index}].{name}: is not base64.") from None
        text = plain
    if text.endswith("=") and base64.b64encode(data[len(data) // 3 * 3 :]).decode() != text[-4:]:
        raise unprocessable(f"records[{index}].{name}: is not base64: its last bits would be lost.")
    return data


def headers_of(headers: list[RecordHeader] | None, index: int) -> Headers:
    """A record's headers in the form of Kafka's client.

    Raises:
        GatewayError: a value is not base64.
    """
    if not headers:
        return None
    return [(header.key, from_base64(header.value, index, f"headers.{header.key[:50]}")) for header in headers]
