"""The overview dashboard: one row, to which everything that is watched adds a panel or two. No Pulumi."""

from collections.abc import Sequence

from kafka_platform.kube.boards import Board, Panel, Query, Row, Shape

NAME = "overview"


def board(panels: Sequence[Panel]) -> Board:
    """Its dashboard; `panels` are those of what is watched."""
    paged = Panel(
        title="Alerts that page",
        description="Alerts of the severity critical that fire now: users are hurt.",
        queries=[Query(expression=_firing("critical"))],
        shape=Shape.NUMBER,
        bad_from=1,
    )
    firing = Panel(
        title="Alerts",
        description="What fires now; the page of each says what to do.",
        queries=[
            Query(
                expression='sum by (alertname, severity) (ALERTS{namespace="$namespace",alertstate="firing"})',
                legend="{{severity}} {{alertname}}",
            )
        ],
        bad_from=1,
    )
    rows = [Row(title="Is it well?", panels=[paged, *panels]), Row(title="What is wrong", panels=[firing])]
    return Board(name=NAME, title="Kafka platform", rows=rows)


def _firing(severity: str) -> str:
    return f'count(ALERTS{{namespace="$namespace",severity="{severity}",alertstate="firing"}}) or vector(0)'
