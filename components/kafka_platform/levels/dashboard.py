"""The dashboard of service levels: what is left of each error budget, and how fast it burns. No Pulumi."""

from kafka_platform.kube.boards import Board, Panel, Query, Row, Shape, Unit
from kafka_platform.levels.monitoring import ERRORS, EVENTS, FAST, LEFT, OBJECTIVE, SLOW_LATER, burn

_SERIES = "{{level}}: {{promise}} ({{measured_by}})"


def overview() -> Panel:
    """Whether all levels are kept."""
    return Panel(
        title="Error budget left",
        description="Of the level that has least. Below 0 the promise of the last 30 days is broken.",
        queries=[Query(expression=f"min({LEFT}{{$source}})")],
        unit=Unit.SHARE,
        shape=Shape.NUMBER,
        bad_below=0,
    )


def board() -> Board:
    """Its dashboard."""
    budgets = Row(
        title="Error budgets",
        panels=[
            Panel(
                title="Error budget left",
                description="Share of what may fail in 30 days that has not failed yet. Below 0 the promise is broken.",
                queries=[Query(expression=f"{LEFT}{{$source}}", legend=_SERIES)],
                unit=Unit.SHARE,
                bad_below=0,
            ),
            Panel(
                title="Objectives",
                description="What is promised.",
                queries=[Query(expression=f"{OBJECTIVE}{{$source}}", legend=_SERIES)],
                unit=Unit.SHARE,
                shape=Shape.TABLE,
            ),
        ],
    )
    rates = Row(
        title="How fast they burn",
        panels=[
            Panel(
                title="Burn rate, one hour",
                description="1: the budget lasts just 30 days. From 14.4 on it pages.",
                queries=[Query(expression=burn("1h"), legend=_SERIES)],
                bad_from=FAST,
                alerts=["ErrorBudgetBurnsFast"],
            ),
            Panel(
                title="Burn rate, three days",
                description="1: the budget lasts just 30 days.",
                queries=[Query(expression=burn("3d"), legend=_SERIES)],
                bad_from=SLOW_LATER,
                alerts=["ErrorBudgetBurnsSlowly"],
            ),
            Panel(
                title="What fails now",
                description="Share that failed in the last five minutes.",
                queries=[Query(expression=f"{ERRORS}{{$source}} / {EVENTS}{{$source}}", legend=_SERIES)],
                unit=Unit.SHARE,
            ),
        ],
    )
    return Board(name="levels", title="Service levels", rows=[budgets, rates])
