"""A compacted topic with one partition, used as a table: text keys and JSON values, the newest of each key."""

import json
import time
from collections.abc import Mapping
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition

from kafka_platform_runtime.connection import REQUEST_TIMEOUT, Connection
from kafka_platform_runtime.failures import Transient, raise_for

# A broker answers a connection's requests in order: a request for the end of the topic waits for the fetch before it.
FETCH_WAIT_MS = 20
LARGEST_VALUE = 1 << 20
"""Bytes of a value; larger ones, which nobody here writes, are passed over."""


class CompactedTopic:
    """Reads a topic, which must exist, up to its end, and writes to it.

    Args:
        connection: the login.
        name: the topic.
        subject: what messages call it.
        timeout: seconds that reading or writing may take.
    """

    def __init__(self, connection: Connection, name: str, subject: str, *, timeout: float = REQUEST_TIMEOUT) -> None:
        self._connection = connection
        self._name = name
        self._subject = subject
        self._timeout = timeout
        self._partition = TopicPartition(name, 0)
        self._next: int | None = None
        self._consumer: Consumer | None = None
        self._producer: Producer | None = None
        self.entries: dict[str, Any] = {}
        """The newest value of each key, in the order of the keys' first records, as of the last `catch_up`."""

    def close(self) -> None:
        """End the connections."""
        if self._consumer is not None:
            self._consumer.close()

    def catch_up(self) -> None:
        """Read on to the end.

        Raises:
            Transient: the partition has no leader, or the records do not arrive.
            Refused, Rejected: Kafka does not let the user in, or read.
        """
        until = time.monotonic() + self._timeout
        if self._consumer is None:
            self._consumer = self._new_consumer()
        consumer = self._consumer
        try:
            start, end = consumer.get_watermark_offsets(self._partition, timeout=self._timeout, cached=False)
            if self._next is None:
                # Not earlier, and by number: if it starts without a known leader, the library waits half a second.
                consumer.assign([TopicPartition(self._name, 0, start)])
                self._next = start
            # Compaction leaves gaps: the position, not the number of records, shows the progress.
            while self._next < end:
                # `consume` waits out its timeout unless it gets the requested number: only the first record is awaited.
                first = consumer.poll(0.5)
                if first is not None:
                    for message in (first, *consumer.consume(1000, timeout=0)):
                        self._take(message)
                if time.monotonic() > until:
                    raise Transient(
                        f"{self._subject}: read up to {self._next:,} of {end:,} records in {self._timeout:.0f} s"
                    )
        except KafkaException as error:
            raise_for(error.args[0], self._subject, username=self._connection.username)

    def write(self, records: Mapping[str, Mapping[str, Any] | None]) -> None:
        """Write values, by key; None removes one.

        Raises:
            Transient, Refused, Rejected: not every record could be written.
        """
        errors: list[KafkaError] = []

        def delivered(error: KafkaError | None, _: Message) -> None:
            if error is not None:
                errors.append(error)

        if self._producer is None:
            self._producer = self._new_producer()
        for key, value in records.items():
            data = None if value is None else json.dumps(value, sort_keys=True, separators=(",", ":")).encode()
            while True:
                try:
                    self._producer.produce(self._name, key=key.encode(), value=data, partition=0, on_delivery=delivered)
                    break
                except BufferError:
                    self._producer.poll(0.5)
            self._producer.poll(0)
        left = self._producer.flush(self._timeout + 5)
        if errors:
            raise_for(errors[0], self._subject, username=self._connection.username)
        if left:
            raise Transient(f"{self._subject}: {left} entries were not acknowledged in time")

    def _new_consumer(self) -> Consumer:
        return Consumer(
            self._connection.confluent(
                group_id="kafka-platform-ledger",  # required by the library; never joined, no offsets are committed
                enable_auto_commit=False,
                enable_partition_eof=True,
                auto_offset_reset="earliest",
                isolation_level="read_uncommitted",
                allow_auto_create_topics=False,
                fetch_wait_max_ms=FETCH_WAIT_MS,
            )
        )

    def _new_producer(self) -> Producer:
        # One request in flight: entries stay in the order in which they were written, also after a retry.
        return Producer(
            self._connection.confluent(
                acks="all",
                max_in_flight_requests_per_connection=1,
                message_timeout_ms=int(self._timeout * 1000),
                linger_ms=5,
            )
        )

    def _take(self, message: Message) -> None:
        error = message.error()
        offset = message.offset() or 0
        if error is not None:
            if error.code() != KafkaError._PARTITION_EOF:
                raise_for(error, self._subject, username=self._connection.username)
            self._next = max(self._next or 0, offset)
            return
        self._next = offset + 1
        key = (message.key() or b"").decode(errors="replace")
        value = message.value()
        if value is None or len(value) > LARGEST_VALUE:
            self.entries.pop(key, None)
            return
        try:
            self.entries[key] = json.loads(value)
        except ValueError:
            self.entries.pop(key, None)
