"""The changes in a plan, each with its size in Kafka's metadata and a description in words."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from kafka_platform_runtime.provisioner.adoption import describe_acls
from kafka_platform_runtime.provisioner.declarations import TOPIC_PREFIX, USER_PREFIX, Acl, Mechanism, Topic, User


@dataclass(frozen=True, kw_only=True)
class TopicChange:
    """What one declared topic needs; only `record` if just the ledger lacks it."""

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
        """The declaration's key."""
        return self.topic.key

    @property
    def begins(self) -> bool:
        """Whether the ledger has to record it before it is made."""
        return self.is_unknown and (self.create or self.topic.adopt)

    @property
    def empty(self) -> bool:
        """Whether nothing has to be done."""
        return not (self.create or self.partitions or self.set_config or self.unset_config or self.record)

    @property
    def weight(self) -> int:
        """How many metadata records this makes in Kafka, which accepts a limited number per request."""
        new = self.topic.partitions - self.partitions_before if self.create or self.partitions else 0
        return 1 + new + len(self.set_config) + len(self.unset_config) + (len(self.topic.config) if self.create else 0)

    def describe(self) -> str:
        """In words."""
        if self.create:
            replicas = self.topic.replicas
            copies = "as many replicas as the cluster gives" if replicas is None else count(replicas, "replica")
            return f"created ({count(self.topic.partitions, 'partition')}, {copies})"
        parts = []
        if self.partitions is not None:
            parts.append(f"partitions {self.partitions_before} -> {self.partitions}")
        parts += [f"{name}={value}" for name, value in sorted(self.set_config.items())]
        parts += [f"{name} back to the cluster's default" for name in self.unset_config]
        if self.is_unknown and self.topic.adopt:
            parts.insert(0, "taken over")
        return ", ".join(parts) or "already as declared, now recorded"


@dataclass(frozen=True, kw_only=True)
class UserChange:
    """What one declared user needs.

    `fingerprint` is what the ledger keeps of the password. `is_unknown`: the user is not in the ledger yet.
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
        """The declaration's key."""
        return self.user.key

    @property
    def begins(self) -> bool:
        """Whether the ledger has to record it before it is made."""
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
            keeps = self.user.keeps_password and not self.user.custom
            parts.insert(0, "taken over with its password" if keeps else "taken over")
        return ", ".join(parts) or "already as declared, now recorded"


@dataclass(frozen=True, kw_only=True)
class TopicRemoval:
    """A topic that is no longer declared: deleted only if its last declaration allowed that."""

    name: str
    delete: bool
    exists: bool

    @property
    def key(self) -> str:
        """The former declaration's key."""
        return f"{TOPIC_PREFIX}{self.name}"

    @property
    def weight(self) -> int:
        """How many metadata records this makes in Kafka."""
        return 1

    def describe(self) -> str:
        """In words."""
        if not self.exists:
            return "is no longer declared and was gone already"
        return "deleted with its records" if self.delete else "is no longer declared: kept with its records"


@dataclass(frozen=True, kw_only=True)
class UserRemoval:
    """A user that is no longer declared: loses its credentials, ACLs and quotas, unless it was taken over as it was."""

    name: str
    credentials: frozenset[Mechanism] = frozenset()
    acls: frozenset[Acl] = frozenset()
    quotas: tuple[str, ...] = ()
    kept: bool = False

    @property
    def key(self) -> str:
        """The former declaration's key."""
        return f"{USER_PREFIX}{self.name}"

    @property
    def weight(self) -> int:
        """How many metadata records this makes in Kafka."""
        return 1 + len(self.acls) + len(self.quotas)

    def describe(self) -> str:
        """In words."""
        if self.kept:
            return "is no longer declared: kept as it is, since it was taken over"
        return "removed"


Change = TopicChange | UserChange | TopicRemoval | UserRemoval


def count(number: int, noun: str) -> str:
    """For example `1 topic`, `1,000 topics`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
