"""cert-manager and Prometheus as a stack installs them by their charts: only with the official Kubernetes provider."""

import json

import pytest

from sandbox import environment
from tests.e2e.conftest import MakeStack
from tests.harness import eventually, kubectl

NAMESPACE = "e2e-operator-charts"
DEFINITIONS = ("certificates.cert-manager.io", "podmonitors.monitoring.coreos.com")


@pytest.fixture(scope="module", autouse=True)
def _needed() -> None:
    if environment.official_plugin("kubernetes", environment.plugin_version("kubernetes")) is None:
        pytest.skip("the official Kubernetes provider is not installed, and the sandbox's stand-in has no Helm")
    for definition in DEFINITIONS:
        if kubectl("get", "crd", definition, "--ignore-not-found", "-o", "name"):
            pytest.skip(f"the cluster has {definition} already, and takes one of its operator only")


@pytest.mark.timeout(2400)
def test_they_become_ready_are_quiet_and_leave_their_definitions(make_stack: MakeStack) -> None:
    stack = make_stack(
        "operator-charts",
        {
            "namespace": NAMESPACE,
            "kafka": {"engine": "external", "bootstrapServers": "kafka.example.com:9093"},
            "certManager": {"install": True, "replicas": 1},
            "prometheus": {"install": True, "replicas": 1, "storage": "1Gi"},
        },
    )
    stack.up()

    def scrapes() -> bool:
        found = kubectl(
            "get", "--raw", "/api/v1/namespaces/monitoring/services/prometheus-operated:9090/proxy/api/v1/targets"
        )
        pools = {
            target["scrapePool"] for target in json.loads(found)["data"]["activeTargets"] if target["health"] == "up"
        }
        # The monitor of this platform for cert-manager, and the one that brokers are scaled by.
        return any("kafka-certificates" in pool for pool in pools) and any("kubelet" in pool for pool in pools)

    eventually("Prometheus reads cert-manager and the kubelets", scrapes, seconds=300)
    stack.preview("--expect-no-changes")
    stack.destroy()
    assert kubectl("-n", "cert-manager", "get", "deployments", "-o", "name", check=False) == ""
    for definition in DEFINITIONS:
        assert kubectl("get", "crd", definition, "-o", "name").strip().endswith(definition)
