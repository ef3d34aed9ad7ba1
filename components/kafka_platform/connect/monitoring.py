"""Metrics and alerts of Kafka Connect. No Pulumi."""

from kafka_platform.connect.dashboard import (
    BEHIND,
    DEAD_LETTERS,
    FAILED,
    IDLE,
    KEPT,
    LIMIT,
    LOST,
    MOST_BEHIND_SECONDS,
    MOST_KEPT,
    MOST_KEPT_BYTES,
    MOST_RESTARTS,
    RESTARTS,
    RESTARTS_SEEN,
    SILENT_SECONDS,
    SLOTS_SEEN,
    WITHOUT_TASKS,
    board,
    overview,
    restarts_board,
    slots_board,
)
from kafka_platform.connect.objects import COMPONENT
from kafka_platform.connect.operated import KIND
from kafka_platform.connect.restarting import COMPONENT as RESTARTER, restarter_name
from kafka_platform.connect.slots import COMPONENT as SLOTS, watcher_name
from kafka_platform.connect.spec import RunBy
from kafka_platform.kube.metrics import Alert, Severity, Source

WORKER_ALERTS = (
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
        description="They are restarted, by pauses of up to five minutes, and fail again. A source that stands still lets its "
        "database's log grow.",
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
RESTARTER_ALERTS = (
    Alert(
        name="ConnectorFailsAgain",
        expression=f"{RESTARTS} >= {MOST_RESTARTS}",
        lasting="0m",
        severity=Severity.WARNING,
        summary='Connector {{ $labels.connector }} failed and was restarted {{ printf "%.0f" $value }} times in an hour.',
        description="It moves records between two failures, or none at all. Its status and the workers' log say of what it fails.",
    ),
    Alert(
        name="ConnectorIdle",
        expression=f"{WITHOUT_TASKS} > 0",
        lasting="10m",
        severity=Severity.WARNING,
        summary="Connector {{ $labels.connector }} is running without a task.",
        description="It moves no records, though Kafka Connect calls it running: when it started, it found nothing to do, or was not told in time.",
    ),
    Alert(
        name="ConnectorRestarterGone",
        expression=f"absent({RESTARTS_SEEN}) or time() - {RESTARTS_SEEN} > {SILENT_SECONDS}",
        lasting="5m",
        severity=Severity.WARNING,
        summary="Nothing restarts connectors that fail.",
        description="The pod that does so is gone, or Kafka Connect does not tell it the state of the connectors: what fails from now "
        "on stands still.",
    ),
)

SLOT_ALERTS = (
    Alert(
        name="ConnectorSlotGrows",
        expression=f"({KEPT} > {MOST_KEPT} * ({LIMIT} >= 0)) or ({KEPT} > {MOST_KEPT_BYTES} and {LIMIT} < 0)",
        lasting="5m",
        severity=Severity.CRITICAL,
        summary="The database of connector {{ $labels.connector }} keeps {{ $value | humanize1024 }}B of its log for it.",
        description="The source does not read it, or slower than it is written. At the limit the database removes it, and the source needs "
        "a new snapshot; without a limit its disk becomes full.",
    ),
    Alert(
        name="ConnectorSlotUnlimited",
        expression=f"{LIMIT} < 0",
        lasting="15m",
        severity=Severity.WARNING,
        summary="The database of connector {{ $labels.connector }} keeps its log for it without a limit.",
        description="max_slot_wal_keep_size is -1: if the source stands still, the database's disk becomes full.",
    ),
    Alert(
        name="ConnectorSlotLost",
        expression=f"{LOST} > 0",
        lasting="0m",
        severity=Severity.CRITICAL,
        summary="The database of connector {{ $labels.connector }} has removed changes that it has not read.",
        description="It stood still for longer than max_slot_wal_keep_size allows. It misses changes until there is a new snapshot.",
    ),
    Alert(
        name="ConnectorSlotUnwatched",
        expression=f"time() - {SLOTS_SEEN} > {SILENT_SECONDS}",
        lasting="10m",
        severity=Severity.WARNING,
        summary="Nobody knows how much of its log the database of connector {{ $labels.connector }} keeps.",
        description="The database does not answer, or refuses the source's login.",
    ),
)

ALERTS = (*WORKER_ALERTS, *RESTARTER_ALERTS, *SLOT_ALERTS)


def slots_source(name: str) -> Source:
    """Prometheus' source for what watches the slots of the sources of the Kafka Connect of that name."""
    return Source(name=watcher_name(name), component=SLOTS, label="slots", alerts=SLOT_ALERTS, boards=[slots_board()])


def restarter_source(name: str) -> Source:
    """Prometheus' source for what restarts the connectors of the Kafka Connect of that name."""
    return Source(
        name=restarter_name(name),
        component=RESTARTER,
        label="restarter",
        alerts=RESTARTER_ALERTS,
        boards=[restarts_board()],
    )


def source(name: str, run_by: RunBy = RunBy.PODS) -> Source:
    """Prometheus' source for the Kafka Connect of that name."""
    return Source(
        name=name,
        component=COMPONENT,
        label="connect",
        operated_as=KIND if run_by is RunBy.STRIMZI else None,
        alerts=WORKER_ALERTS,
        boards=[board()],
        overview=[overview()],
    )
