"""A stack's platform in its cluster: its pods, their metrics and its alerts."""

import json
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from typing import Any

from kafka_platform.kafka.protocols import Engine

from infra.capabilities.capability import CLUSTER
from infra.capabilities.operators import Prometheus
from infra.connection import NoAnswerError
from infra.live import metrics
from infra.live.cluster import PODS, Cluster, Manifest, Unseen
from infra.live.pods import OURS, Part, has_ended, has_port, is_running, metrics_port, name, part
from infra.live.samples import Samples, parse
from infra.settings.model import Settings

MOST_PODS = 64
"""Pods whose metrics one look reads; of more, the first by name."""
PROMETHEUS_PORT, ALERTMANAGER_PORT = 9090, 9093
_WATCHERS = "app.kubernetes.io/name in (prometheus,alertmanager)"
_OWN_WATCHERS = "app.kubernetes.io/component in (prometheus,alertmanager)"


@dataclass(frozen=True, kw_only=True)
class Platform:
    """Where the parts of a stack are."""

    stack: str
    namespace: str
    """Of the brokers and what belongs to them."""
    worker_namespaces: Sequence[str] = ()
    watcher_namespaces: Sequence[str] = ()
    """Where Prometheus and Alertmanager may be."""
    strimzi: bool = False
    prometheus: bool = False
    """Whether the stack's file names one."""

    @classmethod
    def of(cls, stack: str, settings: Settings) -> "Platform":
        """Of a stack, as its file says."""
        installed = settings.of(Prometheus)
        watchers = {settings.namespace} | ({str(installed.namespace)} if installed is not None else set())
        return cls(
            stack=stack,
            namespace=settings.namespace,
            worker_namespaces=sorted({settings.namespace_of(each.tenant) for each in settings.workers.values()}),
            watcher_namespaces=sorted(watchers),
            strimzi=settings.kafka.engine is Engine.STRIMZI,
            prometheus=installed is not None,
        )

    @property
    def namespaces(self) -> list[str]:
        """All in which there are pods of the platform, its own first."""
        return list(dict.fromkeys([self.namespace, *self.worker_namespaces]))


def pods(cluster: Cluster, platform: Platform) -> tuple[list[Manifest], list[Unseen]]:
    """The platform's pods, each once, and the reasons why the list may be incomplete."""
    asks: dict[tuple[str, str], Callable[[], list[Manifest]]] = {
        (namespace, OURS): partial(cluster.objects, PODS, namespace, OURS) for namespace in platform.namespaces
    }
    if platform.strimzi:
        labels = f"strimzi.io/cluster={CLUSTER}"
        asks[platform.namespace, labels] = partial(cluster.objects, PODS, platform.namespace, labels)
    found: dict[str, Manifest] = {}
    unseen: list[Unseen] = []
    for answer in cluster.together(asks).values():
        if isinstance(answer, Unseen):
            unseen.append(answer)
        else:
            found |= {each["metadata"]["uid"]: each for each in answer if _may_be_ours(each, platform)}
    return sorted(found.values(), key=name), unseen


def _may_be_ours(pod: Manifest, platform: Platform) -> bool:
    """Whether the platform makes such pods there: in its namespace a tenant may give pods any labels, also a broker's."""
    return pod["metadata"]["namespace"] == platform.namespace or part(pod) in (Part.WORKER, Part.PROVISIONER)


def samples(
    cluster: Cluster, found: Iterable[Manifest], names: Iterable[str] = metrics.NAMES
) -> dict[str, Samples | Unseen]:
    """The metrics of the pods that show some, workers' aside, by the names of the pods."""
    wanted = frozenset(names)
    shown = [
        (each, port)
        for each in found
        if not has_ended(each) and part(each) not in (Part.WORKER, Part.PROVISIONER) and (port := metrics_port(each))
    ]
    return cluster.together({name(pod): _scrape(cluster, pod, port, wanted) for pod, port in shown[:MOST_PODS]})


def _scrape(cluster: Cluster, pod: Manifest, port: int, names: frozenset[str]) -> Callable[[], Samples]:
    def scrape() -> Samples:
        if not is_running(pod):
            raise NoAnswerError(f"pod {name(pod)} does not run")
        return parse(_content(cluster, pod, port, "metrics").decode("utf-8", "replace"), time.monotonic(), names)

    return scrape


def _content(cluster: Cluster, pod: Manifest, port: int, path: str) -> bytes:
    answer = cluster.of_pod(pod, port, path)
    if answer.status != HTTPStatus.OK:
        raise NoAnswerError(f"pod {name(pod)} answers {path} with {answer.status}", answer.status)
    return answer.body


@dataclass(frozen=True, kw_only=True)
class Watchers:
    """The Prometheus and the Alertmanager of a stack, if there are any."""

    prometheus: Manifest | None = None
    alertmanager: Manifest | None = None


def watchers(cluster: Cluster, platform: Platform) -> Watchers | Unseen:
    """Looks for them where the stack may have them."""
    asks = {
        (namespace, labels): partial(cluster.objects, PODS, namespace, labels)
        for namespace in platform.watcher_namespaces
        for labels in (_WATCHERS, _OWN_WATCHERS)
    }
    answers = cluster.together(asks)
    found = [
        each for answer in answers.values() if not isinstance(answer, Unseen) for each in answer if not has_ended(each)
    ]
    unseen = [each for each in answers.values() if isinstance(each, Unseen)]
    if not found and unseen:
        return unseen[0]
    by_port = {port: [each for each in found if has_port(each, port)] for port in (PROMETHEUS_PORT, ALERTMANAGER_PORT)}
    first = {port: min(pods, key=name, default=None) for port, pods in by_port.items()}
    return Watchers(prometheus=first[PROMETHEUS_PORT], alertmanager=first[ALERTMANAGER_PORT])


def asked(cluster: Cluster, pod: Manifest, port: int, path: str) -> Any:
    """The JSON that a watcher answers. Raises `NoAnswerError`."""
    try:
        return json.loads(_content(cluster, pod, port, path))
    except ValueError as error:
        raise NoAnswerError(f"pod {name(pod)} does not answer with JSON at {path}") from error


def rules(cluster: Cluster, prometheus: Manifest) -> list[Mapping[str, Any]]:
    """The alert rules of a Prometheus, each with what of it is pending or firing. Raises `NoAnswerError`."""
    said = asked(cluster, prometheus, PROMETHEUS_PORT, "api/v1/rules?type=alert")
    groups = (said.get("data") or {}).get("groups") or []
    return [rule for group in groups for rule in group.get("rules") or []]


def notified(cluster: Cluster, alertmanager: Manifest) -> list[Mapping[str, Any]]:
    """The alerts that an Alertmanager knows, each with its receivers. Raises `NoAnswerError`."""
    said = asked(cluster, alertmanager, ALERTMANAGER_PORT, "api/v2/alerts")
    return said if isinstance(said, list) else []
