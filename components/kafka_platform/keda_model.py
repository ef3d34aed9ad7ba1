"""What a KEDA may be, and the values that its Helm chart is given."""

import re
from collections.abc import Mapping
from typing import Any

from kafka_platform.charts import check_registry, merged

VERSION = "2.20.2"
"""The KEDA that this release is tested with; its Helm chart carries the same number."""
LEAST_VERSION = (2, 17, 0)
"""The first whose `fallback` keeps the replicas that there are (kedacore/keda#6450)."""
REPOSITORY = "https://kedacore.github.io/charts"
DEFINITIONS = "https://github.com/kedacore/keda/releases/download/v{version}/keda-{version}-crds.yaml"
"""Where each release has the definitions of its kinds."""
MOST_REPLICAS = 5
"""One pod of each part works and the others wait: more of them only cost."""

_VERSION = re.compile(r"(\d+)\.(\d+)\.(\d+)")


def check_keda(*, version: str, replicas: int, registry: str | None, values: Mapping[str, Any]) -> None:
    """Raises ValueError, which names the field, the value and the fix, for what cannot be installed."""
    match = _VERSION.fullmatch(version)
    if match is None:
        raise ValueError(f"version: {version!r} is not a version of KEDA: write three numbers, such as {VERSION}")
    if tuple(map(int, match.groups())) < LEAST_VERSION:
        least = ".".join(map(str, LEAST_VERSION))
        raise ValueError(f"version: {version} is too old: use {least} or newer, such as {VERSION}")
    if not 1 <= replicas <= MOST_REPLICAS:
        raise ValueError(f"replicas: {replicas} is out of range: use 1 to {MOST_REPLICAS}")
    check_registry(registry)
    if "crds" in values:
        raise ValueError(
            "values: crds: the chart would delete every ScaledObject when it goes: remove the key, the definitions are kept"
        )


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
