"""Writes and reads probes over Kafka's own protocol."""

import contextlib
import json
import threading
import time
from collections.abc import Callable, Mapping

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition

from kafka_platform_runtime.connection import Complaints, Connection
from kafka_platform_runtime.failures import Transient, is_rejected, sentence
from kafka_platform_runtime.probe.tally import Mark, Tally, Way
from kafka_platform_runtime.supervision import WATCH

ASK_SECONDS = 5.0
"""How long one request to the brokers may take."""
WRITE_SECONDS = 60.0
"""How long a write is retried: a replaced broker, including its volume, is back by then."""
POLL_SECONDS = 0.2
FLUSH_SECONDS = 5.0
LONGEST_QUEUE = 20_000
"""Probes waiting for a broker: more than the highest rate sends in WRITE_SECONDS."""


class Native:
    """A producer and a consumer, each with a thread that serves it.

    Args:
        connection: where Kafka listens, and the login.
        topic: of the probes.
        say: receives failures, in one line each.
    """

    def __init__(self, connection: Connection, topic: str, say: Callable[[str], None]) -> None:
        self._servers = connection.bootstrap_servers
        self._topic = topic
        self._say = say
        self._complaints = Complaints()
        self.failure: str | None = None
        """Why the producer can never write again; None while it can."""
        self.errors = 0
        """Errors that the consumer received."""
        self._producer = Producer(
            connection.confluent(
                self._complaints,
                acks="all",
                enable_idempotence=True,
                linger_ms=0,
                message_timeout_ms=int(WRITE_SECONDS * 1000),
                queue_buffering_max_messages=LONGEST_QUEUE,
                topic_metadata_refresh_interval_ms=30_000,
            )
        )
        self._consumer = Consumer(
            connection.confluent(
                self._complaints,
                # Partitions are assigned, without a group; librdkafka requires a name anyway.
                group_id="no-group",
                enable_auto_commit=False,
                enable_auto_offset_store=False,
                # The oldest record, but not silently (see `_read`).
                auto_offset_reset="error",
                isolation_level="read_committed",
                fetch_wait_max_ms=500,
                fetch_queue_backoff_ms=1,
                fetch_error_backoff_ms=100,
                queued_max_messages_kbytes=1024,
                fetch_max_bytes=1024 * 1024,
                allow_auto_create_topics=False,
            )
        )
        self._ended = threading.Event()
        self._threads: list[threading.Thread] = []

    def partitions(self) -> int:
        """How many partitions the topic has.

        Raises:
            Transient: no broker answers, the login is refused, or the topic does not exist (yet) for this user.
        """
        try:
            found = self._producer.list_topics(self._topic, timeout=ASK_SECONDS).topics[self._topic]
        except KafkaException as failure:
            with contextlib.suppress(KafkaException):  # `_serve` is told of errors that are final
                self._producer.poll(0)
            reason = self._complaints.why(failure.args[0], self._servers)
            raise Transient(f"Kafka does not answer: {reason}") from None
        if found.error is not None or not found.partitions:
            reason = _reason(found.error) if found.error is not None else "it has no partition"
            raise Transient(f"topic {self._topic}: {reason}")
        return len(found.partitions)

    def ends(self, partitions: int) -> dict[int, int]:
        """The offset of the next record in each partition.

        Raises:
            Transient: Kafka does not know it for a partition.
        """
        found = {}
        for number in range(partitions):
            try:
                place = TopicPartition(self._topic, number)
                found[number] = self._consumer.get_watermark_offsets(place, timeout=ASK_SECONDS)[1]
            except KafkaException as failure:
                raise Transient(f"topic {self._topic}, partition {number}: {_reason(failure.args[0])}") from None
        return found

    def start(self, tally: Tally, ends: Mapping[int, int]) -> None:
        """Read from these offsets on, in the background."""
        self._consumer.assign([TopicPartition(self._topic, *place) for place in ends.items()])
        for name, work in (("native-acknowledgements", self._serve), ("native-reader", lambda: self._read(tally))):
            self._threads.append(WATCH.thread(name, work))

    def write(self, tally: Tally, partition: int) -> None:
        """Send the next probe to a partition; the tally receives its outcome."""
        mark = tally.send(Way.NATIVE, partition, time.monotonic())

        def delivered(error: KafkaError | None, message: Message) -> None:
            if error is None:
                tally.acknowledge(Way.NATIVE, partition, mark.number, message.offset() or 0, time.monotonic())
                return
            tally.fail(Way.NATIVE, partition, mark.number)
            self._say(f"native: a probe was not acknowledged: {_reason(error)}")
            if error.fatal():
                self.failure = _reason(error)

        try:
            self._producer.produce(self._topic, mark.record(), partition=partition, on_delivery=delivered)
        except (BufferError, KafkaException) as failure:
            tally.fail(Way.NATIVE, partition, mark.number)
            self._say(f"native: a probe cannot be sent: {failure}")

    def close(self) -> None:
        """Give what was sent a moment to be acknowledged, and close the connections."""
        with contextlib.suppress(KafkaException):
            self._producer.flush(FLUSH_SECONDS)
        WATCH.ending()
        self._ended.set()
        for thread in self._threads:
            thread.join(FLUSH_SECONDS)
        self._consumer.close()

    def _serve(self) -> None:
        with WATCH.heart("The probe's acknowledgements") as beat:
            while not self._ended.is_set():
                beat()
                try:
                    self._producer.poll(POLL_SECONDS)
                except KafkaException as failure:  # this is how the client reports a final error
                    self.failure = _reason(failure.args[0])

    def _read(self, tally: Tally) -> None:
        with WATCH.heart("The probe's reader") as beat:
            while not self._ended.is_set():
                beat()
                self._read_one(tally)

    def _read_one(self, tally: Tally) -> None:
        message = self._consumer.poll(POLL_SECONDS)
        now = time.monotonic()
        if message is None:
            return
        error, partition, offset = message.error(), message.partition() or 0, message.offset() or 0
        if error is None:
            tally.read(Way.NATIVE, partition, offset, _mark(message.value()), now)
            return
        # The client looks for its group's coordinator even if it does nothing in the group: a denial means
        # nothing.
        if error.code() == KafkaError.GROUP_AUTHORIZATION_FAILED:
            return
        self.errors += 1
        self._say(f"native: the reader was told: {_reason(error)}")
        if error.code() == KafkaError._AUTO_OFFSET_RESET:
            # The topic was made anew, or records are gone: continue with what is left.
            tally.rewind(Way.NATIVE, partition)
            self._consumer.incremental_unassign([TopicPartition(self._topic, partition)])
            self._consumer.incremental_assign([TopicPartition(self._topic, partition, OFFSET_BEGINNING)])


def _mark(value: bytes | None) -> Mark | None:
    try:
        return Mark.of(json.loads(value or b"null"))
    except ValueError:
        return None


def _reason(error: KafkaError) -> str:
    if is_rejected(error):
        return f"the login was refused: {sentence(error)}"
    if error.code() == KafkaError.TOPIC_AUTHORIZATION_FAILED:
        return "this user may not use the topic: it needs WRITE and READ on it"
    return sentence(error)
