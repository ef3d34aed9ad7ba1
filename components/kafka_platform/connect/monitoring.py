"""Metrics and alerts of Kafka Connect. No Pulumi."""

from kafka_platform.connect.dashboard import (
    BEHIND,
    DEAD_LETTERS,
    FAILED,
    IDLE,
    MOST_BEHIND_SECONDS,
    board,
    overview,
)
from kafka_platform.connect.objects import COMPONENT
from kafka_platform.connect.operated import KIND
from kafka_platform.connect.spec import RunBy
from kafka_platform.kube.metrics import Alert, Severity, Source

ALERTS = (
    Alert(
        name="KafkaConnectGone",
        expression="absent(up{$source} == 1)",
        lasting="5m",
        severity=Severity.CRITICAL,
        summary="No worker of Kafka Connect shows metrics.",
        description="No connector moves records. Databases keep the log that their sources have not read yet, until their disks are full.",
    ),
    Alert(
        name="ConnectorTaskFailed",
        expression=f"{FAILED} > 0",
        lasting="2m",
        severity=Severity.CRITICAL,
        summary='{{ printf "%.0f" $value }} tasks of connector {{ $labels.connector }} have failed.',
        description="They stand still until they are started again. A source that stands still lets its database's log grow.",
    ),
    Alert(
        name="ConnectorNotRunning",
        expression=f"({IDLE}) > 0",
        lasting="10m",
        severity=Severity.WARNING,
        summary='{{ printf "%.0f" $value }} tasks of connector {{ $labels.connector }} are run by no worker.',
        description="The workers cannot agree on who runs them, or cannot reach the brokers.",
    ),
    Alert(
        name="ConnectorSourceLate",
        expression=f"{BEHIND} > {MOST_BEHIND_SECONDS}",
        lasting="10m",
        severity=Severity.WARNING,
        summary="Connector {{ $labels.connector }} reads changes {{ $value | humanizeDuration }} after they were made.",
        description="The database keeps its log until the source has read it, and its disk may become full.",
    ),
    Alert(
        name="ConnectorDeadLetters",
        expression=f"{DEAD_LETTERS} > 0",
        lasting="0m",
        severity=Severity.WARNING,
        summary='{{ printf "%.0f" $value }} records of connector {{ $labels.connector }} became dead letters in 15 minutes.',
        description="It could not convert them. They are in its dead-letter topic, with the reason in their headers, and nowhere else.",
    ),
)


def source(name: str, run_by: RunBy = RunBy.PODS) -> Source:
    """Prometheus' source for the Kafka Connect of that name."""
    return Source(
        name=name,
        component=COMPONENT,
        label="connect",
        operated_as=KIND if run_by is RunBy.STRIMZI else None,
        alerts=ALERTS,
        boards=[board()],
        overview=[overview()],
    )
