"""The provisioner and the health sidecar against a real Kafka."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka import Consumer, KafkaError
from confluent_kafka.admin import (
    AclBinding,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
)
from kafka_platform_runtime import health
from kafka_platform_runtime.connection import Connection
from kafka_platform_runtime.provisioner.declarations import LEDGER_TOPIC
from kafka_platform_runtime.provisioner.ledger import Ledger
from kafka_platform_runtime.provisioner.run import NOT_NOW, REFUSED

from tests.kafka_process import ADMIN_USER, BROKER_USER, LocalKafka, local_kafka, needed_jars
from tests.provisioning import PASSWORD, READER, WRITER, Bench, bench, topic
from tests.rules import add_rules

__all__ = ["bench", "local_kafka"]


def test_applies_all_kinds_and_then_has_nothing_to_do(bench: Bench) -> None:
    bench.files = {
        "topic.orders": topic(6, config={"retention.ms": "3600000", "cleanup.policy": "compact, delete"}),
        "topic.orders.late": topic(),
        "user.writer": {"acls": WRITER, "quotas": {"producer_byte_rate": 1_000_000, "request_percentage": 12.5}},
        "user.reader": {"acls": READER, "passwordVersion": 3},
    }
    bench.passwords = {"writer": PASSWORD, "reader": "another-" + PASSWORD}
    assert re.match(r"done: 2 topics created, 2 users created; 0 unchanged; [\d.]+ s$", bench.apply())
    # Right afterwards, without a pause: everything must be there for whoever starts now.
    assert bench.write("writer", PASSWORD, "orders") is None
    described = bench.admin.list_topics(timeout=60).topics
    assert len(described["orders"].partitions) == 6
    assert bench.configs("orders")["retention.ms"] == "3600000"
    assert bench.acls("reader") == {
        ("TOPIC", "orders", "DESCRIBE"),
        ("TOPIC", "orders", "READ"),
        ("GROUP", "billing", "READ"),
    }
    assert bench.quotas("writer") == {"producer_byte_rate": 1_000_000.0, "request_percentage": 12.5}
    denied = bench.write("reader", "another-" + PASSWORD, "orders")
    assert denied is not None
    assert denied.code() == KafkaError.TOPIC_AUTHORIZATION_FAILED
    consumer = Consumer(
        {
            **bench.kafka.client("reader", "another-" + PASSWORD),
            "group.id": "billing",
            "auto.offset.reset": "earliest",
            "log_level": 0,
        }
    )
    consumer.subscribe(["orders"])
    received = consumer.poll(30)
    consumer.close()
    assert received is not None
    assert received.value() == b"hello"
    assert bench.apply() == "done: nothing to change, 4 declarations in place"


def test_repairs_what_was_changed_by_hand(bench: Bench) -> None:
    bench.files = {
        "topic.orders": topic(config={"retention.ms": "1000"}),
        "user.writer": {"acls": WRITER, "quotas": {"producer_byte_rate": 5}},
    }
    bench.passwords = {"writer": PASSWORD}
    bench.apply()
    bench.alter("orders", "retention.ms", "2000")
    bench.alter("orders", "segment.ms", "60000")  # nobody declared it: it stays
    extra = AclBinding(
        ResourceType.TOPIC,
        "payments",
        ResourcePatternType.LITERAL,
        "User:writer",
        "10.0.0.1",
        AclOperation.READ,
        AclPermissionType.ALLOW,
    )
    add_rules(bench.admin, extra)
    stranger = AclBinding(
        ResourceType.TOPIC,
        "payments",
        ResourcePatternType.LITERAL,
        "User:somebody-else",
        "*",
        AclOperation.READ,
        AclPermissionType.ALLOW,
    )
    add_rules(bench.admin, stranger)
    message = bench.apply()
    assert message.startswith("done: 1 topic changed, 1 user changed; 0 unchanged")
    assert bench.configs("orders")["retention.ms"] == "1000"
    assert bench.configs("orders")["segment.ms"] == "60000"
    assert bench.acls("writer") == {("TOPIC", "orders", "DESCRIBE"), ("TOPIC", "orders", "WRITE")}
    assert bench.acls("somebody-else") == {("TOPIC", "payments", "READ")}


def test_a_setting_that_is_not_declared_any_more_goes_back_to_the_default(bench: Bench) -> None:
    bench.files = {"topic.orders": topic(config={"retention.ms": "1000", "segment.ms": "60000"})}
    bench.apply()
    bench.files = {"topic.orders": topic(config={"segment.ms": "60000"})}
    assert bench.apply().startswith("done: 1 topic changed")
    assert bench.configs("orders")["retention.ms"] == "604800000"
    assert bench.apply() == "done: nothing to change, 1 declaration in place"


def test_quotas_and_acls_that_are_not_declared_any_more_go(bench: Bench) -> None:
    bench.files = {"user.writer": {"acls": WRITER, "quotas": {"producer_byte_rate": 5, "consumer_byte_rate": 6}}}
    bench.passwords = {"writer": PASSWORD}
    bench.apply()
    bench.files = {"user.writer": {"quotas": {"consumer_byte_rate": 7}}}
    bench.apply()
    assert bench.quotas("writer") == {"consumer_byte_rate": 7.0}
    assert bench.acls("writer") == set()
    assert bench.can_log_in("writer", PASSWORD)


def test_adds_partitions_and_refuses_to_remove_them_without_touching_anything(bench: Bench) -> None:
    bench.files = {"topic.orders": topic(2)}
    bench.apply()
    bench.files = {"topic.orders": topic(5)}
    assert bench.apply().startswith("done: 1 topic changed")
    assert len(bench.admin.list_topics(timeout=60).topics["orders"].partitions) == 5
    bench.files = {"topic.orders": topic(3), "topic.innocent": topic(), "user.writer": {"acls": WRITER}}
    bench.passwords = {"writer": PASSWORD}
    code, message = bench.run()
    assert code == REFUSED
    assert message.splitlines() == [
        "topic.orders: partitions: 3 is fewer than the 5 it has, and Kafka never removes partitions: declare 5 or more, "
        "or declare a new topic",
        "nothing was applied",
    ]
    assert "innocent" not in bench.topics
    assert bench.refuses("writer", PASSWORD)
    bench.files = {"topic.orders": topic(5)}


def test_settings_that_kafka_refuses_are_found_before_anything_is_applied(bench: Bench) -> None:
    bench.files = {"topic.orders": topic()}
    bench.apply()
    bench.files = {
        "topic.orders": topic(config={"retention.ms": "soon"}),
        "topic.fresh": topic(config={"retention.mss": "1"}),
        "topic.innocent": topic(),
        "user.writer": {"acls": WRITER},
    }
    code, message = bench.run()
    assert code == REFUSED
    assert "user.writer: the password file" in message
    bench.passwords = {"writer": PASSWORD}
    code, message = bench.run()
    assert code == REFUSED
    assert "topic.fresh: Unknown topic config name: retention.mss" in message
    assert "topic.orders: Invalid value soon for configuration retention.ms" in message
    assert message.splitlines()[-2:] == [
        "nothing was applied",
        "not tried: topic.fresh, topic.innocent, topic.orders, user.writer",
    ]
    assert "innocent" not in bench.topics
    bench.files = {"topic.orders": topic()}


def test_a_change_of_the_replication_factor_is_refused(bench: Bench) -> None:
    bench.files = {"topic.orders": topic()}
    bench.apply()
    bench.files = {"topic.orders": topic(replicas=2)}
    code, message = bench.run()
    assert code == REFUSED
    assert message.startswith("topic.orders: replicas: 2 differs from the 1 it has")
    bench.files = {"topic.orders": topic()}


def test_a_topic_keeps_its_records_unless_deletion_is_allowed(bench: Bench) -> None:
    bench.files = {
        "topic.kept": topic(),
        "topic.dropped": topic(deletion="allow"),
        "user.writer": {"acls": [{"resource": "topic", "name": "*", "operations": ["WRITE", "DESCRIBE"]}]},
    }
    bench.passwords = {"writer": PASSWORD}
    bench.apply()
    assert bench.write("writer", PASSWORD, "kept") is None
    bench.files = {}
    message = bench.apply()
    assert message.startswith(
        "done: 1 topic deleted with their records, 1 user removed, 1 topic no longer declared, kept with records: kept;"
    )
    assert "kept" in bench.topics
    assert "dropped" not in bench.topics
    assert bench.ledger == {}
    consumer = Consumer({**bench.kafka.client(), "group.id": "any", "auto.offset.reset": "earliest"})
    consumer.subscribe(["kept"])
    received = consumer.poll(30)
    consumer.close()
    assert received is not None
    assert received.value() == b"hello"
    # Declared again, it is taken up as it is.
    bench.files = {"topic.kept": topic()}
    assert bench.apply().startswith("done: 1 topic changed")


def test_a_user_who_is_not_declared_any_more_has_nothing_left(bench: Bench) -> None:
    bench.files = {"topic.orders": topic(), "user.writer": {"acls": WRITER, "quotas": {"producer_byte_rate": 5}}}
    bench.passwords = {"writer": PASSWORD}
    bench.apply()
    assert bench.can_log_in("writer", PASSWORD)
    bench.files = {"topic.orders": topic()}
    assert bench.apply().startswith("done: 1 user removed; 1 unchanged")
    assert bench.refuses("writer", PASSWORD)
    assert bench.acls("writer") == set()
    assert bench.quotas("writer") == {}


@pytest.mark.parametrize("version", [1, 2])
def test_another_password_is_set_whether_its_version_changes_or_not(bench: Bench, version: int) -> None:
    bench.files = {"user.writer": {"passwordVersion": 1}}
    bench.passwords = {"writer": PASSWORD}
    bench.apply()
    assert bench.apply() == "done: nothing to change, 1 declaration in place"
    bench.files = {"user.writer": {"passwordVersion": version}}
    bench.passwords = {"writer": "the-next-one"}
    assert bench.apply().startswith("done: 1 user changed")
    assert bench.can_log_in("writer", "the-next-one")
    assert bench.refuses("writer", PASSWORD)


def test_no_password_is_told_to_anybody(bench: Bench, capfd: pytest.CaptureFixture[str]) -> None:
    bench.files = {"user.writer": {"acls": WRITER}, "topic.bad": topic(config={"nope": "1"})}
    bench.passwords = {"writer": PASSWORD}
    _, refused = bench.run()
    del bench.files["topic.bad"]
    said = refused + bench.apply() + "".join(capfd.readouterr()) + json.dumps(bench.ledger)
    assert "user.writer" in said
    assert PASSWORD not in said


def test_what_another_owner_declares_is_not_touched(bench: Bench) -> None:
    bench.files = {"topic.orders": topic(deletion="allow"), "user.writer": {}}
    bench.passwords = {"writer": PASSWORD}
    bench.apply()
    other = Bench(kafka=bench.kafka, folder=bench.folder / "other", owner="somebody")
    assert other.apply() == "done: nothing to change, 0 declarations in place"
    other.files = {"topic.orders": topic()}
    code, message = other.run()
    assert code == REFUSED
    assert message.startswith(f"topic.orders: is declared by {bench.owner!r} already")
    # Unless that one is gone for good: then its place is taken, and what it alone had declared goes.
    other.more = {"FORMER_OWNERS": bench.owner}
    assert other.apply().startswith("done: 1 topic changed, 1 user removed")
    assert bench.ledger == {}
    other.files = {}
    other.apply()


def test_the_administrators_cannot_be_declared(bench: Bench) -> None:
    bench.files = {f"user.{ADMIN_USER}": {}, f"user.{BROKER_USER}": {}}
    bench.passwords = {ADMIN_USER: PASSWORD, BROKER_USER: PASSWORD}
    code, message = bench.run()
    assert code == REFUSED
    assert message.splitlines() == [
        "user.admin: name: 'admin' administers this cluster: choose another name",
        "user.broker: name: 'broker' administers this cluster: choose another name",
        "nothing was applied",
    ]
    bench.files = {}


def test_too_few_brokers_is_waited_for_and_then_told(bench: Bench) -> None:
    bench.files = {"topic.orders": topic(replicas=3)}
    bench.more = {"DEADLINE_SECONDS": "3"}
    code, message = bench.run()
    assert code == NOT_NOW
    assert "3 need as many brokers, 1 broker registered" in message or "3 brokers, 1 registered" in message
    bench.files = {}


def test_a_wrong_administrators_password_is_told_soon(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kafka_platform_runtime.provisioner.run.LOGIN_SECONDS", 1.0)
    wrong = bench.folder / "wrong"
    wrong.write_text("not-the-password")
    bench.more = {"KAFKA_SASL_PASSWORD_FILE": str(wrong)}
    code, message = bench.run()
    assert code == REFUSED
    assert "Authentication failed" in message
    assert "not-the-password" not in message


def test_no_broker_is_transient(bench: Bench) -> None:
    bench.more = {"KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1", "DEADLINE_SECONDS": "2"}
    code, message = bench.run()
    assert code == NOT_NOW
    assert "127.0.0.1:1: Connect to 127.0.0.1:1 failed: Connection refused" in message


def test_someone_who_may_not_administer_is_refused(bench: Bench) -> None:
    bench.files = {"user.writer": {"acls": WRITER}, "topic.orders": topic()}
    bench.passwords = {"writer": PASSWORD}
    bench.apply()
    before = bench.more
    bench.more = {
        "KAFKA_SASL_USERNAME": "writer",
        "KAFKA_SASL_PASSWORD_FILE": str(bench.folder / "passwords" / "writer"),
        "DEADLINE_SECONDS": "5",
    }
    code, message = bench.run()
    bench.more = before
    assert code == REFUSED
    assert "user 'writer' may not do this" in message


def test_an_older_run_stops_when_a_newer_one_begins(bench: Bench) -> None:
    bench.files = {"topic.orders": topic()}
    bench.apply()
    older = Ledger(bench.connection, bench.owner)
    older.claim()
    older.check()
    bench.apply()
    with pytest.raises(Exception, match="a newer run of the same owner has begun"):
        older.check()
    older.close()


def test_killed_at_any_moment_the_next_run_completes(bench: Bench) -> None:
    bench.files = {f"topic.many-{number}": topic(1, deletion="allow") for number in range(600)}
    environment = {**os.environ, **bench.environment()}
    command = [sys.executable, "-m", "kafka_platform_runtime.provisioner"]
    for seconds in (0.6, 1.0, 1.5, 2.2):
        process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(seconds)
        process.send_signal(signal.SIGKILL)
        process.wait()
    bench.apply()
    assert len([name for name in bench.topics if name.startswith("many-")]) == 600
    assert len(bench.ledger) == 600


def test_asked_to_end_it_tells_what_it_has_done(bench: Bench) -> None:
    bench.files = {"topic.orders": topic(replicas=3)}
    environment = {**os.environ, **bench.environment()}
    command = [sys.executable, "-m", "kafka_platform_runtime.provisioner"]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert "trying again" in process.stdout.readline()
    process.terminate()
    process.communicate(timeout=120)
    assert process.returncode == NOT_NOW
    message = (bench.folder / "termination-log").read_text()
    assert message == "ended by SIGTERM before it was done\nnothing was applied"
    bench.files = {}


def test_a_thousand_topics_take_seconds(bench: Bench) -> None:
    bench.files = {f"topic.many-{number}": topic(1, deletion="allow") for number in range(1000)}
    begun = time.monotonic()
    assert bench.apply().startswith("done: 1,000 topics created")
    created = time.monotonic() - begun
    begun = time.monotonic()
    assert bench.apply() == "done: nothing to change, 1,000 declarations in place"
    unchanged = time.monotonic() - begun
    print(f"1,000 topics: created in {created:.1f} s, found unchanged in {unchanged:.1f} s")


def test_the_health_sidecar_sets_the_administrators_password(bench: Bench, tmp_path: Path) -> None:
    """Through the replication listener, so that it works when nobody knows the password that is in Kafka."""
    replication = Connection.from_environment(
        {
            "KAFKA_BOOTSTRAP_SERVERS": f"127.0.0.1:{bench.kafka.members[0].replication_port}",
            "KAFKA_SECURITY_PROTOCOL": "SASL_PLAINTEXT",
            "KAFKA_SASL_MECHANISM": "PLAIN",
            "KAFKA_SASL_USERNAME": BROKER_USER,
            "KAFKA_SASL_PASSWORD_FILE": str(bench.kafka.broker_password_file),
        }
    )
    file = tmp_path / "admin"
    try:
        file.write_text("another-password")
        assert health.Administrator(file).ensure(replication, 10) is None
        assert bench.can_log_in(ADMIN_USER, "another-password")
    finally:
        assert health.Administrator(bench.kafka.admin_password_file).ensure(replication, 10) is None
    missing = health.Administrator(tmp_path / "missing").ensure(replication, 10)
    assert missing == "the password of admin cannot be read: No such file or directory"


def test_the_ledger_is_compacted_and_not_for_users(bench: Bench) -> None:
    bench.files = {"user.writer": {"acls": WRITER}}
    bench.passwords = {"writer": PASSWORD}
    bench.apply()
    assert bench.configs(LEDGER_TOPIC)["cleanup.policy"] == "compact"
    denied = bench.write("writer", PASSWORD, LEDGER_TOPIC)
    assert denied is not None
    assert denied.code() == KafkaError.TOPIC_AUTHORIZATION_FAILED


def make_certificates(folder: Path) -> tuple[Path, Path]:
    """A CA's certificate, and a PEM file of a key and a certificate for 127.0.0.1 that it signed."""
    if shutil.which("openssl") is None:
        pytest.skip("no openssl: install it to make certificates")

    def openssl(*arguments: str) -> None:
        subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)

    (folder / "names").write_text("subjectAltName=IP:127.0.0.1\n")
    openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "ca.key", "-out", "ca.crt", "-subj", "/CN=ca")
    openssl("req", "-newkey", "rsa:2048", "-nodes", "-keyout", "node.key", "-out", "node.csr", "-subj", "/CN=node")
    openssl(
        *("x509", "-req", "-in", "node.csr", "-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial"),
        *("-extfile", "names", "-out", "node.crt"),
    )
    keystore = folder / "node.pem"
    keystore.write_text((folder / "node.key").read_text() + (folder / "node.crt").read_text())
    return folder / "ca.crt", keystore


def test_all_of_it_works_by_tls_and_a_foreign_authority_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    jars = needed_jars()
    ca_file, keystore = make_certificates(tmp_path)
    with LocalKafka(jars=jars, ca_file=ca_file, keystore_file=keystore) as kafka:
        bench = Bench(kafka=kafka, folder=tmp_path / "bench", owner="tls")
        bench.files = {"topic.orders": topic(), "user.writer": {"acls": WRITER, "quotas": {"producer_byte_rate": 5000}}}
        bench.passwords = {"writer": PASSWORD}
        assert bench.apply().startswith("done: 1 topic created, 1 user created")
        assert bench.quotas("writer") == {"producer_byte_rate": 5000.0}
        assert bench.write("writer", PASSWORD, "orders") is None
        monkeypatch.setattr("kafka_platform_runtime.provisioner.run.LOGIN_SECONDS", 1.0)
        foreign = tmp_path / "foreign"
        foreign.mkdir()
        bench.more = {"KAFKA_SSL_CA_FILE": str(make_certificates(foreign)[0])}
        code, message = bench.run()
        assert code == REFUSED
        assert "certificate verify failed" in message


def broker_connection(kafka: LocalKafka, node: int) -> Connection:
    return Connection.from_environment(
        {
            "KAFKA_BOOTSTRAP_SERVERS": f"127.0.0.1:{kafka.members[node].replication_port}",
            "KAFKA_SECURITY_PROTOCOL": "SASL_PLAINTEXT",
            "KAFKA_SASL_MECHANISM": "PLAIN",
            "KAFKA_SASL_USERNAME": BROKER_USER,
            "KAFKA_SASL_PASSWORD_FILE": str(kafka.broker_password_file),
        }
    )


@pytest.fixture(scope="module")
def three_nodes() -> Iterator[LocalKafka]:
    lag = {"replica.lag.time.max.ms": "3000"}
    with LocalKafka(jars=needed_jars(), nodes=3, heap="384m", properties=lag) as kafka:
        yield kafka


def test_on_three_nodes_topics_are_replicated_and_every_broker_knows_them(
    three_nodes: LocalKafka, tmp_path: Path
) -> None:
    bench = Bench(kafka=three_nodes, folder=tmp_path, owner="three")
    bench.files = {"topic.orders": topic(6, 3, config={"min.insync.replicas": "2"}), "user.writer": {"acls": WRITER}}
    bench.passwords = {"writer": PASSWORD}
    bench.apply()
    for node in three_nodes.members:
        admin = AdminClient({**three_nodes.client(), "bootstrap.servers": f"127.0.0.1:{node.client_port}"})
        found = admin.list_topics(timeout=60).topics
        assert [len(partition.replicas) for partition in found["orders"].partitions.values()] == [3] * 6
        assert len(found[LEDGER_TOPIC].partitions[0].replicas) == 3
    assert bench.write("writer", PASSWORD, "orders") is None


def test_a_broker_is_ready_only_while_it_answers_and_is_in_sync(three_nodes: LocalKafka) -> None:
    connections = [broker_connection(three_nodes, node) for node in range(3)]

    def eventually(node: int, is_ready: bool, asked: int) -> health.Answer:
        """What a broker says of itself or of another one, as soon as it says so: a busy one may fall behind at times."""
        until = time.monotonic() + 240
        while (answer := health.ask(connections[asked], node, 10)).ready is not is_ready:
            assert time.monotonic() < until, answer.reason
            time.sleep(0.5)
        return answer

    for node in range(3):
        eventually(node, is_ready=True, asked=node)
    assert not health.ask(connections[0], 7, 10).ready

    hung = three_nodes.members[2].pid
    os.kill(hung, signal.SIGSTOP)
    try:
        begun = time.monotonic()
        assert not health.ask(connections[2], 2, 3).ready
        assert time.monotonic() - begun < 30, "it is to be waited for 3 s; a client of Kafka waits for a minute"
        # The others keep answering, and notice that it fell behind.
        eventually(0, is_ready=True, asked=0)
        eventually(2, is_ready=False, asked=0)
    finally:
        os.kill(hung, signal.SIGCONT)

    three_nodes.kill_node(2)
    answer = health.ask(connections[2], 2, 10)
    assert not answer.ready
    assert "does not answer" in answer.reason
    assert "Connection refused" in answer.reason
    three_nodes.start_node(2)
    eventually(2, is_ready=True, asked=2)


def test_brokers_that_come_late_are_waited_for(three_nodes: LocalKafka, tmp_path: Path) -> None:
    bench = Bench(kafka=three_nodes, folder=tmp_path, owner="late")
    three_nodes.stop_node(2)
    until = time.monotonic() + 240
    while len(bench.admin.list_topics(timeout=60).brokers) == 3 and time.monotonic() < until:
        time.sleep(0.3)
    bench.files = {"topic.late": topic(3, 3)}
    timer = threading.Timer(3, three_nodes.start_node, [2])
    timer.start()
    try:
        assert bench.apply().startswith("done: 1 topic created")
    finally:
        timer.join()
    three_nodes.wait_until_registered(3)
