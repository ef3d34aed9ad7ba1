"""Metrics of a worker. No Pulumi."""

from kafka_platform.kube.metrics import Source
from kafka_platform.worker.objects import COMPONENT


def source(name: str) -> Source:
    """Prometheus' source for the worker of that name: its port called `metrics`."""
    return Source(name=name, component=COMPONENT, label="worker")
