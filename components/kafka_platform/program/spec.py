"""The spec of a team's program that reads and writes Kafka: its clients, its rights and its pods. No Pulumi.

Every class checks itself when constructed and raises `ValueError` with one sentence that begins with the name of the
invalid field, as every spec does.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, dataclass

from kafka_platform.kafka.entities import Acl, User
from kafka_platform.kube.pod_settings import UNDECIDED, PodSettings, RunAs
from kafka_platform.program.clients import Assignment, Commit, OffsetReset, Partitioning, check_clients
from kafka_platform.values.checks import PORT_SCHEMA, check_network, check_ports
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
    processors,
    words,
)
from kafka_platform.values.free_maps import check_settings, check_variables
from kafka_platform.values.later import Input
from kafka_platform.values.names import check_group, check_image, check_label, check_subdomain, check_topic, check_user
from kafka_platform.values.ranges import MOST_VERSIONS, within
from kafka_platform.values.units import volume

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
        "KAFKA_STATE_DIR",
        "KAFKA_STREAMS_PROPERTIES",
        "KAFKA_TRANSACTIONAL_ID_PREFIX",
        "KAFKA_WRITE_TOPICS",
        "POD_NAME",
        "SPRING_CONFIG_ADDITIONAL_LOCATION",
    }
)
"""What the platform sets in a program's pods."""
PLATFORM_FOLDER = "/etc/kafka-platform"
"""Where the platform mounts what a client needs."""
MOST_USER = 2**31 - 1
"""User ids of Linux, as Kubernetes takes them."""


@dataclass(frozen=True, kw_only=True)
class WorkerResources(Compute):
    """CPU and memory of one pod of a team's program."""

    cpu: str = processors("100m", "500m", "2")
    """CPU request. Default 100m."""
    cpu_limit: str | None = processors(None, "2")
    """CPU limit. Default: none."""
    memory: str = memory_of("a program", "256Mi", least="16Mi")
    """Memory request and limit. Default 256Mi."""


def _check_targets(ports: Sequence[int]) -> None:
    if not ports:
        raise ValueError("none are given: name at least one, such as 5432")
    check_ports(ports)


@dataclass(frozen=True, kw_only=True)
class Egress(Spec):
    """Another destination that a program's pods may connect to."""

    ports: Sequence[int] = formed(MISSING, _check_targets, items=PORT_SCHEMA)
    """TCP ports, such as 5432."""
    namespace: Input[str] | None = named(check_label, "namespace")
    """Namespace of the destination pods. Default: any."""
    network: Input[str] | None = named(check_network, "10.20.0.0/16", examples=["10.20.0.0/16"])
    """Destination network outside the cluster, such as `10.20.0.0/16`. Default: any."""

    def check(self) -> None:
        """It is one place."""
        if self.network is not None and self.namespace is not None:
            raise ValueError("network: namespace is given too: keep one of them")


def check_program_variables(variables: Mapping[str, object]) -> None:
    """Raises for a variable that the platform sets, or that has a secret by its name."""
    check_variables(variables)
    for key in variables:
        if key in VARIABLES:
            raise ValueError(f"{key}: is set by the platform: use another name")
        if _SECRET.search(key.upper()):
            raise ValueError(f"{key}: secrets do not belong in variables: name its Secret in secret_files")


def _check_scratch(folders: Mapping[str, str]) -> None:
    for path, size in folders.items():
        if not _PATH.fullmatch(path):
            raise ValueError(f"{path!r} is not a folder: write one such as /tmp")
        if path == PLATFORM_FOLDER or path.startswith(f"{PLATFORM_FOLDER}/"):
            raise ValueError(f"{path!r} is the platform's: use another folder")
        volume(size)


def check_topics(topics: Sequence[str]) -> None:
    """Raises unless each is a topic, and listed once."""
    for topic in topics:
        check_topic(topic)
        if list(topics).count(topic) > 1:
            raise ValueError(f"{topic!r} is listed twice: keep one")


@dataclass(frozen=True, kw_only=True)
class ProgramSpec(Spec):
    """Settings of a team's program, whatever runs it."""

    image: Input[str] = formed(MISSING, check_image, examples=["ghcr.io/acme/fraud-check:1.8.2"])
    """The team's image. Its program finds its connection settings in environment variables and files. Required."""
    reads: Sequence[str] = formed((), check_topics)
    """Topics that it reads, in one consumer group."""
    writes: Sequence[str] = formed((), check_topics)
    """Topics that it writes."""
    group: str | None = formed(None, check_group)
    """Its consumer group. Default: its own name."""
    command: Sequence[str] = words("an argument")
    """Program and arguments in place of the image's entry point. Default: the image's."""
    args: Sequence[str] = words("an argument")
    """Arguments in place of the image's. Default: the image's."""
    environment: Mapping[str, Input[str]] = mapping(check_program_variables)
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
    password_version: int = within(1, MOST_VERSIONS, default=1)
    """Another number restarts the pods with their user's current password; a user of its own gets a new one. Default
    1."""
    pod_settings: PodSettings = UNDECIDED
    """Scheduling, labels and pull secrets of the pods; its own `pull_secrets` and `run_as` are added. Default:
    Kubernetes' own defaults."""
    resources: WorkerResources = WorkerResources()
    """CPU and memory of each pod. Default: 100m and 256Mi."""
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

    def check(self) -> None:
        """The parts fit together."""
        if not self.reads and self.writes:
            for field, given in (("group", self.group is not None), ("consumer_config", bool(self.consumer_config))):
                if given:
                    raise ValueError(f"{field}: it reads no topic: name one in reads, or remove it")
        if not self.writes and self.reads and not self.keeps_state:
            given_too = (
                ("partitioning", self.partitioning is not None),
                ("transactional", self.transactional),
                ("producer_config", bool(self.producer_config)),
            )
            for field, given in given_too:
                if given:
                    raise ValueError(f"{field}: it writes no topic: name one in writes, or remove it")
        check_clients(self.assignment, self.consumer_config, self.producer_config)

    def check_purpose(self) -> None:
        """Raises unless it has to do with Kafka."""
        if not self.reads and not self.writes:
            raise ValueError("reads: missing, as is writes: name the topics that it reads or writes")

    @property
    def keeps_state(self) -> bool:
        """Whether it runs Kafka Streams, which also writes topics of its own."""
        return False

    @property
    def effective_pod_settings(self) -> PodSettings:
        """Its effective pod settings: its own fields are more specific than the section."""
        own_ids = RunAs.IMAGE if self.run_as is not None else None
        return self.pod_settings.with_own(PodSettings(pull_secrets=self.pull_secrets, run_as=own_ids))

    def group_of(self, name: str) -> str | None:
        """The group that the program of that name reads in; None if it reads nothing."""
        return (self.group or name) if self.reads else None

    def user_of(self, name: str) -> dict[str, User]:
        """The Kafka user of the program of that name: it may do what the program declares, and nothing else.

        Nothing is in the way of a program that logs in as an existing user.
        """
        if self.user is not None:
            return {}
        group = self.group_of(name)
        return {
            name: User(
                reads=tuple(self.reads),
                writes=tuple(self.writes),
                groups=(group,) if group is not None else (),
                transactions=(f"{transactional_prefix(name)}*",) if self.transactional else (),
                acls=tuple(self.acls),
                password_version=self.password_version,
            )
        }


def transactional_prefix(name: str) -> str:
    """With what the transactional ids of the program `name` begin; each pod adds its own name."""
    return f"{name}-"
