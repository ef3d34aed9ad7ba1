"""Strimzi's operator, which runs Kafka by custom resources."""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi

from kafka_platform.chart_sources import ChartSource
from kafka_platform.charts import check_chart
from kafka_platform.checks import checked
from kafka_platform.names import check_label
from kafka_platform.operators import OperatorArgs, OperatorChart, installed
from kafka_platform.strimzi_chart import CHART, DEFINITIONS, strimzi_chart_values
from kafka_platform.strimzi_model import STRIMZI_VERSION


@dataclass(frozen=True, kw_only=True)
class StrimziOperatorArgs(OperatorArgs):
    """How Strimzi's operator shall be installed."""

    namespace: str = "strimzi"
    """Namespace of the operator. Default strimzi."""
    watch_namespaces: Sequence[str] = ()
    """Namespaces whose Kafkas it runs, besides those in its own; they have to exist. Default: all namespaces."""
    registry: str | None = None
    """Registry that has the images `strimzi/operator`, `strimzi/kafka` and their companions. Default: quay.io."""

    def __post_init__(self) -> None:
        super().__post_init__()
        for namespace in self.watch_namespaces:
            checked("watch_namespaces", check_label, namespace, "namespace")
        check_chart(replicas=self.replicas, registry=self.registry, values=self.values)


class StrimziOperator(pulumi.ComponentResource):
    """Strimzi's operator by its official Helm chart, with the definitions of its kinds as resources of their own.

    Its version is the one whose custom resources this release renders. The definitions stay when the component goes: with
    them every Kafka of the Kubernetes cluster would go. Clusters depend on this component, so that they are removed first.
    """

    namespace: pulumi.Output[str]
    """Namespace of the operator, once it is ready."""

    def __init__(self, name: str, args: StrimziOperatorArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """`name` is the prefix of its children's names."""
        super().__init__("kafka-platform:index:StrimziOperator", name, {}, opts)
        given = StrimziOperatorArgs.of(args)
        values = strimzi_chart_values(
            namespace=given.namespace,
            watch_namespaces=given.watch_namespaces,
            replicas=given.replicas,
            registry=given.registry,
            values=given.values,
        )
        chart = OperatorChart(
            release="strimzi",
            values=values,
            official=ChartSource(
                chart=CHART, version=STRIMZI_VERSION, definitions=DEFINITIONS.format(version=STRIMZI_VERSION)
            ),
        )
        self.namespace = installed(self, name, given, chart)
        self.register_outputs({"namespace": self.namespace})
