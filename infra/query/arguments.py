"""The words of `python -m infra query` after the name of the stack."""

import argparse
import sys

from infra.query.command import LEAST_SECONDS, MOST_ROWS, MOST_SECONDS, ROWS, SECONDS, query
from infra.query.showing import Format
from infra.query.statement import MOST_CHARACTERS

SUMMARY = "ask a platform that runs in SQL, as one of its users"
EXAMPLES = "prod 'select count(*) from orders' --as analyst\nprod --as analyst --format csv - < report.sql"
CODES = "exit codes: 0 answered; 1 it was refused or failed; 2 wrong stack file or usage; 3 the cluster cannot be asked"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds them, and what is done with them."""
    parser.add_argument("sql", metavar="SQL", help="one statement; - is standard input")
    parser.add_argument("--as", dest="user", metavar="USER", help="who asks; default: the only user who may")
    forms = [each.value for each in Format]
    parser.add_argument("--format", choices=forms, default=Format.TABLE.value, help="default: %(default)s")
    parser.add_argument(
        "--rows", type=_rows, default=ROWS, metavar="NUMBER", help="rows to print; default: %(default)s"
    )
    parser.add_argument(
        "--seconds",
        type=_seconds,
        default=SECONDS,
        metavar="SECONDS",
        help="how long it may take; default: %(default)g",
    )
    parser.set_defaults(run=_run)


def _run(chosen: argparse.Namespace) -> int:
    sql = sys.stdin.read(MOST_CHARACTERS + 1) if chosen.sql == "-" else chosen.sql
    form = Format(chosen.format)
    return query(chosen.stack, sql, user=chosen.user, form=form, rows=chosen.rows, seconds=chosen.seconds)


def _rows(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= MOST_ROWS:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of rows from 1 to {MOST_ROWS:,}")
    return int(text)


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not LEAST_SECONDS <= value <= MOST_SECONDS:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a number of seconds from {LEAST_SECONDS:g} to {MOST_SECONDS:g}"
        )
    return value
