"""The settings of the HTTP gateway: what may stand under `gateway`."""

from collections.abc import Mapping

from kafka_platform.gateway_model import (
    Exposure,
    GatewayApiExposure,
    HttpGatewayLimits,
    HttpGatewayPods,
    HttpGatewayResources,
    HttpGatewayTls,
    IngressExposure,
    LoadBalancerExposure,
    NodePortExposure,
    check_gateway,
    check_origins,
    check_seconds,
)
from pydantic import field_validator, model_validator
from pydantic.alias_generators import to_camel

from infra.settings.section import NamespaceNames, Section, UserName


class GatewayExposure(Section):
    """How callers outside Kubernetes reach the HTTP gateway: nodePort, loadBalancer, gatewayClass, gateway or ingressClass."""

    node_port: int | None = None
    """A port of every machine of the Kubernetes cluster, 30000 to 32767."""
    load_balancer: LoadBalancerExposure | None = None
    """A load balancer of the cloud; may be left empty."""
    gateway_class: str | None = None
    """GatewayClass of the Gateway API: a Gateway is made, with `host` and `certificate`."""
    gateway: str | None = None
    """Gateway of the Gateway API that is there already, as `name` or `namespace/name`, with `host`."""
    listener: str | None = None
    """With `gateway`: name of its listener. Default: every one whose host fits."""
    ingress_class: str | None = None
    """IngressClass: an Ingress is made, with `host`."""
    host: str | None = None
    """With gatewayClass, gateway and ingressClass: the name by which callers come. Needed."""
    certificate: str | None = None
    """Secret of the type kubernetes.io/tls in the platform's namespace, valid for `host`. Needed with gatewayClass;
    default with ingressClass: the controller's own."""
    annotations: Mapping[str, str] = {}
    """Annotations of the Gateway that is made, or of the Ingress, for its controller and for cert-manager. Default: none."""

    @model_validator(mode="after")
    def _check(self) -> "GatewayExposure":
        given = [key for key in _FITTING if getattr(self, key) is not None]
        if not given:
            return self  # said by the relations, unless there was one that is at fault
        if len(given) > 1:
            raise ValueError(f"{' and '.join(map(to_camel, given))} stand there together: keep one of them")
        for name in ("host", "listener", "certificate", "annotations"):
            if getattr(self, name) and name not in _FITTING[given[0]]:
                owners = " or ".join(to_camel(key) for key, fitting in _FITTING.items() if name in fitting)
                raise ValueError(f"{name}: does not go with {to_camel(given[0])}: remove the key, or write {owners}")
        if self.host is None and "host" in _FITTING[given[0]]:
            raise ValueError("host: missing: write the name by which callers come, such as data.example.com")
        self.exposure()
        return self

    def exposure(self) -> Exposure:
        """The way in as the component takes it. Raises `ValueError` that names the field at fault."""
        host = self.host or ""
        if self.node_port is not None:
            try:
                return Exposure(node_port=NodePortExposure(port=self.node_port))
            except ValueError as error:
                raise ValueError(str(error).replace("port:", "node_port:", 1)) from None
        if self.ingress_class is not None:
            ingress = IngressExposure(
                host=host, ingress_class=self.ingress_class, certificate=self.certificate, annotations=self.annotations
            )
            return Exposure(ingress=ingress)
        if self.gateway_class is None and self.gateway is None:
            return Exposure(load_balancer=self.load_balancer)
        route = GatewayApiExposure(
            host=host,
            gateway_class=self.gateway_class,
            certificate=self.certificate,
            gateway=self.gateway,
            listener=self.listener,
            annotations=self.annotations,
        )
        return Exposure(gateway_api=route)


_FITTING: Mapping[str, tuple[str, ...]] = {
    "node_port": (),
    "load_balancer": (),
    "gateway_class": ("host", "certificate", "annotations"),
    "gateway": ("host", "listener"),
    "ingress_class": ("host", "certificate", "annotations"),
}
"""The ways in, each with the keys that go with it."""


class Gateway(Section):
    """The HTTP gateway: programs in any language write and read by HTTP, each with its own Kafka user and password."""

    pods: HttpGatewayPods = HttpGatewayPods()
    """How many pods there are. Default: 2."""
    resources: HttpGatewayResources = HttpGatewayResources()
    """Processor and memory of each pod. Default: 500m and 1Gi."""
    expose: GatewayExposure | None = None
    """The way in for callers outside Kubernetes. Default: none."""
    tls: HttpGatewayTls | None = None
    """TLS that ends at the pods. Default: none; what exposes the gateway can end it too."""
    limits: HttpGatewayLimits = HttpGatewayLimits()
    """Bounds of what callers may use of each pod. Beyond them a request is refused, never queued."""
    anonymous: UserName | None = None
    """User of this file (of a tenant without a namespace of its own) that callers without credentials are. Default:
    they are refused."""
    bearer: bool = False
    """External Kafka: whether bearer tokens are passed on to it as OAUTHBEARER. Default: they are refused."""
    recheck: str = "60s"
    """How long a login counts: a changed password takes effect after at most this. Default 60s."""
    cors: tuple[str, ...] = ()
    """Origins whose pages may call, such as https://shop.example.com, or `'*'` for all. Default: none."""
    client_namespaces: NamespaceNames = ()
    """Namespaces, besides the platform's own and the tenants', whose pods may call; that of the Ingress or Gateway controller has to be
    among them. Default: everybody may who reaches the gateway."""
    metrics_namespaces: NamespaceNames = ()
    """Namespaces whose pods may read the gateway's metrics. Default: all."""

    @field_validator("recheck")
    @classmethod
    def _recheck(cls, value: str) -> str:
        try:
            check_seconds("recheck", value, "60s")
        except ValueError as error:
            raise ValueError(str(error).removeprefix("recheck: ")) from None
        return value

    @field_validator("cors")
    @classmethod
    def _cors(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        check_origins(value)
        return value

    @model_validator(mode="after")
    def _check(self) -> "Gateway":
        check_gateway(
            pods=self.pods,
            resources=self.resources,
            limits=self.limits,
            tls=self.tls,
            expose=self.exposure(),
            client_namespaces=self.client_namespaces,
        )
        return self

    def exposure(self) -> Exposure:
        """The way in as the component takes it."""
        return Exposure() if self.expose is None else self.expose.exposure()
