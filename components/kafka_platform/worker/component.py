"""A team's service that reads from Kafka, writes to it, or both."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import pulumi

from kafka_platform.args import Args
from kafka_platform.entities.component import with_users
from kafka_platform.kafka.connection import KafkaConnection
from kafka_platform.kafka.registry import RegistryConnection
from kafka_platform.kube.images import RUNTIME_IMAGE
from kafka_platform.kube.place import KubernetesObject, once_ready, place_all
from kafka_platform.program.clients import Assignment
from kafka_platform.scaling.component import Scaler, ScalerArgs
from kafka_platform.scaling.spec import Scale, scaler_user_name
from kafka_platform.values.checks import check_url
from kafka_platform.values.forms import named
from kafka_platform.values.names import check_label, check_workload
from kafka_platform.worker.objects import WorkerSettings, objects
from kafka_platform.worker.spec import WorkerSpec


@dataclass(frozen=True, kw_only=True)
class StreamWorkerArgs(WorkerSpec, Args):
    """Arguments of a `StreamWorker`: what it reads and writes, and how it runs."""

    connection: KafkaConnection
    """The Kafka: `connection` of its `KafkaCluster`."""
    namespace: pulumi.Input[str] | None = named(check_label, "namespace")
    """Namespace of the worker, which the Kafka has to let in; the connection's `ca_secret` has to be there too. Default: the
    connection's."""
    registry: RegistryConnection | None = None
    """The schema registry that it uses: `connection_of(user)` of the `SchemaRegistry`, or an existing one. Default: none."""
    partitions: Mapping[str, int] = field(default_factory=dict)
    """How many partitions the topics have that it reads: no more pods are useful. Default: not known here; then
    `scale.max` is needed."""
    surge: pulumi.Input[str] | None = named(check_url)
    """`metrics_url` of a `KafkaExporter` that lists the worker under `surges`, and so adds pods within seconds of a step of the
    load. Default: none does."""
    spread: str = "topology.kubernetes.io/zone"
    """Label of the machines over whose values the pods are spread, as far as possible. Default: the zones."""
    runtime_image: pulumi.Input[str] = RUNTIME_IMAGE
    """Image of this platform's own programs."""

    def check(self) -> None:
        """As every worker; and the scaling fits the topics."""
        if self.scaler_user is not None and not self.scales_by_lag:
            raise ValueError("scaler_user: the number of pods does not depend on lag: remove it")
        self.check_purpose()
        super().check()
        connection = self.connection
        self.check_logins(connection.login, makes_users=connection.makes_users or not connection.logs_in)
        if self.scale is not None:
            self.most_pods(self.scale, "its own", self.partitions)


class StreamWorker(pulumi.ComponentResource):
    """Runs a team's service with its Kafka connection and exactly the rights that it declares.

    Its pods get their connection in environment variables and files, are spread over machines, shut down in order, and
    are as many as the load requires.
    """

    deployment: pulumi.Output[str]
    """Name of its Deployment; with `state`, of its StatefulSet."""
    namespace: pulumi.Output[str]
    """Namespace of its pods."""
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
        logs_in = given.connection.logs_in
        connection = with_users(
            self,
            name,
            given.connection,
            given.users_of(name) if logs_in else {},
            namespace,
            runtime_image=given.runtime_image,
            pod_settings=given.pod_settings,
        )
        settings = WorkerSettings.of(
            name=name,
            namespace=namespace,
            connection=connection,
            spread=given.spread,
            spec=given,
            runtime_image=given.runtime_image,
            registry=given.registry,
        )
        pods = place_all(self, name, objects(settings))[given.workload, "pods"]
        if given.scale is not None:
            self._scale(given.scale, settings, connection, pods)
        self.deployment = once_ready(name, pods)
        self.namespace = pulumi.Output.from_input(namespace)
        self.user = pulumi.Output.from_input((given.user or name) if logs_in else "")
        self.group = pulumi.Output.from_input(settings.group or "")
        self.register_outputs(
            {"deployment": self.deployment, "namespace": self.namespace, "user": self.user, "group": self.group}
        )

    def _scale(
        self, scale: Scale, settings: WorkerSettings, connection: KafkaConnection, pods: KubernetesObject
    ) -> None:
        args = self._args
        Scaler(
            scaler_user_name(self._name),
            ScalerArgs(
                connection=connection,
                target=once_ready(self._name, pods),
                target_kind=args.workload,
                namespace=settings.namespace,
                scale=scale,
                topics=args.reads,
                partitions=args.partitions,
                group=settings.group,
                offset_reset=args.offset_reset,
                commit=args.commit,
                per_topic=args.assignment is Assignment.RANGE,
                user=args.scaler_user or scaler_user_name(self._name),
                user_secret=args.scaler_user_secret,
                surge=args.surge,
                pod_settings=args.pod_settings,
            ),
            pulumi.ResourceOptions(parent=self),
        )
