"""The connection to a Kafka: data that a cluster outputs and other components take. No Pulumi at run time."""

from collections.abc import Mapping, Sequence
from dataclasses import MISSING, dataclass, field
from typing import TYPE_CHECKING

from kafka_platform.args import Args
from kafka_platform.kafka.oauth import OAuth, check_extensions, check_scope, check_token_url
from kafka_platform.kafka.protocols import SCRAM, Engine, SaslMechanism, SecurityProtocol
from kafka_platform.kafka.servers import check_bootstrap_servers
from kafka_platform.values.forms import formed, mapping, named, word_of
from kafka_platform.values.later import Input, known
from kafka_platform.values.names import check_label, check_subdomain

_SOME = SaslMechanism.SCRAM_SHA_512.value
"""What a mechanism is taken for that a program knows only later: the provisioner refuses passwords that it is not for."""


@dataclass(frozen=True, kw_only=True)
class KafkaConnection(Args):
    """What a client, a gateway or `KafkaResources` needs to know about a Kafka. It holds no secrets, only names of Secrets."""

    cluster: Input[str]
    """The cluster's name, which is also the value of the label `kafka-platform/access` that lets a namespace in."""
    namespace: Input[str] = named(check_label, "namespace", default=MISSING)
    """Namespace of the Secrets named here, and where Jobs that manage the cluster run."""
    bootstrap_servers: Input[str] = formed(MISSING, check_bootstrap_servers)
    """Where clients inside Kubernetes connect first: `host:port`, several with commas."""
    external_bootstrap_servers: Input[str] | None = formed(None, check_bootstrap_servers)
    """Where clients outside Kubernetes connect first. Default: they cannot."""
    certificate_bootstrap_servers: Input[str] | None = formed(None, check_bootstrap_servers)
    """Where clients that log in with certificates connect first. Default: they cannot."""
    broker_ports: Sequence[int] = ()
    """Broker ports that are not in the bootstrap servers, for network policies. Default: none."""
    security_protocol: Input[str] = word_of(SecurityProtocol, MISSING)
    """PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL."""
    sasl_mechanism: Input[str] | None = word_of(SaslMechanism, None)
    """SCRAM-SHA-512, SCRAM-SHA-256, PLAIN or OAUTHBEARER. Default: no login, or one by certificate."""
    oauth_token_url: Input[str] | None = formed(None, check_token_url)
    """With OAUTHBEARER: the token endpoint from which clients get their tokens. Default: there is none."""
    oauth_scope: Input[str] | None = formed(None, check_scope)
    """What tokens are asked for, several separated by spaces. Default: what the server grants on its own."""
    oauth_extensions: Mapping[str, str] = mapping(check_extensions)
    """SASL extensions sent beside a token. Default: none."""
    client_certificates: bool = False
    """Whether clients log in with certificates (`tls.crt` and `tls.key` in their Secret), which TLS asks for. Default: they do
    not."""
    ca_secret: Input[str] | None = named(check_subdomain, "object name")
    """Secret whose key `ca.crt` is the authority to trust. Default: public authorities."""
    authority: Input[str] | None = None
    """The certificates to trust themselves, delivered with users' credentials to where `ca_secret` is not. Default: they
    are not delivered."""
    admin_secret: Input[str] | None = named(check_subdomain, "object name")
    """Secret with the login of an administrator: `username` and `password`, or `tls.crt` and `tls.key`. Default: topics
    and users cannot be managed."""
    nodes: Input[int] | None = None
    """Number of brokers, if it is known."""
    replicas: Input[int] | None = None
    """Default number of replicas of a topic, if it is known."""
    min_insync_replicas: Input[int] | None = None
    """Copies that `acks=all` waits for in a topic that does not say otherwise, if it is known."""
    engine: Engine | None = None
    """Who runs it: with `strimzi`, topics and users are custom resources; with `external`, users can have existing
    credentials. Default: this platform."""
    scalable_pools: Mapping[str, Input[str]] = field(default_factory=dict)
    """Pools of brokers whose number of nodes an autoscaler owns, and whose records move along: `<namespace>/<name>` by
    name, known once the pool is there. Default: none."""

    @property
    def oauth(self) -> OAuth | None:
        """The clients' token endpoint; None if they have none. YAML programs could not pass a field with a class of its own."""
        if self.oauth_token_url is None:
            return None
        return OAuth(token_url=self.oauth_token_url, scope=self.oauth_scope, extensions=self.oauth_extensions)

    @property
    def logs_in(self) -> bool:
        """Whether clients log in, so that each needs a Secret."""
        return self.sasl_mechanism is not None or self.client_certificates

    @property
    def login(self) -> str:
        """How clients log in, in words, as far as it is known."""
        if self.client_certificates:
            return "certificates"
        return "no login" if self.sasl_mechanism is None else known(self.sasl_mechanism) or "a mechanism of its own"

    @property
    def makes_users(self) -> bool:
        """Whether the platform can give users passwords: not if logins are known to come from elsewhere."""
        if self.engine is Engine.STRIMZI:
            return True
        return self.logs_in and not self.client_certificates and (known(self.sasl_mechanism) or _SOME) in SCRAM


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
