"""What is declared: topics, and users with their ACLs and quotas."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

LEDGER_TOPIC = "_kafka-platform-ledger"
OWN_TOPIC_REPLICAS = 3
OWN_TOPIC_CONFIG = {"cleanup.policy": "compact"}
"""Of the ledger, and of the record of runs."""
TOPIC_PREFIX = "topic."
USER_PREFIX = "user."
INTERNAL_TOPICS = frozenset({"__cluster_metadata", "__consumer_offsets", "__share_group_state", "__transaction_state"})
"""Kafka's own (org.apache.kafka.common.internals.Topic)."""
LONGEST_USER_NAME = 249
CLUSTER_RESOURCE_NAME = "kafka-cluster"


class Resource(StrEnum):
    """What an ACL protects."""

    TOPIC = "topic"
    GROUP = "group"
    TRANSACTIONAL_ID = "transactionalId"
    CLUSTER = "cluster"


class Pattern(StrEnum):
    """Whether an ACL's name is a whole name or a prefix."""

    LITERAL = "literal"
    PREFIXED = "prefixed"


class Operation(StrEnum):
    """What an ACL allows."""

    ALL = "ALL"
    READ = "READ"
    WRITE = "WRITE"
    CREATE = "CREATE"
    DELETE = "DELETE"
    ALTER = "ALTER"
    DESCRIBE = "DESCRIBE"
    CLUSTER_ACTION = "CLUSTER_ACTION"
    DESCRIBE_CONFIGS = "DESCRIBE_CONFIGS"
    ALTER_CONFIGS = "ALTER_CONFIGS"
    IDEMPOTENT_WRITE = "IDEMPOTENT_WRITE"


class Permission(StrEnum):
    """Whether an ACL allows or denies; declared ones allow."""

    ALLOW = "ALLOW"
    DENY = "DENY"


class Mechanism(StrEnum):
    """Kinds of SCRAM credentials. Declared users get the one that clients log in with."""

    SCRAM_SHA_256 = "SCRAM-SHA-256"
    SCRAM_SHA_512 = "SCRAM-SHA-512"


class Quota(StrEnum):
    """Kafka's user quotas. Each applies per broker, to all clients of the user together."""

    PRODUCER_BYTE_RATE = "producer_byte_rate"
    CONSUMER_BYTE_RATE = "consumer_byte_rate"
    REQUEST_PERCENTAGE = "request_percentage"
    CONTROLLER_MUTATION_RATE = "controller_mutation_rate"


@dataclass(frozen=True, kw_only=True)
class Topic:
    """A declared topic.

    Args:
        name: 1 to 249 of letters, digits, `.`, `_` and `-`.
        partitions: how many; may grow, never shrink.
        replicas: copies of each partition; cannot be changed. None: as many as the cluster gives by itself.
        config: topic settings in Kafka's names; others have the cluster's default.
        deletion_allowed: delete the topic with its records when its declaration is removed; otherwise it is kept.
        adopt: it may already exist without having been made here: the declaration is then applied to it.
    """

    name: str
    partitions: int
    replicas: int | None = None
    config: Mapping[str, str] = field(default_factory=dict)
    deletion_allowed: bool = False
    adopt: bool = False

    @property
    def key(self) -> str:
        """Its key among the declarations."""
        return f"{TOPIC_PREFIX}{self.name}"

    def value(self) -> dict[str, Any]:
        """The declaration as written; empty values are omitted."""
        value: dict[str, Any] = {"partitions": self.partitions}
        if self.replicas is not None:
            value["replicas"] = self.replicas
        if self.config:
            value["config"] = dict(sorted(self.config.items()))
        if self.deletion_allowed:
            value["deletion"] = "allow"
        if self.adopt:
            value["adopt"] = True
        return value


@dataclass(frozen=True, kw_only=True, order=True)
class Acl:
    """One rule for one user: an operation on whatever a pattern matches."""

    resource: Resource
    name: str
    pattern: Pattern
    operation: Operation
    permission: Permission = Permission.ALLOW
    host: str = "*"


@dataclass(frozen=True, kw_only=True)
class User:
    """A declared user, which logs in with SCRAM unless it is `custom`.

    Args:
        name: the name to log in with; the principal is `User:<name>`.
        file: its file among the declarations, where the name cannot be that of one; None: the name's own.
        custom: somebody else gives it what it logs in with, such as a certificate: it gets rights and quotas alone.
        acls: everything that the user may do; other ACLs of the same principal that allow something are removed.
        password_version: the password is set again when this number changes.
        quotas: limits per broker; other quotas of the same user are removed.
        adopt: it already exists without having been made here. The declaration is applied to it; its other ACLs and
            quotas stay, and so does its password while `password_version` is 1.
    """

    name: str
    file: str | None = field(default=None, compare=False)
    custom: bool = False
    acls: frozenset[Acl] = frozenset()
    password_version: int = 1
    quotas: Mapping[Quota, float] = field(default_factory=dict)
    adopt: bool = False

    @property
    def key(self) -> str:
        """Its key in the ledger and in messages."""
        return f"{USER_PREFIX}{self.name}"

    @property
    def password_file(self) -> str:
        """Its file among the passwords."""
        return self.file or self.name

    def value(self) -> dict[str, Any]:
        """The declaration as written; empty values are omitted. It has no password."""
        grouped: dict[tuple[Resource, str, Pattern], list[str]] = {}
        for acl in sorted(self.acls):
            grouped.setdefault((acl.resource, acl.name, acl.pattern), []).append(acl.operation.value)
        value: dict[str, Any] = {}
        if grouped:
            value["acls"] = [
                {"resource": resource.value, "name": name, "pattern": pattern.value, "operations": operations}
                for (resource, name, pattern), operations in grouped.items()
            ]
        value["passwordVersion"] = self.password_version
        if self.quotas:
            value["quotas"] = {quota.value: self.quotas[quota] for quota in Quota if quota in self.quotas}
        if self.adopt:
            value["adopt"] = True
        if self.custom:
            value["auth"] = "custom"
        return value

    @property
    def keeps_password(self) -> bool:
        """Whether it keeps the password that it had when it was taken over, or logs in with what is not made here."""
        return self.custom or (self.adopt and self.password_version <= 1)


@dataclass(frozen=True, kw_only=True)
class Declarations:
    """Everything declared, by name."""

    topics: Mapping[str, Topic] = field(default_factory=dict)
    users: Mapping[str, User] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.topics) + len(self.users)
