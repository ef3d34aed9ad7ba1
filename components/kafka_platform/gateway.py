"""The data interface over HTTP: a gateway in front of a Kafka."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import pulumi

from kafka_platform import gateway_objects
from kafka_platform.args import Args
from kafka_platform.checks import checked
from kafka_platform.client_pods import kafka_ports
from kafka_platform.cluster import RUNTIME_IMAGE
from kafka_platform.connection import KafkaConnection
from kafka_platform.gateway_model import (
    Exposure,
    HttpGatewayLimits,
    HttpGatewayPods,
    HttpGatewayResources,
    HttpGatewayTls,
    check_gateway,
    check_origins,
    check_seconds,
)
from kafka_platform.gateway_objects import GatewaySettings
from kafka_platform.kubernetes import KubernetesObject, after, place
from kafka_platform.names import check_gateway_name, check_label, check_user


@dataclass(frozen=True, kw_only=True)
class HttpGatewayArgs(Args):
    """What an HTTP gateway shall be."""

    connection: KafkaConnection
    """The Kafka, as its `KafkaCluster` tells. The gateway has no credentials of its own: callers log in with theirs."""
    namespace: pulumi.Input[str] | None = None
    """Namespace of the gateway, which the Kafka has to let in. Default: the connection's, which it does."""
    pods: HttpGatewayPods = field(default_factory=HttpGatewayPods)
    """How many pods there are. Default: 2."""
    resources: HttpGatewayResources = field(default_factory=HttpGatewayResources)
    """Processor and memory of each pod. Default: 500m and 1Gi."""
    expose: Exposure = field(default_factory=Exposure)
    """How callers outside Kubernetes reach it. Default: they do not."""
    tls: HttpGatewayTls | None = None
    """TLS that ends at the pods. Default: none."""
    limits: HttpGatewayLimits = field(default_factory=HttpGatewayLimits)
    """Bounds of what callers may use of each pod."""
    anonymous: str | None = None
    """Kafka user that callers without credentials are; its Secret `<user>-kafka` has to be in the gateway's namespace.
    Default: callers without credentials are refused."""
    bearer: bool = False
    """Whether bearer tokens are passed on to Kafka as OAUTHBEARER, which it has to understand. Default: they are refused."""
    recheck: str = "60s"
    """How long a login counts until it is tried again: a changed password takes effect after at most this. Default 60s."""
    cors: Sequence[str] = ()
    """Origins whose pages may call, such as `https://shop.example.com`, or `*` for all. Default: none."""
    client_namespaces: Sequence[str] = ()
    """Namespaces, besides the gateway's own, whose pods may call; that of the Ingress or Gateway controller has to be
    among them. Default: everybody may who reaches the gateway."""
    metrics_namespaces: Sequence[str] = ()
    """Namespaces whose pods may read the metrics. Default: all."""
    spread: str = "topology.kubernetes.io/zone"
    """Label of the machines over whose values the pods are spread, as far as possible. Default: the zones."""
    runtime_image: str = RUNTIME_IMAGE
    """Image of this platform's own programs."""

    def __post_init__(self) -> None:
        if isinstance(self.namespace, str):
            checked("namespace", check_label, self.namespace, "namespace")
        if self.anonymous is not None:
            checked("anonymous", check_user, self.anonymous)
        check_seconds("recheck", self.recheck, "60s")
        checked("cors", check_origins, self.cors)
        for name in ("client_namespaces", "metrics_namespaces"):
            for namespace in getattr(self, name):
                checked(name, check_label, namespace, "namespace")
        check_gateway(
            pods=self.pods,
            resources=self.resources,
            limits=self.limits,
            tls=self.tls,
            expose=self.expose,
            client_namespaces=self.client_namespaces,
        )


class HttpGateway(pulumi.ComponentResource):
    """Writes and reads any topic over HTTP.

    Every caller logs in to Kafka with the user and password (or token) of the request, so that Kafka's ACLs and quotas
    hold for him. Any pod takes any request: one for a consumer instance of another pod is forwarded to it.
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
        self._name = name
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
            pods=self._args.pods,
            resources=self._args.resources,
            limits=self._args.limits,
            tls=self._args.tls,
            anonymous=self._args.anonymous,
            bearer=self._args.bearer,
            recheck=self._args.recheck,
            cors=self._args.cors,
            client_namespaces=self._args.client_namespaces,
            metrics_namespaces=self._args.metrics_namespaces,
            spread=self._args.spread,
        )
        namespace = pulumi.Output.from_input(settings.namespace)
        pods, service = self._pods(settings, namespace)
        self._expose(settings, service)
        self.url = pulumi.Output.all(namespace, after(None, pods, service)).apply(
            lambda known: gateway_objects.url(settings, str(known[0]))
        )
        self.service = pulumi.Output.from_input(name)
        self.namespace = namespace
        self.register_outputs({"url": self.url, "service": self.service, "namespace": self.namespace})

    def _pods(
        self, settings: GatewaySettings, namespace: pulumi.Output[str]
    ) -> tuple[KubernetesObject, KubernetesObject]:
        """Everything inside Kubernetes."""
        name = self._name
        child = pulumi.ResourceOptions(parent=self)
        content = namespace.apply(lambda known: gateway_objects.gateway_json(settings, known))
        config = place(f"{name}-config", gateway_objects.config_map(settings, content), child)
        pods_service = place(f"{name}-pods", gateway_objects.pods_service(settings), child)
        policy = place(
            f"{name}-network", gateway_objects.network_policy(settings, kafka_ports(settings.connection)), child
        )
        place(f"{name}-disruption", gateway_objects.pod_disruption_budget(settings), child)
        pods = place(
            f"{name}-pods",
            gateway_objects.stateful_set(settings, content.apply(gateway_objects.text_hash)),
            pulumi.ResourceOptions(
                parent=self,
                depends_on=[config, pods_service, policy],
                # The autoscaler's, from the first time that it decides on.
                ignore_changes=["spec.replicas"] if settings.pods.scales else [],
            ),
        )
        if settings.pods.scales:
            place(
                f"{name}-autoscaler",
                gateway_objects.autoscaler(settings),
                pulumi.ResourceOptions(parent=self, depends_on=[pods]),
            )
        return pods, place(f"{name}-service", gateway_objects.service(settings), child)

    def _expose(self, settings: GatewaySettings, service: KubernetesObject) -> None:
        """The way in from outside, if there is one."""
        name, expose = self._name, self._args.expose
        child = pulumi.ResourceOptions(parent=self, depends_on=[service])
        if expose.node_port is not None:
            manifest = gateway_objects.node_port_service(settings, expose.node_port)
            place(f"{name}-external", manifest, child)
        if expose.load_balancer is not None:
            manifest = gateway_objects.load_balancer_service(settings, expose.load_balancer)
            place(f"{name}-external", manifest, child)
        if expose.gateway_api is not None:
            if expose.gateway_api.gateway_class is not None:
                manifest = gateway_objects.gateway(settings, expose.gateway_api)
                place(f"{name}-gateway", manifest, child)
            place(f"{name}-route", gateway_objects.http_route(settings, expose.gateway_api), child)
        if expose.ingress is not None:
            place(f"{name}-ingress", gateway_objects.ingress(settings, expose.ingress), child)
