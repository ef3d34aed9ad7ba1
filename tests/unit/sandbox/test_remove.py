"""Removing a sandbox's folder."""

import shutil
from pathlib import Path

import pytest

from sandbox import remove
from sandbox.host import SandboxError


def test_a_program_that_still_writes_there_is_told_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    state = tmp_path / ".sandbox"
    (state / "pulumi").mkdir(parents=True)
    (state / "instance.json").touch()
    really = shutil.rmtree

    def written_meanwhile(path: Path) -> None:
        really(path)
        (state / "pulumi" / "logs").mkdir(parents=True)

    monkeypatch.setattr(shutil, "rmtree", written_meanwhile)
    with pytest.raises(SandboxError, match=r"something still writes there \(pulumi\).*`make down` again"):
        remove.everything(None, state)
    monkeypatch.undo()
    (state / "lock").touch()
    remove.everything(None, state)
    assert not state.exists()
