"""What all load balancers have in common: who may come in, and whether their addresses stay visible. No Pulumi."""

from collections.abc import Sequence
from enum import Enum
from typing import TYPE_CHECKING

from kafka_platform.kube.manifests import Manifest

if TYPE_CHECKING:
    from pulumi import Input


class TrafficPolicy(Enum):
    """Which machines pass on what a load balancer sends them (Kubernetes' `externalTrafficPolicy`)."""

    CLUSTER = "Cluster"
    """All of them: the pods see a machine's address instead of the client's."""
    LOCAL = "Local"
    """Those that run the pod: it sees the client's address, and there is no second hop."""


def balancing(source_ranges: "Sequence[Input[str]] | None", traffic_policy: TrafficPolicy | None) -> Manifest:
    """The fields of a Service, which Strimzi's listeners call the same; what is not given is left out."""
    found: Manifest = {}
    if traffic_policy is not None:
        found["externalTrafficPolicy"] = traffic_policy.value
    if source_ranges:
        found["loadBalancerSourceRanges"] = list(source_ranges)
    return found
