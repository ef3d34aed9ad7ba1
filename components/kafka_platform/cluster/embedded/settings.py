"""Inputs of the objects of an embedded Kafka cluster. No Pulumi."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from kafka_platform.cluster.embedded.files import BrokerSettings
from kafka_platform.cluster.metrics import Metrics
from kafka_platform.cluster.spec import ClusterSpec
from kafka_platform.kube.metrics import NODES_COMPONENT

if TYPE_CHECKING:
    from pulumi import Input

COMPONENT = NODES_COMPONENT
HEALTH_PORT = 9600


@dataclass(frozen=True, kw_only=True)
class EmbeddedSettings:
    """Inputs of the objects of an embedded cluster."""

    name: str
    namespace: "Input[str]"
    spec: ClusterSpec
    image: "Input[str]"
    runtime_image: "Input[str]"

    @property
    def shows_metrics(self) -> bool:
        """Whether the JMX agent runs in the nodes."""
        return self.spec.metrics is Metrics.JMX

    @property
    def broker(self) -> BrokerSettings:
        """Inputs of the nodes' files."""
        spec = self.spec
        return BrokerSettings(
            name=self.name,
            nodes=spec.nodes,
            defaults=spec.defaults,
            listeners=spec.listeners,
            config=spec.config,
            metrics=self.shows_metrics,
        )
