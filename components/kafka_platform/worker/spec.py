"""The spec of a worker: its clients and its pods. No Pulumi.

Every class checks itself when constructed and raises `ValueError` with one sentence that begins with the name of the
invalid field, as every spec does.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from kafka_platform.kafka.entities import User
from kafka_platform.program.clients import Assignment
from kafka_platform.program.logins import check_login
from kafka_platform.program.spec import ProgramSpec
from kafka_platform.scaling.spec import Scale, check_scale, scaler_user, scaler_user_name
from kafka_platform.values.checks import PORT_SCHEMA, check_field
from kafka_platform.values.forms import Spec, duration, formed, mapping, named, namespaces
from kafka_platform.values.free_maps import check_lines, check_text
from kafka_platform.values.later import Input
from kafka_platform.values.names import check_subdomain, check_user
from kafka_platform.values.ranges import MOST_PODS, within
from kafka_platform.worker.state import WorkerState, internal_prefix, internal_topics

_PORT_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,13}[a-z0-9])?")


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


def _check_ports(ports: Mapping[str, int]) -> None:
    numbers: dict[int, str] = {}
    for key, port in ports.items():
        if not _PORT_NAME.fullmatch(key) or not re.search("[a-z]", key):
            raise ValueError(f"{key!r} is not the name of a port: use up to 15 of a-z, 0-9 and -, such as http")
        if not 1 <= port <= 65535:
            raise ValueError(f"{key}: {port} is out of range: use 1 to 65535")
        if numbers.setdefault(port, key) != key:
            raise ValueError(f"{key}: {port} is {numbers[port]} already: use another one")


def _check_stop_command(command: Sequence[str]) -> None:
    if any(not part for part in command):
        raise ValueError("has an empty part: write the program and its arguments")
    for part in command:
        check_lines(part, "an argument")


@dataclass(frozen=True, kw_only=True)
class WorkerSpec(ProgramSpec):
    """Settings of a worker, shared by programs and stack files."""

    scale: Scale | None = None
    """What the number of pods depends on; needs KEDA. Default: fixed, `replicas`."""
    replicas: int | None = within(0, MOST_PODS, default=None)
    """Fixed number of pods. Default: 1."""
    state: WorkerState | None = None
    """Keeps the state of a Kafka Streams application on a volume for each pod, in a StatefulSet. Default: none, a
    Deployment."""
    scaler_user: str | None = formed(None, check_user)
    """The same for the user with which KEDA measures lag. Default: its own user `<name>-scaler` is created."""
    scaler_user_secret: Input[str] | None = named(check_subdomain, "object name")
    """Secret of that user. Default: `<user>-kafka`, or what the user's declaration says."""
    probes: HealthChecks = HealthChecks()
    """Health checks of the pods. Default: a pod is healthy while its program runs."""
    ports: Mapping[str, int] = mapping(_check_ports, additionalProperties=PORT_SCHEMA)
    """Ports of the program by name, such as http, with a Service of the worker's name. Default: none."""
    client_namespaces: Sequence[Input[str]] = namespaces()
    """Namespaces, besides its own, whose pods may connect to `ports`. Default: all."""
    stop_command: Sequence[str] = formed((), _check_stop_command)
    """Command in the container that makes the program leave its group, for programs that do not handle SIGTERM; SIGTERM
    follows. Default: none; a pod with `ports` keeps serving for 5 s."""

    def check(self) -> None:
        """The parts fit together; `most_pods` says whether scaling fits the topics."""
        super().check()
        if self.client_namespaces and not self.ports:
            raise ValueError("client_namespaces: the worker has no ports: name them, or remove this")
        if self.scale is not None and self.replicas is not None:
            raise ValueError("replicas: scale decides on the number of pods: remove it, or scale")
        if self.state is not None:
            self._check_state(self.state)

    def _check_state(self, state: WorkerState) -> None:
        if not self.reads:
            raise ValueError("state: it is kept of what a worker reads, and this one reads nothing: write reads")
        if self.probes.readiness is None:
            raise ValueError(
                "probes.readiness: missing: with state, a rollout waits after each pod until it has its partitions and their "
                "state: write the path and port at which the program says so"
            )
        taken = (
            ("assignment", self.assignment is not Assignment.COOPERATIVE_STICKY),
            ("partitioning", self.partitioning is not None),
        )
        for field, given in taken:
            if given:
                raise ValueError(f"{field}: Kafka Streams decides on it where there is state: remove it")
        if "session.timeout.ms" in self.consumer_config:
            raise ValueError("consumer_config: session.timeout.ms: has a field of its own: write state.takeover")
        asked, most = state.standby_replicas or 0, self.most_pods_declared
        if asked and asked >= most:
            raise ValueError(
                f"state.standby_replicas: {asked} besides the pod that works on it need {asked + 1} pods, and there are at most "
                f"{most}: use at most {most - 1}, or more pods"
            )

    @property
    def keeps_state(self) -> bool:
        """Whether it runs Kafka Streams, which also writes topics of its own."""
        return self.state is not None

    @property
    def workload(self) -> str:
        """Kind of the object that keeps its pods running."""
        return "Deployment" if self.state is None else "StatefulSet"

    @property
    def most_pods_declared(self) -> int:
        """The most pods that its own fields allow; its topics may allow fewer."""
        if self.scale is not None:
            return MOST_PODS if self.scale.max is None else self.scale.max
        return 1 if self.replicas is None else self.replicas

    def check_logins(self, login: str, *, makes_users: bool) -> None:
        """Raises `ValueError` that begins with the invalid field for a user that can neither be created nor is named.

        Args:
            login: how clients of the Kafka log in, in words.
            makes_users: whether the platform can create users.
        """
        check_login("user", self.user, self.user_secret, login, makes_users=makes_users)
        needed = self.scales_by_lag
        check_login(
            "scaler_user", self.scaler_user, self.scaler_user_secret, login, needed=needed, makes_users=makes_users
        )

    @property
    def scales_by_lag(self) -> bool:
        """Whether what waits decides on the number of pods."""
        return self.scale is not None and self.scale.by_lag

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
        group, made = self.group_of(name), self.user_of(name)
        if self.state is not None and group is not None and name in made:
            own = made[name]
            ids = (*own.transactions, f"{internal_prefix(group)}*") if self.transactional else ()
            made[name] = replace(own, acls=(*own.acls, internal_topics(group)), transactions=tuple(dict.fromkeys(ids)))
        if self.scales_by_lag and group is not None and self.scaler_user is None:
            made[scaler_user_name(name)] = scaler_user(topics=self.reads, group=group)
        return made
