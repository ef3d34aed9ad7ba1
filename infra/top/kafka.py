"""The brokers, topics and groups of a look: pure functions from what was seen."""

import math
from collections.abc import Iterable, Mapping, Sequence

from infra.live import metrics
from infra.live.cluster import Manifest
from infra.live.pods import Part, is_ready, name, of
from infra.live.samples import Samples
from infra.top import rates
from infra.top.model import MOST_ROWS, Brokers, Group, Groups, Node, Topic, Topics

NO_BROKER_METRICS = "the brokers show no metrics: kafka.metrics is off, or they were deployed by an older release"
NO_EXPORTER = "nothing shows groups and offsets: write exporter: {} in the stack file and deploy it (docs/components/monitoring.md)"
EXTERNAL = "somebody else runs the brokers: only what the exporter shows is known"


def brokers(
    pods: Sequence[Manifest], before: rates.Look, now: rates.Look, *, wanted: int | None, why: str | None = None
) -> Brokers:
    """The nodes. `why` is what is known to be missing already."""
    nodes = of(pods, Part.BROKER, Part.CONTROLLER)
    names = [name(each) for each in nodes]
    shown = rates.total(now, metrics.BYTES_IN, names, topic=None) is not None
    reason = why or rates.unseen(now, names) or (None if shown or not nodes else NO_BROKER_METRICS)
    known = rates.most(now, metrics.KNOWN_BROKERS).get(())
    if wanted is None and not nodes:
        reason = why or EXTERNAL
    return Brokers(
        why=reason,
        ready=sum(map(is_ready, of(pods, Part.BROKER))),
        wanted=wanted,
        known=_whole(known),
        bytes_in_per_second=rates.growth(before, now, metrics.BYTES_IN, names, topic=None),
        bytes_out_per_second=rates.growth(before, now, metrics.BYTES_OUT, names, topic=None),
        records_in_per_second=rates.growth(before, now, metrics.RECORDS_IN, names, topic=None),
        under_replicated_partitions=_under_replicated(now, names),
        under_min_isr_partitions=_whole(rates.total(now, metrics.UNDER_MIN_ISR, names)),
        # Each controller that is not the active one says zero.
        offline_partitions=_whole(rates.total(now, metrics.OFFLINE, names)),
        active_controllers=_whole(rates.total(now, metrics.ACTIVE_CONTROLLER, names)),
        nodes=[_node(each, before, now) for each in nodes],
    )


def _under_replicated(now: rates.Look, names: Sequence[str]) -> int | None:
    found = rates.total(now, metrics.UNDER_REPLICATED, names)
    if found is None:
        by_topic = rates.most(now, metrics.TOPIC_UNDER_REPLICATED, "topic")
        found = sum(by_topic.values()) if by_topic else None
    return _whole(found)


def _node(pod: Manifest, before: rates.Look, now: rates.Look) -> Node:
    own = [name(pod)]
    active = rates.total(now, metrics.ACTIVE_CONTROLLER, own)
    return Node(
        pod=name(pod),
        ready=is_ready(pod),
        restarts=restarts(pod),
        bytes_in_per_second=rates.growth(before, now, metrics.BYTES_IN, own, topic=None),
        bytes_out_per_second=rates.growth(before, now, metrics.BYTES_OUT, own, topic=None),
        under_replicated_partitions=_whole(rates.total(now, metrics.UNDER_REPLICATED, own)),
        active_controller=None if active is None else active > 0,
    )


def restarts(pod: Manifest) -> int:
    """How often its containers were started again."""
    statuses = (pod.get("status") or {}).get("containerStatuses") or []
    return sum(int(each.get("restartCount") or 0) for each in statuses)


def topics(before: rates.Look, now: rates.Look) -> Topics:
    """The topics, those with the most traffic first."""
    bytes_in, bytes_out = (
        _by_name(rates.growth_by(before, now, each, "topic")) for each in (metrics.BYTES_IN, metrics.BYTES_OUT)
    )
    records = _by_name(_growth_of_most(before, now, metrics.TOPIC_RECORDS))
    sizes = _by_name(rates.most(now, metrics.TOPIC_SIZE, "topic"))
    lacking = _by_name(rates.most(now, metrics.TOPIC_UNDER_REPLICATED, "topic"))
    known = {*bytes_in, *records, *sizes, *lacking, *_by_name(rates.most(now, metrics.TOPIC_RECORDS, "topic"))}
    rows = [
        Topic(
            topic=each,
            bytes_in_per_second=bytes_in.get(each),
            bytes_out_per_second=bytes_out.get(each),
            records_per_second=records.get(each),
            size_bytes=sizes.get(each),
            under_replicated_partitions=_whole(lacking.get(each)),
        )
        for each in known
    ]
    rows.sort(key=lambda row: (-_traffic(row), -(row.size_bytes or 0.0), row.topic))
    why = None if known else rates.unseen(now) or NO_EXPORTER
    return Topics(why=why, count=len(rows), items=rows[:MOST_ROWS])


def _traffic(row: Topic) -> float:
    moved = (row.bytes_in_per_second or 0.0) + (row.bytes_out_per_second or 0.0)
    return moved or row.records_per_second or 0.0


def _growth_of_most(before: rates.Look, now: rates.Look, metric: str) -> dict[tuple[str, ...], float]:
    """How fast the counters of the pod grow that shows the most of them: several exporters tell of the same topics."""
    shown = {pod: len(each.series[metric]) for pod, each in rates.seen(now) if each.has(metric)}
    if not shown:
        return {}
    best = max(shown, key=shown.__getitem__)
    return rates.growth_by(before, {best: now[best]}, metric, "topic")


def groups(before: rates.Look, now: rates.Look) -> Groups:
    """The groups by topic, those that are latest first."""
    lags, late = (rates.most(now, each, "consumergroup", "topic") for each in (metrics.LAG, metrics.LAG_SECONDS))
    earlier = rates.most(before, metrics.LAG, "consumergroup", "topic")
    seconds = _between(before, now)
    rows = [
        Group(
            group=group,
            topic=topic,
            lag=lag,
            lag_seconds=late.get((group, topic)),
            growing_per_second=(lag - earlier[group, topic]) / seconds
            if seconds and (group, topic) in earlier
            else None,
        )
        for (group, topic), lag in lags.items()
    ]
    rows.sort(key=lambda row: (-(row.lag_seconds or 0.0), -row.lag, row.group, row.topic))
    shown = any(each.has(metrics.LAG) or each.has(metrics.KNOWN_BROKERS) for _, each in rates.seen(now))
    why = None if rows or shown else rates.unseen(now) or NO_EXPORTER
    return Groups(why=why, count=len(rows), items=rows[:MOST_ROWS])


def _between(before: rates.Look, now: rates.Look) -> float | None:
    """Seconds between the two samples of lag."""
    for pod, each in rates.seen(now):
        old = before.get(pod)
        if each.has(metrics.LAG) and isinstance(old, Samples) and each.at > old.at:
            return each.at - old.at
    return None


def _by_name(found: Mapping[tuple[str, ...], float]) -> dict[str, float]:
    return {key[0]: value for key, value in found.items()}


def _whole(value: float | None) -> int | None:
    return None if value is None or not math.isfinite(value) else round(value)


def names_of(pods: Iterable[Manifest]) -> list[str]:
    """The names of pods."""
    return [name(each) for each in pods]
