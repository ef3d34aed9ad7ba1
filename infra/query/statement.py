"""A statement that Trino runs: sent once, and its rows fetched page by page, within bounds."""

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

from infra.connection import NoAnswerError
from infra.live.forward import Answer

MOST_BYTES = 64 * 2**20
"""Of all answers to one statement."""
MOST_CHARACTERS = 100_000
"""Of a statement, which Trino does not take longer."""
_PATH = "/v1/statement"
_BUSY = (HTTPStatus.BAD_GATEWAY, HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.GATEWAY_TIMEOUT)
_BUSY_TRIES, _BUSY_PAUSE = 10, 0.3

Ask = Callable[[str, str, bytes | None], Answer]
"""Sends a request: method, path and body. Raises `NoAnswerError`."""


@dataclass(frozen=True, kw_only=True)
class Column:
    """A column of a result."""

    name: str
    type: str


@dataclass(frozen=True, kw_only=True)
class Result:
    """Rows of a statement."""

    columns: Sequence[Column]
    rows: Sequence[Sequence[Any]]
    complete: bool
    """Whether there are no more."""


class StatementError(Exception):
    """Trino refuses the statement, or fails at it; the message is Trino's own."""


class LoginError(Exception):
    """Trino does not take the login."""


def run(sql: str, ask: Ask, *, most_rows: int, seconds: float, clock: Callable[[], float] = time.monotonic) -> Result:
    """The rows of a statement, which is cancelled where it has more or takes longer.

    Args:
        sql: the statement.
        ask: sends a request.
        most_rows: rows after which it is cancelled.
        seconds: after which it is cancelled.
        clock: says how late it is.

    Raises:
        LoginError: the login is wrong.
        NoAnswerError: there is no answer, or it takes too long.
        StatementError: Trino says that it is wrong, forbidden, or failed.
    """
    end = clock() + seconds
    columns: list[Column] = []
    rows: list[Sequence[Any]] = []
    size = 0
    answer = _asked(ask, "POST", _PATH, sql.encode())
    while True:
        size += len(answer.body)
        page = _page(answer)
        if "error" in page:
            raise StatementError(str(page["error"].get("message", "it does not say why")))
        columns = columns or [Column(name=str(one["name"]), type=str(one["type"])) for one in page.get("columns") or ()]
        rows += page.get("data") or ()
        following = page.get("nextUri")
        if len(rows) > most_rows or (len(rows) == most_rows and following is None):
            _cancel(ask, following)
            return Result(columns=columns, rows=rows[:most_rows], complete=len(rows) <= most_rows)
        if following is None:
            return Result(columns=columns, rows=rows, complete=True)
        if clock() > end:
            _cancel(ask, following)
            raise NoAnswerError(f"the query takes more than {seconds:.0f} s: ask for less, or give it more --seconds")
        if size > MOST_BYTES:
            _cancel(ask, following)
            raise NoAnswerError(f"the rows have more than {MOST_BYTES:,} bytes: ask for less")
        answer = _asked(ask, "GET", _following(following), None)


def _asked(ask: Ask, method: str, path: str, body: bytes | None) -> Answer:
    """An answer; what is too busy is asked again, except for the statement itself, which might then run twice."""
    for _ in range(_BUSY_TRIES if body is None else 1):
        answer = ask(method, path, body)
        if answer.status not in _BUSY:
            break
        time.sleep(_BUSY_PAUSE)
    return answer


def _page(answer: Answer) -> dict[str, Any]:
    if answer.status == HTTPStatus.UNAUTHORIZED:
        raise LoginError("the query engine does not take the user's password: it takes a new one up within two minutes")
    if answer.status != HTTPStatus.OK:
        raise NoAnswerError(f"the query engine answers {answer.status} {answer.body[:200].decode(errors='replace')}")
    try:
        page = json.loads(answer.body)
    except ValueError:
        page = None
    if not isinstance(page, dict):
        raise NoAnswerError("the query engine's answer is not JSON")
    return page


def _following(url: Any) -> str:
    """The path of the next page, which is asked for in the same pod, whatever host the answer names."""
    parts = urlsplit(str(url))
    if not parts.path.startswith(f"{_PATH}/"):
        raise NoAnswerError("the query engine names a next page that is none")
    return parts.path + (f"?{parts.query}" if parts.query else "")


def _cancel(ask: Ask, following: Any) -> None:
    if following is not None:
        ask("DELETE", _following(following), None)
