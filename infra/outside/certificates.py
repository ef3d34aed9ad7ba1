"""Whether the certificates that a stack names are valid for the hosts that it names."""

import base64
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from kafka_platform.cluster.embedded.listeners import TlsRoutes
from kafka_platform.kafka.protocols import Engine
from kafka_platform.kube.manifests import Manifest
from kafka_platform.kube.object_id import ObjectId
from kafka_platform.values.words import Path, listed

from infra import x509
from infra.capabilities.capability import CLUSTER
from infra.capabilities.gateway import GATEWAY, Gateway
from infra.outside.cluster import Cluster, gateway_id
from infra.settings.faults import Fault
from infra.settings.model import Settings

CERTIFICATE = "tls.crt"
_NODE_ID = "{nodeId}"
_ISSUED = "cert-manager.io/"
"""Annotations by which cert-manager issues what an Ingress or a Gateway names, for its hosts."""


@dataclass(frozen=True, kw_only=True)
class Presented:
    """A certificate, and the names under which it is presented."""

    path: Path
    namespace: str
    secret: str
    hosts: Sequence[str]


def faults(settings: Settings, objects: Sequence[Manifest], cluster: Cluster) -> Iterator[Fault]:
    """Certificates that clients would refuse. Of one that is not there yet, cert-manager may know the names."""
    presented = [*_of_gateway(settings), *_of_brokers(settings), *_of_listeners(settings, objects, cluster)]
    for each in presented:
        fault = _fault(each, cluster)
        if fault is not None:
            yield fault


def _of_gateway(settings: Settings) -> Iterator[Presented]:
    gateway = settings.of(Gateway)
    if gateway is None:
        return
    expose = gateway.expose
    issued = expose is not None and any(key.startswith(_ISSUED) for key in expose.annotations)
    if expose is not None and expose.certificate is not None and expose.host is not None and not issued:
        path = ("gateway", "expose", "certificate")
        yield Presented(path=path, namespace=settings.namespace, secret=expose.certificate, hosts=[expose.host])
    if gateway.tls is not None and isinstance(gateway.tls.certificate, str):
        hosts = []
        balancer = None if expose is None else expose.load_balancer
        if balancer is not None and isinstance(balancer.host, str):
            hosts.append(balancer.host)
        if expose is not None and expose.passthrough and expose.host is not None:
            hosts.append(expose.host)
        # A public authority signs no name of the cluster: a stack with hosts may have callers from outside alone.
        hosts = hosts or [f"{GATEWAY}.{settings.namespace}.svc"]
        path = ("gateway", "tls", "certificate")
        yield Presented(path=path, namespace=settings.namespace, secret=gateway.tls.certificate, hosts=hosts)


def _of_brokers(settings: Settings) -> Iterator[Presented]:
    kafka, namespace = settings.kafka, settings.namespace
    external = kafka.listeners.external
    if kafka.engine is Engine.EMBEDDED and kafka.listeners.certificate is not None:
        hosts = [f"{CLUSTER}.{namespace}.svc", f"{CLUSTER}-0.{CLUSTER}-nodes.{namespace}.svc"]
        if external is not None:
            addresses = external.addresses()
            hosts += [addresses.address(node)[0] for node in range(kafka.nodes)]
            if isinstance(addresses, TlsRoutes):
                hosts.append(addresses.bootstrap_host)
        path = ("kafka", "listeners", "certificate")
        yield Presented(path=path, namespace=namespace, secret=kafka.listeners.certificate, hosts=hosts)
    if kafka.engine is Engine.STRIMZI and external is not None and external.certificate is not None:
        yield Presented(
            path=("kafka", "listeners", "external", "certificate"),
            namespace=namespace,
            secret=external.certificate,
            hosts=[external.host, external.bootstrap_host],
        )


def _of_listeners(settings: Settings, objects: Sequence[Manifest], cluster: Cluster) -> Iterator[Presented]:
    """Those of the listener of an existing Gateway that serves the gateway's route."""
    gateway = settings.of(Gateway)
    if gateway is None or gateway.expose is None or gateway.expose.gateway is None:
        return
    for route in (each for each in objects if each["kind"] == "HTTPRoute"):
        for parent in route["spec"]["parentRefs"]:
            wanted = gateway_id(parent, str(route["metadata"].get("namespace")))
            found = cluster.read(wanted)
            if found is None or any(key.startswith(_ISSUED) for key in found["metadata"].get("annotations") or {}):
                continue
            for listener in found["spec"].get("listeners") or []:
                named = (listener.get("tls") or {}).get("certificateRefs") or []
                # Of several, the controller chooses.
                if listener["name"] == parent.get("sectionName") and len(named) == 1:
                    yield Presented(
                        path=("gateway", "expose", "listener"),
                        namespace=named[0].get("namespace") or str(wanted.namespace),
                        secret=named[0]["name"],
                        hosts=route["spec"]["hostnames"],
                    )


def _fault(presented: Presented, cluster: Cluster) -> Fault | None:
    wanted = ObjectId(api_version="v1", kind="Secret", namespace=presented.namespace, name=presented.secret)
    issued = _issued(presented, cluster)
    if issued is not None:
        return _uncovered(
            presented, f"the Certificate {presented.namespace}/{issued[0]}", issued[1], "add it to its dnsNames"
        )
    found = cluster.read(wanted)
    if found is None:
        return None
    content = (found.get("data") or {}).get(CERTIFICATE)
    if content is None:
        fix = "name a Secret of the type kubernetes.io/tls"
        return Fault(path=presented.path, message=f"{wanted} has no {CERTIFICATE}: {fix}")
    try:
        pem = base64.b64decode(content).decode("ascii")
        names, ends = x509.names(pem), x509.ends(pem)[0]
    except ValueError:
        return Fault(
            path=presented.path, message=f"the {CERTIFICATE} of {wanted} is no certificate in PEM: put one into it"
        )
    if ends < datetime.now(UTC):
        return Fault(path=presented.path, message=f"the certificate in {wanted} ended on {ends:%Y-%m-%d}: renew it")
    return _uncovered(presented, f"the certificate in {wanted}", names, "issue it for that name too")


def _issued(presented: Presented, cluster: Cluster) -> tuple[str, Sequence[str]] | None:
    """The name and the hosts of cert-manager's Certificate that fills the Secret."""
    for each in cluster.read_all("cert-manager.io/v1", "Certificate") or []:
        spec = each["spec"]
        here = each["metadata"].get("namespace") == presented.namespace
        # Names may also come from a subject that is written literally.
        if here and spec.get("secretName") == presented.secret and "literalSubject" not in spec:
            return each["metadata"]["name"], [*(spec.get("dnsNames") or []), *(spec.get("ipAddresses") or [])]
    return None


def _uncovered(presented: Presented, what: str, names: Sequence[str], fix: str) -> Fault | None:
    missing = next((host for host in presented.hosts if not any(_covers(name, host) for name in names)), None)
    if missing is None:
        return None
    valid = f"is valid for {listed(sorted(names))}, not for {missing}" if names else f"names no host, so not {missing}"
    return Fault(path=presented.path, message=f"{what} {valid}: {fix}, or name another")


def _covers(name: str, host: str) -> bool:
    """As clients compare them (RFC 9525): a wildcard is one label. A host with `{nodeId}` has a name for some broker."""
    name, host = name.lower(), host.replace(_NODE_ID, _DIGITS).lower()
    if name.startswith("*."):
        return name[2:] == host.partition(".")[2]
    pattern = re.escape(host).replace(_DIGITS, "[0-9]+")
    return re.fullmatch(pattern, name) is not None


_DIGITS = "0node0"
