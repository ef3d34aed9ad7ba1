"""The exporter with a real Kafka, as the user that a platform gives it: groups of all kinds, bounds, faults."""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

import pytest
from confluent_kafka import Consumer, ConsumerGroupTopicPartitions, Producer, TopicPartition
from confluent_kafka.admin import AclBinding, AclOperation, AclPermissionType, ResourcePatternType, ResourceType
from kafka_platform.exporter.spec import EXPORTER_USER, exporter_user
from kafka_platform_runtime.connection import Connection, SaslMechanism, SecurityProtocol
from kafka_platform_runtime.exporter.cluster import Cluster
from kafka_platform_runtime.exporter.look import Looker, Snapshot
from kafka_platform_runtime.exporter.settings import Settings
from kafka_platform_runtime.failures import Refused, Rejected, Transient
from kafka_platform_runtime.provisioner.report import Report
from kafka_platform_runtime.provisioner.run import DONE, REFUSED, run
from kafka_platform_runtime.runs import CHANGES, RUNS_TOPIC, Run

from tests.dashboards import asked
from tests.harness import eventually as holds
from tests.kafka_process import java, needed_jars
from tests.ports import free_ports
from tests.unit.runtime.gateway.conftest import Kafka, password

T = TypeVar("T")

USER = EXPORTER_USER
BEHIND = 30


def eventually(read: Callable[[], T], condition: Callable[[T], Any], seconds: float = 60) -> T:
    """The first answer of which the condition holds."""
    answers: list[T] = []

    def asked() -> bool:
        answers[:] = [read()]
        return bool(condition(answers[0]))

    holds("the condition of the answer", asked, seconds)
    return answers[0]


def allow(kafka: Kafka) -> None:
    """Give the exporter's user what the platform declares for it."""
    for acl in exporter_user(ledger=True).all_acls():
        kind = {"topic": ResourceType.TOPIC, "group": ResourceType.GROUP, "cluster": ResourceType.BROKER}
        for operation in acl.operations:
            kafka.add_rules(
                AclBinding(
                    kind[acl.resource.value],
                    acl.name,
                    ResourcePatternType.LITERAL,
                    f"User:{USER}",
                    "*",
                    AclOperation[operation.name],
                    AclPermissionType.ALLOW,
                )
            )


@pytest.fixture(scope="module")
def kafka() -> Iterator[Kafka]:
    few = {"offsets.topic.num.partitions": "3"}
    with Kafka(jars=needed_jars(), nodes=3, heap="256m", properties=few) as cluster:
        cluster.make_user(USER)
        allow(cluster)
        cluster.make_topic("orders", 3)
        write(cluster, "orders", 300)
        commit(cluster, "first", at=0)  # makes the topic of offsets
        # Some of its three leaders may still load it: whoever asks these for groups is told to ask again.
        holds("every broker lists its groups", lambda: not cluster.admin.list_consumer_groups().result(120).errors, 60)
        yield cluster


def write(kafka: Kafka, topic: str, count: int) -> None:
    producer = Producer(kafka.client())
    for number in range(count):
        producer.produce(topic, b"x" * 100, partition=number % 3)
    assert producer.flush(120) == 0


def commit(kafka: Kafka, group: str, *, at: int, topic: str = "orders") -> None:
    """Let a group without members be at an offset of each partition."""
    offsets = [TopicPartition(topic, number, at) for number in range(3)]
    [done] = kafka.admin.alter_consumer_group_offsets([ConsumerGroupTopicPartitions(group, offsets)]).values()
    done.result(120)


def connection(kafka: Kafka, user: str = USER, secret: str | None = None) -> Connection:
    return Connection(
        bootstrap_servers=kafka.bootstrap_servers,
        security_protocol=SecurityProtocol.SASL_PLAINTEXT,
        mechanism=SaslMechanism.SCRAM_SHA_512,
        username=user,
        password=secret or password(user),
    )


@pytest.fixture
def look(kafka: Kafka) -> Iterator[Callable[..., Snapshot]]:
    """Looks with one connection and one memory."""
    cluster = Cluster(connection(kafka))
    lookers: dict[Settings, Looker] = {}

    def look(**bounds: Any) -> Snapshot:
        settings = Settings(**bounds)
        looker = lookers.setdefault(settings, Looker(settings))
        found: list[Snapshot] = []

        def all_answered() -> bool:
            looker.errors.clear()
            found.append(looker.look(cluster))
            return not looker.errors

        # A broker that is slow to answer, or still loads its groups, is asked again, as by the exporter's next look.
        holds("every broker answers", all_answered, 60)
        return found[-1]

    yield look
    cluster.close()


def test_topics(kafka: Kafka, look: Callable[..., Snapshot]) -> None:
    kafka.make_topic("sizes", 3)
    before = look().topics["sizes"]
    write(kafka, "sizes", 90)
    after = look().topics["sizes"]
    assert (before.partitions, before.written, before.records, before.under_replicated, before.offline) == (
        3,
        0,
        0,
        0,
        0,
    )
    assert (after.written, after.records) == (90, 90)
    assert before.size == 0
    assert after.size is not None
    assert 9_000 < after.size < 30_000
    assert look().brokers == 3


def test_lag_in_records_and_in_seconds(kafka: Kafka, look: Callable[..., Snapshot]) -> None:
    kafka.make_topic("late", 3)
    write(kafka, "late", 90)
    commit(kafka, "late-readers", at=30, topic="late")
    pair = ("late-readers", "late")
    assert eventually(look, lambda now: pair in now.lags, 30).lags[pair].seconds == 0
    time.sleep(2)
    write(kafka, "late", 3 * BEHIND)
    time.sleep(3)
    lag = look().lags[pair]
    assert lag.records == 3 * BEHIND
    # Between the two looks the records came at an unknown time: the later look knows no more than that.
    assert 0 <= lag.seconds <= 30
    time.sleep(2)
    later = look().lags[pair]
    assert later.seconds >= lag.seconds + 1.9
    commit(kafka, "late-readers", at=60, topic="late")
    assert (look().lags[pair].records, look().lags[pair].seconds) == (0, 0)


def test_lag_from_before_the_exporter_began_is_told_by_timestamps_without_reading(
    kafka: Kafka, look: Callable[..., Snapshot]
) -> None:
    kafka.make_topic("old", 3)
    producer = Producer(kafka.client())
    now = int(time.time() * 1000)
    for minutes in (120, 90, 45, 20, 3):
        for partition in range(3):
            producer.produce("old", b"x", partition=partition, timestamp=now - minutes * 60_000)
    assert producer.flush(120) == 0
    commit(kafka, "sleepers", at=2, topic="old")  # the next is 45 minutes old
    look()
    lag = look().lags["sleepers", "old"]
    assert lag.records == 9
    assert 16 * 60 <= lag.seconds <= 64 * 60


def test_records_that_retention_deleted_are_no_lag(kafka: Kafka, look: Callable[..., Snapshot]) -> None:
    kafka.make_topic("short", 3)
    write(kafka, "short", 90)
    commit(kafka, "short-readers", at=0, topic="short")
    kafka.delete_records("short", dict.fromkeys(range(3), 20))
    found = look()
    assert found.lags["short-readers", "short"].records == 30
    assert (found.topics["short"].written, found.topics["short"].records) == (90, 30)


@pytest.mark.parametrize("protocol", ["classic", "consumer"])
def test_members_and_states_of_both_protocols(kafka: Kafka, look: Callable[..., Snapshot], protocol: str) -> None:
    group = f"of-{protocol}"
    members = [
        Consumer({**kafka.client(), "group.id": group, "group.protocol": protocol, "auto.offset.reset": "earliest"})
        for _ in range(2)
    ]
    for each in members:
        each.subscribe(["orders"])

    def joined() -> bool:
        for each in members:
            each.poll(0.2)
        return all(each.assignment() for each in members)

    eventually(joined, lambda ready: ready, 60)
    for each in members:
        each.poll(0.5)
        with contextlib.suppress(Exception):
            each.commit(asynchronous=False)
    state = look().groups[group]
    assert (state.members, state.state) == (2, "Stable")
    assert look().lags[group, "orders"].records >= 0
    for each in members:
        each.close()
    assert eventually(lambda: look().groups[group], lambda now: now.state == "Empty", 30).members == 0


def test_a_share_group_shows_its_state_and_breaks_nothing(
    kafka: Kafka, look: Callable[..., Snapshot], tmp_path: Path
) -> None:
    settings = tmp_path / "client.properties"
    login = 'org.apache.kafka.common.security.scram.ScramLoginModule required username="admin" password="{}";'
    settings.write_text(
        "security.protocol=SASL_PLAINTEXT\nsasl.mechanism=SCRAM-SHA-512\n"
        f"sasl.jaas.config={login.format(password('admin'))}\n"
    )
    program = "org.apache.kafka.tools.consumer.ConsoleShareConsumer"
    command = [
        java() or "java",
        "-Xmx128m",
        "-cp",
        f"{kafka.jars}/*",
        program,
        "--group",
        "sharers",
        "--topic",
        "orders",
    ]
    command += ["--bootstrap-server", kafka.bootstrap_servers, "--command-config", str(settings)]
    sharer = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        found = eventually(look, lambda now: now.groups.get("sharers") and now.groups["sharers"].state == "Stable", 60)
    finally:
        sharer.kill()
        sharer.wait()
    assert found.groups["sharers"].members is None
    assert ("sharers", "orders") not in found.lags


def test_what_is_beyond_the_bounds_is_left_out_and_counted(kafka: Kafka, look: Callable[..., Snapshot]) -> None:
    for number in range(60):
        commit(kafka, f"hostile-{number}", at=0)
    found = look(most_groups=10, most_topics=2, most_pairs=5)
    assert (len(found.groups), len(found.topics), len(found.lags)) == (10, 2, 5)
    everything = look()
    assert found.left_out["groups"] == len(everything.groups) - 10
    assert found.left_out["topics"] == len(everything.topics) - 2
    assert found.left_out["pairs"] > 0
    assert everything.left_out == {"groups": 0, "offsets": 0, "pairs": 0, "topics": 0}


def test_the_groups_with_members_are_shown_first(kafka: Kafka, look: Callable[..., Snapshot]) -> None:
    for number in range(20):
        commit(kafka, f"a-{number}", at=0)
    member = Consumer({**kafka.client(), "group.id": "zebra"})
    member.subscribe(["orders"])
    eventually(lambda: member.poll(0.2) or member.assignment(), bool, 60)
    assert "zebra" in look(most_groups=3).groups
    member.close()


@pytest.mark.parametrize(
    "name", ['quote"and\\slash', "line\nbreak", "ümlaut-🦓", "x" * 5_000, 'a"} 1\nkafka_brokers 99']
)
def test_a_hostile_name_of_a_group_stays_one_label(kafka: Kafka, name: str) -> None:
    commit(kafka, name, at=0)
    with Program(kafka) as program:
        found = program.metrics()
    values = [value for series, value in found.items() if series.startswith("kafka_brokers")]
    assert values == [3]
    assert max(len(series) for series in found) < 1_000
    own = [each for each in found if each.startswith("kafka_consumergroup_state") and name[:5].split('"')[0] in each]
    assert bool(own) is (len(name) < 300) or "\n" in name or '"' in name


def test_a_user_without_rights_sees_nothing_and_ends_nothing(kafka: Kafka) -> None:
    kafka.make_user("stranger")
    cluster = Cluster(connection(kafka, "stranger"))
    looker = Looker(Settings())
    found = looker.look(cluster)
    cluster.close()
    assert (found.topics, found.groups, found.lags) == ({}, {}, {})
    assert found.brokers == 3
    assert looker.errors["sizes"] > 0


def test_its_user_can_neither_read_nor_write(kafka: Kafka) -> None:
    consumer = Consumer({**kafka.client(USER, password(USER)), "group.id": "thief", "log_level": 0})
    consumer.assign([TopicPartition("orders", 0, 0)])
    message = eventually(lambda: consumer.poll(1), lambda got: got is not None, 30)
    assert message is not None
    error = message.error()
    assert error is not None
    assert error.name() == "TOPIC_AUTHORIZATION_FAILED"
    consumer.close()
    outcomes: list[str] = []
    producer = Producer({**kafka.client(USER, password(USER)), "log_level": 0})
    producer.produce(
        "orders", b"x", on_delivery=lambda error, _: outcomes.append("" if error is None else error.name())
    )
    producer.flush(120)
    assert outcomes == ["TOPIC_AUTHORIZATION_FAILED"]


def test_a_wrong_password_is_told_as_that(kafka: Kafka) -> None:
    with pytest.raises((Rejected, Transient)):
        Cluster(connection(kafka, secret="wrong"))


def test_wrong_variables_are_refused_together() -> None:
    with pytest.raises(Refused) as refused:
        Settings.from_environment({"EXPORTER_INTERVAL_SECONDS": "soon", "EXPORTER_MOST_GROUPS": "0"})
    assert refused.value.faults == (
        "EXPORTER_INTERVAL_SECONDS: 'soon' is not a number from 1 to 3600",
        "EXPORTER_MOST_GROUPS: '0' is not a number from 1 to 100000",
    )


class Program:
    """The exporter as a process."""

    def __init__(self, kafka: Kafka, secret: str | None = None, interval: float = 1.0) -> None:
        [self.port] = free_ports(1)
        self.password = kafka.root / f"exporter-password-{self.port}"
        self.password.write_text(secret or password(USER))
        self.environment = {
            **os.environ,
            **kafka.environment(),
            "KAFKA_SASL_USERNAME": USER,
            "KAFKA_SASL_PASSWORD_FILE": str(self.password),
            "EXPORTER_INTERVAL_SECONDS": str(interval),
            "EXPORTER_PORT": str(self.port),
        }

    def __enter__(self) -> "Program":
        command = [sys.executable, "-m", "kafka_platform_runtime.exporter"]
        self.process = subprocess.Popen(command, env=self.environment, stdout=subprocess.PIPE, text=True)
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        self.process.communicate(timeout=60)

    def get(self, path: str) -> tuple[int, str]:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=60) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
        except OSError:
            return 0, ""

    def metrics(self) -> dict[str, float]:
        """Once it has looked."""
        eventually(lambda: self.get("/readyz")[0], lambda status: status == 200, 60)
        lines = [line for line in self.get("/metrics")[1].split("\n") if line and not line.startswith("#")]
        found = dict(line.rsplit(" ", 1) for line in lines)
        return {series: float(value) for series, value in found.items()}


class TestProgram:
    def test_it_ends_when_it_is_told_to(self, kafka: Kafka) -> None:
        with Program(kafka) as program:
            assert program.metrics()["kafka_brokers"] == 3
            assert program.get("/healthz") == (200, "ok\n")
            program.process.send_signal(signal.SIGTERM)
            assert program.process.wait(60) == 0

    def test_scrapes_ask_no_broker_anything(self, kafka: Kafka) -> None:
        with Program(kafka, interval=300.0) as program:
            first = program.metrics()
            texts = set[str]()
            threads = [threading.Thread(target=lambda: texts.add(program.get("/metrics")[1])) for _ in range(20)]
            for each in threads:
                each.start()
            for each in threads:
                each.join()
            assert len(texts) == 1
            assert first["kafka_exporter_look_seconds"] > 0

    def test_a_topic_has_six_series(self, kafka: Kafka) -> None:
        with Program(kafka) as program:
            of = [each for each in program.metrics() if re.search(r'topic="sizes"', each)]
        assert sorted(each.partition("{")[0] for each in of) == [
            "kafka_topic_offline_partitions",
            "kafka_topic_partitions",
            "kafka_topic_records",
            "kafka_topic_records_total",
            "kafka_topic_size_bytes",
            "kafka_topic_under_replicated_partitions",
        ]

    def test_a_new_password_is_taken_up(self, kafka: Kafka) -> None:
        with Program(kafka, secret="wrong") as program:
            status, reason = eventually(
                lambda: program.get("/readyz"), lambda answer: answer[0] and "not looked" not in answer[1], 60
            )
            assert status == 503
            assert "wrong" not in reason
            assert program.get("/healthz")[0] == 200
            assert "kafka_brokers" not in program.get("/metrics")[1]
            program.password.write_text(password(USER))
            assert program.metrics()["kafka_brokers"] == 3

    def test_a_dying_broker_leaves_no_false_numbers(self, kafka: Kafka) -> None:
        kafka.make_topic("steady", 3)
        write(kafka, "steady", 30)
        with Program(kafka) as program:
            assert program.metrics()['kafka_topic_records_total{topic="steady"}'] == 30
            kafka.kill_node(2)
            try:
                found = eventually(program.metrics, lambda now: now.get("kafka_brokers") == 2, 120)
                assert found['kafka_topic_records_total{topic="steady"}'] == 30
                assert found['kafka_topic_size_bytes{topic="steady"}'] > 3_000
            finally:
                kafka.start_node(2)
                kafka.wait_until_registered(3)
            assert eventually(program.metrics, lambda now: now.get("kafka_brokers") == 3, 120)
            assert program.process.poll() is None

    def test_a_missing_variable_is_told(self, kafka: Kafka) -> None:
        program = Program(kafka)
        del program.environment["KAFKA_SASL_USERNAME"]
        command = [sys.executable, "-m", "kafka_platform_runtime.exporter"]
        done = subprocess.run(command, env=program.environment, capture_output=True, text=True, timeout=60, check=False)
        assert (done.returncode, done.stderr) == (3, "KAFKA_SASL_USERNAME: is not set\n")

    def test_it_shows_what_dashboards_and_alerts_ask_for(self, kafka: Kafka, tmp_path: Path) -> None:
        commit(kafka, "asked", at=0)
        assert provision(kafka, tmp_path, "asked")[0] == DONE
        program = Program(kafka)
        program.environment |= {
            "EXPORTER_RUNS_TOPIC": RUNS_TOPIC,
            "EXPORTER_DECLARATIONS_DIR": str(tmp_path / "declared"),
        }
        (tmp_path / "declared" / "asked").mkdir(parents=True)
        (tmp_path / "declared" / "asked" / "topic.x").write_text("{}")
        with program:
            metrics = program.metrics()
        shown = {each.partition("{")[0] for each in metrics}
        of = [each for each in metrics if 'resources="asked"' in each]
        assert len(of) == 4 + len(CHANGES)
        assert metrics['kafka_provisioner_last_run_failed{resources="asked"}'] == 0
        asked_for = {
            each
            for each in asked("kafka_")
            if re.match(r"kafka_(consumergroup|topic|brokers|exporter|provisioner)", each)
        }
        assert asked_for
        assert asked_for <= shown


def provision(kafka: Kafka, folder: Path, owner: str, *topics: str, **more: str) -> tuple[int, str]:
    """A run of the provisioner that declares these topics, and only them."""
    declared = folder / f"{owner}-declarations"
    declared.mkdir(exist_ok=True)
    for old in declared.iterdir():
        old.unlink()
    for name in topics:
        (declared / f"topic.{name}").write_text(json.dumps({"partitions": 3, "replicas": 3}))
    (folder / "none").mkdir(exist_ok=True)
    own = {"OWNER": owner, "DECLARATIONS_DIR": str(declared), "PASSWORDS_DIR": str(folder / "none"), **more}
    return run({**kafka.environment(), **own, "TERMINATION_LOG": str(folder / "log")}, Report())


def test_what_the_provisioner_did_is_shown_until_it_does_something_else(
    kafka: Kafka, tmp_path: Path, look: Callable[..., Snapshot]
) -> None:
    def shown() -> Run:
        [own] = [each for each in look(runs=RUNS_TOPIC).runs if each.resources == "shop"]
        return own

    begun = time.time()
    assert provision(kafka, tmp_path, "shop", "made-1", "made-2")[0] == DONE
    first = shown()
    assert (first.failed, first.changes["created"]) == (False, 2)
    assert begun <= first.ended <= time.time()
    # Somebody else's topic: nothing is taken over without being told to.
    code, message = provision(kafka, tmp_path, "shop", "made-1", "orders")
    assert code == REFUSED, message
    second = shown()
    assert (second.failed, sum(second.changes.values())) == (True, 0)
    assert provision(kafka, tmp_path, "shop", "made-1")[0] == DONE
    third = shown()
    assert (third.failed, third.changes["kept"], third.changes["unchanged"]) == (False, 1, 1)
    assert third.ended >= second.ended >= first.ended


def test_what_is_declared_and_was_not_let_in_is_told_until_it_is(
    kafka: Kafka, tmp_path: Path, look: Callable[..., Snapshot]
) -> None:
    """A run with a wrong password cannot note that it failed."""
    declared = tmp_path / "declared" / "cafe"
    declared.mkdir(parents=True)

    def unapplied() -> Mapping[str, bool]:
        return look(runs=RUNS_TOPIC, declared=declared.parent).unapplied

    def declare(*topics: str) -> None:
        """As the ConfigMap changes, in the exporter's pod too."""
        for name in topics:
            (declared / f"topic.{name}").write_text(json.dumps({"partitions": 3, "replicas": 3}))

    assert provision(kafka, tmp_path, "another")[0] == DONE
    assert unapplied() == {}
    declare("cafe-1")
    assert unapplied() == {"cafe": True}
    assert provision(kafka, tmp_path, "cafe", "cafe-1")[0] == DONE
    assert unapplied() == {"cafe": False}
    declare("cafe-2")
    wrong = tmp_path / "wrong"
    wrong.write_text("not-the-password")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("kafka_platform_runtime.provisioner.run.LOGIN_SECONDS", 1.0)
        code, message = provision(kafka, tmp_path, "cafe", "cafe-1", "cafe-2", KAFKA_SASL_PASSWORD_FILE=str(wrong))
    assert (code, "the login was refused" in message) == (REFUSED, True)
    found = look(runs=RUNS_TOPIC, declared=declared.parent)
    assert [each.failed for each in found.runs if each.resources == "cafe"] == [False]
    assert found.unapplied == {"cafe": True}
    assert provision(kafka, tmp_path, "cafe", "cafe-1", "cafe-2")[0] == DONE
    assert unapplied() == {"cafe": False}


def test_a_run_that_noted_no_version_and_files_that_are_none_tell_nothing(
    kafka: Kafka, tmp_path: Path, look: Callable[..., Snapshot], monkeypatch: pytest.MonkeyPatch
) -> None:
    declared = tmp_path / "declared"
    (declared / "former").mkdir(parents=True)
    (declared / "former" / "topic.x").write_text("{}")
    monkeypatch.setattr("kafka_platform_runtime.provisioner.run.version_of", lambda _: None)
    assert provision(kafka, tmp_path, "former")[0] == DONE
    assert look(runs=RUNS_TOPIC, declared=declared).unapplied == {}


def test_a_stack_shows_its_own_runs_and_no_owner_that_was_replaced(
    kafka: Kafka, tmp_path: Path, look: Callable[..., Snapshot]
) -> None:
    for stack in ("acme/one/dev", "acme/two/dev"):
        assert provision(kafka, tmp_path, "shared", STACK=stack)[0] == DONE
    assert provision(kafka, tmp_path, "old")[0] == DONE
    assert provision(kafka, tmp_path, "new", FORMER_OWNERS="old", STACK="acme/one/dev")[0] == DONE
    [own] = look(runs=RUNS_TOPIC, stack="acme/two/dev").runs
    assert (own.resources, own.stack) == ("shared", "acme/two/dev")
    assert {each.resources for each in look(runs=RUNS_TOPIC, stack="acme/one/dev").runs} == {"shared", "new"}
