"""What `top` shows. The field names, in camelCase, are the keys of `--json`, which scripts rely on: none is renamed or removed."""

from collections.abc import Sequence
from dataclasses import dataclass, fields, is_dataclass
from typing import Any

from pydantic.alias_generators import to_camel

VERSION = 1
"""Of the JSON: raised if a key is removed or means something else."""
MOST_ROWS = 1_000
"""Topics, groups, workers or alerts in one answer, the busiest first; the rest is only counted."""


@dataclass(frozen=True, kw_only=True)
class Section:
    """A part of the answer."""

    why: str | None = None
    """Why it, or a part of it, is not known; None if nothing is missing. Numbers that are not known are null."""


@dataclass(frozen=True, kw_only=True)
class Node:
    """A pod of a broker or a controller."""

    pod: str
    ready: bool
    restarts: int
    bytes_in_per_second: float | None = None
    bytes_out_per_second: float | None = None
    under_replicated_partitions: int | None = None
    active_controller: bool | None = None


@dataclass(frozen=True, kw_only=True)
class Brokers(Section):
    """The brokers, and controllers that are none."""

    ready: int = 0
    wanted: int | None = None
    """As in the stack file; null for an external Kafka."""
    known: int | None = None
    """How many brokers Kafka itself knows."""
    bytes_in_per_second: float | None = None
    bytes_out_per_second: float | None = None
    records_in_per_second: float | None = None
    under_replicated_partitions: int | None = None
    under_min_isr_partitions: int | None = None
    offline_partitions: int | None = None
    active_controllers: int | None = None
    nodes: Sequence[Node] = ()


@dataclass(frozen=True, kw_only=True)
class Topic:
    """A topic, by all of its partitions."""

    topic: str
    bytes_in_per_second: float | None = None
    bytes_out_per_second: float | None = None
    records_per_second: float | None = None
    size_bytes: float | None = None
    under_replicated_partitions: int | None = None


@dataclass(frozen=True, kw_only=True)
class Topics(Section):
    """The topics, those with the most traffic first."""

    count: int = 0
    items: Sequence[Topic] = ()


@dataclass(frozen=True, kw_only=True)
class Group:
    """A consumer group's lag in one topic."""

    group: str
    topic: str
    lag: float
    lag_seconds: float | None = None
    growing_per_second: float | None = None
    """Records by which the lag grows; negative while the group catches up."""


@dataclass(frozen=True, kw_only=True)
class Groups(Section):
    """The groups, those that are latest first."""

    count: int = 0
    items: Sequence[Group] = ()


@dataclass(frozen=True, kw_only=True)
class Gateway(Section):
    """The HTTP gateway; null if the stack has none."""

    ready: int = 0
    pods: int = 0
    requests_per_second: float | None = None
    failed_per_second: float | None = None
    """Answers from 500 on."""
    p99_seconds: float | None = None
    """Of the requests since the last look, without streams."""
    scaler: str | None = None


@dataclass(frozen=True, kw_only=True)
class Path:
    """A way of records from writer to reader, as the latency probe uses it."""

    write: str
    read: str
    p99_seconds: float | None = None
    lost: int = 0
    oldest_unread_seconds: float | None = None


@dataclass(frozen=True, kw_only=True)
class Probe(Section):
    """The latency probe; null if the stack has none."""

    paths: Sequence[Path] = ()


@dataclass(frozen=True, kw_only=True)
class Worker:
    """A team's service."""

    worker: str
    namespace: str
    ready: int
    wanted: int
    min: int | None = None
    max: int | None = None
    scaler: str | None = None
    """`well`, `paused`, `fallback`, or why it cannot scale; null without a scaler."""
    restarts: int = 0


@dataclass(frozen=True, kw_only=True)
class Workers(Section):
    """The workers, by name."""

    count: int = 0
    items: Sequence[Worker] = ()


@dataclass(frozen=True, kw_only=True)
class Stream:
    """A stream job."""

    job: str
    running: bool | None = None
    """Whether all of its parts are at work; null if its JobManager does not say."""
    ready: int
    pods: int
    restarts: int | None = None
    """Since its JobManager has started: each goes back to the last checkpoint."""
    checkpoints: int | None = None
    """Completed since its JobManager has started."""
    failed_checkpoints: int | None = None
    checkpoint_age_seconds: float | None = None
    """How long ago the last one was completed."""
    checkpoint_seconds: float | None = None
    """How long the last one took."""
    checkpoint_bytes: float | None = None
    """What the job knows."""
    busy: float | None = None
    """Share of its time that the busiest step works."""
    held_back: float | None = None
    """Share of its time in which a step waits for the next one to take its results."""
    watermark_seconds: float | None = None
    """How far the records whose windows are done lie behind now, by their own time; null before the first."""


@dataclass(frozen=True, kw_only=True)
class Streams(Section):
    """The stream jobs, by name; null if the stack has none."""

    count: int = 0
    items: Sequence[Stream] = ()


@dataclass(frozen=True, kw_only=True)
class Alert:
    """An alert that is pending or firing."""

    alert: str
    state: str
    severity: str
    since: str | None = None
    summary: str = ""
    runbook: str | None = None
    receivers: Sequence[str] = ()


@dataclass(frozen=True, kw_only=True)
class Alerts(Section):
    """The alerts, firing ones first."""

    count: int = 0
    items: Sequence[Alert] = ()


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """One look."""

    version: int = VERSION
    stack: str
    namespace: str
    at: str
    """When, in UTC (ISO 8601)."""
    seconds: float | None
    """Over how long rates were measured; null at the first look."""
    brokers: Brokers
    topics: Topics
    groups: Groups
    gateway: Gateway | None
    probe: Probe | None
    workers: Workers
    streams: Streams | None
    alerts: Alerts


def as_json(value: Any) -> Any:
    """A value of this module as JSON has it."""
    if is_dataclass(value):
        return {to_camel(each.name): as_json(getattr(value, each.name)) for each in fields(value)}
    if isinstance(value, list | tuple):
        return [as_json(each) for each in value]
    return round(value, 6) if isinstance(value, float) else value
