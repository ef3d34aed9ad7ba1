"""Kafka Connect, and the connectors that it runs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pulumi

from kafka_platform.args import Args
from kafka_platform.connect import operated
from kafka_platform.connect.common import connector_user_name
from kafka_platform.connect.objects import ConnectSettings, objects
from kafka_platform.connect.spec import (
    CONNECT,
    Connector,
    ConnectSpec,
    RunBy,
    check_connectors,
    check_registries,
    check_run_by,
    connect_image,
    run_by_of,
)
from kafka_platform.kafka.client_pods import with_authority_of
from kafka_platform.kafka.connection import KafkaConnection
from kafka_platform.kafka.registry import RegistryConnection
from kafka_platform.kube.images import RUNTIME_IMAGE
from kafka_platform.kube.place import once_ready, place_all
from kafka_platform.values.forms import named
from kafka_platform.values.names import check_label, check_service_name, user_secret


@dataclass(frozen=True, kw_only=True)
class KafkaConnectArgs(ConnectSpec, Args):
    """Arguments of a `KafkaConnect`."""

    connection: KafkaConnection
    """The Kafka, as its `KafkaCluster` tells. Declare `connect_topics(connectors)` and `connect_users(connectors)` in it: one Kafka has
    one `KafkaConnect`."""
    connectors: Mapping[str, Connector] = field(default_factory=dict)
    """The connectors, by name. One that is taken out keeps its last configuration, until it is in `removed_connectors`."""
    registries: Mapping[str, RegistryConnection] = field(default_factory=dict)
    """How connectors with schemas (`format: avro`, `jsonschema` or `protobuf`) reach the schema registry, by their names: each as a user of its own, which registers schemas if
    it is a source (`registry.connection_of("connector-shop")`). Default: none."""
    namespace: pulumi.Input[str] | None = named(check_label, "namespace")
    """Namespace of the pods and of the Secrets that connectors name, which the Kafka has to let in. Default: the
    connection's, which it does."""
    spread: str = "topology.kubernetes.io/zone"
    """Label of the machines over whose values the pods are spread, as far as possible. Default: the zones."""
    image: pulumi.Input[str] | None = None
    """Image with Kafka in /opt/kafka and plugins in /opt/kafka/plugins. Default: that of this release, as
    runtime/connect/Dockerfile makes it; with Strimzi that of its target `strimzi`."""
    runtime_image: pulumi.Input[str] = RUNTIME_IMAGE
    """Image of this platform's own programs."""

    def check(self) -> None:
        """Its connectors can run beside each other, and log in."""
        super().check()
        if self.connection.logs_in and not self.connection.makes_users:
            raise ValueError(
                f"connection: clients log in with {self.connection.login}, and each connector needs a password of Kafka of its own"
            )
        check_run_by(self, self.connection.engine)
        check_connectors(self.connectors, self.removed_connectors)
        check_registries(self.connectors, self.registries)


class KafkaConnect(pulumi.ComponentResource):
    """Runs connectors with Kafka Connect: workers that share their tasks, and a Job that applies what is declared.

    Each connector logs in to Kafka as a user of its own with the right to its topics alone. A deployment is complete when all
    connectors and their tasks run, and fails with Kafka Connect's own reason otherwise.
    """

    service: pulumi.Output[str]
    """Name of the Service of the REST interface, which only the Job reaches."""
    namespace: pulumi.Output[str]
    """Namespace of its pods."""
    users: pulumi.Output[Sequence[str]]
    """Kafka users of the connectors."""

    def __init__(self, name: str, args: KafkaConnectArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """`name` is the name of the Deployment and of the Service."""
        super().__init__("kafka-platform:index:KafkaConnect", name, {}, opts)
        self._args = args = KafkaConnectArgs.of(args)
        check_service_name(name, "Kafka Connect")
        secret = user_secret(CONNECT) if args.connection.sasl_mechanism is not None else None
        settings = ConnectSettings(
            name=name,
            namespace=args.connection.namespace if args.namespace is None else args.namespace,
            connection=with_authority_of(args.connection, secret),
            image=args.image or connect_image(run_by_of(args, args.connection.engine)),
            runtime_image=args.runtime_image,
            connectors=args.connectors,
            registries=args.registries,
            spread=args.spread,
            spec=args,
        )
        if run_by_of(args, args.connection.engine) is RunBy.STRIMZI:
            placed = place_all(self, name, operated.objects(settings))
            self.service = once_ready(operated.service_name(name), placed[operated.KIND, "workers"])
        else:
            placed = place_all(self, name, objects(settings))
            self.service = once_ready(name, placed["Service", "service"])
        self.namespace = pulumi.Output.from_input(settings.namespace)
        self.users = pulumi.Output.from_input([connector_user_name(each) for each in sorted(args.connectors)])
        self.register_outputs({"service": self.service, "namespace": self.namespace, "users": self.users})
