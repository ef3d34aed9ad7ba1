"""Strimzi's operator, which runs Kafka by custom resources."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pulumi
from pulumi_kubernetes.core.v1 import Namespace
from pulumi_kubernetes.helm.v4 import Chart
from pulumi_kubernetes.yaml.v2 import ConfigFile

from kafka_platform.args import Args
from kafka_platform.gateway_model import checked
from kafka_platform.kubernetes import after, place
from kafka_platform.names import check_label
from kafka_platform.strimzi_chart import CHART, DEFINITIONS, check_strimzi_chart, strimzi_chart_values
from kafka_platform.strimzi_model import STRIMZI_VERSION


@dataclass(frozen=True, kw_only=True)
class StrimziOperatorArgs(Args):
    """How Strimzi's operator shall be installed."""

    namespace: str = "strimzi"
    """Namespace of the operator. Default strimzi."""
    create_namespace: bool = True
    """Whether the namespace is made (and removed) with it. Default true."""
    watch_namespaces: Sequence[str] = ()
    """Namespaces whose Kafkas it runs, besides those in its own; they have to exist. Default: all namespaces."""
    replicas: int = 2
    """Pods: one works, the others take over when its machine goes. Default 2."""
    registry: str | None = None
    """Registry that has the images `strimzi/operator`, `strimzi/kafka` and their companions. Default: quay.io."""
    chart: str = CHART
    """The Helm chart. Default: the official one."""
    definitions: str | None = None
    """File or URL with the definitions of Strimzi's kinds, of the same version. Default: those of the official release."""
    values: Mapping[str, Any] = field(default_factory=dict)
    """Further values of the Helm chart, on top of those that follow from the fields above. Default: none."""

    def __post_init__(self) -> None:
        checked("namespace", check_label, self.namespace, "namespace")
        for namespace in self.watch_namespaces:
            checked("watch_namespaces", check_label, namespace, "namespace")
        check_strimzi_chart(replicas=self.replicas, registry=self.registry)


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
        needed: list[pulumi.Resource] = [
            ConfigFile(
                f"{name}-definitions",
                file=given.definitions or DEFINITIONS.format(version=STRIMZI_VERSION),
                opts=pulumi.ResourceOptions(parent=self, retain_on_delete=True),
            )
        ]
        if given.create_namespace:
            manifest = {"metadata": {"name": given.namespace}}
            needed.append(place(Namespace, f"{name}-namespace", manifest, pulumi.ResourceOptions(parent=self)))
        values = strimzi_chart_values(
            namespace=given.namespace,
            watch_namespaces=given.watch_namespaces,
            replicas=given.replicas,
            registry=given.registry,
            values=given.values,
        )
        chart = Chart(
            f"{name}-chart",
            name="strimzi",
            chart=given.chart,
            version=STRIMZI_VERSION,
            namespace=given.namespace,
            # Helm never upgrades what lies in a chart's folder `crds`.
            skip_crds=True,
            values=values,
            opts=pulumi.ResourceOptions(parent=self, depends_on=needed),
        )
        self.namespace = after(given.namespace, chart)
        self.register_outputs({"namespace": self.namespace})
