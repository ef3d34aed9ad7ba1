from collections.abc import Iterable, Mapping
from typing import Any

import pytest
from confluent_kafka import KafkaError
from kafka_platform_runtime.failures import Superseded, Transient
from kafka_platform_runtime.provisioner.apply import CHANGES_PER_BATCH, apply, validate
from kafka_platform_runtime.provisioner.declarations import Mechanism, Topic, User
from kafka_platform_runtime.provisioner.planning.changes import TopicChange, TopicRemoval, UserChange, UserRemoval
from kafka_platform_runtime.provisioner.planning.plan import Plan
from kafka_platform_runtime.provisioner.planning.recorded import BEGUN, FINGERPRINT
from kafka_platform_runtime.provisioner.report import Report


class Connection:
    username = "admin"


class FakeCluster:
    """Answers as told, and remembers what it was asked to change."""

    connection = Connection()

    def __init__(self, errors: Mapping[str, KafkaError] | None = None) -> None:
        self.errors = errors or {}
        self.done: list[str] = []

    def _answer(self, verb: str, names: Any, validate_only: bool = False) -> dict[str, KafkaError | None]:
        names = list(names)
        if not validate_only:
            self.done += [f"{verb} {name}" for name in names if name not in self.errors]
        return {name: self.errors.get(name) for name in names}

    def create_topics(self, topics: Any, *, validate_only: bool = False) -> dict[str, KafkaError | None]:
        return self._answer("create", [topic.topic for topic in topics], validate_only)

    def add_partitions(self, counts: Any, *, validate_only: bool = False) -> dict[str, KafkaError | None]:
        return self._answer("extend", counts, validate_only)

    def alter_configs(self, changes: Any, *, validate_only: bool = False) -> dict[str, KafkaError | None]:
        return self._answer("configure", changes, validate_only)

    def set_passwords(self, passwords: Any) -> dict[str, KafkaError | None]:
        return self._answer("password", passwords)

    def remove_passwords(self, names: Any) -> dict[str, KafkaError | None]:
        return self._answer("no-password", names)

    def delete_topics(self, names: Any) -> dict[str, KafkaError | None]:
        return self._answer("delete", names)


class FakeLedger:
    def __init__(self, checks: int = 1000) -> None:
        self.entries: dict[str, Any] = {}
        self.quicker: dict[str, str] = {}
        self.checks = checks

    def check(self) -> None:
        self.checks -= 1
        if self.checks < 0:
            raise Superseded("newer")

    def contested(self, keys: Iterable[str]) -> dict[str, str]:
        return {key: self.quicker[key] for key in keys if key in self.quicker}

    def record(self, applied: Mapping[str, Any]) -> None:
        self.entries.update(applied)

    @property
    def known(self) -> set[str]:
        return {key for key, value in self.entries.items() if value is not None}


def created(name: str) -> TopicChange:
    return TopicChange(topic=Topic(name=name, partitions=1, replicas=1), create=True, record=True, is_unknown=True)


PLAN = Plan(
    topics=(created("a"), created("b"), created("c")),
    users=(
        UserChange(
            user=User(name="u"), set_password=True, fingerprint="salt:hash", record=True, is_new=True, is_unknown=True
        ),
    ),
    removed_users=(UserRemoval(name="v", credentials=frozenset({Mechanism.SCRAM_SHA_512})),),
    removed_topics=(
        TopicRemoval(name="d", delete=True, exists=True),
        TopicRemoval(name="e", delete=False, exists=True),
    ),
)


def run(plan: Plan, cluster: Any, ledger: Any) -> Report:
    report = Report()
    report.plan(plan.changes, 0)
    apply(plan, cluster, ledger, {"u": "secret"}, report)
    return report


def test_everything_is_made_and_recorded_in_order() -> None:
    cluster, ledger = FakeCluster(), FakeLedger()
    run(PLAN, cluster, ledger)
    assert cluster.done == ["create a", "create b", "create c", "password u", "no-password v", "delete d"]
    topic = {"partitions": 1, "replicas": 1}
    assert ledger.entries == {
        "topic.a": topic,
        "topic.b": topic,
        "topic.c": topic,
        "user.u": {"passwordVersion": 1, FINGERPRINT: "salt:hash"},
        "user.v": None,
        "topic.d": None,
        "topic.e": None,
    }


def test_what_fails_does_not_stop_the_others_but_nothing_is_removed_then() -> None:
    cluster = FakeCluster({"b": KafkaError(KafkaError.POLICY_VIOLATION, "names must be nice")})
    ledger = FakeLedger()
    report = run(PLAN, cluster, ledger)
    assert cluster.done == ["create a", "create c", "password u"]
    assert ledger.known == {"topic.a", "topic.c", "user.u"}
    assert report.partial().splitlines() == [
        "topic.b: names must be nice",
        "applied: topic.a, topic.c, user.u",
        "not tried: user.v, topic.d, topic.e",
    ]


def test_what_is_transient_is_raised_after_the_rest_of_the_batch_is_recorded() -> None:
    cluster = FakeCluster({"b": KafkaError(KafkaError.REQUEST_TIMED_OUT)})
    ledger = FakeLedger()
    with pytest.raises(Transient, match=r"topic\.b: the cluster did not complete the request in time"):
        run(PLAN, cluster, ledger)
    assert set(ledger.entries) == {"topic.a", "topic.b", "topic.c"}
    assert ledger.entries["topic.b"][BEGUN], "it may have been made: the next run knows that it is its own"
    assert cluster.done == ["create a", "create c"]


def test_a_superseded_run_stops_before_the_next_batch() -> None:
    many = Plan(topics=tuple(created(f"t{number}") for number in range(CHANGES_PER_BATCH + 1)))
    cluster = FakeCluster()
    with pytest.raises(Superseded):
        run(many, cluster, FakeLedger(checks=1))
    assert len(cluster.done) == CHANGES_PER_BATCH


def test_validation_changes_nothing_and_gathers_all_refusals() -> None:
    cluster: Any = FakeCluster(
        {
            "a": KafkaError(KafkaError.INVALID_CONFIG, "Unknown topic config name: x"),
            "c": KafkaError(KafkaError.INVALID_CONFIG, "Invalid value"),
        }
    )
    assert validate(PLAN, cluster) == ["topic.a: Unknown topic config name: x", "topic.c: Invalid value"]
    assert cluster.done == []


def test_what_another_owner_began_to_make_first_is_left_to_it() -> None:
    cluster, ledger = FakeCluster(), FakeLedger()
    ledger.quicker = {"topic.b": "analytics", "user.u": "analytics"}
    report = run(PLAN, cluster, ledger)
    assert cluster.done == ["create a", "create c"]
    assert ledger.known == {"topic.a", "topic.c"}
    assert report.failures["user.u"] == "is being made by 'analytics' at the same time: declare it in one place only"


def test_a_topic_that_somebody_else_made_meanwhile_is_not_taken_for_ones_own() -> None:
    cluster, ledger = FakeCluster({"b": KafkaError(KafkaError.TOPIC_ALREADY_EXISTS)}), FakeLedger()
    with pytest.raises(Transient, match=r"topic\.b: was created by somebody else meanwhile"):
        run(PLAN, cluster, ledger)
    assert ledger.known == {"topic.a", "topic.c"}
