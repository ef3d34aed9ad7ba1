"""What changes of stream jobs mean, with the ConfigMaps as they are rendered."""

from typing import Any

import pytest
from kafka_platform.streams.objects import config_map

from tests.unit.review.objects import change, said
from tests.unit.streams import test_programs as programs
from tests.unit.streams.test_objects import SQL, TABLES, settings

OTHER = SQL.replace("it-s.sums", "unused").replace("id, COUNT(*)", "id")
MORE = f"{SQL}; {OTHER}"


def rendered(**changes: Any) -> dict[str, Any]:
    found: dict[str, Any] = config_map(settings(**changes))
    return found


@pytest.mark.parametrize(
    ("old", "new", "section", "line"),
    [
        (
            {},
            {"sql": SQL.replace("COUNT(*)", "COUNT(id)")},
            "Other",
            "stream job `minutes`: changes: stops with a savepoint and starts from it; the former job comes back if it does not fit",
        ),
        (
            {},
            {"slots": 4},
            "Other",
            "stream job `minutes`: 1 -> 4 parts: stops with a savepoint and starts from it; the former job comes back if it does not fit",
        ),
        (
            {},
            {"sql": SQL.replace("FROM orders", "FROM unused")},
            "Data at risk",
            "! stream job `minutes`: changes, and reads `unused`, before: `orders`: this rarely fits its state; the former job comes back if "
            "it does not; raise `version` to start without state",
        ),
        (
            {},
            {"version": 2},
            "Data at risk",
            "! stream job `minutes`: starts without state: what it knows of open windows and joins is left out, and it begins at the oldest "
            "records, so that results come again; its last savepoint stays",
        ),
        (
            {},
            {"version": 2, "start": "committed"},
            "Data at risk",
            "! stream job `minutes`: starts without state: what it knows of open windows and joins is left out, and it begins where it has "
            "committed; its last savepoint stays",
        ),
        ({}, {"sql": MORE}, "Access", "! stream job `minutes`: its results now also go to `unused`"),
        ({"sql": MORE}, {}, "Data at risk", "! stream job `minutes`: its results no longer go to `unused`"),
        (
            {"savepoints": 20},
            {"savepoints": 2},
            "Data at risk",
            "! stream job `minutes`: savepoints of 2 former jobs stay, before: 20; older ones are removed",
        ),
        (
            {},
            {"savepoints": 2},
            "Data at risk",
            "! stream job `minutes`: savepoints of 2 former jobs stay, before: all; older ones are removed",
        ),
        (None, {}, "Other", "stream job `minutes`: new: reads `orders`, writes `it-s.sums`"),
        (
            {},
            None,
            "Data at risk",
            "! stream job `minutes`: removed: results no longer come to `it-s.sums`; its last checkpoint stays below streams/minutes/ in "
            "the store, and the same job in the file again goes on from there",
        ),
    ],
)
def test_what_a_change_means(old: dict[str, Any] | None, new: dict[str, Any] | None, section: str, line: str) -> None:
    sides = [None if each is None else rendered(**each) for each in (old, new)]
    found = said(change("ConfigMap", sides[0], sides[1]))
    assert line in next(lines for title, lines in found.items() if title.startswith(section)), found


@pytest.mark.parametrize(
    ("new", "section", "line"),
    [
        (
            {"arguments": []},
            "Other",
            "stream job `totals`: changes: stops with a savepoint and starts from it; the former job comes back if it does not fit",
        ),
        (
            {"image": "ghcr.io/acme/totals:2"},
            "Other",
            "stream job `totals`: image `ghcr.io/acme/totals:1` -> `ghcr.io/acme/totals:2`: stops with a savepoint, and starts from it in other "
            "pods; if it does not fit, none runs until the change is taken back",
        ),
        (
            {"slots": 2},
            "Other",
            "stream job `totals`: 1 -> 2 parts: stops with a savepoint and starts from it; the former job comes back if it does not fit",
        ),
        ({"writes": ["totals", "private"]}, "Access", "! stream job `totals`: its results now also go to `private`"),
        (
            {"version": 2},
            "Data at risk",
            "! stream job `totals`: starts without state: what it knows of open windows and joins is left out, and it begins where its program "
            "says; its last savepoint stays",
        ),
    ],
)
def test_what_a_change_of_a_program_means(new: dict[str, Any], section: str, line: str) -> None:
    sides = [config_map(programs.settings(**each)) for each in ({}, new)]
    found = said(change("ConfigMap", sides[0], sides[1]))
    assert line in next(lines for title, lines in found.items() if title.startswith(section)), found


@pytest.mark.parametrize("changes", [{"resources": {"memory": "2Gi"}}, {"tables": TABLES}])
def test_what_is_no_other_job_is_not_said(changes: dict[str, Any]) -> None:
    assert "stream job" not in str(said(change("ConfigMap", rendered(), rendered(**changes))))


@pytest.mark.parametrize("content", ["", "SELECT 1", "CREATE TABLE `a` ("])
def test_a_file_of_somebody_else_is_no_job(content: str) -> None:
    found = said(change("ConfigMap", None, {"metadata": {"name": "x"}, "data": {"job.sql": content}}))
    assert "stream job" not in str(found)
