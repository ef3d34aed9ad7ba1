"""The values that the Helm chart kube-prometheus-stack is given. No Pulumi."""

from collections.abc import Mapping
from typing import Any

from kafka_platform.charts import check_chart, definitions_kept, merged
from kafka_platform.checks import checked
from kafka_platform.names import check_subdomain
from kafka_platform.units import milliseconds, quantity, volume

PROMETHEUS_STACK_VERSION = "88.5.3"
"""The Helm chart of this release."""
PROMETHEUS_OPERATOR_VERSION = "0.93.1"
"""The Prometheus operator in that chart."""
CHART = "oci://ghcr.io/prometheus-community/charts/kube-prometheus-stack"
DEFINITIONS = (
    "https://github.com/prometheus-operator/prometheus-operator/releases/download/v{version}/stripped-down-crds.yaml"
)
"""Where each release of the operator has the definitions of its kinds; these without their descriptions, which are a megabyte."""

LEAST_RETENTION_MILLISECONDS = 7_200_000
"""Prometheus writes a block every two hours."""
_FULL = 0.85
"""Share of the volume at which Prometheus drops its oldest blocks; the rest is for its log and for compaction."""


def check_prometheus_stack(
    *,
    replicas: int,
    registry: str | None,
    retention: str,
    storage: str,
    storage_class: str | None,
    values: Mapping[str, Any],
) -> None:
    """Raises ValueError, which names the field, the value and the fix, for what cannot be installed."""
    check_chart(replicas=replicas, registry=registry, values=values, owned=definitions_kept("monitor and rule"))
    checked("retention", _check_retention, retention)
    checked("storage", _check_storage, storage)
    if storage_class is not None:
        checked("storage_class", check_subdomain, storage_class, "object name")


def _check_retention(retention: str) -> None:
    if milliseconds(retention) < LEAST_RETENTION_MILLISECONDS:
        raise ValueError(f"{retention!r} is not a time that Prometheus keeps metrics for: use 2h or more, such as 10d")


def _check_storage(storage: str) -> None:
    if volume(storage) < 2**30:
        raise ValueError(f"{storage} is too little for metrics: use at least 1Gi, such as 50Gi")


def prometheus_stack_values(
    *,
    replicas: int,
    registry: str | None,
    retention: str,
    storage: str,
    storage_class: str | None,
    values: Mapping[str, Any],
) -> dict[str, Any]:
    """The chart's values: ours, and on top of them `values`."""
    claim: dict[str, Any] = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": storage}}}
    if storage_class is not None:
        claim["storageClassName"] = storage_class
    # It reads all monitors and rules, whoever made them; by default only those that the chart made itself.
    of_everybody = dict.fromkeys(
        (
            f"{kind}SelectorNilUsesHelmValues"
            for kind in ("podMonitor", "serviceMonitor", "rule", "probe", "scrapeConfig")
        ),
        False,
    )
    ours: dict[str, Any] = {
        # They are resources of their own, which outlive the chart.
        "crds": {"enabled": False},
        # Without a Secret of yours its password would be another one each time that the chart is rendered.
        "grafana": {"enabled": False},
        "prometheus": {
            "prometheusSpec": {
                **of_everybody,
                "replicas": replicas,
                # Prometheus wants days before hours, and hours before minutes.
                "retention": f"{milliseconds(retention) // 60_000}m",
                "retentionSize": f"{int(float(quantity(storage)) * _FULL)}B",
                "storageSpec": {"volumeClaimTemplate": {"spec": claim}},
            }
        },
        # Their certificate is made by hooks of Helm's, which Pulumi leaves out.
        "prometheusOperator": {"admissionWebhooks": {"enabled": False}, "tls": {"enabled": False}},
        "alertmanager": {"alertmanagerSpec": {"replicas": replicas}},
        # Managed Kubernetes does not show these, and then their alerts would never end.
        **{part: {"enabled": False} for part in ("kubeControllerManager", "kubeEtcd", "kubeProxy", "kubeScheduler")},
    }
    if replicas > 1:
        for part in ("alertmanager", "prometheus"):
            ours[part]["podDisruptionBudget"] = {"enabled": True}
    if registry is not None:
        ours["global"] = {"imageRegistry": registry}
    return merged(ours, values)
