"""The values that the Helm chart of Strimzi's operator is given. No Pulumi."""

from collections.abc import Mapping, Sequence
from typing import Any

from kafka_platform.charts import merged

CHART = "oci://quay.io/strimzi-helm/strimzi-kafka-operator"
DEFINITIONS = (
    "https://github.com/strimzi/strimzi-kafka-operator/releases/download/{version}/strimzi-crds-{version}.yaml"
)
"""Where each release has the definitions of its kinds."""


def strimzi_chart_values(
    *,
    namespace: str,
    watch_namespaces: Sequence[str],
    replicas: int,
    registry: str | None,
    values: Mapping[str, Any],
) -> dict[str, Any]:
    """The chart's values: ours, and on top of them `values`."""
    ours: dict[str, Any] = {"replicas": replicas}
    # The operator watches its own namespace in any case, and the chart fails when that is named too.
    others = sorted(set(watch_namespaces) - {namespace})
    if watch_namespaces:
        ours["watchNamespaces"] = others
    else:
        ours["watchAnyNamespace"] = True
    if replicas > 1:
        ours["podDisruptionBudget"] = {"enabled": True, "maxUnavailable": 1, "minAvailable": None}
    if registry is not None:
        ours["defaultImageRegistry"] = registry
    return merged(ours, values)
