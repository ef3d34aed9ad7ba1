"""Metrics and alerts of light connectors. No Pulumi."""

from kafka_platform.kube.metrics import Alert, Severity, Source
from kafka_platform.light.dashboard import DEAD_LETTERS, FAILING, FAILING_SECONDS, board
from kafka_platform.light.objects import COMPONENT

ALERTS = (
    Alert(
        name="LightConnectorFailing",
        expression=f"{FAILING} > {FAILING_SECONDS}",
        lasting="5m",
        severity=Severity.WARNING,
        summary="The connector {{ $labels.connector }} has moved nothing for {{ $value | humanizeDuration }}.",
        description="The other system, or Kafka, does not answer or does not let it in; its pod's readiness says why. Nothing is lost "
        "as long as the topic, or the other system, keeps the records: compare that with how long it will take.",
    ),
    Alert(
        name="LightConnectorDeadLetters",
        expression=f"{DEAD_LETTERS} >= 1",
        lasting="0s",
        severity=Severity.WARNING,
        summary="{{ $value | humanize }} records of the connector {{ $labels.connector }} were refused in 15 minutes.",
        description="They are in its dead-letter topic, each with the reason in its headers, and everything else goes on.",
    ),
)


def source(name: str) -> Source:
    """Prometheus' source for the light connector of that name."""
    return Source(name=name, component=COMPONENT, label="light_connector", alerts=ALERTS, boards=[board()])
