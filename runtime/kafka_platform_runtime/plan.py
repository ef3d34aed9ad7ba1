"""What has to be done: a function of what is declared, what is there and what was applied last, pure but for new salts."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from kafka_platform_runtime.declarations import (
    TOPIC_PREFIX,
    USER_PREFIX,
    Acl,
    Declarations,
    Quota,
    Topic,
    User,
)
from kafka_platform_runtime.passwords import fingerprint, matches

FINGERPRINT = "passwordFingerprint"
"""What the ledger keeps of a user besides its declaration; see `passwords`."""


@dataclass(frozen=True, kw_only=True)
class ActualTopic:
    """A topic as the cluster has it; `config` holds only what is set on the topic itself."""

    partitions: int
    replicas: int
    config: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Actual:
    """What the cluster has.

    Args:
        brokers: how many are registered.
        topics: by name.
        passwords: users with a SCRAM-SHA-512 credential.
        acls: by user, for principals of the form `User:<name>`.
        quotas: by user; a key may be one that cannot be declared.
    """

    brokers: int
    topics: Mapping[str, ActualTopic] = field(default_factory=dict)
    passwords: frozenset[str] = frozenset()
    acls: Mapping[str, frozenset[Acl]] = field(default_factory=dict)
    quotas: Mapping[str, Mapping[str, float]] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Recorded:
    """The ledger: declarations last applied, by key (`topic.<name>`, `user.<name>`).

    Args:
        mine: of this owner.
        others: the owner of every key that somebody else applied.
    """

    mine: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    others: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class TopicChange:
    """What one declared topic needs; `record` alone if only the ledger does not know it yet."""

    topic: Topic
    create: bool = False
    partitions: int | None = None
    partitions_before: int = 0
    set_config: Mapping[str, str] = field(default_factory=dict)
    unset_config: tuple[str, ...] = ()
    record: bool = False

    @property
    def key(self) -> str:
        """The declaration's name."""
        return self.topic.key

    @property
    def empty(self) -> bool:
        """Whether nothing has to be done."""
        return not (self.create or self.partitions or self.set_config or self.unset_config or self.record)

    @property
    def weight(self) -> int:
        """How many metadata records this makes in Kafka, which takes a limited number of them in one request."""
        new = self.topic.partitions - self.partitions_before if self.create or self.partitions else 0
        return 1 + new + len(self.set_config) + len(self.unset_config) + (len(self.topic.config) if self.create else 0)

    def describe(self) -> str:
        """In words."""
        if self.create:
            return f"created ({count(self.topic.partitions, 'partition')}, {count(self.topic.replicas, 'replica')})"
        parts = []
        if self.partitions is not None:
            parts.append(f"partitions {self.partitions_before} -> {self.partitions}")
        parts += [f"{name}={value}" for name, value in sorted(self.set_config.items())]
        parts += [f"{name} back to the cluster's default" for name in self.unset_config]
        return ", ".join(parts) or "as declared already, now recorded"


@dataclass(frozen=True, kw_only=True)
class UserChange:
    """What one declared user needs; `fingerprint` is what the ledger is to keep of the password."""

    user: User
    set_password: bool = False
    fingerprint: str | None = None
    add_acls: frozenset[Acl] = frozenset()
    remove_acls: frozenset[Acl] = frozenset()
    set_quotas: Mapping[str, float] = field(default_factory=dict)
    unset_quotas: tuple[str, ...] = ()
    record: bool = False
    is_new: bool = False

    @property
    def key(self) -> str:
        """The declaration's name."""
        return self.user.key

    @property
    def empty(self) -> bool:
        """Whether nothing has to be done."""
        return not (
            self.set_password
            or self.add_acls
            or self.remove_acls
            or self.set_quotas
            or self.unset_quotas
            or self.record
        )

    @property
    def weight(self) -> int:
        """How many metadata records this makes in Kafka."""
        return 1 + len(self.add_acls) + len(self.remove_acls) + len(self.set_quotas) + len(self.unset_quotas)

    def describe(self) -> str:
        """In words."""
        parts = []
        if self.set_password:
            parts.append("created" if self.is_new else "password set")
        if self.add_acls:
            parts.append(f"{count(len(self.add_acls), 'ACL')} added")
        if self.remove_acls:
            parts.append(f"{count(len(self.remove_acls), 'ACL')} removed")
        parts += [f"{name}={value:,.10g}" for name, value in self.set_quotas.items()]
        parts += [f"{name} without limit" for name in self.unset_quotas]
        return ", ".join(parts) or "as declared already, now recorded"


@dataclass(frozen=True, kw_only=True)
class TopicRemoval:
    """A topic that is not declared any more: deleted only if its last declaration allowed that."""

    name: str
    delete: bool
    exists: bool

    @property
    def key(self) -> str:
        """The former declaration's name."""
        return f"{TOPIC_PREFIX}{self.name}"

    @property
    def weight(self) -> int:
        """How many metadata records this makes in Kafka."""
        return 1

    def describe(self) -> str:
        """In words."""
        if not self.exists:
            return "is not declared any more and was gone already"
        return "deleted with its records" if self.delete else "is not declared any more: kept with its records"


@dataclass(frozen=True, kw_only=True)
class UserRemoval:
    """A user who is not declared any more: credential, ACLs and quotas go."""

    name: str
    has_password: bool
    acls: frozenset[Acl]
    quotas: tuple[str, ...]

    @property
    def key(self) -> str:
        """The former declaration's name."""
        return f"{USER_PREFIX}{self.name}"

    @property
    def weight(self) -> int:
        """How many metadata records this makes in Kafka."""
        return 1 + len(self.acls) + len(self.quotas)

    def describe(self) -> str:
        """In words."""
        return "removed"


Change = TopicChange | UserChange | TopicRemoval | UserRemoval


@dataclass(frozen=True, kw_only=True)
class Plan:
    """The changes in the order in which they are to be made.

    Args:
        refusals: why nothing at all may be applied; one sentence each.
        waits: why nothing can be applied yet; one sentence each.
        unchanged: how many declarations are as declared and recorded.
    """

    topics: tuple[TopicChange, ...] = ()
    users: tuple[UserChange, ...] = ()
    removed_users: tuple[UserRemoval, ...] = ()
    removed_topics: tuple[TopicRemoval, ...] = ()
    refusals: tuple[str, ...] = ()
    waits: tuple[str, ...] = ()
    unchanged: int = 0

    @property
    def changes(self) -> tuple[Change, ...]:
        """All of them."""
        return (*self.topics, *self.users, *self.removed_users, *self.removed_topics)


def make_plan(
    declared: Declarations,
    actual: Actual,
    recorded: Recorded,
    *,
    reserved_users: Iterable[str] = (),
    passwords: Mapping[str, str] | None = None,
) -> Plan:
    """What to do so that the cluster is as declared.

    Args:
        declared: what is to be.
        actual: what is.
        recorded: what this and other owners applied last.
        reserved_users: names that must not be declared, such as the one this program logs in with.
        passwords: by user, as far as they can be read. One that is not the one that was set last is set again although
            its version is the same: the stack was destroyed and made again over kept volumes.
    """
    refusals: list[str] = []
    waits: list[str] = []
    for key in sorted({*(t.key for t in declared.topics.values()), *(u.key for u in declared.users.values())}):
        if key in recorded.others:
            refusals.append(
                f"{key}: is declared by {recorded.others[key]!r} already: declare it in one place only, "
                f"or set FORMER_OWNERS={recorded.others[key]} if that one is gone for good"
            )
    for name in sorted(set(reserved_users) & declared.users.keys()):
        refusals.append(f"{USER_PREFIX}{name}: name: {name!r} administers this cluster: choose another name")
    topics = []
    for topic in sorted(declared.topics.values(), key=lambda each: each.name):
        change = _plan_topic(topic, actual, recorded, refusals, waits)
        if change is not None:
            topics.append(change)
    users = [
        _plan_user(user, actual, recorded, (passwords or {}).get(user.name))
        for user in sorted(declared.users.values(), key=lambda each: each.name)
    ]
    removed_users = []
    removed_topics = []
    for key, last in sorted(recorded.mine.items()):
        if key.startswith(TOPIC_PREFIX) and key.removeprefix(TOPIC_PREFIX) not in declared.topics:
            name = key.removeprefix(TOPIC_PREFIX)
            allowed = last.get("deletion") == "allow"
            removed_topics.append(TopicRemoval(name=name, delete=allowed, exists=name in actual.topics))
        elif key.startswith(USER_PREFIX) and key.removeprefix(USER_PREFIX) not in declared.users:
            name = key.removeprefix(USER_PREFIX)
            removed_users.append(
                UserRemoval(
                    name=name,
                    has_password=name in actual.passwords,
                    acls=actual.acls.get(name, frozenset()),
                    quotas=tuple(sorted(actual.quotas.get(name, {}))),
                )
            )
    changed_topics = tuple(change for change in topics if not change.empty)
    changed_users = tuple(change for change in users if not change.empty)
    return Plan(
        topics=changed_topics,
        users=changed_users,
        removed_users=tuple(removed_users),
        removed_topics=tuple(removed_topics),
        refusals=tuple(refusals),
        waits=tuple(waits),
        unchanged=len(declared) - len(changed_topics) - len(changed_users),
    )


def _plan_topic(
    topic: Topic, actual: Actual, recorded: Recorded, refusals: list[str], waits: list[str]
) -> TopicChange | None:
    there = actual.topics.get(topic.name)
    last = recorded.mine.get(topic.key)
    record = last != topic.value()
    if there is None:
        if topic.replicas > actual.brokers:
            waits.append(
                f"{topic.key}: replicas: {topic.replicas} need as many brokers, "
                f"{count(actual.brokers, 'broker')} registered"
            )
        return TopicChange(topic=topic, create=True, record=True)
    sound = True
    if there.partitions > topic.partitions:
        sound = False
        refusals.append(
            f"{topic.key}: partitions: {topic.partitions} is fewer than the {there.partitions} it has, and Kafka never "
            f"removes partitions: declare {there.partitions} or more, or declare a new topic"
        )
    if there.replicas != topic.replicas:
        sound = False
        refusals.append(
            f"{topic.key}: replicas: {topic.replicas} differs from the {there.replicas} it has, and changing it moves "
            f"data between brokers, which is not done here: declare {there.replicas}, "
            "or reassign the partitions with kafka-reassign-partitions.sh first"
        )
    if not sound:
        return None
    declared_before = (last or {}).get("config", {})
    return TopicChange(
        topic=topic,
        partitions=topic.partitions if topic.partitions > there.partitions else None,
        partitions_before=there.partitions,
        set_config={
            name: value
            for name, value in sorted(topic.config.items())
            if name not in there.config or not same_setting(value, there.config[name])
        },
        unset_config=tuple(
            sorted(name for name in declared_before if name not in topic.config and name in there.config)
        ),
        record=record,
    )


def _plan_user(user: User, actual: Actual, recorded: Recorded, password: str | None) -> UserChange:
    last = dict(recorded.mine.get(user.key, {}))
    kept = last.pop(FINGERPRINT, None)
    there = actual.acls.get(user.name, frozenset())
    limits = actual.quotas.get(user.name, {})
    wanted = {quota.value: float(user.quotas[quota]) for quota in Quota if quota in user.quotas}
    set_password = (
        not last
        or last.get("passwordVersion", 1) != user.password_version
        or user.name not in actual.passwords
        or (kept is not None and password is not None and not matches(password, kept))
    )
    return UserChange(
        user=user,
        set_password=set_password,
        fingerprint=fingerprint(password) if set_password and password is not None else kept,
        add_acls=user.acls - there,
        remove_acls=there - user.acls,
        set_quotas={name: value for name, value in wanted.items() if limits.get(name) != value},
        unset_quotas=tuple(sorted(limits.keys() - wanted.keys())),
        record=last != user.value(),
        is_new=user.name not in actual.passwords,
    )


def same_setting(one: str, other: str) -> bool:
    """Whether Kafka takes both values for the same: spaces, letter case of booleans and notation of numbers aside."""
    first = [part.strip() for part in one.split(",")]
    second = [part.strip() for part in other.split(",")]
    return len(first) == len(second) and all(map(_same_part, first, second))


def _same_part(one: str, other: str) -> bool:
    if one == other:
        return True
    if {one.lower(), other.lower()} <= {"true", "false"}:
        return one.lower() == other.lower()
    try:
        return int(one) == int(other)
    except ValueError:
        pass
    try:
        return float(one) == float(other)
    except ValueError:
        return False


def count(number: int, noun: str) -> str:
    """For example `1 topic`, `1,000 topics`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
