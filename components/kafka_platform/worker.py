"""A team's service that reads from Kafka, writes to it, or both."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import pulumi

from kafka_platform import worker_objects
from kafka_platform.args import Args
from kafka_platform.checks import checked
from kafka_platform.client_pods import kafka_ports, with_authority_of
from kafka_platform.cluster import RUNTIME_IMAGE
from kafka_platform.connection import KafkaConnection
from kafka_platform.gateway_objects import text_hash
from kafka_platform.kubernetes import KubernetesObject, after, place
from kafka_platform.model import Acl, User
from kafka_platform.names import check_label, check_user, check_workload
from kafka_platform.ranges import MOST_VERSIONS, check_ranges, within
from kafka_platform.resources import KafkaResources, KafkaResourcesArgs
from kafka_platform.scaler import Scaler, ScalerArgs
from kafka_platform.scaling_model import Commit, OffsetReset, Scale, check_scale, scaler_user, scaler_user_name
from kafka_platform.worker_clients import ClientSettings, client_files
from kafka_platform.worker_model import (
    MOST_USER,
    Assignment,
    Egress,
    Partitioning,
    WorkerProbes,
    WorkerResources,
    check_purpose,
    check_worker,
    transactional_prefix,
    worker_user,
)
from kafka_platform.worker_objects import WorkerSettings


@dataclass(frozen=True, kw_only=True)
class StreamWorkerArgs(Args):
    """What a worker reads and writes, and how it runs."""

    connection: KafkaConnection
    """The Kafka, as its `KafkaCluster` tells."""
    image: str
    """The team's image. Its program finds how to connect in variables and files, see docs/components/stream-worker.md."""
    command: Sequence[str] = ()
    """Program and arguments in place of the image's entry point. Default: the image's."""
    args: Sequence[str] = ()
    """Arguments in place of the image's. Default: the image's."""
    environment: Mapping[str, pulumi.Input[str]] = field(default_factory=dict)
    """Variables of the program. No secrets: those are mounted by `secret_files`."""
    namespace: pulumi.Input[str] | None = None
    """Namespace of the worker, which the Kafka has to let in; the connection's `ca_secret` has to be there too. Default: the
    connection's."""
    reads: Sequence[str] = ()
    """Topics it reads, in one consumer group."""
    writes: Sequence[str] = ()
    """Topics it writes."""
    group: str | None = None
    """Its consumer group. Default: the worker's name."""
    partitions: Mapping[str, int] = field(default_factory=dict)
    """How many partitions the topics have that it reads: no more pods are useful. Default: not known here; then
    `scale.max` is needed."""
    scale: Scale | None = None
    """By what the number of pods is decided. Default: it is fixed, `replicas`."""
    replicas: int | None = None
    """Fixed number of pods. Default: 1."""
    partitioning: Partitioning | None = None
    """Which partition a record is written to. Default: by its key, the same one from every language."""
    assignment: Assignment = Assignment.COOPERATIVE_STICKY
    """How the group shares out partitions. Default: cooperative-sticky, members go on with what they keep."""
    offset_reset: OffsetReset = OffsetReset.EARLIEST
    """Where the group begins in a partition of which it has committed nothing. Default: at the oldest record, so that nothing
    is left out, also in partitions that are added."""
    commit: Commit = Commit.MANUAL
    """Who commits. Default: the program, when a record is dealt with."""
    transactional: bool = False
    """Whether it writes in transactions, whose ids begin with `<name>-`. Default: it does not."""
    consumer_config: Mapping[str, str] = field(default_factory=dict)
    """Further options of the consumer by the client library's own names, such as `max.poll.interval.ms`."""
    producer_config: Mapping[str, str] = field(default_factory=dict)
    """Further options of the producer by the client library's own names, such as `compression.type`."""
    acls: Sequence[Acl] = ()
    """What its user may do beyond reading, writing and its group. Default: nothing."""
    user: str | None = None
    """Kafka user that is there already, with its Secret `<user>-kafka` in the namespace. Default: one of its own is made,
    `<name>`, which may do what is declared here and nothing else."""
    scaler_user: str | None = None
    """The same for the user that KEDA looks at the lag with. Default: one of its own is made, `<name>-scaler`."""
    password_version: int = within(1, MOST_VERSIONS, default=1)
    """Another number restarts the pods with the password that its user then has; its own user gets a new one. Default 1."""
    resources: WorkerResources = field(default_factory=WorkerResources)
    """Processor and memory of each pod. Default: 100m and 256Mi."""
    probes: WorkerProbes = field(default_factory=WorkerProbes)
    """How Kubernetes sees that a pod is well. Default: while its program runs."""
    ports: Mapping[str, int] = field(default_factory=dict)
    """Ports of the program by name, such as `http`; a Service of the worker's name leads to them. Default: none."""
    client_namespaces: Sequence[str] = ()
    """Namespaces, besides its own, whose pods may connect to `ports`. Default: everybody may who reaches them."""
    egress: Sequence[Egress] = ()
    """What its pods connect to besides names and Kafka, such as a database. Default: nothing."""
    scratch: Mapping[str, str] = field(default_factory=lambda: {"/tmp": "64Mi"})  # noqa: S108 - in the pod
    """Folders that the program may write to, with their sizes; they go with the pod, and the rest is read-only. Default:
    /tmp with 64Mi."""
    secret_files: Sequence[str] = ()
    """Secrets of the namespace that are mounted at /etc/secrets/<name>. Default: none."""
    pull_secrets: Sequence[str] = ()
    """Secrets of the namespace with logins for the image's registry. Default: none."""
    run_as: int = within(1, MOST_USER, default=1000)
    """User and group id of the program, not 0. Default 1000."""
    spread: str = "topology.kubernetes.io/zone"
    """Label of the machines over whose values the pods are spread, as far as possible. Default: the zones."""
    termination: str = "60s"
    """How long a pod may take to finish what it has in hand, commit and leave the group when it is told to end (SIGTERM).
    Default 60s; what is not done by then is done again by another pod."""
    stop_command: Sequence[str] = ()
    """Command in the container that makes the program leave its group, for one that does not understand SIGTERM; it is told
    to end afterwards. Default: none; a pod with `ports` serves them for 5 s more."""
    runtime_image: str = RUNTIME_IMAGE
    """Image of this platform's own programs."""

    def __post_init__(self) -> None:
        if isinstance(self.namespace, str):
            checked("namespace", check_label, self.namespace, "namespace")
        if not self.image.strip():
            raise ValueError("image: is empty: write registry/name:tag")
        for name in ("user", "scaler_user"):
            if getattr(self, name) is not None:
                checked(name, check_user, getattr(self, name))
        for namespace in self.client_namespaces:
            checked("client_namespaces", check_label, namespace, "namespace")
        check_ranges(self)
        if self.scaler_user is not None and (self.scale is None or not self.scale.by_lag):
            raise ValueError("scaler_user: lag does not decide on the number of pods: remove it")
        check_purpose(self.reads, self.writes)
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
        if self.scale is not None:
            check_scale(
                self.scale,
                topics=self.reads,
                partitions=self.partitions,
                group=(self.group or "its own") if self.reads else None,
                offset_reset=self.offset_reset,
                commit=self.commit,
                per_topic=self.assignment is Assignment.RANGE,
            )


class StreamWorker(pulumi.ComponentResource):
    """Runs a team's service with everything that it needs to reach Kafka, and no more rights than it declares.

    Its pods get the connection in variables and files, are spread, end in order, and are as many as the load asks for.
    """

    deployment: pulumi.Output[str]
    """Name of its Deployment."""
    namespace: pulumi.Output[str]
    """Namespace of its Deployment."""
    user: pulumi.Output[str]
    """Kafka user that it logs in as; empty for a Kafka without logins."""
    group: pulumi.Output[str]
    """Its consumer group; empty if it reads nothing."""

    def __init__(self, name: str, args: StreamWorkerArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """`name` is the name of the Deployment, of its Kafka user and, unless the args say another, of its group."""
        super().__init__("kafka-platform:index:StreamWorker", name, {}, opts)
        self._name = name
        self._args = given = StreamWorkerArgs.of(args)
        check_workload(name, "worker")
        namespace = given.connection.namespace if given.namespace is None else given.namespace
        logs_in = given.connection.sasl_mechanism is not None
        group = (given.group or name) if given.reads else None
        connection = self._with_users(group, namespace) if logs_in else given.connection
        user = (given.user or name) if logs_in else None
        settings = WorkerSettings(
            name=name,
            namespace=namespace,
            connection=with_authority_of(connection, user),
            image=given.image,
            command=given.command,
            args=given.args,
            environment=given.environment,
            reads=given.reads,
            writes=given.writes,
            group=group,
            transactional_prefix=transactional_prefix(name) if given.transactional else None,
            offset_reset=given.offset_reset,
            user=user,
            password_version=given.password_version,
            replicas=1 if given.replicas is None else given.replicas,
            scale=given.scale,
            resources=given.resources,
            probes=given.probes,
            ports=given.ports,
            client_namespaces=given.client_namespaces,
            egress=given.egress,
            scratch=given.scratch,
            secret_files=given.secret_files,
            pull_secrets=given.pull_secrets,
            run_as=given.run_as,
            spread=given.spread,
            termination=given.termination,
            stop_command=given.stop_command,
        )
        pods = self._pods(settings)
        if given.scale is not None:
            self._scale(given.scale, settings, connection, pods)
        self.deployment = after(name, pods)
        self.namespace = pulumi.Output.from_input(namespace)
        self.user = pulumi.Output.from_input(settings.user or "")
        self.group = pulumi.Output.from_input(group or "")
        self.register_outputs(
            {"deployment": self.deployment, "namespace": self.namespace, "user": self.user, "group": self.group}
        )

    def _with_users(self, group: str | None, namespace: pulumi.Input[str]) -> KafkaConnection:
        """Makes the users that are not there yet. Returns the connection, which is to be used when they are."""
        name, args = self._name, self._args
        users: dict[str, User] = {}
        if args.user is None:
            users[name] = worker_user(
                name,
                reads=args.reads,
                writes=args.writes,
                group=group,
                transactional=args.transactional,
                acls=args.acls,
                password_version=args.password_version,
            )
        if args.scale is not None and args.scale.by_lag and args.scaler_user is None:
            users[scaler_user_name(name)] = scaler_user(topics=args.reads, group=group or "")
        if not users:
            return args.connection
        made = KafkaResources(
            f"{name}-access",
            KafkaResourcesArgs(
                connection=args.connection, users=users, user_namespace=namespace, runtime_image=args.runtime_image
            ),
            pulumi.ResourceOptions(parent=self),
        )
        return replace(args.connection, bootstrap_servers=after(args.connection.bootstrap_servers, made))

    def _pods(self, settings: WorkerSettings) -> KubernetesObject:
        name, args, connection = self._name, self._args, settings.connection
        child = pulumi.ResourceOptions(parent=self)
        files = pulumi.Output.all(
            connection.bootstrap_servers, connection.security_protocol, connection.sasl_mechanism, connection.ca_secret
        ).apply(
            lambda known: client_files(
                ClientSettings(
                    bootstrap_servers=str(known[0]),
                    security_protocol=str(known[1]),
                    sasl_mechanism=None if known[2] is None else str(known[2]),
                    has_ca=known[3] is not None,
                    user=settings.user,
                    reads=args.reads,
                    writes=args.writes,
                    group=settings.group,
                    transactional_prefix=settings.transactional_prefix,
                    offset_reset=args.offset_reset,
                    commit=args.commit,
                    assignment=args.assignment,
                    partitioning=args.partitioning or Partitioning(),
                    consumer_config=args.consumer_config,
                    producer_config=args.producer_config,
                )
            )
        )
        config = place(f"{name}-client", worker_objects.config_map(settings, files), child)
        policy = place(f"{name}-network", worker_objects.network_policy(settings, kafka_ports(connection)), child)
        place(f"{name}-disruption", worker_objects.pod_disruption_budget(settings), child)
        if settings.ports:
            place(f"{name}-service", worker_objects.service(settings), child)
        return place(
            f"{name}-pods",
            worker_objects.deployment(settings, files.apply(lambda known: text_hash("".join(known.values())))),
            pulumi.ResourceOptions(parent=self, depends_on=[config, policy]),
        )

    def _scale(
        self, scale: Scale, settings: WorkerSettings, connection: KafkaConnection, pods: KubernetesObject
    ) -> None:
        args = self._args
        Scaler(
            scaler_user_name(self._name),
            ScalerArgs(
                connection=connection,
                target=after(self._name, pods),
                namespace=settings.namespace,
                scale=scale,
                topics=args.reads,
                partitions=args.partitions,
                group=settings.group,
                offset_reset=args.offset_reset,
                commit=args.commit,
                per_topic=args.assignment is Assignment.RANGE,
                user=args.scaler_user or scaler_user_name(self._name),
            ),
            pulumi.ResourceOptions(parent=self),
        )
