"""Alerts of jobs, from what kube-state-metrics tells of them. No Pulumi."""

from dataclasses import replace

from kafka_platform.job.dashboard import FAILED, OVERDUE, board
from kafka_platform.job.objects import COMPONENT
from kafka_platform.job.spec import JobSpec
from kafka_platform.kube.metrics import Alert, Severity, Source
from kafka_platform.values.units import whole_seconds

ALERTS = (
    Alert(
        name="JobFails",
        expression=FAILED,
        lasting="0s",
        severity=Severity.WARNING,
        summary="The last ended run of the job {{ $labels.cronjob }} in {{ $labels.namespace }} has failed.",
        description="All its attempts failed, or it took longer than its deadline. The records that it reads wait for the next run, "
        "as long as its topics keep them. It ends when a run succeeds.",
    ),
    Alert(
        name="JobDoesNotRun",
        expression=f"{OVERDUE} > {{seconds}}",
        lasting="0s",
        severity=Severity.WARNING,
        summary="The job {{ $labels.cronjob }} in {{ $labels.namespace }} should have begun {{ $value | humanizeDuration }} ago.",
        description="Kubernetes starts no run of it, or the one before takes too long. What it does on its schedule is not done.",
    ),
)


def source(name: str, spec: JobSpec) -> Source:
    """Where the metrics of the job of that name come from: its own pods are gone before anybody reads them."""
    # A run that is due is left out, as it should be, while the one before takes up to its deadline.
    seconds = str(whole_seconds(spec.deadline) + whole_seconds(spec.starts_within))
    alerts = [replace(each, expression=each.expression.replace("{seconds}", seconds)) for each in ALERTS]
    return Source(name=name, component=COMPONENT, label="cronjob", by_kube_state=True, alerts=alerts, boards=[board()])
