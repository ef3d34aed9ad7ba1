"""Sinks that write files: which records a file has, so that none is lost and none is in two files."""

import gzip
import hashlib
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Protocol

import msgspec

from kafka_platform_runtime.connectors.records import Outcome, Record, Refusal
from kafka_platform_runtime.connectors.settings import Section
from kafka_platform_runtime.failures import Refused, Transient

FIRST = "kafka-first-record"
"""Fact of a file: what its first record is, so that an offset of another topic of the same name is noticed."""
LAST = "kafka-last-offset"
"""Fact of a file: the offset of its last record."""
OFFSET_DIGITS = 20
"""Offsets have up to nineteen: names are in the order of the records."""

Place = tuple[str, int]
"""A topic and a partition."""


class Lines(StrEnum):
    """What a line is."""

    VALUE = "value"
    """The value, which is JSON."""
    RECORD = "record"
    """An object with topic, partition, offset, timestamp, key and value."""


class Compression(StrEnum):
    """Of files."""

    GZIP = "gzip"
    NONE = "none"


class FileSettings(Section, frozen=True, kw_only=True):
    """Of all kinds that write files."""

    lines: Lines = Lines.VALUE
    compression: Compression = Compression.GZIP


class Store(Protocol):
    """Where files go."""

    def open(self) -> None:
        """Raises `Transient` unless it answers and lets the connector in."""

    def put(self, name: str, content: bytes, facts: Mapping[str, str]) -> Mapping[str, str] | None:
        """Writes a file as a whole, unless there is one of this name.

        Returns:
            None: it is written. Otherwise the facts of the file that is there.

        Raises:
            Transient: it may not be written.
        """

    def close(self) -> None:
        """Ends the connection."""


class Files:
    """Writes the records of each partition that came at a time to a file, named by the offset of the first one.

    The offset that is committed is always that of the next file's first record. Whoever begins there again, after a crash or
    because another pod was given up too early, finds the file of this name and goes on behind its last record: each record is in
    one file, whatever ends when. If that record is still to be read, it is waited for.
    """

    def __init__(self, prefix: str, settings: FileSettings, store: Store) -> None:
        self._prefix, self._settings, self._store = prefix, settings, store
        self._ahead: dict[Place, tuple[int, int]] = {}
        """Of partitions of which another process has written more than was read here: the last offset that was read, and that
        which was written."""

    def open(self) -> None:
        """Whether files can be written."""
        self._store.open()

    def deliver(self, records: Sequence[Record]) -> Outcome:
        """One file for each partition."""
        refused: list[Refusal] = []
        by_place: dict[Place, list[Record]] = {}
        for each in records:
            by_place.setdefault(each.place, []).append(each)
        ends: dict[Place, int] = {}
        for place, group in by_place.items():
            try:
                unfit, last = self._write(group)
            except Transient as failure:
                left = [each for each in records if each.place not in ends]
                return Outcome(refused=refused, left=left, trouble=str(failure), ends=ends)
            refused += unfit
            ends[place] = last + 1
        return Outcome(refused=refused, ends=ends)

    def close(self) -> None:
        """Ends the connection."""
        self._store.close()

    def _write(self, records: Sequence[Record]) -> tuple[list[Refusal], int]:
        """What is refused of a partition's records, and the last offset up to which all are written."""
        refused: list[Refusal] = []
        lines: dict[int, bytes] = {}
        for each in records:
            try:
                lines[each.offset] = line_of(each, self._settings.lines)
            except Refused as unfit:
                refused.append(Refusal(record=each, reason=str(unfit)))
        place, last = records[0].place, records[-1].offset
        written = self._written_before(place, records[0].offset)
        rest = [each for each in records if each.offset > written]
        while any(each.offset in lines for each in rest):
            name = self._name(rest[0])
            facts = {FIRST: fingerprint(rest[0]), LAST: str(last)}
            content = b"".join(lines[each.offset] + b"\n" for each in rest if each.offset in lines)
            if self._settings.compression is Compression.GZIP:
                content = gzip.compress(content, mtime=0)
            there = self._store.put(name, content, facts)
            if there is None:
                break
            if there.get(FIRST) != facts[FIRST] or not there.get(LAST, "").isdecimal():
                raise Transient(
                    f"{name} is there and has other records: choose another prefix, or remove what is there"
                )
            written = int(there[LAST])
            rest = [each for each in rest if each.offset > written]
        # Only now: until here, these records may be tried again.
        self._ahead.pop(place, None)
        if written > last:
            self._ahead[place] = (last, written)
        return refused, max(last, written)

    def _written_before(self, place: Place, first: int) -> int:
        """The last offset of which it is known that it is written; -1 unless these records go on where the last ones ended."""
        read, written = self._ahead.get(place, (-1, -1))
        return written if read < first <= written else -1

    def _name(self, first: Record) -> str:
        suffix = ".gz" if self._settings.compression is Compression.GZIP else ""
        return f"{self._prefix}{first.topic}/{first.partition}/{first.offset:0{OFFSET_DIGITS}}.jsonl{suffix}"


def fingerprint(record: Record) -> str:
    """What tells a record from others at its offset."""
    parts = (str(record.timestamp).encode(), record.key or b"", record.value or b"")
    return hashlib.sha256(b"".join(len(each).to_bytes(8, "big") + each for each in parts)).hexdigest()[:32]


def line_of(record: Record, lines: Lines) -> bytes:
    """A record as a line of JSON.

    Raises:
        Refused: it has no JSON, or a key that is not text.
    """
    value = record.value or b"null"
    try:
        parsed = msgspec.json.decode(value)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise Refused([f"its value is not JSON: {error}"]) from None
    if b"\n" in value or b"\r" in value:
        value = msgspec.json.encode(parsed)
    if lines is Lines.VALUE:
        return value
    try:
        key = None if record.key is None else record.key.decode()
    except UnicodeDecodeError:
        raise Refused(["its key is not text"]) from None
    about = {
        "topic": record.topic,
        "partition": record.partition,
        "offset": record.offset,
        "timestamp": record.timestamp,
        "key": key,
        "value": msgspec.Raw(value),
    }
    return msgspec.json.encode(about)
