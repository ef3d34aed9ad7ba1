"""Brokers behind a Gateway of the Gateway API that passes TLS through, for every engine that runs them. No Pulumi.

The controller reads the name that a client asks for at the beginning of TLS (SNI) and forwards the connection to the broker of
that name. It sees neither passwords nor records: brokers present the certificates, and clients verify the brokers' names.
"""

import re
from dataclasses import MISSING, dataclass

from kafka_platform.kube.manifests import Manifest, metadata
from kafka_platform.kube.routes import GROUP
from kafka_platform.values.forms import Spec, formed, named
from kafka_platform.values.later import Input
from kafka_platform.values.names import check_gateway, check_subdomain
from kafka_platform.values.ranges import within


def _check_node_hosts(host: str) -> None:
    check_subdomain(host.replace("{nodeId}", "0"), "host name")
    if "{nodeId}" not in host:
        raise ValueError(
            f"{host!r} is the same for all brokers: put {{nodeId}} in it, as in broker-{{nodeId}}.kafka.example.com"
        )


@dataclass(frozen=True, kw_only=True)
class BrokerNames(Spec):
    """Host names of the brokers and of the bootstrap connection."""

    host: str = formed(MISSING, _check_node_hosts)
    """Name of each broker; `{nodeId}` is replaced by its number, as in `broker-{nodeId}.kafka.example.com`."""
    bootstrap: str | None = named(check_subdomain, "host name")
    """Name for the first connection. Default: `host` with `bootstrap` for `{nodeId}`."""

    @property
    def bootstrap_host(self) -> str:
        """Name for the first connection."""
        return self.bootstrap or self.host.replace("{nodeId}", "bootstrap")

    def check(self) -> None:
        """No broker has the name for the first connection."""
        broker = re.escape(self.host).replace(re.escape("{nodeId}"), "[0-9]+")
        if self.bootstrap is not None and re.fullmatch(broker, self.bootstrap):
            usual = self.host.replace("{nodeId}", "bootstrap")
            raise ValueError(f"bootstrap: {self.bootstrap!r} is the name of a broker: use another one, such as {usual}")


@dataclass(frozen=True, kw_only=True)
class BrokerTlsRoutes(BrokerNames):
    """TLSRoutes of the Gateway API that pass TLS through, selected by the name that clients request (SNI)."""

    gateway_class: Input[str] | None = named(check_subdomain, "GatewayClass name")
    """GatewayClass of a Gateway to create."""
    gateway: str | None = formed(None, check_gateway)
    """An existing Gateway, as `name` or `namespace/name`, with a TLS listener in the mode Passthrough."""
    port: int = within(1, 65535, default=443)
    """Port of the Gateway that clients connect to. Default 443."""
    listener_port: int | None = within(1, 65535, default=None)
    """Port of the created Gateway's listener, if its controller wants that of its pods: Traefik's chart 8443. Default: `port`."""

    def check(self) -> None:
        """There is one Gateway."""
        super().check()
        if (self.gateway_class is None) == (self.gateway is None):
            what = "gateway is given too: keep one of them" if self.gateway else "missing: write one, or gateway"
            raise ValueError(f"gateway_class: {what}")
        if self.gateway is not None and self.listener_port is not None:
            raise ValueError("listener_port: the existing Gateway has its own: remove it")


def gateway_name(name: str) -> str:
    """Name of the Gateway that is created for a cluster's routes."""
    return f"{name}-brokers"


def gateway(name: str, namespace: Input[str], labels: dict[str, str], routes: BrokerTlsRoutes) -> Manifest:
    """The Gateway of a cluster of that name."""
    return {
        "apiVersion": f"{GROUP}/v1",
        "kind": "Gateway",
        "metadata": metadata(gateway_name(name), namespace, labels),
        "spec": {
            "gatewayClassName": routes.gateway_class,
            "listeners": [
                {
                    "allowedRoutes": {
                        "kinds": [{"group": GROUP, "kind": "TLSRoute"}],
                        "namespaces": {"from": "Same"},
                    },
                    "name": "kafka",
                    "port": routes.listener_port or routes.port,
                    "protocol": "TLS",
                    "tls": {"mode": "Passthrough"},
                }
            ],
        },
    }


def parent(name: str, routes: BrokerTlsRoutes) -> Manifest:
    """How the routes of a cluster of that name refer to their Gateway."""
    namespace, _, existing = (routes.gateway or "").rpartition("/")
    found: Manifest = {"group": GROUP, "kind": "Gateway", "name": existing or gateway_name(name)}
    if namespace:
        found["namespace"] = namespace
    return found
