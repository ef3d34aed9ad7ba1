"""`python -m infra dashboards`: the dashboards of a stack as files."""

import json
from pathlib import Path

import pytest

from infra.__main__ import main


def test_each_dashboard_is_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["dashboards", "prod", "--to", str(tmp_path / "boards")]) == 0
    written = sorted((tmp_path / "boards").iterdir())
    assert sorted(capsys.readouterr().out.split()) == [str(each) for each in written]
    assert {json.loads(each.read_text(encoding="utf-8"))["title"] for each in written} >= {
        "Kafka platform",
        "Kafka brokers",
        "HTTP gateway",
        "Latency and losses",
    }


def test_a_stack_that_nobody_watches_has_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["dashboards", "dev", "--to", str(tmp_path)]) == 1
    shown = "Pulumi.dev.yaml: prometheus: missing, so nothing is watched: write prometheus: {}\n"
    assert capsys.readouterr().out == shown
    assert not list(tmp_path.iterdir())


def test_a_file_that_is_not_there_is_said_to_be_missing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["dashboards", "nowhere", "--to", str(tmp_path)]) == 1
    assert capsys.readouterr().out.startswith("Pulumi.nowhere.yaml: ")
