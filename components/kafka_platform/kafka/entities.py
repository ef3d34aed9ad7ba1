"""Topics, users, rights and quotas. No Pulumi."""

from collections.abc import Mapping, Sequence
from dataclasses import MISSING, dataclass

from kafka_platform.values.form import DURATION, SIZE
from kafka_platform.values.forms import Spec, formed, mapping, named, names, rate
from kafka_platform.values.free_maps import check_settings
from kafka_platform.values.later import Input
from kafka_platform.values.names import check_label, check_pattern, check_subdomain, user_secret
from kafka_platform.values.ranges import MOST_REPLICAS, MOST_VERSIONS, within
from kafka_platform.values.units import bytes_per_second, milliseconds, size_bytes
from kafka_platform.values.words import Deciding

MAX_PARTITIONS = 10_000
"""Most partitions of one topic: beyond it the controller's metadata operations take minutes, and it is nearly always a typing error."""
MAX_MESSAGE_BYTES = 2**31 - 1
"""Bytes of a batch: Kafka counts them in 32 bits."""


class Deletion(Deciding):
    """What happens to data whose declaration is removed."""

    RETAIN = "retain"
    """It is kept."""
    ALLOW = "allow"
    """It is deleted."""


def check_min_insync(least: int, replicas: int) -> None:
    """Raises unless a topic with `replicas` copies stays writable when one broker is down (one copy alone never does)."""
    if least > replicas or (least == replicas and replicas > 1):
        raise ValueError(
            f"min_insync_replicas: {least} of {replicas} replicas: one broker down would stop every writer: "
            f"use {max(replicas - 1, 1)}"
        )


class Cleanup(Deciding):
    """What happens to old records of a topic (Kafka's `cleanup.policy`)."""

    DELETE = "delete"
    """Records older than the retention are deleted."""
    COMPACT = "compact"
    """The newest record of each key is kept for ever."""
    COMPACT_DELETE = "compact,delete"
    """Compacted, and what is older than the retention is deleted too."""

    @classmethod
    def _missing_(cls, value: object) -> "Cleanup | None":
        """Kafka's setting is a list in any order, with blanks or without."""
        words = value.split(",") if isinstance(value, str) else []
        return cls.COMPACT_DELETE if sorted(word.strip() for word in words) == ["compact", "delete"] else None


# Topic fields that are typed, and the Kafka settings that therefore must not be in `config`.
_TYPED_TOPIC_CONFIG = {
    "retention.ms": "retention",
    "retention.bytes": "retention_size",
    "cleanup.policy": "cleanup",
    "min.insync.replicas": "min_insync_replicas",
    "max.message.bytes": "max_message_size",
}


def _check_replicas(replicas: int) -> None:
    if not 1 <= replicas <= MOST_REPLICAS:
        raise ValueError(f"{replicas} is out of range: use at least 1, and at most the number of brokers")


def _check_message_size(text: str) -> None:
    if not 0 <= size_bytes(text) <= MAX_MESSAGE_BYTES:
        raise ValueError(f"{text!r} is out of range: use up to 2047Mi")


def _check_topic_config(config: Mapping[str, str]) -> None:
    check_settings(config)
    for key in config:
        if key in _TYPED_TOPIC_CONFIG:
            raise ValueError(f"{key!r} has a field of its own: write {_TYPED_TOPIC_CONFIG[key]}")


@dataclass(frozen=True, kw_only=True)
class Topic(Spec):
    """A topic. Fields that are left out have the cluster's defaults."""

    partitions: int = within(1, MAX_PARTITIONS, default=1)
    """Number of partitions; can grow, never shrink. Default 1."""
    replicas: int | None = formed(None, _check_replicas, minimum=1, maximum=MOST_REPLICAS)
    """Copies of each record, at most the number of brokers; fixed once the topic exists. Default: the cluster's."""
    min_insync_replicas: int | None = within(1, MOST_REPLICAS, default=None)
    """Replicas that must have a record before `acks=all` is acknowledged; fewer than `replicas`. Default: the
    cluster's."""
    retention: str | None = formed(None, milliseconds, pattern=DURATION, examples=["7d", "forever"])
    """How long records are kept, such as `7d`, or `forever`. Default: the cluster's."""
    retention_size: str | None = formed(None, size_bytes, pattern=SIZE, examples=["10Gi", "unlimited"])
    """How many bytes each partition keeps, such as `10Gi`, or `unlimited`. Default: the cluster's (unlimited)."""
    cleanup: Cleanup | None = None
    """What happens to old records. Default: the cluster's (`delete`)."""
    max_message_size: str | None = formed(None, _check_message_size, pattern=SIZE, examples=["1MiB"])
    """Largest batch of records accepted, such as `1MiB`. Default: the cluster's (about 1 MiB)."""
    config: Mapping[str, str] = mapping(_check_topic_config)
    """Any other topic setting by Kafka's own name (https://kafka.apache.org/documentation/#topicconfigs); its type and bounds are checked."""
    deletion: Deletion = Deletion.RETAIN
    """Whether the topic is deleted, with its records, when its declaration is removed. Default: it is kept."""
    adopt: bool = False
    """Whether to take over an existing topic that this stack did not create: declared settings are applied to it, the
    rest stays. Default: an existing topic that would change is refused."""

    def check(self) -> None:
        """One broker down stops no writer."""
        if self.min_insync_replicas is not None and self.replicas is not None:
            check_min_insync(self.min_insync_replicas, self.replicas)

    def kafka_config(self) -> dict[str, str]:
        """The topic's settings by Kafka's names, sorted; what is left out is not there."""
        config = dict(self.config)
        if self.retention is not None:
            config["retention.ms"] = str(milliseconds(self.retention))
        if self.retention_size is not None:
            config["retention.bytes"] = str(size_bytes(self.retention_size))
        if self.cleanup is not None:
            config["cleanup.policy"] = self.cleanup.value
        if self.min_insync_replicas is not None:
            config["min.insync.replicas"] = str(self.min_insync_replicas)
        if self.max_message_size is not None:
            config["max.message.bytes"] = str(size_bytes(self.max_message_size))
        return dict(sorted(config.items()))


@dataclass(frozen=True, kw_only=True)
class Quotas(Spec):
    """Limits of a user. Kafka enforces them per broker: with three brokers a user can reach three times the rate."""

    produce: str | None = rate(None, "20MB/s")
    """Bytes a second written to each broker, such as `20MB/s`. Default: no limit."""
    consume: str | None = rate(None, "50MB/s")
    """Bytes a second read from each broker, such as `50MB/s`. Default: no limit."""
    request_percentage: float | None = within(0.01, 100_000, default=None)
    """Share of one broker's request threads in percent; 100 is one whole thread. Default: no limit."""
    controller_mutations: float | None = within(0.01, 1_000_000, default=None)
    """Topic and partition changes a second. Default: no limit."""

    def kafka_quotas(self) -> dict[str, float]:
        """The quotas by Kafka's names; what is left out is not there."""
        quotas: dict[str, float] = {}
        if self.consume is not None:
            quotas["consumer_byte_rate"] = bytes_per_second(self.consume)
        if self.controller_mutations is not None:
            quotas["controller_mutation_rate"] = self.controller_mutations
        if self.produce is not None:
            quotas["producer_byte_rate"] = bytes_per_second(self.produce)
        if self.request_percentage is not None:
            quotas["request_percentage"] = self.request_percentage
        return quotas


class AclResource(Deciding):
    """Resource type of an ACL."""

    TOPIC = "topic"
    GROUP = "group"
    TRANSACTIONAL_ID = "transactionalId"
    CLUSTER = "cluster"


class Operation(Deciding):
    """Operation that an ACL allows (org.apache.kafka.common.acl.AclOperation)."""

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
    ALL = "ALL"


def _check_operations(operations: Sequence[Operation]) -> None:
    if not operations:
        raise ValueError("none are given: name at least one, such as READ")


@dataclass(frozen=True, kw_only=True)
class Acl(Spec):
    """Operations that a user may perform on a resource. Everything else is denied."""

    resource: AclResource
    """Kind of the resource."""
    name: str = named(check_pattern, default=MISSING)
    """Its name, or a prefix that ends in `*` (`orders-*`); `*` alone is every one. For the cluster: `kafka-cluster`."""
    operations: Sequence[Operation] = formed(MISSING, _check_operations, minItems=1)
    """What is allowed; at least one."""

    def check(self) -> None:
        """The cluster has one name."""
        if self.resource is AclResource.CLUSTER and self.name != "kafka-cluster":
            raise ValueError(f"name: {self.name!r} is not the cluster's name in ACLs: write kafka-cluster")


class Login(Deciding):
    """How a user logs in."""

    SCRAM = "scram"
    """By a generated password (SCRAM)."""
    MTLS = "mtls"
    """By a certificate that the cluster's operator makes and renews; only where Strimzi runs the Kafka."""
    CUSTOM = "custom"
    """With existing credentials, such as a token, an API key or a certificate: it gets rights and limits here, but no
    credentials. Only with the engines `strimzi` and `external`."""


@dataclass(frozen=True, kw_only=True)
class User(Spec):
    """A Kafka user with generated credentials, delivered as the Secret `<user>-kafka`, or with existing ones.

    `writes`, `reads`, `groups` and `transactions` each take names, or prefixes that end in `*`.
    """

    writes: Sequence[str] = names(check_pattern)
    """Topics it may write."""
    reads: Sequence[str] = names(check_pattern)
    """Topics it may read."""
    groups: Sequence[str] = names(check_pattern)
    """Consumer groups it may join."""
    transactions: Sequence[str] = names(check_pattern)
    """Transactional ids it may use."""
    acls: Sequence[Acl] = ()
    """Rights that `writes`, `reads`, `groups` and `transactions` cannot express."""
    quotas: Quotas | None = None
    """Limits. Default: none."""
    namespace: Input[str] | None = named(check_label, "namespace")
    """Namespace that its Secret is delivered to. Default: the cluster's."""
    password_version: int = within(1, MOST_VERSIONS, default=1)
    """Raise it by one to generate a new password. Default 1."""
    auth: Login = Login.SCRAM
    """How it logs in. Default: with a password."""
    secret: Input[str] | None = named(check_subdomain, "object name")
    """Name of the Secret with its credentials; required where a Secret cannot have the user's name, as for `svc@corp`.
    With `auth: custom` it is an existing one. Default: `<user>-kafka`."""
    adopt: bool = False
    """Whether to take over an existing user that this stack did not create: what is declared is applied to it. Its
    other ACLs and quotas stay, and so does its password, for which there is no Secret unless `password_version` is
    above 1. Default: an existing user that would change is refused."""

    @property
    def keeps_password(self) -> bool:
        """Whether it keeps a password that is not known here."""
        return self.adopt and self.password_version == 1

    def secret_of(self, name: str) -> Input[str]:
        """Name of the Secret of the user of that name."""
        return user_secret(name) if self.secret is None else self.secret

    def all_acls(self) -> list[Acl]:
        """Everything the user may do, as ACLs with no resource named twice, in a stable order."""
        wanted: dict[tuple[str, str], set[Operation]] = {}

        def allow(resource: AclResource, names: Sequence[str], *operations: Operation) -> None:
            for name in names:
                wanted.setdefault((resource.value, name), set()).update(operations)

        allow(AclResource.TOPIC, self.writes, Operation.WRITE, Operation.DESCRIBE)
        allow(AclResource.TOPIC, self.reads, Operation.READ, Operation.DESCRIBE)
        allow(AclResource.GROUP, self.groups, Operation.READ, Operation.DESCRIBE)
        allow(AclResource.TRANSACTIONAL_ID, self.transactions, Operation.WRITE, Operation.DESCRIBE)
        for acl in self.acls:
            allow(acl.resource, [acl.name], *acl.operations)
        return [
            Acl(resource=AclResource(resource), name=name, operations=sorted(operations, key=lambda each: each.value))
            for (resource, name), operations in sorted(wanted.items())
        ]
