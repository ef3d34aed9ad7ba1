"""KEDA, which scales workloads by measured load."""

from dataclasses import dataclass

import pulumi

from kafka_platform.operators.component import OperatorArgs, install_chart
from kafka_platform.operators.keda.spec import KedaSpec, keda_chart


@dataclass(frozen=True, kw_only=True)
class KedaOperatorArgs(KedaSpec, OperatorArgs):
    """Arguments of a `KedaOperator`. A Kubernetes cluster can have only one, because there is one external metrics API."""


class KedaOperator(pulumi.ComponentResource):
    """KEDA from its official Helm chart, with its CRDs as separate resources.

    The CRDs are kept when the component is removed, and with them every ScaledObject; as part of the chart they would
    be deleted with it. Whatever KEDA scales should depend on this component, so that it is removed while KEDA can still
    remove its finalizers.
    """

    namespace: pulumi.Output[str]
    """Namespace of KEDA, once it is ready."""

    def __init__(self, name: str, args: KedaOperatorArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """`name` is the prefix of its children's names."""
        super().__init__("kafka-platform:index:KedaOperator", name, {}, opts)
        given = KedaOperatorArgs.of(args)
        self.namespace = install_chart(self, name, given, keda_chart(given))
        self.register_outputs({"namespace": self.namespace})
