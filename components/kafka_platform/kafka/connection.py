"""How to reach a Kafka: the data that crosses from the cluster to everything that uses it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pulumi

from kafka_platform.args import Args
from kafka_platform.kafka.plain_connection import PlainConnection
from kafka_platform.values.forms import shared


@dataclass(frozen=True, kw_only=True)
class KafkaConnection(PlainConnection, Args):
    """What a client, a gateway or `KafkaResources` has to know of a Kafka. No secret is in it, only names of Secrets."""

    # A program may know these only when it runs; what they mean is said by the base.
    cluster: pulumi.Input[str]  # type: ignore[assignment]
    namespace: pulumi.Input[str]  # type: ignore[assignment]
    bootstrap_servers: pulumi.Input[str]  # type: ignore[assignment]
    external_bootstrap_servers: pulumi.Input[str] | None = None  # type: ignore[assignment]
    certificate_bootstrap_servers: pulumi.Input[str] | None = None  # type: ignore[assignment]
    security_protocol: pulumi.Input[str]  # type: ignore[assignment]
    sasl_mechanism: pulumi.Input[str] | None = None  # type: ignore[assignment]
    ca_secret: pulumi.Input[str] | None = None  # type: ignore[assignment]
    authority: pulumi.Input[str] | None = None  # type: ignore[assignment]
    admin_secret: pulumi.Input[str] | None = None  # type: ignore[assignment]
    nodes: pulumi.Input[int] | None = None  # type: ignore[assignment]
    replicas: pulumi.Input[int] | None = None  # type: ignore[assignment]
    min_insync_replicas: pulumi.Input[int] | None = None  # type: ignore[assignment]
    scalable_pools: Mapping[str, pulumi.Input[str]] = field(default_factory=dict)  # type: ignore[assignment]


if TYPE_CHECKING:

    @dataclass(frozen=True, kw_only=True)
    class ClusterConnection(KafkaConnection):
        """The connection that a `KafkaCluster` gives: what follows from the cluster is an Output, also where it is known."""

        namespace: pulumi.Output[str]
        bootstrap_servers: pulumi.Output[str]
        external_bootstrap_servers: pulumi.Output[str] | None = None
        certificate_bootstrap_servers: pulumi.Output[str] | None = None

else:
    # One class for all, which other languages know: a component takes what another one gives.
    ClusterConnection = KafkaConnection

FROM_CLUSTER = ("namespace", "bootstrap_servers", "external_bootstrap_servers", "certificate_bootstrap_servers")
"""The fields that are Outputs in what a cluster gives."""


def of_cluster(connection: KafkaConnection) -> ClusterConnection:
    """The connection as a cluster gives it."""
    given = shared(connection, KafkaConnection)
    outputs = {name: pulumi.Output.from_input(given[name]) for name in FROM_CLUSTER if given[name] is not None}
    return ClusterConnection(**given | outputs)
