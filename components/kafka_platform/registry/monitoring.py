"""Metrics and alerts of a schema registry. No Pulumi."""

from kafka_platform.kube.metrics import Alert, Severity, Source
from kafka_platform.registry.dashboard import (
    FAILED_LOGINS,
    FAILING,
    FAILING_SHARE,
    MOST_FAILED_LOGINS,
    board,
    overview,
)
from kafka_platform.registry.objects import COMPONENT

ALERTS = (
    Alert(
        name="SchemaRegistryGone",
        expression="absent(up{$source} == 1)",
        lasting="5m",
        severity=Severity.CRITICAL,
        summary="No pod of the schema registry shows metrics.",
        description="Programs that start, or meet a schema for the first time, fail; those that run go on with what they know.",
    ),
    Alert(
        name="SchemaRegistryFails",
        expression=f"{FAILING} > {FAILING_SHARE} "
        'and sum(increase(rest_requests_seconds_count{$source,status_code_group="5xx"}[5m])) > 5',
        lasting="5m",
        severity=Severity.WARNING,
        summary="{{ $value | humanizePercentage }} of the requests to the schema registry fail by its own fault.",
        description="It does not reach the brokers, or runs out of memory. Its log names the reason of each.",
    ),
    Alert(
        name="SchemaRegistryLoginsFail",
        expression=f"{FAILED_LOGINS} > {MOST_FAILED_LOGINS}",
        lasting="0m",
        severity=Severity.WARNING,
        summary='{{ printf "%.0f" $value }} requests to the schema registry in 15 minutes had no login, or a wrong one.',
        description="A program has an old password, or somebody is guessing. The registry's log names the address of each.",
    ),
)


def source(name: str) -> Source:
    """Prometheus' source for the program of that name."""
    return Source(
        name=name, component=COMPONENT, label="registry", alerts=ALERTS, boards=[board()], overview=[overview()]
    )
