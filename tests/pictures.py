"""Draws a dashboard from what Prometheus answered, roughly as Grafana does: for pages that cannot show Grafana itself."""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("svg")

from matplotlib import dates, pyplot

MOST_LINES = 8
"""Lines of one panel; the rest is left out."""
_ROW_INCHES, _COLUMN_INCHES = 0.32, 0.6
_UNITS = {"s": (1, "s"), "Bps": (1 / 1024, "KiB/s"), "bytes": (1 / 1024**2, "MiB"), "percentunit": (100, "%")}


def draw(board: Mapping[str, Any], values: Mapping[str, Sequence[Mapping[str, Any]]], file: Path) -> None:
    """Writes an SVG; `values` are the answers to the queries of its panels."""
    panels = [each for each in board["panels"] if each["type"] != "row"]
    bottom = max(each["gridPos"]["y"] + each["gridPos"]["h"] for each in board["panels"])
    figure = pyplot.figure(figsize=(24 * _COLUMN_INCHES, bottom * _ROW_INCHES), layout=None)
    figure.suptitle(board["title"], x=0.01, ha="left", fontsize=13, y=0.995)
    for panel in panels:
        at = panel["gridPos"]
        place = (
            at["x"] / 24 + 0.035,
            1 - (at["y"] + at["h"] - 0.9) / bottom,
            at["w"] / 24 - 0.045,
            (at["h"] - 2.6) / bottom,
        )
        axes = figure.add_axes(place)
        axes.set_title(panel["title"], fontsize=9, loc="left")
        _show(axes, panel, values)
    file.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(file, metadata={"Date": None})
    pyplot.close(figure)


def _show(axes: Any, panel: Mapping[str, Any], values: Mapping[str, Sequence[Mapping[str, Any]]]) -> None:
    unit = panel.get("fieldConfig", {}).get("defaults", {}).get("unit", "")
    factor, shown = _UNITS.get(unit, (1, unit if unit not in ("short", "none") else ""))
    found = [
        (_legend(target.get("legendFormat", ""), series["metric"]), series["values"])
        for target in panel["targets"]
        for series in values[target["expr"]]
    ]
    if panel["type"] == "timeseries":
        for legend, points in found[:MOST_LINES]:
            times = [datetime.fromtimestamp(float(time)) for time, _ in points]
            axes.plot(times, [float(value) * factor for _, value in points], linewidth=1, label=legend)
        axes.set_ylim(bottom=0)
        axes.xaxis.set_major_formatter(dates.DateFormatter("%H:%M"))  # type: ignore[no-untyped-call]
        axes.tick_params(labelsize=7)
        axes.set_ylabel(shown, fontsize=7)
        axes.grid(alpha=0.3)
        if found:
            axes.legend(fontsize=6, loc="upper left", ncols=2)
        return
    axes.axis("off")
    numbers = [float(points[-1][1]) * factor for _, points in found]
    text = ", ".join(f"{each:.3g}" for each in numbers[:3]) or "no data"
    axes.text(0.5, 0.45, f"{text} {shown}".strip(), ha="center", va="center", fontsize=16, color="tab:green")


def _legend(pattern: str, labels: Mapping[str, str]) -> str:
    return re.sub(r"\{\{(\w+)\}\}", lambda found: labels.get(found[1], ""), pattern)
