"""What a program that speaks Kafka itself reaches: the side that the gateway is compared with. Prints one line of JSON.

Run pinned to one core, as the gateway is: `native_client.py produce|lone|consume BOOTSTRAP TOPIC ...`; the password of the
user `admin` stands in the variable KAFKA_PASSWORD.
"""

import json
import os
import random
import sys
import time
from typing import Any

from confluent_kafka import Consumer, KafkaError, Message, Producer, TopicPartition
from kafka_platform_runtime.gateway.callers.caller import LINGER_MILLISECONDS

RECORD = b'"' + b"x" * 98 + b'"'
BATCH = 100
CONSUMED_AT_A_TIME = 500
MODERATE_PAUSE = 0.01
"""Seconds between two batches of the moderate load: 10,000 records a second."""


def client(bootstrap: str, **more: Any) -> dict[str, Any]:
    """Settings of a client; for a producer those of the gateway's."""
    return {
        "bootstrap.servers": bootstrap,
        "security.protocol": "SASL_PLAINTEXT",
        "sasl.mechanism": "SCRAM-SHA-512",
        "sasl.username": "admin",
        "sasl.password": os.environ["KAFKA_PASSWORD"],
        **{name.replace("_", "."): value for name, value in more.items()},
    }


def producer(bootstrap: str) -> Producer:
    """A connected producer."""
    made = Producer(
        client(
            bootstrap,
            acks="all",
            enable_idempotence=True,
            linger_ms=LINGER_MILLISECONDS,
            partitioner="murmur2_random",
            queue_buffering_max_messages=0,
        )
    )
    made.list_topics(timeout=10)
    return made


class Batch:
    """Records that were sent together; knows where each of them was written."""

    def __init__(self, ended: "list[Batch]") -> None:
        self.written: list[tuple[int | None, int | None]] = []
        self.ended = ended

    def delivered(self, error: KafkaError | None, message: Message) -> None:
        if error is not None:
            raise SystemExit(str(error))
        self.written.append((message.partition(), message.offset()))
        if len(self.written) == BATCH:
            self.ended.append(self)


def produce(bootstrap: str, topic: str, seconds: float, window: int) -> dict[str, float]:
    """Keep `window` batches under way for `seconds`."""
    kafka = producer(bootstrap)
    ended: list[Batch] = []
    count = 0

    def send() -> None:
        batch = Batch(ended)
        for _ in range(BATCH):
            kafka.produce(topic, RECORD, None, -1, batch.delivered)

    for _ in range(window):
        send()
    begun = time.monotonic()
    while (passed := time.monotonic() - begun) < seconds:
        kafka.poll(0.01)
        while ended:
            ended.pop()
            count += BATCH
            send()
    kafka.flush(30)
    return {"per_second": count / passed}


def lone(bootstrap: str, topic: str, samples: int) -> dict[str, float]:
    """Seconds until a single record is acknowledged, while batches go on at a moderate rate."""
    kafka = producer(bootstrap)
    taken: list[float] = []
    due = time.monotonic()
    for _ in range(samples):
        batch = Batch([])
        for _ in range(BATCH):
            kafka.produce(topic, RECORD, None, -1, batch.delivered)
        due += MODERATE_PAUSE
        at = due - MODERATE_PAUSE * random.random()
        while (wait := at - time.monotonic()) > 0:
            kafka.poll(wait)
        acknowledged: list[float] = []
        begun = time.monotonic()
        kafka.produce(topic, RECORD, None, -1, lambda *_, seen=acknowledged: seen.append(time.monotonic()))
        while not acknowledged:
            kafka.poll(0.1)
        taken.append(acknowledged[0] - begun)
        while (wait := due - time.monotonic()) > 0:
            kafka.poll(wait)
    kafka.flush(30)
    taken.sort()
    return {"p50_ms": taken[len(taken) // 2] * 1000, "p99_ms": taken[len(taken) * 99 // 100] * 1000}


def consume(bootstrap: str, topic: str, records: int) -> dict[str, float]:
    """Read `records` records from the beginning; the time begins with the first of them."""
    kafka = Consumer(
        client(
            bootstrap,
            group_id="none",
            enable_auto_commit=False,
            fetch_queue_backoff_ms=5,
            isolation_level="read_committed",
        )
    )
    partitions = kafka.list_topics(topic, timeout=10).topics[topic].partitions
    kafka.assign([TopicPartition(topic, number, 0) for number in partitions])
    count = len(kafka.consume(1, 30))
    begun = time.monotonic()
    size = 0
    while count < records:
        for message in kafka.consume(CONSUMED_AT_A_TIME, 10):
            if message.error() is not None:
                raise SystemExit(str(message.error()))
            message.partition()
            message.offset()
            message.key()
            size += len(message.value() or b"")
            count += 1
    passed = time.monotonic() - begun
    kafka.close()
    return {"per_second": count / passed}


def main() -> None:
    """Runs what the arguments say."""
    what, bootstrap, topic, *numbers = sys.argv[1:]
    if what == "produce":
        figures = produce(bootstrap, topic, float(numbers[0]), int(numbers[1]))
    elif what == "lone":
        figures = lone(bootstrap, topic, int(numbers[0]))
    else:
        figures = consume(bootstrap, topic, int(numbers[0]))
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
