"""Host names of a stack that something else in its Kubernetes cluster serves already."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kafka_platform.kube.manifests import Manifest
from kafka_platform.kube.marks import MARK
from kafka_platform.kube.object_id import ObjectId
from kafka_platform.values.words import Path

from infra.neighbours import hosts as named, is_same
from infra.outside.cluster import GATEWAY_API, Cluster, gateway_id, id_of
from infra.settings.faults import Fault
from infra.settings.model import Settings

EXTERNAL_DNS = "external-dns.alpha.kubernetes.io/hostname"
STRIMZI_CLUSTER = "strimzi.io/cluster"
_INGRESS_CLASS = "kubernetes.io/ingress.class"
_TRAEFIK = "traefik.io/gateway-controller"
"""It serves all Gateways of its class at one address."""
_VERSIONS = ("v1", "v1alpha3", "v1alpha2")
"""Of TLSRoute: whichever the cluster serves has all routes."""

Place = tuple[str, ...]
"""What a host is unique in: an Ingress class, a Gateway's port, or DNS."""


@dataclass(frozen=True, kw_only=True)
class Claim:
    """A host that an object serves."""

    by: ObjectId
    place: Place
    host: str


def faults(
    settings: Settings, objects: Sequence[Manifest], cluster: Cluster, is_own: Callable[[str], bool]
) -> Iterator[Fault]:
    """The hosts that are served already, by objects that are not the stack's own (`is_own` says so of a mark)."""
    keys = dict(named(settings))
    if not keys:
        return
    own_ids = {id_of(each) for each in objects}
    found = _Served(cluster, objects)
    own = list(found.claims(objects))
    kafkas = {(each["metadata"]["namespace"], each["metadata"]["name"]) for each in objects if each["kind"] == "Kafka"}
    for kind in sorted({each.place[0] for each in own}):
        others = [
            each
            for each in found.objects_of(kind)
            if id_of(each) not in own_ids and not _is_ours(each["metadata"], is_own, kafkas)
        ]
        told: set[Path] = set()
        for claim in found.claims(others):
            mine = next((each for each in own if each.place == claim.place and is_same(each.host, claim.host)), None)
            path = None if mine is None else _path(mine.host, keys)
            if path is not None and path not in told:
                told.add(path)
                yield Fault(
                    path=path,
                    message=f"{claim.host!r} is served by {claim.by} already, and callers reach one of them: use another name, or "
                    "remove it there first",
                )


def _is_ours(metadata: Mapping[str, Any], is_own: Callable[[str], bool], kafkas: set[tuple[str, str]]) -> bool:
    """Whether the stack made an object, perhaps under a name of before, or Strimzi did for its Kafka."""
    labels, annotations = metadata.get("labels") or {}, metadata.get("annotations") or {}
    return is_own(str(annotations.get(MARK))) or (metadata.get("namespace"), labels.get(STRIMZI_CLUSTER)) in kafkas


def _path(host: str, keys: Mapping[str, Path]) -> Path | None:
    return next((path for each, path in keys.items() if is_same(each, host)), None)


class _Served:
    """Which hosts objects claim; of a cluster, whose Gateways are looked up once."""

    def __init__(self, cluster: Cluster, objects: Sequence[Manifest]) -> None:
        self._cluster = cluster
        self._gateways: dict[ObjectId, Manifest] | None = None
        self._own = {id_of(each): each for each in objects if each["kind"] == "Gateway"}

    def objects_of(self, kind: str) -> Sequence[Manifest]:
        """All of the cluster."""
        if kind == "TLSRoute":
            found = (self._cluster.read_all(f"{GATEWAY_API}/{each}", kind) for each in _VERSIONS)
            return next((each for each in found if each), [])
        return self._cluster.read_all(_KINDS[kind], kind) or []

    def claims(self, objects: Sequence[Manifest]) -> Iterator[Claim]:
        """The hosts that these objects claim as a whole: a route of one path beside it takes nothing away."""
        for each in objects:
            by = id_of(each)
            if each["kind"] == "Ingress":
                yield from (Claim(by=by, place=place, host=host) for place, host in _of_ingress(each))
            elif each["kind"] == "Service":
                names = (each["metadata"].get("annotations") or {}).get(EXTERNAL_DNS) or ""
                yield from (
                    Claim(by=by, place=("Service",), host=host) for host in re.split(r"[\s,]+", str(names)) if host
                )
            elif each["kind"] == "TLSRoute" or (each["kind"] == "HTTPRoute" and _takes_all(each["spec"])):
                for place in self._places(each["kind"], each["spec"], str(each["metadata"].get("namespace"))):
                    yield from (Claim(by=by, place=place, host=host) for host in each["spec"].get("hostnames") or [])
            elif each["kind"] == "Kafka":
                yield from self._of_strimzi(by, each)

    def _of_strimzi(self, by: ObjectId, kafka: Manifest) -> Iterator[Claim]:
        """The hosts of the objects that Strimzi makes for a Kafka."""
        for listener in kafka["spec"]["kafka"]["listeners"]:
            way: Mapping[str, Any] = listener.get("configuration") or {}
            hosts = [str(each) for each in ((way.get("bootstrap") or {}).get("host"), way.get("hostTemplate")) if each]
            places: list[Place] = []
            if listener["type"] == "tlsroute":
                places = list(self._places("TLSRoute", way, str(by.namespace)))
            elif listener["type"] == "ingress":
                places = [("Ingress", str(way.get("class")))]
            elif listener["type"] == "loadbalancer":
                places = [("Service",)]
                told = ((way.get("bootstrap") or {}).get("annotations"), way.get("perBrokerAnnotationsTemplate"))
                hosts = [str(each[EXTERNAL_DNS]) for each in told if each and EXTERNAL_DNS in each]
            yield from (Claim(by=by, place=place, host=host) for place in places for host in hosts)

    def _places(self, kind: str, route: Mapping[str, Any], namespace: str) -> Iterator[Place]:
        """The ports of the Gateways that a route is attached to."""
        for parent in route.get("parentRefs") or []:
            if parent.get("kind", "Gateway") != "Gateway":
                continue
            wanted = _bare(gateway_id(parent, namespace))
            gateway = self._own.get(wanted) or self._all().get(wanted)
            if gateway is None:
                continue
            name, port = parent.get("sectionName"), parent.get("port")
            for listener in gateway["spec"].get("listeners") or []:
                if name in (None, listener["name"]) and port in (None, listener["port"]):
                    yield (kind, *self._address(wanted, gateway), str(listener["port"]))

    def _address(self, wanted: ObjectId, gateway: Manifest) -> Place:
        """What Gateways at one address have in common: their class, or nothing but themselves."""
        of_class = str(gateway["spec"].get("gatewayClassName"))
        return ("class", of_class) if self._shares(of_class) else (str(wanted.namespace), wanted.name)

    def _shares(self, of_class: str) -> bool:
        """Whether Gateways of a class have one address."""
        found = self._cluster.read(ObjectId(api_version=f"{GATEWAY_API}/v1", kind="GatewayClass", name=of_class))
        if found is not None and found["spec"].get("controllerName") == _TRAEFIK:
            return True
        of_one = (each for each in self._all().values() if each["spec"].get("gatewayClassName") == of_class)
        seen = [address["value"] for each in of_one for address in ((each.get("status") or {}).get("addresses") or [])]
        return len(set(seen)) < len(seen)

    def _all(self) -> Mapping[ObjectId, Manifest]:
        if self._gateways is None:
            found = self._cluster.read_all(f"{GATEWAY_API}/v1", "Gateway") or []
            self._gateways = {id_of(each): each for each in found}
        return self._gateways


_KINDS = {
    "Ingress": "networking.k8s.io/v1",
    "Service": "v1",
    "HTTPRoute": f"{GATEWAY_API}/v1",
}


def _bare(wanted: ObjectId) -> ObjectId:
    """Without the version, as `id_of` names objects."""
    group = wanted.api_version.partition("/")[0]
    return ObjectId(api_version=group, kind=wanted.kind, namespace=wanted.namespace, name=wanted.name)


def _of_ingress(manifest: Manifest) -> Iterator[tuple[Place, str]]:
    spec, annotations = manifest["spec"], manifest["metadata"].get("annotations") or {}
    place = ("Ingress", str(spec.get("ingressClassName") or annotations.get(_INGRESS_CLASS)))
    for rule in spec.get("rules") or []:
        paths = [each for each in (rule.get("http") or {}).get("paths") or [] if each.get("pathType") != "Exact"]
        if rule.get("host") and any(each.get("path", "/") == "/" for each in paths):
            yield place, rule["host"]


def _takes_all(route: Mapping[str, Any]) -> bool:
    """Whether a route takes each request for its hosts."""
    matches = [
        each
        for rule in route.get("rules") or [{}]
        for each in rule.get("matches") or [{"path": {"type": "PathPrefix", "value": "/"}}]
    ]
    return any(
        each.get("path", {}).get("value", "/") == "/"
        and each.get("path", {}).get("type", "PathPrefix") == "PathPrefix"
        and not {"headers", "queryParams", "method"} & each.keys()
        for each in matches
    )
