"""The manifests of KEDA and metrics-server as the sandbox applies them."""

from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from sandbox import autoscaling, pins
from sandbox.build import BuildFolders
from sandbox.host import SandboxError
from sandbox.instance import cache_folder, state_folder


@pytest.fixture(scope="module")
def objects() -> list[dict[str, Any]]:
    kubectl = state_folder() / "bin" / "kubectl"
    if not kubectl.exists():
        pytest.skip("the sandbox has not been up: nothing renders its manifests")
    try:
        folder = autoscaling.manifests(BuildFolders(cache=cache_folder(), logs=state_folder() / "logs"), kubectl)
    except SandboxError as error:
        pytest.skip(f"KEDA's module cannot be had: {error}")
    found: list[dict[str, Any]] = list(yaml.load_all((folder / autoscaling.EVERYTHING).read_text(), yaml.CSafeLoader))
    return found


def containers(objects: list[dict[str, Any]]) -> Iterator[tuple[str, dict[str, Any]]]:
    for each in objects:
        if each["kind"] == "Deployment":
            [only] = each["spec"]["template"]["spec"]["containers"]
            yield each["metadata"]["name"], only


def test_the_images_are_those_that_are_made(objects: list[dict[str, Any]]) -> None:
    assert {name: each["image"] for name, each in containers(objects)} == {
        "keda-operator": pins.KEDA_IMAGE,
        "keda-metrics-apiserver": pins.KEDA_ADAPTER_IMAGE,
        "keda-admission": pins.KEDA_WEBHOOKS_IMAGE,
        "metrics-server": pins.METRICS_SERVER_IMAGE,
    }
    assert {each["imagePullPolicy"] for _, each in containers(objects)} == {"IfNotPresent"}


def test_ready_means_all_of_it(objects: list[dict[str, Any]]) -> None:
    deployed = {
        (each["metadata"]["namespace"], each["metadata"]["name"]) for each in objects if each["kind"] == "Deployment"
    }
    assert deployed == set(autoscaling.DEPLOYMENTS)


def test_the_metrics_apis_and_the_kinds_are_there(objects: list[dict[str, Any]]) -> None:
    names = {each["metadata"]["name"] for each in objects if each["kind"] == "APIService"}
    assert names == {"v1beta1.external.metrics.k8s.io", "v1beta1.metrics.k8s.io"}
    kinds = {each["metadata"]["name"] for each in objects if each["kind"] == "CustomResourceDefinition"}
    assert {"scaledobjects.keda.sh", "triggerauthentications.keda.sh"} <= kinds
