"""Metrics and alerts of a stream job. No Pulumi."""

from kafka_platform.kube.metrics import Alert, Severity, Source
from kafka_platform.streams.dashboard import CHECKPOINTS, DROPPED, MOST_RESTARTS, RESTARTS, board, overview
from kafka_platform.streams.settings import COMPONENT

ALERTS = (
    Alert(
        name="StreamJobNotRunning",
        expression="absent(flink_jobmanager_job_runningState{$source} == 1)",
        lasting="5m",
        severity=Severity.CRITICAL,
        summary="The stream job does not run.",
        description="Its results are missing, and come once it runs again. Its JobManager's log names the reason.",
    ),
    Alert(
        name="StreamJobCheckpointOld",
        expression=f"{CHECKPOINTS} == 0",
        lasting="5m",
        severity=Severity.WARNING,
        summary="The stream job has completed no checkpoint in 15 minutes.",
        description="Readers of committed records see no results, and a restart goes far back. Does the object store answer?",
    ),
    Alert(
        name="StreamJobRestarts",
        expression=f"{RESTARTS} > {MOST_RESTARTS}",
        lasting="0m",
        severity=Severity.WARNING,
        summary='The stream job has restarted {{ printf "%.0f" $value }} times in 15 minutes.',
        description="A record that it cannot read stops it again and again, or its pods lack memory. The JobManager's log names the reason.",
    ),
    Alert(
        name="StreamJobDropsRecords",
        expression=f"{DROPPED} > 0",
        lasting="0m",
        severity=Severity.WARNING,
        summary='{{ printf "%.0f" $value }} records came too late for their windows in 15 minutes.',
        description="They are in no result. Raise the table's `late`, or `idleTimeout` if a partition was silent before.",
    ),
)


def source(name: str) -> Source:
    """Prometheus' source for the job whose objects are called so."""
    return Source(
        name=name, component=COMPONENT, label="stream", alerts=ALERTS, boards=[board()], overview=[overview()]
    )
