"""How to reach a Kafka: the data that crosses from the cluster to everything that uses it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import pulumi

from kafka_platform.args import Args
from kafka_platform.kafka.plain_connection import PlainConnection


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
