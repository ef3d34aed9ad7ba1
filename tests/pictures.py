"""Draws a dashboard from what Prometheus answered, roughly as Grafana does: for pages that cannot show Grafana itself."""

import math
import re
import textwrap
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("svg")

from matplotlib import dates, patches, pyplot, ticker

MOST_LINES = 8
"""Lines of one panel; the rest is left out."""
_MOST_TIMES = 5
"""Times that are written below a panel."""
MOST_ROWS = 9
"""Rows of a table that are drawn."""
_COLUMNS, _INCHES, _ROW_INCHES = 24, 13.5, 0.34
_HOW = "drawn from the results of a real Prometheus in the sandbox, not by Grafana"
_LETTER_INCHES = 0.082
"""Width of a letter of a panel's title."""
_TOP = 1.6
"""Height of the title, in Grafana's rows."""
_BINARY, _DECIMAL = ("", "Ki", "Mi", "Gi", "Ti"), ("", "k", "M", "G", "T")
_SUFFIXES = {"bytes": "B", "binBps": "B/s", "cps": "/s", "reqps": "/s"}
_GREEN, _RED, _GREY = "#37872d", "#c4162a", "#d0d4da"
_STYLE: Any = {"font.size": 8.0, "svg.fonttype": "none", "svg.hashsalt": "kafka-platform", "axes.edgecolor": _GREY}

Series = tuple[str, Sequence[tuple[float, float]]]
"""A line's legend, and its times and values."""


def draw(board: Mapping[str, Any], values: Mapping[str, Sequence[Mapping[str, Any]]], file: Path) -> None:
    """Writes a picture; `values` are the answers to the queries of its panels."""
    bottom = max(each["gridPos"]["y"] + each["gridPos"]["h"] for each in board["panels"]) + _TOP
    with matplotlib.rc_context(_STYLE):
        figure = pyplot.figure(figsize=(_INCHES, bottom * _ROW_INCHES))
        figure.text(0.006, 1 - 0.75 / bottom, board["title"], fontsize=14, weight="bold", va="center")
        figure.text(0.994, 1 - 0.75 / bottom, _HOW, fontsize=7, color="#6b7280", va="center", ha="right")
        for panel in board["panels"]:
            at = panel["gridPos"]
            top = 1 - (at["y"] + _TOP) / bottom
            if panel["type"] == "row":
                figure.text(0.006, top - 0.5 / bottom, panel["title"], fontsize=10, weight="bold", va="center")
                continue
            box = (at["x"] / _COLUMNS, top - at["h"] / bottom, at["w"] / _COLUMNS, at["h"] / bottom)
            _panel(figure, box, panel, _found(panel, values))
        file.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(file, metadata={"Date": None} if file.suffix == ".svg" else None)
        pyplot.close(figure)


def _found(panel: Mapping[str, Any], values: Mapping[str, Sequence[Mapping[str, Any]]]) -> list[Series]:
    return [
        (
            _legend(target.get("legendFormat", ""), series["metric"]),
            [(float(time), float(value)) for time, value in series["values"]],
        )
        for target in panel["targets"]
        for series in values[target["expr"]]
    ]


def _legend(pattern: str, labels: Mapping[str, str]) -> str:
    return re.sub(r"\{\{(\w+)\}\}", lambda label: labels.get(label[1], ""), pattern)


def _panel(figure: Any, box: tuple[float, float, float, float], panel: Mapping[str, Any], found: list[Series]) -> None:
    """Its frame and title, and what is in it."""
    wide, high = figure.get_size_inches()
    x, y, width, height = box
    gap = (0.05 / wide, 0.05 / high)
    frame = patches.Rectangle(
        (x + gap[0], y + gap[1]), width - 2 * gap[0], height - 2 * gap[1], facecolor="white", edgecolor=_GREY, zorder=-1
    )
    figure.add_artist(frame)
    title = textwrap.fill(panel["title"], int(width * wide / _LETTER_INCHES))
    figure.text(x + 0.12 / wide, y + height - 0.1 / high, title, weight="bold", fontsize=8, va="top")
    unit = panel.get("fieldConfig", {}).get("defaults", {}).get("unit", "")
    steps = panel["fieldConfig"]["defaults"]["thresholds"]["steps"]
    rows = 2 if panel["type"] == "timeseries" and len(found) > 2 else 1
    below = 0.3 + 0.17 * rows if panel["type"] == "timeseries" else 0.1
    left = 0.65 if panel["type"] == "timeseries" else 0.12
    axes = figure.add_axes(
        (
            x + left / wide,
            y + below / high,
            width - (left + 0.15) / wide,
            height - (below + 0.3 + 0.13 * title.count("\n")) / high,
        )
    )
    if panel["type"] == "timeseries":
        _lines(axes, found[:MOST_LINES], unit, steps, rows)
    elif panel["type"] == "table":
        _table(axes, found, unit)
    else:
        _number(axes, found, unit, steps)


def _lines(axes: Any, found: list[Series], unit: str, steps: Sequence[Mapping[str, Any]], rows: int) -> None:
    highest = max((value for _, points in found for _, value in points if math.isfinite(value)), default=0.0)
    for legend, points in found:
        times = [datetime.fromtimestamp(time, UTC) for time, _ in points]
        # What begins with _ is left out of legends.
        axes.plot(times, [value for _, value in points], linewidth=1.2, label=f"\u2009{legend}")
    seen = [time for _, points in found for time, _ in points]
    if not seen:
        axes.axis("off")
        axes.text(0.45, 0.5, "No data", ha="center", va="center", color="#6b7280", transform=axes.transAxes)
        return
    axes.set_xlim(*(datetime.fromtimestamp(time, UTC) for time in (min(seen), max(seen))))
    axes.set_ylim(bottom=0, top=highest * 1.15 or 1)
    limit = steps[1]["value"] if len(steps) > 1 else None
    if limit is not None and limit <= highest * 1.15:
        axes.axhline(limit, color=_RED, linewidth=1, linestyle="--")
    minutes = max(1, round((max(seen) - min(seen)) / 60 / _MOST_TIMES))
    axes.xaxis.set_major_locator(dates.MinuteLocator(interval=minutes))  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_formatter(dates.DateFormatter("%H:%M"))  # type: ignore[no-untyped-call]
    axes.yaxis.set_major_locator(_locator(highest, unit))
    axes.yaxis.set_major_formatter(lambda value, _: shown(value, unit))
    axes.tick_params(labelsize=7, length=0)
    axes.grid(alpha=0.35)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    axes.legend(
        fontsize=6.5,
        loc="upper left",
        bbox_to_anchor=(-0.04, -0.1),
        ncols=max(1, math.ceil(len(found) / rows)),
        frameon=False,
        handlelength=1,
        columnspacing=1,
        borderaxespad=0.6,
    )


def _locator(highest: float, unit: str) -> ticker.Locator:
    """Four round values: powers of two of bytes."""
    if unit in ("bytes", "binBps") and highest > 0:
        return ticker.MultipleLocator(2.0 ** math.ceil(math.log2(highest / 4)))
    return ticker.MaxNLocator(4)


def _table(axes: Any, found: list[Series], unit: str) -> None:
    axes.axis("off")
    for place, (legend, points) in enumerate(found[:MOST_ROWS]):
        height = 1 - (place + 0.5) / MOST_ROWS
        axes.text(0, height, legend, va="center", fontsize=7.5)
        axes.text(1, height, shown(points[-1][1], unit), va="center", ha="right", fontsize=7.5)


def _number(axes: Any, found: list[Series], unit: str, steps: Sequence[Mapping[str, Any]]) -> None:
    axes.set_xticks([])
    axes.set_yticks([])
    for side in axes.spines.values():
        side.set_visible(False)
    last = [points[-1][1] for _, points in found]
    colors = [
        next((each["color"] for each in reversed(steps) if each["value"] is None or value >= each["value"]), "green")
        for value in last
    ]
    axes.set_facecolor(_RED if "red" in colors else _GREEN)
    text = "\n".join(shown(value, unit) for value in last[:3]) or "no data"
    axes.text(
        0.5, 0.5, text, ha="center", va="center", fontsize=17, color="white", weight="bold", transform=axes.transAxes
    )


def shown(value: float, unit: str) -> str:
    """A value as Grafana writes it."""
    if not math.isfinite(value):
        return "-"
    if unit == "percentunit":
        return f"{value * 100:.3g}%" if abs(value) < 10 else f"{value * 100:,.0f}%"
    if unit in ("s", "ms"):
        return _lasting(value / 1000 if unit == "ms" else value)
    if unit == "d":
        return f"{value:.3g} d"
    base, prefixes = (1024.0, _BINARY) if unit in ("bytes", "binBps") else (1000.0, _DECIMAL)
    power = 0
    while abs(value) >= base and power < len(prefixes) - 1:
        value, power = value / base, power + 1
    return f"{value:.3g} {prefixes[power]}{_SUFFIXES.get(unit, '')}".strip()


def _lasting(seconds: float) -> str:
    for size, name in ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s")):
        if abs(seconds) >= size:
            return f"{seconds / size:.3g} {name}"
    return f"{seconds * 1000:.3g} ms" if seconds else "0"
