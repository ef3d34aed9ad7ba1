"""Recording rules and alerts of service levels. No Pulumi.

Alerts use multi-window burn rates, as in Google's Site Reliability Workbook, chapter 5: the long window shows that much
of the error budget is used, the short one that it is still burning.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from kafka_platform.kube.metrics import Alert, Severity
from kafka_platform.levels.measures import Measure

PERIOD_DAYS = 30
"""Over how many days the error budget counts; over less where Prometheus keeps less."""
LONGEST_WINDOW_DAYS = 3
"""How long Prometheus has to keep metrics at least, for the longest window of the alerts."""
ERRORS, EVENTS, OBJECTIVE, LEFT = (
    "level:errors:rate5m",
    "level:events:rate5m",
    "level:objective:ratio",
    "level:error_budget_left:ratio",
)
"""Recorded series: what failed and all there was, a second; the objective; the share of the error budget that is left."""
_SECONDS_OF_LEFT = 300
"""How often what is left is computed: it reads 30 days."""


def burn(window: str, source: str = "$source") -> str:
    """The burn rate of the error budget over a window."""
    failed = f"sum_over_time({ERRORS}{{{source}}}[{window}]) / sum_over_time({EVENTS}{{{source}}}[{window}])"
    return f"({failed} / (1 - {OBJECTIVE}{{{source}}}))"


SHORTER = 12
"""How many short windows a long one has (Workbook, chapter 5)."""


def _burns(long: str, short: str, rate: float) -> str:
    # A series that began within the long window has used only so much of the budget: the seconds in which a new platform starts
    # would wake somebody otherwise.
    seen = f"count_over_time({EVENTS}{{$source}}[{long}]) / ({SHORTER} * count_over_time({EVENTS}{{$source}}[{short}]))"
    return f"({burn(long)} * clamp_max({seen}, 1) > {rate:g} and {burn(short)} > {rate:g})"


FAST = 14.4
"""Two hundredths of a month's error budget within an hour."""
FAST_LATER = 6
"""Five hundredths within six hours."""
SLOW = 3
"""A tenth within a day."""
SLOW_LATER = 1
"""A tenth within three days."""

ALERTS = (
    Alert(
        name="ErrorBudgetBurnsFast",
        expression=f"{_burns('1h', '5m', FAST)} or {_burns('6h', '30m', FAST_LATER)}",
        lasting="2m",
        severity=Severity.CRITICAL,
        summary="The {{ $labels.promise }} of the level {{ $labels.level }} is missed: its error budget burns "
        '{{ printf "%.1f" $value }} times as fast as it may.',
        description="Users are hurt now. At this pace the budget of 30 days is gone within days: look at what measures it, and at "
        "other alerts.",
    ),
    Alert(
        name="ErrorBudgetBurnsSlowly",
        expression=f"{_burns('1d', '2h', SLOW)} or {_burns('3d', '6h', SLOW_LATER)}",
        lasting="15m",
        severity=Severity.WARNING,
        summary="The {{ $labels.promise }} of the level {{ $labels.level }} will be missed: its error budget burns "
        '{{ printf "%.1f" $value }} times as fast as it may.',
        description="Something fails again and again, or a little all the time. If it goes on, the budget of 30 days does not last.",
    ),
)


def rule_groups(measured: Sequence[Measure], known: Mapping[str, str], name: str) -> list[dict[str, Any]]:
    """What is recorded, as Prometheus reads it.

    Args:
        measured: how the levels are measured.
        known: labels of all series: whose levels they are.
        name: beginning of the names of the groups.
    """
    if not measured:
        return []
    rules: list[dict[str, Any]] = []
    for each in measured:
        for record, expression in (
            (ERRORS, each.errors),
            (EVENTS, each.events),
            (OBJECTIVE, f"vector({each.objective})"),
        ):
            rules.append({"record": record, "expr": expression, "labels": {**known, **each.labels}})
    own = ",".join(f'{label}="{value}"' for label, value in sorted(known.items()))
    left = {"record": LEFT, "expr": f"1 - {burn(f'{PERIOD_DAYS}d', own)}"}
    return [
        {"name": f"{name}-levels", "rules": rules},
        {"interval": f"{_SECONDS_OF_LEFT // 60}m", "name": f"{name}-budgets", "rules": [left]},
    ]
