"""The settings of a worker: what may stand under `workers.<name>`."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated

from kafka_platform.model import Acl, Quotas, User
from kafka_platform.names import check_subdomain
from kafka_platform.ranges import MOST_VERSIONS
from kafka_platform.scaling_model import MOST_PODS, Commit, OffsetReset, Scale, scaler_user, scaler_user_name
from kafka_platform.worker_model import (
    MOST_USER,
    Assignment,
    Egress,
    Partitioning,
    WorkerProbes,
    WorkerResources,
    check_worker,
    worker_user,
)
from pydantic import field_validator, model_validator

from infra.settings.section import IMAGE, NamespaceNames, Port, Range, Section, UserName


class Worker(Section):
    """A team's service that reads from Kafka, writes to it, or both. It runs in its tenant's namespace."""

    image: str
    """The team's image. Needed. Its program finds how to connect in variables and files."""
    tenant: str
    """Tenant of this file that it belongs to: its namespace, and the quotas of its user. Needed."""
    reads: tuple[str, ...] = ()
    """Topics of this file that it reads, in one consumer group."""
    writes: tuple[str, ...] = ()
    """Topics of this file that it writes."""
    group: str | None = None
    """Its consumer group. Default: the worker's name."""
    scale: Scale | None = None
    """By what the number of pods is decided; needs `keda`. Default: it is fixed, `replicas`."""
    replicas: Annotated[int, Range(0, MOST_PODS)] | None = None
    """Fixed number of pods. Default: 1."""
    command: tuple[str, ...] = ()
    """Program and arguments in place of the image's entry point. Default: the image's."""
    args: tuple[str, ...] = ()
    """Arguments in place of the image's. Default: the image's."""
    environment: Mapping[str, str] = {}
    """Variables of the program. No secrets: those are mounted by `secretFiles`."""
    partitioning: Partitioning | None = None
    """Which partition a record is written to. Default: by its key, the same one from every language."""
    assignment: Assignment = Assignment.COOPERATIVE_STICKY
    """How the group shares out partitions. Default: cooperative-sticky, members go on with what they keep."""
    offset_reset: OffsetReset = OffsetReset.EARLIEST
    """Where the group begins in a partition of which it has committed nothing. Default: earliest, at the oldest record."""
    commit: Commit = Commit.MANUAL
    """Who commits. Default: manual, the program does when a record is dealt with."""
    transactional: bool = False
    """Whether it writes in transactions, whose ids begin with `<name>-`. Default: it does not."""
    consumer_config: Mapping[str, str] = {}
    """Further options of the consumer by the client library's own names, such as max.poll.interval.ms."""
    producer_config: Mapping[str, str] = {}
    """Further options of the producer by the client library's own names, such as compression.type."""
    acls: tuple[Acl, ...] = ()
    """What its user may do beyond reading, writing and its group. Default: nothing."""
    user: UserName | None = None
    """User of this file (external Kafka: any) that it logs in as, with its Secret `<user>-kafka` in the namespace. Default:
    one of its own is made, `<name>`, which may do what is declared here and nothing else."""
    scaler_user: UserName | None = None
    """The same for the user that KEDA looks at the lag with. Default: one of its own is made, `<name>-scaler`."""
    password_version: Annotated[int, Range(1, MOST_VERSIONS)] = 1
    """Another number gives its own user a new password, and restarts the pods with it. Default 1."""
    resources: WorkerResources = WorkerResources()
    """Processor and memory of each pod. Default: 100m and 256Mi."""
    probes: WorkerProbes = WorkerProbes()
    """How Kubernetes sees that a pod is well. Default: while its program runs."""
    ports: Mapping[str, Port] = {}
    """Ports of the program by name, such as http; a Service of the worker's name leads to them. Default: none."""
    client_namespaces: NamespaceNames = ()
    """Namespaces, besides its own, whose pods may connect to `ports`. Default: everybody may who reaches them."""
    egress: tuple[Egress, ...] = ()
    """What its pods connect to besides names and Kafka, such as a database. Default: nothing."""
    scratch: Mapping[str, str] = {"/tmp": "64Mi"}  # noqa: S108 - in the pod
    """Folders that the program may write to, with their sizes; the rest is read-only. Default: /tmp with 64Mi."""
    secret_files: tuple[str, ...] = ()
    """Secrets of the namespace that are mounted at /etc/secrets/<name>. Default: none."""
    pull_secrets: tuple[str, ...] = ()
    """Secrets of the namespace with logins for the image's registry. Default: none."""
    run_as: Annotated[int, Range(1, MOST_USER)] = 1000
    """User and group id of the program, not 0. Default 1000."""
    termination: str = "60s"
    """How long a pod may take to finish what it has in hand, commit and leave the group when it is told to end. Default 60s."""
    stop_command: tuple[str, ...] = ()
    """Command in the container that makes the program leave its group, for one that does not understand SIGTERM. Default:
    none."""

    @field_validator("image")
    @classmethod
    def _image(cls, value: str) -> str:
        if not IMAGE.fullmatch(value):
            raise ValueError(
                f"{value!r} is not an image: write registry/name:tag, such as ghcr.io/acme/fraud-check:1.8.2"
            )
        return value

    @field_validator("pull_secrets")
    @classmethod
    def _secrets(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for secret in value:
            check_subdomain(secret, "Secret name")
        return value

    @model_validator(mode="after")
    def _check(self) -> "Worker":
        check_worker(
            reads=self.reads,
            writes=self.writes,
            group=self.group,
            transactional=self.transactional,
            scale=self.scale,
            replicas=self.replicas,
            assignment=self.assignment,
            partitioning=self.partitioning,
            consumer_config=self.consumer_config,
            producer_config=self.producer_config,
            environment=self.environment,
            ports=self.ports,
            client_namespaces=self.client_namespaces,
            scratch=self.scratch,
            secret_files=self.secret_files,
            termination=self.termination,
            stop_command=self.stop_command,
            command=(*self.command, *self.args),
        )
        return self

    @property
    def scales_by_lag(self) -> bool:
        """Whether what waits decides on the number of pods."""
        return self.scale is not None and self.scale.by_lag

    def users(self, name: str, namespace: str, quotas: Quotas | None) -> Mapping[str, User]:
        """The users that are made for the worker of that name: its own, and its scaler's."""
        group = (self.group or name) if self.reads else None
        made: dict[str, User] = {}
        if self.user is None:
            user = worker_user(
                name,
                reads=self.reads,
                writes=self.writes,
                group=group,
                transactional=self.transactional,
                acls=self.acls,
                password_version=self.password_version,
            )
            made[name] = replace(user, namespace=namespace, quotas=quotas)
        if self.scales_by_lag and group is not None and self.scaler_user is None:
            made[scaler_user_name(name)] = replace(scaler_user(topics=self.reads, group=group), namespace=namespace)
        return made
