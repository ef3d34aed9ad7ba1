"""Inputs of the objects of an HTTP gateway. No Pulumi."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from kafka_platform.gateway.spec import GatewaySpec
from kafka_platform.kube.manifests import selector
from kafka_platform.values.names import user_secret

if TYPE_CHECKING:
    from pulumi import Input

    from kafka_platform.kafka.connection import KafkaConnection
    from kafka_platform.kafka.registry import RegistryConnection

COMPONENT = "gateway"


@dataclass(frozen=True, kw_only=True)
class GatewaySettings:
    """Inputs of the objects of a gateway."""

    name: str
    namespace: "Input[str]"
    connection: "KafkaConnection"
    image: "Input[str]"
    spread: str = "topology.kubernetes.io/zone"
    spec: GatewaySpec = field(default_factory=GatewaySpec)
    registry: "RegistryConnection | None" = None

    @property
    def scheme(self) -> str:
        """How callers speak with the pods."""
        return scheme(self.spec)

    @property
    def port(self) -> int:
        """The usual port of the scheme, which the Service has."""
        return 443 if self.spec.tls is not None else 80

    @property
    def anonymous_secret(self) -> "Input[str] | None":
        """Name of the Secret of the user that callers without credentials are; None if there is none."""
        if self.spec.anonymous is None or self.spec.anonymous_secret is not None:
            return self.spec.anonymous_secret
        return user_secret(self.spec.anonymous)

    @property
    def own(self) -> dict[str, str]:
        """The labels that find the pods."""
        return selector(self.name, COMPONENT)


def scheme(spec: GatewaySpec) -> str:
    """How callers speak with the gateway's pods."""
    return "https" if spec.tls is not None else "http"


def url(name: str, namespace: str, spec: GatewaySpec) -> str:
    """URL of the gateway inside Kubernetes."""
    return f"{scheme(spec)}://{name}.{namespace}.svc"
