"""The spec of monitoring. No Pulumi."""

from collections.abc import Mapping
from dataclasses import dataclass

from kafka_platform.forms import Spec, mapping
from kafka_platform.free_maps import check_labels


@dataclass(frozen=True, kw_only=True)
class MonitoringSpec(Spec):
    """What people declare of monitors and alerts, in a program and in a stack file alike."""

    alerts: bool = True
    """Whether there are alert rules. Default true."""
    labels: Mapping[str, str] = mapping(check_labels)
    """Labels of the monitors and rules, for a Prometheus that reads only those that have them. Default: none besides the
    platform's own."""
