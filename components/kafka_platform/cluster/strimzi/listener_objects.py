"""The listeners of a Kafka that Strimzi runs, as its custom resource has them."""

from collections.abc import Sequence

from kafka_platform.cluster.strimzi.listeners import (
    Authentication,
    BrokerAccess,
    CustomAuthentication,
    StrimziListeners,
)
from kafka_platform.cluster.tls_routes import parent
from kafka_platform.kube.balancers import balancing
from kafka_platform.kube.manifests import Manifest, client_peers
from kafka_platform.values.later import Input

INTERNAL_PORT = 9092
CERTIFICATES_PORT = 9093
_EXTERNAL_DNS = "external-dns.alpha.kubernetes.io/hostname"


def listener_list(name: str, listeners: StrimziListeners, client_namespaces: Sequence[Input[str]]) -> list[Manifest]:
    """All ways in to the cluster of that name."""
    peers = client_peers(name, client_namespaces)
    internal = listeners.internal
    rendered: list[Manifest] = [
        {
            "authentication": _authentication(internal.auth, internal.custom),
            "name": "internal",
            "networkPolicyPeers": peers,
            "port": INTERNAL_PORT,
            "tls": internal.tls,
            "type": "internal",
        }
    ]
    if internal.certificates:
        rendered.append(
            {
                "authentication": {"type": "tls"},
                "name": "certs",
                "networkPolicyPeers": peers,
                "port": CERTIFICATES_PORT,
                "tls": True,
                "type": "internal",
            }
        )
    if listeners.external is not None:
        rendered.append(_external(name, listeners.external))
    return rendered


def _authentication(auth: Authentication, custom: CustomAuthentication | None) -> Manifest:
    if custom is not None:
        return {"listenerConfig": dict(sorted(custom.config.items())), "sasl": custom.sasl, "type": "custom"}
    return {"type": "tls" if auth is Authentication.MTLS else "scram-sha-512"}


def _external(name: str, access: BrokerAccess) -> Manifest:
    kind, configuration = _way_in(name, access)
    if access.certificate is not None:
        configuration["brokerCertChainAndKey"] = {
            "certificate": "tls.crt",
            "key": "tls.key",
            "secretName": access.certificate,
        }
    return {
        "authentication": _authentication(access.auth, access.custom),
        "configuration": configuration,
        "name": "external",
        "port": access.port,
        "tls": True,
        "type": kind,
    }


def _way_in(name: str, access: BrokerAccess) -> tuple[str, Manifest]:
    if access.node_ports is not None:
        ports = access.node_ports
        return "nodeport", {
            # The host is in the brokers' certificates then: the addresses of machines never are.
            "advertisedHostTemplate": ports.host,
            "bootstrap": {"alternativeNames": [ports.host], "nodePort": ports.port},
        }
    if access.load_balancers is not None:
        balancers = access.load_balancers
        common = dict(balancers.annotations)
        configuration: Manifest = {
            "advertisedHostTemplate": balancers.host,
            "advertisedPortTemplate": str(access.port),
            "bootstrap": {
                "alternativeNames": [balancers.bootstrap_host],
                "annotations": dict(sorted(({_EXTERNAL_DNS: balancers.bootstrap_host} | common).items())),
            },
            "perBrokerAnnotationsTemplate": dict(sorted(({_EXTERNAL_DNS: balancers.host} | common).items())),
        }
        if balancers.load_balancer_class is not None:
            configuration["class"] = balancers.load_balancer_class
        configuration |= balancing(balancers.source_ranges, balancers.external_traffic_policy)
        return "loadbalancer", configuration
    if access.tls_routes is not None:
        routes = access.tls_routes
        return "tlsroute", {
            "advertisedHostTemplate": routes.host,
            "advertisedPortTemplate": str(routes.port),
            "bootstrap": {"host": routes.bootstrap_host},
            "hostTemplate": routes.host,
            "parentRefs": [parent(name, routes)],
        }
    ingresses = access.ingresses
    assert ingresses is not None  # noqa: S101  # exactly one is given
    bootstrap: Manifest = {"host": ingresses.bootstrap_host}
    rendered: Manifest = {"bootstrap": bootstrap, "class": ingresses.ingress_class, "hostTemplate": ingresses.host}
    if ingresses.annotations:
        annotations = dict(sorted(ingresses.annotations.items()))
        bootstrap["annotations"] = annotations
        rendered["perBrokerAnnotationsTemplate"] = annotations
    return "ingress", rendered
