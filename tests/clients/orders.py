"""Writes orders at a steady rate, and compares their totals with what an application has made of them.

orders.py write <orders> <customers> <count> <a second>; orders.py compare <orders> <totals> <seconds>
"""

import json
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from confluent_kafka import Consumer, KafkaError, Message, Producer, TopicPartition

CONFIG = Path("/etc/kafka-client/librdkafka.conf")


def options() -> dict[str, str]:
    return dict(line.split("=", 1) for line in CONFIG.read_text().splitlines())


def write(topic: str, customers: int, count: int, rate: int) -> None:
    producer = Producer({**options(), "enable.idempotence": "true", "partitioner": "murmur2_random", "linger.ms": "5"})
    begin = time.monotonic()
    for number in range(count):
        while True:
            try:
                producer.produce(topic, str(number % 997 + 1), f"customer {number % customers}")
                break
            except BufferError:
                producer.poll(0.1)
        producer.poll(0)
        early = begin + number / rate - time.monotonic()
        if early > 0:
            time.sleep(early)
    assert producer.flush(120) == 0
    print(count)


def records(consumer: Consumer, topic: str) -> Iterator[Message]:
    """What is in a topic until its end."""
    left = set(consumer.list_topics(topic, 30).topics[topic].partitions)
    consumer.assign([TopicPartition(topic, each, 0) for each in left])
    while left:
        for message in consumer.consume(10_000, 0.5):
            if message.error() is None:
                yield message
            elif message.error().code() == KafkaError._PARTITION_EOF:
                left.discard(message.partition())
            else:
                raise SystemExit(f"{topic}: {message.error()}")


def compare(orders: str, totals: str, seconds: float) -> None:
    consumer = Consumer(
        {
            **options(),
            "group.id": "operator-compare",
            "isolation.level": "read_committed",
            "enable.partition.eof": "true",
        }
    )
    counts: Counter[str] = Counter()
    sums: Counter[str] = Counter()
    for message in records(consumer, orders):
        counts[message.key().decode()] += 1
        sums[message.key().decode()] += int(message.value())
    wanted = {key: {"orders": counts[key], "cents": sums[key]} for key in counts}
    end = time.monotonic() + seconds
    while True:
        found: dict[str, dict[str, int]] = {}
        last: dict[int, int] = {}
        longest = 0
        for message in records(consumer, totals):
            found[message.key().decode()] = json.loads(message.value())
            at = message.timestamp()[1]
            longest = max(longest, at - last.get(message.partition(), at))
            last[message.partition()] = at
        differing = [key for key in wanted if found.get(key) != wanted[key]]
        if (not differing and found.keys() == wanted.keys()) or time.monotonic() > end:
            break
        time.sleep(1)
    answer = {"customers": len(wanted), "orders": sum(counts.values()), "differing": differing[:3], "pause": longest}
    answer["foreign"] = sorted(found.keys() - wanted.keys())[:3]
    print(json.dumps(answer))


if __name__ == "__main__":
    action, *arguments = sys.argv[1:]
    if action == "write":
        write(arguments[0], *map(int, arguments[1:]))
    else:
        compare(arguments[0], arguments[1], float(arguments[2]))
