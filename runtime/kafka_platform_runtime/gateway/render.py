"""How streams render records: as Server-Sent Events, or as WebSocket frames.

A stream hands out hundreds of thousands of records a second, so the cost of each matters: records are
processed column by column, by functions that are not written in Python. Our own compiled code handles the usual case,
if it could be built.
"""

from collections.abc import Iterable, Sequence
from itertools import chain, groupby, repeat
from operator import itemgetter
from typing import Any

import msgspec
from confluent_kafka import Message
from msgspec import Raw

from kafka_platform_runtime.gateway.cursor import Positions, text_of
from kafka_platform_runtime.gateway.formats import NULL, Format, contents_of, text_of as _text
from kafka_platform_runtime.gateway.jsontext import SHORTEST, why_unreadable

try:
    from kafka_platform_runtime.gateway import _records
except ImportError:
    COMPILED = False
else:
    COMPILED = True
"""Whether compiled code is there, which takes a third of the time in the usual case."""

_encoder = msgspec.json.Encoder()
_encode = _encoder.encode
_check_lines = msgspec.json.Decoder(Raw).decode_lines
_milliseconds = itemgetter(1)


class Header(msgspec.Struct, gc=False):
    """A header of a record; the value in base64."""

    key: str
    value: bytes | None


class Record(msgspec.Struct, gc=False, omit_defaults=True):
    """A record as it is handed out; bytes are in base64."""

    partition: int
    offset: int
    timestamp: int
    key: Raw | str | bytes | None
    value: Raw | str | bytes | None
    format: str = ""
    headers: list[Header] | None = None


def _all_json(contents: Sequence[bytes | None]) -> Iterable[Raw]:
    """The `json_of` of each.

    Raises:
        ValueError: one does not fit, or has line ends.
    """
    if contents[0] is None and contents.count(None) == len(contents):
        return repeat(NULL)
    try:
        lines = b"\n".join(contents)  # type: ignore[arg-type]
    except TypeError:
        lines = b"\n".join([b"null" if content is None else content for content in contents])
    if lines.count(b"\n") >= len(contents) or b"\r" in lines:
        raise ValueError
    if not lines.isascii():
        lines.decode()
    found: list[Raw] = _check_lines(lines)
    if len(found) != len(contents):  # an empty line is none
        raise ValueError
    if len(lines) > SHORTEST and any(map(why_unreadable, filter(None, contents))):
        raise ValueError
    return found


def _all(contents: Sequence[bytes | None], form: Format) -> Iterable[Any]:
    if form is Format.JSON:
        return _all_json(contents)
    if form is Format.TEXT:
        return list(map(_text, contents))
    return contents if form is Format.BINARY else contents_of(form, contents)


def _record(message: Any, form: Format) -> Record:
    key, value, unfit = form.contents(message)
    headers = _headers(message.headers())
    return Record(message.partition(), message.offset(), message.timestamp()[1], key, value, unfit, headers)


def _headers(headers: Any) -> list[Header] | None:
    return [Header(name, content) for name, content in headers] if headers else None


class _Columns:
    """Records, as they are handed out, and their positions."""

    __slots__ = ("offsets", "partitions", "records")

    def __init__(self, messages: Sequence[Message], form: Format) -> None:
        self.partitions: list[int] = list(map(Message.partition, messages))  # type: ignore[arg-type]
        self.offsets: list[int] = list(map(Message.offset, messages))  # type: ignore[arg-type]
        try:
            columns = (
                self.partitions,
                self.offsets,
                map(_milliseconds, map(Message.timestamp, messages)),
                _all(list(map(Message.key, messages)), form.of_keys),
                _all(list(map(Message.value, messages)), form.of_values),
            )
        except (ValueError, RecursionError):
            # One of them does not fit, or has line ends.
            self.records = [_record(message, form) for message in messages]
            return
        headers = list(map(Message.headers, messages))
        if headers.count(None) == len(headers):
            self.records = list(map(Record, *columns))
        else:
            self.records = list(map(Record, *columns, repeat(""), map(_headers, headers)))

    def move(self, positions: Positions) -> None:
        """Move the positions past the records."""
        partition = self.partitions[0]
        if self.partitions.count(partition) == len(self.partitions):  # as is usual with many
            positions[partition] = self.offsets[-1] + 1
            return
        for partition, offset in dict(zip(self.partitions, self.offsets, strict=True)).items():
            positions[partition] = offset + 1


def sse(messages: Sequence[Any], positions: Positions, form: Format, batch: int) -> bytes:
    """Events for these records; moves the positions past them.

    Args:
        messages: Kafka records, without errors; at least one.
        positions: the stream's positions before the first of them.
        form: of keys and values.
        batch: records in an event; an event's id is the cursor after its last record.
    """
    if batch == 1:
        return _one_by_one(messages, positions, form)
    events: list[bytes] = []
    for start in range(0, len(messages), batch):
        records = _array(messages[start : start + batch], positions, form)
        events += (b"id: ", text_of(positions).encode(), b"\ndata: ", records, b"\n\n")
    return b"".join(events)


def frame(messages: Sequence[Any], positions: Positions, form: Format) -> str:
    """The text of a WebSocket frame with these records; moves the positions past them."""
    records = _array(messages, positions, form).decode()
    return f'{{"records":{records},"cursor":"{text_of(positions)}"}}'


def _array(messages: Sequence[Any], positions: Positions, form: Format) -> bytes:
    if COMPILED and form is Format.JSON:
        done = _records.array(messages, positions)
        if done is not None:
            return done
    columns = _Columns(messages, form)
    columns.move(positions)
    return _encode(columns.records)


def _one_by_one(messages: Sequence[Any], positions: Positions, form: Format) -> bytes:
    if COMPILED and form is Format.JSON:
        done = _records.events(messages, positions, _around)
        if done is not None:
            return done
    columns = _Columns(messages, form)
    lines = _encoder.encode_lines(columns.records).split(b"\n")
    following = _encoder.encode_lines([offset + 1 for offset in columns.offsets]).split(b"\n")
    events: list[bytes] = []
    begin = 0
    for partition, run in groupby(columns.partitions):
        end = begin + len(list(run))
        before, behind = _around(positions, partition)
        parts = zip(
            repeat(before), following[begin:end], repeat(behind), lines[begin:end], repeat(b"\n\n"), strict=False
        )
        events += chain.from_iterable(parts)
        positions[partition] = columns.offsets[end - 1] + 1
        begin = end
    return b"".join(events)


def _around(positions: Positions, partition: int) -> tuple[bytes, bytes]:
    # Within one partition, the cursor after a record differs from the previous one in a single number: the text
    # before and after that number is made once.
    lower = text_of({number: offset for number, offset in positions.items() if number < partition})
    higher = text_of({number: offset for number, offset in positions.items() if number > partition})
    return (
        f"id: {lower}{',' if lower else ''}{partition}:".encode(),
        f"{',' if higher else ''}{higher}\ndata: ".encode(),
    )
