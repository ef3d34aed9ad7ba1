"""The settings of the listeners, under `kafka.listeners`."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import fields
from enum import Enum
from typing import Any

from kafka_platform.cluster.embedded.listeners import Listeners, LoadBalancers, NodePorts, TlsRoutes
from kafka_platform.cluster.strimzi.listeners import (
    Authentication,
    BrokerAccess,
    BrokerIngresses,
    BrokerLoadBalancers,
    BrokerNodePorts,
    CustomAuthentication,
    InternalListener,
    StrimziListeners,
)
from kafka_platform.cluster.tls_routes import BrokerTlsRoutes
from kafka_platform.kube.balancers import TrafficPolicy
from kafka_platform.kube.routes import RouteVersion
from pydantic import Field, model_validator

from infra.settings.section import SecretName, Section


class Expose(Enum):
    """How clients outside Kubernetes reach the brokers."""

    NODE_PORT = "nodePort"
    """A port of every machine of the Kubernetes cluster for each broker."""
    LOAD_BALANCER = "loadBalancer"
    """A load balancer for each broker."""
    TLS_ROUTE = "tlsRoute"
    """Routes of the Gateway API, which pass TLS through."""
    INGRESS = "ingress"
    """Ingresses that pass TLS through; with Strimzi."""


class ExternalListener(Section):
    """The listener for clients outside Kubernetes: everything that the chosen kind needs, and nothing else."""

    expose: Expose
    """`nodePort`: each broker has a port on every machine of the cluster; `loadBalancer`: each broker has a load
    balancer; `tlsRoute`: a Gateway of the Gateway API passes TLS through; with Strimzi also `ingress`: an Ingress controller
    does."""
    host: str = Field(
        json_schema_extra={"examples": ["kafka.example.com", "broker-{nodeId}.kafka.example.com"]},
    )
    """nodePort: a name or address that reaches the machines; otherwise the name that you maintain in DNS for each
    broker, where `{nodeId}` is replaced by its number, as in `broker-{nodeId}.kafka.example.com`."""
    port: int | None = Field(default=None, json_schema_extra={"minimum": 1, "maximum": 65535, "examples": [30092]})
    """nodePort: the port of broker 0 (Strimzi: of the bootstrap connection), 30000 to 32767; the next brokers use the
    next ports; loadBalancer: the port of each, default 9094; tlsRoute: that of the Gateway, default 443."""
    annotations: Mapping[str, str] = {}
    """Annotations of the load balancers' Services, or the Ingresses, for their controller. Default: none."""
    bootstrap: str | None = None
    """Strimzi and tlsRoute: host name of the bootstrap connection. Default: `host` with `bootstrap` for `{nodeId}`."""
    auth: Authentication | None = None
    """Strimzi: how clients log in. Default: scram."""
    custom: CustomAuthentication | None = None
    """Strimzi: the custom login, with `auth: custom`."""
    certificate: str | None = None
    """Strimzi: Secret of the type kubernetes.io/tls in the platform's namespace, valid for all external names, that
    brokers present to external clients. Default: one from the cluster's own authority."""
    load_balancer_class: str | None = None
    """Strimzi, loadBalancer: class of the load balancers. Default: the Kubernetes cluster's."""
    source_ranges: tuple[str, ...] | None = None
    """loadBalancer: networks that clients may connect from, such as 203.0.113.0/24. Default: any."""
    external_traffic_policy: TrafficPolicy | None = None
    """loadBalancer: `Local`: only the machine that runs the broker passes connections on, so the broker sees clients' own addresses
    and there is no second hop; `Cluster`: all machines do. Default: Kubernetes' own, `Cluster`."""
    gateway_class: str | None = None
    """tlsRoute: GatewayClass of a Gateway to create."""
    gateway: str | None = None
    """tlsRoute: An existing Gateway, as `name` or `namespace/name`, with a TLS listener in the mode Passthrough."""
    listener_port: int | None = Field(
        default=None, json_schema_extra={"minimum": 1, "maximum": 65535, "examples": [8443]}
    )
    """tlsRoute: port of the created Gateway's listener, if its controller wants that of its pods: Traefik's chart 8443.
    Default: `port`."""
    route_version: RouteVersion | None = None
    """Embedded, tlsRoute: version of the routes. `v1`: Gateway API 1.5 and newer; `v1alpha2`: its experimental channel up to
    1.5, for controllers of before, such as Traefik 3.6. Default v1."""
    ingress_class: str | None = None
    """Strimzi, ingress: IngressClass of the controller. Required."""

    @property
    def takes_passwords(self) -> bool:
        """Whether clients may log in with SCRAM passwords."""
        if self.custom is not None:
            return self.custom.takes_passwords
        return self.auth in (None, Authentication.SCRAM)

    @model_validator(mode="after")
    def _check(self) -> "ExternalListener":
        if self.expose is Expose.NODE_PORT and self.port is None:
            raise ValueError("port: missing: write the port of broker 0, such as 30092")
        if self.annotations and self.expose is Expose.NODE_PORT:
            raise ValueError("annotations: only load balancers have them: remove the key, or expose by loadBalancer")
        for name in type(self).model_fields:
            ways = ways_with(name)
            if ways and self.expose not in ways and getattr(self, name):
                owners = " or ".join(way.value for way in ways)
                raise ValueError(
                    f"{name}: cannot be combined with {self.expose.value}: remove the key, or expose by {owners}"
                )
        if self.expose is Expose.INGRESS and self.ingress_class is None:
            raise ValueError("ingress_class: missing: write the class of the controller, such as nginx")
        if self.expose in (Expose.NODE_PORT, Expose.LOAD_BALANCER):
            self.addresses()
        else:
            self.access()
        return self

    def is_reached_by(self, host: str) -> bool:
        """Whether clients reach a broker, or begin, under a host name."""
        brokers = re.escape(self.host).replace(re.escape("{nodeId}"), "[0-9]+")
        return host == self.bootstrap_host or re.fullmatch(brokers, host) is not None

    @property
    def bootstrap_host(self) -> str:
        """Host name of the first connection."""
        return self.bootstrap or self.host.replace("{nodeId}", "bootstrap")

    def addresses(self) -> NodePorts | LoadBalancers | TlsRoutes:
        """The listener as an embedded cluster takes it. Raises `ValueError` that names the invalid field."""
        if self.expose is Expose.TLS_ROUTE:
            return TlsRoutes(**self._given(TlsRoutes))
        if self.expose is not Expose.NODE_PORT:
            return LoadBalancers(**self._given(LoadBalancers))
        try:
            return NodePorts(host=self.host, first_port=self.port or 0)
        except ValueError as error:
            raise ValueError(str(error).replace("first_port:", "port:", 1)) from None

    def access(self) -> BrokerAccess:
        """The listener as Strimzi takes it. Raises `ValueError` that names the invalid field."""
        field, kind = _WAYS[self.expose]
        access: dict[str, Any] = {
            field: kind(**self._given(kind)),
            "auth": self.auth or Authentication.SCRAM,
            "custom": self.custom,
            "certificate": self.certificate,
        }
        if self.expose is Expose.LOAD_BALANCER and self.port is not None:
            access["port"] = self.port
        return BrokerAccess(**access)

    def _given(self, kind: Any) -> dict[str, Any]:
        found = {name: getattr(self, name) for name in _keys(kind)}
        return {name: value for name, value in found.items() if value is not None}


_WAYS: Mapping[Expose, tuple[str, Any]] = {
    Expose.NODE_PORT: ("node_ports", BrokerNodePorts),
    Expose.LOAD_BALANCER: ("load_balancers", BrokerLoadBalancers),
    Expose.TLS_ROUTE: ("tls_routes", BrokerTlsRoutes),
    Expose.INGRESS: ("ingresses", BrokerIngresses),
}
"""Kinds of external listeners in Strimzi: the field of `BrokerAccess`, and the class whose fields are its keys."""


_EMBEDDED: Mapping[Expose, Any] = {Expose.LOAD_BALANCER: LoadBalancers, Expose.TLS_ROUTE: TlsRoutes}
"""Kinds of an embedded Kafka whose fields are keys."""


def _keys(kind: Any) -> Sequence[str]:
    return [each.name for each in fields(kind)]


def ways_with(key: str) -> Sequence[Expose]:
    """The kinds of external listeners that have a key; none if it belongs to no kind, such as `auth`."""
    return [way for way, (_, kind) in _WAYS.items() if key in {*_keys(kind), *_keys(_EMBEDDED.get(way, kind))}]


def embedded_keys(expose: Expose) -> frozenset[str]:
    """The keys of an external listener of a kind that an embedded Kafka knows."""
    return frozenset({"expose", *_keys(_EMBEDDED.get(expose, LoadBalancers))})


class ListenerSettings(Section):
    """How clients reach the brokers."""

    certificate: SecretName | None = None
    """Embedded: Secret in the platform's namespace with `tls.crt`, `tls.key` and `ca.crt`: clients then use TLS. Default:
    no TLS."""
    internal: InternalListener | None = None
    """Strimzi: the listener for clients inside Kubernetes. Default: TLS and SCRAM passwords."""
    external: ExternalListener | None = None
    """The listener for clients outside Kubernetes. Default: none."""

    def listeners(self) -> Listeners:
        """The listeners as an embedded cluster takes them."""
        addresses = None if self.external is None else self.external.addresses()
        return Listeners(
            certificate=self.certificate,
            node_ports=addresses if isinstance(addresses, NodePorts) else None,
            load_balancers=addresses if isinstance(addresses, LoadBalancers) else None,
            tls_routes=addresses if isinstance(addresses, TlsRoutes) else None,
        )

    def of_strimzi(self) -> StrimziListeners:
        """The listeners as Strimzi takes them."""
        return StrimziListeners(
            internal=self.internal or InternalListener(),
            external=None if self.external is None else self.external.access(),
        )
