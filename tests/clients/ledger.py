"""Writes numbered records in bursts and remembers which were acknowledged; later reads all and compares.

    python3 ledger.py write TOPIC SECONDS     until SECONDS have passed or /tmp/stop exists; prints one line of JSON
    python3 ledger.py verify TOPIC            prints one line of JSON: lost, duplicated, out_of_order must be 0

Runs in a pod with the credentials of a user in /etc/kafka-client.
"""

import json
import sys
import time
from pathlib import Path

from confluent_kafka import Consumer, Producer, TopicPartition

CREDENTIALS = Path("/etc/kafka-client")
ACKNOWLEDGED = Path("/tmp/acknowledged")
STOP = Path("/tmp/stop")
KEYS = 64
BURST = 500
"""Records at a time: they fill the queues of producer and brokers, as full speed would."""
BURST_SECONDS = 0.1
"""From one burst to the next, so that the writer leaves the machine to whatever else runs on it."""
PADDING = b"." * 192


AUTHORITY = Path("/etc/kafka-platform/ca/ca.crt")
"""That of the brokers, where a Secret of its own has it."""


def connection() -> dict[str, object]:
    def read(name: str) -> str:
        return (CREDENTIALS / name).read_text().strip()

    found: dict[str, object] = {
        "bootstrap.servers": read("bootstrap-servers"),
        "security.protocol": read("security-protocol"),
    }
    for authority in (CREDENTIALS / "ca.crt", AUTHORITY):
        if authority.exists():
            found["ssl.ca.location"] = str(authority)
    if (CREDENTIALS / "user.crt").exists():
        return found | {
            "ssl.certificate.location": str(CREDENTIALS / "user.crt"),
            "ssl.key.location": str(CREDENTIALS / "user.key"),
        }
    return found | {
        "sasl.mechanism": read("sasl-mechanism"),
        "sasl.username": read("username"),
        "sasl.password": read("password"),
    }


def write(topic: str, seconds: float) -> None:
    acknowledged = bytearray()
    failed: dict[str, int] = {}
    producer = Producer(
        connection()
        | {
            "enable.idempotence": True,
            "acks": "all",
            "linger.ms": 5,
            "compression.type": "lz4",
            "message.timeout.ms": 300_000,
            "queue.buffering.max.messages": 100_000,
        }
    )

    def delivered(number: int):
        def callback(error, message) -> None:
            if error is None:
                acknowledged[number] = 1
            else:
                failed[str(error)] = failed.get(str(error), 0) + 1

        return callback

    number = 0
    longest_gap = 0.0
    started = last = time.monotonic()
    while time.monotonic() - started < seconds and not STOP.exists():
        due = time.monotonic() + BURST_SECONDS
        for _ in range(BURST):
            acknowledged.append(0)
            while True:
                try:
                    producer.produce(
                        topic,
                        key=str(number % KEYS),
                        value=number.to_bytes(8, "big") + PADDING,
                        on_delivery=delivered(number),
                    )
                    break
                except BufferError:
                    producer.poll(0.05)
            number += 1
        if producer.poll(max(0.0, due - time.monotonic())):
            longest_gap = max(longest_gap, time.monotonic() - last)
            last = time.monotonic()
        time.sleep(max(0.0, due - time.monotonic()))
    unfinished = producer.flush(300)
    took = time.monotonic() - started
    ACKNOWLEDGED.write_bytes(bytes(acknowledged))
    print(
        json.dumps(
            {
                "sent": number,
                "acknowledged": sum(acknowledged),
                "failed": failed,
                "unfinished": unfinished,
                "seconds": round(took, 1),
                "per_second": round(number / took),
                "longest_gap_seconds": round(longest_gap, 1),
            }
        )
    )


def verify(topic: str) -> None:
    acknowledged = bytearray(ACKNOWLEDGED.read_bytes())
    seen = bytearray(len(acknowledged))
    last_of_key: dict[bytes, int] = {}
    duplicated = out_of_order = unknown = 0
    consumer = Consumer(
        connection() | {"group.id": "unused", "enable.auto.commit": False, "enable.partition.eof": False}
    )
    partitions = list(consumer.list_topics(topic, 30).topics[topic].partitions)
    ends = {each: consumer.get_watermark_offsets(TopicPartition(topic, each), 30)[1] for each in partitions}
    consumer.assign([TopicPartition(topic, each, 0) for each in partitions if ends[each]])
    remaining = {each for each in partitions if ends[each]}
    idle_since = time.monotonic()
    while remaining:
        for message in consumer.consume(10_000, 1):
            if message.error():
                continue
            idle_since = time.monotonic()
            number = int.from_bytes(message.value()[:8], "big")
            if number >= len(seen):
                unknown += 1
                continue
            if seen[number]:
                duplicated += 1
            seen[number] = 1
            key = message.key()
            if last_of_key.get(key, -1) > number:
                out_of_order += 1
            last_of_key[key] = number
            if message.offset() + 1 >= ends[message.partition()]:
                remaining.discard(message.partition())
        if time.monotonic() - idle_since > 60:
            break
    lost = sum(1 for wanted, found in zip(acknowledged, seen, strict=True) if wanted and not found)
    print(
        json.dumps(
            {
                "read": sum(seen),
                "lost": lost,
                "duplicated": duplicated,
                "out_of_order": out_of_order,
                "unknown": unknown,
                "unread_partitions": len(remaining),
            }
        )
    )


if __name__ == "__main__":
    if sys.argv[1] == "write":
        write(sys.argv[2], float(sys.argv[3]))
    else:
        verify(sys.argv[2])
