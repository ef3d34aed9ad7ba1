"""How clients reach a Kafka without an operator. No Pulumi.

Every class checks itself when constructed and raises `ValueError` with one sentence that begins with the name of the
invalid field (`partitions: 0 ...`), so that a caller can put its own path before it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import MISSING, dataclass

from kafka_platform.cluster.tls_routes import BrokerTlsRoutes
from kafka_platform.kube.balancers import TrafficPolicy
from kafka_platform.kube.routes import RouteVersion
from kafka_platform.values.checks import NODE_PORTS, check_field, check_node_port, check_source_ranges
from kafka_platform.values.forms import Spec, formed, mapping, named
from kafka_platform.values.free_maps import check_annotations
from kafka_platform.values.later import Input
from kafka_platform.values.names import check_subdomain
from kafka_platform.values.ranges import within


@dataclass(frozen=True, kw_only=True)
class NodePorts(Spec):
    """Node ports: clients outside Kubernetes reach node i at `<host>:<first_port + i>`, a port open on every machine of the cluster."""

    host: str = named(check_subdomain, "host name", default=MISSING)
    """Host name or address that reaches any machine of the Kubernetes cluster."""
    first_port: int = formed(MISSING, check_node_port)
    """Port of node 0, 30000 to 32767; the following ones belong to the next nodes."""

    def address(self, node: int) -> tuple[str, int]:
        """Host and port that clients outside use for this node."""
        return self.host, self.first_port + node

    def check_nodes(self, nodes: int) -> None:
        """Raises unless every one of `nodes` nodes gets a port of its own."""
        if self.first_port + nodes - 1 not in NODE_PORTS:
            raise ValueError(
                f"first_port: {self.first_port} leaves no port for node {nodes - 1}: use at most {NODE_PORTS.stop - nodes}"
            )


@dataclass(frozen=True, kw_only=True)
class LoadBalancers(Spec):
    """One load balancer per node for clients outside Kubernetes, under names that you maintain in DNS."""

    host: str = formed(MISSING, lambda host: check_subdomain(host.replace("{nodeId}", "0"), "host name"))
    """Host name of each node; `{nodeId}` is replaced by its number, as in `broker-{nodeId}.kafka.example.com`."""
    port: int = within(1, 65535, default=9094)
    """Port of the load balancers. Default 9094."""
    annotations: Mapping[str, Input[str]] = mapping(check_annotations)
    """Annotations of the Services, for the cloud's load balancer controller. Default: none."""
    source_ranges: Sequence[Input[str]] | None = formed(None, check_source_ranges, examples=[["203.0.113.0/24"]])
    """Networks that clients may connect from, such as `203.0.113.0/24`. Default: any."""
    external_traffic_policy: TrafficPolicy | None = None
    """`Local`: only the machine that runs the broker passes connections on, so the broker sees clients' own addresses and there is no
    second hop; `Cluster`: all machines do. Default: Kubernetes' own, `Cluster`."""

    def address(self, node: int) -> tuple[str, int]:
        """Host and port that clients outside use for this node."""
        return self.host.replace("{nodeId}", str(node)), self.port

    def check_nodes(self, nodes: int) -> None:
        """Raises unless every one of `nodes` nodes gets a name of its own."""
        if nodes > 1 and "{nodeId}" not in self.host:
            raise ValueError(
                f"host: {self.host!r} is the same for all {nodes} nodes: put {{nodeId}} in it, as in broker-{{nodeId}}.example.com"
            )


@dataclass(frozen=True, kw_only=True)
class TlsRoutes(BrokerTlsRoutes):
    """Routes of the Gateway API that pass TLS through, by the name that clients request (SNI): one for each node, and one to begin at."""

    route_version: RouteVersion = RouteVersion.V1
    """Version of the routes. Default v1, which Gateway API 1.5 and newer serve."""

    def address(self, node: int) -> tuple[str, int]:
        """Host and port that clients outside use for this node."""
        return self.host.replace("{nodeId}", str(node)), self.port

    def check_nodes(self, _: int) -> None:
        """Any number of nodes has names: each its own."""


@dataclass(frozen=True, kw_only=True)
class Listeners(Spec):
    """How clients reach an embedded cluster. All of them log in with SCRAM-SHA-512."""

    certificate: Input[str] | None = named(check_subdomain, "Secret name")
    """Secret (in the cluster's namespace) with `tls.crt`, `tls.key` (PKCS#8) and `ca.crt`: clients then use TLS. It must
    be valid for `<name>.<namespace>.svc`, `*.<name>-nodes.<namespace>.svc` and the external hosts. A renewed one is read without a
    restart. Default: no TLS."""
    node_ports: NodePorts | None = None
    """External access through node ports. Default: none."""
    load_balancers: LoadBalancers | None = None
    """External access through load balancers. Default: none."""
    tls_routes: TlsRoutes | None = None
    """External access through a Gateway of the Gateway API, which passes TLS through. Needs `certificate`. Default: none."""

    def check(self) -> None:
        """There is one way in from outside at most; names are looked for in TLS, which needs a certificate."""
        given = [name for name in _WAYS if getattr(self, name) is not None]
        if len(given) > 1:
            raise ValueError(f"{given[0]}: {given[1]} is given too: keep one of them")
        if self.tls_routes is not None and self.certificate is None:
            raise ValueError(NO_CERTIFICATE)

    @property
    def external(self) -> NodePorts | LoadBalancers | TlsRoutes | None:
        """The way in from outside, if there is one."""
        return self.node_ports or self.load_balancers or self.tls_routes

    def check_nodes(self, nodes: int) -> None:
        """Raises unless every one of `nodes` nodes gets an external address of its own."""
        if self.external is not None:
            way = next(name for name in _WAYS if getattr(self, name) is not None)
            check_field(way, self.external.check_nodes, nodes)


_WAYS = ("node_ports", "load_balancers", "tls_routes")
NO_CERTIFICATE = (
    "certificate: missing, a Gateway tells brokers apart by the names in TLS, which they prove themselves: name a Secret that is "
    "valid for them"
)
