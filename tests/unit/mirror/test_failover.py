"""A cluster is lost, and its readers and writers go on at its mirror: two real Kafkas, a real Kafka Connect, real MirrorMaker."""

import json
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from confluent_kafka import (
    Consumer,
    ConsumerGroupTopicPartitions,
    KafkaError,
    KafkaException,
    Message,
    Producer,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient
from kafka_platform import (
    MirrorSource,
    ReplicationSpec,
    SecurityProtocol,
    Topic,
    replication_connectors,
    replication_source_user,
)
from kafka_platform.connect.spec import ConnectorState
from kafka_platform.entities.declarations import declarations
from kafka_platform.values.names import user_key
from kafka_platform_runtime.jobs import DONE

from tests.connect_process import LocalConnect, needed_plugins, records
from tests.dashboards import asked
from tests.harness import PATIENCE, eventually
from tests.kafka_process import LocalKafka, needed_jars
from tests.provisioning import Bench

TOPIC, GROUP, PARTITIONS = "orders", "payments-fraud", 3
USER, PASSWORD = "mirror", "password-of-the-mirror"
Position = dict[int, int]


def declare(kafka: LocalKafka, folder: Path, spec: ReplicationSpec, topics: Mapping[str, Topic]) -> None:
    """Topics and the mirror's user at the source, with no other rights than the library says that it needs."""
    bench = Bench(kafka, folder, "source")
    users = {USER: replication_source_user(spec)}
    bench.files = {name: json.loads(text) for name, text in declarations(topics, users, 1).items()}
    bench.passwords = {user_key(USER): PASSWORD}
    bench.apply()


def mirror_of(kafka: LocalKafka, name: str) -> ReplicationSpec:
    return ReplicationSpec(
        origin=MirrorSource(
            name=name,
            bootstrap_servers=kafka.bootstrap_servers,
            security_protocol=SecurityProtocol(kafka.client_protocol),
            username=USER,
            secret="other-kafka",
        ),
        topics=[TOPIC, "shop-*"],
        groups=["payments-*"],
        checkpoints="1s",
        refresh="5s",
    )


@dataclass
class Mirror:
    """A mirror from one Kafka to another."""

    spec: ReplicationSpec
    connect: LocalConnect

    @classmethod
    def started(cls, spec: ReplicationSpec, to: LocalKafka, stack: ExitStack) -> "Mirror":
        connectors = replication_connectors(spec)
        secrets = {name: {"password": PASSWORD} for name in connectors}
        connect = LocalConnect(plugins=needed_plugins(), kafka=to, connectors=connectors, secrets=secrets)
        mirror = cls(spec, stack.enter_context(connect))
        code, message = mirror.connect.apply()
        assert code == DONE, message
        return mirror

    def stop(self) -> None:
        """As `mirror.state: stopped` does it."""
        stopped = {name: each.state for name, each in self.connect.connectors.items()}
        assert set(stopped.values()) == {ConnectorState.RUNNING}
        self.spec = ReplicationSpec(**{**vars(self.spec), "state": ConnectorState.STOPPED})
        self.connect.connectors = replication_connectors(self.spec)
        code, message = self.connect.apply()
        assert code == DONE, message


@dataclass
class Writer:
    """Writes numbered records until it is told to end, or the Kafka is gone; knows which were acknowledged."""

    kafka: LocalKafka
    first: int
    pause: float = 0.005
    acknowledged: list[tuple[int, int, int]] = field(default_factory=list)
    """Number, partition, and offset."""
    _ending: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def __enter__(self) -> "Writer":
        self._thread = threading.Thread(target=self._write)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ending.set()
        assert self._thread is not None
        self._thread.join()

    @property
    def numbers(self) -> set[int]:
        return {number for number, _, _ in self.acknowledged}

    def _write(self) -> None:
        producer = Producer(self.kafka.client() | {"message.timeout.ms": 5_000, "log_level": 0, "acks": "all"})
        number = self.first
        while not self._ending.is_set():
            self._send(producer, number)
            number += 1
            producer.poll(0)
            time.sleep(self.pause)
        producer.flush(120)

    def _send(self, producer: Producer, number: int) -> None:
        def told(error: object, message: Message) -> None:
            if error is None:
                self.acknowledged.append((number, message.partition() or 0, message.offset() or 0))

        producer.produce(
            TOPIC,
            str(number).encode(),
            key=f"k{number % 17}".encode(),
            headers=[("n", bytes([number % 256]))],
            on_delivery=told,
        )


@dataclass
class Group:
    """A member of the consumer group, which reads until it is told to end, and commits what it has read."""

    kafka: LocalKafka
    seen: list[tuple[int, int, int]] = field(default_factory=list)
    """Number, partition, and offset of what it has committed."""
    failures: list[object] = field(default_factory=list)
    _ending: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def __enter__(self) -> "Group":
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.end()
        assert self._thread is not None
        self._thread.join(60 * PATIENCE)
        assert not self.failures

    def end(self) -> None:
        """It stops reading soon; what it cannot commit any more it has not seen."""
        self._ending.set()

    @property
    def numbers(self) -> set[int]:
        return {number for number, _, _ in list(self.seen)}

    def _read(self) -> None:
        waiting: list[tuple[int, int, int]] = []

        def told(error: object, partitions: Sequence[TopicPartition]) -> None:
            if error is None:
                upto = {each.partition: each.offset for each in partitions}
                self.seen += [each for each in waiting if each[2] < upto.get(each[1], -1)]
                waiting[:] = [each for each in waiting if each[2] >= upto.get(each[1], -1)]

        consumer = Consumer(
            self.kafka.client()
            | {
                "group.id": GROUP,
                "enable.auto.commit": False,
                "on_commit": told,
                # What the mirror has not translated would not be read at all.
                "auto.offset.reset": "error",
                "isolation.level": "read_committed",
                "session.timeout.ms": 6_000,
                "log_level": 0,
            }
        )
        consumer.subscribe([TOPIC])
        while not self._ending.is_set():
            found = consumer.consume(500, timeout=0.2)
            try:
                waiting += [self._of(each) for each in found]
            except KafkaException as error:
                if not self._ending.is_set():
                    self.failures.append(error)
                break
            if found:
                # A commit that is waited for would wait for a Kafka that is gone, for ever.
                consumer.commit(asynchronous=True)
        consumer.close()

    @staticmethod
    def _of(message: Message) -> tuple[int, int, int]:
        if message.error() is not None:
            raise KafkaException(message.error())
        number = int(message.value() or b"-1")
        if message.headers() != [("n", bytes([number % 256]))]:
            raise KafkaException(KafkaError(KafkaError._BAD_MSG, f"headers of {number}: {message.headers()}"))
        return number, message.partition() or 0, message.offset() or 0


def begin(kafka: LocalKafka) -> None:
    """The group begins at the first record."""
    admin = AdminClient(kafka.client())
    start = [TopicPartition(TOPIC, each, 0) for each in range(PARTITIONS)]
    next(iter(admin.alter_consumer_group_offsets([ConsumerGroupTopicPartitions(GROUP, start)]).values())).result()


def committed(kafka: LocalKafka) -> Position:
    """The group's offsets."""
    admin = AdminClient(kafka.client())
    answer = next(iter(admin.list_consumer_group_offsets([ConsumerGroupTopicPartitions(GROUP)]).values())).result()
    return {each.partition: each.offset for each in answer.topic_partitions if each.offset >= 0}


def placed(kafka: LocalKafka) -> list[tuple[int, int, int]]:
    """All records: number, partition, and offset."""
    consumer = Consumer(
        kafka.client() | {"group.id": "test", "isolation.level": "read_committed", "enable.partition.eof": True}
    )
    consumer.assign([TopicPartition(TOPIC, each, 0) for each in range(PARTITIONS)])
    found: list[tuple[int, int, int]] = []
    ended: set[int | None] = set()
    while len(ended) < PARTITIONS:
        message = consumer.poll(30)
        assert message is not None
        error = message.error()
        if error is None:
            found.append((int(message.value() or b"-1"), message.partition() or 0, message.offset() or 0))
        else:
            assert error.code() == KafkaError._PARTITION_EOF, error
            ended.add(message.partition())
    consumer.close()
    return found


def numbers_in(kafka: LocalKafka) -> set[int]:
    """The records, of which none is there twice."""
    counted = Counter(number for number, _, _ in placed(kafka))
    assert not [number for number, times in counted.items() if times > 1]
    return set(counted)


def before(kafka: LocalKafka, position: Mapping[int, int]) -> set[int]:
    """The records before a position of each partition."""
    return {number for number, partition, offset in placed(kafka) if offset < position.get(partition, 0)}


def settled(kafka: LocalKafka) -> set[int]:
    """The records, once no more arrive: nobody writes at the source any more."""
    seen = [set[int](), numbers_in(kafka)]

    def quiet() -> bool:
        seen.append(numbers_in(kafka))
        return seen[-1] == seen[-2] == seen[-3]

    eventually("no more records arrive", quiet)
    return seen[-1]


def shown(mirror: Mirror) -> set[str]:
    """Names of the metrics that Prometheus reads."""
    lines = mirror.connect.metrics(mirror.connect.members[0]).splitlines()
    return {line.partition("{")[0].partition(" ")[0] for line in lines if not line.startswith("#")}


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as opened:
        yield opened


@pytest.mark.long
def test_a_group_goes_on_at_the_second_cluster_when_the_first_is_lost_and_comes_back(
    stack: ExitStack, tmp_path: Path
) -> None:
    jars = needed_jars()
    first = stack.enter_context(LocalKafka(jars=jars, heap="512m"))
    second = stack.enter_context(LocalKafka(jars=jars, heap="512m"))
    there = mirror_of(first, "first")
    declare(first, tmp_path / "first", there, {TOPIC: Topic(partitions=PARTITIONS)})
    mirror = Mirror.started(there, second, stack)
    begin(first)

    with Writer(first, 0) as writer, Group(first) as group:
        eventually("the group reads", lambda: len(group.seen) > 1_000, 120)
        # A worker is killed in between: records come once all the same.
        mirror.connect.members[0].kill()
        eventually("the group reads more", lambda: len(group.seen) > 2_000)
        mirror.connect.start(mirror.connect.members[0])
        mark = group.numbers
        eventually(
            "what the group has read so far is known at the second cluster",
            lambda: mark <= before(second, committed(second)),
            120,
        )
        eventually("its metrics are shown", lambda: asked("kafka_mirror_") <= shown(mirror))
        first.kill_node(0)
        group.end()
    no_secret_is_shown(mirror)

    # The edit: the mirror is stopped, and readers and writers get the other servers.
    mirrored = settled(second)
    mirror.stop()
    lost = writer.numbers - mirrored
    for partition in range(PARTITIONS):
        own = [number for number, each, _ in sorted(writer.acknowledged) if each == partition]
        kept = [number for number in own if number not in lost]
        assert own[: len(kept)] == kept, "only the newest records are lost"
    with Writer(second, 1_000_000) as at_second, Group(second) as moved:
        eventually("the group reads what is new", lambda: max(moved.numbers, default=0) > 1_000_500, 120)
    assert mirrored <= group.numbers | moved.numbers, "a mirrored record was not read"
    twice = group.numbers & moved.numbers
    assert not twice & mark, "what was read before the last checkpoint was read again"
    print(
        f"{len(writer.numbers)} written, {len(lost)} lost, {len(group.numbers)} read before, {len(twice)} of them twice"
    )

    # Back: the first cluster was rebuilt, and is a mirror of the second until readers and writers have moved again.
    for each in mirror.connect.members:
        each.kill()
    rebuilt = stack.enter_context(LocalKafka(jars=jars, heap="512m"))
    back = mirror_of(second, "second")
    declare(second, tmp_path / "second", back, {})
    returning = Mirror.started(back, rebuilt, stack)
    whole = numbers_in(second)
    assert whole == mirrored | at_second.numbers
    with Group(second):
        eventually("the group has read all", lambda: before(second, committed(second)) == whole)
    eventually("all records are there", lambda: numbers_in(rebuilt) == whole, 120)
    eventually("so are the group's offsets", lambda: before(rebuilt, committed(rebuilt)) == whole, 120)
    returning.stop()
    with Writer(rebuilt, 2_000_000) as at_first, Group(rebuilt) as home:
        eventually("the group reads what is new", lambda: len(home.seen) > 500, 120)
    assert home.numbers <= at_first.numbers, "a switch without a loss repeats nothing"


def no_secret_is_shown(mirror: Mirror) -> None:
    """Neither in a topic of Kafka Connect, nor in its answers, nor in its log."""
    connect = mirror.connect
    [worker] = connect.members
    told = [str(records(connect.kafka, f"connect-{part}")) for part in ("configs", "status")]
    told += [worker.log, *(json.dumps(connect.ask(worker, f"/connectors/{name}/tasks")) for name in connect.connectors)]
    assert "first" in told[0]
    assert not [each for each in told if PASSWORD in each or "-password-of-kafka" in each]
