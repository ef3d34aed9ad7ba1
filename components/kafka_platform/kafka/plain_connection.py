"""How to reach a Kafka, as far as it is known without deploying anything. No Pulumi."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from kafka_platform.kafka.protocols import Engine


@dataclass(frozen=True, kw_only=True)
class PlainConnection:
    """What a client, a gateway or `KafkaResources` has to know of a Kafka. No secret is in it, only names of Secrets."""

    cluster: str
    """The cluster's name, which is also the value of the label `kafka-platform/access` that lets a namespace in."""
    namespace: str
    """Namespace of the Secrets named here, and where Jobs that manage the cluster run."""
    bootstrap_servers: str
    """Where clients inside Kubernetes connect first: `host:port`, several with commas."""
    external_bootstrap_servers: str | None = None
    """Where clients outside Kubernetes connect first. Default: they cannot."""
    certificate_bootstrap_servers: str | None = None
    """Where clients that log in by certificates connect first. Default: they cannot."""
    broker_ports: Sequence[int] = ()
    """Ports of the brokers that are not among those of the bootstrap servers, for network policies. Default: there are none."""
    security_protocol: str
    """PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL."""
    sasl_mechanism: str | None = None
    """SCRAM-SHA-512 or PLAIN. Default: no login."""
    ca_secret: str | None = None
    """Secret whose key `ca.crt` is the authority to trust. Default: the usual public ones."""
    authority: str | None = None
    """The certificates to trust themselves, delivered with users' credentials to where `ca_secret` is not. Default: they
    are not delivered."""
    admin_secret: str | None = None
    """Secret with the keys `username` and `password` of an administrator. Default: nobody can manage topics and users."""
    nodes: int | None = None
    """Number of brokers, if it is known."""
    replicas: int | None = None
    """Copies that a topic gets that does not say otherwise, if it is known."""
    min_insync_replicas: int | None = None
    """Copies that `acks=all` waits for in a topic that does not say otherwise, if it is known."""
    engine: Engine | None = None
    """Who runs it, where topics and users are declared otherwise than by a Job: `strimzi`, by its custom resources.
    Default: by a Job."""
    scalable_pools: Mapping[str, str] = field(default_factory=dict)
    """Pools of brokers whose number of nodes an autoscaler owns, and whose records move along: `<namespace>/<name>` by
    name, known once the pool is there. Default: none."""
