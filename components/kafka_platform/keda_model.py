"""What a KEDA may be, and the values that its Helm chart is given."""

from collections.abc import Mapping
from typing import Any

from kafka_platform.charts import check_chart, check_version, definitions_kept, merged

VERSION = "2.20.2"
"""The KEDA that this release is tested with; its Helm chart carries the same number."""
LEAST_VERSION = (2, 17, 0)
"""The first whose `fallback` keeps the replicas that there are (kedacore/keda#6450)."""
REPOSITORY = "https://kedacore.github.io/charts"
DEFINITIONS = "https://github.com/kedacore/keda/releases/download/v{version}/keda-{version}-crds.yaml"
"""Where each release has the definitions of its kinds."""


def check_keda(*, version: str, replicas: int, registry: str | None, values: Mapping[str, Any]) -> None:
    """Raises ValueError, which names the field, the value and the fix, for what cannot be installed."""
    check_version(version, "KEDA", VERSION, LEAST_VERSION)
    check_chart(replicas=replicas, registry=registry, values=values, owned=definitions_kept("ScaledObject"))


def chart_values(*, replicas: int, registry: str | None, values: Mapping[str, Any]) -> dict[str, Any]:
    """The chart's values: ours, and on top of them `values`."""
    ours: dict[str, Any] = {
        # They are resources of their own, which outlive the chart.
        "crds": {"install": False},
        # The tag is a release: a KEDA that restarts does not depend on the registry.
        "image": {"pullPolicy": "IfNotPresent"},
        **{part: {"replicaCount": replicas} for part in ("operator", "metricsServer", "webhooks")},
    }
    if replicas > 1:
        budget = {"maxUnavailable": 1}
        ours["podDisruptionBudget"] = dict.fromkeys(("operator", "metricServer", "webhooks"), budget)
    if registry is not None:
        ours["global"] = {"image": {"registry": registry}}
    return merged(ours, values)
