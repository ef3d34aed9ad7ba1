"""The policy pack in the real engine: `pulumi preview --policy-pack policies`."""

import json
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from sandbox.environment import backend_url
from tests.harness import ROOT

PROGRAM = """
import pulumi
from pulumi_kubernetes.apps.v1 import Deployment
from pulumi_kubernetes.autoscaling.v2 import HorizontalPodAutoscaler
from pulumi_kubernetes.core.v1 import ConfigMap

labels = {"app": "a"}
container = {"name": "a", "image": "a:latest", "resources": {"requests": {"cpu": "1", "memory": "1Gi"}}}
ConfigMap("a", metadata={"namespace": "default"}, data={"password": "hunter2"})
Deployment(
    "a",
    metadata={"name": "a", "namespace": "default"},
    spec={
        "replicas": 2,
        "selector": {"matchLabels": labels},
        "template": {"metadata": {"labels": labels}, "spec": {"containers": [container]}},
    },
)
HorizontalPodAutoscaler(
    "a",
    metadata={"name": "a", "namespace": "default"},
    spec={"maxReplicas": 5, "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "a"}},
)
"""


@pytest.fixture(scope="module")
def project(environment: Mapping[str, str], tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    folder = tmp_path_factory.mktemp("policies")
    (folder / "__main__.py").write_text(PROGRAM)
    virtualenv = ROOT / ".venv"
    (folder / "Pulumi.yaml").write_text(
        f"name: judged\nruntime:\n  name: python\n  options: {{toolchain: pip, virtualenv: {virtualenv}}}\n"
    )
    (folder / "state").mkdir()
    variables = {
        **environment,
        "PULUMI_BACKEND_URL": backend_url(folder / "state"),
        "PULUMI_CONFIG_PASSPHRASE": "only for this test",
        "PULUMI_SKIP_UPDATE_CHECK": "true",
    }
    variables.pop("PULUMI_CONFIG_PASSPHRASE_FILE", None)
    return folder, variables


def preview(project: tuple[Path, dict[str, str]], environment: str) -> "subprocess.CompletedProcess[str]":
    folder, variables = project
    stack = ["--stack", environment, "--cwd", str(folder), "--non-interactive"]
    subprocess.run(["pulumi", "stack", "init", *stack], env=variables, check=True, capture_output=True)
    settings = json.dumps({"environment": environment})
    subprocess.run(["pulumi", "config", "set", "kafka-platform:platform", settings, *stack], env=variables, check=True)
    command = ["pulumi", "preview", "--policy-pack", str(ROOT / "policies"), *stack]
    return subprocess.run(
        command, env=os.environ | variables, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


EXPECTED = {
    "pinned-images": "Deployment a: image a:latest may be another one tomorrow",
    "no-plain-secrets": "password in password is a secret that everybody may read",
    "scaled-without-replicas": "Deployment a: replicas is fixed, and HorizontalPodAutoscaler a scales it",
}


@pytest.mark.parametrize(("environment_", "level", "code"), [("prod", "mandatory", 255), ("dev", "advisory", 0)])
def test_a_preview(project: tuple[Path, dict[str, str]], environment_: str, level: str, code: int) -> None:
    done = preview(project, environment_)
    assert (done.returncode == 0) == (code == 0), done.stdout
    for rule, message in EXPECTED.items():
        assert f"[{level}]  {rule}" in done.stdout, done.stdout
        assert message in done.stdout
    assert "hunter2" not in done.stdout
    assert "resource-requests" not in done.stdout
