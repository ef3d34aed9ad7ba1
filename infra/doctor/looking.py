"""What the doctor queries in addition to `top`: objects of the stack, volumes, certificates, operators."""

import json
import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from http import HTTPStatus
from typing import Any

from kafka_platform.kube.objects import Object
from kafka_platform.values.later import plain

from infra import x509
from infra.capabilities import rendered
from infra.capabilities.connectors import all_connectors
from infra.capabilities.operators import INSTALLED
from infra.connection import NoAnswerError
from infra.connectors.seen import UNKNOWN, Seen as Connector
from infra.connectors.workers import Workers, is_operated
from infra.doctor import certificates
from infra.doctor.findings import Note
from infra.live import cluster as kube
from infra.live.cluster import ASK_SECONDS, Cluster, Kind, Manifest, UnreachableError, Unseen
from infra.live.platform import Platform
from infra.live.pods import Part, is_ready, is_running, metrics_port, name, of, part, port_named
from infra.settings.model import Settings

MOST_MACHINES = 50
"""Machines that are asked how full the volumes are."""
HEALTH_PORT = "health"
"""Name of the port on which an embedded broker reports why it is not ready."""
WORKLOADS = ("Deployment", "StatefulSet")
CRON_JOB = "CronJob"
_OPERATORS = {
    "strimzi": re.compile(r"(?:^|/)operator:v?(\d[\w.-]*)(?:@|$)"),
    "drain_cleaner": re.compile(r"/drain-cleaner:v?(\d[\w.-]*)"),
    "keda": re.compile(r"/keda(?:-operator)?:v?(\d[\w.-]*)"),
    "cert_manager": re.compile(r"/cert-manager-controller:v?(\d[\w.-]*)"),
    "prometheus": re.compile(r"/prometheus-operator:v?(\d[\w.-]*)"),
}


@dataclass(frozen=True, kw_only=True)
class Patient:
    """What was seen of a platform."""

    objects: Mapping[str, Sequence[Manifest]] = field(default_factory=dict)
    """Of each kind those that could be listed, by the keys of `_LISTED`."""
    rendered: Mapping[str, Any] = field(default_factory=dict)
    """The objects that the stack file has, by `Kind/namespace/name`."""
    live: Mapping[str, Manifest] = field(default_factory=dict)
    """Those of them that exist: of most kinds, only their metadata."""
    unlisted: frozenset[str] = frozenset()
    """Kinds of rendered objects that could not be listed, as `Kind/namespace`."""
    ends: Mapping[str, datetime] = field(default_factory=dict)
    volumes: Mapping[tuple[str, str], tuple[float, float]] = field(default_factory=dict)
    operators: Mapping[str, set[str]] = field(default_factory=dict)
    operator_pods: Sequence[Manifest] = ()
    reasons: Mapping[str, str] = field(default_factory=dict)
    """Why pods are not ready, in their own words, by their names."""
    connectors: Sequence[Connector] = ()
    """What was found of each connector that the file declares, and of those that run besides."""
    notes: Sequence[Note] = ()


_LISTED: Mapping[str, Kind] = {
    "claims": kube.CLAIMS,
    "quotas": kube.QUOTAS,
    "jobs": kube.JOBS,
    "deployments": kube.DEPLOYMENTS,
    "stateful_sets": kube.STATEFUL_SETS,
    "certificates": kube.CERTIFICATES,
    "kafkas": kube.KAFKAS,
    "kafka_topics": kube.KAFKA_TOPICS,
    "kafka_users": kube.KAFKA_USERS,
}
_OWN_NAMESPACE = ("claims", "jobs", "kafkas", "kafka_topics", "kafka_users")
"""What is in the platform's namespace alone."""


def examine(cluster: Cluster, platform: Platform, settings: Settings, pods: Sequence[Manifest]) -> Patient:
    """Looks at everything once."""
    declared = {_subject(each.manifest): each for each in _declared(settings)}
    asks: dict[tuple[str, str], Callable[[], list[Manifest]]] = {
        ("nodes", ""): partial(cluster.objects, kube.NODES, None)
    }
    for what, listed in _LISTED.items():
        for namespace in [platform.namespace] if what in _OWN_NAMESPACE else platform.namespaces:
            asks[what, namespace] = partial(cluster.objects, listed, namespace)
    for key, namespace in _operator_namespaces(settings).items():
        asks[f"operator {key}", namespace] = partial(cluster.objects, kube.PODS, namespace)
    for kind, namespace, version in sorted({_place(each.manifest) for each in declared.values()}):
        asks[f"declared {kind}", namespace] = partial(cluster.objects, _kind(version, kind), namespace, metadata=True)
    answers = cluster.together(asks)
    notes = [
        Note(what=f"{what} in namespace {namespace}" if namespace else what, why=each.why)
        for (what, namespace), each in answers.items()
        if isinstance(each, Unseen)
    ]
    seen: dict[str, list[Manifest]] = defaultdict(list)
    for (what, _), each in answers.items():
        seen[what] += [] if isinstance(each, Unseen) else each
    operator_pods, operators = _operators(seen)
    volumes, ends, more = _asked(cluster, settings, platform, pods, seen)
    connectors, unknown = _connectors(cluster, settings)
    return Patient(
        objects=dict(seen),
        rendered={subject: each.manifest for subject, each in declared.items()},
        live=_live(seen),
        unlisted=frozenset(
            f"{what.partition(' ')[2]}/{where}" for (what, where), each in answers.items() if isinstance(each, Unseen)
        ),
        ends=ends,
        volumes=volumes,
        operators=operators,
        operator_pods=operator_pods,
        reasons=_reasons(cluster, pods),
        connectors=connectors,
        notes=[*notes, *more, *unknown],
    )


def _declared(settings: Settings) -> Iterator[Object]:
    """The objects of the file that have a name and a namespace, and exist as long as the stack."""
    for each in rendered(settings):
        metadata = each.object.manifest.get("metadata") or {}
        if (
            isinstance(metadata.get("name"), str)
            and isinstance(metadata.get("namespace"), str)
            and not each.object.partial
        ):
            yield each.object


def _subject(manifest: Mapping[str, Any]) -> str:
    return f"{manifest['kind']}/{manifest['metadata']['namespace']}/{manifest['metadata']['name']}"


def _place(manifest: Mapping[str, Any]) -> tuple[str, str, str]:
    return manifest["kind"], manifest["metadata"]["namespace"], manifest["apiVersion"]


def _kind(version: str, kind: str) -> Kind:
    """Where the objects of a kind are, by the rule that all kinds keep to that are rendered here."""
    plural = kind.lower()
    plural = f"{plural[:-1]}ies" if plural.endswith("y") else f"{plural}es" if plural.endswith("s") else f"{plural}s"
    return Kind(api=f"/apis/{version}" if "/" in version else f"/api/{version}", plural=plural)


def _live(seen: Mapping[str, Sequence[Manifest]]) -> dict[str, Manifest]:
    found: dict[str, Manifest] = {}
    for what, objects in seen.items():
        kind = what.removeprefix("declared ")
        if kind != what:
            found |= {f"{kind}/{each['metadata']['namespace']}/{each['metadata']['name']}": each for each in objects}
    for key, kind in (("deployments", "Deployment"), ("stateful_sets", "StatefulSet")):
        found |= {f"{kind}/{each['metadata']['namespace']}/{name(each)}": each for each in seen.get(key, ())}
    return found


def _operator_namespaces(settings: Settings) -> dict[str, str]:
    """Where the operators are that the file names."""
    sections = {each.key: each.section(settings) for each in INSTALLED}
    return {key: str(plain(section.namespace)) for key, section in sections.items() if section is not None}


def _operators(seen: Mapping[str, Sequence[Manifest]]) -> tuple[list[Manifest], dict[str, set[str]]]:
    """The operators' pods, and the versions by their images."""
    pods: dict[str, Manifest] = {}
    versions: dict[str, set[str]] = defaultdict(set)
    for key, pattern in _OPERATORS.items():
        for pod in seen.get(f"operator {key}", ()):
            for container in pod["spec"].get("containers") or []:
                found = pattern.search(container.get("image") or "")
                if found is not None:
                    versions[key].add(found[1])
                    pods[pod["metadata"]["uid"]] = pod
    return list(pods.values()), dict(versions)


def _asked(
    cluster: Cluster,
    settings: Settings,
    platform: Platform,
    pods: Sequence[Manifest],
    seen: Mapping[str, Sequence[Manifest]],
) -> tuple[dict[tuple[str, str], tuple[float, float]], dict[str, datetime], list[Note]]:
    """Usage of volumes and expiry of certificates, as far as they are known."""
    machines = sorted({each["spec"].get("nodeName") or "" for each in of(pods, Part.BROKER, Part.CONTROLLER)} - {""})
    asks: dict[tuple[str, str], Callable[[], Any]] = {
        ("volumes on machine", machine): _summary(cluster, machine) for machine in machines[:MOST_MACHINES]
    }
    for held in certificates.held(settings, seen):
        asks["certificate in Secret", f"{held.namespace}/{held.secret}"] = partial(certificates.ends, cluster, held)
    volumes: dict[tuple[str, str], tuple[float, float]] = {}
    ends = dict(_known_ends(seen))
    notes = []
    for (what, which), answer in cluster.together(asks).items():
        if isinstance(answer, Unseen):
            notes.append(Note(what=f"{what} {which}", why=answer.why))
        elif what.startswith("volumes"):
            volumes |= _volumes(answer, platform.namespace)
        elif answer:
            ends[f"Secret/{which}"] = min(answer)
    return volumes, ends, notes


def _summary(cluster: Cluster, machine: str) -> Callable[[], Any]:
    def ask() -> Any:
        path = f"{kube.NODES.path(name=machine)}/proxy/stats/summary"
        try:
            return json.loads(cluster.connection.ask("GET", path, seconds=ASK_SECONDS))
        except NoAnswerError as error:
            why = "no right to get nodes/proxy: docs/operations.md lists the rights" if error.forbidden else str(error)
            raise NoAnswerError(why, error.status) from error

    return ask


def _volumes(summary: Any, namespace: str) -> dict[tuple[str, str], tuple[float, float]]:
    """Used and all bytes of the claims in a namespace, from a kubelet's summary."""
    found = {}
    for pod in summary.get("pods") or []:
        for volume in pod.get("volume") or []:
            claim, capacity = volume.get("pvcRef") or {}, volume.get("capacityBytes")
            if claim.get("namespace") == namespace and capacity:
                # What the file system keeps for itself cannot be written either.
                used = capacity - volume.get("availableBytes", capacity - volume.get("usedBytes", 0))
                found[claim["namespace"], claim["name"]] = (float(used), float(capacity))
    return found


def _known_ends(seen: Mapping[str, Sequence[Manifest]]) -> Iterator[tuple[str, datetime]]:
    for each in seen.get("certificates", ()):
        end = (each.get("status") or {}).get("notAfter")
        if end:
            yield f"Certificate/{each['metadata']['namespace']}/{name(each)}", datetime.fromisoformat(end)
    for each in seen.get("kafkas", ()):
        for listener in (each.get("status") or {}).get("listeners") or []:
            ends = [end for pem in listener.get("certificates") or [] for end in x509.ends(pem)]
            if ends:
                yield f"Kafka/{each['metadata']['namespace']}/{name(each)}: listener {listener.get('name')}", min(ends)


def _connectors(cluster: Cluster, settings: Settings) -> tuple[list[Connector], list[Note]]:
    """The connectors of a stack that has some, and why something is not known of them."""
    declared = all_connectors(settings)
    if not declared:
        return [], []
    try:
        found = list(Workers(cluster, settings.namespace, operated=is_operated(settings)).seen(declared))
    except (NoAnswerError, UnreachableError) as error:
        return [], [Note(what="connectors", why=str(error))]
    unknown = sorted({each.reason for each in found if each.state == UNKNOWN})
    return [each for each in found if each.state != UNKNOWN], [Note(what="connectors", why=why) for why in unknown]


def _reasons(cluster: Cluster, pods: Sequence[Manifest]) -> dict[str, str]:
    """The reasons that our own programs give for not being ready."""
    asks: dict[str, Callable[[], str]] = {}
    for pod in pods:
        if is_running(pod) and not is_ready(pod) and part(pod) in (Part.BROKER, Part.GATEWAY, Part.PROBE):
            port = port_named(pod, HEALTH_PORT) or (metrics_port(pod) if part(pod) is not Part.BROKER else None)
            if port is not None:
                asks[name(pod)] = _reason(cluster, pod, port)
    return {key: each for key, each in cluster.together(asks).items() if isinstance(each, str) and each}


def _reason(cluster: Cluster, pod: Manifest, port: int) -> Callable[[], str]:
    def ask() -> str:
        answer = cluster.of_pod(pod, port, "readyz")
        return answer.body.decode("utf-8", "replace").strip() if answer.status == HTTPStatus.SERVICE_UNAVAILABLE else ""

    return ask
