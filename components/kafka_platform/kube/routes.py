"""The Gateway API: its group, and the versions of its kind for TLS that passes through. No Pulumi."""

from enum import Enum

GROUP = "gateway.networking.k8s.io"


class RouteVersion(Enum):
    """Version of the Gateway API's kind TLSRoute: what a cluster serves, and what a controller reads."""

    V1 = "v1"
    """Since Gateway API 1.5."""
    V1ALPHA2 = "v1alpha2"
    """In the experimental channel up to 1.5: for controllers of before, such as Traefik 3.6."""
