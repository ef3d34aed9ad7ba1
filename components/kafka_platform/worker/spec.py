"""The spec of a worker: its clients and its pods. No Pulumi.

Every class checks itself when constructed and raises `ValueError` with one sentence that begins with the name of the
invalid field, as every spec does.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, dataclass

from kafka_platform.kafka.entities import Acl, User
from kafka_platform.kube.pod_settings import UNDECIDED, PodSettings, RunAs
from kafka_platform.scaling.spec import (
    MOST_PODS,
    Commit,
    OffsetReset,
    Scale,
    check_scale,
    scaler_user,
    scaler_user_name,
)
from kafka_platform.values.checks import check_field, check_network, check_ports
from kafka_platform.values.forms import (
    Compute,
    Spec,
    duration,
    formed,
    formed_by,
    mapping,
    memory_of,
    named,
    names,
    namespaces,
    processors,
    words,
)
from kafka_platform.values.free_maps import check_lines, check_settings, check_text, check_variables
from kafka_platform.values.later import Input
from kafka_platform.values.names import (
    check_group,
    check_image,
    check_label,
    check_subdomain,
    check_topic,
    check_user,
)
from kafka_platform.values.ranges import MOST_VERSIONS, within
from kafka_platform.values.units import volume
from kafka_platform.worker.clients import Assignment, Partitioning, check_clients

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
        "KAFKA_OAUTH_EXTENSIONS",
        "KAFKA_OAUTH_SCOPE",
        "KAFKA_OAUTH_TOKEN_URL",
        "KAFKA_PRODUCER_PROPERTIES",
        "KAFKA_READ_TOPICS",
        "KAFKA_SASL_MECHANISM",
        "KAFKA_SASL_PASSWORD_FILE",
        "KAFKA_SASL_USERNAME",
        "KAFKA_SECURITY_PROTOCOL",
        "KAFKA_SSL_CA_FILE",
        "KAFKA_SSL_CERTIFICATE_FILE",
        "KAFKA_SSL_KEY_FILE",
        "KAFKA_TRANSACTIONAL_ID_PREFIX",
        "KAFKA_WRITE_TOPICS",
        "POD_NAME",
        "SPRING_CONFIG_ADDITIONAL_LOCATION",
    }
)
"""What the platform sets in a worker's pods."""
PLATFORM_FOLDER = "/etc/kafka-platform"
"""Where the platform mounts what a client needs."""
MOST_USER = 2**31 - 1
"""User ids of Linux, as Kubernetes takes them."""


@dataclass(frozen=True, kw_only=True)
class WorkerResources(Compute):
    """CPU and memory of one worker pod."""

    cpu: str = processors("100m", "500m", "2")
    """CPU request. Default 100m."""
    cpu_limit: str | None = processors(None, "2")
    """CPU limit. Default: none."""
    memory: str = memory_of("a program", "256Mi", least="16Mi")
    """Memory request and limit. Default 256Mi."""


@dataclass(frozen=True, kw_only=True)
class HealthCheck(Spec):
    """A health check of a pod: an HTTP path or a command."""

    path: str | None = None
    """HTTP path that returns 200, such as `/healthz`, on `port`."""
    port: int | None = within(1, 65535, default=None)
    """Port of the path."""
    command: Sequence[str] = ()
    """Command in the container that exits with 0."""
    period: str = duration("10s", least="1s", most="1h", whole_seconds=True)
    """How often it runs. Default 10s."""
    failures: int = within(1, 1000, default=3)
    """Consecutive failures until it counts as failed. Default 3."""

    def check(self) -> None:
        """It is one question."""
        if (self.path is None) == (not self.command):
            raise ValueError(
                "path: missing: write one with its port, or a command"
                if self.path is None
                else "path: command is given too: keep one of them"
            )
        if self.path is not None:
            if not self.path.startswith("/"):
                raise ValueError(f"path: {self.path!r} is not a path: begin it with /")
            check_field("path", check_text, self.path, "a path")
        for part in self.command:
            check_field("command", check_lines, part, "an argument")
        if self.path is not None and (self.port is None or not 1 <= self.port <= 65535):
            raise ValueError("port: missing or out of range: write the port of the path, 1 to 65535")
        if self.path is None and self.port is not None:
            raise ValueError("port: belongs to a path, and there is a command: remove it")


@dataclass(frozen=True, kw_only=True)
class HealthChecks(Spec):
    """Health checks of a pod. Default: it is healthy while its program runs."""

    startup: HealthCheck | None = None
    """Until it succeeds, the other checks do not run. Default: none."""
    readiness: HealthCheck | None = None
    """While it fails, a rollout does not continue and Services send no traffic. Default: none."""
    liveness: HealthCheck | None = None
    """When it fails, the container is restarted. It should not depend on Kafka: unavailable brokers would restart all
    pods. Default: none."""


WorkerProbe = HealthCheck
"""Former name."""
WorkerProbes = HealthChecks
"""Former name."""


def _check_targets(ports: Sequence[int]) -> None:
    if not ports:
        raise ValueError("none are given: name at least one, such as 5432")
    check_ports(ports)


@dataclass(frozen=True, kw_only=True)
class Egress(Spec):
    """Another destination that a worker's pods may connect to."""

    ports: Sequence[int] = formed(MISSING, _check_targets, items={"type": "integer", "minimum": 1, "maximum": 65535})
    """TCP ports, such as 5432."""
    namespace: Input[str] | None = named(check_label, "namespace")
    """Namespace of the destination pods. Default: any."""
    network: Input[str] | None = named(check_network, "10.20.0.0/16", examples=["10.20.0.0/16"])
    """Destination network outside the cluster, such as `10.20.0.0/16`. Default: any."""

    def check(self) -> None:
        """It is one place."""
        if self.network is not None and self.namespace is not None:
            raise ValueError("network: namespace is given too: keep one of them")


def check_worker_variables(variables: Mapping[str, object]) -> None:
    """Raises for a variable that the platform sets, or that has a secret by its name."""
    check_variables(variables)
    for key in variables:
        if key in VARIABLES:
            raise ValueError(f"{key}: is set by the platform: use another name")
        if _SECRET.search(key.upper()):
            raise ValueError(f"{key}: secrets do not belong in variables: name its Secret in secret_files")


def _check_ports(ports: Mapping[str, int]) -> None:
    numbers: dict[int, str] = {}
    for key, port in ports.items():
        if not _PORT_NAME.fullmatch(key) or not re.search("[a-z]", key):
            raise ValueError(f"{key!r} is not the name of a port: use up to 15 of a-z, 0-9 and -, such as http")
        if not 1 <= port <= 65535:
            raise ValueError(f"{key}: {port} is out of range: use 1 to 65535")
        if numbers.setdefault(port, key) != key:
            raise ValueError(f"{key}: {port} is {numbers[port]} already: use another one")


def _check_scratch(folders: Mapping[str, str]) -> None:
    for path, size in folders.items():
        if not _PATH.fullmatch(path):
            raise ValueError(f"{path!r} is not a folder: write one such as /tmp")
        if path == PLATFORM_FOLDER or path.startswith(f"{PLATFORM_FOLDER}/"):
            raise ValueError(f"{path!r} is the platform's: use another folder")
        volume(size)


def _check_topics(topics: Sequence[str]) -> None:
    for topic in topics:
        check_topic(topic)
        if list(topics).count(topic) > 1:
            raise ValueError(f"{topic!r} is listed twice: keep one")


def _check_stop_command(command: Sequence[str]) -> None:
    if any(not part for part in command):
        raise ValueError("has an empty part: write the program and its arguments")
    for part in command:
        check_lines(part, "an argument")


@dataclass(frozen=True, kw_only=True)
class WorkerSpec(Spec):
    """Settings of a worker, shared by programs and stack files."""

    image: Input[str] = formed(MISSING, check_image, examples=["ghcr.io/acme/fraud-check:1.8.2"])
    """The team's image. Its program finds its connection settings in environment variables and files. Required."""
    reads: Sequence[str] = formed((), _check_topics)
    """Topics that it reads, in one consumer group."""
    writes: Sequence[str] = formed((), _check_topics)
    """Topics that it writes."""
    group: str | None = formed(None, check_group)
    """Its consumer group. Default: the worker's name."""
    scale: Scale | None = None
    """What the number of pods depends on; needs KEDA. Default: fixed, `replicas`."""
    replicas: int | None = within(0, MOST_PODS, default=None)
    """Fixed number of pods. Default: 1."""
    command: Sequence[str] = words("an argument")
    """Program and arguments in place of the image's entry point. Default: the image's."""
    args: Sequence[str] = words("an argument")
    """Arguments in place of the image's. Default: the image's."""
    environment: Mapping[str, Input[str]] = mapping(check_worker_variables)
    """Environment variables. No secrets: mount those with `secret_files`."""
    partitioning: Partitioning | None = None
    """How records are assigned to partitions. Default: by key, the same in every language."""
    assignment: Assignment = Assignment.COOPERATIVE_STICKY
    """Partition assignment strategy of the group. Default: cooperative-sticky, where members keep reading the
    partitions that they keep."""
    offset_reset: OffsetReset = OffsetReset.EARLIEST
    """Where the group starts in a partition without a committed offset. Default: earliest, the oldest record, so that
    nothing is skipped, also in added partitions."""
    commit: Commit = Commit.MANUAL
    """Who commits offsets. Default: manual, the program commits when it has handled a record."""
    transactional: bool = False
    """Whether it writes in transactions, whose ids begin with `<name>-`. Default false."""
    consumer_config: Mapping[str, str] = mapping(check_settings)
    """Further options of the consumer by the client library's own names, such as max.poll.interval.ms."""
    producer_config: Mapping[str, str] = mapping(check_settings)
    """Further options of the producer by the client library's own names, such as compression.type."""
    acls: Sequence[Acl] = ()
    """What its user may do beyond reading, writing and its group. Default: nothing."""
    user: str | None = formed(None, check_user)
    """An existing Kafka user to log in as, with its Secret in the namespace. Default: its own user `<name>` is created,
    with exactly the rights declared here."""
    user_secret: Input[str] | None = named(check_subdomain, "object name")
    """Secret of that user: `username` and `password`, or `tls.crt` and `tls.key`. Default: `<user>-kafka`, or what the user's
    declaration says."""
    scaler_user: str | None = formed(None, check_user)
    """The same for the user with which KEDA measures lag. Default: its own user `<name>-scaler` is created."""
    scaler_user_secret: Input[str] | None = named(check_subdomain, "object name")
    """Secret of that user. Default: `<user>-kafka`, or what the user's declaration says."""
    password_version: int = within(1, MOST_VERSIONS, default=1)
    """Another number restarts the pods with their user's current password; a user of its own gets a new one. Default
    1."""
    pod_settings: PodSettings = UNDECIDED
    """Scheduling, labels and pull secrets of the pods; the worker's own `pull_secrets` and `run_as` are added. Default:
    Kubernetes' own defaults."""
    resources: WorkerResources = WorkerResources()
    """CPU and memory of each pod. Default: 100m and 256Mi."""
    probes: HealthChecks = HealthChecks()
    """Health checks of the pods. Default: a pod is healthy while its program runs."""
    ports: Mapping[str, int] = mapping(
        _check_ports, additionalProperties={"type": "integer", "minimum": 1, "maximum": 65535}
    )
    """Ports of the program by name, such as http, with a Service of the worker's name. Default: none."""
    client_namespaces: Sequence[Input[str]] = namespaces()
    """Namespaces, besides its own, whose pods may connect to `ports`. Default: all."""
    egress: Sequence[Egress] = ()
    """What its pods may connect to besides DNS and Kafka, such as a database. Default: nothing."""
    scratch: Mapping[str, str] = formed_by(lambda: {"/tmp": "64Mi"}, _check_scratch)  # noqa: S108 - in the pod
    """Writable folders with their sizes; they are deleted with the pod, and everything else is read-only. Default: /tmp
    with 64Mi."""
    secret_files: Sequence[Input[str]] = names(check_subdomain, "Secret name")
    """Secrets of the namespace that are mounted at /etc/secrets/<name>. Default: none."""
    pull_secrets: Sequence[Input[str]] = names(check_subdomain, "Secret name")
    """Secrets of the namespace with logins for the image's registry. Default: none."""
    run_as: int | None = within(1, MOST_USER, default=None)
    """User and group id of the program, not 0. Default: 1000, or what `pod_settings` says."""
    termination: str = duration("60s", least="1s", most="1h", whole_seconds=True)
    """How long a pod may take after SIGTERM to finish its records, commit and leave the group. Default 60s; another pod
    repeats what is not finished by then."""
    stop_command: Sequence[str] = formed((), _check_stop_command)
    """Command in the container that makes the program leave its group, for programs that do not handle SIGTERM; SIGTERM
    follows. Default: none; a pod with `ports` keeps serving for 5 s."""

    def check(self) -> None:
        """The parts fit together; `most_pods` says whether scaling fits the topics."""
        if not self.reads and self.writes:
            for field, given in (("group", self.group is not None), ("consumer_config", bool(self.consumer_config))):
                if given:
                    raise ValueError(f"{field}: the worker reads no topic: name one in reads, or remove it")
        if not self.writes and self.reads:
            given_too = (
                ("partitioning", self.partitioning is not None),
                ("transactional", self.transactional),
                ("producer_config", bool(self.producer_config)),
            )
            for field, given in given_too:
                if given:
                    raise ValueError(f"{field}: the worker writes no topic: name one in writes, or remove it")
        check_clients(self.assignment, self.consumer_config, self.producer_config)
        if self.client_namespaces and not self.ports:
            raise ValueError("client_namespaces: the worker has no ports: name them, or remove this")
        if self.scale is not None and self.replicas is not None:
            raise ValueError("replicas: scale decides on the number of pods: remove it, or scale")

    def check_purpose(self) -> None:
        """Raises unless it has to do with Kafka."""
        if not self.reads and not self.writes:
            raise ValueError("reads: missing, as is writes: name the topics that the worker reads or writes")

    @property
    def effective_pod_settings(self) -> PodSettings:
        """Its effective pod settings: its own fields are more specific than the section."""
        own_ids = RunAs.IMAGE if self.run_as is not None else None
        return self.pod_settings.with_own(PodSettings(pull_secrets=self.pull_secrets, run_as=own_ids))

    @property
    def scales_by_lag(self) -> bool:
        """Whether what waits decides on the number of pods."""
        return self.scale is not None and self.scale.by_lag

    def group_of(self, name: str) -> str | None:
        """The group that the worker of that name reads in; None if it reads nothing."""
        return (self.group or name) if self.reads else None

    def most_pods(self, scale: Scale, name: str, partitions: Mapping[str, int]) -> int:
        """The most pods that the worker of that name may have by its `scale`.

        Args:
            scale: its own.
            name: of the worker.
            partitions: how many each topic has that it reads; empty if that is not known here.

        Raises:
            ValueError: the scaling does not fit the topics, or how it reads them.
        """
        return check_scale(
            scale,
            topics=self.reads,
            partitions=partitions,
            group=self.group_of(name),
            offset_reset=self.offset_reset,
            commit=self.commit,
            per_topic=self.assignment is Assignment.RANGE,
        )

    def users_of(self, name: str) -> dict[str, User]:
        """The Kafka users of the worker of that name: its own, and the one with which KEDA measures lag.

        The first may do what the worker declares, and nothing else.
        """
        group, made = self.group_of(name), dict[str, User]()
        if self.user is None:
            made[name] = User(
                reads=tuple(self.reads),
                writes=tuple(self.writes),
                groups=(group,) if group is not None else (),
                transactions=(f"{transactional_prefix(name)}*",) if self.transactional else (),
                acls=tuple(self.acls),
                password_version=self.password_version,
            )
        if self.scales_by_lag and group is not None and self.scaler_user is None:
            made[scaler_user_name(name)] = scaler_user(topics=self.reads, group=group)
        return made


def transactional_prefix(name: str) -> str:
    """With what the transactional ids of the worker `name` begin; each pod adds its own name."""
    return f"{name}-"
