"""Keeps the position of a source whose other side keeps none: in the metadata of its group's offset."""

import time

from confluent_kafka import Consumer, KafkaException, TopicPartition

from kafka_platform_runtime.connection import Complaints, Connection
from kafka_platform_runtime.connectors.settings import Connector
from kafka_platform_runtime.failures import Transient, sentence

LONGEST_POSITION = 4000
"""Characters: brokers take 4096 bytes by default (`offset.metadata.max.bytes`)."""
AGAIN_SECONDS = 3600.0
"""A position that does not change is written again after as long: brokers forget those of a week ago."""
ASK_SECONDS = 10.0


class Positions:
    """The position of one connector, which is a text."""

    def __init__(self, connector: Connector, connection: Connection) -> None:
        self._place = (connector.topics[0], 0)
        self._servers = connection.bootstrap_servers
        self._complaints = Complaints()
        self._written: tuple[str | None, float] = (None, 0.0)
        self._consumer = Consumer(
            connection.confluent(self._complaints, group_id=connector.group, enable_auto_commit=False)
        )

    def read(self) -> str:
        """The position; empty if there is none.

        Raises:
            Transient: Kafka does not answer.
        """
        try:
            (found,) = self._consumer.committed([TopicPartition(*self._place)], timeout=ASK_SECONDS)
        except KafkaException as failure:
            raise Transient(f"the position: {self._complaints.why(failure.args[0], self._servers)}") from None
        if found.error is not None:
            raise Transient(f"the position: {sentence(found.error)}")
        return found.metadata or ""

    def write(self, position: str) -> None:
        """Keep a position.

        Raises:
            Transient: Kafka does not answer, or the position is too long.
        """
        if len(position.encode()) > LONGEST_POSITION:
            raise Transient(f"the position has more than {LONGEST_POSITION} bytes: Kafka does not keep it")
        written, at = self._written
        if written == position and time.monotonic() - at < AGAIN_SECONDS:
            return
        try:
            self._consumer.commit(offsets=[TopicPartition(*self._place, 0, position)], asynchronous=False)
        except KafkaException as failure:
            raise Transient(f"the position: {sentence(failure.args[0])}") from None
        self._written = position, time.monotonic()
