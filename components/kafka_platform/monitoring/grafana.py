"""Dashboards as Grafana reads them: JSON, the same bytes for the same dashboard. No Pulumi.

Importing this imports Grafana's SDK, a tenth of a second: only what renders a dashboard does.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from grafana_foundation_sdk.builders import common, dashboard, prometheus, stat, table, timeseries
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import common as words, dashboard as models
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

from kafka_platform.kube.boards import Panel, Row, Shape
from kafka_platform.monitoring.alerts import CLUSTER_LABEL
from kafka_platform.monitoring.dashboards import Shown, numbered, uid

TAG = "kafka-platform"
"""All dashboards have it, and each has a menu of those that do."""
_GRAFANA_COLUMNS = 24
_MOST_NUMBERS = 8
"""Numbers side by side: more could not be read."""
_DATASOURCE = models.DataSourceRef(type_val="prometheus", uid="${datasource}")
_HEIGHTS = {Shape.NUMBER: 5, Shape.LINES: 8, Shape.TABLE: 8}
_RANGE = "now-6h"
_REFRESH = "1m"
"""Metrics are read every half minute."""


@dataclass(frozen=True, kw_only=True)
class Home:
    """Whose dashboards they are."""

    namespace: str
    cluster: str
    pages: Mapping[str, str]
    """Addresses of the pages of alerts, by the names of the alerts."""


def rendered(shown: Shown, home: Home) -> str:
    """The dashboard's JSON."""
    board = shown.board
    made = (
        dashboard.Dashboard(f"{board.title}")
        .uid(uid(home.namespace, home.cluster, board.name))
        .tags([TAG, home.cluster])
        .time(_RANGE, "now")
        .refresh(_REFRESH)
        .timezone("browser")
        .tooltip(models.DashboardCursorSync.CROSSHAIR)
        .variables(_variables(shown, home))
        .link(
            dashboard.DashboardLink("Kafka dashboards")
            .type(models.DashboardLinkType.DASHBOARDS)
            .tags([TAG])
            .as_dropdown(True)
            .include_vars(True)
            .keep_time(True)
        )
    )
    for number, row, panels in numbered(board):
        made.with_row(dashboard.Row(row.title).id(number))
        for each, panel in panels:
            made.with_panel(_panel(panel, home).id(each).span(_span(row)))
    # Keys in their order: an unchanged dashboard is the same text.
    text = json.dumps(made.build(), cls=JSONEncoder, indent=1, sort_keys=True, ensure_ascii=False)
    return f"{text}\n"


def _variables(shown: Shown, home: Home) -> list[Any]:
    label = shown.label
    source = dashboard.DatasourceVariable("datasource").label("Prometheus").type("prometheus")
    if label == CLUSTER_LABEL:
        # Each platform has its own; others can be typed.
        return [source, _fixed("namespace", "Namespace", home.namespace), _fixed(label, "Cluster", home.cluster)]
    return [
        source,
        _asked("namespace", "Namespace", f'label_values(up{{{label}!=""}}, namespace)'),
        _asked(label, label.capitalize(), f'label_values(up{{namespace="$namespace"}}, {label})'),
    ]


def _fixed(name: str, title: str, value: str) -> Any:
    chosen = models.VariableOption(selected=True, text=value, value=value)
    made = dashboard.CustomVariable(name).label(title).values(value).options([chosen]).current(chosen)
    return made.allow_custom_value(True)


def _asked(name: str, title: str, query: str) -> Any:
    return (
        dashboard.QueryVariable(name)
        .label(title)
        .datasource(_DATASOURCE)
        .query(query)
        .refresh(models.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(models.VariableSort.ALPHABETICAL_ASC)
    )


def _span(row: Row) -> int:
    """How many of the 24 columns each panel of a row takes."""
    count = len(row.panels)
    if all(panel.shape is Shape.NUMBER for panel in row.panels):
        lines = math.ceil(count / _MOST_NUMBERS)
        return _GRAFANA_COLUMNS // math.ceil(count / lines)
    return _GRAFANA_COLUMNS // {1: 1, 2: 2, 4: 2}.get(count, 3)


def _panel(panel: Panel, home: Home) -> Any:
    made: Any = {Shape.LINES: _lines, Shape.NUMBER: _number, Shape.TABLE: _table}[panel.shape]()
    made.title(panel.title).description(panel.description).datasource(_DATASOURCE).unit(panel.unit.value)
    made.height(_HEIGHTS[panel.shape]).thresholds(_limits(panel))
    made.links([_page(alert, home.pages[alert]) for alert in panel.alerts if alert in home.pages])
    for place, query in enumerate(panel.queries):
        target = prometheus.Dataquery().ref_id(chr(ord("A") + place)).datasource(_DATASOURCE).expr(query.expression)
        target.legend_format(query.legend or panel.title)
        if panel.shape is Shape.TABLE:
            target.format(PromQueryFormat.TABLE).instant()
        made.with_target(target)
    if panel.shape is Shape.LINES and (panel.bad_from is not None or panel.bad_below is not None):
        drawn = common.GraphThresholdsStyleConfig().mode(words.GraphThresholdsStyleMode.DASHED)
        made.thresholds_style(drawn)
    return made


def _lines() -> Any:
    legend = (
        common.VizLegendOptions()
        .display_mode(words.LegendDisplayMode.LIST)
        .placement(words.LegendPlacement.BOTTOM)
        .show_legend(True)
        .calcs([])
    )
    tooltip = common.VizTooltipOptions().mode(words.TooltipDisplayMode.MULTI).sort(words.SortOrder.DESCENDING)
    return timeseries.Panel().axis_soft_min(0).fill_opacity(10).legend(legend).tooltip(tooltip)


def _number() -> Any:
    last = common.ReduceDataOptions().calcs(["lastNotNull"]).fields("").values(False)
    return (
        stat.Panel()
        .reduce_options(last)
        .graph_mode(words.BigValueGraphMode.AREA)
        .color_mode(words.BigValueColorMode.BACKGROUND)
    )


def _table() -> Any:
    hidden = {"excludeByName": {"Time": True}}
    return table.Panel().with_transformation(models.DataTransformerConfig(id_val="organize", options=hidden))


def _limits(panel: Panel) -> Any:
    """Thresholds: green while all is well, red otherwise."""
    green, red = "green", "red"
    steps: Sequence[tuple[float | None, str]] = [(None, green)]
    if panel.bad_from is not None:
        steps = [(None, green), (panel.bad_from, red)]
    elif panel.bad_below is not None:
        steps = [(None, red), (panel.bad_below, green)]
    made = [models.Threshold(value=value, color=color) for value, color in steps]
    return dashboard.ThresholdsConfig().mode(models.ThresholdsMode.ABSOLUTE).steps(made)


def _page(alert: str, address: str) -> Any:
    link = dashboard.DashboardLink(f"What to do: {alert}").type(models.DashboardLinkType.LINK)
    return link.url(address).target_blank(True)
