"""Lets the Prometheus operator watch a platform."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pulumi

from kafka_platform.args import Args
from kafka_platform.kafka.connection import KafkaConnection
from kafka_platform.kube.place import place_all
from kafka_platform.monitoring.objects import monitors, objects
from kafka_platform.monitoring.spec import MonitoredSpec
from kafka_platform.values.names import check_service_name


@dataclass(frozen=True, kw_only=True)
class MonitoringArgs(MonitoredSpec, Args):
    """What there is to watch. The Kubernetes cluster has to know the Prometheus operator's kinds."""

    connection: KafkaConnection
    """The Kafka, as its `KafkaCluster` tells."""
    workers: Mapping[str, pulumi.Input[str]] = field(default_factory=dict)
    """Namespaces of the workers with a port called `metrics`, by their names. Default: none."""


class Monitoring(pulumi.ComponentResource):
    """Monitors and alert rules for what belongs to a Kafka.

    Prometheus then reads brokers, controllers, Kafka Exporter, Strimzi's operator, gateways, probes and workers, and knows
    what somebody has to be told of (docs/components/monitoring.md).
    """

    monitors: pulumi.Output[Sequence[str]]
    """Names of the PodMonitors."""

    def __init__(self, name: str, args: MonitoringArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """`name` is the name of the rules, and the prefix of the monitors of Kafka itself."""
        super().__init__("kafka-platform:index:Monitoring", name, {}, opts)
        given = MonitoringArgs.of(args)
        check_service_name(name, "monitoring")
        place_all(self, name, objects(name, given, given.connection, given.workers))
        names = [each.name for each in monitors(name, given, given.connection, given.workers).values()]
        self.monitors = pulumi.Output.from_input(names)
        self.register_outputs({"monitors": self.monitors})
