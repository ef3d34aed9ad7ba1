"""PrometheusStack: the values of its chart, the graph that it makes, what it refuses, and its place in a stack."""

import base64
import re
from typing import Any

import pytest
from kafka_platform import PrometheusStack, PrometheusStackArgs
from kafka_platform.cluster.scaling.spec import BrokerScaling
from kafka_platform.operators.prometheus.spec import (
    PROMETHEUS_OPERATOR_VERSION,
    PROMETHEUS_STACK_VERSION,
    PrometheusStackSpec,
    prometheus_stack_values,
)

from infra.platform import Platform
from infra.settings.parsing import parse
from tests.unit.components.graph import run, value
from tests.unit.test_platform import EMBEDDED, KUBECONFIG


def values(**changes: Any) -> dict[str, Any]:
    return prometheus_stack_values(PrometheusStackSpec(**changes))


def test_it_reads_the_monitors_and_rules_of_everybody() -> None:
    spec = values()["prometheus"]["prometheusSpec"]
    for kind in ("podMonitor", "serviceMonitor", "rule", "probe", "scrapeConfig"):
        assert spec[f"{kind}SelectorNilUsesHelmValues"] is False


def test_the_chart_has_neither_the_definitions_nor_a_hook() -> None:
    assert values()["crds"] == {"enabled": False}
    assert values()["prometheusOperator"] == {"admissionWebhooks": {"enabled": False}, "tls": {"enabled": False}}


def test_nothing_in_it_is_made_by_chance() -> None:
    grafana = values()["grafana"]
    assert grafana["admin"]["existingSecret"] == "prometheus-grafana-admin"
    assert "adminPassword" not in grafana


def test_grafanas_sidecar_puts_the_dashboards_of_each_platform_into_a_folder() -> None:
    sidecar = values()["grafana"]["sidecar"]["dashboards"]
    assert sidecar == {"folderAnnotation": "grafana_folder", "provider": {"foldersFromFilesStructure": True}}


def test_grafanas_administrator_has_a_password_that_stays() -> None:
    found = run(lambda: PrometheusStack("metrics", PrometheusStackArgs(namespace="watch")) and None)
    secret = found["Secret metrics-grafana"].inputs
    assert (
        secret["metadata"]["name"]
        == found["Chart metrics-chart"].inputs["values"]["grafana"]["admin"]["existingSecret"]
    )
    assert secret["metadata"]["namespace"] == "watch"
    login = secret["data"]["value"]  # a secret of Pulumi's
    assert set(login) == {"admin-user", "admin-password"}
    assert base64.b64decode(login["admin-user"]) == b"admin"


@pytest.mark.parametrize("grafana", [{"enabled": False}, {"admin": {"existingSecret": "mine"}}])
def test_grafana_may_be_off_or_have_a_secret_of_yours(grafana: dict[str, Any]) -> None:
    args = PrometheusStackArgs(values={"grafana": grafana})
    found = run(lambda: PrometheusStack("metrics", args) and None)
    assert not [each for each in found if each.startswith(("Secret", "RandomPassword"))]


def test_metrics_never_fill_the_volume() -> None:
    spec = values(storage="10Gi", storage_class="fast", retention="12h30d")["prometheus"]["prometheusSpec"]
    assert (spec["retention"], spec["retentionSize"]) == ("43920m", f"{int(10 * 2**30 * 0.85)}B")
    claim = spec["storageSpec"]["volumeClaimTemplate"]["spec"]
    assert claim["resources"] == {"requests": {"storage": "10Gi"}}
    assert claim["storageClassName"] == "fast"


def test_one_may_go_where_there_are_two() -> None:
    for part in ("prometheus", "alertmanager"):
        assert values()[part]["podDisruptionBudget"] == {"enabled": True}
        assert "podDisruptionBudget" not in values(replicas=1)[part]


def test_further_values_are_put_on_top() -> None:
    found = values(
        registry="registry.example.com", values={"kubeEtcd": {"enabled": True}, "grafana": {"enabled": True}}
    )
    assert found["kubeEtcd"] == {"enabled": True}
    assert found["grafana"]["enabled"] is True
    assert found["global"] == {"imageRegistry": "registry.example.com"}
    assert found["prometheus"]["prometheusSpec"]["replicas"] == 2


def test_the_graph() -> None:
    made: list[PrometheusStack] = []
    found = run(lambda: made.append(PrometheusStack("metrics", PrometheusStackArgs(namespace="watch"))))
    assert set(found) - {"Stack project-stack"} == {
        "PrometheusStack metrics",
        "ConfigFile metrics-definitions",
        "Namespace metrics-namespace",
        "Chart metrics-chart",
        "RandomPassword metrics-grafana-password",
        "Secret metrics-grafana",
    }
    chart = found["Chart metrics-chart"].inputs
    assert (chart["chart"], chart["version"], chart["skipCrds"]) == (
        "oci://ghcr.io/prometheus-community/charts/kube-prometheus-stack",
        PROMETHEUS_STACK_VERSION,
        True,
    )
    assert f"/v{PROMETHEUS_OPERATOR_VERSION}/" in found["ConfigFile metrics-definitions"].inputs["file"]
    # Every monitor and rule of the Kubernetes cluster would go with them.
    assert {name for name, each in found.items() if each.retained} == {"ConfigFile metrics-definitions"}
    assert value(made[0].namespace) == "watch"
    assert value(made[0].url) == "http://prometheus-operated.watch.svc:9090"


def test_brokers_are_scaled_by_it_unless_told_otherwise() -> None:
    made: list[PrometheusStack] = []
    run(lambda: made.append(PrometheusStack("metrics", PrometheusStackArgs())))
    assert value(made[0].url) == BrokerScaling.prometheus


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"replicas": 0}, "replicas: 0 is out of range: use 1 to 5"),
        (
            {"retention": "1h"},
            "retention: '1h' is not a time that Prometheus keeps metrics for: use 2h or more, such as 10d",
        ),
        ({"storage": "100Mi"}, "storage: 100Mi is too little for metrics: use at least 1Gi, such as 50Gi"),
        (
            {"values": {"crds": {"enabled": True}}},
            "values: crds: the chart would delete every monitor and rule when it goes: remove the key, the definitions are kept",
        ),
    ],
)
def test_what_cannot_be_installed_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        PrometheusStackArgs(**changes)


@pytest.mark.parametrize("retention", ["forever", "ten days"])
def test_it_keeps_nothing_for_ever(retention: str) -> None:
    with pytest.raises(ValueError, match=r"^retention: "):
        PrometheusStackArgs(retention=retention)


def test_it_comes_with_a_stack_that_says_so() -> None:
    settings = parse({**EMBEDDED, "prometheus": {"install": True, "storage": "5Gi", "replicas": 1}})
    found = run(lambda: Platform(settings, KUBECONFIG) and None)
    assert found["Chart prometheus-chart"].inputs["values"]["prometheus"]["prometheusSpec"]["replicas"] == 1
    assert "Chart prometheus-chart" not in run(
        lambda: Platform(parse({**EMBEDDED, "prometheus": {}}), KUBECONFIG) and None
    )
