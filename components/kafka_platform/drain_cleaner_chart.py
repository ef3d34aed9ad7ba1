"""The values that the Helm chart of Strimzi's Drain Cleaner is given. No Pulumi."""

from collections.abc import Mapping
from typing import Any

from kafka_platform.charts import check_chart, check_version, merged
from kafka_platform.pods import MACHINE, container_security, spread_over

DRAIN_CLEANER_VERSION = "1.6.0"
"""The Drain Cleaner of this release; its Helm chart carries the same number."""
LEAST_VERSION = (1, 5, 0)
"""The first whose chart takes a security context."""
CHART = "oci://quay.io/strimzi-helm/strimzi-drain-cleaner"


def check_drain_cleaner(*, version: str, replicas: int, registry: str | None, values: Mapping[str, Any]) -> None:
    """Raises ValueError, which names the field, the value and the fix, for what cannot be installed."""
    check_version(version, "the Drain Cleaner", DRAIN_CLEANER_VERSION, LEAST_VERSION)
    owned = {"namespace": "it is said apart: remove the key, and write namespace and create_namespace"}
    check_chart(replicas=replicas, registry=registry, values=values, owned=owned)


def check_no_definitions(definitions: str | None) -> None:
    """Raises if there are definitions of kinds."""
    if definitions is not None:
        raise ValueError("the Drain Cleaner has no kinds of its own: remove the key")


def drain_cleaner_values(
    *, namespace: str, replicas: int, registry: str | None, values: Mapping[str, Any]
) -> dict[str, Any]:
    """The chart's values: ours, and on top of them `values`."""
    ours: dict[str, Any] = {
        "certManager": {"create": True},
        "namespace": {"create": False, "name": namespace},
        "podSecurityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
        "replicaCount": replicas,
        # What the chart suggests and leaves out, with as much again for Java.
        "resources": {"limits": {"memory": "256Mi"}, "requests": {"cpu": "100m", "memory": "128Mi"}},
        "securityContext": container_security(),
        "topologySpreadConstraints": spread_over(MACHINE, {"app": "strimzi-drain-cleaner"}),
    }
    if replicas > 1:
        # It answers while the machine under one of its own pods is drained.
        ours["podDisruptionBudget"] = {"create": True, "minAvailable": 1}
    if registry is not None:
        ours["image"] = {"registry": registry}
    return merged(ours, values)
