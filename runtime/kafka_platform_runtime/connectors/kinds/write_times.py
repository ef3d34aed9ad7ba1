"""By which Cassandra orders writes: the newest of a row stays, in whichever order they arrive."""

from collections.abc import Sequence
from dataclasses import dataclass

from kafka_platform_runtime.connectors.records import Record

Place = tuple[str, int]
MICROSECONDS = 1000
"""In a millisecond, which is as fine as records tell their time."""


@dataclass(slots=True)
class _Reached:
    offset: int
    first: int
    """Milliseconds of the first record since the partition was read from here."""
    time: int


class WriteTimes:
    """Microseconds for each record: those of its timestamp, and within a millisecond the order of a partition's offsets.

    They hardly depend on where reading began, so that a process that reads some records again, or that was given up too early,
    replaces nothing newer. The last three digits of the offset tell records of a millisecond apart. Where they begin again at zero
    within one, the times go on into the next millisecond; whoever begins to read there cannot know, and takes that for granted.
    """

    def __init__(self) -> None:
        self._reached: dict[Place, _Reached] = {}
        self._given: dict[tuple[Place, int], int] = {}
        """Of the last batch: what is left of it has newer neighbours that were written, and keeps its times."""

    def of(self, records: Sequence[Record]) -> list[int]:
        """The times of a batch, with the records of each partition in their order."""
        found: dict[tuple[Place, int], int] = {}
        for each in records:
            given = self._given.get((each.place, each.offset))
            found[each.place, each.offset] = self._next(each) if given is None else given
        self._given = found
        return list(found.values())

    def _next(self, record: Record) -> int:
        reached = self._reached.get(record.place)
        if reached is None or record.offset <= reached.offset:  # it is read again
            reached = self._reached[record.place] = _Reached(offset=-1, first=record.timestamp, time=-1)
        elif record.offset != reached.offset + 1:
            # Another pod may have had the partition meanwhile.
            reached.first = record.timestamp
        time = record.timestamp * MICROSECONDS + record.offset % MICROSECONDS
        if record.timestamp == reached.first:
            time += MICROSECONDS
        if time <= reached.time < time + 3 * MICROSECONDS:
            time = reached.time + 1
        reached.offset, reached.time = record.offset, time
        return time
