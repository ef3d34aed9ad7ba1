"""The records of requests on their way to Kafka, and polling for its acknowledgements."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import msgspec
from confluent_kafka import KafkaError

from kafka_platform_runtime.gateway.callers.channel import Channel
from kafka_platform_runtime.gateway.verdicts import OF_A_BATCH
from kafka_platform_runtime.gateway.writes.bodies import Headers
from kafka_platform_runtime.gateway.writes.resend import Again
from kafka_platform_runtime.supervision import whereabouts

LOG = logging.getLogger("gateway")

POLL_SECONDS = 0.001
"""Pause between two polls for acknowledgements. Shorter ones cost more than they gain; the event loop counts in ms."""
POLLS_BETWEEN_CHECKS = 100
"""How often to check for records that could not even be handed over, if nothing else happens."""

Delivered = Callable[[KafkaError | None, Any], None]


class Written(msgspec.Struct, gc=False):
    """A record that Kafka has acknowledged."""

    partition: int
    offset: int


class Unwritten(NamedTuple):
    """Why a record was not acknowledged. A KafkaError alone cannot be compared with None: it raises TypeError."""

    error: KafkaError


class Batch:
    """The records of one request in flight.

    Kafka's answers arrive one by one in any order, each at its record's callback. The callbacks are made once, do as
    little as possible, and are reused by the next request: they are most of a record's cost here.
    """

    __slots__ = ("again", "ended", "extras", "failures", "offsets", "places", "results", "schemas", "size")

    def __init__(self) -> None:
        self.failures: list[KafkaError] = []
        """Of records that were not written, in any order."""
        self.results: list[Any] = []
        """For each record None, then its offset, or where it was written, or why it was not."""
        self.offsets: list[Delivered] = []
        """Callbacks that note the offset alone, for records whose partition is known."""
        self.places: list[Delivered] = []
        """Callbacks that note the partition too."""
        self.size = 0
        self.schemas = b""
        """What the response begins with: the ids of the schemas, if the records have any."""
        self.extras: dict[int, tuple[int | None, Headers]] = {}
        """Timestamp and headers of the records that have any: Kafka's client does not return these."""
        self.ended: Callable[[], None]
        """Called when the outcome of every record is known."""
        self.again: SendAgain
        """Resends a record that was refused together with others; returns whether it does."""

    def begin(self, size: int) -> None:
        """Prepare for `size` records."""
        for index in range(len(self.offsets), size):
            self.results.append(None)
            self.offsets.append(_noting_offset(self, index))
            self.places.append(_noting_place(self, index))
        self.results[:size] = [None] * size
        self.failures.clear()
        if self.extras:
            self.extras.clear()
        self.size = size
        self.schemas = b""

    def failed(self, error: KafkaError, message: Any, index: int, written: "Place") -> Unwritten | None:
        """Why a record was not written; None if it is resent, because others of its batch may be at fault."""
        if message is not None and error.code() in OF_A_BATCH:

            def settled(final: KafkaError | None, sent: Any) -> None:
                self.results[index] = written(sent) if final is None else self._unwritten(final)

            timestamp, headers = self.extras.get(index, (None, None))
            place, value, key = message.partition(), message.value(), message.key()
            if self.again(Again(message.topic(), place, value, key, timestamp, headers, settled)):
                return None
            # Whether this record is to blame is unknown: it was not written, and may be resent.
            error = KafkaError(KafkaError._INVALID_DIFFERENT_RECORD)
        return self._unwritten(error)

    def _unwritten(self, error: KafkaError) -> Unwritten:
        self.failures.append(error)
        return Unwritten(error)

    def is_complete(self) -> bool:
        """Whether the outcome of every record is known."""
        return self.results[self.size - 1] is not None and None not in self.results[: self.size]


Place = Callable[[Any], int | Written]
SendAgain = Callable[[Again], bool]


def _offset(message: Any) -> int:
    return int(message.offset())


def _place(message: Any) -> Written:
    return Written(message.partition(), message.offset())


def _noting_offset(batch: Batch, index: int) -> Delivered:
    results = batch.results

    def delivered(error: KafkaError | None, message: Any) -> None:
        results[index] = message.offset() if error is None else batch.failed(error, message, index, _offset)

    return delivered


def _noting_place(batch: Batch, index: int) -> Delivered:
    results = batch.results

    def delivered(error: KafkaError | None, message: Any) -> None:
        results[index] = (
            Written(message.partition(), message.offset())
            if error is None
            else batch.failed(error, message, index, _place)
        )

    return delivered


class Poller:
    """Polls for acknowledgements while somebody waits for any, in the event loop's own thread."""

    def __init__(self) -> None:
        self._waiting: dict[Channel, list[Batch]] = {}
        self._scheduled = False

    @property
    def waits(self) -> bool:
        """Whether the outcome of any record is unknown."""
        return bool(self._waiting)

    def watch(self, channel: Channel, batch: Batch) -> None:
        """Watch a batch that was handed to this producer, to report when all of it is answered."""
        channel.awaited += 1
        self._waiting.setdefault(channel, []).append(batch)
        if not self._scheduled:
            self._scheduled = True
            asyncio.get_running_loop().call_later(POLL_SECONDS, self._poll)

    def look(self, channel: Channel) -> None:
        """Check records of this producer whose outcome has become known elsewhere."""
        batches = self._waiting.get(channel)
        if batches:
            self._check(channel, batches)

    def _poll(self) -> None:
        try:
            for channel, batches in list(self._waiting.items()):
                channel.turn += 1
                try:
                    served = channel.producer.poll(0)
                except Exception as error:
                    served = channel.failed(error)
                if served or channel.turn % POLLS_BETWEEN_CHECKS == 0:
                    self._check(channel, batches)
        finally:
            # Whatever happens, waiting requests are not forgotten.
            self._scheduled = bool(self._waiting)
            if self._scheduled:
                asyncio.get_running_loop().call_later(POLL_SECONDS, self._poll)

    def _check(self, channel: Channel, batches: Sequence[Batch]) -> None:
        left: list[Batch] = []
        complete: list[Batch] = []
        for batch in batches:
            (complete if batch.is_complete() else left).append(batch)
        channel.awaited -= len(complete)
        if left:
            self._waiting[channel] = left
        else:
            del self._waiting[channel]
        for batch in complete:
            try:
                batch.ended()
            except Exception as error:  # only this caller is affected: the others get their outcomes
                LOG.error("A write cannot be answered: %s", whereabouts(error))
