"""How streams hand out records: as events of Server-Sent Events, or as frames of a WebSocket."""

import base64
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import msgspec

from kafka_platform_runtime.gateway._formats import Format
from kafka_platform_runtime.gateway.readers import Positions, text_of

_is_json = msgspec.json.Decoder(msgspec.Raw).decode
_quoted = msgspec.json.Encoder().encode
_RECORD = b'{"partition":%d,"offset":%d,"timestamp":%d,"key":%b,"value":%b}'


def _json(value: bytes | None) -> bytes:
    """JSON as it is.

    Raises:
        ValueError: it is none.
    """
    if value is None:
        return b"null"
    if not value.isascii():
        value.decode()
    _is_json(value)
    return value


def _text(value: bytes | None) -> bytes:
    return b"null" if value is None else _quoted(value.decode())


def _binary(value: bytes | None) -> bytes:
    return b"null" if value is None else b'"' + base64.b64encode(value) + b'"'


_VALUES: dict[Format, Callable[[bytes | None], bytes]] = {
    Format.JSON: _json,
    Format.TEXT: _text,
    Format.BINARY: _binary,
}


def record(message: Any, value_of: Callable[[bytes | None], bytes]) -> bytes:
    """A record as a JSON object on one line.

    A record that does not fit the format is handed out in base64 and says so: `"format":"binary"`. A stream that ended
    there would end there again and again.
    """
    more = b""
    try:
        key, value = value_of(message.key()), value_of(message.value())
    except (ValueError, RecursionError):
        key, value, more = _binary(message.key()), _binary(message.value()), b',"format":"binary"'
    headers = message.headers()
    if headers:
        entries = [(b'{"key":%b,"value":%b}' % (_quoted(name), _binary(content))) for name, content in headers]
        more += b',"headers":[' + b",".join(entries) + b"]"
    text = _RECORD % (message.partition(), message.offset(), message.timestamp()[1], key, value)
    if b"\n" in text or b"\r" in text:
        # Line ends between the parts of a JSON document mean nothing; in an event they would end the line.
        text = text.replace(b"\r", b" ").replace(b"\n", b" ")
    return text[:-1] + more + b"}" if more else text


def sse(messages: Sequence[Any], positions: Positions, form: Format, batch: int) -> bytes:
    """Events for these records; moves the positions behind them.

    Args:
        messages: records of Kafka, without errors.
        positions: where the stream stands before the first of them.
        form: of keys and values.
        batch: records in an event; the id of an event is the cursor behind its last record.
    """
    if batch > 1:
        value_of = _VALUES[form]
        events = []
        for start in range(0, len(messages), batch):
            part = messages[start : start + batch]
            records = b",".join(_records(part, value_of, positions))
            events.append(b"id: %b\ndata: [%b]\n\n" % (text_of(positions).encode(), records))
        return b"".join(events)
    return _one_by_one(messages, positions, form)


def frame(messages: Sequence[Any], positions: Positions, form: Format) -> str:
    """The text of a WebSocket's frame with these records; moves the positions behind them."""
    records = b",".join(_records(messages, _VALUES[form], positions))
    return (b'{"records":[%b],"cursor":"%b"}' % (records, text_of(positions).encode())).decode()


def _records(messages: Sequence[Any], value_of: Callable[[bytes | None], bytes], positions: Positions) -> list[bytes]:
    records = []
    for message in messages:
        records.append(record(message, value_of))
        positions[message.partition()] = message.offset() + 1
    return records


def _one_by_one(messages: Sequence[Any], positions: Positions, form: Format) -> bytes:
    # The cursor behind a record differs from the one before in one number, as long as the partition stays the same: what
    # stands before and behind that number is made once.
    render = partial(record, value_of=_VALUES[form])
    events = []
    current = -1
    before = behind = b""
    for message in messages:
        partition, following = message.partition(), message.offset() + 1
        if partition != current:
            current = partition
            lower = {number: offset for number, offset in positions.items() if number < partition}
            higher = {number: offset for number, offset in positions.items() if number > partition}
            before = b"id: " + (text_of(lower).encode() + b"," if lower else b"") + b"%d:" % partition
            behind = (b"," + text_of(higher).encode() if higher else b"") + b"\ndata: "
        positions[partition] = following
        events.append(b"%b%d%b%b\n\n" % (before, following, behind, render(message)))
    return b"".join(events)
