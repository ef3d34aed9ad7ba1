"""What is watched of a pulse. No Pulumi."""

from kafka_platform.kube.metrics import Alert, Severity, Source

ALERTS = (
    Alert(
        name="PulseStopped",
        expression="rate(pulse_beats_total{$source}[5m]) == 0",
        lasting="1m",
        severity=Severity.WARNING,
        summary="The pulse does not beat.",
        description="Its log says why.",
    ),
)


def source(name: str) -> Source:
    """What Prometheus reads of the pulse of that name."""
    return Source(name=name, component="pulse", label="pulse", alerts=ALERTS)
