"""A sample of a platform: what is queried from its cluster, and the snapshot computed from two samples."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from typing import Any

from kafka_platform.kafka.protocols import Engine

from infra.live.cluster import (
    AUTOSCALERS,
    DEPLOYMENTS,
    SCALED_OBJECTS,
    STATEFUL_SETS,
    Cluster,
    Kind,
    Manifest,
    Unseen,
    first_unseen,
)
from infra.live.platform import Platform, Watchers, notified, pods, rules, samples, watchers
from infra.live.pods import COMPONENT_LABEL, OURS, Part, name, of
from infra.live.samples import Samples
from infra.live.scaling import Scalers, scalers
from infra.settings.model import Settings
from infra.top import kafka, programs, streams
from infra.top.model import Alerts, Snapshot

WORKERS = f"{OURS},{COMPONENT_LABEL}={Part.WORKER}"
NO_PROMETHEUS = "no Prometheus in this stack: write prometheus: in its file (docs/components/monitoring.md)"


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What one look has seen."""

    at: float
    pods: Sequence[Manifest] = ()
    pods_why: str | None = None
    samples: Mapping[str, Samples | Unseen] = field(default_factory=dict)
    workers: Sequence[Manifest] = ()
    workers_why: str | None = None
    scalers: Scalers = field(default_factory=Scalers)
    rules: Sequence[Mapping[str, Any]] = ()
    notified: Sequence[Mapping[str, Any]] = ()
    alerts_why: str | None = None


NOTHING = Seen(at=0.0)


def glance(cluster: Cluster, platform: Platform) -> Seen:
    """Looks at the pods and their metrics alone, which is all that rates need of the look before."""
    at = time.monotonic()
    found, unseen = pods(cluster, platform)
    why = None if not unseen else unseen[0].why
    return Seen(at=at, pods=found, pods_why=why, samples=samples(cluster, found))


def look(cluster: Cluster, platform: Platform) -> Seen:
    """Looks at everything once."""
    seen = glance(cluster, platform)
    listed = _listed(cluster, platform)
    told, receivers, why = _alerts(cluster, platform, watchers(cluster, platform))
    (workers, workers_why), (with_state, with_state_why) = listed["workers"], listed["with state"]
    (scaled, scaled_why), (autoscalers, autoscalers_why) = listed["scaled"], listed["autoscalers"]
    return replace(
        seen,
        workers=[*workers, *with_state],
        workers_why=workers_why or with_state_why,
        scalers=scalers(scaled, autoscalers, scaled_why or autoscalers_why),
        rules=told,
        notified=receivers,
        alerts_why=why,
    )


def _listed(cluster: Cluster, platform: Platform) -> dict[str, tuple[list[Manifest], str | None]]:
    """Objects of all namespaces of the platform, and the reasons why the list may be incomplete."""
    wanted: Mapping[str, tuple[Kind, str]] = {
        "workers": (DEPLOYMENTS, WORKERS),
        "with state": (STATEFUL_SETS, WORKERS),
        "scaled": (SCALED_OBJECTS, ""),
        "autoscalers": (AUTOSCALERS, ""),
    }
    asks: dict[tuple[str, str], Callable[[], list[Manifest]]] = {}
    for what, (kind, labels) in wanted.items():
        for namespace in platform.namespaces:
            asks[what, namespace] = partial(cluster.objects, kind, namespace, labels)
    answers = cluster.together(asks)
    found: dict[str, tuple[list[Manifest], str | None]] = {}
    for what in wanted:
        own = [answer for (each, _), answer in answers.items() if each == what]
        unseen = first_unseen(own)
        objects = [one for answer in own if not isinstance(answer, Unseen) for one in answer]
        found[what] = (objects, None if unseen is None else unseen.why)
    return found


def _alerts(
    cluster: Cluster, platform: Platform, found: Watchers | Unseen
) -> tuple[Sequence[Mapping[str, Any]], Sequence[Mapping[str, Any]], str | None]:
    if isinstance(found, Unseen):
        return [], [], found.why
    prometheus, alertmanager = found.prometheus, found.alertmanager
    if prometheus is None:
        gone = f"no pod of a Prometheus runs in namespace {' or '.join(platform.watcher_namespaces)}"
        return [], [], gone if platform.prometheus else NO_PROMETHEUS
    asks: dict[str, Callable[[], list[Mapping[str, Any]]]] = {"rules": lambda: rules(cluster, prometheus)}
    if alertmanager is not None:
        asks["notified"] = lambda: notified(cluster, alertmanager)
    answers = cluster.together(asks)
    told, receivers = answers["rules"], answers.get("notified", [])
    if isinstance(told, Unseen):
        return [], [], told.why
    return (
        told,
        [] if isinstance(receivers, Unseen) else receivers,
        receivers.why if isinstance(receivers, Unseen) else None,
    )


def snapshot(platform: Platform, settings: Settings, before: Seen, now: Seen) -> Snapshot:
    """The snapshot from two samples; the first alone has no rates."""
    first = before is NOTHING
    # Of these it is known that they show neither topics nor groups.
    programs_of_ours = {name(each) for each in of(now.pods, Part.GATEWAY, Part.PROBE, Part.STREAM)}
    others = {pod: each for pod, each in now.samples.items() if pod not in programs_of_ours}
    return Snapshot(
        stack=platform.stack,
        namespace=platform.namespace,
        at=datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        seconds=None if first else now.at - before.at,
        brokers=kafka.brokers(now.pods, before.samples, now.samples, wanted=_wanted(settings), why=now.pods_why),
        topics=kafka.topics(before.samples, others),
        groups=kafka.groups(before.samples, others),
        gateway=None
        if settings.gateway is None
        else programs.gateway(now.pods, before.samples, now.samples, now.scalers, why=now.pods_why),
        probe=None
        if settings.probe is None
        else programs.probe(now.pods, before.samples, now.samples, why=now.pods_why),
        workers=programs.workers(now.pods, now.workers, now.scalers, why=now.workers_why),
        streams=streams.streams(now.pods, now.samples, time.time(), why=now.pods_why)
        if getattr(settings, "streams", None)
        else None,
        alerts=_of_alerts(platform, now),
    )


def _of_alerts(platform: Platform, now: Seen) -> Alerts:
    return programs.alerts(now.rules, now.notified, platform.namespaces, why=now.alerts_why)


def _wanted(settings: Settings) -> int | None:
    return None if settings.kafka.engine is Engine.EXTERNAL else settings.kafka.brokers
