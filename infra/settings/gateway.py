"""The settings of the HTTP gateway: what may stand under `gateway`."""

from collections.abc import Mapping
from dataclasses import dataclass

from kafka_platform.gateway.spec import (
    Exposure,
    GatewayApiExposure,
    GatewaySpec,
    IngressExposure,
    LoadBalancerExposure,
    NodePortExposure,
)
from pydantic import model_validator
from pydantic.alias_generators import to_camel

from infra.settings.section import Section


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
            raise ValueError(f"{' and '.join(map(to_camel, given))} exclude each other: keep one of them")
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


@dataclass(frozen=True, kw_only=True)
class Gateway(GatewaySpec):
    """The HTTP gateway: programs in any language write and read by HTTP, each with its own Kafka user and password."""

    # A file says the way in and what goes with it in one mapping.
    expose: GatewayExposure | None = None  # type: ignore[assignment]
    """The way in for callers outside Kubernetes. Default: none."""

    def exposure(self) -> Exposure:
        """The way in as the component takes it."""
        return Exposure() if self.expose is None else self.expose.exposure()
