"""The probe of a drill as a process: its lines, its end, and what is left of it."""

import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from infra.drill.probing import ProbeError, Probing
from infra.settings.parsing import parse


def kubectl(folder: Path, script: str) -> Mapping[str, str]:
    """The environment with a kubectl that does this."""
    file = folder / "kubectl"
    file.write_text(f"#!/bin/sh\n{script}\n")
    file.chmod(0o755)
    return {**os.environ, "PATH": f"{folder}:{os.environ['PATH']}"}


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    return tmp_path


def probing(folder: Path, script: str) -> Probing:
    return Probing(parse({"probe": {}}), 60.0, kubectl(folder, script))


def test_it_runs_until_its_input_ends(path: Path) -> None:
    script = """echo "   0.1s  native: a line of its log"; echo '{"drill": "begun"}'; cat; echo '{"drill": "done", "writes": []}'"""
    found = probing(path, script)
    found.begin()
    assert found.finish() == {"drill": "done", "writes": []}
    found.stop()
    assert found._process.returncode == 0


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("""echo '{"drill": "failed", "why": "login refused: password=hunter2"}'""", r"records do not get through: .*\[hidden\]"),
        ("echo 'error: deployments.apps \"latency-probe\" not found' >&2; exit 1", "the probe has ended: error: deployments.apps"),
        ("echo '{\"broken'; exit 1", "the probe has ended"),
    ],
)  # fmt: skip
def test_it_says_why_it_did_not_begin(path: Path, script: str, said: str) -> None:
    found = probing(path, script)
    with pytest.raises(ProbeError, match=said):
        found.begin()
    found.stop()


def test_nothing_is_left_of_one_that_hangs(path: Path) -> None:
    found = probing(path, "trap '' TERM; exec sleep 600")
    found.stop()
    assert found._process.returncode is not None


def test_without_kubectl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ProbeError, match="kubectl is not on the PATH"):
        Probing(parse({"probe": {}}), 60.0, {"PATH": str(tmp_path)})
