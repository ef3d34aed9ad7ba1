"""The files that an embedded Kafka node starts from: rendered here, put together in the pod by scripts/start.sh."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.resources import files

from kafka_platform.cluster.defaults import Defaults
from kafka_platform.cluster.embedded.listeners import Listeners, TlsRoutes
from kafka_platform.cluster.metrics import RULES_FILE, rules
from kafka_platform.kafka.properties import java_properties
from kafka_platform.values.free_maps import check_settings
from kafka_platform.values.units import milliseconds

REPLICATION_PORT = 9091
INTERNAL_PORT = 9092
CONTROLLER_PORT = 9093
EXTERNAL_PORT = 9094

# Settings that follow from the cluster's args: another value would contradict what else was rendered from them.
_OWNED = {
    "allow.everyone.if.no.acl.found": "access is denied by default: declare users' rights in KafkaResources",
    "advertised.listeners": "write listeners",
    "authorizer.class.name": "it is always Kafka's standard authorizer",
    "auto.create.topics.enable": "declare topics in KafkaResources",
    "broker.id": "it is the pod's number",
    "controlled.shutdown.enable": "it is always on",
    "controller.listener.names": "write listeners",
    "controller.quorum.bootstrap.servers": "it follows from nodes",
    "controller.quorum.voters": "it follows from nodes",
    "default.replication.factor": "write defaults.replicas",
    "early.start.listeners": "write listeners",
    "inter.broker.listener.name": "write listeners",
    "listeners": "write listeners",
    "log.dir": "it is the volume",
    "log.dirs": "it is the volume",
    "log.retention.hours": "write defaults.retention",
    "log.retention.minutes": "write defaults.retention",
    "log.retention.ms": "write defaults.retention",
    "metadata.log.dir": "it is the volume",
    "min.insync.replicas": "write defaults.min_insync_replicas",
    "node.id": "it is the pod's number",
    "offsets.topic.replication.factor": "write defaults.replicas",
    "process.roles": "it follows from nodes",
    "share.coordinator.state.topic.min.isr": "write defaults.min_insync_replicas",
    "share.coordinator.state.topic.replication.factor": "write defaults.replicas",
    "super.users": "they are the platform's own users",
    "transaction.state.log.min.isr": "write defaults.min_insync_replicas",
    "transaction.state.log.replication.factor": "write defaults.replicas",
}
_OWNED_PREFIXES = {
    "authorizer.": "it is always Kafka's standard authorizer",
    "config.providers": "it would read files and classes into settings that everybody may see",
    "delegation.token.": "tokens would be a second way to log in, and their key would stand readable in a ConfigMap",
    "listener.": "write listeners",
    "principal.builder.": "a client is always the user that it logs in as",
    "sasl.": "write listeners",
    "security.": "write listeners",
    "ssl.": "write listeners",
}


def check_config(config: Mapping[str, str]) -> None:
    """Raises for what is no broker setting, and for one that the cluster's other args decide."""
    try:
        check_settings(config)
    except ValueError as error:
        raise ValueError(f"config: {error}") from None
    for key in sorted(config):
        reason = _owner(key)
        if reason is not None:
            raise ValueError(f"config: {key!r} cannot be set here: {reason}")


def _owner(key: str) -> str | None:
    # Kafka heeds the case of names; nobody who writes another one means something else.
    name = key.lower()
    return _OWNED.get(name) or next((why for prefix, why in _OWNED_PREFIXES.items() if name.startswith(prefix)), None)


def is_owned(key: str) -> bool:
    """Whether a broker setting is decided by the cluster's other args, so that it cannot be set."""
    return _owner(key) is not None


def controllers(nodes: int) -> int:
    """How many of the nodes vote on the cluster's metadata; one node's loss must not stop three."""
    return 1 if nodes < 3 else 3


@dataclass(frozen=True, kw_only=True)
class BrokerSettings:
    """Inputs of the nodes' files."""

    name: str
    nodes: int
    defaults: Defaults = field(default_factory=Defaults)
    listeners: Listeners = field(default_factory=Listeners)
    config: Mapping[str, str] = field(default_factory=dict)
    metrics: bool = False
    """Whether the JMX agent runs in the nodes."""

    def __post_init__(self) -> None:
        check_config(self.config)


def node_host(settings: BrokerSettings, namespace: str, node: int) -> str:
    """Name of a node inside Kubernetes."""
    return f"{settings.name}-{node}.{settings.name}-nodes.{namespace}.svc"


def bootstrap_servers(settings: BrokerSettings, namespace: str) -> str:
    """Bootstrap servers inside Kubernetes."""
    return f"{settings.name}.{namespace}.svc:{INTERNAL_PORT}"


def external_bootstrap_servers(settings: BrokerSettings) -> str | None:
    """Bootstrap servers outside Kubernetes, if there is external access."""
    external = settings.listeners.external
    if external is None:
        return None
    if isinstance(external, TlsRoutes):
        return f"{external.bootstrap_host}:{external.port}"
    return ",".join("{}:{}".format(*external.address(node)) for node in range(settings.nodes))


def client_protocol(listeners: Listeners) -> str:
    """The security protocol of the client listeners."""
    return "SASL_PLAINTEXT" if listeners.certificate is None else "SASL_SSL"


def cluster_properties(settings: BrokerSettings, namespace: str) -> dict[str, str]:
    """The settings that are the same on every node, without passwords."""
    replicas = settings.defaults.replicas_on(settings.nodes)
    least = settings.defaults.min_insync_replicas_on(settings.nodes)
    protocol = client_protocol(settings.listeners)
    clients = ["INTERNAL"] + (["EXTERNAL"] if settings.listeners.external else [])
    voters = ",".join(
        f"{node}@{node_host(settings, namespace, node)}:{CONTROLLER_PORT}"
        for node in range(controllers(settings.nodes))
    )
    properties = {
        # who may do what
        "allow.everyone.if.no.acl.found": "false",
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "auto.create.topics.enable": "false",
        "super.users": "User:admin;User:broker",
        # who talks to whom
        "controller.listener.names": "CONTROLLER",
        "controller.quorum.voters": voters,
        "inter.broker.listener.name": "REPLICATION",
        "listener.name.controller.sasl.enabled.mechanisms": "PLAIN",
        "listener.name.replication.sasl.enabled.mechanisms": "PLAIN",
        "listener.security.protocol.map": ",".join(
            ["CONTROLLER:SASL_PLAINTEXT", "REPLICATION:SASL_PLAINTEXT", *(f"{each}:{protocol}" for each in clients)]
        ),
        "sasl.mechanism.controller.protocol": "PLAIN",
        "sasl.mechanism.inter.broker.protocol": "PLAIN",
        # how many copies
        "default.replication.factor": str(replicas),
        "min.insync.replicas": str(least),
        "offsets.topic.replication.factor": str(replicas),
        "share.coordinator.state.topic.min.isr": str(least),
        "share.coordinator.state.topic.replication.factor": str(replicas),
        "transaction.state.log.min.isr": str(least),
        "transaction.state.log.replication.factor": str(replicas),
        "unclean.leader.election.enable": "false",
        # how long
        "log.retention.ms": str(milliseconds(settings.defaults.retention)),
        # A stopping node hands over its partitions first.
        "controlled.shutdown.enable": "true",
        # Kafka waits so long for more members before it first balances a new group; alone there is nothing to wait for.
        "group.initial.rebalance.delay.ms": "0" if settings.nodes == 1 else "3000",
    }
    for listener in clients:
        prefix = f"listener.name.{listener.lower()}"
        properties[f"{prefix}.sasl.enabled.mechanisms"] = "SCRAM-SHA-512"
        properties[f"{prefix}.scram-sha-512.sasl.jaas.config"] = (
            "org.apache.kafka.common.security.scram.ScramLoginModule required;"
        )
    if settings.listeners.certificate is not None:
        properties["ssl.keystore.type"] = "PEM"
    return dict(sorted((properties | dict(settings.config)).items()))


def node_properties(settings: BrokerSettings, namespace: str, node: int) -> dict[str, str]:
    """The settings of one node."""
    host = node_host(settings, namespace, node)
    votes = node < controllers(settings.nodes)
    listeners = {"REPLICATION": REPLICATION_PORT, "INTERNAL": INTERNAL_PORT}
    advertised = {name: f"{host}:{port}" for name, port in listeners.items()}
    if votes:
        listeners["CONTROLLER"] = CONTROLLER_PORT
    if settings.listeners.external is not None:
        listeners["EXTERNAL"] = EXTERNAL_PORT
        advertised["EXTERNAL"] = "{}:{}".format(*settings.listeners.external.address(node))
    return {
        "advertised.listeners": ",".join(f"{name}://{address}" for name, address in advertised.items()),
        "listeners": ",".join(f"{name}://:{port}" for name, port in listeners.items()),
        "node.id": str(node),
        "process.roles": "broker,controller" if votes else "broker",
    }


def broker_files(settings: BrokerSettings, namespace: str, cluster_id: str) -> dict[str, str]:
    """Everything that a node starts from, by file name."""
    scripts = files("kafka_platform.cluster.embedded")
    rendered = {
        "cluster-id": cluster_id,
        "cluster.properties": java_properties(cluster_properties(settings, namespace)),
        "log4j2.yaml": (scripts / "log4j2.yaml").read_text(encoding="utf-8"),
        "start.sh": (scripts / "start.sh").read_text(encoding="utf-8"),
    }
    if settings.metrics:
        rendered[RULES_FILE] = rules()
    for node in range(settings.nodes):
        rendered[f"node-{node}.properties"] = java_properties(node_properties(settings, namespace, node))
    return rendered


def files_hash(rendered: Mapping[str, str]) -> str:
    """Changes when running nodes have to restart: not when only further nodes are added."""
    digest = hashlib.sha256()
    for name in ("cluster-id", "cluster.properties", RULES_FILE, "log4j2.yaml", "node-0.properties", "start.sh"):
        if name not in rendered:
            continue
        digest.update(rendered[name].encode() + b"\0")
    return digest.hexdigest()[:16]
