"""Measurements of service levels: ratios of bad events in PromQL. No Pulumi."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal

from kafka_platform.levels.spec import Level, objective
from kafka_platform.values.units import milliseconds

FRESH = Decimal("0.99")
"""Share of the time in which a group has to be as fresh as promised: it may be late while its members are replaced."""

LONGEST_BUCKET = 10.0
"""Seconds: the largest bound of the probe's buckets (`probe/metrics.py` of the runtime)."""


@dataclass(frozen=True, kw_only=True)
class Measured:
    """The programs that measure levels, each as the PromQL selector of its series, or None."""

    probe: str | None = None
    gateway: str | None = None
    exporter: str | None = None


@dataclass(frozen=True, kw_only=True)
class Measure:
    """One measurement of a level."""

    name: str
    """Of the level."""
    kind: str
    """What is promised: availability, latency or freshness."""
    by: str
    """What measures it."""
    objective: Decimal
    errors: str
    """PromQL: what failed, a second; or 1 while it fails."""
    events: str
    """PromQL: all there was, a second; or 1 while it is measured."""

    @property
    def labels(self) -> Mapping[str, str]:
        """Of its series."""
        return {"level": self.name, "measured_by": self.by, "promise": self.kind}


def missing(level: Level, measured: Measured) -> Iterator[tuple[str, str]]:
    """What of a level nothing measures: the field, and what would measure it."""
    if level.availability is not None:
        if level.topic is not None:
            needed, found = "exporter", [measured.exporter]
        elif level.users:
            needed, found = "gateway", [measured.gateway]
        else:
            needed, found = "probe or gateway", [measured.probe, measured.gateway]
        if not any(found):
            yield "availability", needed
    if level.latency is not None and measured.probe is None:
        yield "latency", "probe"
    if level.freshness is not None and measured.exporter is None:
        yield "freshness", "exporter"


def measures(name: str, level: Level, measured: Measured) -> Iterator[Measure]:
    """The measurements of a level; what nothing measures is left out."""
    yield from _availability(name, level, measured)
    if level.latency is not None and measured.probe is not None:
        own, longest = measured.probe, milliseconds(level.latency.p99) / 1000
        slowest = f"histogram_quantile(0.99, sum by (write, read, le) (rate(kafka_probe_latency_seconds_bucket{{{own}}}[5m])))"
        yield Measure(
            name=name,
            kind="latency",
            by="probe",
            objective=objective(level.latency.of),
            # Of what is in no bucket but the last, Prometheus says the bound of the one before it.
            errors=f"max({slowest}) {'>=' if longest >= LONGEST_BUCKET else '>'} bool {longest:g}",
            events=f"sum(rate(kafka_probe_latency_seconds_count{{{own}}}[5m])) > bool 0",
        )
    if level.freshness is not None and level.group is not None and measured.exporter is not None:
        own = f'{measured.exporter},consumergroup=~"{_pattern(level.group)}"'
        late = f"max(kafka_consumergroup_lag_seconds{{{own}}})"
        yield Measure(
            name=name,
            kind="freshness",
            by="exporter",
            objective=FRESH,
            errors=f"{late} > bool {milliseconds(level.freshness) / 1000:g}",
            events=f"{late} >= bool 0",
        )


def _availability(name: str, level: Level, measured: Measured) -> Iterator[Measure]:
    if level.availability is None:
        return
    promised = objective(level.availability)
    if level.topic is not None:
        if measured.exporter is not None:
            lacking = f'max(kafka_topic_offline_partitions{{{measured.exporter},topic="{level.topic}"}})'
            yield Measure(
                name=name,
                kind="availability",
                by="exporter",
                objective=promised,
                errors=f"{lacking} > bool 0",
                events=f"{lacking} >= bool 0",
            )
        return
    if measured.probe is not None and not level.users:
        own = measured.probe
        failed = f"sum(rate(kafka_probe_write_errors_total{{{own}}}[5m]))"
        yield Measure(
            name=name,
            kind="availability",
            by="probe",
            objective=promised,
            # A probe is written once and read by each path: of what is lost, the worst path counts.
            errors=f"{failed} + max(sum by (write, read) (rate(kafka_probe_lost_total{{{own}}}[5m])))",
            events=f"sum(rate(kafka_probe_written_total{{{own}}}[5m])) + {failed}",
        )
    if measured.gateway is not None:
        metric, own, fails = "gateway_requests_total", measured.gateway, 'status=~"5.."'
        if level.users:
            users = "|".join(_escaped(each) for each in level.users)
            metric, own, fails = "gateway_user_requests_total", f'{own},user=~"{users}"', 'outcome="failed"'
        yield Measure(
            name=name,
            kind="availability",
            by="gateway",
            objective=promised,
            # Of what has never failed there is no series.
            errors=f"sum(rate({metric}{{{own},{fails}}}[5m])) or vector(0)",
            events=f"sum(rate({metric}{{{own}}}[5m]))",
        )


def _pattern(group: str) -> str:
    return f"{_escaped(group[:-1])}.*" if group.endswith("*") else _escaped(group)


def _escaped(name: str) -> str:
    """For a regular expression in a text of PromQL, whose backslashes are doubled."""
    return re.escape(name).replace("\\", "\\\\")
