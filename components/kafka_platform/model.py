"""What people declare: the values that settings, components and the provisioner share. No Pulumi.

Every class checks itself when it is made and raises `ValueError` with one sentence that begins with the
name of the field at fault (`partitions: 0 ...`), so that a caller can put its own path before it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import MISSING, dataclass
from enum import Enum

from kafka_platform.checks import checked
from kafka_platform.forms import (
    DURATION,
    SIZE,
    Compute,
    Spec,
    formed,
    mapping,
    memory_of,
    named,
    names,
    processors,
    rate,
)
from kafka_platform.free_maps import check_annotations, check_settings
from kafka_platform.names import check_label, check_pattern, check_subdomain
from kafka_platform.ranges import MOST_REPLICAS, MOST_VERSIONS, within
from kafka_platform.units import bytes_per_second, milliseconds, size_bytes

MAX_PARTITIONS = 10_000
"""Most partitions of one topic: beyond it the controller's metadata operations take minutes, and it is nearly always a typing error."""


MAX_MESSAGE_BYTES = 2**31 - 1
"""Bytes of a batch: Kafka counts them in 32 bits."""


class Engine(Enum):
    """Who runs the Kafka."""

    EMBEDDED = "embedded"
    """One StatefulSet of the official apache/kafka image, no operator: laptops, CI, the edge."""
    STRIMZI = "strimzi"
    """Strimzi's operator, by its custom resources: production."""
    EXTERNAL = "external"
    """A Kafka that somebody else runs: only the connection."""


class Cleanup(Enum):
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


class Deletion(Enum):
    """What happens to data whose declaration is removed."""

    RETAIN = "retain"
    """It is kept."""
    ALLOW = "allow"
    """It is deleted."""


class SecurityProtocol(Enum):
    """How a client talks to a listener (Kafka's `security.protocol`)."""

    PLAINTEXT = "PLAINTEXT"
    """Neither encrypted nor authenticated."""
    SSL = "SSL"
    """Encrypted."""
    SASL_PLAINTEXT = "SASL_PLAINTEXT"
    """Authenticated, not encrypted."""
    SASL_SSL = "SASL_SSL"
    """Authenticated and encrypted."""


class SaslMechanism(Enum):
    """How a client proves who it is (Kafka's `sasl.mechanism`)."""

    SCRAM_SHA_512 = "SCRAM-SHA-512"
    """A password that is never sent."""
    PLAIN = "PLAIN"
    """A password that is sent: only inside TLS."""


# What --service-node-port-range of the API server is unless somebody changed it.
NODE_PORTS = range(30000, 32768)


def check_node_port(port: int) -> None:
    """Raises unless Kubernetes opens this port on every machine."""
    if port not in NODE_PORTS:
        raise ValueError(f"{port} is out of range: use {NODE_PORTS.start} to {NODE_PORTS.stop - 1}")


@dataclass(frozen=True, kw_only=True)
class NodePorts(Spec):
    """Clients outside Kubernetes reach node i at `<host>:<first_port + i>`, a port open on every machine of the cluster."""

    host: str = named(check_subdomain, "host name", default=MISSING)
    """Host name or address that reaches any machine of the Kubernetes cluster."""
    first_port: int = formed(MISSING, check_node_port)
    """Port of node 0, 30000 to 32767; the following ones belong to the next nodes."""

    def address(self, node: int) -> tuple[str, int]:
        """Host and port that clients outside use for this node."""
        return self.host, self.first_port + node

    def check_nodes(self, nodes: int) -> None:
        """Raises unless every one of `nodes` nodes gets a port of its own."""
        if self.first_port + nodes - 1 not in NODE_PORTS:
            raise ValueError(
                f"first_port: {self.first_port} leaves no port for node {nodes - 1}: use at most {NODE_PORTS.stop - nodes}"
            )


@dataclass(frozen=True, kw_only=True)
class LoadBalancers(Spec):
    """Clients outside Kubernetes reach each node through a load balancer of its own, under a name that you keep in DNS."""

    host: str = formed(MISSING, lambda host: check_subdomain(host.replace("{nodeId}", "0"), "host name"))
    """Host name of each node; `{nodeId}` stands for its number, as in `broker-{nodeId}.kafka.example.com`."""
    port: int = within(1, 65535, default=9094)
    """Port of the load balancers. Default 9094."""
    annotations: Mapping[str, str] = mapping(check_annotations)
    """Annotations of the Services, for the cloud's load balancer controller. Default: none."""

    def address(self, node: int) -> tuple[str, int]:
        """Host and port that clients outside use for this node."""
        return self.host.replace("{nodeId}", str(node)), self.port

    def check_nodes(self, nodes: int) -> None:
        """Raises unless every one of `nodes` nodes gets a name of its own."""
        if nodes > 1 and "{nodeId}" not in self.host:
            raise ValueError(
                f"host: {self.host!r} is the same for all {nodes} nodes: put {{nodeId}} in it, as in broker-{{nodeId}}.example.com"
            )


@dataclass(frozen=True, kw_only=True)
class Listeners(Spec):
    """How clients reach an embedded cluster. All of them log in by SCRAM-SHA-512."""

    certificate: str | None = named(check_subdomain, "Secret name")
    """Secret (in the cluster's namespace) with `tls.crt`, `tls.key` (PKCS#8) and `ca.crt`: clients then use TLS. It must
    be valid for `<name>.<namespace>.svc`, `*.<name>-nodes.<namespace>.svc` and the external hosts. Default: no TLS."""
    node_ports: NodePorts | None = None
    """Lets clients outside Kubernetes in by node ports. Default: nobody outside."""
    load_balancers: LoadBalancers | None = None
    """Lets clients outside Kubernetes in by load balancers. Default: nobody outside."""

    def check(self) -> None:
        """There is one way in from outside at most."""
        if self.node_ports is not None and self.load_balancers is not None:
            raise ValueError("node_ports: load_balancers is given too: keep one of them")

    @property
    def external(self) -> NodePorts | LoadBalancers | None:
        """The way in from outside, if there is one."""
        return self.node_ports or self.load_balancers

    def check_nodes(self, nodes: int) -> None:
        """Raises unless every one of `nodes` nodes gets an external address of its own."""
        if self.external is not None:
            checked("node_ports" if self.node_ports else "load_balancers", self.external.check_nodes, nodes)


@dataclass(frozen=True, kw_only=True)
class Resources(Compute):
    """What one Kafka node gets."""

    cpu: str = processors("100m", "500m", "2")
    """Cores that are reserved. Default 100m: three nodes fit a laptop; more is used when it is free."""
    cpu_limit: str | None = processors(None, "2")
    """Cores it may use at most. Default: what the machine has."""
    # A broker with less heap than this collects garbage all the time.
    memory: str = memory_of("a broker", "1Gi", least="512Mi")
    """Memory that is reserved and may be used, at least 512Mi; half is the JVM's heap, the rest serves threads and buffers. Default 1Gi."""


@dataclass(frozen=True, kw_only=True)
class Defaults(Spec):
    """What topics get that do not say otherwise."""

    replicas: int | None = within(1, MOST_REPLICAS, default=None)
    """Copies of each record. Default: 1 on one node, 2 on two, otherwise 3."""
    min_insync_replicas: int | None = within(1, MOST_REPLICAS, default=None)
    """Copies that must have a record before `acks=all` is answered. Default: one less than `replicas`, at least 1."""
    retention: str = formed("7d", milliseconds, pattern=DURATION, examples=["7d", "forever"])
    """How long records are kept, such as `7d`, or `forever`. Default 7d."""

    def replicas_on(self, nodes: int) -> int:
        """Copies of each record on a cluster of `nodes` nodes. Raises if there are not as many nodes."""
        replicas = self.replicas if self.replicas is not None else min(nodes, 3)
        if replicas > nodes:
            raise ValueError(f"replicas: {replicas} replicas on {nodes} nodes: use at most {nodes}, or add nodes")
        return replicas

    def min_insync_replicas_on(self, nodes: int) -> int:
        """Copies that `acks=all` waits for. Raises if one node down would stop every writer."""
        replicas = self.replicas_on(nodes)
        least = self.min_insync_replicas if self.min_insync_replicas is not None else max(replicas - 1, 1)
        check_min_insync(least, replicas)
        return least


def check_min_insync(least: int, replicas: int) -> None:
    """Raises unless a topic with `replicas` copies stays writable when one broker is down (one copy alone never does)."""
    if least > replicas or (least == replicas and replicas > 1):
        raise ValueError(
            f"min_insync_replicas: {least} of {replicas} replicas: one broker down would stop every writer: "
            f"use {max(replicas - 1, 1)}"
        )


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
    """A topic. What is left out follows the cluster's defaults."""

    partitions: int = within(1, MAX_PARTITIONS, default=1)
    """How many partitions; can grow, never shrink. Default 1."""
    replicas: int | None = formed(None, _check_replicas, minimum=1, maximum=MOST_REPLICAS)
    """Copies of each record, at most the number of brokers; fixed once the topic exists. Default: the cluster's."""
    min_insync_replicas: int | None = within(1, MOST_REPLICAS, default=None)
    """Copies that must have a record before `acks=all` is answered; less than `replicas`. Default: the cluster's."""
    retention: str | None = formed(None, milliseconds, pattern=DURATION, examples=["7d", "forever"])
    """How long records are kept, such as `7d`, or `forever`. Default: the cluster's."""
    retention_size: str | None = formed(None, size_bytes, pattern=SIZE, examples=["10Gi"])
    """How many bytes each partition keeps, such as `10Gi`, or `unlimited`. Default: the cluster's (unlimited)."""
    cleanup: Cleanup | None = None
    """What happens to old records. Default: the cluster's (`delete`)."""
    max_message_size: str | None = formed(None, _check_message_size, pattern=SIZE, examples=["1MiB"])
    """Largest batch of records accepted, such as `1MiB`. Default: the cluster's (about 1 MiB)."""
    config: Mapping[str, str] = mapping(_check_topic_config)
    """Any other topic setting by Kafka's own name (https://kafka.apache.org/documentation/#topicconfigs); its type and bounds are checked."""
    deletion: Deletion = Deletion.RETAIN
    """Whether records go when the declaration is removed. Default: they are kept."""
    adopt: bool = False
    """Whether it may exist already although this stack did not make it: what is declared is then applied to it, the rest
    stays. Default: where it exists and would change, it is refused."""

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
    """Limits of a user. Kafka enforces them per broker: a user of three brokers can reach three times the rate."""

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


class AclResource(Enum):
    """What an ACL is about."""

    TOPIC = "topic"
    GROUP = "group"
    TRANSACTIONAL_ID = "transactionalId"
    CLUSTER = "cluster"


class Operation(Enum):
    """What an ACL allows (org.apache.kafka.common.acl.AclOperation)."""

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
    """Operations that a user may do on a resource. Whatever is not allowed is denied."""

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


class Login(Enum):
    """How a user proves who it is."""

    SCRAM = "scram"
    """By a generated SCRAM-SHA-512 password."""
    MTLS = "mtls"
    """By a certificate that the cluster's operator makes and renews; only where Strimzi runs the Kafka."""
    CUSTOM = "custom"
    """In the way of its own that a listener has, such as a token: it gets rights and limits here, and no credentials; only where
    Strimzi runs the Kafka."""


@dataclass(frozen=True, kw_only=True)
class User(Spec):
    """A Kafka user with generated credentials, delivered as the Secret `<user>-kafka`.

    `writes`, `reads`, `groups` and `transactions` each take names, or prefixes that end in `*`.
    """

    writes: Sequence[str] = names(check_pattern)
    """Topics it may write to."""
    reads: Sequence[str] = names(check_pattern)
    """Topics it may read from."""
    groups: Sequence[str] = names(check_pattern)
    """Consumer groups it may join."""
    transactions: Sequence[str] = names(check_pattern)
    """Transactional ids it may use."""
    acls: Sequence[Acl] = ()
    """What the four lists above cannot say."""
    quotas: Quotas | None = None
    """Limits. Default: none."""
    namespace: str | None = named(check_label, "namespace")
    """Namespace that its Secret is delivered to. Default: the cluster's."""
    password_version: int = within(1, MOST_VERSIONS, default=1)
    """Raise it by one to have a new password made. Default 1."""
    auth: Login = Login.SCRAM
    """How it proves who it is. Default: by a password."""
    adopt: bool = False
    """Whether it exists already although this stack did not make it: what is declared is then applied to it. Its other ACLs
    and quotas stay, and so does its password, of which no Secret is made, unless `password_version` is above 1. Default:
    where it exists and would change, it is refused."""

    @property
    def keeps_password(self) -> bool:
        """Whether it goes on with a password that is not known here."""
        return self.adopt and self.password_version == 1

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
