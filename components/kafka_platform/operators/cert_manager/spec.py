"""The spec of cert-manager, and the values of its Helm chart. No Pulumi."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kafka_platform.operators.charts import (
    OperatorChart,
    OperatorSpec,
    definitions_kept,
    merged,
    namespace_of_its_own,
    registry_of_images,
    version_of,
)
from kafka_platform.operators.sources import ChartSource
from kafka_platform.values.later import Input

CERT_MANAGER_VERSION = "1.21.1"
"""The cert-manager of this release; its Helm chart carries the same number with a `v` before it."""
LEAST_VERSION = (1, 20, 0)
"""The first whose chart takes one registry for all its images."""
CHART = "oci://quay.io/jetstack/charts/cert-manager"
DEFINITIONS = "https://github.com/cert-manager/cert-manager/releases/download/v{version}/cert-manager.crds.yaml"
"""Where each release has the definitions of its kinds."""


@dataclass(frozen=True, kw_only=True)
class CertManagerSpec(OperatorSpec):
    """Settings of cert-manager, shared by programs and stack files."""

    namespace: Input[str] = namespace_of_its_own("cert-manager")
    """Namespace of cert-manager. Default cert-manager."""
    version: str = version_of("cert-manager", CERT_MANAGER_VERSION, least=LEAST_VERSION)
    """Version of cert-manager and of its Helm chart, 1.20.0 or newer. Default: the one of this release."""
    registry: str | None = registry_of_images()
    """Registry that has `jetstack/cert-manager-controller` and its companions. Default: quay.io."""

    def owned(self) -> Mapping[str, str]:
        """Chart values about cert-manager's CRDs, which this component creates."""
        return definitions_kept("Certificate", "crds", "installCRDs")


def cert_manager_values(spec: CertManagerSpec) -> dict[str, Any]:
    """The chart's values: ours, and on top of them the spec's."""
    part: dict[str, Any] = {"replicaCount": spec.replicas}
    if spec.replicas > 1:
        part["podDisruptionBudget"] = {"enabled": True}
    ours: dict[str, Any] = {
        # They are resources of their own, which outlive the chart.
        "crds": {"enabled": False},
        **part,
        "cainjector": dict(part),
        "webhook": dict(part),
        # By default in kube-system, where it would need rights that it needs for nothing else.
        "global": {"leaderElection": {"namespace": spec.namespace}},
        # A hook of Helm's, which Pulumi leaves out: only its rights would be left.
        "startupapicheck": {"enabled": False},
    }
    if spec.registry is not None:
        ours["imageRegistry"] = spec.registry
    return merged(ours, spec.values)


def cert_manager_chart(spec: CertManagerSpec) -> OperatorChart:
    """Its chart, and where it is."""
    return OperatorChart(
        release="cert-manager",
        values=cert_manager_values(spec),
        official=ChartSource(
            chart=CHART, version=f"v{spec.version}", definitions=DEFINITIONS.format(version=spec.version)
        ),
    )
