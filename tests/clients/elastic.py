"""A worker that takes its time for each record, who writes for it at a given rate, and who says what became of the records.

    elastic.py work                            the worker; TAKES_MS is what a record takes
    elastic.py write TOPIC FIRST RATE:SECONDS ...    numbered records at these rates, one after the other
    elastic.py burst TOPIC FIRST COUNT               so many at full speed
    elastic.py report TOPIC SINCE BOUND ...          reads what the worker wrote for the numbers from the first BOUND to the
                                                     last; those between begin a phase. SINCE is a time of the clock

All but the first print one line of JSON.

The worker writes a record for each that it has dealt with, before it commits: what is lost, done twice or out of order is
seen there. It runs as a StreamWorker, the others in a pod with the credentials of a user in /etc/kafka-client.
"""

import itertools
import json
import os
import signal
import struct
import sys
import time
from pathlib import Path
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition

CREDENTIALS = Path("/etc/kafka-client")
KEYS = 1200
COMMIT_SECONDS = 1.0
DEALT_WITH = struct.Struct("!qdd")
"""Number of the record, when it was written and when it was dealt with, in seconds of the clock."""
ASSIGNED = b"assigned"
"""Key of the records that tell of a rebalance; those of others are numbers."""
PADDING = b"." * 84
NOT_OURS = {KafkaError.ILLEGAL_GENERATION, KafkaError.UNKNOWN_MEMBER_ID, KafkaError.REBALANCE_IN_PROGRESS}
"""What Kafka answers to a commit of a member that others take for gone, or that has to join again first."""


def options(*variables: str) -> dict[str, Any]:
    """What stands in the configuration files that these variables name."""
    found: dict[str, Any] = {}
    for variable in variables:
        for line in Path(os.environ[variable]).read_text().splitlines():
            name, equals, value = line.partition("=")
            if equals:
                found[name] = value
    return found


def client(**more: Any) -> dict[str, Any]:
    """Options of a client of the pod's user."""
    names = ("bootstrap.servers", "security.protocol", "sasl.mechanism")
    login = {name: (CREDENTIALS / name.replace(".", "-")).read_text().strip() for name in names}
    login |= {f"sasl.{name}": (CREDENTIALS / name).read_text().strip() for name in ("username", "password")}
    return {**login, **{name.replace("_", "."): value for name, value in more.items()}}


class Worker:
    """Deals with records one after the other and commits what it has dealt with."""

    def __init__(self) -> None:
        self.takes = float(os.environ["TAKES_MS"]) / 1000
        self.pod = os.environ["HOSTNAME"].encode()
        (self.results,) = os.environ["KAFKA_WRITE_TOPICS"].split(",")
        self.consumer = Consumer(options("KAFKA_LIBRDKAFKA_CONFIG", "KAFKA_LIBRDKAFKA_CONSUMER_CONFIG"))
        self.producer = Producer(options("KAFKA_LIBRDKAFKA_CONFIG", "KAFKA_LIBRDKAFKA_PRODUCER_CONFIG"))
        self.ended = False
        self.dealt_with: dict[tuple[str, int], int] = {}

    def run(self) -> None:
        """Until the pod is told to end."""
        signal.signal(signal.SIGTERM, self.end)
        topics = os.environ["KAFKA_READ_TOPICS"].split(",")
        self.consumer.subscribe(topics, on_assign=self.assigned, on_revoke=lambda *_: self.commit(), on_lost=self.lost)
        committed = time.monotonic()
        while not self.ended:
            message = self.consumer.poll(0.2)
            if message is not None and message.error() is None:
                self.deal_with(message)
            if time.monotonic() > committed + COMMIT_SECONDS:
                self.commit()
                committed = time.monotonic()
        self.commit()
        self.consumer.close()

    def end(self, *_: object) -> None:
        self.ended = True

    def assigned(self, _: Consumer, partitions: list[TopicPartition]) -> None:
        self.producer.produce(self.results, key=ASSIGNED, value=b"%b %d" % (self.pod, len(partitions)))

    def deal_with(self, message: Message) -> None:
        time.sleep(self.takes)
        number, written = struct.unpack_from("!qd", message.value() or b"")
        self.producer.produce(
            self.results, key=message.key(), value=DEALT_WITH.pack(number, written, time.time()) + self.pod
        )
        self.producer.poll(0)
        self.dealt_with[message.topic() or "", message.partition() or 0] = (message.offset() or 0) + 1

    def commit(self) -> None:
        """Commit what was dealt with, once what it led to is written."""
        if not self.dealt_with:
            return
        if self.producer.flush(30):
            raise SystemExit("what was dealt with could not be written: not committed, another pod does it again")
        offsets = [TopicPartition(*place, offset) for place, offset in self.dealt_with.items()]
        try:
            self.consumer.commit(offsets=offsets, asynchronous=False)
        except KafkaException as failure:
            if failure.args[0].code() in NOT_OURS:
                self.dealt_with = {}  # whoever has the partitions now does it again
            return  # otherwise Kafka is away for a moment: with the next ones
        self.dealt_with = {}

    def lost(self, _: Consumer, partitions: list[TopicPartition]) -> None:
        """Somebody else has these partitions already: what was dealt with is not ours to commit."""
        for each in partitions:
            self.dealt_with.pop((each.topic, each.partition), None)


class Writer:
    """Writes numbered records with keys and counts what Kafka acknowledges."""

    def __init__(self, topic: str, first: int) -> None:
        self.topic = topic
        self.number = first
        self.acknowledged = 0
        self.bounds = [first]
        self.begun = time.time()
        self.producer = Producer(client(acks="all", enable_idempotence=True, linger_ms=5, partitioner="murmur2_random"))

    def write(self) -> None:
        """One record."""
        value = struct.pack("!qd", self.number, time.time()) + PADDING
        while True:
            try:
                self.producer.produce(self.topic, value, str(self.number % KEYS), on_delivery=self.delivered)
                break
            except BufferError:
                self.producer.poll(0.1)
        self.number += 1

    def delivered(self, error: object, _: Message) -> None:
        if error is not None:
            raise SystemExit(str(error))
        self.acknowledged += 1

    def at(self, rate: float, seconds: float) -> None:
        """So many records a second."""
        begun, count = time.monotonic(), 0
        while (passed := time.monotonic() - begun) < seconds:
            while count < passed * rate:
                self.write()
                count += 1
            self.producer.poll(0.005)
        self.bounds.append(self.number)

    def end(self) -> None:
        """Wait for acknowledgements and print what there is to say."""
        self.producer.flush(120)
        print(
            json.dumps(
                {
                    "bounds": self.bounds,
                    "acknowledged": self.acknowledged,
                    "begun": self.begun,
                    "ended": time.time(),
                }
            )
        )


def write(topic: str, first: int, *phases: str) -> None:
    writer = Writer(topic, first)
    for phase in phases:
        rate, _, seconds = phase.partition(":")
        writer.at(float(rate), float(seconds))
    writer.end()


def burst(topic: str, first: int, count: int) -> None:
    writer = Writer(topic, first)
    for _ in range(count):
        writer.write()
        if writer.number % 1000 == 0:
            writer.producer.poll(0)
    writer.bounds.append(writer.number)
    writer.end()


def report(topic: str, since: float, *bounds: int) -> None:
    """What the worker wrote, from the beginning until nothing more is there."""
    consumer = Consumer(client(group_id="none", enable_auto_commit=False, enable_partition_eof=True))
    partitions = [
        TopicPartition(topic, number, 0) for number in consumer.list_topics(topic, 120).topics[topic].partitions
    ]
    consumer.assign(partitions)
    latency: dict[int, float] = {}
    newest: dict[bytes, int] = {}
    again = out_of_order = 0
    first = last = 0.0
    ended: set[int] = set()
    assignments: dict[str, int] = {}
    joined: dict[str, float] = {}
    pods: set[bytes] = set()
    while len(ended) < len(partitions):
        for message in consumer.consume(5000, 1):
            if message.error() is not None:
                ended.add(message.partition() or 0)
                continue
            key, value = message.key() or b"", message.value() or b""
            if key == ASSIGNED:
                if message.timestamp()[1] < since * 1000:
                    continue
                pod = value.split(b" ")[0].decode()
                assignments[pod] = assignments.get(pod, 0) + 1
                joined.setdefault(pod, message.timestamp()[1] / 1000)
                continue
            number, written, done = DEALT_WITH.unpack_from(value)
            if not bounds[0] <= number < bounds[-1]:
                continue
            pods.add(value[DEALT_WITH.size :])
            if number in latency:
                again += 1
                continue
            if number < newest.get(key, -1):
                out_of_order += 1
            newest[key] = max(number, newest.get(key, -1))
            latency[number] = done - written
            first, last = min(first or done, done), max(last, done)
    consumer.close()
    answer: dict[str, Any] = {
        "dealt_with": len(latency),
        "lost": bounds[-1] - bounds[0] - len(latency),
        "duplicated": again,
        "out_of_order": out_of_order,
        "first": first,
        "last": last,
        "pods": len(pods),
        "assignments_of_a_pod": max(assignments.values(), default=0),
        "assignments": sum(assignments.values()),
        "joined": joined,
        **quantiles(list(latency.values())),
    }
    answer["phases"] = [
        quantiles([latency[number] for number in range(begin, end) if number in latency])
        for begin, end in itertools.pairwise(bounds)
    ]
    print(json.dumps(answer))


def quantiles(values: list[float]) -> dict[str, float]:
    """Median and 99th percentile in milliseconds."""
    values.sort()
    if not values:
        return {"p50_ms": 0.0, "p99_ms": 0.0}
    return {
        "p50_ms": round(values[len(values) // 2] * 1000, 1),
        "p99_ms": round(values[len(values) * 99 // 100] * 1000, 1),
    }


if __name__ == "__main__":
    what, *arguments = sys.argv[1:]
    if what == "work":
        Worker().run()
    elif what == "write":
        write(arguments[0], int(arguments[1]), *arguments[2:])
    elif what == "burst":
        burst(arguments[0], int(arguments[1]), int(arguments[2]))
    else:
        report(arguments[0], float(arguments[1]), *map(int, arguments[2:]))
