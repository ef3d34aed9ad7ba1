"""A connector that runs as a small program of its own."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pulumi

from kafka_platform.args import Args
from kafka_platform.connect.common import RecordFormat, check_connector_name, connector_user_name
from kafka_platform.kafka.client_pods import with_authority_of
from kafka_platform.kafka.connection import KafkaConnection
from kafka_platform.kafka.registry import RegistryConnection
from kafka_platform.kube.images import RUNTIME_IMAGE
from kafka_platform.kube.place import once_ready, place_all
from kafka_platform.kube.pod_settings import UNDECIDED, PodSettings
from kafka_platform.light.objects import LightSettings, objects
from kafka_platform.light.spec import LightConnectorSpec
from kafka_platform.scaling.component import Scaler, ScalerArgs
from kafka_platform.scaling.spec import scaler_user_name
from kafka_platform.values.forms import named, namespaces
from kafka_platform.values.names import check_label, user_secret


@dataclass(frozen=True, kw_only=True)
class LightConnectorArgs(LightConnectorSpec, Args):
    """Arguments of a `LightConnector`: what it moves, and how it runs."""

    connection: KafkaConnection
    """The Kafka, as its `KafkaCluster` tells. Declare `light_topics({name: connector})` and `light_users({name: connector})` in it."""
    namespace: pulumi.Input[str] | None = named(check_label, "namespace")
    """Namespace of the pods and of the Secret that the connector names, which the Kafka has to let in. Default: the
    connection's, which it does."""
    partitions: Mapping[str, int] = field(default_factory=dict)
    """How many partitions the topics have that a sink reads: no more pods are useful. Default: not known here; then
    `scale.max` is needed."""
    registry: RegistryConnection | None = None
    """With `format: schema`: how it reaches the schema registry, such as `registry.connection_of("connector-search")`. Default: none."""
    spread: str = "topology.kubernetes.io/zone"
    """Label of the machines over whose values the pods are spread, as far as possible. Default: the zones."""
    metrics_namespaces: Sequence[pulumi.Input[str]] = namespaces()
    """Namespaces whose pods may read the metrics. Default: all."""
    pod_settings: PodSettings = UNDECIDED
    """Scheduling, labels and pull secrets of the pods. Default: Kubernetes' own defaults."""
    image: pulumi.Input[str] = RUNTIME_IMAGE
    """Image of this platform's own programs."""

    def check(self) -> None:
        """It has a kind, can log in, and its scaling fits its topics."""
        super().check()
        self.check_kind()
        if self.connection.logs_in and not self.connection.makes_users:
            raise ValueError(
                f"connection: clients log in with {self.connection.login}, and each connector needs a password of Kafka of its own"
            )
        if (self.registry is not None) != (self.format is RecordFormat.SCHEMA):
            raise ValueError("registry: belongs to format: schema: give both, or none of them")
        if self.scale is not None:
            self.most_pods("its own", self.partitions)


class LightConnector(pulumi.ComponentResource):
    """Moves records between Kafka and one other system, in order and at least once, as a Kafka user of its own."""

    deployment: pulumi.Output[str]
    """Name of its Deployment."""
    namespace: pulumi.Output[str]
    """Namespace of its pods."""
    user: pulumi.Output[str]
    """Kafka user that it logs in as, and its consumer group."""

    def __init__(self, name: str, args: LightConnectorArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """`name` is the name of the connector; its Deployment and its Kafka user are `connector-<name>`."""
        super().__init__("kafka-platform:index:LightConnector", name, {}, opts)
        args = LightConnectorArgs.of(args)
        check_connector_name(name)
        own = connector_user_name(name)
        secret = user_secret(own) if args.connection.sasl_mechanism is not None else None
        namespace = args.connection.namespace if args.namespace is None else args.namespace
        settings = LightSettings(
            connector=name,
            namespace=namespace,
            connection=with_authority_of(args.connection, secret),
            image=args.image,
            spec=args,
            registry=args.registry,
            secret=secret,
            spread=args.spread,
            pod_settings=args.pod_settings,
            metrics_namespaces=args.metrics_namespaces,
        )
        pods = place_all(self, own, objects(settings))["Deployment", "pods"]
        if args.scale is not None and args.pods is None:
            Scaler(
                scaler_user_name(own),
                ScalerArgs(
                    connection=args.connection,
                    target=once_ready(own, pods),
                    namespace=namespace,
                    scale=args.scale,
                    topics=args.reads,
                    partitions=args.partitions,
                    group=own,
                    user=scaler_user_name(own),
                    user_secret=user_secret(scaler_user_name(own)),
                    pod_settings=args.pod_settings,
                ),
                pulumi.ResourceOptions(parent=self),
            )
        self.deployment = once_ready(own, pods)
        self.namespace = pulumi.Output.from_input(namespace)
        self.user = pulumi.Output.from_input(own)
        self.register_outputs({"deployment": self.deployment, "namespace": self.namespace, "user": self.user})
