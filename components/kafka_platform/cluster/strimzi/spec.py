"""The spec of a Kafka that Strimzi runs: pools, listeners and their parts. No Pulumi.

Every class checks itself when constructed and raises `ValueError` with one sentence that begins with the name of the
invalid field, as every spec does. What concerns several of them is checked by `StrimziKafka`.

These classes are the types of what is written into Strimzi's custom resources. They are written by hand, and few: the
definition of `Kafka` alone has 330 KB of schema, nearly all of it pod templates, and classes generated from it would say
neither what goes together nor what is safe. That the rendered objects are what Strimzi takes is judged by a real API
server with Strimzi's own definitions (tests/cluster/test_strimzi_objects.py).
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, dataclass, field

from kafka_platform.cluster.defaults import Defaults
from kafka_platform.cluster.nodes import MOST_NODES, Resources
from kafka_platform.cluster.strimzi.listeners import StrimziListeners
from kafka_platform.cluster.strimzi.pools import Pool
from kafka_platform.kube.operated import STRIMZI_VERSION
from kafka_platform.values.checks import check_field
from kafka_platform.values.forms import Spec, formed, label_of_machines, names, percentage, rate
from kafka_platform.values.free_maps import check_settings, check_text
from kafka_platform.values.names import LONGEST_NAME, check_java_class, check_label
from kafka_platform.values.ranges import within
from kafka_platform.values.units import LONGEST_DAYS, milliseconds

KAFKA_VERSIONS = ("4.2.0", "4.2.1", "4.3.0", "4.3.1")
"""The versions of Kafka that this release of Strimzi runs."""

MOST_CONTROLLERS = 7
"""More voters make every change of the metadata slower and none of them safer."""

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


def check_strimzi_config(config: Mapping[str, str]) -> None:
    """Raises for a broker setting that the cluster's other args decide, or that Strimzi would leave out."""
    check_field("config", check_settings, config)
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


@dataclass(frozen=True, kw_only=True)
class Authorities(Spec):
    """The certificate authorities of the cluster and of its clients."""

    given: bool = False
    """Whether you provide them: the Secrets `<name>-cluster-ca`, `<name>-cluster-ca-cert`, `<name>-clients-ca` and
    `<name>-clients-ca-cert` must then exist, as Strimzi describes them. Default: Strimzi makes and renews them."""
    validity_days: int = within(2, LONGEST_DAYS, default=365)
    """How long a certificate is valid. Default 365."""
    renewal_days: int = within(1, LONGEST_DAYS - 1, default=30)
    """How many days before it expires a certificate is renewed. Default 30."""

    def check(self) -> None:
        """A certificate is renewed before it expires."""
        if not 1 <= self.renewal_days < self.validity_days:
            raise ValueError(
                f"renewal_days: {self.renewal_days} is out of range: use 1 to {self.validity_days - 1}, "
                "less than validity_days"
            )


@dataclass(frozen=True, kw_only=True)
class Balance(Spec):
    """Cruise Control, which moves records to added brokers, and off brokers before they are removed."""

    throttle: str = rate("50MB/s")
    """Bandwidth of each broker that moving records may use, such as `50MB/s`; the rest is left to clients. Default
    50MB/s."""
    network: str | None = rate(None, "125MB/s")
    """Network capacity of each broker in each direction, such as `125MB/s`. Default: Cruise Control's 10000KiB/s."""
    resources: Resources = field(default_factory=lambda: Resources(cpu="500m", memory="2Gi"))
    """CPU and memory of Cruise Control. Default: 500m and 2Gi."""
    goals: Sequence[str] = names(_check_goal)
    """Cruise Control's goals, most important first. Default: Strimzi's goals."""


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
    """Users who are exempt from these limits. Default: none."""


def _check_class_path(path: str) -> None:
    if not path.startswith("/"):
        raise ValueError(f"{path!r} is not a path in the image: begin it with /")
    check_text(path, "a path")


@dataclass(frozen=True, kw_only=True)
class TieredStorage(Spec):
    """Old records in an object store, through a Kafka remote storage plugin in the image."""

    class_name: str = formed(MISSING, check_java_class)
    """Java class of the RemoteStorageManager, such as `io.aiven.kafka.tieredstorage.RemoteStorageManager`."""
    class_path: str = formed(MISSING, _check_class_path)
    """Where its jars are in the image, such as `/opt/kafka/plugins/tiered/*`."""
    config: Mapping[str, str] = formed(MISSING, check_settings)
    """Its settings, without `rsm.config.`; secrets are read from mounted files, not written here."""


@dataclass(frozen=True, kw_only=True)
class StrimziSpec(Spec):
    """Settings of a Kafka that only Strimzi has, except its listeners."""

    pools: Mapping[str, Pool] = field(default_factory=dict)
    """The nodes, by the name of their pool. Some nodes vote on the metadata (one, or an odd number from 3), some hold
    records. Required."""
    rack: str | None = label_of_machines(None)
    """Node label whose value is a broker's rack: replicas are placed on different racks, and consumers read from the
    nearest. Every machine needs the label. Default: no racks."""
    balance: Balance | None = None
    """Cruise Control, which moves records when brokers come and go. Default: there is one wherever a pool can scale and
    `unbalanced` is false."""
    unbalanced: bool = False
    """Whether records stay where they are when brokers are added; brokers then cannot be removed. Default false."""
    authorities: Authorities = field(default_factory=Authorities)
    """The certificate authorities. Default: Strimzi makes and renews them."""
    quotas: ClusterQuotas | None = None
    """Limits of each broker for all its clients together. Default: no limits."""
    tiered_storage: TieredStorage | None = None
    """Where old records are moved, by a plugin in the image. Default: they stay on the volumes."""
    exporter: bool = False
    """Whether Kafka Exporter shows the lag of consumer groups. Default false."""
    maintenance: Sequence[str] = formed((), _check_windows)
    """When certificates may be renewed, which restarts nodes: cron expressions such as `* * 1-4 ? * SUN *` (UTC).
    Default: as soon as they are due."""
    drain_cleaner: bool = False
    """Whether Strimzi's Drain Cleaner is in the Kubernetes cluster: it moves nodes off drained machines, one at a time
    and only when all replicas are in sync. Default false: a PodDisruptionBudget allows one eviction at a time."""
    super_users: Sequence[str] = names(check_principal)
    """Users without any restrictions: names, or `CN=<name>` for users with certificates. Default: none."""


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
            raise ValueError("balance: one broker has nothing to balance: remove it, or add brokers")

    def _check_pools(self) -> None:
        for name in sorted(self.pools):
            check_field("pools", check_label, name, "pool's name")
            if len(name) > 20:
                raise ValueError(f"pools: {name!r} is too long for a pool's name: use up to 20 characters")
        if not self.brokers:
            raise ValueError("pools: no node is a broker: write a pool with the role broker")
        if self.brokers > MOST_NODES:
            raise ValueError(f"pools: {self.brokers} brokers are out of range: use up to {MOST_NODES}")
        if not self.controllers:
            raise ValueError("pools: no node is a controller: write a pool with the role controller")
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
