"""How clients outside Kubernetes reach the nodes of an embedded Kafka cluster: one pure function renders each object."""

from typing import TYPE_CHECKING

from kafka_platform.cluster import tls_routes
from kafka_platform.cluster.embedded.files import EXTERNAL_PORT
from kafka_platform.cluster.embedded.listeners import LoadBalancers, NodePorts, TlsRoutes
from kafka_platform.cluster.embedded.settings import COMPONENT, EmbeddedSettings
from kafka_platform.kube.balancers import balancing
from kafka_platform.kube.manifests import Manifest, labels, metadata, selector, service_of, service_port
from kafka_platform.kube.objects import Object, Wait
from kafka_platform.kube.routes import GROUP

if TYPE_CHECKING:
    from pulumi import Input

_BOOTSTRAP = "bootstrap"


def objects(settings: EmbeddedSettings) -> list[Object]:
    """The way in, if there is one."""
    external = settings.spec.listeners.external
    if external is None:
        return []
    nodes = range(settings.spec.nodes)
    services = [Object(role=f"external-{node}", manifest=external_service(settings, external, node)) for node in nodes]
    if not isinstance(external, TlsRoutes):
        return services
    services.append(Object(role=f"external-{_BOOTSTRAP}", manifest=bootstrap_service(settings)))
    found = list(services)
    if external.gateway_class is not None:
        own = labels(settings.name, COMPONENT)
        manifest = tls_routes.gateway(settings.name, settings.namespace, own, external)
        # Without it a Gateway whose class nobody serves would look deployed.
        found.append(Object(role="gateway", manifest=manifest, wait=Wait(condition="Programmed")))
    names = {str(node): external.address(node)[0] for node in nodes} | {_BOOTSTRAP: external.bootstrap_host}
    found += [
        Object(role=f"route-{of}", manifest=tls_route(settings, external, of, host), after=services)
        for of, host in names.items()
    ]
    return found


def external_service(
    settings: EmbeddedSettings, external: NodePorts | LoadBalancers | TlsRoutes, node: int
) -> Manifest:
    """The Service of one node for external clients; of node ports and load balancers, at the address that the node advertises."""
    host, port = external.address(node)
    entry = service_port("external", EXTERNAL_PORT)
    annotations: dict[str, Input[str]] = {}
    spec: Manifest = {
        # A node that is not ready still answers for the partitions that only it has.
        "publishNotReadyAddresses": True,
        "ports": [entry],
        "selector": {
            **selector(settings.name, COMPONENT),
            "statefulset.kubernetes.io/pod-name": f"{settings.name}-{node}",
        },
        "type": _TYPES[type(external)],
    }
    if isinstance(external, NodePorts):
        entry["nodePort"] = port
    if isinstance(external, LoadBalancers):
        entry["port"] = port
        spec |= balancing(external.source_ranges, external.external_traffic_policy)
        # external-dns, where it is installed, keeps the name in DNS.
        annotations = {"external-dns.alpha.kubernetes.io/hostname": host, **external.annotations}
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": metadata(
            _named(settings, str(node)),
            settings.namespace,
            labels(settings.name, COMPONENT),
            dict(sorted(annotations.items())),
        ),
        "spec": dict(sorted(spec.items())),
    }


_TYPES = {NodePorts: "NodePort", LoadBalancers: "LoadBalancer", TlsRoutes: "ClusterIP"}


def bootstrap_service(settings: EmbeddedSettings) -> Manifest:
    """Leads first connections to any node that is ready."""
    return service_of(
        metadata(_named(settings, _BOOTSTRAP), settings.namespace, labels(settings.name, COMPONENT)),
        [service_port("external", EXTERNAL_PORT)],
        selector(settings.name, COMPONENT),
    )


def tls_route(settings: EmbeddedSettings, routes: TlsRoutes, of: str, host: str) -> Manifest:
    """Leads connections for one name to its Service; external-dns, where it reads routes, keeps the name in DNS."""
    name = _named(settings, of)
    return {
        "apiVersion": f"{GROUP}/{routes.route_version.value}",
        "kind": "TLSRoute",
        "metadata": metadata(name, settings.namespace, labels(settings.name, COMPONENT)),
        "spec": {
            "hostnames": [host],
            "parentRefs": [tls_routes.parent(settings.name, routes)],
            "rules": [
                {"backendRefs": [{"group": "", "kind": "Service", "name": name, "port": EXTERNAL_PORT, "weight": 1}]}
            ],
        },
    }


def _named(settings: EmbeddedSettings, of: str) -> str:
    return f"{settings.name}-external-{of}"
