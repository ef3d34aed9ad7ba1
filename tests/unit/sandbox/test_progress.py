"""What is shown while a long step goes on."""

import sys
import time
from pathlib import Path

import pytest

from sandbox import progress
from sandbox.build import Compilation


def test_a_log_says_again_and_again_how_far_a_step_is(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "FIRST_SECONDS", 0.05)
    monkeypatch.setattr(progress, "AGAIN_SECONDS", 0.05)
    told: list[str] = []

    def far() -> str:
        told.append(f"{len(told) + 1} of 9 packages")
        return told[-1]

    with progress.step("compiling it", "compiled", far):
        until = time.monotonic() + 240
        while len(told) < 3 and time.monotonic() < until:
            time.sleep(0.01)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split("  ")[0] for line in lines][:1] == ["sandbox"]
    assert "compiling it: 1 of 9 packages" in lines[0]
    assert "compiling it: 3 of 9 packages" in lines[2]
    assert "compiled" in lines[-1]


def test_a_terminal_has_one_line_no_wider_than_it_is(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    monkeypatch.setenv("COLUMNS", "40")
    with progress.step("x" * 200):
        time.sleep(1.2)
    shown = capsys.readouterr().out
    assert "\n" not in shown.rpartition("\r")[0]
    assert max(len(each.removeprefix("\x1b[K")) for each in shown.split("\r")[:-1]) <= 39


def test_a_compilation_counts_the_packages_of_its_program(tmp_path: Path) -> None:
    log = tmp_path / "log"
    compilation = Compilation(log)
    assert compilation.far() == "fetching its modules"
    log.write_text("internal/abi\n")
    compilation.begin("keda", 2130)
    with log.open("a") as more:
        more.write("go: downloading k8s.io/api v0.34.2\nk8s.io/api/core/v1\ngopkg.in/yaml.v3\n# a warning\n")
    assert compilation.far() == "keda, 2 of 2,130 packages"
