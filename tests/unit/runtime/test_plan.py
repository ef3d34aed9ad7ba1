from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from kafka_platform_runtime.provisioner.apply import CHANGES_PER_BATCH, RECORDS_PER_BATCH, batches
from kafka_platform_runtime.provisioner.declarations import (
    Acl,
    Declarations,
    Mechanism,
    Operation,
    Pattern,
    Permission,
    Quota,
    Resource,
    Topic,
    User,
)
from kafka_platform_runtime.provisioner.passwords import fingerprint, matches
from kafka_platform_runtime.provisioner.planning.actual import Actual, ActualTopic
from kafka_platform_runtime.provisioner.planning.changes import TopicChange, UserChange, UserRemoval
from kafka_platform_runtime.provisioner.planning.plan import Plan, make_plan
from kafka_platform_runtime.provisioner.planning.recorded import BEGUN, FINGERPRINT, Recorded
from kafka_platform_runtime.provisioner.planning.topics import same_setting

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
    credentials = {name: frozenset({Mechanism.SCRAM_SHA_512}) for name in passwords or ()}
    return Actual(brokers=brokers, topics=topics or {}, credentials=credentials, **more)


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
    assert only_topic(plan) == TopicChange(topic=ORDERS, partitions_before=6, record=True, is_unknown=True)


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


def test_a_user_may_do_exactly_what_is_declared_and_what_was_denied_stays_denied() -> None:
    there = actual(
        passwords={"alice"},
        acls={"alice": frozenset({DENY, WRITE}), "stranger": frozenset({WRITE})},
        quotas={"alice": {"consumer_byte_rate": 1.0, "producer_byte_rate": 4.0}},
    )
    (change,) = make_plan(declared(ALICE), there, recorded(ALICE)).users
    assert change.add_acls == {READ}
    assert change.remove_acls == {WRITE}
    assert change.set_quotas == {"producer_byte_rate": 5.0}
    assert change.unset_quotas == ("consumer_byte_rate",)
    assert not change.set_password


@pytest.mark.parametrize(
    ("last", "passwords", "is_set"),
    [
        (None, set(), True),
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
    assert plan.removed_topics[0].describe() == "is no longer declared: kept with its records"


def test_a_user_who_is_gone_from_the_files_loses_everything() -> None:
    (removal,) = make_plan(declared(), IN_PLACE, recorded(ALICE)).removed_users
    assert removal.credentials == {Mechanism.SCRAM_SHA_512}
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


DENY_PREFIX = replace(DENY, name="pay", pattern=Pattern.PREFIXED, host="10.0.0.9")
FOREIGN = actual(
    passwords={"alice"},
    acls={"alice": frozenset({DENY_PREFIX, WRITE})},
    quotas={"alice": {"consumer_byte_rate": 1.0, "producer_byte_rate": 4.0}},
)
ADOPTED = replace(ALICE, adopt=True)


def only_user(plan: Plan) -> UserChange:
    assert plan.refusals == ()
    (change,) = plan.users
    return change


def test_a_user_of_somebody_else_is_refused_with_all_that_would_be_lost_denials_first() -> None:
    plan = make_plan(declared(ALICE), FOREIGN, Recorded(), passwords={"alice": "generated"})
    assert plan.users == ()
    assert plan.refusals == (
        "user.alice: exists already and was not made from here: its password (SCRAM-SHA-512) would be replaced; "
        "ACLs that are not declared would be removed, all but those that deny (DENY READ on topic pay* from 10.0.0.9, ALLOW "
        "WRITE on topic orders); consumer_byte_rate would change from 1 to no limit; producer_byte_rate would change from 4 "
        "to 5: declare another name, or write "
        "`adopt: true` to take it over with its password and with what is not declared",
    )


def test_a_user_who_logs_in_by_another_mechanism_is_somebody_elses_too() -> None:
    there = Actual(brokers=3, credentials={"alice": frozenset({Mechanism.SCRAM_SHA_256})})
    (refusal,) = make_plan(declared(ALICE), there, Recorded()).refusals
    assert "it would get a second password beside the one for SCRAM-SHA-256" in refusal


def test_a_user_whose_generated_password_logs_in_is_taken_up_again_after_the_ledger_was_lost() -> None:
    plan = make_plan(declared(ALICE), IN_PLACE, Recorded(), passwords={"alice": "ours"}, proven={"alice"})
    change = only_user(plan)
    assert not change.set_password
    assert matches("ours", str(change.fingerprint))
    assert change.describe() == "already as declared, now recorded"


def test_even_with_its_own_password_what_the_ledger_does_not_know_is_not_removed() -> None:
    there = actual(passwords={"alice"}, acls={"alice": frozenset({READ, WRITE})})
    (refusal,) = make_plan(declared(ALICE), there, Recorded(), passwords={"alice": "ours"}, proven={"alice"}).refusals
    assert "password" not in refusal.partition(": declare another name")[0]
    assert "ACLs that are not declared would be removed (ALLOW WRITE on topic orders)" in refusal


def test_an_adopted_user_keeps_its_password_and_what_is_not_declared() -> None:
    change = only_user(make_plan(declared(ADOPTED), FOREIGN, Recorded()))
    assert not change.set_password
    assert change.fingerprint is None
    assert change.add_acls == {READ}
    assert change.remove_acls == frozenset()
    assert change.set_quotas == {"producer_byte_rate": 5.0}
    assert change.unset_quotas == ()
    assert change.describe() == "taken over with its password, 1 ACL added, producer_byte_rate=5"


def test_of_an_adopted_user_only_what_was_declared_goes_when_it_is_not_declared_any_more() -> None:
    there = actual(
        passwords={"alice"},
        acls={"alice": frozenset({DENY, READ, WRITE})},
        quotas={"alice": {"consumer_byte_rate": 1.0, "producer_byte_rate": 5.0}},
    )
    change = only_user(make_plan(declared(replace(ADOPTED, acls=frozenset(), quotas={})), there, recorded(ADOPTED)))
    assert change.remove_acls == {READ}
    assert change.unset_quotas == ("producer_byte_rate",)
    assert not change.set_password
    assert change.describe() == "1 ACL removed (ALLOW READ on topic orders), producer_byte_rate without limit"


def test_an_adopted_user_gets_a_password_when_one_is_asked_for() -> None:
    asked = replace(ADOPTED, password_version=2)
    change = only_user(make_plan(declared(asked), IN_PLACE, recorded(ADOPTED), passwords={"alice": "generated"}))
    assert change.set_password
    assert change.describe() == "password set"
    before = fingerprinted("generated", asked)
    assert make_plan(declared(asked), IN_PLACE, before, passwords={"alice": "generated"}).changes == ()


def test_taking_adopt_out_does_not_replace_the_password_or_remove_what_the_ledger_does_not_know() -> None:
    (refusal,) = make_plan(declared(ALICE), FOREIGN, recorded(ADOPTED), passwords={"alice": "generated"}).refusals
    assert refusal.startswith("user.alice: adopt: was taken over as it was, and without `adopt`: its password")
    assert "ALLOW WRITE on topic orders" in refusal
    asked = replace(ALICE, password_version=2)
    change = only_user(make_plan(declared(asked), IN_PLACE, recorded(ADOPTED), passwords={"alice": "generated"}))
    assert change.set_password


def test_a_user_to_be_adopted_has_to_exist() -> None:
    (refusal,) = make_plan(declared(ADOPTED), actual(), Recorded()).refusals
    assert refusal.startswith("user.alice: adopt: there is no such user")


def test_an_adopted_user_who_is_not_declared_any_more_is_kept() -> None:
    (removal,) = make_plan(declared(), FOREIGN, recorded(ADOPTED)).removed_users
    assert removal == UserRemoval(name="alice", kept=True)


def test_a_user_whose_making_was_interrupted_is_made_to_the_end() -> None:
    begun = Recorded(mine={ALICE.key: {**ALICE.value(), BEGUN: True}})
    there = actual(passwords={"alice"}, acls={"alice": frozenset({WRITE})})
    change = only_user(make_plan(declared(ALICE), there, begun, passwords={"alice": "generated"}))
    assert change.set_password
    assert change.add_acls == {READ}


def test_a_removed_user_keeps_no_password_of_any_kind_and_stays_denied_what_was_denied() -> None:
    there = Actual(brokers=3, credentials={"alice": frozenset(Mechanism)}, acls={"alice": frozenset({DENY, READ})})
    (removal,) = make_plan(declared(), there, recorded(ALICE)).removed_users
    assert removal.credentials == set(Mechanism)
    assert removal.acls == {READ}


def test_a_topic_of_somebody_else_is_refused_with_all_that_would_change() -> None:
    more = Topic(
        name="orders", partitions=9, replicas=3, config={"flush.ms": "1", "retention.ms": "2"}, deletion_allowed=True
    )
    plan = make_plan(declared(more), IN_PLACE, Recorded())
    assert plan.topics == ()
    assert plan.refusals == (
        "topic.orders: exists already and was not made from here: partitions would grow from 6 to 9, which moves keys to "
        "other partitions; flush.ms would change from the default of the cluster to 1; retention.ms would change from 1000 "
        "to 2; `deletion: allow` would let its records be deleted later: declare it as it is, or write `adopt: true` to "
        "change it",
    )
    change = only_topic(make_plan(declared(replace(more, adopt=True)), IN_PLACE, Recorded()))
    assert change.describe() == "taken over, partitions 6 -> 9, flush.ms=1, retention.ms=2"


def test_a_topic_to_be_adopted_has_to_exist_unless_it_was_here_before() -> None:
    adopted = replace(ORDERS, adopt=True)
    (refusal,) = make_plan(declared(adopted), actual(), Recorded()).refusals
    assert refusal.startswith("topic.orders: adopt: there is no such topic")
    assert only_topic(make_plan(declared(adopted), actual(), recorded(adopted))).create
