"""cert-manager and Prometheus as a stack installs them by their charts: only with the official Kubernetes provider."""

import base64
import json
import os
from pathlib import Path

import pytest
from kafka_platform.operators.prometheus.spec import GRAFANA_SECRET, PASSWORD_KEY, USER_KEY

from sandbox import environment
from tests.e2e.conftest import MakeStack
from tests.grafana import browser, dashboards, logged_in, photograph
from tests.harness import eventually, forwarded, get, kubectl

NAMESPACE = "e2e-operator-charts"
MONITORING = "monitoring"
SCREENSHOTS = os.environ.get("SCREENSHOTS")
"""Folder of what Grafana's dashboards look like in a browser; None: they are not opened."""
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
            "kafka": {"engine": "embedded", "nodes": 1, "storage": "1Gi", "deletion": "allow"},
            "topics": {"orders": {"deletion": "allow"}},
            "gateway": {"pods": {"min": 1}},
            "probe": {},
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
    show_in_grafana()
    stack.preview("--expect-no-changes")
    stack.destroy()
    assert kubectl("-n", "cert-manager", "get", "deployments", "-o", "name", check=False) == ""
    for definition in DEFINITIONS:
        assert kubectl("get", "crd", definition, "-o", "name").strip().endswith(definition)


def show_in_grafana() -> None:
    """It has every dashboard of the platform, by the login of our Secret; with SCREENSHOTS each is opened in a browser."""
    found = json.loads(kubectl("-n", NAMESPACE, "get", "configmaps", "-l", "grafana_dashboard=1", "-o", "json"))
    ours = {json.loads(text)["uid"] for each in found["items"] for text in each["data"].values()}
    assert len(ours) > 5
    secret = get("secret", GRAFANA_SECRET, MONITORING)["data"]
    user, password = (base64.b64decode(secret[key]).decode() for key in (USER_KEY, PASSWORD_KEY))
    chosen = ["get", "service", "-l", "app.kubernetes.io/name=grafana", "-o", "name"]
    [service] = kubectl("-n", MONITORING, *chosen).split()
    with forwarded(MONITORING, service, 80) as address, logged_in(address, user, password) as grafana:
        eventually("Grafana has all dashboards", lambda: ours <= dashboards(grafana).keys(), 300)
        if SCREENSHOTS is None:
            return
        chrome = browser()
        assert chrome is not None, "no Chrome: install it, or leave out SCREENSHOTS"
        for uid in sorted(ours):
            file = Path(SCREENSHOTS) / f"{uid.split('-', 2)[-1]}.png"
            photograph(chrome, f"{grafana}/d/{uid}?kiosk&from=now-15m&to=now", file)
            assert file.stat().st_size > 10_000, file
