"""Whether an existing Gateway takes the routes of a stack."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from kafka_platform.kube.manifests import Manifest
from kafka_platform.kube.object_id import ObjectId
from kafka_platform.values.words import Path, listed, suggest

from infra.capabilities.gateway import GATEWAY
from infra.outside.cluster import Cluster, gateway_id, id_of
from infra.settings.faults import Fault

BROKERS: Path = ("kafka", "listeners", "external")
CALLERS: Path = ("gateway", "expose")
_OF_STRIMZI = "tlsroute"
"""Its listeners for which it makes routes."""
_NAMESPACE_LABEL = "kubernetes.io/metadata.name"


def faults(objects: Sequence[Manifest], cluster: Cluster) -> Iterator[Fault]:
    """Routes that their Gateway would not serve, or would serve without TLS. Gateways that the stack makes are its own."""
    made = {id_of(each) for each in objects}
    told: set[tuple[ObjectId, Path]] = set()
    for at, kind, host, parent, namespace in _routes(objects):
        wanted = gateway_id(parent, namespace)
        own = ObjectId(
            api_version=wanted.api_version.partition("/")[0],
            kind="Gateway",
            namespace=wanted.namespace,
            name=wanted.name,
        )
        if own in made or (wanted, at) in told:
            continue
        fault = _fault(at, kind, host, parent, namespace, wanted, cluster)
        if fault is not None:
            told.add((wanted, at))  # the same is true of each broker
            yield fault


def _routes(objects: Sequence[Manifest]) -> Iterator[tuple[Path, str, str, Mapping[str, Any], str]]:
    """Of each route its key, kind, a host, the parent and the namespace; also of those that Strimzi makes."""
    for each in objects:
        namespace = str(each["metadata"].get("namespace"))
        if each["kind"] in ("HTTPRoute", "TLSRoute"):
            for parent in each["spec"]["parentRefs"]:
                at = CALLERS if each["metadata"]["name"] == GATEWAY else BROKERS
                yield at, each["kind"], each["spec"]["hostnames"][0], parent, namespace
        elif each["kind"] == "Kafka":
            for listener in each["spec"]["kafka"]["listeners"]:
                if listener["type"] == _OF_STRIMZI:
                    way = listener["configuration"]
                    for parent in way["parentRefs"]:
                        yield BROKERS, "TLSRoute", way["bootstrap"]["host"], parent, namespace


def _fault(
    at: Path, kind: str, host: str, parent: Mapping[str, Any], namespace: str, wanted: ObjectId, cluster: Cluster
) -> Fault | None:
    path = (*at, "gateway")
    if cluster.exists(wanted) is False:
        if wanted.namespace == namespace and cluster.exists(_namespace(namespace)) is False:
            return None  # it can only come after the stack
        return Fault(path=path, message=f"{wanted} does not exist: make it, or correct its name")
    found = cluster.read(wanted)
    if found is None:
        return None
    listeners: Sequence[Mapping[str, Any]] = found["spec"].get("listeners") or []
    name = parent.get("sectionName")
    if name is not None:
        chosen = [each for each in listeners if each["name"] == name]
        if not chosen:
            fix = suggest(name, [each["name"] for each in listeners])
            return Fault(path=(*at, "listener"), message=f"{wanted} has no listener {name!r}: {fix}")
        listeners = chosen
    reasons = [_wrong(kind, host, namespace, wanted, each, cluster) for each in listeners]
    if None in reasons:
        return None
    if name is not None:
        return Fault(path=(*at, "listener"), message=str(reasons[0]))
    fix = f"add a listener of the protocol TLS and the mode Passthrough that takes {kind}s of {namespace!r}"
    none = f"{wanted} has no listener that passes TLS through for {host!r}: {fix}"
    return Fault(path=path, message=str(reasons[0]) if len(reasons) == 1 else none)


def _namespace(name: str) -> ObjectId:
    return ObjectId(api_version="v1", kind="Namespace", name=name)


def _wrong(
    kind: str, host: str, namespace: str, gateway: ObjectId, listener: Mapping[str, Any], cluster: Cluster
) -> str | None:
    """Why a listener would not serve a route of this kind, with what to do about it."""
    it = f"the listener {listener['name']!r} of {gateway}"
    protocol, mode = listener["protocol"], (listener.get("tls") or {}).get("mode", "Terminate")
    if kind == "HTTPRoute" and protocol != "HTTPS":
        why = "passwords would pass in the clear" if protocol == "HTTP" else "it serves no HTTP"
        return f"{it} has the protocol {protocol}, so {why}: name one with HTTPS"
    if kind == "TLSRoute" and (protocol, mode) != ("TLS", "Passthrough"):
        return f"{it} does not pass TLS through: name a Gateway with a listener of the protocol TLS and the mode Passthrough"
    pattern = listener.get("hostname")
    if pattern is not None and not _covers(pattern, host):
        return f"{it} is for {pattern!r}, not for {host!r}: correct the host, or name another listener"
    allowed = listener.get("allowedRoutes") or {}
    kinds = [each["kind"] for each in allowed.get("kinds") or []]
    if kinds and kind not in kinds:
        return f"{it} takes only {listed(kinds)}, not {kind}: add it to its allowedRoutes.kinds, or name another one"
    if not _lets_in(allowed.get("namespaces") or {}, namespace, str(gateway.namespace), cluster):
        return f"{it} takes no routes of the namespace {namespace!r}: let it in by its allowedRoutes.namespaces, or name another one"
    return None


def _covers(pattern: str, host: str) -> bool:
    """https://gateway-api.sigs.k8s.io/reference/spec/#hostname: a wildcard stands for one label or more."""
    return host == pattern or (pattern.startswith("*.") and host.endswith(pattern[1:]) and len(host) > len(pattern) - 1)


def _lets_in(allowed: Mapping[str, Any], namespace: str, own: str, cluster: Cluster) -> bool:
    """Whether routes of a namespace may attach; also if that cannot be told."""
    source = allowed.get("from", "Same")
    if source == "Same":
        return namespace == own
    selector = allowed.get("selector") or {}
    if source != "Selector" or selector.get("matchExpressions"):
        return bool(source != "None")
    namespaces = cluster.metadata("v1", "Namespace")
    if namespaces is None or namespace not in namespaces:
        return True
    labels = {_NAMESPACE_LABEL: namespace, **(namespaces[namespace].get("labels") or {})}
    return all(labels.get(key) == value for key, value in (selector.get("matchLabels") or {}).items())
