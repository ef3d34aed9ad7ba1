from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from kafka_platform_runtime.apply import CHANGES_PER_BATCH, RECORDS_PER_BATCH, batches
from kafka_platform_runtime.declarations import (
    Acl,
    Declarations,
    Operation,
    Pattern,
    Permission,
    Quota,
    Resource,
    Topic,
    User,
)
from kafka_platform_runtime.passwords import fingerprint, matches
from kafka_platform_runtime.plan import (
    FINGERPRINT,
    Actual,
    ActualTopic,
    Plan,
    Recorded,
    TopicChange,
    make_plan,
    same_setting,
)

READ = Acl(resource=Resource.TOPIC, name="orders", pattern=Pattern.LITERAL, operation=Operation.READ)
WRITE = Acl(resource=Resource.TOPIC, name="orders", pattern=Pattern.LITERAL, operation=Operation.WRITE)
DENY = Acl(
    resource=Resource.TOPIC,
    name="orders",
    pattern=Pattern.LITERAL,
    operation=Operation.READ,
    permission=Permission.DENY,
)
ORDERS = Topic(name="orders", partitions=6, replicas=3, config={"retention.ms": "1000"})
ALICE = User(name="alice", acls=frozenset({READ}), quotas={Quota.PRODUCER_BYTE_RATE: 5})


def declared(*things: Topic | User) -> Declarations:
    return Declarations(
        topics={thing.name: thing for thing in things if isinstance(thing, Topic)},
        users={thing.name: thing for thing in things if isinstance(thing, User)},
    )


def recorded(*things: Topic | User, others: Mapping[str, str] | None = None) -> Recorded:
    return Recorded(mine={thing.key: thing.value() for thing in things}, others=others or {})


def fingerprinted(password: str, *things: Topic | User) -> Recorded:
    """The same with the fingerprint of a password for every user."""
    before = recorded(*things)
    kept = {FINGERPRINT: fingerprint(password)}
    users = {thing.key for thing in things if isinstance(thing, User)}
    return Recorded(mine={key: {**value, **(kept if key in users else {})} for key, value in before.mine.items()})


def actual(
    topics: Mapping[str, ActualTopic] | None = None, brokers: int = 3, passwords: set[str] | None = None, **more: Any
) -> Actual:
    return Actual(brokers=brokers, topics=topics or {}, passwords=frozenset(passwords or ()), **more)


IN_PLACE = actual(
    {"orders": ActualTopic(partitions=6, replicas=3, config={"retention.ms": "1000"})},
    passwords={"alice"},
    acls={"alice": frozenset({READ})},
    quotas={"alice": {"producer_byte_rate": 5.0}},
)


def only_topic(plan: Plan) -> TopicChange:
    (change,) = plan.topics
    return change


def test_an_empty_cluster_gets_everything() -> None:
    plan = make_plan(declared(ORDERS, ALICE), actual(), Recorded())
    assert only_topic(plan).create
    (user,) = plan.users
    assert user.set_password
    assert user.is_new
    assert user.add_acls == {READ}
    assert user.set_quotas == {"producer_byte_rate": 5.0}
    assert plan.unchanged == 0
    assert only_topic(plan).describe() == "created (6 partitions, 3 replicas)"


def test_what_is_in_place_and_recorded_needs_nothing() -> None:
    plan = make_plan(declared(ORDERS, ALICE), IN_PLACE, recorded(ORDERS, ALICE))
    assert plan == Plan(unchanged=2)


def test_what_is_in_place_but_not_recorded_is_recorded() -> None:
    plan = make_plan(declared(ORDERS), IN_PLACE, Recorded())
    assert only_topic(plan) == TopicChange(topic=ORDERS, partitions_before=6, record=True)


def test_partitions_are_added() -> None:
    more = Topic(name="orders", partitions=9, replicas=3, config=ORDERS.config)
    change = only_topic(make_plan(declared(more), IN_PLACE, recorded(ORDERS)))
    assert change.partitions == 9
    assert change.describe() == "partitions 6 -> 9"


def test_fewer_partitions_and_other_replicas_are_refused_together() -> None:
    less = Topic(name="orders", partitions=2, replicas=1, config=ORDERS.config)
    plan = make_plan(declared(less), IN_PLACE, recorded(ORDERS))
    assert len(plan.refusals) == 2
    assert plan.refusals[0].startswith("topic.orders: partitions: 2 is fewer than the 6 it has")
    assert plan.refusals[1].startswith("topic.orders: replicas: 1 differs from the 3 it has")


def test_too_few_brokers_is_worth_waiting() -> None:
    plan = make_plan(declared(ORDERS), actual(brokers=1), Recorded())
    assert plan.waits == ("topic.orders: replicas: 3 need as many brokers, 1 broker registered",)
    assert plan.refusals == ()
    assert make_plan(declared(ORDERS), IN_PLACE, Recorded()).waits == ()


def test_settings_are_set_and_only_declared_ones_taken_back() -> None:
    there = actual({"orders": ActualTopic(partitions=6, replicas=3, config={"segment.ms": "7", "flush.ms": "8"})})
    before = Topic(name="orders", partitions=6, replicas=3, config={"segment.ms": "7", "gone.already": "1"})
    change = only_topic(make_plan(declared(ORDERS), there, recorded(before)))
    assert change.set_config == {"retention.ms": "1000"}
    assert change.unset_config == ("segment.ms",)
    assert change.describe() == "retention.ms=1000, segment.ms back to the cluster's default"


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("1000", " 1000", True),
        ("true", "TRUE", True),
        ("0.50", "0.5", True),
        ("compact, delete", "compact,delete", True),
        ("9007199254740993", "9007199254740992", False),
        ("zstd", "ZSTD", False),
        ("compact", "compact,delete", False),
        ("true", "1", False),
    ],
)
def test_settings_that_kafka_takes_for_the_same(one: str, other: str, same: bool) -> None:
    assert same_setting(one, other) is same


def test_a_user_has_exactly_what_is_declared() -> None:
    there = actual(
        passwords={"alice"},
        acls={"alice": frozenset({DENY, WRITE}), "stranger": frozenset({WRITE})},
        quotas={"alice": {"consumer_byte_rate": 1.0, "producer_byte_rate": 4.0}},
    )
    (change,) = make_plan(declared(ALICE), there, recorded(ALICE)).users
    assert change.add_acls == {READ}
    assert change.remove_acls == {DENY, WRITE}
    assert change.set_quotas == {"producer_byte_rate": 5.0}
    assert change.unset_quotas == ("consumer_byte_rate",)
    assert not change.set_password


@pytest.mark.parametrize(
    ("last", "passwords", "is_set"),
    [
        (None, {"alice"}, True),
        (User(name="alice", password_version=1), {"alice"}, True),
        (User(name="alice", password_version=2), set(), True),
        (User(name="alice", password_version=2), {"alice"}, False),
    ],
)
def test_when_a_password_is_set(last: User | None, passwords: set[str], is_set: bool) -> None:
    user = User(name="alice", password_version=2)
    plan = make_plan(declared(user), actual(passwords=passwords), recorded(*([last] if last else [])))
    assert any(change.set_password for change in plan.users) is is_set


def test_a_topic_that_is_gone_from_the_files_is_deleted_only_if_its_last_declaration_allowed_it() -> None:
    disposable = Topic(name="scratch", partitions=1, replicas=1, deletion_allowed=True)
    there = actual(
        {**IN_PLACE.topics, "scratch": ActualTopic(partitions=1, replicas=1), "foreign": IN_PLACE.topics["orders"]}
    )
    plan = make_plan(declared(), there, recorded(ORDERS, disposable))
    assert [(change.name, change.delete) for change in plan.removed_topics] == [("orders", False), ("scratch", True)]
    assert plan.removed_topics[0].describe() == "is not declared any more: kept with its records"


def test_a_user_who_is_gone_from_the_files_loses_everything() -> None:
    (removal,) = make_plan(declared(), IN_PLACE, recorded(ALICE)).removed_users
    assert removal.has_password
    assert removal.acls == {READ}
    assert removal.quotas == ("producer_byte_rate",)


def test_what_somebody_else_declares_is_refused() -> None:
    plan = make_plan(declared(ORDERS), IN_PLACE, recorded(others={"topic.orders": "analytics"}))
    assert plan.refusals[0].startswith("topic.orders: is declared by 'analytics' already")


def test_an_administrator_is_refused() -> None:
    plan = make_plan(declared(ALICE), IN_PLACE, Recorded(), reserved_users=["alice"])
    assert plan.refusals == ("user.alice: name: 'alice' administers this cluster: choose another name",)


def test_batches_keep_the_order_and_stay_below_what_the_controller_takes() -> None:
    small = [TopicChange(topic=Topic(name=f"t{n}", partitions=1, replicas=1), create=True) for n in range(600)]
    sizes = [len(batch) for batch in batches(small)]
    assert sizes == [CHANGES_PER_BATCH, CHANGES_PER_BATCH, 100]
    assert [change for batch in batches(small) for change in batch] == small
    large = [TopicChange(topic=Topic(name=f"t{n}", partitions=1500, replicas=3), create=True) for n in range(5)]
    for batch in batches(large):
        assert sum(change.weight for change in batch) <= RECORDS_PER_BATCH
    huge = TopicChange(topic=Topic(name="t", partitions=9000, replicas=3), create=True)
    assert list(batches([huge])) == [[huge]]


def test_another_password_of_the_same_version_is_set() -> None:
    before = fingerprinted("secret", ORDERS, ALICE)
    (change,) = make_plan(declared(ORDERS, ALICE), IN_PLACE, before, passwords={"alice": "another"}).users
    assert change.set_password
    assert matches("another", str(change.fingerprint))


def test_the_same_password_keeps_its_fingerprint() -> None:
    before = fingerprinted("secret", ALICE)
    assert make_plan(declared(ALICE), IN_PLACE, before, passwords={"alice": "secret"}).changes == ()
    changed = replace(ALICE, quotas={})
    (change,) = make_plan(declared(changed), IN_PLACE, before, passwords={"alice": "secret"}).users
    assert not change.set_password
    assert change.fingerprint == before.mine[ALICE.key][FINGERPRINT]


def test_the_fingerprint_in_the_ledger_is_no_difference() -> None:
    assert make_plan(declared(ORDERS, ALICE), IN_PLACE, fingerprinted("secret", ORDERS, ALICE)).changes == ()


def test_a_fingerprint_knows_its_password_and_does_not_tell_it() -> None:
    kept = fingerprint("secret")
    assert matches("secret", kept)
    assert not matches("another", kept)
    assert "secret" not in kept
    assert kept != fingerprint("secret"), "every fingerprint has a salt of its own"
