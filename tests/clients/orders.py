"""Writes orders at a steady rate, and compares their totals with what an application has made of them.

orders.py write <orders> <customers> <count> <a second>; orders.py compare <orders> <totals> <seconds>
"""

import json
import sys
import time
from array import array
from collections.abc import Iterator
from itertools import zip_longest
from pathlib import Path

from confluent_kafka import Consumer, KafkaError, Message, Producer, TopicPartition

CONFIG = Path("/etc/kafka-client/librdkafka.conf")
OFTEN = 400


def options() -> dict[str, str]:
    return dict(line.split("=", 1) for line in CONFIG.read_text().splitlines())


def customer_of(number: int, customers: int) -> int:
    """Every tenth order is of one of a few customers, who order all the time; the others take turns."""
    return number // 10 % OFTEN if number % 10 == 0 else (number - number // 10 - 1) % customers


def write(topic: str, customers: int, count: int, rate: int) -> None:
    producer = Producer({**options(), "enable.idempotence": "true", "partitioner": "murmur2_random", "linger.ms": "5"})
    begin = time.monotonic()
    for number in range(count):
        while True:
            try:
                producer.produce(topic, str(number % 997 + 1), f"customer {customer_of(number, customers)}")
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


class Totals:
    """Orders and cents by the customer's number: a million of them fit a small pod."""

    def __init__(self) -> None:
        self.orders, self.cents = array("q"), array("q")

    def _at(self, key: bytes) -> int:
        customer = int(key.removeprefix(b"customer "))
        missing = customer + 1 - len(self.orders)
        if missing > 0:
            self.orders.extend([0] * missing)
            self.cents.extend([0] * missing)
        return customer

    def add(self, key: bytes, orders: int, cents: int) -> None:
        customer = self._at(key)
        self.orders[customer] += orders
        self.cents[customer] += cents

    def put(self, key: bytes, orders: int, cents: int) -> None:
        customer = self._at(key)
        self.orders[customer], self.cents[customer] = orders, cents

    def differing(self, other: "Totals") -> list[int]:
        mine, others = (list(zip(each.orders, each.cents, strict=True)) for each in (self, other))
        return [each for each, (one, two) in enumerate(zip_longest(mine, others)) if one != two]


def compare(orders: str, totals: str, seconds: float) -> None:
    settings = {"group.id": "operator-compare", "isolation.level": "read_committed", "enable.partition.eof": "true"}
    consumer = Consumer({**options(), **settings, "queued.max.messages.kbytes": "16384"})
    wanted = Totals()
    for message in records(consumer, orders):
        wanted.add(message.key(), 1, int(message.value()))
    end = time.monotonic() + seconds
    while True:
        found, longest = Totals(), 0
        last: dict[int, int] = {}
        for message in records(consumer, totals):
            found.put(message.key(), **json.loads(message.value()))
            at = message.timestamp()[1]
            longest = max(longest, at - last.get(message.partition(), at))
            last[message.partition()] = at
        differing = found.differing(wanted)
        if not differing or time.monotonic() > end:
            break
        time.sleep(1)
    customers = sum(each > 0 for each in wanted.orders)
    answer = {"customers": customers, "orders": sum(wanted.orders), "differing": differing[:3], "pause": longest}
    print(json.dumps(answer))


if __name__ == "__main__":
    action, *arguments = sys.argv[1:]
    if action == "write":
        write(arguments[0], *map(int, arguments[1:]))
    else:
        compare(arguments[0], arguments[1], float(arguments[2]))
