"""The example's programs as processes of their own, with a real Kafka."""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Consumer, ConsumerGroupState, KafkaException, Message, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from sandbox.build import BuildFolders, go
from sandbox.instance import REPOSITORY, cache_folder, state_folder
from tests.kafka_process import LocalKafka, needed_jars

SENSORS = REPOSITORY / "examples" / "sensors"
PARTITIONS = 6
PROGRAMS = {
    "producer": [sys.executable, str(SENSORS / "producer" / "producer.py")],
    "alerts": [sys.executable, str(SENSORS / "alerts" / "alerts.py")],
}
PATIENCE = 180.0
pytestmark = pytest.mark.timeout(2400)


@pytest.fixture(scope="module")
def kafka() -> Iterator[LocalKafka]:
    with LocalKafka(jars=needed_jars()) as started:
        yield started


@pytest.fixture(scope="module")
def commands(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    binary = tmp_path_factory.mktemp("minutes") / "minutes"
    compiler = go(BuildFolders(cache=cache_folder(), logs=state_folder() / "logs"), SENSORS / "minutes")
    flags = os.environ | {"CGO_ENABLED": "0", "GOTOOLCHAIN": "local", "GOWORK": "off", "GOFLAGS": "-buildvcs=false"}
    subprocess.run([str(compiler), "build", "-o", str(binary), "."], cwd=SENSORS / "minutes", env=flags, check=True)
    return {**PROGRAMS, "minutes": [str(binary)]}


@dataclass(frozen=True)
class Running:
    """A program that was started, and what it prints."""

    process: "subprocess.Popen[bytes]"
    log: Path

    def wait(self, code: int = 0) -> str:
        """Waits for its end, asserts its exit code, and returns what it printed."""
        self.process.wait(PATIENCE)
        output = self.log.read_text()
        assert self.process.returncode == code, output
        return output

    def stop(self) -> str:
        """Ends it as Kubernetes does."""
        self.process.send_signal(signal.SIGTERM)
        return self.wait()

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


@dataclass(frozen=True, kw_only=True)
class Stream:
    """Topics and groups of one test, and the programs on them."""

    kafka: LocalKafka
    commands: dict[str, list[str]]
    folder: Path
    name: str
    started: list["Running"] = field(default_factory=list)

    def topic(self, of: str) -> str:
        return f"{self.name}-{of}"

    def group(self, program: str) -> str:
        return self.topic(f"{program}-group")

    def start(self, program: str, session: int = 45_000, **variables: str) -> "Running":
        """A program with the variables and files that the platform gives a worker.

        Its group gives it up after `session` ms: a member that a busy machine stops for longer than that
        does its last second of work again.
        """
        group = self.group(program)
        contents: dict[str, dict[str, Any]] = {
            "KAFKA_LIBRDKAFKA_CONFIG": self.kafka.client(),
            "KAFKA_LIBRDKAFKA_CONSUMER_CONFIG": {
                "auto.offset.reset": "earliest",
                "enable.auto.commit": "false",
                "group.id": group,
                "partition.assignment.strategy": "cooperative-sticky",
                "session.timeout.ms": session,
            },
            "KAFKA_LIBRDKAFKA_PRODUCER_CONFIG": {
                "acks": "all",
                "enable.idempotence": "true",
                "partitioner": "murmur2_random",
            },
        }
        folder = self.folder / str(len(self.started))
        folder.mkdir()
        for name, options in contents.items():
            (folder / name).write_text("".join(f"{key}={value}\n" for key, value in options.items()))
        writes = self.topic("readings" if program == "producer" else program)
        given = {name: str(folder / name) for name in contents}
        given |= {"KAFKA_GROUP_ID": group, "KAFKA_READ_TOPICS": self.topic("readings"), "KAFKA_WRITE_TOPICS": writes}
        environment = os.environ | self.kafka.environment() | given | variables
        log = folder / "log"
        with log.open("w") as output:
            process = subprocess.Popen(self.commands[program], env=environment, stdout=output, stderr=output)
        self.started.append(Running(process, log))
        return self.started[-1]

    def admin(self) -> AdminClient:
        return AdminClient(self.kafka.client())

    def create(self) -> None:
        config = {"message.timestamp.type": "LogAppendTime"}
        topics = [NewTopic(self.topic(of), PARTITIONS, config=config) for of in ("readings", "alerts", "minutes")]
        admin = self.admin()
        for each in admin.create_topics(topics).values():
            each.result()

    def read(self, of: str) -> list[Message]:
        """All records of a topic, each partition's in order."""
        consumer = Consumer({**self.kafka.client(), "group.id": "unused", "enable.auto.commit": False})
        ends = self.ends(of, consumer)
        consumer.assign([TopicPartition(self.topic(of), each, 0) for each, end in ends.items() if end])
        found: list[Message] = []
        until = time.monotonic() + PATIENCE
        while len(found) < sum(ends.values()):
            assert time.monotonic() < until, f"{len(found)} of {sum(ends.values())} {of} are read"
            found += consumer.consume(1000, 0.3)
        consumer.close()
        return found

    def ends(self, of: str, consumer: Consumer) -> dict[int, int]:
        partitions = [TopicPartition(self.topic(of), each) for each in range(PARTITIONS)]
        return {each.partition: consumer.get_watermark_offsets(each, 30)[1] for each in partitions}

    def lag(self, program: str) -> int:
        """Readings that a program's group has not committed."""
        consumer = Consumer({**self.kafka.client(), "group.id": self.group(program)})
        partitions = [TopicPartition(self.topic("readings"), each) for each in range(PARTITIONS)]
        committed = {each.partition: max(0, each.offset) for each in consumer.committed(partitions, 30)}
        behind = sum(end - committed[each] for each, end in self.ends("readings", consumer).items())
        consumer.close()
        return behind

    def members(self, program: str) -> int | None:
        """How many share the partitions out; None while they come to terms: who is told to end then cannot leave in order."""
        group = self.group(program)
        admin = self.admin()
        found = admin.describe_consumer_groups([group])[group].result()
        return len(found.members) if found.state in (ConsumerGroupState.STABLE, ConsumerGroupState.EMPTY) else None

    def wait_until_read(self, program: str) -> None:
        eventually(f"{program} has read all", lambda: self.lag(program) == 0)

    def written(self) -> int:
        consumer = Consumer({**self.kafka.client(), "group.id": "unused"})
        ends = self.ends("readings", consumer)
        consumer.close()
        return sum(ends.values())

    def wait_for_more_readings(self, count: int) -> None:
        before = self.written()
        eventually(f"{count} more readings", lambda: self.written() >= before + count)

    def wait_for_members(self, program: str, count: int) -> None:
        eventually(f"{count} {program}", lambda: self.members(program) == count)


@pytest.fixture
def stream(
    kafka: LocalKafka, commands: dict[str, list[str]], tmp_path: Path, request: pytest.FixtureRequest
) -> Iterator[Stream]:
    made = Stream(kafka=kafka, commands=commands, folder=tmp_path, name=re.sub(r"[^a-z]+", "-", request.node.name))
    made.create()
    yield made
    for each in made.started:
        if each.process.poll() is None:
            each.kill()


def eventually(what: str, condition: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while True:
        # A group that is new has no coordinator for a moment.
        with contextlib.suppress(KafkaException):
            if condition():
                return
        assert time.monotonic() < end, what
        time.sleep(0.3)


def hot(readings: list[Message]) -> dict[str, dict[str, Any]]:
    """The readings that are to be alerts, by where they are."""
    values = {
        f"{each.topic()}/{each.partition()}/{each.offset()}": json.loads(each.value() or b"") for each in readings
    }
    return {place: value for place, value in values.items() if not -10 <= value["celsius"] <= 60}


def assert_in_order(readings: list[Message]) -> None:
    numbers = defaultdict(list)
    for each in readings:
        value = json.loads(each.value() or b"")
        numbers[each.key(), value["boot"]].append(value["number"])
    for device, of_device in numbers.items():
        assert of_device == list(range(1, len(of_device) + 1)), device


def counted(minutes: list[Message]) -> int:
    """The readings in all minutes, where one that was written twice counts once."""
    values: dict[Any, dict[Any, int]] = {(each.key(), each.partition()): {} for each in minutes}
    for each in minutes:
        value = json.loads(each.value() or b"")
        values[each.key(), each.partition()][value["start"], value["first"]] = value["count"]
    return sum(sum(of_device.values()) for of_device in values.values())


def test_readings_reach_both_readers(stream: Stream) -> None:
    readers = [stream.start("alerts"), stream.start("minutes", WINDOW="1s")]
    writer = stream.start("producer", READINGS_COUNT="2000", READINGS_PER_SECOND="500", HOT_EVERY="50", DEVICES="30")
    output = writer.wait()
    assert "2000 readings sent: 2000 written, 0 failed, 0 unknown" in output
    for program in ("alerts", "minutes"):
        stream.wait_until_read(program)
    for reader in readers:
        assert "the group is left" in reader.stop()

    readings, alerts, minutes = (stream.read(of) for of in ("readings", "alerts", "minutes"))
    assert len(readings) == 2000
    assert_in_order(readings)
    said = [json.loads(each.value() or b"") for each in alerts]
    assert {each["reading"]: each["celsius"] for each in said} == {
        place: each["celsius"] for place, each in hot(readings).items()
    }
    assert len(said) == 40
    assert counted(minutes) == 2000
    # librdkafka in Python and franz-go in Go agree where a device is: the topics can be joined partition by partition.
    places = {(each.key(), each.partition()) for each in readings}
    assert len(places) == 30
    assert {(each.key(), each.partition()) for each in minutes} == places
    assert {(each.key(), each.partition()) for each in alerts} <= places
    of_device = defaultdict(list)
    for each in readings:
        of_device[each.key()].append(json.loads(each.value() or b"")["celsius"])
    spans = [json.loads(each.value() or b"") | {"device": each.key()} for each in minutes]
    for device, values in of_device.items():
        own = [each for each in spans if each["device"] == device]
        assert min(each["least"] for each in own) == min(values)
        assert max(each["most"] for each in own) == max(values)
        assert sum(each["mean"] * each["count"] for each in own) == pytest.approx(sum(values))


@pytest.mark.long
def test_members_that_come_and_go_lose_nothing(stream: Stream) -> None:
    """Of each group one member is replaced in peace and one is killed, while readings are written."""
    session = 6_000
    readers = {
        name: [stream.start(name, session, WINDOW="1s"), stream.start(name, session, WINDOW="1s")]
        for name in ("alerts", "minutes")
    }
    for name in readers:
        stream.wait_for_members(name, 2)
    writer = stream.start("producer", READINGS_PER_SECOND="200", HOT_EVERY="5", DEVICES="30")
    stream.wait_for_more_readings(800)
    for name, members in readers.items():
        members.pop(0).stop()
        # Whoever leaves is gone at once: nobody waits until its session ends.
        stream.wait_for_members(name, 1)
        assert stream.kafka.left_by_themselves(stream.group(name)) == [True]
        members.append(stream.start(name, session, WINDOW="1s"))
    stream.wait_for_more_readings(800)
    for name, members in readers.items():
        killed = members.pop(0)
        killed.kill()
        members.append(stream.start(name, session, WINDOW="1s"))
    stream.wait_for_more_readings(800)
    writer.stop()
    for name in readers:
        stream.wait_until_read(name)
    for members in readers.values():
        for each in members:
            each.stop()
    readings, alerts, minutes = (stream.read(of) for of in ("readings", "alerts", "minutes"))
    assert len(readings) > 1000
    assert_in_order(readings)
    said = Counter(json.loads(each.value() or b"")["reading"] for each in alerts)
    assert set(said) == set(hot(readings))
    # The second in which a member was killed is done again, no more.
    assert sum(said.values()) - len(said) < len(said) / 4
    assert counted(minutes) == len(readings)


def test_who_leaves_in_peace_leaves_nothing_to_do_again(stream: Stream) -> None:
    writer = stream.start("producer", READINGS_COUNT="3000", READINGS_PER_SECOND="1500", HOT_EVERY="1")
    writer.wait()
    before: list[int] = []
    for _ in range(3):
        # 30 s of work in all: it is not done before it is stopped.
        reader = stream.start("alerts", WORK_MS="10")
        before.append(len(stream.read("alerts")))
        eventually("it works", lambda: len(stream.read("alerts")) > before[-1])
        reader.stop()
    reader = stream.start("alerts")
    stream.wait_until_read("alerts")
    reader.stop()
    said = Counter(json.loads(each.value() or b"")["reading"] for each in stream.read("alerts"))
    assert len(said) == sum(said.values()) == 3000


def test_what_cannot_be_read_holds_nothing_up(stream: Stream) -> None:
    producer = Producer({**stream.kafka.client(), "partitioner": "murmur2_random"})
    for value in (b"hot", b'{"celsius": 99}'):
        producer.produce(stream.topic("readings"), key=b"door", value=value)
    assert producer.flush(120) == 0
    reader = stream.start("alerts")
    stream.wait_until_read("alerts")
    reader.stop()
    assert [json.loads(each.value() or b"")["problem"] for each in stream.read("alerts")] == ["unreadable", "hot"]


def test_a_reader_without_its_topic_says_so_and_ends(stream: Stream) -> None:
    reader = stream.start("alerts", KAFKA_READ_TOPICS="nobody-made-this")
    output = reader.wait(1)
    assert "nobody-made-this" in output


def test_a_writer_counts_what_kafka_does_not_take(stream: Stream) -> None:
    writer = stream.start("producer", KAFKA_WRITE_TOPICS="nobody-made-this", READINGS_COUNT="3")
    output = writer.wait(1)
    assert "3 readings sent: 0 written" in output
