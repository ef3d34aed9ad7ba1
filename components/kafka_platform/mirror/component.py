"""A mirror of topics and consumer groups of another Kafka."""

from dataclasses import dataclass

import pulumi

from kafka_platform.args import Args
from kafka_platform.connect.component import KafkaConnect, KafkaConnectArgs
from kafka_platform.connect.spec import ConnectResources, RunBy, connect_image
from kafka_platform.kafka.client_pods import with_authority_of
from kafka_platform.kafka.connection import KafkaConnection
from kafka_platform.kafka.protocols import Engine
from kafka_platform.kube.images import RUNTIME_IMAGE
from kafka_platform.kube.place import once_ready, place_all
from kafka_platform.mirror.connectors import replication_connectors
from kafka_platform.mirror.operated import KIND, PODS, objects
from kafka_platform.mirror.settings import MirrorSettings
from kafka_platform.mirror.spec import MIRROR, ReplicationSpec
from kafka_platform.values.forms import named
from kafka_platform.values.names import check_label, check_service_name, user_secret


@dataclass(frozen=True, kw_only=True)
class ReplicationArgs(ReplicationSpec, Args):
    """Arguments of a `Replication`."""

    connection: KafkaConnection
    """The Kafka that is mirrored to, as its `KafkaCluster` tells. Declare `replication_topics(spec, engine)` and
    `replication_users(spec, engine=engine)` in it."""
    namespace: pulumi.Input[str] | None = named(check_label, "namespace")
    """Namespace of the pods and of the Secrets that `origin` names, which the Kafka has to let in. Default: the connection's, which it
    does."""
    spread: str = "topology.kubernetes.io/zone"
    """Label of the machines over whose values the pods are spread, as far as possible. Default: the zones."""
    image: pulumi.Input[str] | None = None
    """Image with Kafka and MirrorMaker: that of Kafka Connect, or Strimzi's. Default: that of this release."""
    runtime_image: pulumi.Input[str] = RUNTIME_IMAGE
    """Image of this platform's own programs."""

    def check(self) -> None:
        """It can log in here."""
        super().check()
        if self.connection.logs_in and not self.connection.makes_users:
            raise ValueError(
                f"connection: clients log in with {self.connection.login}, and the mirror needs a password of Kafka of its own"
            )


class Replication(pulumi.ComponentResource):
    """Copies topics of another Kafka to this one, record for record, and translates the offsets of consumer groups.

    Where Strimzi runs this Kafka it is a `KafkaMirrorMaker2`, elsewhere a `KafkaConnect` with MirrorMaker's connectors. A Kafka has
    one `KafkaConnect`: beside connectors of your own, give it `replication_connectors(spec)` instead.
    """

    namespace: pulumi.Output[str]
    """Namespace of its pods."""
    service: pulumi.Output[str]
    """Name of the Service of the workers' REST interface, which only what applies the connectors reaches."""

    def __init__(self, name: str, args: ReplicationArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """`name` is the name of what runs the mirror: a Deployment, or a `KafkaMirrorMaker2`."""
        super().__init__("kafka-platform:index:Replication", name, {}, opts)
        args = ReplicationArgs.of(args)
        check_service_name(name, "mirror")
        namespace = args.connection.namespace if args.namespace is None else args.namespace
        if args.connection.engine is Engine.STRIMZI:
            secret = user_secret(MIRROR) if args.connection.sasl_mechanism is not None else None
            settings = MirrorSettings(
                name=name,
                namespace=namespace,
                connection=with_authority_of(args.connection, secret),
                image=args.image or connect_image(RunBy.STRIMZI),
                spec=args,
                spread=args.spread,
            )
            self.service = once_ready(
                f"{name}-mirrormaker2-api", place_all(self, name, objects(settings))[KIND, "mirror"]
            )
        else:
            made = KafkaConnect(
                name,
                KafkaConnectArgs(
                    connection=args.connection,
                    connectors=replication_connectors(args),
                    namespace=namespace,
                    spread=args.spread,
                    image=args.image,
                    runtime_image=args.runtime_image,
                    pods=args.pods or PODS,
                    resources=args.resources or ConnectResources(),
                    metrics_namespaces=args.metrics_namespaces,
                    pod_settings=args.pod_settings,
                ),
                pulumi.ResourceOptions(parent=self),
            )
            self.service = made.service
        self.namespace = pulumi.Output.from_input(namespace)
        self.register_outputs({"namespace": self.namespace, "service": self.service})
