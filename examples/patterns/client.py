"""What the programs share: the platform's settings, and a loop that reads, works, writes and commits.

Nothing is lost: a record is committed once what it led to is acknowledged. What was done and not yet committed when a
pod died is done again; with `transactional: true` in the stack file, it is then seen by nobody who reads committed
records, as are all of the platform's readers.
"""

import os
import signal
import sys
import time
import uuid
from collections.abc import Callable
from pathlib import Path

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition

COMMIT_SECONDS = 0.5
"""How much work is repeated at most when a pod dies."""
ACKNOWLEDGE_SECONDS = 20.0
"""How long Kafka has to accept records before the program gives up and is restarted."""
MOST_DONE = 1_000
"""Records that are worked on between two commits at most: that bounds the queue to Kafka too."""


def variable(name: str) -> str:
    """A variable that the platform sets; ends the program if it is missing."""
    value = os.environ.get(name, "")
    if not value:
        raise SystemExit(f"{name}: is not set; the platform sets it for workers that declare what they read and write")
    return value


def reads() -> list[str]:
    """The topics that the stack file lets this program read."""
    return variable("KAFKA_READ_TOPICS").split(",")


def writes() -> list[str]:
    """The topics that the stack file lets this program write."""
    return variable("KAFKA_WRITE_TOPICS").split(",")


def options(*roles: str) -> dict[str, str]:
    """Librdkafka's settings: how to connect and log in, then those of a role, `CONSUMER` or `PRODUCER`."""
    files = [variable("KAFKA_LIBRDKAFKA_CONFIG"), *(variable(f"KAFKA_LIBRDKAFKA_{role}_CONFIG") for role in roles)]
    lines = [line.strip() for file in files for line in Path(file).read_text().splitlines()]
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def headers(message: Message) -> dict[str, str]:
    """A record's headers as text; a repeated one counts by its last value."""
    found: list[tuple[str, bytes | None]] = message.headers() or []  # type: ignore[assignment]  # its stubs know more kinds
    return {name: (value or b"").decode(errors="replace") for name, value in found}


Handle = Callable[["Loop", Message], float | None]
"""Does what a record asks for, and writes. Returns None, or the time (epoch seconds) until which the record, and all
behind it in its partition, has to wait."""


class Loop:
    """Reads the program's topics until it is told to end (SIGTERM).

    Args:
        handle: what to do with a record.
    """

    def __init__(self, handle: Handle) -> None:
        self._handle = handle
        self._stop = False
        self._done: dict[tuple[str, int], int] = {}
        """The offset to continue from, by topic and partition."""
        self._resting: dict[tuple[str, int], float] = {}
        self._refused: KafkaError | None = None
        prefix = os.environ.get("KAFKA_TRANSACTIONAL_ID_PREFIX")
        self._transactional = prefix is not None
        # Who has lost its partitions is kept from committing by the group; the id only has to be this process's own.
        # Readers wait for the open transaction of one that was killed for as long as it may take.
        own = {"transactional.id": f"{prefix}{uuid.uuid4().hex}", "transaction.timeout.ms": "10000"} if prefix else {}
        self.producer = Producer(options("PRODUCER") | own)
        self._consumer = Consumer(options("CONSUMER"))

    def run(self) -> None:
        """Works until it is stopped, then commits and leaves the group. Raises `KafkaException` if Kafka refuses."""
        for each in (signal.SIGTERM, signal.SIGINT):
            signal.signal(each, lambda *_: setattr(self, "_stop", True))
        if self._transactional:
            self.producer.init_transactions(ACKNOWLEDGE_SECONDS)
            self.producer.begin_transaction()
        self._consumer.subscribe(reads(), on_revoke=self._revoked, on_lost=self._lost)
        due = time.monotonic()
        try:
            while not self._stop:
                message = self._consumer.poll(0.1)
                if message is not None:
                    self._work(message)
                if time.monotonic() >= due or len(self._done) >= MOST_DONE:
                    self._commit()
                    self._wake()
                    due = time.monotonic() + COMMIT_SECONDS
        except BaseException:
            self._done.clear()  # nothing more may be committed
            raise
        finally:
            self._consumer.close()

    def _work(self, message: Message) -> None:
        if (error := message.error()) is not None:
            if not error.retriable():
                raise KafkaException(error)
            return
        place = (str(message.topic()), int(message.partition() or 0))
        until = self._handle(self, message)
        self.producer.poll(0)
        if until is None:
            self._done[place] = int(message.offset() or 0) + 1
            return
        self._resting[place] = until
        self._consumer.pause([TopicPartition(*place)])
        self._consumer.seek(TopicPartition(*place, int(message.offset() or 0)))

    def _wake(self) -> None:
        ended = [place for place, until in self._resting.items() if until <= time.time()]
        if ended:
            self._consumer.resume([TopicPartition(*place) for place in ended])
        for place in ended:
            del self._resting[place]

    def _commit(self) -> None:
        if not self._done:
            return
        offsets = [TopicPartition(*place, offset) for place, offset in self._done.items()]
        if self._transactional:
            self.producer.send_offsets_to_transaction(offsets, self._consumer.consumer_group_metadata())
            self.producer.commit_transaction(ACKNOWLEDGE_SECONDS)
            self.producer.begin_transaction()
        else:
            if self.producer.flush(ACKNOWLEDGE_SECONDS) or self._refused is not None:
                raise KafkaException(self._refused or KafkaError(KafkaError._TIMED_OUT, "records are not acknowledged"))
            self._consumer.commit(offsets=offsets, asynchronous=False)
        self._done.clear()

    def write(self, topic: str, key: bytes | None, value: str, partition: int = -1, **about: str) -> None:
        """Writes a record with these headers; to this partition, or by its key."""
        named: list[tuple[str, str | bytes | None]] = [
            (name.replace("_", "-"), text.encode()) for name, text in about.items()
        ]
        self.producer.produce(topic, value, key, partition, headers=named, on_delivery=self._delivered)

    def partitions(self, topic: str) -> int:
        """How many partitions a topic has."""
        return len(self.producer.list_topics(topic, timeout=ACKNOWLEDGE_SECONDS).topics[topic].partitions)

    def _delivered(self, error: KafkaError | None, _: Message) -> None:
        self._refused = error or self._refused

    def _revoked(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        self._commit()
        self._lost(consumer, partitions)

    def _lost(self, _: Consumer, partitions: list[TopicPartition]) -> None:
        for each in partitions:
            self._done.pop((each.topic, each.partition), None)
            self._resting.pop((each.topic, each.partition), None)


def main(handle: Handle) -> int:
    """Runs a loop. Returns the exit code: 1 if Kafka refuses something; the next pod does again what was not committed."""
    try:
        Loop(handle).run()
    except KafkaException as error:
        print(error.args[0], file=sys.stderr)
        return 1
    return 0
