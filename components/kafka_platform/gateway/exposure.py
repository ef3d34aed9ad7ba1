"""How callers outside Kubernetes reach an HTTP gateway. No Pulumi."""

from collections.abc import Mapping, Sequence
from dataclasses import MISSING, dataclass

from kafka_platform.gateway.controllers import IngressController, check_encrypted, controller_of
from kafka_platform.kube.balancers import TrafficPolicy
from kafka_platform.kube.routes import RouteVersion
from kafka_platform.values.checks import NODE_PORTS, check_field, check_source_ranges
from kafka_platform.values.forms import Spec, formed, mapping, named
from kafka_platform.values.free_maps import check_annotations
from kafka_platform.values.later import Input
from kafka_platform.values.names import check_gateway, check_subdomain
from kafka_platform.values.ranges import within


@dataclass(frozen=True, kw_only=True)
class NodePortExposure(Spec):
    """A port on every machine of the Kubernetes cluster."""

    port: int = within(NODE_PORTS.start, NODE_PORTS.stop - 1)
    """The port, 30000 to 32767."""


@dataclass(frozen=True, kw_only=True)
class LoadBalancerExposure(Spec):
    """A cloud load balancer, which passes TCP connections through."""

    port: int | None = within(1, 65535, default=None)
    """Its port. Default: 443 with TLS at the pods, otherwise 80."""
    host: Input[str] | None = named(check_subdomain, "host name")
    """Name that external-dns, if installed, maintains in DNS for it. Default: none."""
    source_ranges: Sequence[Input[str]] | None = formed(None, check_source_ranges, examples=[["203.0.113.0/24"]])
    """Networks that callers may connect from, such as `203.0.113.0/24`. Default: any."""
    external_traffic_policy: TrafficPolicy | None = None
    """`Local`: only machines that run a pod of the gateway pass connections on, so the gateway sees callers' own addresses, by which
    it shares out logins; `Cluster`: all machines do. Default: Kubernetes' own, `Cluster`."""
    annotations: Mapping[str, Input[str]] = mapping(check_annotations)
    """Annotations of the Service, for the cloud's load balancer controller. Default: none."""


@dataclass(frozen=True, kw_only=True)
class GatewayApiExposure(Spec):
    """A Gateway API route, through a Gateway that is created or an existing one."""

    host: Input[str] = named(check_subdomain, "host name", default=MISSING)
    """Name by which callers come, such as `data.example.com`."""
    gateway_class: Input[str] | None = named(check_subdomain, "GatewayClass name")
    """GatewayClass of a Gateway to create, which terminates TLS. Requires `certificate`."""
    certificate: Input[str] | None = named(check_subdomain, "Secret name")
    """Secret of the type kubernetes.io/tls (in the gateway's namespace), valid for `host`, for the created Gateway."""
    port: int | None = within(1, 65535, default=None)
    """Port of the created Gateway. Controllers whose Service leads to other ports of their pods may want the pods': Traefik's
    chart 8443. Default: 443."""
    gateway: str | None = formed(None, check_gateway)
    """An existing Gateway, as `name` or `namespace/name`; it has to allow routes of this namespace."""
    listener: str | None = named(check_subdomain, "listener name")
    """Name of the listener of that Gateway, one with TLS. Required with `gateway`: without it each listener whose host fits
    would serve it, also one of plain HTTP."""
    passthrough: bool = False
    """Whether the Gateway passes TLS through to the pods, which then need `tls`: callers' certificates reach the gateway itself, and
    the controller sees neither passwords nor records. An existing listener needs the protocol TLS and the mode Passthrough. Default
    false: the Gateway terminates TLS."""
    route_version: RouteVersion | None = None
    """With `passthrough`: version of the TLSRoute. Default: v1, which Gateway API 1.5 and newer serve."""
    annotations: Mapping[str, Input[str]] = mapping(check_annotations)
    """Annotations of the created Gateway, for its controller and for cert-manager. Default: none."""

    def check(self) -> None:
        """It either creates a Gateway, with a certificate unless TLS passes through, or names an existing one."""
        if self.route_version is not None and not self.passthrough:
            raise ValueError("route_version: only TLSRoutes have it: write passthrough true, or remove it")
        if (self.gateway_class is None) == (self.gateway is None):
            what = "gateway is given too: keep one of them" if self.gateway else "missing: write one, or gateway"
            raise ValueError(f"gateway_class: {what}")
        if self.gateway_class is not None:
            if self.passthrough and self.certificate is not None:
                raise ValueError("certificate: TLS passes through to the pods, which have their own in tls: remove it")
            if not self.passthrough and self.certificate is None:
                raise ValueError(
                    "certificate: missing, passwords would pass in the clear: name a Secret of kubernetes.io/tls"
                )
            if self.listener is not None:
                raise ValueError("listener: a Gateway made here has only one: remove it, or name a gateway")
        if self.gateway is not None:
            if self.listener is None:
                raise ValueError(
                    "listener: missing, a listener of plain HTTP could serve it and passwords pass in the clear: name one "
                    "with TLS, such as https"
                )
            for field_name, given in (
                ("certificate", self.certificate is not None),
                ("port", self.port is not None),
                ("annotations", bool(self.annotations)),
            ):
                if given:
                    raise ValueError(f"{field_name}: the existing Gateway has its own: remove it")

    @property
    def gateway_name(self) -> tuple[str | None, str]:
        """Namespace, if it is another one, and name of the existing Gateway."""
        namespace, _, name = (self.gateway or "").rpartition("/")
        return namespace or None, name


@dataclass(frozen=True, kw_only=True)
class IngressExposure(Spec):
    """An Ingress, which terminates TLS."""

    host: Input[str] = named(check_subdomain, "host name", default=MISSING)
    """Name by which callers come, such as `data.example.com`."""
    ingress_class: Input[str] = named(check_subdomain, "IngressClass name", default=MISSING)
    """IngressClass of the controller, such as `nginx`."""
    controller: IngressController | None = None
    """The controller of that class, which is told to serve `host` with TLS alone and to leave streams open. Default: the
    one that the class is named after; required if its name does not say it."""
    certificate: Input[str] | None = named(check_subdomain, "Secret name")
    """Secret of the type kubernetes.io/tls (in the gateway's namespace), valid for `host`. Default: the controller's."""
    annotations: Mapping[str, Input[str]] = mapping(check_annotations)
    """Further annotations of the Ingress, for its controller and for cert-manager; they win over those that follow from the
    controller. Default: none."""

    def check(self) -> None:
        """Plain HTTP carries no password."""
        check_field("annotations", check_encrypted, self.served_by, self.annotations)

    @property
    def served_by(self) -> IngressController:
        """The controller. Raises `ValueError` if nothing says it."""
        is_known = isinstance(self.ingress_class, str)
        found = self.controller or (controller_of(str(self.ingress_class)) if is_known else None)
        if found is None:
            which = f"the class {self.ingress_class!r}" if is_known else "a class that is known only while deploying"
            raise ValueError(
                f"controller: missing, {which} does not say whether plain HTTP would carry passwords: write "
                f"{', '.join(each.value for each in IngressController if each is not IngressController.OTHER)}; or "
                "other, and see to it yourself that port 80 does not serve the host"
            )
        return found


@dataclass(frozen=True, kw_only=True)
class Exposure(Spec):
    """How callers outside Kubernetes reach a gateway: one of these ways. Default: not at all."""

    node_port: NodePortExposure | None = None
    """By a port of every machine."""
    load_balancer: LoadBalancerExposure | None = None
    """By a load balancer of the cloud."""
    gateway_api: GatewayApiExposure | None = None
    """By a route of the Gateway API."""
    ingress: IngressExposure | None = None
    """By an Ingress."""

    def check(self) -> None:
        """There is one way in at most."""
        given = [name for name in _WAYS if getattr(self, name) is not None]
        if len(given) > 1:
            raise ValueError(f"{given[0]}: {given[1]} is given too: keep one of them")


_WAYS = ("node_port", "load_balancer", "gateway_api", "ingress")
