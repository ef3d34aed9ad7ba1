"""What connectors move, and what becomes of it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

Headers = Sequence[tuple[str, str | bytes | None]]

LONGEST_REASON = 500
"""Characters of a reason that are kept: another system wrote it, and it goes into a header and a line of the log."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """A record that was read from Kafka."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    """Milliseconds since 1970."""
    key: bytes | None
    value: bytes | None
    headers: Headers = ()

    @property
    def size(self) -> int:
        """Bytes of its key and value."""
        return len(self.key or b"") + len(self.value or b"")

    @property
    def place(self) -> tuple[str, int]:
        """Its topic and partition."""
        return self.topic, self.partition

    @property
    def identity(self) -> str:
        """The same whenever it is read."""
        return f"{self.topic}-{self.partition}-{self.offset}"


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """A record that another attempt cannot deliver, because of what is in it."""

    record: Record
    reason: str


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of records that were to be delivered. Those in neither list were delivered."""

    refused: Sequence[Refusal] = ()
    left: Sequence[Record] = ()
    """Not delivered, or not known to be: they are tried again, in their order."""
    trouble: str = ""
    """Why some are left, in one line."""
    wait: float = 0.0
    """Seconds that the target asks to be left alone, at least."""
    ends: Mapping[tuple[str, int], int] = field(default_factory=dict)
    """By topic and partition, for targets with places of their own to go on from: everything before this offset has arrived, and
    of a partition that is not named here nothing is committed."""


def in_halves(records: Sequence[Record], deliver: Callable[[Sequence[Record]], Outcome]) -> Outcome:
    """Delivers records that are too many for once in two parts, the second only if nothing of the first is left."""
    middle = len(records) // 2
    first = deliver(records[:middle])
    if first.left:
        return replace(first, left=[*first.left, *records[middle:]])
    second = deliver(records[middle:])
    return replace(second, refused=[*first.refused, *second.refused])


class Target(Protocol):
    """A system that a sink delivers to. One thread calls it."""

    def open(self) -> None:
        """Connects, or finds out whether it could.

        Raises:
            Transient: it does not answer, or does not let the connector in.
        """

    def deliver(self, records: Sequence[Record]) -> Outcome:
        """Delivers records, those of a partition in their order; returns within about half a minute."""

    def close(self) -> None:
        """Ends the connection."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """What a source has received, before Kafka has it."""

    key: bytes | None
    value: bytes | None
    headers: Headers = ()
    token: object = None
    """By which the source knows it when it is acknowledged."""


class Origin(Protocol):
    """A system that a source reads from. One thread calls it."""

    def open(self) -> None:
        """Connects.

        Raises:
            Transient: it does not answer, or does not let the connector in.
        """

    def receive(self, seconds: float) -> Sequence[Received]:
        """What has arrived after this time at most. Keeps the connection alive, and is called at least every second.

        Raises:
            Transient: the connection is lost.
        """

    def acknowledge(self, received: Sequence[Received]) -> None:
        """Kafka has these: they need not be sent again.

        Raises:
            Transient: the connection is lost, so that they will be.
        """

    def close(self) -> None:
        """Ends the connection."""


def line(text: str) -> str:
    """What another system has written, as one line that is safe to show."""
    shown = "".join(each if each.isprintable() else " " for each in text)
    return " ".join(shown.split())[:LONGEST_REASON]
