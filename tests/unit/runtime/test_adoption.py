"""What exists already and is declared for the first time, on a real Kafka."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest
from confluent_kafka import Consumer, KafkaError
from confluent_kafka.admin import (
    AclBinding,
    AclOperation,
    AclPermissionType,
    NewTopic,
    ResourcePatternType,
    ResourceType,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialUpsertion,
)
from kafka_platform_runtime.provisioner.declarations import LEDGER_TOPIC
from kafka_platform_runtime.provisioner.quotas import QuotaChange, QuotaClient
from kafka_platform_runtime.provisioner.run import REFUSED

from tests.kafka_process import local_kafka
from tests.provisioning import PASSWORD, WRITER, Bench, bench, topic
from tests.rules import add_rules

__all__ = ["bench", "local_kafka"]

OLD_PASSWORD = "what-legacy-has-used-for-years"
DECLARED = {"acls": WRITER, "quotas": {"producer_byte_rate": 5_000_000}}
KILLED_BEFORE_RECORDING = (
    "import os, signal, sys; from kafka_platform_runtime.provisioner import __main__ as program, apply;"
    "apply._finish = lambda *_: os.kill(os.getpid(), signal.SIGKILL); sys.exit(program.main())"
)


def rule(user: str, name: str, operation: AclOperation, permission: AclPermissionType, prefixed: bool) -> AclBinding:
    pattern = ResourcePatternType.PREFIXED if prefixed else ResourcePatternType.LITERAL
    return AclBinding(ResourceType.TOPIC, name, pattern, f"User:{user}", "*", operation, permission)


def make_legacy(bench: Bench, name: str = "legacy") -> None:
    """A user made by Kafka's own tools: both kinds of passwords, a wide right, a rule that denies, and quotas."""
    kinds = (ScramMechanism.SCRAM_SHA_256, ScramMechanism.SCRAM_SHA_512)
    for kind in kinds:
        made = UserScramCredentialUpsertion(name, ScramCredentialInfo(kind, 4096), OLD_PASSWORD.encode())
        bench.admin.alter_user_scram_credentials([made])[name].result()
    rules = [
        rule(name, "pay", AclOperation.WRITE, AclPermissionType.ALLOW, prefixed=True),
        rule(name, "payroll", AclOperation.WRITE, AclPermissionType.DENY, prefixed=False),
    ]
    add_rules(bench.admin, *rules)
    with QuotaClient(bench.connection) as client:
        limits = {"producer_byte_rate": 1_000_000.0, "consumer_byte_rate": 2_000_000.0}
        assert client.change([QuotaChange(user=name, set=limits)]) == {name: None}


def make_topics(bench: Bench, *names: str) -> None:
    new = [NewTopic(name, 2, 1, config={"retention.ms": "86400000"}) for name in names]
    for future in bench.admin.create_topics(new).values():
        future.result()


@pytest.fixture
def legacy(bench: Bench) -> Iterator[Bench]:
    """A Kafka that somebody else has used for years."""
    make_topics(bench, "payments", "payroll", "orders")
    make_legacy(bench)
    yield bench
    bench.admin.delete_topics(["payments", "payroll", "orders"])
    bench.remove("legacy")


def assert_as_legacy_was(bench: Bench) -> None:
    assert bench.write("legacy", OLD_PASSWORD, "payments") is None
    denied = bench.write("legacy", OLD_PASSWORD, "payroll")
    assert denied is not None
    assert denied.code() == KafkaError.TOPIC_AUTHORIZATION_FAILED
    assert bench.acls("legacy") >= {("TOPIC", "pay", "WRITE"), ("TOPIC", "payroll", "WRITE")}


def test_a_user_that_exists_is_refused_and_nothing_is_changed(legacy: Bench) -> None:
    legacy.files = {"user.legacy": DECLARED, "topic.innocent": topic()}
    legacy.passwords = {"legacy": PASSWORD}
    code, message = legacy.run()
    assert code == REFUSED
    assert message.splitlines() == [
        "user.legacy: exists already and was not made from here: its password (SCRAM-SHA-256 and SCRAM-SHA-512) would be "
        "replaced; ACLs that are not declared would be removed, all but those that deny (DENY WRITE on topic payroll, ALLOW "
        "WRITE on topic pay*); consumer_byte_rate would change from 2,000,000 to no limit; producer_byte_rate would change "
        "from 1,000,000 to 5,000,000: declare another name, or write "
        "`adopt: true` to take it over with its password and with what is not declared",
        "nothing was applied",
    ]
    assert_as_legacy_was(legacy)
    assert legacy.refuses("legacy", PASSWORD)
    assert legacy.quotas("legacy") == {"producer_byte_rate": 1_000_000.0, "consumer_byte_rate": 2_000_000.0}
    assert "innocent" not in legacy.topics
    assert legacy.ledger == {}
    legacy.files = {}


def test_an_adopted_user_goes_on_as_it_was_and_a_later_change_is_all_that_changes(legacy: Bench) -> None:
    legacy.files = {"user.legacy": {**DECLARED, "adopt": True}}
    assert legacy.apply().startswith("done: 1 user changed; 0 unchanged")
    assert_as_legacy_was(legacy)
    assert legacy.write("legacy", OLD_PASSWORD, "orders") is None, "what is declared is added"
    assert legacy.quotas("legacy") == {"producer_byte_rate": 5_000_000.0, "consumer_byte_rate": 2_000_000.0}
    assert legacy.ledger["user.legacy"]["adopt"] is True
    assert legacy.apply() == "done: nothing to change, 1 declaration in place"

    legacy.files = {"user.legacy": {"adopt": True, "quotas": {"producer_byte_rate": 6_000_000}}}
    assert legacy.apply().startswith("done: 1 user changed")
    assert_as_legacy_was(legacy)
    assert legacy.acls("legacy") == {("TOPIC", "pay", "WRITE"), ("TOPIC", "payroll", "WRITE")}
    assert legacy.quotas("legacy") == {"producer_byte_rate": 6_000_000.0, "consumer_byte_rate": 2_000_000.0}

    # Without the word, what the ledger does not know would go: refused.
    legacy.files = {"user.legacy": {}}
    legacy.passwords = {"legacy": PASSWORD}
    code, message = legacy.run()
    assert code == REFUSED
    assert message.startswith("user.legacy: adopt: was taken over as it was, and without `adopt`: its password")
    assert_as_legacy_was(legacy)

    # A password of its own is asked for, visibly.
    legacy.files = {"user.legacy": {"adopt": True, "passwordVersion": 2}}
    assert legacy.apply().startswith("done: 1 user changed")
    assert legacy.refuses("legacy", OLD_PASSWORD)
    assert legacy.write("legacy", PASSWORD, "payments") is None

    # Taken out of the file, it is let go of.
    legacy.files = {}
    assert legacy.apply().startswith("done: 1 user no longer declared, kept as taken over: legacy")
    assert legacy.can_log_in("legacy", PASSWORD)
    assert legacy.ledger == {}


def killed(bench: Bench) -> None:
    """A run that ends, as by a machine that fails, when all is made and nothing recorded."""
    environment = {**os.environ, **bench.environment()}
    run = subprocess.run(
        [sys.executable, "-c", KILLED_BEFORE_RECORDING], env=environment, capture_output=True, timeout=300
    )
    assert run.returncode == -signal.SIGKILL


def test_a_run_that_was_killed_before_it_could_record_goes_on(legacy: Bench) -> None:
    legacy.files = {"topic.fresh": topic(deletion="allow")}
    killed(legacy)
    legacy.files["user.fresh"] = {"acls": WRITER}
    legacy.passwords = {"fresh": PASSWORD}
    legacy.apply()
    legacy.files["user.second"] = {"acls": WRITER}
    legacy.passwords["second"] = "another-" + PASSWORD
    killed(legacy)
    legacy.passwords["second"] = "made-anew-" + PASSWORD
    assert legacy.apply().startswith("done: 1 user changed")
    assert legacy.write("second", "made-anew-" + PASSWORD, "orders") is None
    assert "begun" not in legacy.ledger["topic.fresh"]
    assert "begun" not in legacy.ledger["user.second"]


def test_an_adoption_that_was_killed_goes_on(legacy: Bench) -> None:
    legacy.files = {"user.legacy": {**DECLARED, "adopt": True}}
    killed(legacy)
    assert_as_legacy_was(legacy)
    legacy.apply()
    assert_as_legacy_was(legacy)
    assert legacy.ledger["user.legacy"]["adopt"] is True


def test_after_the_ledger_was_lost_what_is_as_declared_is_taken_up_and_the_rest_refused(bench: Bench) -> None:
    bench.files = {
        "user.writer": {"acls": WRITER},
        "user.reader": {},
        "topic.same": topic(config={"retention.ms": "1000"}),
        "topic.other": topic(config={"retention.ms": "1000"}),
    }
    bench.passwords = {"writer": PASSWORD, "reader": "another-" + PASSWORD}
    bench.apply()
    lose_ledger(bench)
    assert bench.apply().startswith("done: 2 topics changed, 2 users changed; 0 unchanged")
    assert bench.can_log_in("writer", PASSWORD)
    lose_ledger(bench)
    bench.alter("other", "retention.ms", "2000")
    bench.passwords["reader"] = "not-the-one-in-kafka"
    code, message = bench.run()
    assert code == REFUSED
    refused = message.splitlines()
    assert refused[0].startswith(
        "topic.other: exists already and was not made from here: retention.ms would change from 2000"
    )
    assert refused[1].startswith("user.reader: exists already and was not made from here: its password")
    assert refused[2:] == ["nothing was applied"]
    bench.files["user.reader"] = {"adopt": True, "passwordVersion": 2}
    bench.files["topic.other"] = topic(config={"retention.ms": "1000"}, adopt=True)
    bench.apply()
    assert bench.can_log_in("reader", "not-the-one-in-kafka")


def lose_ledger(bench: Bench) -> None:
    bench.admin.delete_topics([LEDGER_TOPIC])[LEDGER_TOPIC].result()


def test_a_topic_that_exists_is_refused_where_it_would_change_and_otherwise_taken_up(legacy: Bench) -> None:
    assert legacy.write("legacy", OLD_PASSWORD, "payments") is None
    legacy.files = {
        "topic.payments": topic(3, config={"retention.ms": "1"}, deletion="allow"),
        "topic.payroll": topic(),
    }
    code, message = legacy.run()
    assert code == REFUSED
    assert message.splitlines() == [
        "topic.payments: exists already and was not made from here: partitions would grow from 2 to 3, which moves keys to "
        "other partitions; retention.ms would change from 86400000 to 1; `deletion: allow` would let its records be deleted "
        "later: declare it as it is, or write `adopt: true` to change it",
        "nothing was applied",
    ]
    assert len(legacy.admin.list_topics(timeout=60).topics["payments"].partitions) == 2
    assert legacy.configs("payments")["retention.ms"] == "86400000"

    legacy.files = {"topic.payments": topic(3, adopt=True), "topic.payroll": topic()}
    assert legacy.apply().startswith("done: 2 topics changed")
    assert legacy.configs("payroll")["retention.ms"] == "86400000", "what is not declared stays"
    legacy.files = {}
    assert "2 topics no longer declared, kept with records: payments, payroll" in legacy.apply()
    consumer = Consumer({**legacy.kafka.client(), "group.id": "any", "auto.offset.reset": "earliest"})
    consumer.subscribe(["payments"])
    received = consumer.poll(30)
    consumer.close()
    assert received is not None
    assert received.error() is None


def other_stack(bench: Bench, stack: str, **more: str) -> Bench:
    made = Bench(kafka=bench.kafka, folder=bench.folder / stack.replace("/", "-"), owner=bench.owner)
    made.more = {"STACK": stack, **more}
    return made


def test_two_stacks_on_one_kafka_leave_each_others_topics_and_users_alone(bench: Bench) -> None:
    # The first one was deployed before ledgers told their stack.
    bench.files = {"user.writer": {"acls": WRITER}, "topic.orders": topic()}
    bench.passwords = {"writer": PASSWORD}
    bench.apply()
    second = other_stack(bench, "acme/streaming/test")
    second.files = {"user.another": {}}
    second.passwords = {"another": "another-" + PASSWORD}
    assert second.apply().startswith("done: 1 user created; 0 unchanged")
    bench.more = {"STACK": "acme/streaming/prod"}
    assert bench.apply() == "done: nothing to change, 2 declarations in place"
    assert bench.write("writer", PASSWORD, "orders") is None
    assert bench.apply() == "done: nothing to change, 2 declarations in place"

    second.files["user.writer"] = {"adopt": True}
    code, message = second.run()
    assert code == REFUSED
    assert message.startswith(
        f"user.writer: is declared by {bench.owner!r} of the stack acme/streaming/prod already: declare it in one place "
        "only, or name acme/streaming/prod in kafka.formerStacks"
    )
    assert bench.can_log_in("writer", PASSWORD)

    # The first one is gone for good.
    second.more["FORMER_STACKS"] = "acme/streaming/prod"
    second.files = {**bench.files, "user.another": {}}
    second.passwords = {**bench.passwords, "another": "another-" + PASSWORD}
    second.apply()
    assert bench.can_log_in("writer", PASSWORD)
    code, message = bench.run()
    assert code == REFUSED
    assert "of the stack acme/streaming/test already" in message
    second.files = {"topic.orders": topic(deletion="allow")}
    second.apply()
    second.files = {}
    second.apply()
    bench.files = {}


def test_a_stack_under_a_new_name_goes_on_with_what_it_had(bench: Bench) -> None:
    bench.more = {"STACK": "acme/streaming/old"}
    bench.files = {"user.writer": {"acls": WRITER}}
    bench.passwords = {"writer": PASSWORD}
    bench.apply()
    bench.more = {"STACK": "acme/streaming/new", "FORMER_STACKS": "acme/streaming/old"}
    assert bench.apply() == "done: nothing to change, 1 declaration in place"
    bench.more = {"STACK": "acme/streaming/new"}
    assert bench.apply() == "done: nothing to change, 1 declaration in place"
    bench.files = {}
    assert bench.apply().startswith("done: 1 user removed")


def test_a_removed_user_cannot_log_in_by_any_mechanism(bench: Bench) -> None:
    bench.files = {"user.writer": {"acls": WRITER}}
    bench.passwords = {"writer": PASSWORD}
    bench.apply()
    weaker = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_256, 4096)
    upsertion = UserScramCredentialUpsertion("writer", weaker, OLD_PASSWORD.encode())
    bench.admin.alter_user_scram_credentials([upsertion])["writer"].result()
    denial = rule("writer", "orders", AclOperation.WRITE, AclPermissionType.DENY, prefixed=False)
    add_rules(bench.admin, denial)
    bench.files = {}
    bench.apply()
    assert bench.credentials("writer") == frozenset()
    assert bench.acls("writer") == {("TOPIC", "orders", "WRITE")}, "what was denied stays denied"
    bench.remove("writer")


def test_the_stack_that_runs_a_kafka_and_one_that_uses_it_leave_each_other_alone(bench: Bench) -> None:
    guest = other_stack(bench, "acme/streaming/guest")
    guest.files = {"user.guest": {}}
    guest.passwords = {"guest": PASSWORD}
    guest.apply()
    # The one that runs it comes later, and does not tell its stack.
    bench.files = {"topic.orders": topic(deletion="allow")}
    assert bench.apply().startswith("done: 1 topic created; 0 unchanged")
    assert guest.apply() == "done: nothing to change, 1 declaration in place"
    bench.files = {}
    assert bench.apply().startswith("done: 1 topic deleted")
    assert bench.can_log_in("guest", PASSWORD)
    guest.files = {}
    assert guest.apply().startswith("done: 1 user removed")
