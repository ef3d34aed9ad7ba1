"""What people declare: the values that settings, components and the provisioner share. No Pulumi.

Every class checks itself when it is made and raises `ValueError` with one sentence that begins with the
name of the field at fault (`partitions: 0 ...`), so that a caller can put its own path before it.
"""

from collections.abc import Mapping
from dataclasses import MISSING, dataclass
from enum import Enum

from kafka_platform.checks import checked
from kafka_platform.entities_model import check_min_insync
from kafka_platform.forms import (
    DURATION,
    Compute,
    Spec,
    formed,
    mapping,
    memory_of,
    named,
    processors,
)
from kafka_platform.free_maps import check_annotations
from kafka_platform.names import check_subdomain
from kafka_platform.ranges import MOST_REPLICAS, within
from kafka_platform.units import milliseconds


class Engine(Enum):
    """Who runs the Kafka."""

    EMBEDDED = "embedded"
    """One StatefulSet of the official apache/kafka image, no operator: laptops, CI, the edge."""
    STRIMZI = "strimzi"
    """Strimzi's operator, by its custom resources: production."""
    EXTERNAL = "external"
    """A Kafka that somebody else runs: only the connection."""


class SecurityProtocol(Enum):
    """How a client talks to a listener (Kafka's `security.protocol`)."""

    PLAINTEXT = "PLAINTEXT"
    """Neither encrypted nor authenticated."""
    SSL = "SSL"
    """Encrypted."""
    SASL_PLAINTEXT = "SASL_PLAINTEXT"
    """Authenticated, not encrypted."""
    SASL_SSL = "SASL_SSL"
    """Authenticated and encrypted."""


class SaslMechanism(Enum):
    """How a client proves who it is (Kafka's `sasl.mechanism`)."""

    SCRAM_SHA_512 = "SCRAM-SHA-512"
    """A password that is never sent."""
    PLAIN = "PLAIN"
    """A password that is sent: only inside TLS."""


# What --service-node-port-range of the API server is unless somebody changed it.
NODE_PORTS = range(30000, 32768)


def check_node_port(port: int) -> None:
    """Raises unless Kubernetes opens this port on every machine."""
    if port not in NODE_PORTS:
        raise ValueError(f"{port} is out of range: use {NODE_PORTS.start} to {NODE_PORTS.stop - 1}")


@dataclass(frozen=True, kw_only=True)
class NodePorts(Spec):
    """Clients outside Kubernetes reach node i at `<host>:<first_port + i>`, a port open on every machine of the cluster."""

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
    """Clients outside Kubernetes reach each node through a load balancer of its own, under a name that you keep in DNS."""

    host: str = formed(MISSING, lambda host: check_subdomain(host.replace("{nodeId}", "0"), "host name"))
    """Host name of each node; `{nodeId}` stands for its number, as in `broker-{nodeId}.kafka.example.com`."""
    port: int = within(1, 65535, default=9094)
    """Port of the load balancers. Default 9094."""
    annotations: Mapping[str, str] = mapping(check_annotations)
    """Annotations of the Services, for the cloud's load balancer controller. Default: none."""

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
class Listeners(Spec):
    """How clients reach an embedded cluster. All of them log in by SCRAM-SHA-512."""

    certificate: str | None = named(check_subdomain, "Secret name")
    """Secret (in the cluster's namespace) with `tls.crt`, `tls.key` (PKCS#8) and `ca.crt`: clients then use TLS. It must
    be valid for `<name>.<namespace>.svc`, `*.<name>-nodes.<namespace>.svc` and the external hosts. Default: no TLS."""
    node_ports: NodePorts | None = None
    """Lets clients outside Kubernetes in by node ports. Default: nobody outside."""
    load_balancers: LoadBalancers | None = None
    """Lets clients outside Kubernetes in by load balancers. Default: nobody outside."""

    def check(self) -> None:
        """There is one way in from outside at most."""
        if self.node_ports is not None and self.load_balancers is not None:
            raise ValueError("node_ports: load_balancers is given too: keep one of them")

    @property
    def external(self) -> NodePorts | LoadBalancers | None:
        """The way in from outside, if there is one."""
        return self.node_ports or self.load_balancers

    def check_nodes(self, nodes: int) -> None:
        """Raises unless every one of `nodes` nodes gets an external address of its own."""
        if self.external is not None:
            checked("node_ports" if self.node_ports else "load_balancers", self.external.check_nodes, nodes)


@dataclass(frozen=True, kw_only=True)
class Resources(Compute):
    """What one Kafka node gets."""

    cpu: str = processors("100m", "500m", "2")
    """Cores that are reserved. Default 100m: three nodes fit a laptop; more is used when it is free."""
    cpu_limit: str | None = processors(None, "2")
    """Cores it may use at most. Default: what the machine has."""
    # A broker with less heap than this collects garbage all the time.
    memory: str = memory_of("a broker", "1Gi", least="512Mi")
    """Memory that is reserved and may be used, at least 512Mi; half is the JVM's heap, the rest serves threads and buffers. Default 1Gi."""


@dataclass(frozen=True, kw_only=True)
class Defaults(Spec):
    """What topics get that do not say otherwise."""

    replicas: int | None = within(1, MOST_REPLICAS, default=None)
    """Copies of each record. Default: 1 on one node, 2 on two, otherwise 3."""
    min_insync_replicas: int | None = within(1, MOST_REPLICAS, default=None)
    """Copies that must have a record before `acks=all` is answered. Default: one less than `replicas`, at least 1."""
    retention: str = formed("7d", milliseconds, pattern=DURATION, examples=["7d", "forever"])
    """How long records are kept, such as `7d`, or `forever`. Default 7d."""

    def replicas_on(self, nodes: int) -> int:
        """Copies of each record on a cluster of `nodes` nodes. Raises if there are not as many nodes."""
        replicas = self.replicas if self.replicas is not None else min(nodes, 3)
        if replicas > nodes:
            raise ValueError(f"replicas: {replicas} replicas on {nodes} nodes: use at most {nodes}, or add nodes")
        return replicas

    def min_insync_replicas_on(self, nodes: int) -> int:
        """Copies that `acks=all` waits for. Raises if one node down would stop every writer."""
        replicas = self.replicas_on(nodes)
        least = self.min_insync_replicas if self.min_insync_replicas is not None else max(replicas - 1, 1)
        check_min_insync(least, replicas)
        return least
