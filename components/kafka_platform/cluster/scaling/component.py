"""Broker autoscaling: KEDA scales a pool of a Kafka that Strimzi runs, and Cruise Control moves the records."""

from dataclasses import dataclass

import pulumi

from kafka_platform.args import Args
from kafka_platform.cluster.scaling.objects import objects
from kafka_platform.cluster.scaling.spec import BrokerScaling, check_broker_scaling, drift
from kafka_platform.cluster.strimzi.pools import Pool
from kafka_platform.kafka.connection import KafkaConnection
from kafka_platform.kube.operated import STRIMZI_API
from kafka_platform.kube.place import look_up, place_all
from kafka_platform.values.names import check_workload


@dataclass(frozen=True, kw_only=True)
class BrokerScalerArgs(Args):
    """Arguments of a `BrokerScaler`: which brokers to scale, and on which metrics."""

    connection: KafkaConnection
    """The Kafka: `connection` of its `KafkaCluster`. The pool is one that it leaves to an autoscaler (`autoscaled`)."""
    brokers: Pool
    """The pool, as the cluster's args have it."""
    scaling: BrokerScaling
    """By what, and within which limits."""

    def check(self) -> None:
        """The pool is left to an autoscaler, and can be scaled so."""
        if self.scaling.pool not in self.connection.scalable_pools:
            raise ValueError(
                f"scaling.pool: {self.scaling.pool!r} is not left to an autoscaler, or its records would not move to new "
                "brokers: write autoscaled at the pool, and leave unbalanced out"
            )
        try:
            check_broker_scaling(self.scaling, self.brokers)
        except ValueError as error:
            raise ValueError(f"scaling.{error}") from None
        replicas = self.connection.replicas
        if isinstance(replicas, int) and self.scaling.min < replicas:
            raise ValueError(
                f"scaling.min: {self.scaling.min} brokers cannot hold {replicas} copies of a record: use at least {replicas}"
            )


class BrokerScaler(pulumi.ComponentResource):
    """Scales a pool of brokers with KEDA, which has to be installed, in slow steps.

    It changes the pool's number of nodes. Strimzi starts brokers and has Cruise Control move records to them; before it
    removes brokers it has their records moved away, and it keeps brokers that still have some.
    """

    scaled_object: pulumi.Output[str]
    """Name of the ScaledObject."""
    drift: pulumi.Output[str]
    """What is to be known when the pool has another number of brokers than it should, also as a warning; else empty."""

    def __init__(self, name: str, args: BrokerScalerArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """`name` is the name of the ScaledObject; the autoscaler is `keda-hpa-<name>`."""
        super().__init__("kafka-platform:index:BrokerScaler", name, {}, opts)
        given = BrokerScalerArgs.of(args)
        check_workload(name, "scaler", 40)
        connection, scaling = given.connection, given.scaling
        place_all(self, name, objects(name, connection, given.brokers, scaling))
        # Only read: what the autoscaler asked for, and what Strimzi has made of it.
        pool = look_up(
            f"{name}-pool",
            STRIMZI_API,
            "KafkaNodePool",
            connection.scalable_pools[scaling.pool],
            pulumi.ResourceOptions(parent=self),
        )
        self.scaled_object = pulumi.Output.from_input(name)
        self.drift = pulumi.Output.all(pool.spec, pool.status).apply(
            lambda found: self._warn(
                drift(
                    scaling.pool,
                    int((found[0] or {}).get("replicas", 0)),
                    int(found[1]["replicas"]) if "replicas" in (found[1] or {}) else None,
                )
            )
        )
        self.register_outputs({"scaledObject": self.scaled_object, "drift": self.drift})

    def _warn(self, message: str) -> str:
        if message:
            pulumi.log.warn(message, self)
        return message
