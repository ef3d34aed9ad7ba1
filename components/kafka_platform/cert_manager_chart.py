"""The values that the Helm chart of cert-manager is given. No Pulumi."""

from collections.abc import Mapping
from typing import Any

from kafka_platform.charts import check_chart, check_version, definitions_kept, merged

CERT_MANAGER_VERSION = "1.21.1"
"""The cert-manager of this release; its Helm chart carries the same number with a `v` before it."""
LEAST_VERSION = (1, 20, 0)
"""The first whose chart takes one registry for all its images."""
CHART = "oci://quay.io/jetstack/charts/cert-manager"
DEFINITIONS = "https://github.com/cert-manager/cert-manager/releases/download/v{version}/cert-manager.crds.yaml"
"""Where each release has the definitions of its kinds."""


def check_cert_manager(*, version: str, replicas: int, registry: str | None, values: Mapping[str, Any]) -> None:
    """Raises ValueError, which names the field, the value and the fix, for what cannot be installed."""
    check_version(version, "cert-manager", CERT_MANAGER_VERSION, LEAST_VERSION)
    owned = definitions_kept("Certificate", "crds", "installCRDs")
    check_chart(replicas=replicas, registry=registry, values=values, owned=owned)


def cert_manager_values(
    *, namespace: str, replicas: int, registry: str | None, values: Mapping[str, Any]
) -> dict[str, Any]:
    """The chart's values: ours, and on top of them `values`."""
    part: dict[str, Any] = {"replicaCount": replicas}
    if replicas > 1:
        part["podDisruptionBudget"] = {"enabled": True}
    ours: dict[str, Any] = {
        # They are resources of their own, which outlive the chart.
        "crds": {"enabled": False},
        **part,
        "cainjector": dict(part),
        "webhook": dict(part),
        # By default in kube-system, where it would need rights that it needs for nothing else.
        "global": {"leaderElection": {"namespace": namespace}},
        # A hook of Helm's, which Pulumi leaves out: only its rights would be left.
        "startupapicheck": {"enabled": False},
    }
    if registry is not None:
        ours["imageRegistry"] = registry
    return merged(ours, values)
