"""A light connector's program on loopback, and the records that it moves, for tests that kill it."""

import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import pytest
from confluent_kafka import Consumer, KafkaException, Message, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from tests.kafka_process import LocalKafka, needed_jars
from tests.ports import free_ports
from tests.unit.runtime.hurried import hurried

PATIENCE_SECONDS = 240.0
SESSION_SECONDS = 2.0
"""After a kill, the next process gets the partitions after as long."""
HEADER = "__connect.errors."


@pytest.fixture(scope="module")
def quick_kafka() -> Iterator[LocalKafka]:
    """A node that gives up members of groups after two seconds."""
    with LocalKafka(jars=needed_jars(), properties={"group.min.session.timeout.ms": "1000"}) as kafka:
        yield kafka


def eventually(done: Callable[[], Any], what: str | Callable[[], str], seconds: float = PATIENCE_SECONDS) -> Any:
    """Wait until it is so, and return it."""
    until = time.monotonic() + seconds
    while True:
        found = done()
        if found:
            return found
        if time.monotonic() > until:
            raise AssertionError(f"not after {seconds:.0f} s: {what if isinstance(what, str) else what()}")
        time.sleep(0.05)


@dataclass(kw_only=True)
class LocalConnector:
    """One process at a time; a context manager that ends it by its id."""

    kafka: LocalKafka
    folder: Path
    file: Mapping[str, Any]
    secrets: Mapping[str, str] = field(default_factory=dict)
    user: str | None = None
    password: str = ""
    more: Mapping[str, str] = field(default_factory=dict)
    """Further variables."""
    process: "subprocess.Popen[bytes] | None" = field(default=None, init=False)

    def __post_init__(self) -> None:
        (self.port,) = free_ports(1)
        (self.folder / "secrets").mkdir()
        for name, text in self.secrets.items():
            (self.folder / "secrets" / name).write_text(text)
        (self.folder / "connector.json").write_text(json.dumps(self.file))

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def start(self) -> None:
        """Start a process."""
        environment = os.environ | self.kafka.environment()
        environment |= {
            "CONNECTOR_FILE": str(self.folder / "connector.json"),
            "CONNECTOR_SECRET_DIR": str(self.folder / "secrets"),
            "CONNECTOR_PORT": str(self.port),
            "TERMINATION_LOG": str(self.folder / "termination"),
        }
        environment |= self.more
        if self.user is not None:
            (self.folder / "password").write_text(self.password)
            environment |= {
                "KAFKA_SASL_USERNAME": self.user,
                "KAFKA_SASL_PASSWORD_FILE": str(self.folder / "password"),
            }
        how = hurried("connectors", connectors__sink__SESSION_SECONDS=SESSION_SECONDS)
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen([sys.executable, "-m", *how], stdout=log, stderr=log, env=environment)

    def kill(self) -> None:
        """End it at once."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def again(self) -> None:
        """Kill it, and start another."""
        self.kill()
        self.start()

    def terminate(self, seconds: float = 120.0) -> int:
        """Have it end by itself; its exit code."""
        assert self.process is not None
        self.process.terminate()
        code = self.process.wait(seconds)
        self.process = None
        return code

    @property
    def log(self) -> str:
        """What it printed."""
        return (self.folder / "log").read_text(errors="replace")

    def get(self, path: str) -> tuple[int, str]:
        """The status and text of an answer; 0 if there is none."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=5) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
        except OSError as error:
            return 0, str(error)

    def wait_ready(self) -> None:
        """Wait until it is."""
        eventually(lambda: self.get("/readyz")[0] == 200, lambda: f"ready: {self.get('/readyz')}\n{self.log}")

    def metric(self, name: str) -> float:
        """The value of one of its metrics."""
        lines = [line for line in self.get("/metrics")[1].splitlines() if line.startswith(name + "{")]
        return float(lines[0].rpartition(" ")[2]) if lines else 0.0


def make_topics(kafka: LocalKafka, *names: str, partitions: int = 3, **config: str) -> None:
    """Topics that are there when it returns."""
    admin = AdminClient(kafka.client())
    settings = {name.replace("_", "."): value for name, value in config.items()}
    for made in admin.create_topics([NewTopic(name, partitions, 1, config=settings) for name in names]).values():
        made.result()
    eventually(lambda: set(names) <= set(admin.list_topics(timeout=60).topics), "the topics")


def write(kafka: LocalKafka, topic: str, records: Iterable[tuple[str | None, bytes | None]]) -> None:
    """Records, with a header each."""
    producer = Producer(kafka.client() | {"partitioner": "murmur2_random"})
    for key, value in records:
        producer.produce(topic, value, key, headers=[("origin", b"test")])
    assert producer.flush(60) == 0


def read(kafka: LocalKafka, topic: str) -> list[Message]:
    """All records of a topic, those of a partition in their order."""
    consumer = Consumer(kafka.client() | {"group.id": "none", "enable.auto.commit": "false", "log_level": 0})
    found: list[Message] = []
    try:
        for partition in consumer.list_topics(topic, timeout=60).topics[topic].partitions:
            end = consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=60)[1]
            consumer.assign([TopicPartition(topic, partition, 0)])
            at = 0
            while at < end:
                message = consumer.poll(10)
                if message is None or message.error():
                    raise KafkaException(message.error() if message is not None else "no record")
                found.append(message)
                at = (message.offset() or 0) + 1
    finally:
        consumer.close()
    return found


def headers_of(message: Message) -> dict[str, str]:
    """Its headers as text."""
    found = dict(message.headers() or {})
    return {name: value.decode() if isinstance(value, bytes) else str(value or "") for name, value in found.items()}


@dataclass(kw_only=True)
class Arrived:
    """What a target, or a topic, has."""

    numbers: Sequence[tuple[str, int]]
    """Key and number of each, in the order in which they came."""

    @property
    def distinct(self) -> set[int]:
        """The numbers."""
        return {number for _, number in self.numbers}

    @property
    def twice(self) -> int:
        """How many came that had come before."""
        return len(self.numbers) - len(self.distinct)

    @property
    def disorder(self) -> list[tuple[str, int]]:
        """What came for the first time after a later one of its key."""
        latest: dict[str, int] = {}
        seen: Counter[int] = Counter()
        found = []
        for key, number in self.numbers:
            if not seen[number] and number < latest.get(key, -1):
                found.append((key, number))
            seen[number] += 1
            latest[key] = max(number, latest.get(key, -1))
        return found
