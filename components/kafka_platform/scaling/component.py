"""Autoscaling: KEDA scales a workload by lag, CPU, a query or the time of day."""

from collections.abc import Mapping, Sequence
from dataclasses import MISSING, dataclass, field

import pulumi

from kafka_platform.args import Args
from kafka_platform.entities.component import with_users
from kafka_platform.kafka.client_pods import with_authority_of
from kafka_platform.kafka.connection import KafkaConnection
from kafka_platform.kube.images import RUNTIME_IMAGE
from kafka_platform.kube.place import place_all
from kafka_platform.kube.pod_settings import UNDECIDED, PodSettings
from kafka_platform.program.clients import Commit, OffsetReset
from kafka_platform.scaling.objects import ScalerSettings, objects
from kafka_platform.scaling.spec import Scale, check_scale, scaler_user, scaler_user_name
from kafka_platform.values.checks import check_field, check_url
from kafka_platform.values.forms import named
from kafka_platform.values.names import (
    check_label,
    check_secret_of_user,
    check_subdomain,
    check_topic,
    check_user,
    check_workload,
    user_secret,
)


@dataclass(frozen=True, kw_only=True)
class ScalerArgs(Args):
    """Arguments of a `Scaler`: what to scale, and on which metrics. The workload must not set `replicas`."""

    connection: KafkaConnection
    """The Kafka: `connection` of its `KafkaCluster`."""
    target: pulumi.Input[str] = named(check_subdomain, "workload name", default=MISSING)
    """Name of the workload, in the scaler's namespace."""
    target_kind: str = "Deployment"
    """Deployment or StatefulSet. Default Deployment."""
    namespace: pulumi.Input[str] | None = named(check_label, "namespace")
    """Namespace of the workload, of the Secret of the scaler's user, and of the connection's `ca_secret`. Default: the
    connection's."""
    scale: Scale
    """By what, and within which limits."""
    topics: Sequence[str] = ()
    """By lag: the topics that the group reads."""
    partitions: Mapping[str, int] = field(default_factory=dict)
    """How many partitions each of them has: the most pods that are useful. Default: not known, then `scale.max` is needed."""
    group: str | None = None
    """By lag: the consumer group of the workload."""
    offset_reset: OffsetReset = OffsetReset.EARLIEST
    """By lag: where the group begins in a partition of which it has committed nothing, as the workload's client is set.
    Default: earliest; Kafka's clients themselves begin at the latest."""
    commit: Commit = Commit.MANUAL
    """By lag: who commits. Default: the program does."""
    per_topic: bool = False
    """Whether the group shares out each topic by itself (the assignment `range`), so that no more pods are useful than the
    largest topic has partitions. Default: all partitions together."""
    user: str | None = named(check_user)
    """An existing Kafka user for KEDA, with its Secret in the namespace; it needs Describe on the topics and the group.
    Default: its own user `<name>-scaler` is created."""
    user_secret: pulumi.Input[str] | None = named(check_subdomain, "object name")
    """Secret of that user: `username` and `password`, or `tls.crt` and `tls.key`. Default: `<user>-kafka`."""
    surge: pulumi.Input[str] | None = named(check_url)
    """`metrics_url` of a `KafkaExporter` that lists the workload under `surges`, and so adds pods within seconds of a step of
    the load: KEDA then keeps as many as the arriving records need. Default: none does."""
    pod_settings: PodSettings = UNDECIDED
    """Where the pods of the Job run that makes KEDA's user, and what they carry. Default: Kubernetes' own defaults."""
    runtime_image: pulumi.Input[str] = RUNTIME_IMAGE
    """Image of this platform's own programs."""

    def check(self) -> None:
        """It is a workload that can be scaled, and the scaling fits it."""
        if self.target_kind not in ("Deployment", "StatefulSet"):
            raise ValueError(f"target_kind: {self.target_kind!r} cannot be scaled: use Deployment or StatefulSet")
        if self.user is not None and self.user_secret is None:
            check_secret_of_user("user", self.user)
        if self.user is None and self.user_secret is not None:
            raise ValueError("user_secret: a user of its own is made, with its own Secret: name that user in user too")
        if self.user is None and self.scale.by_lag and self.connection.logs_in and not self.connection.makes_users:
            raise ValueError(
                f"user: missing, clients log in with {self.connection.login}, and whoever runs the Kafka makes users: name one, and its "
                "Secret in user_secret"
            )
        for topic in self.topics:
            if "*" not in topic:
                check_field("topics", check_topic, topic)
        self.most_pods()

    def most_pods(self) -> int:
        """The most pods that there may be. Raises `ValueError` if the scaling does not fit what is scaled."""
        return check_scale(
            self.scale,
            topics=self.topics,
            partitions=self.partitions,
            group=self.group,
            offset_reset=self.offset_reset,
            commit=self.commit,
            per_topic=self.per_topic,
        )


class Scaler(pulumi.ComponentResource):
    """Scales a workload with KEDA, which has to be installed and allowed to connect to the Kafka.

    KEDA logs in with its own Kafka user, which can see offsets and nothing else.
    """

    scaled_object: pulumi.Output[str]
    """Name of the ScaledObject."""
    max_pods: pulumi.Output[int]
    """Most pods that there will be."""

    def __init__(self, name: str, args: ScalerArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """`name` is the name of the ScaledObject; the autoscaler is `keda-hpa-<name>`."""
        super().__init__("kafka-platform:index:Scaler", name, {}, opts)
        given = ScalerArgs.of(args)
        check_workload(name, "scaler", 33 if given.user is None else 40)
        connection = given.connection
        namespace = connection.namespace if given.namespace is None else given.namespace
        logs_in = given.scale.by_lag and connection.logs_in
        if logs_in and given.user is None:
            connection = with_users(
                self,
                name,
                connection,
                {scaler_user_name(name): scaler_user(topics=given.topics, group=given.group or "")},
                namespace,
                runtime_image=given.runtime_image,
                pod_settings=given.pod_settings,
            )
        own = user_secret(given.user or scaler_user_name(name))
        secret = (own if given.user_secret is None else given.user_secret) if logs_in else None
        most = given.most_pods()
        settings = ScalerSettings(
            name=name,
            namespace=namespace,
            connection=with_authority_of(connection, secret),
            scale=given.scale,
            max=most,
            target=given.target,
            target_kind=given.target_kind,
            topics=given.topics,
            group=given.group,
            offset_reset=given.offset_reset,
            secret=secret,
            surge=given.surge,
        )
        place_all(self, name, objects(settings))
        self.scaled_object = pulumi.Output.from_input(name)
        self.max_pods = pulumi.Output.from_input(most)
        self.register_outputs({"scaledObject": self.scaled_object, "maxPods": self.max_pods})
