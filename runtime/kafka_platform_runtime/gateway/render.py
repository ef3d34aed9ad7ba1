"""How streams hand out records: as events of Server-Sent Events, or as frames of a WebSocket."""

import base64
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
from msgspec import Raw

from kafka_platform_runtime.gateway._formats import Format
from kafka_platform_runtime.gateway.readers import Positions, text_of

NULL = Raw(b"null")
_encoder = msgspec.json.Encoder()
_encode = _encoder.encode
_check_json = msgspec.json.Decoder(Raw).decode


class Header(msgspec.Struct, gc=False):
    """A header of a record; the value in base64."""

    key: str
    value: Raw


class Record(msgspec.Struct, gc=False, omit_defaults=True):
    """A record as it is handed out.

    One that does not fit the format is handed out in base64 and says so: `"format":"binary"`. A stream that ended there
    would end there again and again.
    """

    partition: int
    offset: int
    timestamp: int
    key: Raw
    value: Raw
    format: str = ""
    headers: list[Header] | None = None


def _json(value: bytes | None) -> Raw:
    if value is None:
        return NULL
    _check_json(value)
    return Raw(value)


def _text(value: bytes | None) -> Raw:
    return NULL if value is None else Raw(_encode(value.decode()))


def _binary(value: bytes | None) -> Raw:
    return NULL if value is None else Raw(b'"' + base64.b64encode(value) + b'"')


_VALUES: dict[Format, Callable[[bytes | None], Raw]] = {
    Format.JSON: _json,
    Format.TEXT: _text,
    Format.BINARY: _binary,
}


def _record(message: Any, value_of: Callable[[bytes | None], Raw]) -> Record:
    form = ""
    try:
        key, value = value_of(message.key()), value_of(message.value())
    except (ValueError, RecursionError):
        key, value, form = _binary(message.key()), _binary(message.value()), "binary"
    headers = message.headers()
    return Record(
        message.partition(),
        message.offset(),
        message.timestamp()[1],
        key,
        value,
        form,
        [Header(name, _binary(content)) for name, content in headers] if headers else None,
    )


def _strict_utf8(value: bytes | None) -> Raw:
    if value is not None:
        value.decode()
    return _json(value)


def _lines(records: Sequence[Record]) -> bytes:
    """The records, one on a line."""
    text = _encoder.encode_lines(records)
    if text.count(b"\n") != len(records) or b"\r" in text:
        # Line ends between the parts of a JSON document mean nothing; in an event they would end the line.
        parts = [_encode(record).replace(b"\r", b" ").replace(b"\n", b" ") for record in records]
        text = b"\n".join([*parts, b""])
    return text


def _rendered(messages: Sequence[Any], form: Format) -> bytes:
    """The records as JSON, one on a line."""
    value_of = _VALUES[form]
    text = _lines([_record(message, value_of) for message in messages])
    if form is Format.JSON and not text.isascii():
        # JSON is looked at without its strings being read: whether they are UTF-8 is seen for all of them at once.
        try:
            text.decode()
        except UnicodeDecodeError:
            text = _lines([_record(message, _strict_utf8) for message in messages])
    return text


def sse(messages: Sequence[Any], positions: Positions, form: Format, batch: int) -> bytes:
    """Events for these records; moves the positions behind them.

    Args:
        messages: records of Kafka, without errors.
        positions: where the stream stands before the first of them.
        form: of keys and values.
        batch: records in an event; the id of an event is the cursor behind its last record.
    """
    if batch == 1:
        return _one_by_one(messages, positions, form)
    events = []
    for start in range(0, len(messages), batch):
        part = messages[start : start + batch]
        records = _rendered(part, form)[:-1].replace(b"\n", b",")
        _move(positions, part)
        events.append(b"id: %b\ndata: [%b]\n\n" % (text_of(positions).encode(), records))
    return b"".join(events)


def frame(messages: Sequence[Any], positions: Positions, form: Format) -> str:
    """The text of a WebSocket's frame with these records; moves the positions behind them."""
    records = _rendered(messages, form)[:-1].replace(b"\n", b",")
    _move(positions, messages)
    return (b'{"records":[%b],"cursor":"%b"}' % (records, text_of(positions).encode())).decode()


def _move(positions: Positions, messages: Sequence[Any]) -> None:
    last = dict(zip([each.partition() for each in messages], [each.offset() for each in messages], strict=True))
    for partition, offset in last.items():
        positions[partition] = offset + 1


def _one_by_one(messages: Sequence[Any], positions: Positions, form: Format) -> bytes:
    # The cursor behind a record differs from the one before in one number, as long as the partition stays the same: what
    # stands before and behind that number is made once.
    lines = _rendered(messages, form).split(b"\n")
    events = []
    current = -1
    template = b""
    for message, line in zip(messages, lines, strict=False):
        partition, following = message.partition(), message.offset() + 1
        if partition != current:
            current = partition
            lower = text_of({number: offset for number, offset in positions.items() if number < partition})
            higher = text_of({number: offset for number, offset in positions.items() if number > partition})
            before = f"{lower}," if lower else ""
            behind = f",{higher}" if higher else ""
            template = f"id: {before}{partition}:%d{behind}\ndata: %b\n\n".encode()
        positions[partition] = following
        events.append(template % (following, line))
    return b"".join(events)
