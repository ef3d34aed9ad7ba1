"""Reviews of previews that were recorded from the real engine (`python -m tests.reviews.record`)."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from infra.__main__ import main
from infra.review.changes import read
from infra.review.report import markdown, review
from infra.settings.parsing import parse
from tests.reviews.cases import CASES, STACK, changed, expected, recording


def recorded(case: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(gzip.decompress(recording(case).read_bytes()))
    return content


@pytest.mark.parametrize("case", CASES)
def test_the_review_of_a_recording(case: str) -> None:
    assert markdown(review(STACK, read(recorded(case)))) == expected(case).read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("case", "code"), [("nothing", 0), ("add-topic", 0), ("change-retention", 3), ("delete-tenant", 3)]
)
def test_the_exit_code(case: str, code: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "preview.json"
    file.write_text("warning: a line before the {object}\n" + json.dumps(recorded(case)))
    assert main(["review", STACK, "--preview", str(file)]) == code
    assert capsys.readouterr().out == expected(case).read_text(encoding="utf-8")


def test_changes_are_told_by_the_exit_code_only_when_asked(tmp_path: Path) -> None:
    codes = {}
    for case in ("nothing", "add-topic", "change-retention"):
        file = tmp_path / f"{case}.json"
        file.write_text(json.dumps(recorded(case)))
        codes[case] = main(["review", STACK, "--preview", str(file), "--expect-no-changes"])
    assert codes == {"nothing": 0, "add-topic": 4, "change-retention": 3}


@pytest.mark.parametrize("case", CASES)
def test_the_changes_are_stack_files_that_can_be_deployed(case: str) -> None:
    """So that recording them anew fails for no other reason than the engine's."""
    parse(changed(case))
