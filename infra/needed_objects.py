"""What a stack uses and does not make, and the refusal of a stack whose Kubernetes cluster lacks it, before anything is changed."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from kafka_platform.kube.manifests import Manifest
from kafka_platform.kube.object_id import ObjectId
from kafka_platform.kube.routes import RouteVersion
from kafka_platform.values.words import suggest
from pydantic.alias_generators import to_camel

from infra.capabilities import made_namespaces, rendered
from infra.capabilities.gateway import GATEWAY
from infra.capabilities.operators import INSTALLED
from infra.settings.core import Core

STORAGE = ("storage.k8s.io/v1", "StorageClass")
DEFAULT_CLASS = "storageclass.kubernetes.io/is-default-class"
"""The annotation of the class of claims that name none."""
_CLASSES: Mapping[str, tuple[str, str]] = {
    "priorityClassName": ("scheduling.k8s.io/v1", "PriorityClass"),
    "gatewayClassName": ("gateway.networking.k8s.io/v1", "GatewayClass"),
    "ingressClassName": ("networking.k8s.io/v1", "IngressClass"),
}
"""Fields that name a cluster-wide object, wherever they are in a manifest."""
_SECRETS = ("secretRef", "secretKeyRef", "secretTargetRef", "imagePullSecrets", "secret")
_CONFIG_MAPS = ("configMapRef", "configMapKeyRef", "configMap")
"""Fields that name an object of the same namespace, alone or in a list."""
_BY_STRIMZI = "{kafka}-cluster-ca-cert"
"""The Secret that Strimzi makes for a Kafka, and pods of ours mount."""


class Cluster(Protocol):
    """Queries to a Kubernetes cluster. An answer is None if it is unknown, for example without the right to read."""

    def serves(self, api_version: str, kind: str) -> bool | None:
        """Whether there can be objects of a kind."""

    def exists(self, wanted: ObjectId) -> bool | None:
        """Whether there is an object."""

    def metadata(self, api_version: str, kind: str) -> Mapping[str, Mapping[str, Any]] | None:
        """The metadata of all objects of a kind, by name."""

    def classes_of_volumes(self) -> frozenset[str] | None:
        """The storage classes that persistent volumes have; empty for those without one."""


@dataclass(frozen=True, kw_only=True)
class Need:
    """An object that has to be there."""

    wanted: ObjectId
    """Its name is empty for the default StorageClass."""
    by: str
    """What uses it, as `StatefulSet kafka`."""
    at: str = ""
    """The key of the stack file that would make it; empty if there is none."""


def check_needed(settings: Core, cluster: Cluster) -> None:
    """Raises `ValueError`, with a line for each, if the cluster lacks an object that the stack uses. What cannot be told is no fault."""
    manifests = [each.object.manifest for each in rendered(settings)]
    found = [*missing_kinds(settings, manifests, cluster), *missing_routes(manifests, cluster)]
    found += missing(needed(settings, manifests), frozenset(made_namespaces(settings)), cluster)
    if found:
        raise ValueError(
            "\n".join(["the Kubernetes cluster lacks what this stack uses:", *(f"  {each}" for each in found)])
        )


def needed(settings: Core, objects: Sequence[Manifest]) -> list[Need]:
    """What the stack, which makes these objects, uses and does not make, each object once."""
    made = {_id_of(each) for each in objects}
    made |= {
        ObjectId(
            api_version="v1",
            kind="Secret",
            namespace=each["metadata"]["namespace"],
            name=_BY_STRIMZI.format(kafka=each["metadata"]["name"]),
        )
        for each in objects
        if each["kind"] == "Kafka"
    }
    made_by_stack = frozenset(made_namespaces(settings))
    found: dict[ObjectId, Need] = {}
    for name, key in _namespaces(settings).items():
        if name not in made_by_stack:
            wanted = ObjectId(api_version="v1", kind="Namespace", name=name)
            found[wanted] = Need(wanted=wanted, by=key.rpartition(".")[0] or "the platform", at=key)
    for manifest in objects:
        # The Secret of an Ingress or a Gateway is often made from it, by cert-manager.
        pods_use = manifest["kind"] not in ("Gateway", "Ingress")
        for wanted in _used(manifest, manifest["metadata"].get("namespace")):
            if wanted not in made and (pods_use or wanted.kind != "Secret"):
                found.setdefault(
                    wanted, Need(wanted=wanted, by=f"{manifest['kind']} {manifest['metadata'].get('name')}")
                )
    return list(found.values())


def missing_kinds(settings: Core, objects: Sequence[Manifest], cluster: Cluster) -> Iterator[str]:
    """A sentence for each operator whose kinds the stack uses, and that is neither there nor installed with it."""
    operators = {each.group: each for each in INSTALLED if each.group is not None}
    used: dict[str, tuple[str, str]] = {}
    for each in objects:
        api_version, kind = each["apiVersion"], each["kind"]
        used.setdefault(api_version.partition("/")[0], (api_version, kind))
    for group, operator in operators.items():
        section = operator.section(settings)
        if group not in used or (section is not None and section.install):
            continue
        api_version, kind = used[group]
        if cluster.serves(api_version, kind) is False:
            key = to_camel(operator.key)
            yield (
                f"{key}: the cluster does not know the kind {kind} ({api_version}): install its operator, or write "
                f"{key}: {{install: true}}"
            )


def missing_routes(objects: Sequence[Manifest], cluster: Cluster) -> Iterator[str]:
    """A sentence for each kind of the Gateway API that the stack uses, and the cluster does not serve."""
    group = "gateway.networking.k8s.io"
    used = {
        (
            each["apiVersion"],
            each["kind"],
            _VERSION_OF_CALLERS if each["metadata"].get("name") == GATEWAY else _VERSION_OF_BROKERS,
        )
        for each in objects
        if each["apiVersion"].startswith(f"{group}/")
    }
    told_of: set[str] = set()
    for api_version, kind, key in sorted(used):
        if cluster.serves(api_version, kind) is not False:
            continue
        told = f"{kind}: the cluster does not know the kind {kind} ({api_version})"
        others = [each.value for each in RouteVersion if f"{group}/{each.value}" != api_version]
        served = [each for each in others if kind == "TLSRoute" and cluster.serves(f"{group}/{each}", kind)]
        if served:
            yield f"{told}, but serves it as {served[0]}: write {key}: {served[0]}"
        elif told not in told_of:
            told_of.add(told)
            yield f"{told}: {_INSTALL_ROUTES}"
    by_strimzi = [
        each
        for each in objects
        if each["kind"] == "Kafka" and '"type": "tlsroute"' in json.dumps(each["spec"]["kafka"]["listeners"])
    ]
    if by_strimzi and all(cluster.serves(f"{group}/{each}", "TLSRoute") is False for each in _ROUTES_OF_STRIMZI):
        yield f"TLSRoute: the cluster does not know the kind TLSRoute, which Strimzi makes for the brokers: {_INSTALL_ROUTES}"


_VERSION_OF_CALLERS, _VERSION_OF_BROKERS = "gateway.expose.routeVersion", "kafka.listeners.external.routeVersion"
_ROUTES_OF_STRIMZI = ("v1", "v1alpha3", "v1alpha2")
"""Versions of which its operator may know one."""
_INSTALL_ROUTES = "install the Gateway API with it: https://gateway-api.sigs.k8s.io/guides"


def missing(needs: Sequence[Need], made_by_stack: frozenset[str], cluster: Cluster) -> Iterator[str]:
    """A sentence for each object that is not there."""
    absent: set[str] = set()
    for need in sorted(needs, key=lambda each: each.wanted.kind != "Namespace"):
        wanted = need.wanted
        if wanted.namespace in absent:
            continue
        if wanted.kind == STORAGE[1]:
            yield from _missing_class(need, cluster)
        elif cluster.exists(wanted) is False:
            if wanted.kind == "Namespace":
                absent.add(wanted.name)
                yield f"{need.at.rpartition('.')[0] or 'namespace'}: the namespace {wanted.name!r} does not exist: make it, or write {need.at}: true"
            elif wanted.namespace is None:
                there = cluster.metadata(wanted.api_version, wanted.kind)
                yield f"{wanted.kind} {wanted.name!r} does not exist, and {need.by} needs it: {_instead(wanted, there)}"
            elif wanted.namespace not in made_by_stack or _is_there(wanted.namespace, cluster):
                yield f"{wanted} does not exist, and pods of {need.by} do not start without it: make it, or correct its name"


def _missing_class(need: Need, cluster: Cluster) -> Iterator[str]:
    classes = cluster.metadata(*STORAGE)
    if classes is None:
        return
    name = need.wanted.name
    is_there = name in classes
    if not name:
        is_there = any((each.get("annotations") or {}).get(DEFAULT_CLASS) == "true" for each in classes.values())
    volumes = frozenset[str]() if is_there else cluster.classes_of_volumes()
    if is_there or volumes is None or name in volumes:
        return  # volumes that somebody made need no such object
    if name:
        yield f"StorageClass {name!r} does not exist, and claims of {need.by} need it: {_instead(need.wanted, classes)}"
    else:
        yield (
            f"no StorageClass is the default, and claims of {need.by} name none: write storageClass there, "
            f"{_one_of(classes)}"
        )


def _instead(wanted: ObjectId, there: Mapping[str, Any] | None) -> str:
    if not there:
        return f"make the {wanted.kind}, or correct its name"
    return f"{suggest(wanted.name, sorted(there))}, or make it"


def _one_of(classes: Mapping[str, Any]) -> str:
    return f"one of {', '.join(sorted(classes))}" if classes else "and make such a class first: there is none"


def _is_there(namespace: str, cluster: Cluster) -> bool:
    return cluster.exists(ObjectId(api_version="v1", kind="Namespace", name=namespace)) is True


def _namespaces(settings: Core) -> dict[str, str]:
    """Namespaces that the stack puts objects into, with the key of the stack file that would make each."""
    found = {settings.namespace: "createNamespace"}
    for name, tenant in settings.tenants.items():
        if tenant.namespace is not None:
            found.setdefault(tenant.namespace, f"tenants.{name}.createNamespace")
    for each in INSTALLED:
        section = each.section(settings)
        if section is not None and section.install:
            found.setdefault(str(section.namespace), f"{to_camel(each.key)}.createNamespace")
    return found


def _used(value: Any, namespace: str | None) -> Iterator[ObjectId]:
    """The objects that a manifest, or a part of it, cannot do without."""
    if isinstance(value, Mapping):
        if value.get("optional"):
            return
        if "accessModes" in value or value.get("type") == "persistent-claim":
            name = value.get("storageClassName", value.get("class", ""))
            yield ObjectId(api_version=STORAGE[0], kind=STORAGE[1], name=str(name))
        for key, each in value.items():
            yield from _named(key, each, namespace)
            yield from _used(each, namespace)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from _used(each, namespace)


def _named(key: str, value: Any, namespace: str | None) -> Iterator[ObjectId]:
    """The objects that one field names."""
    if key in _CLASSES and isinstance(value, str):
        api_version, kind = _CLASSES[key]
        yield ObjectId(api_version=api_version, kind=kind, name=value)
    if key in {*_SECRETS, *_CONFIG_MAPS, "secretName"}:
        kind = "ConfigMap" if key in _CONFIG_MAPS else "Secret"
        for each in value if isinstance(value, list | tuple) else [value]:
            reference: Any = {"name": each} if key == "secretName" else each
            if isinstance(reference, Mapping) and "name" in reference and not reference.get("optional"):
                yield ObjectId(api_version="v1", kind=kind, namespace=namespace, name=str(reference["name"]))


def _id_of(manifest: Manifest) -> ObjectId:
    metadata = manifest["metadata"]
    return ObjectId(
        api_version=manifest["apiVersion"],
        kind=manifest["kind"],
        namespace=metadata.get("namespace"),
        name=metadata.get("name", ""),  # none where Pulumi chooses it
    )
