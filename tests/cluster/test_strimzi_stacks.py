"""The shipped stacks with Strimzi, as they are: their previews, and what a real API server says to all of their objects."""

import json
import re
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from infra.check import STACKS
from infra.platform import Platform
from infra.settings.parsing import parse
from infra.settings.stackfile import read
from sandbox.host import SandboxError
from tests import strimzi_api
from tests.cluster.objects import dry_run
from tests.gateway_api import GATEWAY_API
from tests.harness import Stack
from tests.prometheus_api import PROMETHEUS_API
from tests.unit.components.graph import run

SHIPPED = ["staging", "prod"]


@pytest.fixture(scope="module", autouse=True)
def _kinds(environment: Mapping[str, str], tmp_path_factory: pytest.TempPathFactory) -> None:
    try:
        strimzi_api.install(environment)
    except SandboxError as error:
        pytest.skip(f"the API server does not serve Strimzi's kinds: {error}")
    GATEWAY_API.install(tmp_path_factory.mktemp("gateway-api"), environment)
    PROMETHEUS_API.install(tmp_path_factory.mktemp("prometheus-api"), environment)


def in_namespaces_of_its_own(platform: dict[str, Any], prefix: str) -> dict[str, Any]:
    """The settings with other namespaces than those that stacks of other tests use."""
    moved = json.loads(json.dumps(platform))
    moved["namespace"] = f"{prefix}-{moved['namespace']}"
    for tenant in moved["tenants"].values():
        tenant["namespace"] = f"{prefix}-{tenant['namespace']}"
    return moved  # type: ignore[no-any-return]


def plain(value: Any) -> Any:
    """What a resource was given, without the wrappers around secrets."""
    if isinstance(value, dict):
        if "4dabf18193072939515e22adb298388d" in value:
            return plain(value["value"])
        return {key: plain(each) for key, each in value.items()}
    if isinstance(value, list):
        return [plain(each) for each in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


@pytest.mark.parametrize("stack", SHIPPED)
def test_the_api_server_takes_every_object(stack: str, environment: Mapping[str, str]) -> None:
    settings = parse(in_namespaces_of_its_own(read(STACKS / f"Pulumi.{stack}.yaml"), f"{stack}-objects"))
    found = run(lambda: Platform(settings, {}))
    # What has no metadata is only read.
    objects = [plain(each.inputs) for each in found.values() if {"apiVersion", "metadata"} <= each.inputs.keys()]
    for each in objects:
        # Pulumi gives a name to what has none.
        each["metadata"].setdefault("name", "named-by-pulumi")
    namespaces = [each for each in objects if each["kind"] == "Namespace"]
    others = [each for each in objects if each["kind"] not in ("Namespace",) and each["metadata"].get("namespace")]
    assert {each["kind"] for each in others} >= {
        "Kafka",
        "KafkaNodePool",
        "KafkaRebalance",
        "KafkaTopic",
        "KafkaUser",
        "PodMonitor",
        "PrometheusRule",
    }
    apply = ["kubectl", "apply", "-f", "-"]
    made = json.dumps({"apiVersion": "v1", "kind": "List", "items": namespaces})
    subprocess.run(apply, input=made, env=environment, check=True, capture_output=True, text=True)
    try:
        done = dry_run(others, environment)
        assert done.returncode == 0, done.stderr
        assert not done.stderr, f"warnings: {done.stderr}"
    finally:
        delete = ["kubectl", "delete", "--wait=false", "-f", "-"]
        subprocess.run(delete, input=made, env=environment, check=True, capture_output=True, text=True)


@pytest.fixture
def as_context(tmp_path: Path, environment: Mapping[str, str], monkeypatch: pytest.MonkeyPatch) -> Path:
    """A kubeconfig in which the cluster of this sandbox has the names of the shipped stacks' contexts."""
    shown = ["kubectl", "config", "view", "--raw", "--minify", "--flatten", "-o", "json"]
    config = json.loads(subprocess.run(shown, env=environment, check=True, capture_output=True, text=True).stdout)
    [context] = config["contexts"]
    config["contexts"] = [{**context, "name": f"kafka-{stack}"} for stack in SHIPPED]
    config["current-context"] = ""
    file = tmp_path / "kubeconfig"
    file.write_text(json.dumps(config))
    monkeypatch.setenv("KUBECONFIG", str(file))
    return file


CLASSES = [
    {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        "metadata": {"name": "fast"},
        "provisioner": "kubernetes.io/no-provisioner",
    },
    {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "GatewayClass",
        "metadata": {"name": "envoy"},
        "spec": {"controllerName": "example.com/none"},
    },
]
"""What the shipped stacks name and do not make."""


@pytest.fixture
def classes(environment: Mapping[str, str]) -> Iterator[None]:
    made = json.dumps({"apiVersion": "v1", "kind": "List", "items": CLASSES})

    def kubectl(*command: str) -> None:
        subprocess.run(
            ["kubectl", *command, "-f", "-"], input=made, env=environment, check=True, capture_output=True, text=True
        )

    kubectl("apply")
    yield
    kubectl("delete")


@pytest.mark.parametrize("stack", SHIPPED)
def test_the_preview_names_the_classes_that_are_not_there(stack: str, as_context: Path, tmp_path: Path) -> None:
    shown = Stack(f"shipped-{stack}", tmp_path, read(STACKS / f"Pulumi.{stack}.yaml")).preview(fails=True)
    assert "GatewayClass 'envoy' does not exist" in shown
    assert ("StorageClass 'fast' does not exist" in shown) == (stack == "prod")


@pytest.mark.parametrize("stack", SHIPPED)
@pytest.mark.usefixtures("classes")
def test_the_preview_of_the_file_as_it_is(stack: str, as_context: Path, tmp_path: Path) -> None:
    shown = Stack(f"shipped-{stack}", tmp_path, read(STACKS / f"Pulumi.{stack}.yaml")).preview()
    assert "KafkaCluster" in shown
    created = re.search(r"\+ (\d+) to create", shown)
    assert created is not None, shown
    assert int(created[1]) > 30
