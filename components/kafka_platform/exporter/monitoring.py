"""Metrics and alerts of a Kafka exporter. No Pulumi."""

from kafka_platform.exporter.dashboard import FAILED_LOOKS, SILENT_SECONDS, board
from kafka_platform.exporter.objects import COMPONENT
from kafka_platform.kube.metrics import Alert, Severity, Source

LATE_SECONDS = 600
"""How old the next record of a group may be before its lag is worth a look: a restarted worker catches up sooner."""

_LOOKS = (
    Alert(
        name="KafkaConsumerLate",
        expression=f"max by (consumergroup, topic) (kafka_consumergroup_lag_seconds{{$source}}) > {LATE_SECONDS} and "
        f"min by (consumergroup, topic) (delta(kafka_consumergroup_lag_seconds{{$source}}[15m])) > 0",
        lasting="15m",
        severity=Severity.WARNING,
        summary="The next record of {{ $labels.topic }} for the group {{ $labels.consumergroup }} is "
        "{{ $value | humanizeDuration }} old, and it gets later.",
        description="The group reads more slowly than records come, or not at all. Is a member stuck, or is it time for more?",
    ),
    Alert(
        name="KafkaExporterGone",
        expression="absent(kafka_exporter_last_success_timestamp_seconds{$source}) or "
        f"time() - max(kafka_exporter_last_success_timestamp_seconds{{$source}}) > {SILENT_SECONDS}",
        lasting="5m",
        severity=Severity.WARNING,
        summary="Nothing is known of the lag of groups and the sizes of topics.",
        description="The exporter's pod is gone, cannot look at the brokers, or Prometheus may not reach it "
        "(exporter.metricsNamespaces): nobody would notice a group that falls behind.",
    ),
    Alert(
        name="KafkaExporterLeavesOut",
        expression="max by (kind) (kafka_exporter_left_out{$source}) > 0",
        lasting="30m",
        severity=Severity.WARNING,
        summary="{{ $value }} {{ $labels.kind }} are beyond the exporter's bounds and are not shown.",
        description="Nobody is told when one of them falls behind. Remove groups that nobody uses, or raise "
        "exporter.topics, exporter.groups or exporter.pairs, and exporter.resources.memory with them.",
    ),
)
_SURGES = (
    Alert(
        name="KafkaSurgeFails",
        expression=f"sum(increase(kafka_surge_failures_total{{$source}}[10m])) > {FAILED_LOOKS}",
        lasting="5m",
        severity=Severity.WARNING,
        summary="The exporter cannot add pods to workers when records arrive faster than those can handle.",
        description="Pods come when KEDA sees the lag, some twenty seconds later. The exporter's log says why it cannot.",
    ),
)
ALERTS = (*_LOOKS, *_SURGES)


def source(name: str, *, surges: bool = True) -> Source:
    """Prometheus' source for the program of that name; without `surges`, one that adds no pods."""
    alerts = ALERTS if surges else _LOOKS
    return Source(name=name, component=COMPONENT, label="exporter", alerts=alerts, boards=[board(surges=surges)])
