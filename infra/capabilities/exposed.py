"""How callers outside Kubernetes reach the HTTP gateway, as a stack file says it: the way in and what goes with it in one mapping."""

from collections.abc import Mapping

from kafka_platform.gateway.controllers import IngressController
from kafka_platform.gateway.exposure import (
    Exposure,
    GatewayApiExposure,
    IngressExposure,
    LoadBalancerExposure,
    NodePortExposure,
)
from kafka_platform.kube.routes import RouteVersion
from kafka_platform.values.checks import NODE_PORTS
from pydantic import Field, model_validator
from pydantic.alias_generators import to_camel

from infra.settings.section import Section


class GatewayExposure(Section):
    """How callers outside Kubernetes reach the HTTP gateway: nodePort, loadBalancer, gatewayClass, gateway or ingressClass."""

    node_port: int | None = Field(
        default=None,
        json_schema_extra={"minimum": NODE_PORTS.start, "maximum": NODE_PORTS.stop - 1, "examples": [30080]},
    )
    """A port of every machine of the Kubernetes cluster, 30000 to 32767."""
    load_balancer: LoadBalancerExposure | None = None
    """A cloud load balancer; may be left empty."""
    gateway_class: str | None = None
    """GatewayClass of the Gateway API: creates a Gateway, with `host` and `certificate`."""
    gateway: str | None = Field(default=None, json_schema_extra={"examples": ["public", "infra/public"]})
    """An existing Gateway of the Gateway API, as `name` or `namespace/name`, with `host`."""
    listener: str | None = None
    """With `gateway`: name of its listener, one with TLS. Required: a listener of plain HTTP could serve it otherwise."""
    ingress_class: str | None = None
    """IngressClass: creates an Ingress, with `host`."""
    controller: IngressController | None = None
    """With `ingressClass`: its controller, which is told to serve `host` with TLS alone and to leave streams open. Default:
    the one that the class is named after; required if its name does not say it."""
    host: str | None = Field(default=None, json_schema_extra={"examples": ["data.example.com"]})
    """With gatewayClass, gateway and ingressClass: the host name that callers use. Required."""
    certificate: str | None = None
    """Secret of the type kubernetes.io/tls in the platform's namespace, valid for `host`. Required with gatewayClass, unless TLS passes
    through; default with ingressClass: the controller's own."""
    port: int | None = Field(default=None, json_schema_extra={"minimum": 1, "maximum": 65535, "examples": [8443]})
    """With gatewayClass: port of the created Gateway. Controllers whose Service leads to other ports of their pods may want
    the pods': Traefik's chart 8443. Default: 443."""
    passthrough: bool = False
    """With gatewayClass and gateway: whether the Gateway passes TLS through to the pods, which then need `tls`: callers' certificates
    reach the gateway itself. An existing listener needs the protocol TLS and the mode Passthrough. Default: it terminates TLS."""
    route_version: RouteVersion | None = None
    """With passthrough: version of the TLSRoute. `v1`: Gateway API 1.5 and newer; `v1alpha2`: its experimental channel up to 1.5, for
    controllers of before, such as Traefik 3.6. Default v1."""
    annotations: Mapping[str, str] = {}
    """Annotations of the created Gateway or Ingress, for its controller and for cert-manager. Default: none."""

    @model_validator(mode="after")
    def _check(self) -> "GatewayExposure":
        given = [key for key in _FITTING if getattr(self, key) is not None]
        if not given:
            return self  # said by the relations, unless there was one that is at fault
        if len(given) > 1:
            raise ValueError(f"{' and '.join(map(to_camel, given))} exclude each other: keep one of them")
        for name in sorted(
            {name for fitting in _FITTING.values() for name in fitting}, key=list(type(self).model_fields).index
        ):
            if getattr(self, name) and name not in _FITTING[given[0]]:
                owners = " or ".join(to_camel(key) for key, fitting in _FITTING.items() if name in fitting)
                raise ValueError(
                    f"{name}: cannot be combined with {to_camel(given[0])}: remove the key, or write {owners}"
                )
        if self.host is None and "host" in _FITTING[given[0]]:
            raise ValueError("host: missing: write the name by which callers come, such as data.example.com")
        self.exposure()
        return self

    def exposure(self) -> Exposure:
        """The exposure as the component takes it. Raises `ValueError` that names the invalid field."""
        host = self.host or ""
        if self.node_port is not None:
            try:
                return Exposure(node_port=NodePortExposure(port=self.node_port))
            except ValueError as error:
                raise ValueError(str(error).replace("port:", "node_port:", 1)) from None
        if self.ingress_class is not None:
            ingress = IngressExposure(
                host=host,
                ingress_class=self.ingress_class,
                controller=self.controller,
                certificate=self.certificate,
                annotations=self.annotations,
            )
            return Exposure(ingress=ingress)
        if self.gateway_class is None and self.gateway is None:
            return Exposure(load_balancer=self.load_balancer)
        route = GatewayApiExposure(
            host=host,
            gateway_class=self.gateway_class,
            certificate=self.certificate,
            port=self.port,
            gateway=self.gateway,
            listener=self.listener,
            passthrough=self.passthrough,
            route_version=self.route_version,
            annotations=self.annotations,
        )
        return Exposure(gateway_api=route)


_FITTING: Mapping[str, tuple[str, ...]] = {
    "node_port": (),
    "load_balancer": (),
    "gateway_class": ("host", "certificate", "port", "passthrough", "route_version", "annotations"),
    "gateway": ("host", "listener", "passthrough", "route_version"),
    "ingress_class": ("host", "certificate", "annotations", "controller"),
}
"""The kinds of exposure, each with its keys."""
