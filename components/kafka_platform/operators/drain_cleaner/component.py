"""Strimzi's Drain Cleaner, which lets Strimzi move Kafka's nodes off drained machines."""

from dataclasses import dataclass

import pulumi

from kafka_platform.operators.component import OperatorArgs, install_chart
from kafka_platform.operators.drain_cleaner.spec import DrainCleanerSpec, check_no_definitions, drain_cleaner_chart
from kafka_platform.values.checks import check_field


@dataclass(frozen=True, kw_only=True)
class DrainCleanerArgs(DrainCleanerSpec, OperatorArgs):
    """Arguments of a `DrainCleaner`. A Kubernetes cluster can have only one: its webhook applies to the whole cluster."""

    def check(self) -> None:
        """Like every operator; but it has no CRDs."""
        check_field("definitions", check_no_definitions, self.definitions)
        super().check()


class DrainCleaner(pulumi.ComponentResource):
    """Strimzi's Drain Cleaner from its official Helm chart.

    Draining a machine asks Kubernetes to evict its pods. For Kafka's pods the Drain Cleaner refuses, and has Strimzi
    restart the nodes elsewhere, one at a time and only while every record has enough replicas in sync. Clusters set
    `drain_cleaner`, so that nothing else can evict a node. The certificate of its webhook comes from cert-manager.
    """

    namespace: pulumi.Output[str]
    """Namespace of the Drain Cleaner, once it is ready."""

    def __init__(self, name: str, args: DrainCleanerArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """`name` is the prefix of its children's names. It needs cert-manager: express that with `depends_on`."""
        super().__init__("kafka-platform:index:DrainCleaner", name, {}, opts)
        given = DrainCleanerArgs.of(args)
        self.namespace = install_chart(self, name, given, drain_cleaner_chart(given))
        self.register_outputs({"namespace": self.namespace})
