"""The spec of KEDA, and the values of its Helm chart."""

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

VERSION = "2.20.2"
"""The KEDA that this release is tested with; its Helm chart carries the same number."""
LEAST_VERSION = (2, 17, 0)
"""The first whose `fallback` keeps the replicas that there are (kedacore/keda#6450)."""
REPOSITORY = "https://kedacore.github.io/charts"
DEFINITIONS = "https://github.com/kedacore/keda/releases/download/v{version}/keda-{version}-crds.yaml"
"""Where each release has the definitions of its kinds."""


@dataclass(frozen=True, kw_only=True)
class KedaSpec(OperatorSpec):
    """Settings of KEDA, shared by programs and stack files."""

    namespace: Input[str] = namespace_of_its_own("keda")
    """Namespace of KEDA. Default keda."""
    version: str = version_of("KEDA", VERSION, least=LEAST_VERSION)
    """Version of KEDA and of its Helm chart, 2.17.0 or newer. Default: the one of this release."""
    registry: str | None = registry_of_images()
    """Registry that has `kedacore/keda`, `kedacore/keda-metrics-apiserver` and `kedacore/keda-admission-webhooks`.
    Default: ghcr.io."""

    def owned(self) -> Mapping[str, str]:
        """Chart values about KEDA's CRDs, which this component creates."""
        return definitions_kept("ScaledObject")


def chart_values(spec: KedaSpec) -> dict[str, Any]:
    """The chart's values: ours, and on top of them the spec's."""
    ours: dict[str, Any] = {
        # They are resources of their own, which outlive the chart.
        "crds": {"install": False},
        # The tag is a release: a KEDA that restarts does not depend on the registry.
        "image": {"pullPolicy": "IfNotPresent"},
        # What it measures, and what it cannot: port `metrics`, which a stack's Prometheus reads.
        "prometheus": {"operator": {"enabled": True}},
        **{part: {"replicaCount": spec.replicas} for part in ("operator", "metricsServer", "webhooks")},
    }
    if spec.replicas > 1:
        budget = {"maxUnavailable": 1}
        ours["podDisruptionBudget"] = dict.fromkeys(("operator", "metricServer", "webhooks"), budget)
    if spec.registry is not None:
        ours["global"] = {"image": {"registry": spec.registry}}
    return merged(ours, spec.values)


def keda_chart(spec: KedaSpec) -> OperatorChart:
    """Its chart, and where it is."""
    return OperatorChart(
        release="keda",
        values=chart_values(spec),
        official=ChartSource(
            chart="keda",
            repository=REPOSITORY,
            version=spec.version,
            definitions=DEFINITIONS.format(version=spec.version),
        ),
    )
