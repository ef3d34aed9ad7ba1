"""What changes of Kubernetes objects mean, kind by kind; what no rule knows is listed as it is."""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from kafka_platform.broker import is_owned

from infra.review import ownership
from infra.review.changes import Change, Object, Operation, at, items, known, mapping, number, text
from infra.review.findings import Finding, Section
from infra.review.kafka import broker_findings, broker_settings, client_findings, is_declarations, opened_by
from infra.review.quantities import amount, code, cores, names, storage

_ACCESS_LABEL = "kafka-platform/access"
_STATEFUL = frozenset(
    {
        "CustomResourceDefinition",
        "Kafka",
        "KafkaNodePool",
        "KafkaTopic",
        "KafkaUser",
        "Namespace",
        "PersistentVolume",
        "PersistentVolumeClaim",
        "StatefulSet",
    }
)
"""Kinds that hold data, or whose going takes data along."""
_RIGHTS = frozenset({"ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding"})
_WORKLOADS = frozenset({"DaemonSet", "Deployment", "KafkaConnect", "KafkaNodePool", "StatefulSet"})
_EXPOSED = frozenset({"NodePort", "LoadBalancer"})

Places = Sequence[re.Pattern[str]]


def findings(changes: Sequence[Change]) -> Iterator[Finding]:
    """What is to be said about changed objects; topics and users of Kafka are not among it."""
    context = _Context(changes)
    for change in changes:
        if change.component:
            continue
        yield from _guards(change)
        yield from ownership.findings(change)
        if change.operation is Operation.SAME or ownership.only_marks(change, _changed(change)):
            continue
        said = list(_RULES.get(change.kind, _nothing)(change, context))
        yield from said
        # What a rule has put into words is not said a second time; of updates, whatever no rule knows is always shown.
        if not said or change.operation in (Operation.UPDATE, Operation.REPLACE):
            yield from _rest(change, context)


class _Context:
    """What has to be known of the other changes."""

    def __init__(self, changes: Sequence[Change]) -> None:
        gone = {_identity(each): each for each in changes if each.operation is Operation.DELETE and _identity(each)}
        self.made_again = {
            key: each
            for each in changes
            if each.operation is Operation.CREATE and (key := _identity(each)) and key in gone
        }
        """Objects that one resource deletes and another one makes."""
        self.exposed = {
            json.dumps([each.namespace, mapping(each.before, "metadata", "labels")], sort_keys=True)
            for each in changes
            if each.kind == "Service" and each.before is not None and _exposure(each.before)
        }
        """Parts of the platform that could be reached from outside already."""
        self.gone = {
            (each.namespace, each.part)
            for each in changes
            if each.kind in _WORKLOADS and each.operation is Operation.DELETE
        }
        """Parts of the platform whose pods go."""
        self.grown = {
            each.name: amount(at(each.after, "spec", "resources", "requests", "storage"))
            for each in changes
            if each.kind in ("PersistentVolumeClaim", "PersistentVolumeClaimPatch") and each.after is not None
        }
        """What claims ask for; the template of a StatefulSet does not change with them."""


def _identity(change: Change) -> tuple[str, str, str] | None:
    name = text(change.shown, "metadata", "name")
    named = change.type.startswith("kubernetes:") and name and not change.kind.endswith("Patch")
    return (change.type, change.namespace, name) if named else None


def _say(
    change: Change, section: Section, what_happens: str, *, look: bool = False, what: str | None = None
) -> Finding:
    return Finding(section=section, what=what or change.kind, subject=change.name, text=what_happens, look=look)


def _nothing(_: Change, __: _Context) -> Iterator[Finding]:
    return iter(())


# ---- what every kind has in common


def _guards(change: Change) -> Iterator[Finding]:
    """What keeps a resource or its object from going, if it is taken away; a topic's is said of the topic."""
    if change.before is None or change.after is None:
        return
    if change.protected and not change.protected_after:
        yield _say(change, Section.DATA, "is no longer protected: the next change may delete it", look=True)
    if change.retained and not change.retained_after and change.kind not in ("KafkaTopic", "KafkaUser"):
        yield _say(change, Section.DATA, "is no longer kept when its resource goes", look=True)


def _rest(change: Change, context: _Context) -> Iterator[Finding]:
    operation = change.operation
    if operation is Operation.UPDATE:
        paths = [path for path in _changed(change) if not _handled(change, path)]
        shown = dict.fromkeys(".".join(path.split(".")[:_DEPTH]) for path in paths)
        if shown:
            yield _say(change, Section.OTHER, f"updated: {names(shown, 6)}")
        return
    if operation is Operation.REPLACE and change.kind == "Job":
        yield _say(change, Section.OTHER, "runs again")
        return
    if operation is Operation.REPLACE:
        because = f" because of {names(change.reasons, 4)}" if change.reasons else ""
        stateful = change.kind in _STATEFUL
        detail = ": what it holds goes with the old one" if stateful else ""
        section = Section.DATA if stateful else Section.OTHER
        yield _say(change, section, f"replaced{because}{detail}", look=stateful)
        return
    identity = _identity(change)
    if identity in context.made_again:
        if operation is Operation.DELETE and not change.retained:
            other = context.made_again[identity].resource_name
            yield _say(
                change,
                Section.DATA,
                f"the resource {code(change.resource_name)} is now called {code(other)}: without an alias the object is "
                "made and then deleted",
                look=True,
            )
        return
    if change.kind in ("KafkaTopic", "KafkaUser"):
        return  # said of the topic or the user
    if operation is Operation.DELETE:
        if change.protected:
            yield _say(change, Section.OTHER, "is protected: the deployment will be refused")
        if change.retained:
            yield _say(change, Section.OTHER, "no longer managed; the object stays")
        else:
            yield _say(change, Section.OTHER, "deleted")
        return
    yield _say(change, Section.OTHER, operation.value)


_DEPTH = 4
"""Keys of a path that are shown: enough to see what it is about, short enough to put equal changes together."""


def _changed(change: Change) -> list[str]:
    found: list[str] = []
    _differences(change.before or {}, change.after or {}, (), found)
    return found


def _differences(old: Any, new: Any, path: tuple[str, ...], found: list[str]) -> None:
    if old == new:
        return
    if isinstance(old, Mapping | None) and isinstance(new, Mapping | None):
        old, new = old or {}, new or {}
        for key in dict.fromkeys([*old, *new]):
            _differences(old.get(key), new.get(key), (*path, str(key)), found)
        return
    if isinstance(old, list | tuple) and isinstance(new, list | tuple) and len(old) == len(new):
        for index, (was, is_) in enumerate(zip(old, new, strict=True)):
            _differences(was, is_, (*path, str(index)), found)
        return
    found.append(".".join(path))


def _handled(change: Change, path: str) -> bool:
    """Whether a rule says what a change at this path means, or it only follows from another."""
    return ownership.is_mark(path) or any(
        re.match(pattern, path) for pattern in (*_FOLLOWS, *_HANDLED.get(change.kind, ()))
    )


_POD = r"spec\.template\."
_FOLLOWS = (
    # Hashes and generated values: they change because something else does.
    rf"{_POD}metadata\.annotations\.kafka-platform/",
    # How the provider goes about it.
    r"metadata\.annotations\.pulumi\.com/",
)
_HANDLED: dict[str, tuple[str, ...]] = {
    "ConfigMap": (
        r"data\.(topic|user)\.",
        r"data\.cluster\.properties",
        r"data\.gateway\.json",
        r"data\.node-\d+\.properties",
    ),
    "DaemonSet": (rf"{_POD}spec\.containers\.\d+\.(resources|image|env)",),
    "Deployment": (r"spec\.replicas", rf"{_POD}spec\.containers\.\d+\.(resources|image|env)"),
    "Gateway": (r"spec\.listeners",),
    "HTTPRoute": (r"spec\.hostnames",),
    "HorizontalPodAutoscaler": (r"spec\.(min|max)Replicas",),
    "Ingress": (r"spec\.(rules|tls)",),
    "Kafka": (r"spec\.kafka\.(config|listeners|authorization|version)",),
    "KafkaNodePool": (r"spec\.(replicas|storage|resources)",),
    "KafkaTopic": (r"spec\.(partitions|replicas|config)", r"metadata\.annotations\.strimzi"),
    "KafkaUser": (r"spec\.(authorization|quotas)",),
    "Namespace": (rf"metadata\.labels\.{_ACCESS_LABEL}",),
    "NetworkPolicy": (r"spec\.(ingress|egress)",),
    "PersistentVolumeClaim": (r"spec\.resources",),
    "PersistentVolumeClaimPatch": (r"spec\.resources",),
    "kubernetes": (r"(kubeconfig|context|cluster|clusterIdentifier)$",),
    "ScaledObject": (r"spec\.(min|max)ReplicaCount",),
    "Secret": (r"metadata\.namespace",),
    "Service": (r"spec\.type", r"spec\.loadBalancerSourceRanges", r"spec\.ports\.\d+\.nodePort"),
    "StatefulSet": (
        r"spec\.replicas",
        r"spec\.persistentVolumeClaimRetentionPolicy",
        rf"{_POD}spec\.containers\.\d+\.(resources|image|env)",
    ),
    "TLSRoute": (r"spec\.hostnames",),
}
"""Paths below the inputs whose changes a rule puts into words."""


# ---- data


def _namespace(change: Change, context: _Context) -> Iterator[Finding]:
    if change.operation is Operation.DELETE and not change.retained and _identity(change) not in context.made_again:
        yield _say(change, Section.DATA, "deleted with everything that is in it", look=True)
    old, new = (text(side, "metadata", "labels", _ACCESS_LABEL) for side in (change.before, change.after))
    if old != new and change.operation is not Operation.DELETE:
        if new:
            yield _say(change, Section.ACCESS, f"its pods may connect to {code(new)}")
        if old:
            yield _say(change, Section.ACCESS, f"its pods may no longer connect to {code(old)}")


def _stateful(change: Change, context: _Context) -> Iterator[Finding]:
    """Kinds whose going takes data along."""
    if change.operation is Operation.DELETE and not change.retained and _identity(change) not in context.made_again:
        yield _say(change, Section.DATA, _GOES.get(change.kind, "deleted with what it holds"), look=True)


_GOES = {
    "CustomResourceDefinition": "deleted, and with it every object of the kind",
    "Kafka": "the cluster is deleted",
    "PersistentVolume": "deleted",
    "PersistentVolumeClaim": "deleted, and by most storage classes the volume with it",
}


def _claim(change: Change, context: _Context) -> Iterator[Finding]:
    if change.kind == "PersistentVolumeClaim":
        yield from _stateful(change, context)
    old, new = (at(side, "spec", "resources", "requests", "storage") for side in (change.before, change.after))
    if change.operation is Operation.UPDATE and old != new and old is not None and new is not None:
        shrinks = amount(new) < amount(old)
        difference = storage(abs(amount(new) - amount(old)))
        detail = "volumes never shrink: this is refused" if shrinks else f"+{difference} storage each"
        section = Section.DATA if shrinks else Section.CAPACITY
        yield _say(change, section, f"{old} -> {new}: {detail}", look=shrinks, what="volume")


def _random(change: Change, _: _Context) -> Iterator[Finding]:
    if change.operation not in (Operation.REPLACE, Operation.DELETE):
        return
    if change.kind == "RandomId":
        yield _say(
            change, Section.DATA, "a generated identity is lost: brokers do not start with another one", look=True
        )
    elif change.operation is Operation.REPLACE and at(change.before, "keepers") == at(change.after, "keepers"):
        # Another version among the keepers is a user's new password, which the declarations tell.
        yield _say(change, Section.ACCESS, "a new password is made", what="password")


def _provider(change: Change, _: _Context) -> Iterator[Finding]:
    keys = ("kubeconfig", "context", "cluster", "clusterIdentifier")
    moved = [key for key in keys if (change.before or {}).get(key) != (change.after or {}).get(key)]
    if change.operation in (Operation.UPDATE, Operation.REPLACE) and moved:
        because = names(moved)
        yield _say(
            change,
            Section.DATA,
            f"{because} changes: make sure that it is still the same Kubernetes cluster",
            look=True,
            what="provider",
        )


# ---- workloads


@dataclass(frozen=True, kw_only=True)
class _Size:
    """What a workload takes; without a number of pods an autoscaler decides on it."""

    pods: int | None
    cpu: Decimal
    memory: Decimal
    storage: Decimal

    def total(self) -> tuple[Decimal, Decimal, Decimal]:
        """Processor, memory, storage of all pods; of one, if their number is not known."""
        pods = 1 if self.pods is None else self.pods
        return self.cpu * pods, self.memory * pods, self.storage * pods


_ABSENT = _Size(pods=0, cpu=Decimal(0), memory=Decimal(0), storage=Decimal(0))


def _size(kind: str, inputs: Object | None, claims: Mapping[str, Decimal]) -> _Size:
    if inputs is None:
        return _ABSENT
    if kind in ("KafkaNodePool", "KafkaConnect"):
        requests = mapping(inputs, "spec", "resources", "requests")
        cpu, memory = amount(requests.get("cpu", 0)), amount(requests.get("memory", 0))
        volumes = _strimzi_storage(mapping(inputs, "spec", "storage"))
    else:
        containers = [
            mapping(each, "resources", "requests") for each in items(inputs, "spec", "template", "spec", "containers")
        ]
        cpu = sum((amount(each.get("cpu", 0)) for each in containers), Decimal(0))
        memory = sum((amount(each.get("memory", 0)) for each in containers), Decimal(0))
        volumes = Decimal(0)
        for template in items(inputs, "spec", "volumeClaimTemplates"):
            claim = f"{text(template, 'metadata', 'name')}-{text(inputs, 'metadata', 'name')}-0"
            asked = amount(at(template, "spec", "resources", "requests", "storage") or 0)
            volumes += claims.get(claim, asked)
    return _Size(pods=number(inputs, "spec", "replicas"), cpu=cpu, memory=memory, storage=volumes)


def _strimzi_storage(value: Mapping[str, Any]) -> Decimal:
    if text(value, "type") == "jbod":
        return sum((_strimzi_storage(each) for each in items(value, "volumes")), Decimal(0))
    return amount(value.get("size", 0)) if text(value, "type") == "persistent-claim" else Decimal(0)


def _what(change: Change) -> str:
    if change.kind == "KafkaNodePool":
        roles = items(change.shown, "spec", "roles")
        return "controllers" if roles == ["controller"] else "brokers"
    if change.kind == "StatefulSet" and change.part == "broker":
        return "brokers"
    return "pods" if change.kind in ("StatefulSet", "Deployment") else change.kind


def _workload(change: Change, context: _Context) -> Iterator[Finding]:
    what = _what(change)
    if change.operation is not Operation.REPLACE:
        yield from _capacity(change, context, what)
    if change.operation is Operation.DELETE and not change.retained and _identity(change) not in context.made_again:
        yield from _removed(change, what)
    if change.operation is Operation.UPDATE:
        yield from _retention_policy(change, what)
        yield from _pods_change(change, what)


def _capacity(change: Change, context: _Context, what: str) -> Iterator[Finding]:
    old, new = (_size(change.kind, side, context.grown) for side in (change.before, change.after))
    deltas = [after - before for before, after in zip(old.total(), new.total(), strict=True)]
    shown_sizes = (cores(abs(deltas[0])), f"{storage(abs(deltas[1]))} memory", f"{storage(abs(deltas[2]))} storage")
    parts = [f"{'+' if delta > 0 else '-'}{size}" for delta, size in zip(deltas, shown_sizes, strict=True) if delta]
    fewer = old.pods is not None and new.pods is not None and new.pods < old.pods
    if change.operation is Operation.UPDATE and old.pods != new.pods:
        numbers = (
            f"{'autoscaled' if old.pods is None else old.pods} -> {'autoscaled' if new.pods is None else new.pods}"
        )
        holds = fewer and what == "brokers"
        if holds:
            yield _say(
                change,
                Section.DATA,
                f"{numbers}: move the partitions away from those that go first, or their copies are lost",
                look=True,
                what=what,
            )
        yield _say(change, Section.CAPACITY, ": ".join([numbers, *([", ".join(parts)] if parts else [])]), what=what)
    elif parts and change.operation in (Operation.UPDATE, Operation.CREATE, Operation.DELETE):
        each = " for each pod" if new.pods is None else ""
        prefix = f"{new.pods} new: " if change.operation is Operation.CREATE and new.pods else ""
        yield _say(change, Section.CAPACITY, f"{prefix}{', '.join(parts)}{each}", what=what)
    if change.kind == "KafkaNodePool" and change.operation is Operation.UPDATE and new.storage > old.storage:
        sizes = f"volumes {storage(old.storage)} -> {storage(new.storage)} for each"
        yield _say(change, Section.CAPACITY, sizes, what=what)
    shrinks = change.kind == "KafkaNodePool" and change.operation is Operation.UPDATE and new.storage < old.storage
    if shrinks:
        sizes = f"{storage(old.storage)} -> {storage(new.storage)} for each: volumes never shrink, and removed ones hold records"
        yield _say(change, Section.DATA, f"storage {sizes}", look=True, what=what)


def _removed(change: Change, what: str) -> Iterator[Finding]:
    if change.kind == "KafkaNodePool":
        goes = "deleteClaim" in json.dumps(at(change.before, "spec", "storage"), default=str) and any(
            at(each, "deleteClaim") is True for each in _volumes(mapping(change.before, "spec", "storage"))
        )
    elif items(change.before, "spec", "volumeClaimTemplates"):
        goes = text(change.before, "spec", "persistentVolumeClaimRetentionPolicy", "whenDeleted") == "Delete"
    else:
        return
    yield _say(
        change,
        Section.DATA,
        "removed, and their volumes with all records are deleted" if goes else "removed; their volumes are kept",
        look=True,
        what=what,
    )


def _volumes(value: Mapping[str, Any]) -> list[Any]:
    return items(value, "volumes") if text(value, "type") == "jbod" else [value]


def _retention_policy(change: Change, what: str) -> Iterator[Finding]:
    if change.kind == "KafkaNodePool":
        old, new = (
            any(at(each, "deleteClaim") is True for each in _volumes(mapping(side, "spec", "storage")))
            for side in (change.before, change.after)
        )
    else:
        path = ("spec", "persistentVolumeClaimRetentionPolicy")
        old, new = ("Delete" in mapping(side, *path).values() for side in (change.before, change.after))
    if new and not old:
        yield _say(change, Section.DATA, "volumes are from now on deleted with what uses them", look=True, what=what)
    if old and not new:
        yield _say(change, Section.OTHER, "volumes are from now on kept when what uses them goes", what=what)


_CAUTION = re.compile(
    rf"{_POD}spec\.(securityContext|hostNetwork|hostPID|hostIPC|serviceAccountName|automountServiceAccountToken"
    r"|containers\.\d+\.securityContext)"
)


def _pods_change(change: Change, what: str) -> Iterator[Finding]:
    paths = _changed(change)
    careful = sorted({match[1] for path in paths if (match := _CAUTION.match(path))})
    if careful:
        yield _say(change, Section.ACCESS, f"{names(careful)} of the pods changes", look=True, what=what)
    old, new = (_images(side) for side in (change.before, change.after))
    for name in sorted(old.keys() & new.keys()):
        if old[name] != new[name]:
            back = _is_older(old[name], new[name]) and what == "brokers"
            detail = ": Kafka cannot go back once new metadata is written" if back else ""
            section = Section.DATA if back else Section.OTHER
            yield _say(change, section, f"image {code(old[name])} -> {code(new[name])}{detail}", look=back, what=what)
    if any(re.match(_POD, path) for path in paths):
        yield _say(change, Section.OTHER, "restart one after another", what=what)


def _images(inputs: Object | None) -> dict[str, str]:
    containers = items(inputs, "spec", "template", "spec", "containers")
    return {text(each, "name"): text(each, "image") for each in containers if text(each, "image")}


def _is_older(old: str, new: str) -> bool:
    versions = [re.search(r":(\d+)\.(\d+)\.(\d+)", each) for each in (old, new)]
    if versions[0] is None or versions[1] is None:
        return False
    return [int(each) for each in versions[1].groups()] < [int(each) for each in versions[0].groups()]


def _autoscaler(change: Change, _: _Context) -> Iterator[Finding]:
    keys = ("minReplicaCount", "maxReplicaCount") if change.kind == "ScaledObject" else ("minReplicas", "maxReplicas")

    def span(inputs: Object | None) -> str:
        least, most = (number(inputs, "spec", key) for key in keys)
        return f"{'default' if least is None else least} to {'default' if most is None else most}"

    target = text(change.shown, "spec", "scaleTargetRef", "name") or change.name
    if change.operation is Operation.CREATE:
        shown = f"scaled by load, {span(change.after)}"
    elif change.operation is Operation.DELETE:
        shown = f"no longer scaled by load (was {span(change.before)})"
    elif span(change.before) != span(change.after):
        shown = f"scaled by load, {span(change.before)} -> {span(change.after)}"
    else:
        return
    yield Finding(section=Section.CAPACITY, what="pods", subject=target, text=shown)


# ---- access


def _network_policy(change: Change, context: _Context) -> Iterator[Finding]:
    if change.operation is Operation.DELETE:
        if (change.namespace, change.part) not in context.gone:
            yield _say(change, Section.ACCESS, "deleted: what it kept out is let in", look=True, what="network policy")
        return
    words = {
        "ingress": ("from", "lets in", "no longer lets in"),
        "egress": ("to", "lets out to", "no longer lets out to"),
    }
    for direction, (side, gains, loses) in words.items():
        old, new = (_peers(inputs, direction, side) for inputs in (change.before, change.after))
        for word, found in ((gains, new - old), (loses, old - new)):
            if not found:
                continue
            open_ = word == gains and direction == "ingress" and any(wide for *_, wide in found)
            by_ports: dict[str, list[str]] = {}
            for ports, peer, *_ in sorted(found):
                by_ports.setdefault(ports, []).append(peer)
            shown = "; ".join(f"{', '.join(peers)} ({ports})" for ports, peers in by_ports.items())
            yield _say(change, Section.ACCESS, f"{word} {shown}", look=open_, what="network policy")


def _peers(inputs: Object | None, direction: str, side: str) -> set[tuple[str, str, bool]]:
    """Ports, who may talk on them, and whether that is everybody."""
    found: set[tuple[str, str, bool]] = set()
    for rule in items(inputs, "spec", direction):
        numbers = dict.fromkeys(str(number(each, "port") or text(each, "port")) for each in items(rule, "ports"))
        ports = f"port{'' if len(numbers) == 1 else 's'} {', '.join(numbers)}" if numbers else "all ports"
        peers = items(rule, side)
        if not peers:
            found.add((ports, "everybody", True))
        for peer in peers:
            found.update((ports, name, wide) for name, wide in _peer(peer))
    return found


_COMPONENT = "app.kubernetes.io/component"


def _peer(peer: Any) -> list[tuple[str, bool]]:
    block = text(peer, "ipBlock", "cidr")
    if block:
        return [(f"addresses {code(block)}", block.endswith("/0"))]
    pods = mapping(peer, "podSelector", "matchLabels")
    own = pods.get(_COMPONENT)
    labels = [str(own)] if own else [f"{key}={value}" for key, value in pods.items()]
    which = f"pods {names(labels)} of " if pods else ""
    if "namespaceSelector" not in peer:
        return [(f"{which}the same namespace", False)]
    selector = mapping(peer, "namespaceSelector")
    labelled = [
        (text(each, "key"), str(value))
        for each in items(selector, "matchExpressions")
        for value in items(each, "values")
    ]
    labelled += [(key, str(value)) for key, value in mapping(selector, "matchLabels").items()]
    if not labelled:
        return [(f"{which}every namespace", True)]
    return [
        (
            f"{which}namespace {code(value)}"
            if key == "kubernetes.io/metadata.name"
            else f"{which}namespaces with {code(f'{key}={value}')}",
            False,
        )
        for key, value in labelled
    ]


def _exposure(inputs: Object | None) -> str:
    kind = text(inputs, "spec", "type")
    return kind if kind in _EXPOSED else ""


def _service(change: Change, context: _Context) -> Iterator[Finding]:
    old, new = _exposure(change.before), _exposure(change.after)
    if new and new != old:
        key = json.dumps([change.namespace, mapping(change.shown, "metadata", "labels")], sort_keys=True)
        yield _say(change, Section.ACCESS, f"can be reached from outside by {new}", look=key not in context.exposed)
    if old and not new:
        yield _say(change, Section.ACCESS, f"can no longer be reached from outside by {old}")
    if change.operation is not Operation.UPDATE:
        return
    ranges = [items(side, "spec", "loadBalancerSourceRanges") for side in (change.before, change.after)]
    if new and ranges[0] != ranges[1]:
        shown = names(map(str, ranges[1]), 10) if ranges[1] else "everybody"
        yield _say(
            change,
            Section.ACCESS,
            f"can be reached from {shown}",
            look=bool(set(ranges[1]) - set(ranges[0])) or not ranges[1],
        )
    ports = [
        [port for each in items(side, "spec", "ports") if (port := number(each, "nodePort"))]
        for side in (change.before, change.after)
    ]
    if old and new and ports[0] != ports[1]:
        yield _say(
            change, Section.ACCESS, f"node port {ports[0]} -> {ports[1]}: clients outside have to follow", look=True
        )


def _route(change: Change, _: _Context) -> Iterator[Finding]:
    old, new = (_hosts(change.kind, side) for side in (change.before, change.after))
    for host, encrypted in sorted(new.items()):
        if host not in old:
            how = "" if encrypted else " without TLS"
            yield _say(change, Section.ACCESS, f"can be reached from outside at {code(host)}{how}", look=True)
        elif old[host] and not encrypted:
            yield _say(change, Section.ACCESS, f"{code(host)} has no TLS any more", look=True)
    for host in sorted(old.keys() - new.keys()):
        yield _say(change, Section.ACCESS, f"can no longer be reached at {code(host)}")
    was, is_ = (mapping(side, "metadata", "annotations") for side in (change.before, change.after))
    for key in sorted(is_):
        if _RUN_BY_CONTROLLERS.search(key) and was.get(key) != is_[key]:
            yield _say(change, Section.ACCESS, f"its controller gets configuration or rights by {code(key)}", look=True)


_RUN_BY_CONTROLLERS = re.compile(r"snippet|lua|auth|whitelist|allowlist|source-range|cors", re.IGNORECASE)
"""Annotations by which controllers of Ingresses and Gateways take code of one's own, or let in whom they did not."""


def _hosts(kind: str, inputs: Object | None) -> dict[str, bool]:
    """Names by which something is reached, and whether with TLS (a route's is its Gateway's affair)."""
    if kind == "Ingress":
        encrypted = {str(host) for each in items(inputs, "spec", "tls") for host in items(each, "hosts")}
        return {text(each, "host") or "*": text(each, "host") in encrypted for each in items(inputs, "spec", "rules")}
    if kind == "Gateway":
        return {
            f"{text(each, 'hostname') or '*'}:{number(each, 'port')}": text(each, "protocol") in ("HTTPS", "TLS")
            for each in items(inputs, "spec", "listeners")
        }
    return {str(each): True for each in items(inputs, "spec", "hostnames")}


def _secret(change: Change, context: _Context) -> Iterator[Finding]:
    old, new = (text(side, "metadata", "namespace") for side in (change.before, change.after))
    if change.operation in (Operation.REPLACE, Operation.UPDATE) and old != new and known(old) and known(new):
        yield _say(change, Section.ACCESS, f"delivered to namespace {code(new)} instead of {code(old)}", look=True)
    # What goes with the users is spoken of already.
    if change.operation is Operation.DELETE and change.part != "provisioner" and not change.retained:
        yield _say(change, Section.ACCESS, "deleted: whoever uses it can no longer log in", look=True)


def _rights(change: Change, _: _Context) -> Iterator[Finding]:
    wide = change.kind.startswith("Cluster") and change.operation is not Operation.DELETE
    yield _say(change, Section.ACCESS, f"rights in Kubernetes are {change.operation.value}", look=wide)


def _config_map(change: Change, _: _Context) -> Iterator[Finding]:
    if change.operation is Operation.DELETE:
        if is_declarations(change):
            what_happens = "no longer managed: topics and users stay in Kafka as they are"
            yield _say(change, Section.DATA, what_happens, look=True, what="declarations")
        return
    old, new = broker_settings(change.before), broker_settings(change.after)
    if old is not None and new is not None:
        yield from broker_findings(change.name.removesuffix("-config"), old, new)
    elif new is not None:
        # What only the platform itself can set is not worth a look.
        own = {key: value for key, value in new.items() if not is_owned(key)}
        yield from opened_by(change.name.removesuffix("-config"), own)
    if change.part == "worker":
        files = [mapping(side, "data") for side in (change.before, change.after)]
        yield from client_findings(change.name.removesuffix("-client"), *files)
    addresses = [text(side, "data", "node-0.properties") for side in (change.before, change.after)]
    if all(addresses) and addresses[0] != addresses[1]:
        yield _say(
            change, Section.ACCESS, "the brokers' addresses change: clients have to follow", look=True, what="brokers"
        )
    if text(change.after, "data", "gateway.json") and change.before is not None:
        yield from _gateway_settings(change)


def _gateway_settings(change: Change) -> Iterator[Finding]:
    sides: list[dict[str, Any]] = []
    for side in (change.before, change.after):
        try:
            content = json.loads(text(side, "data", "gateway.json"))
        except ValueError:
            return
        sides.append(content if isinstance(content, dict) else {})
    old, new = sides
    name = change.name.removesuffix("-config")

    def say(section: Section, shown: str, *, look: bool = False) -> Finding:
        return Finding(section=section, what="HTTP gateway", subject=name, text=shown, look=look)

    for key in sorted(key for key in old.keys() | new.keys() if old.get(key) != new.get(key)):
        if key == "anonymous":
            user = text(new, "anonymous", "username")
            shown = (
                f"callers without credentials are the user {code(user)}"
                if user
                else "refuses callers without credentials"
            )
            yield say(Section.ACCESS, shown, look=bool(user))
        elif key == "cors":
            added = sorted(set(map(str, items(new, "cors"))) - set(map(str, items(old, "cors"))))
            shown = f"pages of {names(added, 10)} may call" if added else "fewer pages may call"
            yield say(Section.ACCESS, shown, look="*" in added)
        elif key == "bearer":
            yield say(Section.ACCESS, "passes bearer tokens on" if new.get(key) else "refuses bearer tokens")
        elif key == "tls":
            shown = "TLS ends at the pods: its settings change" if new.get(key) else "speaks without TLS"
            yield say(Section.ACCESS, shown, look=not new.get(key))
        else:
            yield say(Section.OTHER, f"setting {code(key)} changes")


def _kafka(change: Change, context: _Context) -> Iterator[Finding]:
    yield from _stateful(change, context)
    if change.operation is Operation.CREATE:
        yield from opened_by(change.name, broker_settings(change.after) or {})
        for listener in items(change.after, "spec", "kafka", "listeners"):
            if text(listener, "authentication", "type") == "custom":
                shown = f"listener {code(text(listener, 'name'))} is new: {_listener(listener)}"
                yield _say(change, Section.ACCESS, shown, look=True)
        supers = items(change.after, "spec", "kafka", "authorization", "superUsers")
        if supers:
            yield _say(change, Section.ACCESS, f"{names(map(str, supers), 20)} may do everything", look=True)
    if change.operation is not Operation.UPDATE:
        return
    yield from broker_findings(change.name, broker_settings(change.before) or {}, broker_settings(change.after) or {})
    old, new = (
        {text(each, "name"): each for each in items(side, "spec", "kafka", "listeners")}
        for side in (change.before, change.after)
    )
    for name in dict.fromkeys([*new, *old]):
        if name not in new:
            yield _say(
                change,
                Section.ACCESS,
                f"listener {code(name)} is removed: its clients can no longer connect",
                look=True,
            )
        elif name not in old or old[name] != new[name]:
            outside = text(new[name], "type") not in ("internal", "cluster-ip", "")
            way = mapping(new[name], "authentication")
            # A way to log in of one's own decides on who somebody is.
            weaker = at(new[name], "tls") is not True or not way or text(way, "type") == "custom"
            word = "is new" if name not in old else "changes"
            yield _say(
                change, Section.ACCESS, f"listener {code(name)} {word}: {_listener(new[name])}", look=outside or weaker
            )
    authorization = [mapping(side, "spec", "kafka", "authorization") for side in (change.before, change.after)]
    if authorization[0] != authorization[1]:
        shown = (
            "who decides about rights changes" if authorization[1] else "everybody may do everything: no authorization"
        )
        yield _say(change, Section.ACCESS, shown, look=True)
    versions = [text(side, "spec", "kafka", "version") for side in (change.before, change.after)]
    if versions[0] != versions[1]:
        back = _is_older(f":{versions[0]}", f":{versions[1]}")
        detail = ": Kafka cannot go back once new metadata is written" if back else ""
        section = Section.DATA if back else Section.OTHER
        yield _say(change, section, f"version {versions[0]} -> {versions[1]}{detail}", look=back)


def _listener(value: Any) -> str:
    authentication = text(value, "authentication", "type") or "nobody logs in"
    encrypted = "TLS" if at(value, "tls") is True else "without TLS"
    return f"{text(value, 'type')}, port {number(value, 'port')}, {encrypted}, {authentication}"


_Rule = Callable[[Change, _Context], Iterator[Finding]]
_RULES: dict[str, _Rule] = {
    "ConfigMap": _config_map,
    "CustomResourceDefinition": _stateful,
    "Gateway": _route,
    "HTTPRoute": _route,
    "HorizontalPodAutoscaler": _autoscaler,
    "Ingress": _route,
    "Kafka": _kafka,
    "Namespace": _namespace,
    "NetworkPolicy": _network_policy,
    "PersistentVolume": _stateful,
    "PersistentVolumeClaim": _claim,
    "PersistentVolumeClaimPatch": _claim,
    "RandomId": _random,
    "RandomPassword": _random,
    "ScaledObject": _autoscaler,
    "Secret": _secret,
    "Service": _service,
    "TLSRoute": _route,
    "kubernetes": _provider,
    **dict.fromkeys(_RIGHTS, _rights),
    **dict.fromkeys(_WORKLOADS, _workload),
}
