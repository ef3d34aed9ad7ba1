"""The spec of Strimzi's Drain Cleaner, and the values of its Helm chart. No Pulumi."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kafka_platform.kube.pods import MACHINE, container_security, spread_over
from kafka_platform.operators.charts import (
    OperatorChart,
    OperatorSpec,
    merged,
    namespace_of_its_own,
    registry_of_images,
    version_of,
)
from kafka_platform.operators.sources import ChartSource
from kafka_platform.values.later import Input

DRAIN_CLEANER_VERSION = "1.6.0"
"""The Drain Cleaner of this release; its Helm chart carries the same number."""
LEAST_VERSION = (1, 5, 0)
"""The first whose chart takes a security context."""
CHART = "oci://quay.io/strimzi-helm/strimzi-drain-cleaner"


@dataclass(frozen=True, kw_only=True)
class DrainCleanerSpec(OperatorSpec):
    """Settings of the Drain Cleaner, shared by programs and stack files."""

    namespace: Input[str] = namespace_of_its_own("strimzi-drain-cleaner")
    """Namespace of the Drain Cleaner. Default strimzi-drain-cleaner."""
    version: str = version_of("the Drain Cleaner", DRAIN_CLEANER_VERSION, least=LEAST_VERSION)
    """Version of the Drain Cleaner and of its Helm chart, 1.5.0 or newer. Default: the one of this release."""
    registry: str | None = registry_of_images()
    """Registry that has the image `strimzi/drain-cleaner`. Default: quay.io."""

    def owned(self) -> Mapping[str, str]:
        """The namespace."""
        return {"namespace": "it is said apart: remove the key, and write namespace and create_namespace"}


def check_no_definitions(definitions: str | None) -> None:
    """Raises if CRDs are given."""
    if definitions is not None:
        raise ValueError("the Drain Cleaner has no kinds of its own: remove the key")


def drain_cleaner_values(spec: DrainCleanerSpec) -> dict[str, Any]:
    """The chart's values: ours, and on top of them the spec's."""
    ours: dict[str, Any] = {
        "certManager": {"create": True},
        "namespace": {"create": False, "name": spec.namespace},
        "podSecurityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
        "replicaCount": spec.replicas,
        # What the chart suggests and leaves out, with as much again for Java.
        "resources": {"limits": {"memory": "256Mi"}, "requests": {"cpu": "100m", "memory": "128Mi"}},
        "securityContext": container_security(),
        "topologySpreadConstraints": spread_over(MACHINE, {"app": "strimzi-drain-cleaner"}),
    }
    if spec.replicas > 1:
        # It answers while the machine under one of its own pods is drained.
        ours["podDisruptionBudget"] = {"create": True, "minAvailable": 1}
    if spec.registry is not None:
        ours["image"] = {"registry": spec.registry}
    return merged(ours, spec.values)


def drain_cleaner_chart(spec: DrainCleanerSpec) -> OperatorChart:
    """Its chart, and where it is."""
    return OperatorChart(
        release="strimzi-drain-cleaner",
        values=drain_cleaner_values(spec),
        official=ChartSource(chart=CHART, version=spec.version),
    )
