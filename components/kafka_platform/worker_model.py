"""What people say about a worker: how its clients share out partitions, and what its pods need. No Pulumi.

Every class checks itself when it is made and raises `ValueError` with one sentence that begins with the name of the
field at fault, as those in `model` do. What concerns several of them is checked by `check_worker`.
"""

import ipaddress
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from kafka_platform.checks import checked
from kafka_platform.free_maps import check_lines, check_settings, check_text, check_variables
from kafka_platform.model import Acl, User
from kafka_platform.names import check_group, check_label, check_subdomain, check_topic
from kafka_platform.ranges import check_ranges, within
from kafka_platform.scaling_model import MOST_PODS, Scale
from kafka_platform.units import cores, memory, milliseconds, quantity, volume

_JAVA_CLASS = re.compile(r"[A-Za-z_$][\w$]*(\.[A-Za-z_$][\w$]*)+")
_PORT_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,13}[a-z0-9])?")
_PATH = re.compile(r"(/[A-Za-z0-9._-]+)+")
# Somebody's password in a variable is shown by `kubectl describe`, in crash reports and to every child process.
_SECRET = re.compile(r"(^|_)(PASSWORD|PASSWD|SECRET|TOKEN|API_?KEY|PRIVATE_?KEY|CREDENTIALS?)$")

VARIABLES = frozenset(
    {
        "KAFKA_AUTO_OFFSET_RESET",
        "KAFKA_BOOTSTRAP_SERVERS",
        "KAFKA_CLIENT_PROPERTIES",
        "KAFKA_CONSUMER_PROPERTIES",
        "KAFKA_GROUP_ID",
        "KAFKA_LIBRDKAFKA_CONFIG",
        "KAFKA_LIBRDKAFKA_CONSUMER_CONFIG",
        "KAFKA_LIBRDKAFKA_PRODUCER_CONFIG",
        "KAFKA_PRODUCER_PROPERTIES",
        "KAFKA_READ_TOPICS",
        "KAFKA_SASL_MECHANISM",
        "KAFKA_SASL_PASSWORD_FILE",
        "KAFKA_SASL_USERNAME",
        "KAFKA_SECURITY_PROTOCOL",
        "KAFKA_SSL_CA_FILE",
        "KAFKA_TRANSACTIONAL_ID_PREFIX",
        "KAFKA_WRITE_TOPICS",
        "POD_NAME",
        "SPRING_CONFIG_ADDITIONAL_LOCATION",
    }
)
"""What the platform sets in a worker's pods."""
PLATFORM_FOLDER = "/etc/kafka-platform"
"""Where the platform mounts what a client needs."""
LONGEST_TERMINATION = 3600
MOST_USER = 2**31 - 1
"""User ids of Linux, as Kubernetes takes them."""


class PartitionBy(Enum):
    """How a producer chooses the partition of a record."""

    KEY = "key"
    """By the key: records with the same key are in one partition, in the order in which they were sent, whichever language
    sends them. Records without a key go where there is room."""
    ROUND_ROBIN = "roundRobin"
    """Evenly, whatever the key is. Nothing is said about order."""
    STICKY = "sticky"
    """One batch after the other to one partition each, whatever the key is: the fewest and largest requests. Nothing is
    said about order."""
    CUSTOM = "custom"
    """As a partitioner of your own says."""


LIBRDKAFKA_PARTITIONERS = (
    "consistent",
    "consistent_random",
    "fnv1a",
    "fnv1a_random",
    "murmur2",
    "murmur2_random",
    "random",
)


@dataclass(frozen=True, kw_only=True)
class Partitioning:
    """Which partition a record is written to."""

    by: PartitionBy = PartitionBy.KEY
    """By the key, evenly, in batches, or by a partitioner of your own. Default: by the key."""
    java: str | None = None
    """With `custom`: class of the Java partitioner, such as `com.example.ByRegion`."""
    librdkafka: str | None = None
    """With `custom`: librdkafka's own partitioner of that name, such as `fnv1a_random`."""

    def __post_init__(self) -> None:
        if self.by is not PartitionBy.CUSTOM:
            for name in ("java", "librdkafka"):
                if getattr(self, name) is not None:
                    raise ValueError(f"{name}: partitions are chosen by {self.by.value}: write by custom, or remove it")
            return
        if self.java is None and self.librdkafka is None:
            raise ValueError("java: missing: write the class of the partitioner, or librdkafka")
        if self.java is not None and not _JAVA_CLASS.fullmatch(self.java):
            raise ValueError(f"java: {self.java!r} is not a class: write one such as com.example.ByRegion")
        if self.librdkafka is not None and self.librdkafka not in LIBRDKAFKA_PARTITIONERS:
            known = ", ".join(LIBRDKAFKA_PARTITIONERS)
            raise ValueError(f"librdkafka: {self.librdkafka!r} is not a partitioner of librdkafka: use one of {known}")


class Assignment(Enum):
    """How a group shares out its partitions."""

    COOPERATIVE_STICKY = "cooperative-sticky"
    """Members keep what they have and go on with it; only what moves stops for a moment."""
    RANGE = "range"
    """The first partitions of every topic to the same member, so that topics with as many partitions can be joined.
    Everybody stops while it is shared out."""
    ROUND_ROBIN = "roundrobin"
    """In turn. Everybody stops while it is shared out."""
    CONSUMER = "consumer"
    """The brokers share out, member by member, and nobody stops (KIP-848; Kafka 4.0, librdkafka 2.12, Java client 4.0)."""


JAVA_ASSIGNORS: Mapping[Assignment, str] = {
    Assignment.COOPERATIVE_STICKY: "org.apache.kafka.clients.consumer.CooperativeStickyAssignor",
    Assignment.RANGE: "org.apache.kafka.clients.consumer.RangeAssignor",
    Assignment.ROUND_ROBIN: "org.apache.kafka.clients.consumer.RoundRobinAssignor",
}

# Set by the broker in the protocol `consumer`: a client with one of them does not start.
_NOT_WITH_CONSUMER = frozenset(
    {"heartbeat.interval.ms", "partition.assignment.strategy", "session.timeout.ms", "group.protocol.type"}
)

# Client settings that have fields, or come from the connection and the user's Secret.
_TYPED_CONSUMER = {
    "auto.offset.reset": "offset_reset",
    "enable.auto.commit": "commit",
    "group.id": "group",
    "group.protocol": "assignment",
    "partition.assignment.strategy": "assignment",
}
_TYPED_PRODUCER = {
    "partitioner": "partitioning",
    "partitioner.class": "partitioning",
    "partitioner.ignore.keys": "partitioning",
    "transactional.id": "transactional",
}
_CONNECTION = (
    "bootstrap.",
    "config.providers",
    "enable.sasl.",
    "enable.ssl.",
    "https.ca.",
    "metadata.broker.list",
    "sasl.",
    "security.",
    "ssl.",
)
_REFUSED = {
    "group.instance.id": "all pods would be the same member: set it in the program, from POD_NAME",
    "plugin.library.paths": "it loads code into the client: put the code into the image and let the program load it",
}


@dataclass(frozen=True, kw_only=True)
class WorkerResources:
    """What one pod of a worker gets."""

    cpu: str = "100m"
    """Cores that are reserved. Default 100m."""
    cpu_limit: str | None = None
    """Cores it may use at most. Default: what the machine has."""
    memory: str = "256Mi"
    """Memory that is reserved and may be used. Default 256Mi."""

    def __post_init__(self) -> None:
        for name in ("cpu", "cpu_limit", "memory"):
            text = getattr(self, name)
            if text is not None:
                checked(name, memory if name == "memory" else cores, text)
        if quantity(self.memory) < 2**24:
            raise ValueError(f"memory: {self.memory} is too little for a program: use at least 16Mi")
        if self.cpu_limit is not None and quantity(self.cpu_limit) < quantity(self.cpu):
            raise ValueError(f"cpu_limit: {self.cpu_limit} is less than cpu ({self.cpu}): raise it or leave it out")


@dataclass(frozen=True, kw_only=True)
class WorkerProbe:
    """A question to a pod: an HTTP path, or a command."""

    path: str | None = None
    """Path that is answered by 200, such as `/healthz`, on `port`."""
    port: int | None = within(1, 65535, default=None)
    """Port of the path."""
    command: Sequence[str] = ()
    """Command in the container that ends with 0."""
    period: str = "10s"
    """How often it is asked. Default 10s."""
    failures: int = within(1, 1000, default=3)
    """Failures in a row that count. Default 3."""

    def __post_init__(self) -> None:
        if (self.path is None) == (not self.command):
            raise ValueError(
                "path: missing: write one with its port, or a command"
                if self.path is None
                else "path: command is given too: keep one of them"
            )
        if self.path is not None:
            if not self.path.startswith("/"):
                raise ValueError(f"path: {self.path!r} is not a path: begin it with /")
            checked("path", check_text, self.path, "a path")
        for part in self.command:
            checked("command", check_lines, part, "an argument")
        if self.path is not None and (self.port is None or not 1 <= self.port <= 65535):
            raise ValueError("port: missing or out of range: write the port of the path, 1 to 65535")
        if self.path is None and self.port is not None:
            raise ValueError("port: belongs to a path, and there is a command: remove it")
        checked("period", milliseconds, self.period)
        if not 1000 <= milliseconds(self.period) <= 3_600_000 or milliseconds(self.period) % 1000:
            raise ValueError(f"period: {self.period!r} is out of range: use whole seconds, 1s to 1h")
        check_ranges(self)


@dataclass(frozen=True, kw_only=True)
class WorkerProbes:
    """How Kubernetes sees that a pod is well. Default: a pod is well while its program runs."""

    startup: WorkerProbe | None = None
    """Until it succeeds, the others are not asked. Default: none."""
    readiness: WorkerProbe | None = None
    """While it fails, an update goes no further, and a Service sends nothing. Default: none."""
    liveness: WorkerProbe | None = None
    """When it fails, the program is started again. It should not ask Kafka: brokers that are away would restart all pods,
    which helps nobody. Default: none."""


@dataclass(frozen=True, kw_only=True)
class Egress:
    """Somewhere else that a worker's pods may connect to."""

    ports: Sequence[int]
    """TCP ports, such as 5432."""
    namespace: str | None = None
    """Namespace whose pods are meant. Default: anywhere."""
    network: str | None = None
    """Network outside the cluster that is meant, such as `10.20.0.0/16`. Default: anywhere."""

    def __post_init__(self) -> None:
        if not self.ports:
            raise ValueError("ports: none are given: name at least one, such as 5432")
        for port in self.ports:
            if not 1 <= port <= 65535:
                raise ValueError(f"ports: {port} is out of range: use 1 to 65535")
        if self.namespace is not None:
            checked("namespace", check_label, self.namespace, "namespace")
        if self.network is not None:
            if self.namespace is not None:
                raise ValueError("network: namespace is given too: keep one of them")
            try:
                ipaddress.ip_network(self.network)
            except ValueError:
                raise ValueError(
                    f"network: {self.network!r} is not a network: write one such as 10.20.0.0/16"
                ) from None


def check_purpose(reads: Sequence[str], writes: Sequence[str]) -> None:
    """Raises unless a worker has to do with Kafka."""
    if not reads and not writes:
        raise ValueError("reads: missing, and writes too: name the topics that the worker reads or writes")


def check_worker(
    *,
    reads: Sequence[str],
    writes: Sequence[str],
    group: str | None,
    transactional: bool,
    scale: Scale | None,
    replicas: int | None,
    assignment: Assignment,
    partitioning: Partitioning | None,
    consumer_config: Mapping[str, str],
    producer_config: Mapping[str, str],
    environment: Mapping[str, object],
    ports: Mapping[str, int],
    client_namespaces: Sequence[str],
    scratch: Mapping[str, str],
    secret_files: Sequence[str],
    termination: str,
    stop_command: Sequence[str],
    command: Sequence[str] = (),
) -> None:
    """Raises unless the parts of a worker fit together; `check_scale` says whether scaling fits the topics."""
    for field, topics in (("reads", reads), ("writes", writes)):
        for topic in topics:
            checked(field, check_topic, topic)
        for topic in topics:
            if list(topics).count(topic) > 1:
                raise ValueError(f"{field}: {topic!r} stands there twice: keep one")
    if not reads and writes:
        for field, given in (("group", group is not None), ("consumer_config", bool(consumer_config))):
            if given:
                raise ValueError(f"{field}: the worker reads no topic: name one in reads, or remove it")
    if group is not None:
        checked("group", check_group, group)
    if not writes and reads:
        given_too = (
            ("partitioning", partitioning is not None),
            ("transactional", transactional),
            ("producer_config", bool(producer_config)),
        )
        for field, given in given_too:
            if given:
                raise ValueError(f"{field}: the worker writes no topic: name one in writes, or remove it")
    _check_clients(assignment, consumer_config, producer_config)
    for part in command:
        checked("command", check_lines, part, "an argument")
    if client_namespaces and not ports:
        raise ValueError("client_namespaces: the worker has no ports: name them, or remove this")
    _check_pods(environment, ports, scratch, secret_files, termination, stop_command)
    if scale is not None and replicas is not None:
        raise ValueError("replicas: scale decides on the number of pods: remove it, or scale")
    if replicas is not None and not 0 <= replicas <= MOST_PODS:
        raise ValueError(f"replicas: {replicas} is out of range: use 0 to {MOST_PODS}")


def _check_clients(
    assignment: Assignment, consumer_config: Mapping[str, str], producer_config: Mapping[str, str]
) -> None:
    for field, config, typed in (
        ("consumer_config", consumer_config, _TYPED_CONSUMER),
        ("producer_config", producer_config, _TYPED_PRODUCER),
    ):
        checked(field, check_settings, config)
        for key in config:
            if field == "consumer_config" and assignment is Assignment.CONSUMER and key in _NOT_WITH_CONSUMER:
                raise ValueError(
                    f"{field}: {key}: the brokers decide on it in the protocol consumer: remove it, or choose another assignment"
                )
            if key in typed:
                raise ValueError(f"{field}: {key}: has a field of its own: write {typed[key]}")
            if key.lower().startswith(_CONNECTION):
                raise ValueError(f"{field}: {key}: comes from the connection and the user's Secret: remove it")
            if key in _REFUSED:
                raise ValueError(f"{field}: {key}: {_REFUSED[key]}")


def _check_pods(
    environment: Mapping[str, object],
    ports: Mapping[str, int],
    scratch: Mapping[str, str],
    secret_files: Sequence[str],
    termination: str,
    stop_command: Sequence[str],
) -> None:
    checked("environment", check_variables, environment)
    for key in environment:
        if key in VARIABLES:
            raise ValueError(f"environment: {key}: is set by the platform: use another name")
        if _SECRET.search(key.upper()):
            raise ValueError(
                f"environment: {key}: a secret does not belong into a variable: name its Secret in secret_files"
            )
    numbers: dict[int, str] = {}
    for key, port in ports.items():
        if not _PORT_NAME.fullmatch(key) or not re.search("[a-z]", key):
            raise ValueError(f"ports: {key!r} is not the name of a port: use up to 15 of a-z, 0-9 and -, such as http")
        if not 1 <= port <= 65535:
            raise ValueError(f"ports: {key}: {port} is out of range: use 1 to 65535")
        if numbers.setdefault(port, key) != key:
            raise ValueError(f"ports: {key}: {port} is {numbers[port]} already: use another one")
    for path, size in scratch.items():
        if not _PATH.fullmatch(path):
            raise ValueError(f"scratch: {path!r} is not a folder: write one such as /tmp")
        if path == PLATFORM_FOLDER or path.startswith(f"{PLATFORM_FOLDER}/"):
            raise ValueError(f"scratch: {path!r} is the platform's: use another folder")
        checked("scratch", volume, size)
    for secret in secret_files:
        checked("secret_files", check_subdomain, secret, "Secret name")
    checked("termination", milliseconds, termination)
    if not 1000 <= milliseconds(termination) <= LONGEST_TERMINATION * 1000 or milliseconds(termination) % 1000:
        raise ValueError(f"termination: {termination!r} is out of range: use whole seconds, 1s to 1h")
    if any(not part for part in stop_command):
        raise ValueError("stop_command: has an empty part: write the program and its arguments")
    for part in stop_command:
        checked("stop_command", check_lines, part, "an argument")


def transactional_prefix(name: str) -> str:
    """With what the transactional ids of the worker `name` begin; each pod adds its own name."""
    return f"{name}-"


def worker_user(
    name: str,
    *,
    reads: Sequence[str],
    writes: Sequence[str],
    group: str | None,
    transactional: bool,
    acls: Sequence[Acl],
    password_version: int,
) -> User:
    """The Kafka user of the worker `name`: what it reads and writes, its group and its transactions, nothing else."""
    return User(
        reads=tuple(reads),
        writes=tuple(writes),
        groups=(group,) if group is not None else (),
        transactions=(f"{transactional_prefix(name)}*",) if transactional else (),
        acls=tuple(acls),
        password_version=password_version,
    )
