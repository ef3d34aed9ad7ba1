"""Metrics and alerts of a mirror. No Pulumi."""

from dataclasses import replace

from kafka_platform.connect import monitoring as connect
from kafka_platform.connect.spec import ConnectorState, RunBy
from kafka_platform.kube.metrics import Alert, Severity, Source
from kafka_platform.mirror.dashboard import BEHIND, IDLE, LATE, LOOKS, MOST_BEHIND, MOST_LATE_SECONDS, board, overview
from kafka_platform.mirror.operated import COMPONENT, KIND

ALERTS = (
    Alert(
        name="MirrorSourceGone",
        expression=f"{LOOKS} == 0",
        lasting="2m",
        severity=Severity.CRITICAL,
        summary="The mirror gets no answer of the Kafka that it mirrors.",
        description="The other Kafka is away, or does not let the mirror in. What is written there from now on is nowhere else.",
    ),
    Alert(
        name="MirrorIdle",
        expression=IDLE,
        lasting="5m",
        severity=Severity.CRITICAL,
        summary="No task of the mirror reads the Kafka that it mirrors.",
        description="What is written there from now on is nowhere else. The connector may look as if it ran.",
    ),
    Alert(
        name="MirrorBehind",
        expression=f"{BEHIND} > {MOST_BEHIND}",
        lasting="10m",
        severity=Severity.WARNING,
        summary='{{ printf "%.0f" $value }} records of topic {{ $labels.topic }} are not mirrored yet.',
        description="They would be lost with the other Kafka. The mirror is too slow for what is written there, or is catching up.",
    ),
    Alert(
        name="MirrorLate",
        expression=f"{LATE} > {MOST_LATE_SECONDS}",
        lasting="10m",
        severity=Severity.WARNING,
        summary="Records of topic {{ $labels.topic }} are mirrored {{ $value | humanizeDuration }} after they were written.",
        description="So much of the newest records would be lost with the other Kafka.",
    ),
)


def beside(source: Source, state: ConnectorState = ConnectorState.RUNNING) -> Source:
    """The source of a Kafka Connect whose workers run a mirror too. One that is not to run is no reason for an alert."""
    return replace(
        source,
        alerts=[*source.alerts, *(ALERTS if state is ConnectorState.RUNNING else ())],
        boards=[*source.boards, board()],
        overview=[*source.overview, overview()],
    )


def source(name: str, state: ConnectorState = ConnectorState.RUNNING) -> Source:
    """Prometheus' source for the mirror of that name that Strimzi runs: its workers are those of a Kafka Connect."""
    workers = replace(connect.source(name, RunBy.STRIMZI), component=COMPONENT, operated_as=KIND)
    return beside(workers, state)
