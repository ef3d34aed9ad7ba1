"""Metrics and alerts of a query engine. No Pulumi."""

from kafka_platform.kube.metrics import Alert, Severity, Source
from kafka_platform.query.dashboard import FAILURES, MOST_FAILURES, QUEUED, board, overview
from kafka_platform.query.objects import COMPONENT

ALERTS = (
    Alert(
        name="QueryEngineGone",
        expression="absent(query_engine_up{$source} == 1)",
        lasting="5m",
        severity=Severity.WARNING,
        summary="The query engine does not answer.",
        description="Nobody can query topics; whatever reads and writes them goes on. Its pod's log names the reason.",
    ),
    Alert(
        name="QueriesWait",
        expression=f"{QUEUED} > 0",
        lasting="15m",
        severity=Severity.WARNING,
        summary='{{ printf "%.0f" $value }} queries wait for others to end.',
        description="As many run as may at a time, of all or of one tenant. Do they read more than they need?",
    ),
    Alert(
        name="QueriesFail",
        expression=f"{FAILURES} > {MOST_FAILURES}",
        lasting="0m",
        severity=Severity.WARNING,
        summary='{{ printf "%.0f" $value }} queries have failed in 15 minutes, not by a mistake in their SQL.',
        description="The brokers did not answer, memory was short, or Trino has a fault. Its log names the reason of each.",
    ),
)


def source(name: str) -> Source:
    """Prometheus' source for the engine of that name."""
    return Source(
        name=name, component=COMPONENT, label="engine", alerts=ALERTS, boards=[board()], overview=[overview()]
    )
