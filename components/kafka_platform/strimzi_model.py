"""What people say about a Kafka that Strimzi runs: its pools, listeners and what belongs to them. No Pulumi.

Every class checks itself when it is made and raises `ValueError` with one sentence that begins with the name of the
field at fault, as those in `model` do. What concerns several of them is checked by `StrimziKafka`.

These classes are the types of what is written into Strimzi's custom resources. They are written by hand, and few: the
definition of `Kafka` alone has 330 KB of schema, nearly all of it pod templates, and classes generated from it would say
neither what goes together nor what is safe. That the rendered objects are what Strimzi takes is judged by a real API
server with Strimzi's own definitions (tests/cluster/test_strimzi_objects.py).
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, dataclass, field
from enum import Enum

from kafka_platform.checks import check_source_ranges, checked
from kafka_platform.forms import Spec, formed, label_of_machines, mapping, named, names, percentage, rate
from kafka_platform.free_maps import check_annotations, check_settings, check_text
from kafka_platform.model import NODE_PORTS, Defaults, Resources
from kafka_platform.names import LONGEST_NAME, check_label, check_object_labels, check_subdomain, is_label_key
from kafka_platform.nodes import MOST_NODES, Jvm, volume_of
from kafka_platform.ranges import check_ranges, within
from kafka_platform.units import LONGEST_DAYS, milliseconds, quantity

STRIMZI_VERSION = "1.2.0"
"""The release of Strimzi whose custom resources these are."""
KAFKA_VERSIONS = ("4.2.0", "4.2.1", "4.3.0", "4.3.1")
"""The versions of Kafka that this release of Strimzi runs."""

SCRAM = "SCRAM-SHA-512"
"""Kafka's name of the way in which generated passwords are used."""
MOST_CONTROLLERS = 7
"""More voters make every change of the metadata slower and none of them safer."""
LEAST_PORT, MOST_PORT = 9092, 65535
"""Ports that Strimzi leaves to listeners."""
TAKEN_PORTS = {9092: "the internal listener", 9093: "the listener for certificates", 9404: "the metrics", 9999: "JMX"}

# io.strimzi.api.kafka.model.kafka.KafkaClusterSpec: what it leaves out of the brokers' settings, with a line in a log.
_FORBIDDEN_PREFIXES = (
    "advertised.",
    "authorizer.",
    "broker.",
    "client.quota.callback.static.",
    "controller.",
    "cordoned.log.dirs",
    "cruise.control.metrics.reporter.bootstrap.servers",
    "cruise.control.metrics.topic",
    "host.name",
    "inter.broker.listener.name",
    "listener.",
    "listeners",
    "log.dir",
    "metadata.log.dir",
    "node.id",
    "password.",
    "port",
    "process.roles",
    "prometheus.metrics.reporter.",
    "sasl.",
    "security.",
    "ssl.",
    "super.user",
)
_ALLOWED = (
    "broker.heartbeat.interval.ms",
    "broker.session.timeout.ms",
    "controller.quorum.election.backoff.max.ms",
    "controller.quorum.election.timeout.ms",
    "controller.quorum.fetch.timeout.ms",
    "controller.socket.timeout.ms",
    "cruise.control.metrics.topic.auto.create.retries",
    "cruise.control.metrics.topic.auto.create.timeout.ms",
    "cruise.control.metrics.topic.min.insync.replicas",
    "cruise.control.metrics.topic.num.partitions",
    "cruise.control.metrics.topic.replication.factor",
    "cruise.control.metrics.topic.retention.ms",
    "sasl.server.max.receive.size",
    "ssl.cipher.suites",
    "ssl.enabled.protocols",
    "ssl.protocol",
    "ssl.secure.random.implementation",
)
# Settings that follow from the cluster's args: another value would contradict what else was rendered from them.
_OWNED = {
    "allow.everyone.if.no.acl.found": "access is denied by default: declare users' rights in KafkaResources",
    "auto.create.topics.enable": "topics that appear by themselves race with the declared ones: declare them in KafkaResources",
    "default.replication.factor": "write defaults.replicas",
    "early.start.listeners": "write listeners",
    "log.retention.hours": "write defaults.retention",
    "log.retention.minutes": "write defaults.retention",
    "log.retention.ms": "write defaults.retention",
    "min.insync.replicas": "write defaults.min_insync_replicas",
    "offsets.topic.replication.factor": "write defaults.replicas",
    "replica.selector.class": "write rack",
    "share.coordinator.state.topic.min.isr": "write defaults.min_insync_replicas",
    "share.coordinator.state.topic.replication.factor": "write defaults.replicas",
    "transaction.state.log.min.isr": "write defaults.min_insync_replicas",
    "transaction.state.log.replication.factor": "write defaults.replicas",
}

_GOAL = re.compile(r"[A-Za-z][A-Za-z0-9.$]*")
_PRINCIPAL = re.compile(r"[^;\s]+")
_CRON_FIELD = re.compile(r"[0-9A-Za-z*?/,#-]+")
_JAVA_CLASS = re.compile(r"[A-Za-z_$][\w$]*(\.[A-Za-z_$][\w$]*)+")


def check_strimzi_config(config: Mapping[str, str]) -> None:
    """Raises for a broker setting that the cluster's other args decide, or that Strimzi would leave out."""
    checked("config", check_settings, config)
    for key in sorted(config):
        if key.lower() in _OWNED:
            raise ValueError(f"config: {key!r} cannot be set here: {_OWNED[key.lower()]}")
        if key.lower().startswith(_FORBIDDEN_PREFIXES) and key not in _ALLOWED:
            raise ValueError(f"config: {key!r} cannot be set here: Strimzi decides on it and would leave it out")


def check_strimzi_version(version: str) -> None:
    """Raises unless Strimzi runs this version of Kafka."""
    if version not in KAFKA_VERSIONS:
        raise ValueError(
            f"Strimzi {STRIMZI_VERSION} does not run Kafka {version}: use one of {', '.join(KAFKA_VERSIONS)}"
        )


def check_principal(name: str) -> None:
    """Raises unless `name` is one user, or `CN=<name>`: brokers take a list of users with semicolons."""
    check_text(name, "a user", LONGEST_NAME)
    if not _PRINCIPAL.fullmatch(name) or name in ("*", "ANONYMOUS"):
        raise ValueError(f"{name!r} is not a user: write one name, or CN=<name> for one with a certificate")


def _check_windows(windows: Sequence[str]) -> None:
    for window in windows:
        # org.quartz.CronExpression: seconds to days of the week, and perhaps years
        parts = window.split(" ")
        if len(parts) not in (6, 7) or not all(map(_CRON_FIELD.fullmatch, parts)):
            raise ValueError(f"{window!r} is not a time window: write six or seven parts, such as '* * 1-4 ? * SUN *'")


def _check_goal(goal: str) -> None:
    if not _GOAL.fullmatch(goal):
        raise ValueError(f"{goal!r} is not a goal of Cruise Control: write one such as RackAwareGoal")


class Role(Enum):
    """What a node does."""

    CONTROLLER = "controller"
    """It votes on the cluster's metadata."""
    BROKER = "broker"
    """It holds records and serves clients."""


class Authentication(Enum):
    """How clients of a listener prove who they are."""

    SCRAM = "scram"
    """By a password that is never sent (SCRAM-SHA-512)."""
    MTLS = "mtls"
    """By a certificate of their own; needs TLS."""
    CUSTOM = "custom"
    """In a way of your own, such as OAuth."""


class Metrics(Enum):
    """How brokers and controllers show their metrics, on port 9404."""

    REPORTER = "reporter"
    """By Strimzi's Metrics Reporter, inside Kafka."""
    JMX = "jmx"
    """By the Prometheus JMX exporter, an agent in the Java process: slower, and the same names as elsewhere."""
    OFF = "off"
    """Not at all."""


@dataclass(frozen=True, kw_only=True)
class Volume(Spec):
    """One of several volumes of a node."""

    size: str = volume_of(MISSING, "1Ti")
    """Its size, such as `1Ti`. Can grow where the storage class allows it, never shrink."""
    storage_class: str | None = named(check_subdomain, "StorageClass name")
    """StorageClass; fixed once the volume exists. Default: the pool's."""


def _check_roles(roles: Sequence[Role]) -> None:
    if not roles:
        raise ValueError("none are given: write [broker], [controller] or both")
    if len(set(roles)) != len(roles):
        raise ValueError("one stands there twice: keep one")


class TolerationEffect(Enum):
    """What a taint does to pods that do not tolerate it."""

    NO_SCHEDULE = "NoSchedule"
    PREFER_NO_SCHEDULE = "PreferNoSchedule"
    NO_EXECUTE = "NoExecute"


@dataclass(frozen=True, kw_only=True)
class Toleration:
    """A taint of machines that a pool's nodes put up with."""

    key: str
    """Key of the taint."""
    value: str | None = None
    """Its value. Default: any."""
    effect: TolerationEffect | None = None
    """Its effect. Default: any."""

    def __post_init__(self) -> None:
        if not is_label_key(self.key):
            raise ValueError(f"key: {self.key!r} is not the key of a taint: write one such as dedicated")
        if self.value is not None:
            checked("value", check_object_labels, {self.key: self.value})


@dataclass(frozen=True, kw_only=True)
class Pool(Spec):
    """Nodes of one kind (a KafkaNodePool). Only pools of brokers alone scale while they run."""

    roles: Sequence[Role] = formed(MISSING, _check_roles, minItems=1, uniqueItems=True)
    """What its nodes do: `controller`, `broker`, or both."""
    nodes: int = within(1, MOST_NODES)
    """How many there are. Brokers can be added, and removed where the cluster moves their records; controllers stay."""
    storage: str | None = volume_of(None, "100Gi", "1Ti")
    """The one volume of each node, such as `1Ti`; can grow where the storage class allows it, never shrink. Needed
    unless `volumes` are given."""
    volumes: Sequence[Volume] = ()
    """Several volumes of each node (JBOD), in their order; more can be added at the end. Default: `storage` alone."""
    storage_class: str | None = named(check_subdomain, "object name")
    """StorageClass of the volumes; fixed once they exist. Default: the Kubernetes cluster's default class."""
    resources: Resources = field(default_factory=lambda: Resources(cpu="1", memory="4Gi"))
    """Processor and memory of each node. Default: 1 and 4Gi."""
    jvm: Jvm = field(default_factory=Jvm)
    """The Java of each node."""
    spread: str = label_of_machines("topology.kubernetes.io/zone")
    """Label of the machines over whose values the nodes are spread, as far as possible. Default: the zones."""
    tolerations: Sequence[Toleration] = ()
    """Taints of machines that the nodes put up with. Default: none."""
    node_labels: Mapping[str, str] = mapping(check_object_labels)
    """Labels that a machine must have to run the nodes. Default: any machine."""
    priority_class: str | None = named(check_subdomain, "object name")
    """PriorityClass of the pods. Default: the Kubernetes cluster's."""
    autoscaled: bool = False
    """Whether an autoscaler owns the number of nodes: `nodes` is then the first number only. Default false."""

    def check(self) -> None:
        """Its nodes have volumes, a heap that fits, and no number that changes by itself where they vote."""
        if (self.storage is None) == (not self.volumes):
            what = "volumes are given too: keep one of them" if self.volumes else "missing: write a size such as 100Gi"
            raise ValueError(f"storage: {what}")
        checked("jvm", self.jvm.check_fits, self.resources.memory)
        if self.autoscaled and not self.scales:
            raise ValueError(
                "autoscaled: only pools of brokers alone scale: take the controllers into a pool of their own"
            )

    @property
    def holds_records(self) -> bool:
        """Whether its nodes are brokers."""
        return Role.BROKER in self.roles

    @property
    def votes(self) -> bool:
        """Whether its nodes are controllers."""
        return Role.CONTROLLER in self.roles

    @property
    def scales(self) -> bool:
        """Whether nodes can come and go: not where they vote on the metadata."""
        return not self.votes

    @property
    def all_volumes(self) -> Sequence[Volume]:
        """The volumes of each node."""
        return self.volumes or [Volume(size=self.storage or "")]


@dataclass(frozen=True, kw_only=True)
class CustomAuthentication:
    """A way of your own to log in."""

    config: Mapping[str, str]
    """Settings of the listener by Kafka's own names, without the listener's prefix, such as
    `oauthbearer.sasl.jaas.config`. Secrets are read from mounted files: `${dir:/mnt/<secret>:<key>}`."""
    sasl: bool = True
    """Whether it is a SASL mechanism. Default true."""
    secrets: Sequence[str] = ()
    """Secrets (in the cluster's namespace) that the brokers read at /mnt/<name>. Default: none."""

    @property
    def takes_passwords(self) -> bool:
        """Whether SCRAM passwords are taken beside it."""
        mechanisms = self.config.get("sasl.enabled.mechanisms", "")
        return self.sasl and SCRAM in (each.strip() for each in mechanisms.split(","))

    def __post_init__(self) -> None:
        if not self.config:
            raise ValueError(
                "config: nothing is given: write the settings of the listener, such as sasl.enabled.mechanisms"
            )
        checked("config", check_settings, self.config)
        for key in sorted(self.config):
            # io.strimzi.api.kafka.model.kafka.listener.KafkaListenerAuthenticationCustom
            if key.lower().startswith("ssl.keystore."):
                raise ValueError(f"config: {key!r} cannot be set here: Strimzi decides on it and would leave it out")
            if key.lower().startswith("listener.name."):
                raise ValueError(
                    f"config: {key!r} cannot be set here: write it without the listener's name, which is put before it"
                )
        for secret in self.secrets:
            checked("secrets", check_label, secret, "Secret name")


@dataclass(frozen=True, kw_only=True)
class InternalListener:
    """How clients inside Kubernetes reach the cluster, on port 9092."""

    tls: bool = True
    """Whether records travel encrypted. Default true."""
    auth: Authentication = Authentication.SCRAM
    """How clients log in. Default: by SCRAM passwords."""
    custom: CustomAuthentication | None = None
    """The way of your own to log in; needed by, and only by, `custom`."""
    certificates: bool = False
    """Whether clients with certificates have a listener of their own too, on port 9093. Default false."""

    @property
    def takes_passwords(self) -> bool:
        """Whether clients may log in by SCRAM passwords."""
        return _takes_passwords(self.auth, self.custom)

    def __post_init__(self) -> None:
        _check_auth(self.auth, self.custom)
        if self.auth is Authentication.MTLS and not self.tls:
            raise ValueError("tls: a login by certificate is part of TLS: write tls true, or auth scram")
        if self.auth is Authentication.MTLS and self.certificates:
            raise ValueError("certificates: clients log in by certificates on port 9092 already: remove it")


def _check_auth(auth: Authentication, custom: CustomAuthentication | None) -> None:
    if (auth is Authentication.CUSTOM) != (custom is not None):
        what = (
            "missing: write the listener's settings" if custom is None else f"auth is {auth.value}: write auth custom"
        )
        raise ValueError(f"custom: {what}")


def _takes_passwords(auth: Authentication, custom: CustomAuthentication | None) -> bool:
    return auth is Authentication.SCRAM or (custom is not None and custom.takes_passwords)


def _check_host(host: str) -> None:
    check_subdomain(host.replace("{nodeId}", "0"), "host name")


def _check_node_hosts(host: str) -> None:
    _check_host(host)
    if "{nodeId}" not in host:
        raise ValueError(
            f"{host!r} is the same for all brokers: put {{nodeId}} in it, as in broker-{{nodeId}}.kafka.example.com"
        )


def _bootstrap(host: str, bootstrap: str | None) -> str:
    return bootstrap or host.replace("{nodeId}", "bootstrap")


def _check_bootstrap(host: str, bootstrap: str | None) -> None:
    checked("host", _check_node_hosts, host)
    if bootstrap is not None:
        checked("bootstrap", check_subdomain, bootstrap, "host name")
        broker = re.escape(host).replace(re.escape("{nodeId}"), "[0-9]+")
        if re.fullmatch(broker, bootstrap):
            raise ValueError(
                f"bootstrap: {bootstrap!r} is the name of a broker: use another one, such as {_bootstrap(host, None)}"
            )


@dataclass(frozen=True, kw_only=True)
class BrokerNodePorts:
    """A port of every machine for the first connection, and one for each broker, which Kubernetes chooses and brokers tell."""

    host: str
    """Name or address that reaches any machine of the Kubernetes cluster; brokers' certificates are valid for it."""
    port: int
    """Port of the first connection, 30000 to 32767."""

    def __post_init__(self) -> None:
        checked("host", check_subdomain, self.host, "host name")
        if self.port not in NODE_PORTS:
            raise ValueError(f"port: {self.port} is out of range: use {NODE_PORTS.start} to {NODE_PORTS.stop - 1}")

    @property
    def bootstrap_servers(self) -> str:
        """Where clients connect first."""
        return f"{self.host}:{self.port}"


@dataclass(frozen=True, kw_only=True)
class BrokerLoadBalancers:
    """A load balancer for the first connection and one for each broker, under names that you keep in DNS."""

    host: str
    """Name of each broker; `{nodeId}` stands for its number, as in `broker-{nodeId}.kafka.example.com`."""
    bootstrap: str | None = None
    """Name for the first connection. Default: `host` with `bootstrap` for `{nodeId}`."""
    load_balancer_class: str | None = None
    """Class of the load balancers. Default: the Kubernetes cluster's."""
    source_ranges: Sequence[str] = ()
    """Networks that clients may come from, such as `203.0.113.0/24`. Default: everywhere."""
    annotations: Mapping[str, str] = field(default_factory=dict)
    """Annotations of the Services, for the cloud's controller; external-dns is told the names. Default: none."""

    def __post_init__(self) -> None:
        _check_bootstrap(self.host, self.bootstrap)
        checked("annotations", check_annotations, self.annotations)
        checked("source_ranges", check_source_ranges, self.source_ranges)

    @property
    def bootstrap_host(self) -> str:
        """Name for the first connection."""
        return _bootstrap(self.host, self.bootstrap)


@dataclass(frozen=True, kw_only=True)
class BrokerTlsRoutes:
    """Routes of the Gateway API that pass TLS on as it is, by the name that clients ask for."""

    host: str
    """Name of each broker; `{nodeId}` stands for its number, as in `broker-{nodeId}.kafka.example.com`."""
    bootstrap: str | None = None
    """Name for the first connection. Default: `host` with `bootstrap` for `{nodeId}`."""
    gateway_class: str | None = None
    """GatewayClass of a Gateway of its own, which is made."""
    gateway: str | None = None
    """Gateway that is there already, as `name` or `namespace/name`, with a listener of TLS in the mode Passthrough."""
    port: int = 443
    """Port of the Gateway that clients connect to. Default 443."""

    def __post_init__(self) -> None:
        _check_bootstrap(self.host, self.bootstrap)
        if (self.gateway_class is None) == (self.gateway is None):
            what = "gateway is given too: keep one of them" if self.gateway else "missing: write one, or gateway"
            raise ValueError(f"gateway_class: {what}")
        if self.gateway_class is not None:
            checked("gateway_class", check_subdomain, self.gateway_class, "GatewayClass name")
        if self.gateway is not None:
            namespace, slash, name = self.gateway.rpartition("/")
            if slash:
                checked("gateway", check_label, namespace, "namespace")
            checked("gateway", check_subdomain, name, "Gateway name")
        if not 1 <= self.port <= 65535:
            raise ValueError(f"port: {self.port} is out of range: use 1 to 65535")

    @property
    def bootstrap_host(self) -> str:
        """Name for the first connection."""
        return _bootstrap(self.host, self.bootstrap)


@dataclass(frozen=True, kw_only=True)
class BrokerIngresses:
    """Ingresses that pass TLS on as it is; the controller has to be one that can (ssl-passthrough)."""

    host: str
    """Name of each broker; `{nodeId}` stands for its number, as in `broker-{nodeId}.kafka.example.com`."""
    bootstrap: str | None = None
    """Name for the first connection. Default: `host` with `bootstrap` for `{nodeId}`."""
    ingress_class: str
    """IngressClass of the controller, such as `nginx`."""
    annotations: Mapping[str, str] = field(default_factory=dict)
    """Annotations of the Ingresses. Default: none; ssl-passthrough of nginx is switched on by Strimzi."""

    def __post_init__(self) -> None:
        _check_bootstrap(self.host, self.bootstrap)
        checked("ingress_class", check_subdomain, self.ingress_class, "IngressClass name")
        checked("annotations", check_annotations, self.annotations)

    @property
    def bootstrap_host(self) -> str:
        """Name for the first connection."""
        return _bootstrap(self.host, self.bootstrap)


_WAYS = ("node_ports", "load_balancers", "tls_routes", "ingresses")


@dataclass(frozen=True, kw_only=True)
class BrokerAccess:
    """How clients outside Kubernetes reach the brokers, always by TLS: in exactly one of four ways, each complete in itself."""

    auth: Authentication = Authentication.SCRAM
    """How clients log in. Default: by SCRAM passwords."""
    custom: CustomAuthentication | None = None
    """The way of your own to log in; needed by, and only by, `custom`."""
    port: int = 9094
    """Port of the brokers for it, 9092 to 65535; also that of load balancers. Default 9094."""
    certificate: str | None = None
    """Secret of the type kubernetes.io/tls (in the cluster's namespace), valid for all the names, that brokers show
    outside. Default: one by the cluster's own authority."""
    node_ports: BrokerNodePorts | None = None
    """By ports of every machine."""
    load_balancers: BrokerLoadBalancers | None = None
    """By load balancers of the cloud."""
    tls_routes: BrokerTlsRoutes | None = None
    """By the Gateway API."""
    ingresses: BrokerIngresses | None = None
    """By Ingresses."""

    def __post_init__(self) -> None:
        _check_auth(self.auth, self.custom)
        given = [name for name in _WAYS if getattr(self, name) is not None]
        if not given:
            raise ValueError(f"{_WAYS[0]}: no way in is given: write one of {', '.join(_WAYS)}")
        if len(given) > 1:
            raise ValueError(f"{given[0]}: {given[1]} is given too: keep one of them")
        if not LEAST_PORT <= self.port <= MOST_PORT:
            raise ValueError(f"port: {self.port} is out of range: use {LEAST_PORT} to {MOST_PORT}, such as 9094")
        if self.port in TAKEN_PORTS:
            raise ValueError(f"port: {self.port} is that of {TAKEN_PORTS[self.port]}: use another one, such as 9094")
        if self.certificate is not None:
            checked("certificate", check_subdomain, self.certificate, "Secret name")

    @property
    def takes_passwords(self) -> bool:
        """Whether clients may log in by SCRAM passwords."""
        return _takes_passwords(self.auth, self.custom)

    @property
    def bootstrap_servers(self) -> str:
        """Where clients connect first."""
        if self.node_ports is not None:
            return self.node_ports.bootstrap_servers
        if self.load_balancers is not None:
            return f"{self.load_balancers.bootstrap_host}:{self.port}"
        if self.tls_routes is not None:
            return f"{self.tls_routes.bootstrap_host}:{self.tls_routes.port}"
        assert self.ingresses is not None  # noqa: S101  # exactly one is given
        return f"{self.ingresses.bootstrap_host}:443"


@dataclass(frozen=True, kw_only=True)
class StrimziListeners:
    """How clients reach a cluster of Strimzi."""

    internal: InternalListener = field(default_factory=InternalListener)
    """Inside Kubernetes. Default: TLS and SCRAM passwords."""
    external: BrokerAccess | None = None
    """Outside Kubernetes. Default: they do not."""


@dataclass(frozen=True, kw_only=True)
class Authorities:
    """The certificate authorities of the cluster and of its clients."""

    given: bool = False
    """Whether they are yours: the Secrets `<name>-cluster-ca`, `<name>-cluster-ca-cert`, `<name>-clients-ca` and
    `<name>-clients-ca-cert` are there then, as Strimzi describes them. Default: Strimzi makes and renews them."""
    validity_days: int = within(2, LONGEST_DAYS, default=365)
    """How long a certificate is valid. Default 365."""
    renewal_days: int = within(1, LONGEST_DAYS - 1, default=30)
    """How many days before its end a certificate is made anew. Default 30."""

    def __post_init__(self) -> None:
        check_ranges(self)
        if not 1 <= self.renewal_days < self.validity_days:
            raise ValueError(
                f"renewal_days: {self.renewal_days} is out of range: use 1 to {self.validity_days - 1}, "
                "less than validity_days"
            )


@dataclass(frozen=True, kw_only=True)
class Balance(Spec):
    """Cruise Control, which moves records to added brokers, and away from brokers that are to be removed."""

    throttle: str = rate("50MB/s")
    """Most that moving records take of each broker, such as `50MB/s`, so that clients keep the rest. Default 50MB/s."""
    network: str | None = rate(None, "125MB/s")
    """What each broker's network carries in each direction, such as `125MB/s`. Default: Cruise Control's 10000KiB/s."""
    resources: Resources = field(default_factory=lambda: Resources(cpu="500m", memory="2Gi"))
    """Processor and memory of Cruise Control. Default: 500m and 2Gi."""
    goals: Sequence[str] = names(_check_goal)
    """What a balanced cluster is, by Cruise Control's names, most important first. Default: Strimzi's goals."""


@dataclass(frozen=True, kw_only=True)
class ClusterQuotas(Spec):
    """What all clients of a broker together may use (Strimzi's quotas plugin)."""

    produce: str | None = rate(None, "100MB/s")
    """Bytes a second written to each broker, such as `100MB/s`. Default: no limit."""
    consume: str | None = rate(None, "200MB/s")
    """Bytes a second read from each broker, such as `200MB/s`. Default: no limit."""
    least_free: str | None = percentage("5%")
    """Writers are stopped when a volume has less than this share free, such as `5%`: a full volume stops its broker."""
    except_users: Sequence[str] = names(check_principal)
    """Users who have no such limits. Default: none."""


@dataclass(frozen=True, kw_only=True)
class TieredStorage:
    """Old records in an object store, by a plugin for Kafka's remote storage that is in the image."""

    class_name: str
    """Java class of the RemoteStorageManager, such as `io.aiven.kafka.tieredstorage.RemoteStorageManager`."""
    class_path: str
    """Where its jars are in the image, such as `/opt/kafka/plugins/tiered/*`."""
    config: Mapping[str, str]
    """Its settings, without `rsm.config.`; secrets are read from mounted files, not written here."""

    def __post_init__(self) -> None:
        if not _JAVA_CLASS.fullmatch(self.class_name):
            raise ValueError(f"class_name: {self.class_name!r} is not a Java class: write it with its package")
        if not self.class_path.startswith("/"):
            raise ValueError(f"class_path: {self.class_path!r} is not a path in the image: begin it with /")
        checked("class_path", check_text, self.class_path, "a path")
        checked("config", check_settings, self.config)


@dataclass(frozen=True, kw_only=True)
class StrimziSpec(Spec):
    """What only Strimzi knows of a Kafka, besides its listeners."""

    pools: Mapping[str, Pool] = field(default_factory=dict)
    """The nodes, by the name of their pool. Some vote on the metadata (one, or an odd number from 3), some hold records.
    Needed."""
    rack: str | None = label_of_machines(None)
    """Label of the machines whose value is a broker's rack: copies of a record go to different ones, and consumers read
    from the nearest. Every machine needs it. Default: brokers know no racks."""
    balance: Balance | None = None
    """Cruise Control, which moves records when brokers come and go. Default: there is one wherever a pool can scale and
    `unbalanced` is false."""
    unbalanced: bool = False
    """Whether records stay where they are when brokers are added; none can be removed then. Default false."""
    authorities: Authorities = field(default_factory=Authorities)
    """The certificate authorities. Default: Strimzi makes and renews them."""
    quotas: ClusterQuotas | None = None
    """What all clients of a broker together may use. Default: no limits."""
    tiered_storage: TieredStorage | None = None
    """Where old records go, by a plugin that is in the image. Default: they stay on the volumes."""
    metrics: Metrics = Metrics.REPORTER
    """How nodes show their metrics. Default: by Strimzi's Metrics Reporter."""
    exporter: bool = False
    """Whether Kafka Exporter shows the lag of consumer groups. Default false."""
    maintenance: Sequence[str] = formed((), _check_windows)
    """When certificates may be made anew, which restarts nodes: cron expressions such as `* * 1-4 ? * SUN *` (UTC).
    Default: whenever it is due."""
    drain_cleaner: bool = False
    """Whether Strimzi's Drain Cleaner is in the Kubernetes cluster: it moves nodes off drained machines, one at a time and
    only when all copies are in sync. Default false: a PodDisruptionBudget lets one node go at a time."""
    super_users: Sequence[str] = names(check_principal)
    """Users who may do everything: names, or `CN=<name>` for users with certificates. Default: none."""


@dataclass(frozen=True, kw_only=True)
class StrimziKafka(StrimziSpec):
    """A Kafka that Strimzi's operator runs. The operator has to watch the cluster's namespace."""

    listeners: StrimziListeners = field(default_factory=StrimziListeners)
    """How clients reach the cluster. Default: inside Kubernetes, by TLS and SCRAM passwords."""

    def check(self) -> None:
        """The pools make a cluster, and records move where brokers come and go."""
        self._check_pools()
        if self.unbalanced:
            if self.balance is not None:
                raise ValueError("unbalanced: balance is given too: keep one of them")
            for name, pool in sorted(self.pools.items()):
                if pool.autoscaled:
                    raise ValueError(
                        f"unbalanced: records would never move to the brokers that pool {name} adds by itself: "
                        "remove it, or autoscaled"
                    )
        elif self.balance is not None and self.brokers < 2:
            raise ValueError("balance: there is nothing to balance between one broker: remove it, or add brokers")

    def _check_pools(self) -> None:
        for name in sorted(self.pools):
            checked("pools", check_label, name, "pool's name")
            if len(name) > 20:
                raise ValueError(f"pools: {name!r} is too long for a pool's name: use up to 20 characters")
        if not self.brokers:
            raise ValueError("pools: no node holds records: write a pool with the role broker")
        if self.brokers > MOST_NODES:
            raise ValueError(f"pools: {self.brokers} brokers are out of range: use up to {MOST_NODES}")
        if not self.controllers:
            raise ValueError("pools: no node votes on the metadata: write a pool with the role controller")
        if self.controllers % 2 == 0:
            raise ValueError(
                f"pools: {self.controllers} controllers are no safer than {self.controllers - 1}, a majority has to be up: "
                "use an odd number"
            )
        if self.controllers > MOST_CONTROLLERS:
            raise ValueError(f"pools: {self.controllers} controllers: use at most {MOST_CONTROLLERS}")

    @property
    def brokers(self) -> int:
        """How many nodes hold records, as the file says."""
        return sum(pool.nodes for pool in self.pools.values() if pool.holds_records)

    @property
    def controllers(self) -> int:
        """How many nodes vote on the metadata."""
        return sum(pool.nodes for pool in self.pools.values() if pool.votes)

    @property
    def effective_balance(self) -> Balance | None:
        """The Cruise Control that there is: records have to move wherever brokers can come and go."""
        if self.unbalanced or self.brokers < 2:
            return None
        if self.balance is not None:
            return self.balance
        return Balance() if any(pool.scales for pool in self.pools.values()) else None

    @property
    def autoscaled_pools(self) -> Sequence[str]:
        """Pools whose number of nodes an autoscaler owns."""
        return sorted(name for name, pool in self.pools.items() if pool.autoscaled)


def broker_config(strimzi: StrimziKafka, defaults: Defaults, own: Mapping[str, str]) -> dict[str, str]:
    """The brokers' settings, besides those that Strimzi decides on."""
    replicas = defaults.replicas_on(strimzi.brokers)
    least = defaults.min_insync_replicas_on(strimzi.brokers)
    config = {
        # Topics that appear by themselves would race with the declared ones.
        "auto.create.topics.enable": "false",
        "default.replication.factor": str(replicas),
        "log.retention.ms": str(milliseconds(defaults.retention)),
        "min.insync.replicas": str(least),
        "offsets.topic.replication.factor": str(replicas),
        "share.coordinator.state.topic.min.isr": str(least),
        "share.coordinator.state.topic.replication.factor": str(replicas),
        "transaction.state.log.min.isr": str(least),
        "transaction.state.log.replication.factor": str(replicas),
        "unclean.leader.election.enable": "false",
    }
    if strimzi.rack is not None:
        config["replica.selector.class"] = "org.apache.kafka.common.replica.RackAwareReplicaSelector"
    return dict(sorted((config | dict(own)).items()))


def check_scaling_step(cluster: str, pool: str, before: int, after: int, *, votes: bool, balanced: bool) -> None:
    """Raises for a number of nodes that a pool cannot go to."""
    where = f"cluster {cluster}: pools.{pool}.nodes: {before} -> {after}"
    if before != after and votes:
        raise ValueError(
            f"{where}: nodes that vote on the metadata do not come and go: keep {before}, or add brokers in a pool of their own"
        )
    if after < before and not balanced:
        raise ValueError(
            f"{where}: the removed brokers hold records, and Strimzi would take the change back without a word: "
            f"keep {before}, or leave unbalanced out"
        )


def check_volumes(
    cluster: str, pool: str, before: Sequence[Mapping[str, object]], after: Sequence[Mapping[str, object]]
) -> None:
    """Raises for volumes that shrink, vanish or change their class. The volumes are those of a rendered KafkaNodePool."""
    where = f"cluster {cluster}: pools.{pool}"
    if len(after) < len(before):
        raise ValueError(f"{where}.volumes: {len(before)} -> {len(after)}: the removed volume holds records: keep it")
    for number, (old, new) in enumerate(zip(before, after, strict=False)):
        had, wanted = str(old["size"]), str(new["size"])
        if quantity(wanted) < quantity(had):
            raise ValueError(f"{where}.volumes[{number}]: {had} -> {wanted}: volumes never shrink: use at least {had}")
        if old.get("class") != new.get("class"):
            raise ValueError(
                f"{where}.volumes[{number}]: class {old.get('class')} -> {new.get('class')}: a volume keeps its class: "
                "make a new pool with the other class, and move there"
            )
