"""What has to be done: a function of what is declared, what is there and what was applied last, pure but for new salts."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from kafka_platform_runtime.provisioner.adoption import allowing, describe_acls, is_adopted, refuse_topic, refuse_user
from kafka_platform_runtime.provisioner.declarations import (
    TOPIC_PREFIX,
    USER_PREFIX,
    Acl,
    Declarations,
    Mechanism,
    Quota,
    Topic,
    User,
    declared_acls,
)
from kafka_platform_runtime.provisioner.passwords import fingerprint, matches

FINGERPRINT = "passwordFingerprint"
"""What the ledger keeps of a user besides its declaration; see `passwords`."""
BEGUN = "begun"
"""Marks an entry of the ledger that was written before its topic or user was made: a run that was killed meanwhile may
have left it half made, and the next run knows that it is its own."""


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
        credentials: by user, the kinds of SCRAM credentials it has.
        acls: by user, for principals of the form `User:<name>`.
        quotas: by user; a key may be one that cannot be declared.
    """

    brokers: int
    topics: Mapping[str, ActualTopic] = field(default_factory=dict)
    credentials: Mapping[str, frozenset[Mechanism]] = field(default_factory=dict)
    acls: Mapping[str, frozenset[Acl]] = field(default_factory=dict)
    quotas: Mapping[str, Mapping[str, float]] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Recorded:
    """The ledger: declarations last applied, by key (`topic.<name>`, `user.<name>`).

    Args:
        mine: of this owner.
        others: the owner of every key that somebody else applied.
        stacks: the stack of every owner that has told it.
    """

    mine: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    others: Mapping[str, str] = field(default_factory=dict)
    stacks: Mapping[str, str] = field(default_factory=dict)

    def refuse_other(self, key: str) -> str | None:
        """Why a key must not be declared here; None if nobody else declares it."""
        owner = self.others.get(key)
        if owner is None:
            return None
        stack = self.stacks.get(owner)
        if stack is None:
            whose = repr(owner)
            fix = (
                f"set FORMER_OWNERS={owner} if that one is gone for good (in a stack file, where it was this stack's: name this "
                "stack itself in kafka.formerStacks)"
            )
        else:
            whose = f"{owner.partition('@')[0]!r} of the stack {stack}"
            fix = f"name {stack} in kafka.formerStacks if this stack was called so, or that one is gone for good"
        return f"{key}: is declared by {whose} already: declare it in one place only, or {fix}"


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
    is_unknown: bool = False

    @property
    def key(self) -> str:
        """The declaration's name."""
        return self.topic.key

    @property
    def begins(self) -> bool:
        """Whether the ledger has to know of it before it is made."""
        return self.is_unknown and (self.create or self.topic.adopt)

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
        if self.is_unknown and self.topic.adopt:
            parts.insert(0, "taken over")
        return ", ".join(parts) or "as declared already, now recorded"


@dataclass(frozen=True, kw_only=True)
class UserChange:
    """What one declared user needs.

    `fingerprint` is what the ledger is to keep of the password. `is_unknown`: the ledger does not have the user yet.
    """

    user: User
    set_password: bool = False
    fingerprint: str | None = None
    add_acls: frozenset[Acl] = frozenset()
    remove_acls: frozenset[Acl] = frozenset()
    set_quotas: Mapping[str, float] = field(default_factory=dict)
    unset_quotas: tuple[str, ...] = ()
    record: bool = False
    is_new: bool = False
    is_unknown: bool = False
    other_credentials: frozenset[Mechanism] = frozenset()

    @property
    def key(self) -> str:
        """The declaration's name."""
        return self.user.key

    @property
    def begins(self) -> bool:
        """Whether the ledger has to know of it before it is made."""
        return self.is_unknown

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
            parts += [f"the password for {each} stays" for each in sorted(self.other_credentials)]
        if self.add_acls:
            parts.append(f"{count(len(self.add_acls), 'ACL')} added")
        if self.remove_acls:
            removed = describe_acls(sorted(self.remove_acls))
            parts.append(f"{count(len(self.remove_acls), 'ACL')} removed ({removed})")
        parts += [f"{name}={value:,.10g}" for name, value in self.set_quotas.items()]
        parts += [f"{name} without limit" for name in self.unset_quotas]
        if self.is_unknown and self.user.adopt:
            parts.insert(0, "taken over with its password" if self.user.keeps_password else "taken over")
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
    """A user who is not declared any more: credentials, ACLs and quotas go, unless it was taken over as it was."""

    name: str
    credentials: frozenset[Mechanism] = frozenset()
    acls: frozenset[Acl] = frozenset()
    quotas: tuple[str, ...] = ()
    kept: bool = False

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
        if self.kept:
            return "is not declared any more: kept as it is, since it was taken over"
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
    proven: Collection[str] = (),
) -> Plan:
    """What to do so that the cluster is as declared.

    Args:
        declared: what is to be.
        actual: what is.
        recorded: what this and other owners applied last.
        reserved_users: names that must not be declared, such as the one this program logs in with.
        passwords: by user, as far as they can be read. One that is not the one that was set last is set again although
            its version is the same: the stack was destroyed and made again over kept volumes.
        proven: users who can log in by the password of `passwords`. Nobody but this owner makes such passwords, so their
            users are its own, whatever the ledger knows.
    """
    refusals: list[str] = []
    waits: list[str] = []
    for key in sorted({*(t.key for t in declared.topics.values()), *(u.key for u in declared.users.values())}):
        refusal = recorded.refuse_other(key)
        if refusal is not None:
            refusals.append(refusal)
    reserved = set(reserved_users)
    for name in sorted(reserved & declared.users.keys()):
        refusals.append(f"{USER_PREFIX}{name}: name: {name!r} administers this cluster: choose another name")
    topics = []
    for topic in sorted(declared.topics.values(), key=lambda each: each.name):
        if topic.key in recorded.others:
            continue
        change = _plan_topic(topic, actual, recorded, refusals, waits)
        if change is not None:
            topics.append(change)
    users = [
        change
        for user in sorted(declared.users.values(), key=lambda each: each.name)
        if user.key not in recorded.others and user.name not in reserved
        for change in _plan_user(
            user, actual, recorded, (passwords or {}).get(user.name), refusals, proven=user.name in proven
        )
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
            removed_users.append(_plan_removal(name, last, actual))
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
    if there is None and last is None and topic.adopt:
        refusals.append(
            f"{topic.key}: adopt: there is no such topic: take `adopt` out to have it made, or mend the name"
        )
        return None
    if there is None:
        if topic.replicas > actual.brokers:
            waits.append(
                f"{topic.key}: replicas: {topic.replicas} need as many brokers, "
                f"{count(actual.brokers, 'broker')} registered"
            )
        return TopicChange(topic=topic, create=True, record=True, is_unknown=last is None)
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
    partitions = topic.partitions if topic.partitions > there.partitions else None
    set_config = {
        name: value
        for name, value in sorted(topic.config.items())
        if name not in there.config or not same_setting(value, there.config[name])
    }
    if last is None and not topic.adopt:
        refusal = refuse_topic(
            topic,
            partitions=there.partitions,
            config=there.config,
            wanted_partitions=partitions,
            wanted=set_config,
        )
        if refusal is not None:
            refusals.append(refusal)
            return None
    return TopicChange(
        topic=topic,
        partitions=partitions,
        partitions_before=there.partitions,
        set_config=set_config,
        unset_config=tuple(
            sorted(name for name in declared_before if name not in topic.config and name in there.config)
        ),
        record=record,
        is_unknown=last is None,
    )


def _plan_user(
    user: User, actual: Actual, recorded: Recorded, password: str | None, refusals: list[str], *, proven: bool
) -> Iterator[UserChange]:
    entry = recorded.mine.get(user.key)
    last = _LastApplied.of(entry)
    credentials = actual.credentials.get(user.name, frozenset())
    there = actual.acls.get(user.name, frozenset())
    limits = actual.quotas.get(user.name, {})
    wanted = {quota.value: float(user.quotas[quota]) for quota in Quota if quota in user.quotas}
    has_login = Mechanism.SCRAM_SHA_512 in credentials
    is_ours = entry is not None and not is_adopted(entry)

    extra = allowing(there - user.acls)
    lifted = limits.keys() - wanted.keys()
    changed = {name: value for name, value in wanted.items() if limits.get(name) != value}
    if user.adopt:
        # Only what was declared from here, and is not any more, may go.
        extra &= last.acls
        lifted &= last.quotas
        set_password = not user.keeps_password and last.needs_password(user, password, has_login=has_login)
        if not (credentials or there or limits or (set_password and entry is not None)):
            refusals.append(
                f"{user.key}: adopt: there is no such user: take `adopt` out to have it made, or mend the name"
            )
            return
    elif is_ours:
        set_password = last.needs_password(user, password, has_login=has_login)
    else:
        set_password = not proven and last.needs_password(user, password, has_login=has_login)
        is_said = entry is not None and last.password_version != user.password_version
        refusal = refuse_user(
            user,
            entry=entry,
            credentials=credentials,
            gets_password=set_password and not is_said,
            acls=there,
            lost_acls=extra - last.acls,
            quotas={
                name: (limits[name], wanted.get(name))
                for name in (*changed, *lifted)
                if name in limits and name not in last.quotas
            },
        )
        if refusal is not None:
            refusals.append(refusal)
            return
    if set_password or proven:
        kept = fingerprint(password) if password is not None else None
    else:
        kept = None if user.keeps_password else last.fingerprint
    yield UserChange(
        user=user,
        set_password=set_password,
        fingerprint=kept,
        add_acls=user.acls - there,
        remove_acls=extra,
        set_quotas=changed,
        unset_quotas=tuple(sorted(lifted)),
        record=last.value != user.value(),
        is_new=not has_login and not user.adopt,
        other_credentials=credentials - {Mechanism.SCRAM_SHA_512},
        is_unknown=entry is None,
    )


@dataclass(frozen=True, kw_only=True)
class _LastApplied:
    """What the ledger knows of one user."""

    value: Mapping[str, Any] = field(default_factory=dict)
    fingerprint: str | None = None
    acls: frozenset[Acl] = frozenset()

    @classmethod
    def of(cls, entry: Mapping[str, Any] | None) -> "_LastApplied":
        value = dict(entry or {})
        kept = value.pop(FINGERPRINT, None)
        return cls(value=value, fingerprint=kept, acls=declared_acls(value))

    @property
    def quotas(self) -> frozenset[str]:
        return frozenset(self.value.get("quotas", {}))

    @property
    def password_version(self) -> int:
        return int(self.value.get("passwordVersion", 1))

    def needs_password(self, user: User, password: str | None, *, has_login: bool) -> bool:
        if not self.value or self.value.get(BEGUN) or not has_login or self.password_version != user.password_version:
            return True
        if self.fingerprint is None:
            return is_adopted(self.value)
        return password is not None and not matches(password, self.fingerprint)


def _plan_removal(name: str, last: Mapping[str, Any], actual: Actual) -> UserRemoval:
    if is_adopted(last):
        return UserRemoval(name=name, kept=True)
    return UserRemoval(
        name=name,
        credentials=actual.credentials.get(name, frozenset()),
        acls=allowing(actual.acls.get(name, frozenset())),
        quotas=tuple(sorted(actual.quotas.get(name, {}))),
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
