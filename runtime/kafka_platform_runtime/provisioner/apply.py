"""Applies a plan's changes, batch by batch; each batch is recorded in the ledger before the next one begins."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from confluent_kafka import KafkaError
from confluent_kafka.admin import NewTopic

from kafka_platform_runtime.failures import Refused, Rejected, Transient, is_rejected, is_transient, sentence
from kafka_platform_runtime.provisioner.cluster import CLUSTERS_DEFAULT, Cluster
from kafka_platform_runtime.provisioner.ledger import Ledger
from kafka_platform_runtime.provisioner.planning.changes import (
    Change,
    TopicChange,
    TopicRemoval,
    UserChange,
    UserRemoval,
)
from kafka_platform_runtime.provisioner.planning.plan import Plan
from kafka_platform_runtime.provisioner.planning.recorded import BEGUN, FINGERPRINT
from kafka_platform_runtime.provisioner.quotas import QuotaChange
from kafka_platform_runtime.provisioner.report import Report

C = TypeVar("C", TopicChange, UserChange, TopicRemoval, UserRemoval)

# Kafka's controller writes at most 10,000 metadata records for one request.
RECORDS_PER_BATCH = 4000

# Declarations per batch: an interruption leaves at most these applied but not recorded, which the next run repairs.
CHANGES_PER_BATCH = 250

Outcome = Mapping[str, KafkaError | Exception | None]


def batches(changes: Sequence[C]) -> Iterator[list[C]]:
    """The changes in order, in batches that the controller accepts at once."""
    batch: list[C] = []
    weight = 0
    for change in changes:
        if batch and (len(batch) >= CHANGES_PER_BATCH or weight + change.weight > RECORDS_PER_BATCH):
            yield batch
            batch, weight = [], 0
        batch.append(change)
        weight += change.weight
    if batch:
        yield batch


def validate(plan: Plan, cluster: Cluster) -> list[str]:
    """What the cluster would refuse, found out without changing anything; one sentence each.

    Raises:
        Transient, Rejected: the cluster cannot be asked now.
    """
    refusals: list[str] = []

    def note(outcome: Outcome, prefix: str) -> None:
        for name, error in outcome.items():
            if error is None:
                continue
            reason = _definite(error, f"{prefix}{name}", cluster)
            if reason is not None:
                refusals.append(f"{prefix}{name}: {reason}")

    for batch in batches(plan.topics):
        _topic_steps(batch, cluster, lambda outcome: note(outcome, "topic."), validate_only=True)
    for users in batches(plan.users):
        limits = [change for change in users if change.set_quotas]
        if limits:
            note(cluster.change_quotas(list(map(_quota_change, limits)), validate_only=True), "user.")
    return refusals


def apply(plan: Plan, cluster: Cluster, ledger: Ledger, passwords: Mapping[str, str], report: Report) -> None:
    """Make the changes.

    If the cluster refuses one declaration, the report notes it and the others continue; removals are then
    left for the next run.

    Args:
        plan: the changes.
        cluster: the target.
        ledger: records them.
        passwords: of every user whose password is to be set, by name.
        report: collects the outcome.

    Raises:
        Transient, Rejected: the cluster no longer answers; what was recorded until then stays.
        Superseded: a newer run has begun.
    """
    for topics in batches(plan.topics):
        ledger.check()
        topics = _begin(topics, ledger, report)
        _finish(topics, _change_topics(topics, cluster), cluster, ledger, report)
    for users in batches(plan.users):
        ledger.check()
        users = _begin(users, ledger, report)
        _finish(users, _change_users(users, cluster, passwords), cluster, ledger, report)
    if report.failures:
        return
    for gone in batches(plan.removed_users):
        ledger.check()
        _finish(gone, _remove_users(gone, cluster), cluster, ledger, report)
    for dropped in batches(plan.removed_topics):
        ledger.check()
        names = [change.name for change in dropped if change.delete and change.exists]
        outcome: dict[str, Any] = {change.key: None for change in dropped}
        if names:
            outcome.update(_keyed(cluster.delete_topics(names), "topic."))
        _finish(dropped, outcome, cluster, ledger, report)


def _begin(batch: list[C], ledger: Ledger, report: Report) -> list[C]:
    """Record what is about to be made; the next run would otherwise take it for somebody else's if this one is killed.

    Returns what may be made: two owners may both have read that nobody has it, and the first to record it gets it.
    """
    begun = {
        change.key: {**_entry(change), BEGUN: True}
        for change in batch
        if isinstance(change, TopicChange | UserChange) and change.begins
    }
    if not begun:
        return batch
    ledger.record(begun)
    contested = ledger.contested(begun)
    if contested:
        ledger.record(dict.fromkeys(contested))
    for key, owner in contested.items():
        report.failed(key, f"is being made by {owner!r} at the same time: declare it in one place only")
    return [change for change in batch if change.key not in contested]


def _finish(batch: Sequence[Change], outcome: Outcome, cluster: Cluster, ledger: Ledger, report: Report) -> None:
    """Record what was done, note what was refused, and then raise what is worth a retry."""
    done = [change for change in batch if outcome.get(change.key) is None]
    ledger.record(
        {change.key: _entry(change) if isinstance(change, TopicChange | UserChange) else None for change in done}
    )
    for change in done:
        report.applied(change)
    postponed: Exception | None = None
    not_ours: list[Change] = []
    for change in batch:
        error = outcome.get(change.key)
        if error is None:
            continue
        try:
            reason = _definite(error, change.key, cluster)
        except (Transient, Rejected) as later:
            postponed = later
            if isinstance(error, KafkaError) and error.code() == KafkaError.TOPIC_ALREADY_EXISTS:
                not_ours.append(change)
            continue
        not_ours.append(change)
        report.failed(change.key, reason)
    # What was not made, or was made by somebody else meanwhile, is not this owner's.
    forgotten = {change.key: None for change in not_ours if isinstance(change, TopicChange) and change.begins}
    if forgotten:
        ledger.record(forgotten)
    if postponed is not None:
        raise postponed


def _entry(change: TopicChange | UserChange) -> dict[str, Any]:
    if isinstance(change, TopicChange):
        return change.topic.value()
    return change.user.value() | ({FINGERPRINT: change.fingerprint} if change.fingerprint else {})


def _definite(error: KafkaError | Exception, key: str, cluster: Cluster) -> str:
    """Why it is refused.

    Raises:
        Transient, Rejected: it is worth a retry.
    """
    if isinstance(error, KafkaError):
        text = sentence(error, username=cluster.connection.username)
        if is_rejected(error):
            raise Rejected(f"{key}: {text}")
        if is_transient(error):
            raise Transient(f"{key}: {text}")
        return text
    if isinstance(error, Refused):
        return str(error)
    if isinstance(error, Transient | Rejected):
        raise type(error)(f"{key}: {error}")
    return str(error)


def _keyed(outcome: Outcome, prefix: str) -> dict[str, KafkaError | Exception | None]:
    return {f"{prefix}{name}": error for name, error in outcome.items()}


def _topic_steps(
    batch: Iterable[TopicChange], cluster: Cluster, note: Callable[[Outcome], None], *, validate_only: bool
) -> None:
    changes = list(batch)
    new = [_new_topic(change) for change in changes if change.create]
    if new:
        note(cluster.create_topics(new, validate_only=validate_only))
    counts = {change.topic.name: change.partitions for change in changes if change.partitions is not None}
    if counts:
        note(cluster.add_partitions(counts, validate_only=validate_only))
    configs = {
        change.topic.name: (change.set_config, change.unset_config)
        for change in changes
        if change.set_config or change.unset_config
    }
    if configs:
        note(cluster.alter_configs(configs, validate_only=validate_only))


def _new_topic(change: TopicChange) -> NewTopic:
    topic = change.topic
    copies = CLUSTERS_DEFAULT if topic.replicas is None else topic.replicas
    return NewTopic(topic.name, topic.partitions, copies, config=dict(topic.config))


class _Outcome:
    """Collects the first error of every key over several steps."""

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self.errors: dict[str, KafkaError | Exception | None] = {}

    def note(self, outcome: Outcome) -> None:
        for name, error in outcome.items():
            key = f"{self._prefix}{name}"
            self.errors[key] = self.errors.get(key) or error

    def sound(self, key: str) -> bool:
        return self.errors.get(key) is None


def _change_topics(batch: Sequence[TopicChange], cluster: Cluster) -> Outcome:
    outcome = _Outcome("topic.")
    _topic_steps(batch, cluster, outcome.note, validate_only=False)
    return outcome.errors


def _change_users(batch: Sequence[UserChange], cluster: Cluster, passwords: Mapping[str, str]) -> Outcome:
    # The password comes last: a user that can already log in has the declared limits and rights.
    outcome = _Outcome("user.")
    limits = [_quota_change(change) for change in batch if change.set_quotas or change.unset_quotas]
    if limits:
        outcome.note(cluster.change_quotas(limits))
    extra = {change.user.name: change.remove_acls for change in batch if change.remove_acls}
    if extra:
        outcome.note(cluster.remove_acls(extra))
    missing = {change.user.name: change.add_acls for change in batch if change.add_acls}
    if missing:
        outcome.note(cluster.add_acls(missing))
    names = [change.user.name for change in batch if change.set_password and outcome.sound(change.key)]
    if names:
        outcome.note(cluster.set_passwords({name: passwords[name] for name in names}))
    return outcome.errors


def _remove_users(batch: Sequence[UserRemoval], cluster: Cluster) -> Outcome:
    outcome = _Outcome("user.")
    credentials = {change.name: change.credentials for change in batch if change.credentials}
    if credentials:
        outcome.note(cluster.remove_passwords(credentials))
    acls = {change.name: change.acls for change in batch if change.acls}
    if acls:
        outcome.note(cluster.remove_acls(acls))
    limits = [QuotaChange(user=change.name, unset=change.quotas) for change in batch if change.quotas]
    if limits:
        outcome.note(cluster.change_quotas(limits))
    return outcome.errors


def _quota_change(change: UserChange) -> QuotaChange:
    return QuotaChange(user=change.user.name, set=change.set_quotas, unset=change.unset_quotas)
