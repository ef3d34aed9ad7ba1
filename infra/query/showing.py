"""A result as text."""

import csv
import io
import json
from collections.abc import Callable
from enum import StrEnum
from typing import Any

from infra.live.text import shown
from infra.query.statement import Result

VERSION = 1
"""Of the JSON: raised if a key is removed."""
_WIDEST = 80
_NUMBERS = frozenset({"bigint", "integer", "smallint", "tinyint", "double", "real"})


class Format(StrEnum):
    """How rows are printed."""

    TABLE = "table"
    CSV = "csv"
    JSON = "json"


def text(result: Result, form: Format, *, terminal: bool) -> str:
    """The rows; what could move a terminal's cursor is only left in where the text goes elsewhere."""
    return _FORMS[form](result, terminal)


def _table(result: Result, terminal: bool) -> str:
    names = [shown(each.name, _WIDEST) for each in result.columns]
    right = [each.type in _NUMBERS or each.type.startswith("decimal") for each in result.columns]
    rows = [[shown(_plain(cell), _WIDEST) for cell in row] for row in result.rows]
    widths = [max(len(cell) for cell in column) for column in zip(names, *rows, strict=True)]

    def line(cells: list[str]) -> str:
        found = (
            cell.rjust(width) if is_right else cell.ljust(width)
            for cell, width, is_right in zip(cells, widths, right, strict=True)
        )
        return "  ".join(found).rstrip()

    ruled = "  ".join("-" * width for width in widths)
    return "".join(f"{each}\n" for each in (line(names), ruled, *map(line, rows))) if names else ""


def _csv(result: Result, terminal: bool) -> str:
    cell: Callable[[Any], str] = (lambda value: shown(_plain(value))) if terminal else _plain
    target = io.StringIO()
    writer = csv.writer(target, lineterminator="\n")
    writer.writerow(cell(each.name) for each in result.columns)
    writer.writerows([cell(each) for each in row] for row in result.rows)
    return target.getvalue()


def _json(result: Result, terminal: bool) -> str:
    columns = [{"name": each.name, "type": each.type} for each in result.columns]
    found = {"version": VERSION, "complete": result.complete, "columns": columns, "rows": list(result.rows)}
    return f"{json.dumps(found, indent=2)}\n"


def _plain(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value)


_FORMS: dict[Format, Callable[[Result, bool], str]] = {Format.TABLE: _table, Format.CSV: _csv, Format.JSON: _json}
