"""Metrics and alerts of a latency probe. No Pulumi."""

from kafka_platform.kube.metrics import Alert, Severity, Source
from kafka_platform.probe.dashboard import ERRORS_PER_SECOND, SLOW_SECONDS, SLOWEST, STUCK_SECONDS, board, overview
from kafka_platform.probe.objects import COMPONENT

ALERTS = (
    Alert(
        name="KafkaRecordsLost",
        expression="sum by (write, read) (increase(kafka_probe_lost_total{$source}[10m])) > 0",
        lasting="0m",
        severity=Severity.CRITICAL,
        summary="Records that Kafka had acknowledged were not read ({{ $labels.write }} to {{ $labels.read }}).",
        description="What happens to probes happens to everybody's records. Was there an unclean election, or a topic made anew?",
    ),
    Alert(
        name="KafkaRecordsOutOfOrderOrDuplicated",
        expression="sum by (write, read) (increase(kafka_probe_out_of_order_total{$source}[10m]) + "
        "increase(kafka_probe_duplicated_total{$source}[10m])) > 0",
        lasting="0m",
        severity=Severity.WARNING,
        summary="Records came twice or in another order than they were written ({{ $labels.write }} to {{ $labels.read }}).",
        description="Idempotent writers and cursors exclude it: look at what happened to the brokers and the gateway at that time.",
    ),
    Alert(
        name="KafkaPathBroken",
        expression=f"max by (write, read) (kafka_probe_oldest_unread_seconds{{$source}}) > {STUCK_SECONDS}",
        lasting="1m",
        severity=Severity.CRITICAL,
        summary="Nothing comes through from {{ $labels.write }} to {{ $labels.read }} since {{ $value | humanizeDuration }}.",
        description="Records are written and nobody gets them. Look at the partition's leader, and at the gateway if it is `http`.",
    ),
    Alert(
        name="KafkaWritesFail",
        expression=f"sum by (write) (rate(kafka_probe_write_errors_total{{$source}}[5m])) > {ERRORS_PER_SECOND}",
        lasting="2m",
        severity=Severity.CRITICAL,
        summary='Probes cannot be written ({{ $labels.write }}): {{ printf "%.1f" $value }} a second.',
        description="Others cannot write either. Are enough copies in sync, and do the brokers answer?",
    ),
    Alert(
        name="KafkaPathSlow",
        expression=f"{SLOWEST} > {SLOW_SECONDS}",
        lasting="5m",
        severity=Severity.WARNING,
        summary="One record in a hundred takes {{ $value | humanizeDuration }} from {{ $labels.write }} to {{ $labels.read }}.",
        description="Usual are milliseconds: look at disks, quotas and the load of the brokers.",
    ),
    Alert(
        name="KafkaProbeGone",
        expression="absent(sum(kafka_probe_written_total{$source}))",
        lasting="5m",
        severity=Severity.WARNING,
        summary="Nothing is heard of the probe.",
        description="Its pod is gone, or Prometheus may not reach it (probe.metricsNamespaces): nobody would notice a loss.",
    ),
)


def source(name: str) -> Source:
    """Prometheus' source for the program of that name."""
    return Source(name=name, component=COMPONENT, label="probe", alerts=ALERTS, boards=[board()], overview=overview())
