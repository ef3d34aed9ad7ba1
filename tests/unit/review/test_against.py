"""`--against`: two checkouts rendered without an engine."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from infra.__main__ import main
from infra.check import ROOT
from infra.review import command

STACK = """\
config:
  kafka-platform:platform:
    kafka: {nodes: 3}
    topics:
      orders: {retention: 30d}
"""


def git(folder: Path, *arguments: str) -> None:
    identity = ["-c", "user.name=test", "-c", "user.email=test@example.com"]
    subprocess.run(["git", "-C", str(folder), *identity, *arguments], check=True, capture_output=True)


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with this program and a stack in one commit, and the stack changed in the working tree."""
    folder = tmp_path_factory.mktemp("repository")
    for name in ("infra", "components", "__main__.py", "Pulumi.yaml"):
        source, target = ROOT / name, folder / name
        subprocess.run(["cp", "-r", str(source), str(target)], check=True)
    (folder / "stacks").mkdir()
    (folder / "stacks" / "Pulumi.prod.yaml").write_text(STACK)
    # What building a package leaves beside the sources is in no repository.
    shutil.copy(ROOT / ".gitignore", folder)
    git(folder, "init", "--quiet")
    git(folder, "add", "-A")
    git(folder, "commit", "--quiet", "-m", "first")
    git(folder, "tag", "v1")
    changed = STACK.replace("30d", "7d").replace("nodes: 3", "nodes: 4")
    (folder / "stacks" / "Pulumi.prod.yaml").write_text(changed)
    (folder / "stacks" / "Pulumi.new.yaml").write_text(STACK)
    return folder


@pytest.fixture
def here(repository: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(command, "ROOT", repository)
    return repository


def test_settings_of_two_commits(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["review", "prod", "--against", "v1"]) == 3
    shown = capsys.readouterr().out
    assert "- :warning: topic `orders`: retention 30d -> 7d: records older than 7d become deletable" in shown
    assert "- brokers `kafka`: 3 -> 4: +110m CPU" in shown
    assert shown.rstrip().endswith("Compared with `v1` as rendered, without looking at what is deployed.</sub>")


def test_code_of_two_commits(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What renders differently is seen although the settings are the same."""
    git(here, "stash", "push", "--quiet", "stacks/Pulumi.prod.yaml")
    module = here / "components" / "kafka_platform" / "kube" / "manifests.py"
    text = module.read_text()
    try:
        module.write_text(re.sub(r'"maxUnavailable": 1\b', '"maxUnavailable": 2', text))
        assert main(["review", "prod", "--against", "v1"]) == 0
        assert "- PodDisruptionBudget `kafka`: updated: `spec.maxUnavailable`" in capsys.readouterr().out
    finally:
        module.write_text(text)
        git(here, "stash", "pop", "--quiet")


def test_a_stack_that_is_new(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["review", "new", "--against", "v1"]) == 0
    assert "- topic `orders`: new: 1 partition, 3 replicas, retention 30d" in capsys.readouterr().out


def test_mistakes(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["review", "prod", "--against", "v2"]) == 1
    assert "review of prod: --against v2: " in capsys.readouterr().err
    file = here / "stacks" / "Pulumi.new.yaml"
    file.write_text(STACK.replace("kafka:", "kafkka:"))
    try:
        assert main(["review", "new", "--against", "v1"]) == 1
        assert "stack new of the working tree" in capsys.readouterr().err
    finally:
        file.write_text(STACK)
    assert main(["review", "nowhere", "--against", "v1"]) == 1
    assert "has no file Pulumi.nowhere.yaml" in capsys.readouterr().err


def test_an_option_is_no_ref(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["review", "prod", "--against", "--output=/tmp/x"])
    assert main(["review", "prod", "--against=--output=x"]) == 1
    assert not (here / "x").exists()
    assert not Path("x").exists()
