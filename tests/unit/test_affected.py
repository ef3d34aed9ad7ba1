"""Which stacks a pull request concerns."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from infra.__main__ import main
from infra.affected import affected, stack_files
from infra.check import ROOT

STACKS: dict[str, list[str]] = {
    "dev": [],
    "staging": ["stacks/topics/shop.yaml"],
    "prod": ["stacks/topics/shop.yaml", "teams/web.yaml", "stacks/charts/keda"],
}


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ([], []),
        (["README.md", "docs/review.md", "tests/unit/test_affected.py", "sandbox/cli.py"], []),
        ([".github/workflows/test.yml", "Makefile", "requirements-dev.txt"], []),
        (["runtime/kafka_platform_runtime/provisioner/run.py"], []),
        (["infra/review/report.py", "infra/check.py"], []),
        (["stacks/Pulumi.dev.yaml"], ["dev"]),
        (["stacks/Pulumi.dev.yaml", "README.md", "stacks/Pulumi.prod.yaml"], ["dev", "prod"]),
        (["stacks/Pulumi.gone.yaml", "stacks/schema.json"], []),
        (["stacks/topics/shop.yaml"], ["prod", "staging"]),
        (["teams/web.yaml"], ["prod"]),
        (["stacks/charts/keda/templates/operator.yaml"], ["prod"]),
        (["stacks/charts/keda-other/values.yaml"], []),
        (["components/kafka_platform/cluster/embedded/files.py"], ["dev", "prod", "staging"]),
        (["infra/settings/model.py"], ["dev", "prod", "staging"]),
        (["requirements.txt"], ["dev", "prod", "staging"]),
        (["__main__.py"], ["dev", "prod", "staging"]),
        (["tests/__main__.py", "docs/components/kafka.md"], []),
        (["policies/PulumiPolicy.yaml"], ["dev", "prod", "staging"]),
        (["infra/rules/network.py"], ["dev", "prod", "staging"]),
        (["infra/reading/kinds.py"], ["dev", "prod", "staging"]),
        (["infra/policies.py"], ["dev", "prod", "staging"]),
    ],
)
def test_affected(changed: list[str], expected: list[str]) -> None:
    assert affected(changed, STACKS) == expected


def test_stack_files_and_what_they_name(tmp_path: Path) -> None:
    for name, topics in (("a", "[topics/shop.yaml, ../teams/./web.yaml]"), ("b", "[]"), ("c", "shop")):
        content = f"config:\n  kafka-platform:platform: {{topicFiles: {topics}}}\n"
        (tmp_path / f"Pulumi.{name}.yaml").write_text(content)
    (tmp_path / "Pulumi.charts.yaml").write_text(
        "config:\n  kafka-platform:platform:\n"
        "    keda: {install: true, source: {chart: ./charts/keda, definitions: ../crds/keda.yaml}}\n"
        "    strimzi: {install: true, source: {chart: 'oci://registry.example.com/strimzi'}}\n"
        "    prometheus: {install: true, source: wrong}\n"
    )
    (tmp_path / "Pulumi.list.yaml").write_text("config:\n  kafka-platform:platform: []\n")
    (tmp_path / "Pulumi.new.yaml").write_text("encryptionsalt: v1:a\n")
    (tmp_path / "Pulumi.broken.yaml").write_text("config: {\n")
    (tmp_path / "Pulumi.$(touch x).yaml").write_text("config: {}\n")
    (tmp_path / "schema.json").write_text("{}")
    assert stack_files(tmp_path) == {
        "a": ["stacks/topics/shop.yaml", "teams/web.yaml"],
        "b": [],
        "broken": [],
        "c": [],
        "charts": ["stacks/charts/keda", "crds/keda.yaml"],
        "list": [],
        "new": [],
    }


def test_since_a_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def git(*arguments: str) -> None:
        identity = ["-c", "user.name=test", "-c", "user.email=test@example.com"]
        subprocess.run(["git", "-C", str(tmp_path), *identity, *arguments], check=True, capture_output=True)

    git("init", "--quiet", "--initial-branch=main")
    (tmp_path / "stacks").mkdir()
    for name in ("one", "two", "three"):
        (tmp_path / "stacks" / f"Pulumi.{name}.yaml").write_text("config: {}\n")
    git("add", "-A")
    git("commit", "--quiet", "-m", "first")
    git("checkout", "--quiet", "-b", "change")
    (tmp_path / "stacks" / "Pulumi.one.yaml").write_text("config: {a: 1}\n")
    git("commit", "--quiet", "-am", "one")
    git("checkout", "--quiet", "main")
    (tmp_path / "stacks" / "Pulumi.two.yaml").write_text("config: {a: 1}\n")
    git("commit", "--quiet", "-am", "two, on main meanwhile")
    git("checkout", "--quiet", "change")
    monkeypatch.setattr("infra.affected.ROOT", tmp_path)
    monkeypatch.setattr("infra.affected.STACKS", tmp_path / "stacks")
    assert main(["affected", "--base", "main"]) == 0
    assert json.loads(capsys.readouterr().out) == ["one"]
    for arguments in (["affected"], ["affected", "--base", "0" * 40]):
        assert main(arguments) == 0
        assert json.loads(capsys.readouterr().out) == ["one", "three", "two"]
    assert main(["affected", "--base=--output=x"]) == 1
    assert capsys.readouterr().err.startswith("--base --output=x: ")
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize("begins", ["infra.program", "infra.policies", "policies.__main__"])
def test_everything_that_renders_or_judges_concerns_every_stack(begins: str) -> None:
    """So that a new module is not forgotten."""
    code = f"import sys, {begins}; print(*(m.__file__ for n, m in sys.modules.items() if n.partition('.')[0] in ('infra', 'kafka_platform', 'policies')))"
    loaded = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    files = {Path(each).relative_to(ROOT).as_posix() for each in loaded.stdout.split()}
    assert f"{begins.replace('.', '/')}.py" in files
    assert [file for file in sorted(files) if affected([file], STACKS) != sorted(STACKS)] == []
