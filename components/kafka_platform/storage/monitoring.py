"""Metrics and alerts of an object store. No Pulumi."""

from kafka_platform.kube.metrics import Alert, Severity, Source
from kafka_platform.storage.dashboard import ALMOST_FULL, FREE, FREE_FILES, board, overview
from kafka_platform.storage.objects import COMPONENT

ALERTS = (
    Alert(
        name="ObjectStoreGone",
        expression="absent(object_store_up{$source} == 1)",
        lasting="5m",
        severity=Severity.CRITICAL,
        summary="The object store does not answer.",
        description="Checkpoints fail, and what writes to it waits. Its pod's log names the reason.",
    ),
    Alert(
        name="ObjectStoreAlmostFull",
        expression=f"{FREE} < {ALMOST_FULL} or {FREE_FILES} < {ALMOST_FULL}",
        lasting="5m",
        severity=Severity.WARNING,
        summary="The volume of the object store has {{ $value | humanizePercentage }} free.",
        description="A full store refuses what is written: checkpoints fail. Grow the volume, or delete what nobody needs.",
    ),
)


def source(name: str) -> Source:
    """Prometheus' source for the store of that name."""
    return Source(name=name, component=COMPONENT, label="store", alerts=ALERTS, boards=[board()], overview=[overview()])
