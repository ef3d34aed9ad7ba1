"""What all pods of this platform have in common: what they may do, and where they run.

Without Pulumi, which the checks of settings do not load: they render the charts' values too.
"""

from collections.abc import Mapping
from typing import Any

HTTP_PORT = 8080
"""Port of our programs' pods at which the gateway listens."""
METRICS_PORT = 9404
"""Port of our programs' pods at which Prometheus reads them."""
MACHINE = "kubernetes.io/hostname"
"""The label that tells machines apart."""

RUN_ONCE: Mapping[str, Any] = {
    "backoffLimit": 0,
    "podFailurePolicy": {
        "rules": [{"action": "Ignore", "onPodConditions": [{"status": "True", "type": "DisruptionTarget"}]}]
    },
}
"""For the `spec` of a Job whose program itself tries again what may yet succeed: a failure is final, unless the pod was
evicted. The official Kubernetes plugin notices only Jobs that are beyond their limit of failures or their deadline."""


def container_security() -> dict[str, Any]:
    """What every container of this platform may do: nothing but write to its volumes."""
    return {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "readOnlyRootFilesystem": True,
    }


def pod_security() -> dict[str, Any]:
    """How every pod of this platform runs: as the images' user 1000, never as root."""
    return {
        "fsGroup": 1000,
        "fsGroupChangePolicy": "OnRootMismatch",
        "runAsGroup": 1000,
        "runAsNonRoot": True,
        "runAsUser": 1000,
        "seccompProfile": {"type": "RuntimeDefault"},
    }


def prefer_other_machines(own: Mapping[str, str]) -> dict[str, Any]:
    """The affinity of pods that would rather not share a machine with one of their own."""
    term = {"labelSelector": {"matchLabels": dict(own)}, "topologyKey": MACHINE}
    return {
        "podAntiAffinity": {
            "preferredDuringSchedulingIgnoredDuringExecution": [{"podAffinityTerm": term, "weight": 100}]
        }
    }


def spread_over(label: str, own: Mapping[str, str]) -> list[dict[str, Any]]:
    """The constraints of pods that are spread over machines and over the values of a label, as far as possible."""
    return [
        {
            "labelSelector": {"matchLabels": dict(own)},
            "maxSkew": 1,
            "topologyKey": key,
            "whenUnsatisfiable": "ScheduleAnyway",
        }
        for key in dict.fromkeys((MACHINE, label))
    ]
