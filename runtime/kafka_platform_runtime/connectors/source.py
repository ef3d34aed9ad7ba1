"""The loop of a source: receives, writes to Kafka, and acknowledges to the other system only what Kafka has acknowledged."""

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from kafka_platform_runtime.connection import Complaints, Connection
from kafka_platform_runtime.connectors.dead_letters import DeadLetters, producer_settings
from kafka_platform_runtime.connectors.look import look
from kafka_platform_runtime.connectors.meter import Meter
from kafka_platform_runtime.connectors.pauses import Pauses
from kafka_platform_runtime.connectors.records import Origin, Received, Record, Refusal
from kafka_platform_runtime.connectors.settings import Connector
from kafka_platform_runtime.failures import Transient, sentence
from kafka_platform_runtime.supervision import WATCH

HANGING_SECONDS = 240.0
RECEIVE_SECONDS = 0.05
"""How long acknowledgements of Kafka may wait for the next message."""
LATE_SECONDS = 10.0
"""Kafka is failing if it has not acknowledged a record after as long."""
FLUSH_SECONDS = 15.0
"""How long an ending program waits for Kafka; what is not acknowledged by then is sent again by the source."""
_UNFIT = frozenset({KafkaError.MSG_SIZE_TOO_LARGE, KafkaError.INVALID_RECORD, KafkaError.INVALID_MSG})
"""Errors that come from what is in the record: another attempt cannot help."""


class Broken(Exception):  # noqa: N818
    """The producer can never write again: the program has to start over."""


@dataclass(kw_only=True)
class _Pending:
    """A message on its way to Kafka."""

    received: Received
    since: float
    is_done: bool = False
    error: KafkaError | None = None


class Source:
    """Moves messages from another system to Kafka until told to stop.

    Messages are acknowledged in the order in which they came, each when Kafka has it and all before it. What is on its way
    when the program dies is sent again by the other system.
    """

    def __init__(
        self, connector: Connector, connection: Connection, origin: Origin, meter: Meter, stop: threading.Event
    ) -> None:
        self._connector, self._origin, self._meter, self._stop = connector, origin, meter, stop
        self._servers = connection.bootstrap_servers
        (self._topic,) = connector.topics
        self._complaints = Complaints()
        self._pauses = Pauses()
        self._pending: deque[_Pending] = deque()
        """As many as the other system sends before the first is acknowledged."""
        self._dead_letters = DeadLetters(connection, connector.dead_letters, connector.name)
        self._producer = Producer(producer_settings(connection, self._complaints, 0))

    def run(self) -> None:
        """The loop.

        Raises:
            Broken: the producer cannot continue.
        """
        with WATCH.heart("The source", HANGING_SECONDS) as beat:
            while not self._stop.is_set():
                try:
                    look(self._producer, [self._topic], self._complaints, self._servers)
                    self._empty(beat)
                    self._origin.open()
                    self._session(beat)
                except Transient as failure:
                    self._meter.failed(str(failure))
                    self._pause(beat)
                finally:
                    self._pending.clear()
                    self._origin.close()

    def _empty(self, beat: Callable[[], None]) -> None:
        """Let Kafka have what an earlier connection brought, before the other system sends it again."""
        while len(self._producer) and not self._stop.is_set():
            beat()
            self._producer.poll(0.2)

    def _pause(self, beat: Callable[[], None]) -> None:
        until = time.monotonic() + self._pauses.next()
        while not self._stop.wait(0.1) and time.monotonic() < until:
            beat()
            self._producer.poll(0)

    def _session(self, beat: Callable[[], None]) -> None:
        self._meter.works()
        while not self._stop.is_set():
            beat()
            for each in self._origin.receive(RECEIVE_SECONDS):
                self._send(each)
            self._settle(beat)
            if self._pending and time.monotonic() - self._pending[0].since > LATE_SECONDS:
                self._pending[0].since = time.monotonic()
                why = self._complaints.unanswered(self._servers) or "no answer in time"
                self._meter.failed(f"Kafka has not acknowledged a record for {LATE_SECONDS:.0f} s: {why}")
        until = time.monotonic() + FLUSH_SECONDS
        while self._pending and time.monotonic() < until:
            beat()
            self._producer.poll(0.05)
            self._settle(beat)

    def _send(self, received: Received) -> None:
        pending = _Pending(received=received, since=time.monotonic())

        def ended(error: KafkaError | None, _: Message) -> None:
            pending.is_done, pending.error = True, error

        self._pending.append(pending)
        while True:
            try:
                headers = list(received.headers)
                self._producer.produce(self._topic, received.value, received.key, headers=headers, on_delivery=ended)
            except BufferError:
                self._producer.poll(0.1)
                if self._stop.is_set():
                    raise Transient("told to end") from None
            except KafkaException as failure:
                pending.is_done, pending.error = True, failure.args[0]
                return
            else:
                return

    def _settle(self, beat: Callable[[], None]) -> None:
        """Acknowledge what Kafka has, in the order in which it came."""
        self._producer.poll(0)
        done = []
        while self._pending and self._pending[0].is_done:
            first = self._pending[0]
            if first.error is not None:
                self._failed(first, first.error, beat)
            done.append(self._pending.popleft().received)
        if not done:
            return
        size = sum(len(each.key or b"") + len(each.value or b"") for each in done)
        self._meter.delivered(len(done), size)
        self._meter.works()
        self._pauses.reset()
        self._origin.acknowledge(done)

    def _failed(self, pending: _Pending, error: KafkaError, beat: Callable[[], None]) -> None:
        """A record that Kafka does not take goes to the dead-letter topic.

        Kafka refuses a whole batch for one record in it, so each is tried alone first. What was in a batch with a refused
        record may therefore arrive after records that came later.
        """
        if error.fatal():
            raise Broken(sentence(error))
        if error.code() not in _UNFIT:
            raise Transient(f"topic {self._topic}: {sentence(error)}")
        received = pending.received
        found = self._alone(received, beat)
        if found is None:
            return
        if found.code() not in _UNFIT:
            raise Transient(f"topic {self._topic}: {sentence(found)}")
        record = Record(
            topic=self._topic,
            partition=-1,
            offset=-1,
            timestamp=0,
            key=received.key,
            value=received.value,
            headers=received.headers,
        )

        def wait() -> bool:
            beat()
            return not self._stop.is_set()

        unwritten, why = self._dead_letters.write([Refusal(record=record, reason=sentence(found))], wait)
        if unwritten:
            raise Transient(why)
        self._meter.refused(1)

    def _alone(self, received: Received, beat: Callable[[], None]) -> KafkaError | None:
        """Send one record in a batch of its own; what is wrong with it."""
        self._empty(beat)
        results: list[KafkaError | None] = []
        try:
            headers = list(received.headers)
            self._producer.produce(
                self._topic,
                received.value,
                received.key,
                headers=headers,
                on_delivery=lambda error, _: results.append(error),
            )
        except KafkaException as failure:
            return failure.args[0] if isinstance(failure.args[0], KafkaError) else None
        self._empty(beat)
        if not results:
            raise Transient("told to end")
        return results[0]
