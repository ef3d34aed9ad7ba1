"""A pulse in the graph."""

from dataclasses import dataclass

import pulumi
from kafka_platform.args import Args
from kafka_platform.kafka.connection import KafkaConnection
from kafka_platform.kube.place import place_all
from kafka_platform.pulse.objects import objects
from kafka_platform.pulse.spec import PulseSpec


@dataclass(frozen=True, kw_only=True)
class PulseArgs(PulseSpec, Args):
    """What a pulse shall be."""

    connection: KafkaConnection
    """The Kafka, as its `KafkaCluster` tells."""


class Pulse(pulumi.ComponentResource):
    """Writes the time to a topic of its own, again and again."""

    deployment: pulumi.Output[str]
    """Name of the Deployment."""

    def __init__(self, name: str, args: PulseArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """`name` is the name of the Deployment."""
        super().__init__("kafka-platform:index:Pulse", name, {}, opts)
        given = PulseArgs.of(args)
        place_all(self, name, objects(name, given, given.connection))
        self.deployment = pulumi.Output.from_input(name)
        self.register_outputs({"deployment": self.deployment})
