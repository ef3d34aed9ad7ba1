"""Writes refused records to the dead-letter topic, with the headers that Kafka Connect uses."""

from collections.abc import Callable, Sequence

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from kafka_platform_runtime.connection import Complaints, Connection
from kafka_platform_runtime.connectors.records import Headers, Record, Refusal, line
from kafka_platform_runtime.failures import sentence

PREFIX = "__connect.errors."
WRITE_SECONDS = 30.0
"""How long a write is retried until the refused record is tried at the target again."""
LARGEST_RECORD = 64 * 1024 * 1024
"""Bytes: the topic says what it takes, and not librdkafka's default of a million."""


class DeadLetters:
    """A producer for one topic.

    Args:
        connection: where Kafka listens, and the login.
        topic: of dead letters; None: there is none, and nothing can be written.
        connector: its name.
    """

    def __init__(self, connection: Connection, topic: str | None, connector: str) -> None:
        self._topic, self._connector = topic, connector
        self._complaints = Complaints()
        self._producer = (
            None if topic is None else Producer(producer_settings(connection, self._complaints, WRITE_SECONDS))
        )

    def write(self, refusals: Sequence[Refusal], wait: Callable[[], bool]) -> tuple[Sequence[Refusal], str]:
        """Writes them, and waits for Kafka's acknowledgements.

        Args:
            refusals: the records and why they were refused.
            wait: called while it waits, every moment; returns whether to wait on.

        Returns:
            Those that are not written, and why.
        """
        if not refusals:
            return (), ""
        if self._producer is None:
            return refusals, f"a record was refused, and there is no dead-letter topic: {refusals[0].reason}"
        errors = self._attempt(refusals, wait, whole=True)
        left = []
        for index, error in errors.items():
            found: KafkaError | None = error
            if error.code() == KafkaError.MSG_SIZE_TOO_LARGE:
                # Kafka refuses a batch for one record in it: which one is seen when each is alone.
                found = self._attempt([refusals[index]], wait, whole=True).get(0)
            if found is not None and found.code() == KafkaError.MSG_SIZE_TOO_LARGE:
                # The value is still where it was read; the headers say where.
                found = self._attempt([refusals[index]], wait, whole=False).get(0)
            if found is not None:
                left.append((refusals[index], found))
        if not left:
            return (), ""
        return [each for each, _ in left], f"topic {self._topic}: {sentence(left[0][1])}"

    def _attempt(self, refusals: Sequence[Refusal], wait: Callable[[], bool], *, whole: bool) -> dict[int, KafkaError]:
        assert self._producer is not None and self._topic is not None  # noqa: S101, PT018
        producer, errors = self._producer, {}
        waiting = set(range(len(refusals)))

        def ended(index: int) -> Callable[[KafkaError | None, Message], None]:
            def done(error: KafkaError | None, _: Message) -> None:
                waiting.discard(index)
                if error is not None:
                    errors[index] = error

            return done

        for index, each in enumerate(refusals):
            record = each.record
            try:
                producer.produce(
                    self._topic,
                    record.value if whole else None,
                    record.key if whole else None,
                    headers=[*record.headers, *context(record, self._connector, each.reason, whole=whole)],
                    on_delivery=ended(index),
                )
            except BufferError:
                waiting.discard(index)
                errors[index] = KafkaError(KafkaError._QUEUE_FULL)
            except KafkaException as failure:
                waiting.discard(index)
                errors[index] = failure.args[0]
        while waiting:
            producer.poll(0.05)
            if waiting and not wait():
                # They may still arrive: a dead letter that is there twice is better than none.
                return errors | {index: KafkaError(KafkaError._TIMED_OUT) for index in waiting}
        return errors


def context(record: Record, connector: str, reason: str, *, whole: bool = True) -> Headers:
    """Where a dead letter comes from, and why it is one."""
    named = {
        "topic": record.topic,
        "partition": str(record.partition),
        "offset": str(record.offset),
        "connector.name": connector,
        "task.id": "0",
        "stage": "TASK_PUT",
        "exception.message": line(reason),
    } | ({} if whole else {"value.omitted": str(record.size)})
    return [(PREFIX + name, text.encode()) for name, text in named.items()]


def producer_settings(connection: Connection, complaints: Complaints, seconds: float) -> dict[str, object]:
    """Of a producer that repeats nothing, keeps the order, and chooses partitions as Java's clients do.

    Args:
        connection: where Kafka listens, and the login.
        complaints: collects why it cannot connect.
        seconds: how long a record is tried; 0: for ever.
    """
    return connection.confluent(
        complaints,
        acks="all",
        enable_idempotence=True,
        linger_ms=5,
        partitioner="murmur2_random",
        message_timeout_ms=int(seconds * 1000),
        message_max_bytes=LARGEST_RECORD,
        queue_buffering_max_messages=20_000,
        queue_buffering_max_kbytes=2 * LARGEST_RECORD // 1024,
    )
