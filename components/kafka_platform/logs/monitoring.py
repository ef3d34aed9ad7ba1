"""Metrics and alerts of a log collector. No Pulumi."""

from kafka_platform.kube.metrics import Alert, Severity, Source
from kafka_platform.logs.dashboard import FULL, LOST, QUEUE, UP, board, overview
from kafka_platform.logs.objects import COMPONENT

ALERTS = (
    Alert(
        name="LogCollectorGone",
        expression=f"{UP} < 1 or absent(up{{$source}})",
        lasting="10m",
        severity=Severity.WARNING,
        summary="Log collector {{ $labels.pod }} does not answer.",
        description="Lines of its machine wait in their files, until the kubelet removes these. Its log names the reason.",
    ),
    Alert(
        name="LogsWait",
        expression=f"{QUEUE} > {FULL}",
        lasting="10m",
        severity=Severity.WARNING,
        summary="Lines wait for Kafka: {{ $labels.exporter }} of {{ $labels.pod }} has {{ $value | humanizePercentage }} of its queue taken.",
        description="Kafka does not answer, or the quota is too small for what is written. With a full queue lines wait in their files.",
    ),
    Alert(
        name="LogsLost",
        expression=f"{LOST} > 0",
        lasting="0m",
        severity=Severity.WARNING,
        summary='{{ printf "%.0f" $value }} lines that {{ $labels.pod }} had read are lost.',
        description="Kafka refused them for good, or the collector ended with a full queue. Its log names the reason.",
    ),
)


def source(name: str) -> Source:
    """Prometheus' source for the collector of that name."""
    return Source(
        name=name, component=COMPONENT, label="collector", alerts=ALERTS, boards=[board()], overview=[overview()]
    )
