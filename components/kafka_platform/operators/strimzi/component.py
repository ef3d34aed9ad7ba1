"""Strimzi's operator, which runs Kafka from custom resources."""

from dataclasses import dataclass

import pulumi

from kafka_platform.kube.operated import STRIMZI_VERSION
from kafka_platform.operators.component import OperatorArgs, OperatorChart, install_chart
from kafka_platform.operators.sources import ChartSource
from kafka_platform.operators.strimzi.spec import CHART, DEFINITIONS, StrimziOperatorSpec, strimzi_chart_values


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
        chart = OperatorChart(
            release="strimzi",
            values=strimzi_chart_values(given),
            official=ChartSource(
                chart=CHART, version=STRIMZI_VERSION, definitions=DEFINITIONS.format(version=STRIMZI_VERSION)
            ),
        )
        self.namespace = install_chart(self, name, given, chart)
        self.register_outputs({"namespace": self.namespace})
