"""Strimzi's operator, which runs Kafka from custom resources."""

from dataclasses import dataclass

import pulumi

from kafka_platform.operators.component import OperatorArgs, install_chart
from kafka_platform.operators.strimzi.spec import StrimziOperatorSpec, strimzi_chart


@dataclass(frozen=True, kw_only=True)
class StrimziOperatorArgs(StrimziOperatorSpec, OperatorArgs):
    """Arguments of a `StrimziOperator`."""


class StrimziOperator(pulumi.ComponentResource):
    """Strimzi's operator from its official Helm chart, with its CRDs as separate resources.

    Its version is the one whose custom resources this release renders. The CRDs are kept when the component is removed:
    deleting them would delete every Kafka of the Kubernetes cluster. Clusters should depend on this component, so that
    they are removed first.
    """

    namespace: pulumi.Output[str]
    """Namespace of the operator, once it is ready."""

    def __init__(self, name: str, args: StrimziOperatorArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """`name` is the prefix of its children's names."""
        super().__init__("kafka-platform:index:StrimziOperator", name, {}, opts)
        given = StrimziOperatorArgs.of(args)
        self.namespace = install_chart(self, name, given, strimzi_chart(given))
        self.register_outputs({"namespace": self.namespace})
