"""KEDA as a stack installs it by its chart: only with the official Kubernetes provider, and where there is no KEDA yet."""

import pytest

from sandbox import environment
from tests.e2e.conftest import MakeStack
from tests.harness import kubectl, why_no_keda

NAMESPACE = "e2e-keda-chart"


@pytest.fixture(scope="module", autouse=True)
def _needed() -> None:
    if environment.official_plugin("kubernetes", environment.plugin_version("kubernetes")) is None:
        pytest.skip("the official Kubernetes provider is not installed, and the sandbox's stand-in has no Helm")
    if kubectl("get", "apiservice", "v1beta1.external.metrics.k8s.io", "--ignore-not-found"):
        pytest.skip("the cluster has a KEDA already, and takes one only")


@pytest.mark.timeout(2400)
def test_it_becomes_ready_is_quiet_and_leaves_its_definitions(make_stack: MakeStack) -> None:
    stack = make_stack(
        "keda-chart",
        {
            "namespace": NAMESPACE,
            "kafka": {"engine": "external", "bootstrapServers": "kafka.example.com:9093"},
            "keda": {"install": True, "namespace": NAMESPACE, "createNamespace": False},
        },
    )
    stack.up()
    assert why_no_keda() is None
    assert kubectl("-n", NAMESPACE, "get", "deployments", "-o", "name").split() == [
        "deployment.apps/keda-admission-webhooks",
        "deployment.apps/keda-operator",
        "deployment.apps/keda-operator-metrics-apiserver",
    ]
    stack.preview("--expect-no-changes")
    stack.destroy()
    assert kubectl("-n", NAMESPACE, "get", "deployments", "-o", "name", check=False) == ""
    assert kubectl("get", "crd", "scaledobjects.keda.sh", "-o", "name").strip().endswith("scaledobjects.keda.sh")
