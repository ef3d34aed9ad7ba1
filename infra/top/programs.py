"""The gateway, the probe, workers and alerts of a look: pure functions from what was seen."""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from infra.live import metrics, scaling
from infra.live.cluster import ALERT_STATES, Manifest
from infra.live.pods import INSTANCE_LABEL, Part, instance, is_ready, name, of
from infra.live.samples import Samples, per_second, quantile
from infra.live.text import told
from infra.top import rates
from infra.top.kafka import names_of, restarts
from infra.top.model import MOST_ROWS, Alert, Alerts, Gateway, Path, Probe, Worker, Workers

SERVER_ERROR = "5"
"""First digit of the status of an answer that failed by the gateway's fault."""


def gateway(
    pods: Sequence[Manifest], before: rates.Look, now: rates.Look, scalers: scaling.Scalers, *, why: str | None = None
) -> Gateway:
    """The HTTP gateway."""
    own = of(pods, Part.GATEWAY)
    names = names_of(own)
    answers: dict[str, float] = defaultdict(float)
    chosen = {pod: each for pod, each in now.items() if pod in names}
    for (status,), value in rates.growth_by(before, chosen, metrics.REQUESTS, "status").items():
        answers[status] += value
    twice = any(isinstance(before.get(pod), Samples) for pod, _ in rates.seen(chosen))
    return Gateway(
        why=why or rates.unseen(now, names) or (None if own else "not deployed: no pod of it is there"),
        ready=sum(map(is_ready, own)),
        pods=len(own),
        requests_per_second=sum(answers.values()) if twice else None,
        failed_per_second=sum(value for status, value in answers.items() if status.startswith(SERVER_ERROR))
        if twice
        else None,
        p99_seconds=_quantile(before, chosen, metrics.REQUEST_SECONDS),
        scaler=scalers.words(instance(own[0]), own[0]["metadata"]["namespace"]) if own else None,
    )


def _quantile(before: rates.Look, now: rates.Look, metric: str, **labels: str) -> float | None:
    """The 99th percentile of what was counted between the looks."""
    buckets: dict[float, float] = defaultdict(float)
    for pod, each in rates.seen(now):
        old = before.get(pod)
        if not isinstance(old, Samples):
            return None
        earlier = _buckets(old, metric, labels)
        for bound, value in _buckets(each, metric, labels).items():
            buckets[bound] += (per_second(earlier.get(bound, 0.0), value, 1.0)) or 0.0
    return quantile(0.99, buckets.items())


def _buckets(samples: Samples, metric: str, labels: Mapping[str, str]) -> dict[float, float]:
    found: dict[float, float] = defaultdict(float)
    for each, value in samples.series.get(metric, ()):
        bound = _number(each.get("le", ""))
        if not math.isnan(bound) and all(each.get(key) == wanted for key, wanted in labels.items()):
            found[bound] += value
    return found


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


def probe(pods: Sequence[Manifest], before: rates.Look, now: rates.Look, *, why: str | None = None) -> Probe:
    """The latency probe."""
    names = names_of(of(pods, Part.PROBE))
    chosen = {pod: each for pod, each in now.items() if pod in names}
    lost = rates.most(chosen, metrics.PROBES_LOST, "write", "read")
    oldest = rates.most(chosen, metrics.PROBE_OLDEST, "write", "read")
    paths = [
        Path(
            write=write,
            read=read,
            p99_seconds=_quantile(before, chosen, metrics.PROBE_LATENCY, write=write, read=read),
            lost=round(value) if math.isfinite(value) else 0,
            oldest_unread_seconds=oldest.get((write, read)),
        )
        for (write, read), value in sorted(lost.items())
    ]
    missing = None if names else "not deployed: no pod of it is there"
    return Probe(why=why or rates.unseen(now, names) or missing, paths=paths)


def workers(
    pods: Sequence[Manifest], workloads: Sequence[Manifest], scalers: scaling.Scalers, *, why: str | None = None
) -> Workers:
    """The workers, by name: Deployments, and StatefulSets of those with state."""
    rows = [_worker(each, of(pods, Part.WORKER), scalers) for each in workloads]
    rows.sort(key=lambda row: (row.worker, row.namespace))
    return Workers(why=why or scalers.why, count=len(rows), items=rows[:MOST_ROWS])


def _worker(workload: Manifest, pods: Sequence[Manifest], scalers: scaling.Scalers) -> Worker:
    meta, status = workload["metadata"], workload.get("status") or {}
    own = [
        each
        for each in pods
        if each["metadata"]["namespace"] == meta["namespace"]
        and instance(each) == (meta.get("labels") or {}).get(INSTANCE_LABEL)
    ]
    kind = "StatefulSet" if "serviceName" in workload["spec"] else "Deployment"
    found = scalers.of(kind, meta["name"], meta["namespace"])
    return Worker(
        worker=name(workload),
        namespace=meta["namespace"],
        ready=int(status.get("readyReplicas") or 0),
        wanted=int(workload["spec"].get("replicas", 1)),
        min=None if found is None else found.min,
        max=None if found is None else found.max,
        scaler=None if found is None else found.words,
        restarts=sum(map(restarts, own)),
    )


def alerts(
    rules: Sequence[Mapping[str, Any]],
    notified: Sequence[Mapping[str, Any]],
    namespaces: Sequence[str],
    *,
    why: str | None = None,
) -> Alerts:
    """What is pending or firing, firing ones first. Of a Prometheus for the whole cluster, only what concerns these namespaces."""
    receivers: dict[frozenset[tuple[str, str]], list[str]] = {}
    for each in notified:
        key = frozenset((each.get("labels") or {}).items())
        receivers[key] = [told(one.get("name")) for one in each.get("receivers") or []]
    rows = []
    for rule in rules:
        for each in rule.get("alerts") or []:
            labels, notes = each.get("labels") or {}, each.get("annotations") or {}
            if labels.get("namespace", namespaces[0]) not in namespaces or each.get("state") not in ALERT_STATES:
                continue
            rows.append(
                Alert(
                    alert=str(labels.get("alertname") or rule.get("name")),
                    state=each["state"],
                    severity=str(labels.get("severity") or "none"),
                    since=each.get("activeAt"),
                    summary=told(notes.get("summary") or ""),
                    runbook=notes.get("runbook_url"),
                    receivers=receivers.get(frozenset(labels.items()), []),
                )
            )
    order = {"critical": 0, "warning": 1}
    rows.sort(key=lambda row: (row.state != "firing", order.get(row.severity, 2), row.alert))
    return Alerts(why=why, count=len(rows), items=rows[:MOST_ROWS])
