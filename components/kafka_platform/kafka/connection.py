"""How to reach a Kafka: the data that crosses from the cluster to everything that uses it. No Pulumi at run time."""

from collections.abc import Mapping, Sequence
from dataclasses import MISSING, dataclass, field
from typing import TYPE_CHECKING

from kafka_platform.args import Args
from kafka_platform.kafka.protocols import Engine, SaslMechanism, SecurityProtocol
from kafka_platform.kafka.servers import check_bootstrap_servers
from kafka_platform.values.forms import formed, named, word_of
from kafka_platform.values.later import Input
from kafka_platform.values.names import check_label, check_subdomain


@dataclass(frozen=True, kw_only=True)
class KafkaConnection(Args):
    """What a client, a gateway or `KafkaResources` has to know of a Kafka. No secret is in it, only names of Secrets."""

    cluster: Input[str]
    """The cluster's name, which is also the value of the label `kafka-platform/access` that lets a namespace in."""
    namespace: Input[str] = named(check_label, "namespace", default=MISSING)
    """Namespace of the Secrets named here, and where Jobs that manage the cluster run."""
    bootstrap_servers: Input[str] = formed(MISSING, check_bootstrap_servers)
    """Where clients inside Kubernetes connect first: `host:port`, several with commas."""
    external_bootstrap_servers: Input[str] | None = formed(None, check_bootstrap_servers)
    """Where clients outside Kubernetes connect first. Default: they cannot."""
    certificate_bootstrap_servers: Input[str] | None = formed(None, check_bootstrap_servers)
    """Where clients that log in by certificates connect first. Default: they cannot."""
    broker_ports: Sequence[int] = ()
    """Ports of the brokers that are not among those of the bootstrap servers, for network policies. Default: there are none."""
    security_protocol: Input[str] = word_of(SecurityProtocol, MISSING)
    """PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL."""
    sasl_mechanism: Input[str] | None = word_of(SaslMechanism, None)
    """SCRAM-SHA-512 or PLAIN. Default: no login."""
    ca_secret: Input[str] | None = named(check_subdomain, "object name")
    """Secret whose key `ca.crt` is the authority to trust. Default: the usual public ones."""
    authority: Input[str] | None = None
    """The certificates to trust themselves, delivered with users' credentials to where `ca_secret` is not. Default: they
    are not delivered."""
    admin_secret: Input[str] | None = named(check_subdomain, "object name")
    """Secret with the keys `username` and `password` of an administrator. Default: nobody can manage topics and users."""
    nodes: Input[int] | None = None
    """Number of brokers, if it is known."""
    replicas: Input[int] | None = None
    """Copies that a topic gets that does not say otherwise, if it is known."""
    min_insync_replicas: Input[int] | None = None
    """Copies that `acks=all` waits for in a topic that does not say otherwise, if it is known."""
    engine: Engine | None = None
    """Who runs it, where topics and users are declared otherwise than by a Job: `strimzi`, by its custom resources.
    Default: by a Job."""
    scalable_pools: Mapping[str, Input[str]] = field(default_factory=dict)
    """Pools of brokers whose number of nodes an autoscaler owns, and whose records move along: `<namespace>/<name>` by
    name, known once the pool is there. Default: none."""


if TYPE_CHECKING:
    import pulumi

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
