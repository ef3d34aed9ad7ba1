"""KEDA, which scales workloads by measured load."""

from dataclasses import dataclass

import pulumi

from kafka_platform.operators.component import OperatorArgs, OperatorChart, install_chart
from kafka_platform.operators.keda.spec import DEFINITIONS, REPOSITORY, KedaSpec, chart_values
from kafka_platform.operators.sources import ChartSource


@dataclass(frozen=True, kw_only=True)
class KedaOperatorArgs(KedaSpec, OperatorArgs):
    """How KEDA shall be installed. A Kubernetes cluster takes one KEDA: its metrics API has one place."""


class KedaOperator(pulumi.ComponentResource):
    """KEDA by its official Helm chart, with the definitions of its kinds as resources of their own.

    The definitions stay when the component goes, and with them every ScaledObject: as a part of the chart they, and so
    every ScaledObject of the cluster, would be deleted with it. What is scaled by KEDA depends on this component, so
    that it is removed while KEDA is still there to take its finalizers away.
    """

    namespace: pulumi.Output[str]
    """Namespace of KEDA, once it is ready."""

    def __init__(self, name: str, args: KedaOperatorArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """`name` is the prefix of its children's names."""
        super().__init__("kafka-platform:index:KedaOperator", name, {}, opts)
        given = KedaOperatorArgs.of(args)
        chart = OperatorChart(
            release="keda",
            values=chart_values(given),
            official=ChartSource(
                chart="keda",
                repository=REPOSITORY,
                version=given.version,
                definitions=DEFINITIONS.format(version=given.version),
            ),
        )
        self.namespace = install_chart(self, name, given, chart)
        self.register_outputs({"namespace": self.namespace})
