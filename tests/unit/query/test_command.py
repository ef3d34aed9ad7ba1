"""`python -m infra query`: pages of rows, bounds, text for terminals, and what it refuses."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from infra.connection import NoAnswerError
from infra.live.forward import Answer
from infra.query.command import UNREACHABLE, WRONG, query
from infra.query.showing import Format, text
from infra.query.statement import Column, LoginError, Result, StatementError, run

STACK = """
config:
  kafka-platform:platform:
    topics: {orders: {}}
    tenants: {shop: {users: {ann: {reads: [orders]}, ben: {reads: [orders]}, eve: {}}}}
    query: {}
"""
NEXT = "https://evil.example.com:8443/v1/statement/executing/20260101_1_2_x/y/1"


class Trino:
    """Answers pages in their order, and notes what it is asked."""

    def __init__(self, *pages: Any) -> None:
        self.pages = list(pages)
        self.asked: list[tuple[str, str]] = []

    def __call__(self, method: str, path: str, body: bytes | None) -> Answer:
        self.asked.append((method, path))
        page = self.pages.pop(0) if method != "DELETE" else {}
        return page if isinstance(page, Answer) else Answer(status=200, body=json.dumps(page).encode())


def asked(trino: Trino, *, most: int = 100, clock: Callable[[], float] = lambda: 0.0) -> Result:
    return run("select 1", trino, most_rows=most, seconds=10, clock=clock)


def page(*rows: list[Any], last: bool = False) -> dict[str, Any]:
    columns = [{"name": "n", "type": "bigint"}]
    return {"columns": columns, "data": list(rows)} | ({} if last else {"nextUri": NEXT})


def test_pages_are_put_together_and_asked_for_in_the_same_pod() -> None:
    trino = Trino({"nextUri": NEXT}, page([1], [2]), page([3], last=True))
    found = asked(trino)
    assert (list(found.rows), found.complete) == ([[1], [2], [3]], True)
    assert trino.asked == [
        ("POST", "/v1/statement"),
        ("GET", "/v1/statement/executing/20260101_1_2_x/y/1"),
        ("GET", "/v1/statement/executing/20260101_1_2_x/y/1"),
    ]


def test_more_rows_than_wanted_cancel_the_query() -> None:
    trino = Trino(page([1], [2], [3]))
    found = asked(trino, most=2)
    assert (list(found.rows), found.complete) == ([[1], [2]], False)
    assert trino.asked[-1][0] == "DELETE"
    found = asked(Trino(page([1], [2], last=True)), most=2)
    assert (list(found.rows), found.complete) == ([[1], [2]], True)
    found = asked(Trino(page([1], [2]), page(last=True)), most=2)
    assert (list(found.rows), found.complete) == ([[1], [2]], True)


def test_a_query_that_takes_too_long_is_cancelled() -> None:
    moments = iter((0.0, 5.0, 11.0))
    trino = Trino(page([1]), page([2]), page([3]))
    with pytest.raises(NoAnswerError, match="the query takes more than 10 s"):
        asked(trino, clock=lambda: next(moments))
    assert trino.asked[-1][0] == "DELETE"


def test_answers_that_are_none() -> None:
    with pytest.raises(StatementError, match="line 1:8: Column 'x' cannot be resolved"):
        asked(Trino({"error": {"message": "line 1:8: Column 'x' cannot be resolved"}}))
    with pytest.raises(LoginError, match="does not take the user's password"):
        asked(Trino(Answer(status=401, body=b"")))
    with pytest.raises(NoAnswerError, match="answers 403 no"):
        asked(Trino(Answer(status=403, body=b"no")))
    with pytest.raises(NoAnswerError, match="is not JSON"):
        asked(Trino(Answer(status=200, body=b"<html>")))
    with pytest.raises(NoAnswerError, match="next page that is none"):
        asked(Trino({"nextUri": "http://x/api/v1/secrets"}))


RESULT = Result(
    columns=[
        Column(name="name", type="varchar"),
        Column(name="n", type="bigint"),
        Column(name="tags", type="array(varchar)"),
    ],
    rows=[["a\x1b[31m\nb", 5, ["x"]], [None, 1234, None]],
    complete=True,
)


def test_a_table_moves_no_cursor() -> None:
    assert text(RESULT, Format.TABLE, terminal=False).splitlines() == [
        f"{'name':11}     n  tags",
        f"{'-' * 11}  ----  -----",
        'a\\x1b[31m b     5  ["x"]',
        f"{'':11}  1234",
    ]
    assert "\x1b" not in text(RESULT, Format.CSV, terminal=True)


def test_programs_get_what_is_there() -> None:
    assert text(RESULT, Format.CSV, terminal=False) == 'name,n,tags\n"a\x1b[31m\nb",5,"[""x""]"\n,1234,\n'
    found = json.loads(text(RESULT, Format.JSON, terminal=True))
    assert found["rows"] == [["a\x1b[31m\nb", 5, ["x"]], [None, 1234, None]]
    assert found["columns"][1] == {"name": "n", "type": "bigint"}
    assert (found["version"], found["complete"]) == (1, True)


@pytest.mark.parametrize(
    ("changed", "given", "message"),
    [
        (("    query: {}\n", ""), {}, "query: missing, so there is no engine to ask: write query: {} and deploy it"),
        (("", ""), {"user": "an"}, "'an' may not query: did you mean 'ann'?"),
        (("", ""), {"user": "ann", "sql": " ; "}, "the statement has 0 characters"),
        (("", ""), {"user": "ann", "sql": "x" * 100_001}, "the statement has 100,001 characters"),
    ],
)
def test_what_cannot_be_asked_is_refused(
    changed: tuple[str, str], given: dict[str, Any], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "Pulumi.x.yaml"
    file.write_text(STACK.replace(*changed) if changed[0] else STACK)
    assert query("x", given.pop("sql", "select 1"), **given, folder=tmp_path, environment={}) == WRONG
    assert message in capsys.readouterr().err


def test_who_asks_has_to_be_said_where_there_are_several(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "Pulumi.x.yaml"
    file.write_text(STACK)
    assert query("x", "select 1", folder=tmp_path, environment={}) == WRONG
    assert "say which one with --as, such as --as ann" in capsys.readouterr().err
    file.write_text(STACK.replace("query: {}", "query: {users: [ben]}"))
    assert query("x", "select 1", folder=tmp_path, environment={"KUBECONFIG": str(tmp_path / "none")}) == UNREACHABLE
