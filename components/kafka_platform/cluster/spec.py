"""The specs of a Kafka cluster, one per engine, shared by programs and stack files. No Pulumi.

`ClusterSpec` is a Kafka that the platform runs, itself or by Strimzi's operator, whose own part is `StrimziSpec` in
`strimzi/spec.py`. `ExternalSpec` is an existing Kafka that the platform does not run.
"""

from collections.abc import Mapping, Sequence
from dataclasses import MISSING, Field, dataclass, field, fields
from typing import Any

from kafka_platform.cluster.defaults import Defaults
from kafka_platform.cluster.embedded.files import check_config
from kafka_platform.cluster.embedded.listeners import Listeners
from kafka_platform.cluster.metrics import Metrics
from kafka_platform.cluster.nodes import MOST_NODES, Jvm, Resources, check_nodes, check_version, volume_of
from kafka_platform.cluster.strimzi.spec import check_strimzi_config, check_strimzi_version
from kafka_platform.kafka.entities import Deletion
from kafka_platform.kafka.oauth import OAuth
from kafka_platform.kafka.protocols import SCRAM, Engine, SaslMechanism, SecurityProtocol
from kafka_platform.kafka.servers import check_bootstrap_servers, public_address
from kafka_platform.kube.pod_settings import UNDECIDED, PodSettings
from kafka_platform.values.checks import PORT_SCHEMA, check_field, check_ports
from kafka_platform.values.forms import Spec, formed, label_of_machines, named, namespaces
from kafka_platform.values.later import Input, known
from kafka_platform.values.names import check_cluster_id, check_subdomain

KAFKA_VERSION = "4.3.1"
"""The version of Kafka that runs unless another one is given."""

_INSTEAD = "instead"
_POOLS = "write strimzi.pools"


def embedded(declared: Any, *, instead: str = _POOLS) -> Any:
    """The field, which only the engine `embedded` knows; `instead` is what a program with Strimzi writes."""
    declared.metadata = {**declared.metadata, _INSTEAD: instead}
    return declared


def embedded_only(kind: type) -> dict[str, str]:
    """The fields of a dataclass that only the engine `embedded` knows, each with what a program with Strimzi writes."""
    return {each.name: each.metadata[_INSTEAD] for each in fields(kind) if _INSTEAD in each.metadata}


@dataclass(frozen=True, kw_only=True)
class ClusterSpec(Spec):
    """A Kafka that the platform runs. Fields of the engine `embedded` alone are marked as such."""

    engine: Engine = Engine.EMBEDDED
    """Who runs the brokers. `embedded`: this platform, as one StatefulSet. `strimzi`: Strimzi's operator. `external`:
    another system, such as a managed Kafka. Default: embedded."""
    version: str = formed(
        KAFKA_VERSION, check_version, pattern=r"^\d+\.\d+\.\d+(-[A-Za-z0-9.]+)?$", examples=[KAFKA_VERSION]
    )
    """Kafka's version. Default 4.3.1."""
    nodes: int = embedded(formed(1, check_nodes, minimum=1, maximum=MOST_NODES, **{"not": {"const": 2}}))
    """Number of Kafka nodes, 1 or at least 3; three of them then vote on the metadata. Can grow (not from 1), never
    shrink. Default 1."""
    storage: str = embedded(volume_of("10Gi", "10Gi", "1Ti"))
    """Volume of each node, at least 1Gi. Can grow where the storage class allows it, never shrink. Default 10Gi."""
    storage_class: Input[str] | None = embedded(named(check_subdomain, "object name"))
    """StorageClass of the volumes; fixed once they exist. Default: the Kubernetes cluster's default class."""
    resources: Resources = embedded(field(default_factory=Resources))
    """CPU and memory of each node. Default: 100m and 1Gi."""
    jvm: Jvm = embedded(field(default_factory=Jvm))
    """JVM of each node: heap and -XX options. Default: half of the memory, and Kafka's own options."""
    listeners: Listeners = embedded(field(default_factory=Listeners), instead="write strimzi.listeners")
    """How clients reach the cluster. Default: inside Kubernetes only, without TLS."""
    defaults: Defaults = field(default_factory=Defaults)
    """Settings of topics that do not set their own. Default: safe for the number of nodes."""
    spread: str = embedded(label_of_machines("topology.kubernetes.io/zone"))
    """Node label over whose values the pods are spread, as far as possible. Default: zones."""
    config: Mapping[str, str] = field(default_factory=dict)
    """Further broker settings by Kafka's own names (https://kafka.apache.org/documentation/#brokerconfigs)."""
    client_namespaces: Sequence[Input[str]] = namespaces()
    """Namespaces whose pods may connect, besides the cluster's own, those of a stack's tenants, and those labelled
    `kafka-platform/access: <name>`. Default: none."""
    cluster_id: str | None = embedded(
        named(check_cluster_id),
        instead="Strimzi takes it from the status of a Kafka: docs/components/kafka-cluster.md says how to come back to kept "
        "volumes",
    )
    """Identity of the cluster, to take over volumes kept from an earlier one. Default: a new, random one."""
    metrics: Metrics | None = None
    """How nodes expose Kafka's own metrics. `reporter` (Strimzi only): by its Metrics Reporter. `jmx`: by the Prometheus JMX
    agent. `off`: not at all. Default: `reporter` with Strimzi; embedded `jmx` in a stack with `prometheus`, else `off`."""
    metrics_namespaces: Sequence[Input[str]] = embedded(namespaces(), instead="write network policies of your own")
    """Namespaces whose pods may read the nodes' metrics. Default: that of the stack's `prometheus`; in a program: all."""
    pod_settings: PodSettings = UNDECIDED
    """Scheduling, labels and pull secrets of the nodes' pods; with Strimzi, also of the other pods that it creates.
    Default: Kubernetes' own defaults."""
    deletion: Deletion = Deletion.RETAIN
    """`allow` deletes the volumes with the cluster. Default: retain, which keeps them."""

    def check(self) -> None:
        """What runs the Kafka can run this version, and takes these settings."""
        if self.engine is Engine.STRIMZI:
            check_field("version", check_strimzi_version, self.version)
            check_strimzi_config(self.config)
        else:
            check_config(self.config)
            if self.metrics is Metrics.REPORTER:
                raise ValueError("metrics: the reporter is part of Strimzi's images: write jmx, or off")

    def check_engine(self) -> None:
        """Raises for what only the engine `embedded` knows, with another one."""
        known = embedded_only(type(self))
        for each in fields(self):
            if each.name in known and getattr(self, each.name) != _default(each):
                raise ValueError(f"{each.name}: not with the engine {self.engine.value}: {known[each.name]}")


def _default(of: Field[Any]) -> object:
    return of.default_factory() if of.default_factory is not MISSING else of.default


@dataclass(frozen=True, kw_only=True)
class ExternalSpec(Spec):
    """An existing Kafka that this platform does not run, such as a managed one."""

    bootstrap_servers: Input[str] | None = formed(
        None, check_bootstrap_servers, examples=["kafka.example.com:9092", "a:9092,b:9092"]
    )
    """Bootstrap servers, `host:port`, separated by commas. Required."""
    broker_ports: Sequence[int] = formed((), check_ports, items=PORT_SCHEMA)
    """Broker ports that are not in `bootstrap_servers`, which network policies also have to allow. Default: none."""
    security_protocol: SecurityProtocol = SecurityProtocol.SASL_SSL
    """How clients connect. Default SASL_SSL."""
    sasl_mechanism: SaslMechanism | None = None
    """How clients log in. Default SCRAM-SHA-512; with PLAINTEXT and SSL there is none."""
    oauth: OAuth | None = None
    """With OAUTHBEARER: where clients get their tokens. Default: no tokens."""
    client_certificates: bool = False
    """With SSL: whether clients log in with certificates. Each Secret then has `tls.crt` and `tls.key`, as cert-manager
    creates them, instead of `username` and `password`. Default false."""
    ca_secret: Input[str] | None = named(check_subdomain, "object name")
    """Secret in the platform's namespace whose key `ca.crt` is the authority to trust. Default: public authorities."""
    admin_secret: Input[str] | None = named(check_subdomain, "object name")
    """Secret in the platform's namespace with the login of a user who may manage topics, ACLs and quotas: `username`
    and `password`, or `tls.crt` and `tls.key`. Default: none; the platform then manages none of these."""

    @property
    def logs_in(self) -> bool:
        """Whether clients log in."""
        return self.sasl is not None or self.client_certificates

    @property
    def login(self) -> str:
        """How clients log in, in words."""
        return "certificates" if self.client_certificates else "no login" if self.sasl is None else self.sasl.value

    @property
    def makes_users(self) -> bool:
        """Whether users can be given passwords by Kafka's own protocol: SCRAM alone has that."""
        return self.sasl is not None and self.sasl.value in SCRAM

    @property
    def sasl(self) -> SaslMechanism | None:
        """How clients log in, with the default that follows from the protocol."""
        if self.security_protocol in (SecurityProtocol.PLAINTEXT, SecurityProtocol.SSL):
            return None
        return self.sasl_mechanism or SaslMechanism.SCRAM_SHA_512

    def check(self) -> None:
        """Clients log in where the protocol has a login, and send no password in the clear."""
        if self.sasl_mechanism is not None and self.sasl is None:
            raise ValueError(
                f"sasl_mechanism: {self.security_protocol.value} has no login: remove the key, or use SASL_SSL as "
                "security_protocol"
            )
        self._check_certificates()
        self._check_clear()

    def check_tokens(self) -> None:
        """Raises unless there are tokens where, and only where, clients log in with them."""
        if self.oauth is not None and self.sasl is not SaslMechanism.OAUTHBEARER:
            raise ValueError(
                f"oauth: clients log in with {self.login}: write OAUTHBEARER as sasl_mechanism, or remove the key"
            )
        if self.sasl is SaslMechanism.OAUTHBEARER and self.oauth is None:
            raise ValueError(
                "oauth: missing, OAUTHBEARER needs tokens: write token_url, as in https://id.example.com/oauth2/token"
            )

    def _check_certificates(self) -> None:
        if self.client_certificates and self.security_protocol is SecurityProtocol.PLAINTEXT:
            raise ValueError("client_certificates: PLAINTEXT has no certificates: write SSL as security_protocol")
        if self.client_certificates and self.sasl is not None:
            raise ValueError(
                f"client_certificates: clients log in with {self.sasl.value} already, by {self.security_protocol.value}: write "
                "SSL as security_protocol, or remove the key"
            )

    def _check_clear(self) -> None:
        """PLAIN passwords and tokens, and passwords over the internet, require TLS."""
        if self.security_protocol is not SecurityProtocol.SASL_PLAINTEXT:
            return
        if self.sasl in (SaslMechanism.PLAIN, SaslMechanism.OAUTHBEARER):
            what = "password" if self.sasl is SaslMechanism.PLAIN else "token"
            raise ValueError(
                f"sasl_mechanism: {self.sasl.value} sends the {what} in the clear without TLS: use SCRAM-SHA-512, or SASL_SSL as "
                "security_protocol"
            )
        address = public_address(known(self.bootstrap_servers) or "")
        if address is not None:
            raise ValueError(
                f"security_protocol: {address} is an address of the internet, where SASL_PLAINTEXT sends records readable: use "
                "SASL_SSL"
            )


def external_connection(spec: ExternalSpec, *, cluster: str, namespace: Any) -> dict[str, Any]:
    """How to reach it, as the fields of a connection."""
    return {
        "cluster": cluster,
        "namespace": namespace,
        "bootstrap_servers": spec.bootstrap_servers,
        "broker_ports": spec.broker_ports,
        "security_protocol": spec.security_protocol.value,
        "sasl_mechanism": None if spec.sasl is None else spec.sasl.value,
        "oauth_token_url": None if spec.oauth is None else spec.oauth.token_url,
        "oauth_scope": None if spec.oauth is None else spec.oauth.scope,
        "oauth_extensions": {} if spec.oauth is None else spec.oauth.extensions,
        "client_certificates": spec.client_certificates,
        "ca_secret": spec.ca_secret,
        "admin_secret": spec.admin_secret,
        "engine": Engine.EXTERNAL,
    }
