"""`python -m infra probe`: what it runs, and what it says where there is nothing to run."""

from pathlib import Path

import pytest

from infra.probe import command, probe
from infra.settings.parsing import parse


def test_it_runs_in_the_pod_of_the_probe_by_the_kubernetes_api() -> None:
    settings = parse({"namespace": "events", "kubernetes": {"context": "kind-dev"}, "probe": {}})
    assert command(settings) == [
        "kubectl", "--context", "kind-dev", "-n", "events", "exec", "deployment/latency-probe", "--",
        "python3", "-m", "kafka_platform_runtime.probe", "--once", "--table",
    ]  # fmt: skip


def test_the_kubeconfig_of_the_stack(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/somebody")
    settings = parse({"kubernetes": {"kubeconfig": "~/.kube/dev"}, "probe": {}})
    assert command(settings)[:3] == ["kubectl", "--kubeconfig", "/home/somebody/.kube/dev"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, content in (("without", "{}"), ("broken", "{prob: {}}"), ("with", "{probe: {}}")):
        text = f"config:\n  kafka-platform:platform: {content}\n"
        (tmp_path / f"Pulumi.{name}.yaml").write_text(text)
    return tmp_path


@pytest.mark.parametrize(
    ("stack", "said"),
    [
        ("without", "Pulumi.without.yaml: probe: missing, so there is no pod that could send any: write probe: {}"),
        ("broken", "Pulumi.broken.yaml: prob: unknown key: did you mean 'probe'?"),
        ("nobody", "Pulumi.nobody.yaml: "),
    ],
)
def test_it_says_why_there_is_nothing_to_run(
    folder: Path, stack: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert probe(stack, folder) == 1
    assert capsys.readouterr().out.startswith(said)


def test_the_exit_code_is_that_of_the_probe(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kubectl = folder / "kubectl"
    kubectl.write_text("#!/bin/sh\nexit 7\n")
    kubectl.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))
    (folder / "config").touch()
    environment = {"PATH": str(folder), "KUBECONFIG": str(folder / "config")}
    assert probe("with", folder, environment) == 7
    kubectl.unlink()
    assert probe("with", folder, environment) == 1
