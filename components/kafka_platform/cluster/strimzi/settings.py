"""Inputs of the objects of a Kafka that Strimzi runs. No Pulumi."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from kafka_platform.cluster.metrics import Metrics
from kafka_platform.cluster.spec import ClusterSpec
from kafka_platform.cluster.strimzi.spec import StrimziKafka

if TYPE_CHECKING:
    from pulumi import Input


@dataclass(frozen=True, kw_only=True)
class StrimziSettings:
    """Inputs of the objects of a cluster."""

    name: str
    namespace: "Input[str]"
    spec: ClusterSpec
    strimzi: StrimziKafka
    image: "Input[str] | None" = None

    @property
    def metrics(self) -> Metrics:
        """How nodes expose their metrics."""
        return Metrics.REPORTER if self.spec.metrics is None else self.spec.metrics
