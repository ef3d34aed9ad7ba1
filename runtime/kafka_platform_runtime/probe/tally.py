"""The outcome of each probe: rules that count it as read, lost, duplicated or out of order. No clock, no I/O.

A path is a write protocol and a read protocol, such as http->native. For each write protocol and partition the probes
are numbered, and the next one is sent only when its order after the previous one is guaranteed. The counts for each
path:

- written: Kafka acknowledged it. A probe without an acknowledgement is a write error; it may have been written anyway,
  never counts as lost or out of order, and is timed if it arrives.
- read: the reader received it for the first time.
- lost: written, not read within `lost_after` seconds of its acknowledgement, and the reader has read past it: it
  received a later probe, or the news that the records there are gone. A reader that cannot read (brokers or gateway are
  unavailable) has not read on, so its probes wait for it and none is lost by that.
- found: was counted as lost and arrived after all.
- duplicated: the reader received it again. If a reader has to restart at the oldest record (its position is gone,
  because the log was truncated there), the same records come again without being duplicates.
- out of order: written, and the reader received a later one of the same writer and partition before it.
- undecided: written, and after `remembered` seconds neither read nor passed. It is then forgotten, which bounds the
  memory.
"""

import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import Enum, StrEnum


class Way(StrEnum):
    """How a probe is written or read."""

    NATIVE = "native"
    """Kafka's own protocol."""
    HTTP = "http"
    """The gateway."""


class Kind(StrEnum):
    """What is counted for each path; WRITTEN and WRITE_ERROR for each write protocol."""

    WRITTEN = "written"
    WRITE_ERROR = "write_error"
    READ = "read"
    LOST = "lost"
    FOUND = "found"
    DUPLICATED = "duplicated"
    OUT_OF_ORDER = "out_of_order"
    UNDECIDED = "undecided"


Path = tuple[Way, Way]
"""How it is written, and how it is read."""


@dataclass(frozen=True, kw_only=True)
class Mark:
    """The content of a probe's record."""

    run: str
    """Which run of which program sent it; records of others are ignored."""
    write: Way
    number: int
    """Its number among the probes of this write protocol and partition, from 0."""
    sent: int
    """Nanoseconds of the monotonic clock of the program that sent it: only that program can compare them."""

    def record(self) -> bytes:
        """The record's value."""
        content = {"run": self.run, "write": self.write.value, "number": self.number, "sent": self.sent}
        return json.dumps(content, separators=(",", ":")).encode()

    @classmethod
    def of(cls, content: object) -> "Mark | None":
        """The content of a decoded record; None if it is not a probe's."""
        match content:
            case {"run": str(run), "write": str(write), "number": int(number), "sent": int(sent)} if write in set(Way):
                return cls(run=run, write=Way(write), number=number, sent=sent)
        return None


class _Fate(Enum):
    WAITING = 1
    READ = 2
    LOST = 3


@dataclass(kw_only=True, slots=True)
class _Probe:
    sent: float
    fates: dict[Way, _Fate]
    acknowledged: float | None = None
    offset: int = -1
    failed: bool = False
    overtaken: list[Way] = field(default_factory=list)


class _Sequence:
    """The probes of one write protocol and one partition, oldest first."""

    def __init__(self) -> None:
        self.probes: dict[int, _Probe] = {}
        self.next = 0
        self.highest: dict[Way, int] = {}
        self.silence = _Silence()


@dataclass(kw_only=True, slots=True)
class _Silence:
    """The longest time without an acknowledgement, since the silences are measured."""

    since: float | None = None
    longest: float = 0.0

    def heard(self, now: float) -> None:
        """There is an acknowledgement."""
        if self.since is not None:
            self.longest = max(self.longest, now - self.since)
            self.since = now


class Tally:
    """Keeps the probes of one run. Threads may call it at the same time.

    Args:
        run: distinguishes its records from others.
        writers: write protocols.
        readers: read protocols.
        partitions: of the topic.
        lost_after: seconds after the acknowledgement in which a probe has to be read.
        remembered: seconds for which a probe is remembered after it was sent; longer than an unanswered write takes.
        observe: receives each latency in seconds, with the path, partition and number of the probe.
    """

    def __init__(
        self,
        *,
        run: str,
        writers: Sequence[Way],
        readers: Sequence[Way],
        partitions: int,
        lost_after: float,
        remembered: float,
        observe: Callable[[Path, float, int, int], None],
    ) -> None:
        self.run = run
        self.paths: list[Path] = [(write, read) for write in writers for read in readers]
        self.counts: Counter[tuple[Kind, Way, Way | None]] = Counter()
        self.last_read: dict[Path, float] = {}
        """When a probe last arrived."""
        self._readers = tuple(readers)
        self._lost_after = lost_after
        self._remembered = remembered
        self._observe = observe
        self._sequences = {(write, number): _Sequence() for write in writers for number in range(partitions)}
        self._positions: dict[tuple[Way, int], int] = {}
        self._rewound: dict[tuple[Way, int], int] = {}
        self._silences = {write: _Silence() for write in writers}
        self._lock = threading.Lock()

    def send(self, write: Way, partition: int, now: float) -> Mark:
        """The next probe, about to be sent. `now` is when it is (or should have been) sent, in monotonic seconds."""
        with self._lock:
            sequence = self._sequences[write, partition]
            number = sequence.next
            sequence.next += 1
            fates = dict.fromkeys(self._readers, _Fate.WAITING)
            sequence.probes[number] = _Probe(sent=now, fates=fates)
        return Mark(run=self.run, write=write, number=number, sent=round(now * 1e9))

    def acknowledge(self, write: Way, partition: int, number: int, offset: int, now: float) -> None:
        """Kafka has the probe, at this offset."""
        with self._lock:
            self.counts[Kind.WRITTEN, write, None] += 1
            self._silences[write].heard(now)
            self._sequences[write, partition].silence.heard(now)
            probe = self._sequences[write, partition].probes.get(number)
            if probe is not None:
                probe.acknowledged, probe.offset = now, offset
                for read in probe.overtaken:
                    self.counts[Kind.OUT_OF_ORDER, write, read] += 1

    def measure_silences(self, now: float) -> None:
        """Measure from now on for how long nothing is acknowledged."""
        with self._lock:
            for each in (*self._silences.values(), *(sequence.silence for sequence in self._sequences.values())):
                each.since, each.longest = now, 0.0

    def silences(self, write: Way, now: float) -> tuple[float, list[float]]:
        """How long nothing that was written that way was acknowledged: at most, in all partitions together and in each."""
        with self._lock:
            own = [sequence.silence for (each, _), sequence in self._sequences.items() if each is write]
            for each in (self._silences[write], *own):
                each.heard(now)
            return self._silences[write].longest, [each.longest for each in own]

    def fail(self, write: Way, partition: int, number: int) -> None:
        """There is no acknowledgement, and will be none: whether Kafka has the probe is unknown."""
        with self._lock:
            self.counts[Kind.WRITE_ERROR, write, None] += 1
            probe = self._sequences[write, partition].probes.get(number)
            if probe is not None:
                probe.failed = True

    def read(self, read: Way, partition: int, offset: int, mark: Mark | None, now: float) -> None:
        """A reader received a record at `now`; `mark` is None if it is not a probe's."""
        with self._lock:
            self._positions[read, partition] = offset + 1
            if mark is None or mark.run != self.run or (mark.write, partition) not in self._sequences:
                return
            write, number = mark.write, mark.number
            sequence = self._sequences[write, partition]
            probe = sequence.probes.get(number)
            highest = sequence.highest.get(read, -1)
            sequence.highest[read] = max(highest, number)
            if probe is None:
                return  # forgotten
            if probe.fates[read] is _Fate.READ:
                if offset == probe.offset and offset < self._rewound.get((read, partition), 0):
                    return
                self.counts[Kind.DUPLICATED, write, read] += 1
                return
            if probe.fates[read] is _Fate.LOST:
                self.counts[Kind.FOUND, write, read] += 1
            probe.fates[read] = _Fate.READ
            self.counts[Kind.READ, write, read] += 1
            self.last_read[write, read] = now
            if number < highest and not probe.failed:
                if probe.acknowledged is None:
                    probe.overtaken.append(read)  # counted if it turns out to have been written
                else:
                    self.counts[Kind.OUT_OF_ORDER, write, read] += 1
            self._observe((write, read), now - mark.sent / 1e9, partition, number)

    def passed(self, read: Way, partition: int, position: int) -> None:
        """A reader knows that before this offset there is nothing that it has not received."""
        with self._lock:
            self._positions[read, partition] = position

    def rewind(self, read: Way, partition: int) -> None:
        """A reader restarts at the oldest record of a partition."""
        with self._lock:
            self._rewound[read, partition] = self._positions.get((read, partition), 0)

    def judge(self, now: float) -> None:
        """Count what is lost by now, and forget old probes."""
        with self._lock:
            for (write, partition), sequence in self._sequences.items():
                for number, probe in list(sequence.probes.items()):
                    for read, fate in probe.fates.items():
                        if fate is _Fate.WAITING and self._is_lost(sequence, read, partition, number, probe, now):
                            probe.fates[read] = _Fate.LOST
                            self.counts[Kind.LOST, write, read] += 1
                    if now - probe.sent >= self._remembered:
                        del sequence.probes[number]
                        if probe.acknowledged is not None:
                            for read, fate in probe.fates.items():
                                self.counts[Kind.UNDECIDED, write, read] += fate is _Fate.WAITING

    def _is_lost(self, sequence: _Sequence, read: Way, partition: int, number: int, probe: _Probe, now: float) -> bool:
        if probe.acknowledged is None or now - probe.acknowledged < self._lost_after:
            return False
        return self._positions.get((read, partition), -1) > probe.offset or sequence.highest.get(read, -1) > number

    def waiting(self) -> Iterator[tuple[Path, int, float]]:
        """For each path: probes that are written but not read yet, and when the oldest of them was acknowledged."""
        with self._lock:
            found: dict[Path, list[float]] = {path: [] for path in self.paths}
            for (write, _), sequence in self._sequences.items():
                for probe in sequence.probes.values():
                    if probe.acknowledged is not None:
                        for read, fate in probe.fates.items():
                            if fate is _Fate.WAITING:
                                found[write, read].append(probe.acknowledged)
        for path, times in found.items():
            yield path, len(times), min(times, default=0.0)

    def unsettled(self) -> bool:
        """Whether there are probes whose write has not ended, or that are written and neither read nor lost."""
        with self._lock:
            return any(
                not probe.failed and (probe.acknowledged is None or _Fate.WAITING in probe.fates.values())
                for sequence in self._sequences.values()
                for probe in sequence.probes.values()
            )

    def silent(self, now: float) -> str | None:
        """Which paths have delivered no probe for `lost_after` seconds, in one line; None if all have."""
        told = []
        for write, read in self.paths:
            last = self.last_read.get((write, read))
            if last is None:
                told.append(f"{write}->{read} has delivered no probe yet")
            elif now - last > self._lost_after:
                told.append(f"{write}->{read} has delivered no probe for {now - last:.0f} s")
        return "; ".join(told) or None
