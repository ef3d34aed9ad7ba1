"""The spec of kube-prometheus-stack, and the values of its Helm chart. No Pulumi."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kafka_platform.kafka.secrets import encode
from kafka_platform.kube.boards import FOLDER_ANNOTATION
from kafka_platform.kube.derived import derived
from kafka_platform.kube.manifests import Manifest, labels, metadata
from kafka_platform.kube.tsdb import check_retention, check_storage, retention_size, retention_time
from kafka_platform.operators.charts import (
    OperatorChart,
    OperatorSpec,
    definitions_kept,
    merged,
    namespace_of_its_own,
    registry_of_images,
    replicas_of_parts,
)
from kafka_platform.operators.sources import ChartSource
from kafka_platform.values.form import DURATION, QUANTITY
from kafka_platform.values.forms import formed, named
from kafka_platform.values.later import Input
from kafka_platform.values.names import check_subdomain

PROMETHEUS_STACK_VERSION = "88.5.3"
"""The Helm chart of this release."""
PROMETHEUS_OPERATOR_VERSION = "0.93.1"
"""The Prometheus operator in that chart."""
CHART = "oci://ghcr.io/prometheus-community/charts/kube-prometheus-stack"
DEFINITIONS = (
    "https://github.com/prometheus-operator/prometheus-operator/releases/download/v{version}/stripped-down-crds.yaml"
)
"""Where each release of the operator has the definitions of its kinds; these without their descriptions, which are a megabyte."""

GRAFANA_SECRET = "prometheus-grafana-admin"  # noqa: S105 - a name
"""Secret with the name and the password of Grafana's administrator."""
USER_KEY, PASSWORD_KEY = "admin-user", "admin-password"
"""Its keys, which are the chart's own."""


@dataclass(frozen=True, kw_only=True)
class PrometheusStackSpec(OperatorSpec):
    """Settings of Prometheus, shared by programs and stack files."""

    namespace: Input[str] = namespace_of_its_own("monitoring")
    """Namespace of Prometheus and its parts. Default monitoring."""
    replicas: int = replicas_of_parts()
    """Number of Prometheus replicas, each with all metrics, and of Alertmanagers. Default 2."""
    registry: str | None = registry_of_images()
    """Registry of all the chart's images. Default: the projects' own."""
    retention: str = formed("10d", check_retention, pattern=DURATION, examples=["10d"])
    """How long metrics are kept, at least 2h; less if the volume is too small for them. Default 10d."""
    storage: str = formed("50Gi", check_storage, pattern=QUANTITY, examples=["50Gi"])
    """Volume of each Prometheus. Default 50Gi."""
    storage_class: Input[str] | None = named(check_subdomain, "object name")
    """StorageClass of the volumes. Default: the Kubernetes cluster's default class."""

    def owned(self) -> Mapping[str, str]:
        """Chart values about the Prometheus operator's CRDs, which this component creates."""
        return definitions_kept("monitor and rule")


def grafana_secret(spec: PrometheusStackSpec) -> bool:
    """Whether this component creates the Secret of Grafana's administrator: not without Grafana, or with a Secret of yours."""
    grafana = prometheus_stack_values(spec)["grafana"]
    return bool(grafana["enabled"]) and grafana["admin"]["existingSecret"] == GRAFANA_SECRET


def _grafana() -> dict[str, Any]:
    return {
        "enabled": True,
        # The chart's own password would be another one each time that it is rendered.
        "admin": {"existingSecret": GRAFANA_SECRET, "userKey": USER_KEY, "passwordKey": PASSWORD_KEY},
        # A platform's dashboards are in a folder of its own.
        "sidecar": {
            "dashboards": {"folderAnnotation": FOLDER_ANNOTATION, "provider": {"foldersFromFilesStructure": True}}
        },
        # Its test is a pod that only Helm's own client would run.
        "testFramework": {"enabled": False},
    }


def prometheus_stack_values(spec: PrometheusStackSpec) -> dict[str, Any]:
    """The chart's values: ours, and on top of them the spec's."""
    claim: dict[str, Any] = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": spec.storage}}}
    if spec.storage_class is not None:
        claim["storageClassName"] = spec.storage_class
    # It selects all monitors and rules; by default it selects only the chart's own.
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
        "grafana": _grafana(),
        "prometheus": {
            "prometheusSpec": {
                **of_everybody,
                "replicas": spec.replicas,
                "retention": retention_time(spec.retention),
                "retentionSize": retention_size(spec.storage),
                "storageSpec": {"volumeClaimTemplate": {"spec": claim}},
            }
        },
        # Their certificate is made by hooks of Helm's, which Pulumi leaves out.
        "prometheusOperator": {"admissionWebhooks": {"enabled": False}, "tls": {"enabled": False}},
        "alertmanager": {"alertmanagerSpec": {"replicas": spec.replicas}},
        # Managed Kubernetes does not show these, and then their alerts would never end.
        **{part: {"enabled": False} for part in ("kubeControllerManager", "kubeEtcd", "kubeProxy", "kubeScheduler")},
    }
    if spec.replicas > 1:
        for part in ("alertmanager", "prometheus"):
            ours[part]["podDisruptionBudget"] = {"enabled": True}
    if spec.registry is not None:
        ours["global"] = {"imageRegistry": spec.registry}
    return merged(ours, spec.values)


def prometheus_chart(spec: PrometheusStackSpec) -> OperatorChart:
    """Its chart, and where it is."""
    return OperatorChart(
        release="prometheus",
        values=prometheus_stack_values(spec),
        official=ChartSource(
            chart=CHART,
            version=PROMETHEUS_STACK_VERSION,
            definitions=DEFINITIONS.format(version=PROMETHEUS_OPERATOR_VERSION),
        ),
    )


def grafana_login(namespace: Input[str], password: Input[str]) -> Manifest:
    """The Secret with the name and the password of Grafana's administrator."""
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": metadata(GRAFANA_SECRET, namespace, labels("grafana", "monitoring")),
        "data": derived(lambda known: encode({USER_KEY: "admin", PASSWORD_KEY: known}), password),
    }
