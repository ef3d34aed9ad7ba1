"""The HTTP interface to a Kafka."""

from dataclasses import dataclass

import pulumi

from kafka_platform.args import Args
from kafka_platform.gateway.logins import check_logins
from kafka_platform.gateway.objects import objects
from kafka_platform.gateway.settings import GatewaySettings, url
from kafka_platform.gateway.spec import GatewaySpec
from kafka_platform.kafka.connection import KafkaConnection
from kafka_platform.kafka.protocols import SaslMechanism
from kafka_platform.kafka.registry import RegistryConnection
from kafka_platform.kube.images import RUNTIME_IMAGE
from kafka_platform.kube.place import once_ready, place_all
from kafka_platform.values.forms import named
from kafka_platform.values.later import known
from kafka_platform.values.names import check_gateway_name, check_label


@dataclass(frozen=True, kw_only=True)
class HttpGatewayArgs(GatewaySpec, Args):
    """Arguments of an `HttpGateway`."""

    connection: KafkaConnection
    """The Kafka: `connection` of its `KafkaCluster`. The gateway has no credentials of its own: callers log in with
    theirs."""
    namespace: pulumi.Input[str] | None = named(check_label, "namespace")
    """Namespace of the gateway, which the Kafka has to let in. Default: the connection's, which it does."""
    registry: RegistryConnection | None = None
    """The schema registry, for formats with schemas: `connection_of(user)` of a `SchemaRegistry`, with a user of the
    gateway's own that only reads, or an existing one. Default: none."""
    spread: str = "topology.kubernetes.io/zone"
    """Label of the machines over whose values the pods are spread, as far as possible. Default: the zones."""
    runtime_image: pulumi.Input[str] = RUNTIME_IMAGE
    """Image of this platform's own programs."""

    def check(self) -> None:
        """As every gateway; and callers can log in to this Kafka."""
        super().check()
        if self.enforced_topics and self.registry is None:
            raise ValueError("enforced_topics: there is no registry with their schemas: pass registry, or remove this")
        check_logins(
            self,
            login=self.connection.login,
            tokens=known(self.connection.sasl_mechanism) == SaslMechanism.OAUTHBEARER.value,
            certificates=self.connection.client_certificates,
        )


class HttpGateway(pulumi.ComponentResource):
    """Gives HTTP clients access to topics.

    Every caller logs in to Kafka with the user and password (or token) of the request, so that Kafka's ACLs and quotas
    apply. Any pod accepts any request: requests for a consumer instance of another pod are forwarded to it.
    """

    url: pulumi.Output[str]
    """Where callers inside Kubernetes reach it, once it answers."""
    service: pulumi.Output[str]
    """Name of its Service."""
    namespace: pulumi.Output[str]
    """Namespace of its Service."""

    def __init__(self, name: str, args: HttpGatewayArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """`name` is the name of the StatefulSet and of the Service; a Kafka in the same namespace has another one."""
        super().__init__("kafka-platform:index:HttpGateway", name, {}, opts)
        self._args = HttpGatewayArgs.of(args)
        check_gateway_name(name)
        connection = self._args.connection
        if connection.cluster == name:
            raise ValueError(f"name: {name!r} is the Kafka's too, and so would be their Services': choose another name")
        settings = GatewaySettings(
            name=name,
            namespace=connection.namespace if self._args.namespace is None else self._args.namespace,
            connection=connection,
            image=self._args.runtime_image,
            spread=self._args.spread,
            spec=self._args,
            registry=self._args.registry,
        )
        namespace = pulumi.Output.from_input(settings.namespace)
        placed = place_all(self, name, objects(settings))
        answers = once_ready(None, placed["StatefulSet", "pods"], placed["Service", "service"])
        self.url = pulumi.Output.all(namespace, answers).apply(lambda known: url(name, str(known[0]), self._args))
        self.service = pulumi.Output.from_input(name)
        self.namespace = namespace
        self.register_outputs({"url": self.url, "service": self.service, "namespace": self.namespace})
