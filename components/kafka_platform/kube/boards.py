"""Dashboards as data: panels with queries, units and limits, independent of Grafana. No Pulumi.

`monitoring/grafana.py` makes Grafana's JSON of it.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import MISSING, dataclass
from enum import Enum

from kafka_platform.values.forms import Spec, formed

DASHBOARD_LABEL = "grafana_dashboard"
"""Label of a ConfigMap by which Grafana's sidecar finds dashboards, as `"1"`; the one that kube-prometheus-stack looks for."""
FOLDER_ANNOTATION = "grafana_folder"
"""Annotation of such a ConfigMap that says in which of Grafana's folders they are."""
_NAME = re.compile(r"[a-z][a-z0-9-]{0,19}")


def _check_name(name: str) -> None:
    if not _NAME.fullmatch(name):
        raise ValueError(
            f"{name!r} is not a name of a dashboard: use a-z, 0-9 and -, up to 20, beginning with a letter"
        )


class Unit(Enum):
    """What the values of a panel are, by Grafana's names of units."""

    NUMBER = "short"
    PER_SECOND = "cps"
    REQUESTS_PER_SECOND = "reqps"
    BYTES = "bytes"
    BYTES_PER_SECOND = "binBps"
    SECONDS = "s"
    MILLISECONDS = "ms"
    DAYS = "d"
    SHARE = "percentunit"
    """0 to 1, shown as 0% to 100%."""


class Shape(Enum):
    """How a panel shows its values."""

    LINES = "lines"
    """Over time, a line for each series."""
    NUMBER = "number"
    """The value now, with what it was behind it."""
    TABLE = "table"
    """The values now, a row for each series."""


@dataclass(frozen=True, kw_only=True)
class Query(Spec):
    """A PromQL query of a panel."""

    expression: str
    """PromQL. `$source` in it is what selects the series of what the dashboard is about, as in `up{$source}`."""
    legend: str = ""
    """Name of each series, with its labels as `{{pod}}`. Default: its title."""


@dataclass(frozen=True, kw_only=True)
class Panel(Spec):
    """A panel of a dashboard."""

    title: str
    description: str
    """What the values are, and which of them are bad."""
    queries: Sequence[Query]
    unit: Unit = Unit.NUMBER
    """What the values are. Default: numbers."""
    shape: Shape = Shape.LINES
    """How they are shown. Default: as lines over time."""
    bad_from: float | None = None
    """From which value on it is bad; the limit of an alert, if there is one. Default: no value is."""
    bad_below: float | None = None
    """Below which value it is bad. Default: no value is."""
    alerts: Sequence[str] = ()
    """Names of the alerts about these values: they link to the panel, and the panel to their pages. Default: none."""

    def check(self) -> None:
        """There is something to show, and one limit at most."""
        if not self.queries:
            raise ValueError("queries: empty: a panel shows the answer to one query at least")
        if self.bad_from is not None and self.bad_below is not None:
            raise ValueError("bad_below: excludes bad_from: keep one of them")


@dataclass(frozen=True, kw_only=True)
class Row(Spec):
    """Panels side by side, with a title."""

    title: str
    panels: Sequence[Panel]


@dataclass(frozen=True, kw_only=True)
class Board(Spec):
    """A dashboard."""

    name: str = formed(MISSING, _check_name)
    """In addresses and names of objects, such as `gateway`."""
    title: str
    rows: Sequence[Row]

    @property
    def panels(self) -> Iterator[Panel]:
        """All panels, from the top to the bottom."""
        return (panel for row in self.rows for panel in row.panels)
