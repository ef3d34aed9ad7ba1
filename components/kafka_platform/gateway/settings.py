"""What the objects of an HTTP gateway follow from. No Pulumi."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from kafka_platform.gateway.spec import GatewaySpec
from kafka_platform.kube.manifests import selector

if TYPE_CHECKING:
    from pulumi import Input

    from kafka_platform.kafka.connection import KafkaConnection

COMPONENT = "gateway"


@dataclass(frozen=True, kw_only=True)
class GatewaySettings:
    """What the objects of a gateway follow from."""

    name: str
    namespace: "Input[str]"
    connection: "KafkaConnection"
    image: "Input[str]"
    spread: str = "topology.kubernetes.io/zone"
    spec: GatewaySpec = field(default_factory=GatewaySpec)

    @property
    def scheme(self) -> str:
        """How callers speak with the pods."""
        return "https" if self.spec.tls is not None else "http"

    @property
    def port(self) -> int:
        """The usual port of the scheme, which the Service has."""
        return 443 if self.spec.tls is not None else 80

    @property
    def own(self) -> dict[str, str]:
        """The labels that find the pods."""
        return selector(self.name, COMPONENT)


def url(settings: GatewaySettings, namespace: str) -> str:
    """Where callers inside Kubernetes reach the gateway."""
    return f"{settings.scheme}://{settings.name}.{namespace}.svc"
