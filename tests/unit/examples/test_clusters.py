"""Stack files for the kinds of clusters that people have: each passes `check`, and has a page that says what differs there."""

import re
from pathlib import Path

import pytest

from infra.check import ROOT, check

EXAMPLES = sorted((ROOT / "examples" / "clusters").glob("*.yaml"))
PAGES = ROOT / "docs" / "clusters"
ROWS = ("Storage class", "Load balancers", "Identity", "Network policies", "Priority")
KINDS = ["aks", "docker-desktop", "eks", "gke", "k3s", "kind", "minikube", "openshift"]


def test_each_kind_has_a_stack_and_a_page() -> None:
    assert [each.stem for each in EXAMPLES] == KINDS
    assert sorted(each.stem for each in PAGES.glob("*.md") if each.stem != "README") == KINDS


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: file.stem)
def test_the_stack_passes_check(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert check([str(file)]) == 0
    assert ": ok: " in capsys.readouterr().out


@pytest.mark.parametrize("kind", KINDS)
def test_the_page_says_what_differs_and_what_was_run(kind: str) -> None:
    page = (PAGES / f"{kind}.md").read_text(encoding="utf-8")
    for row in ROWS:
        assert re.search(rf"^\| {row}", page, re.MULTILINE), row
    assert "## What was run\n" in page
    assert f"(../../examples/clusters/{kind}.yaml)" in page
    assert f"({kind}.md)" in (PAGES / "README.md").read_text(encoding="utf-8")
