"""The spec of Kafka Connect and of its connectors, and what they need in Kafka. No Pulumi."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from kafka_platform.connect.binlog import BinlogSource, MariadbSource, MysqlSource
from kafka_platform.connect.common import (
    ConnectorCommon,
    RecordFormat,
    check_connector_name,
    connector_user_name,
    kind,
)
from kafka_platform.connect.documents import MongodbSource
from kafka_platform.connect.formats import BY_REGISTRY
from kafka_platform.connect.iceberg import IcebergSink, coordinator_group
from kafka_platform.connect.kinds import ConnectKind
from kafka_platform.connect.sinks import JdbcSink, Plugin
from kafka_platform.connect.sources import ChangeSource, PostgresSource
from kafka_platform.kafka.entities import Cleanup, Quotas, Topic, User
from kafka_platform.kafka.protocols import Engine
from kafka_platform.kafka.registry import RegistryConnection
from kafka_platform.kube.images import CONNECT_IMAGE, STRIMZI_CONNECT_IMAGE
from kafka_platform.kube.pod_settings import UNDECIDED, PodSettings
from kafka_platform.values.checks import check_field
from kafka_platform.values.forms import Compute, Spec, mapping, memory_of, names, namespaces, processors
from kafka_platform.values.later import Input
from kafka_platform.values.names import check_image
from kafka_platform.values.ranges import within
from kafka_platform.values.words import Deciding

CONNECT = "connect"
"""Name of Kafka Connect's Deployment, its Service, its group and its Kafka user in a stack, and what its topics begin with."""
MOST_PODS = 50
"""Each pod keeps connections to all others' leader, and a rebalance stops tasks of all: larger installations are several."""
TABLE_PARTITIONS = 3
"""Partitions of a table's topic that is not declared under `topics`."""
DEAD_LETTERS_RETENTION = "14d"
QUOTAS = Quotas(produce="5MB/s", consume="50MB/s")
"""Of the workers' own user: configurations, offsets and states are kilobytes, and a pod that starts reads all of them."""
_PLUGIN = re.compile(r"[a-z0-9]([a-z0-9-]{0,18}[a-z0-9])?")
FENCED_TASKS = 8
"""Transactional ids of a source with fewer tasks: it has to fence those that it had before."""


class RunBy(Deciding):
    """What runs Kafka Connect."""

    PODS = "pods"
    """A Deployment of this platform, and a Job that applies the connectors."""
    STRIMZI = "strimzi"
    """Strimzi's operator, from a `KafkaConnect` and a `KafkaConnector` for each connector."""


class ConnectorState(Deciding):
    """Whether a connector works."""

    RUNNING = "running"
    """It works."""
    PAUSED = "paused"
    """It keeps its connections, and moves no records."""
    STOPPED = "stopped"
    """Its tasks are ended; its offsets are kept."""


@dataclass(frozen=True, kw_only=True)
class Connector(ConnectorCommon):
    """A connector that Kafka Connect runs: one of its kinds, and what all kinds have."""

    postgres: PostgresSource | None = kind()
    """Source: changes of tables of PostgreSQL."""
    mysql: MysqlSource | None = kind()
    """Source: changes of tables of MySQL."""
    mariadb: MariadbSource | None = kind()
    """Source: changes of tables of MariaDB."""
    mongodb: MongodbSource | None = kind()
    """Source: changes of collections of MongoDB."""
    jdbc: JdbcSink | None = kind()
    """Sink: tables of a database with a JDBC driver."""
    iceberg: IcebergSink | None = kind()
    """Sink: tables of Apache Iceberg in a bucket."""
    plugin: Plugin | None = kind()
    """Any other connector whose plugin is in the image."""
    keys: RecordFormat | None = None
    """How keys are written or read, of the formats of values. Default: in a stack file that of the keys' schemas, or text for topics whose
    values alone have one; otherwise as values."""
    state: ConnectorState = ConnectorState.RUNNING
    """Whether it works: running, paused or stopped. Default: running."""

    def check(self) -> None:
        """A database's log is read by one task, and a plugin reads topics or writes them."""
        super().check()
        made = self.kind
        if self.runs_in_connect:
            self._check_formats()
        if isinstance(made, ChangeSource) and self.tasks != 1:
            raise ValueError(f"tasks: {self.kind_name} reads the database's log in one task: remove it")
        if isinstance(made, Plugin) and self.reads and made.writes:
            raise ValueError("plugin.writes: the connector reads topics, so it is a sink: remove it, or reads")
        if isinstance(made, JdbcSink) and made.table is not None and len(self.reads) > 1:
            raise ValueError("jdbc.table: several topics would share its rows: read one topic, or remove it")

    def _check_formats(self) -> None:
        """It knows what it reads and writes."""
        for field, given in (("format", self.format), ("keys", self.keys)):
            if given is RecordFormat.SCHEMA:
                raise ValueError(f"{field}: schema is for light sinks: write avro, jsonschema or protobuf")
            if given is RecordFormat.PROTOBUF and not self.is_sink:
                raise ValueError(
                    f"{field}: protobuf is for sinks, as fields of Protobuf have numbers, which the columns of a source do not have: write "
                    "avro or jsonschema"
                )
        if isinstance(self.kind, ChangeSource) and RecordFormat.TEXT in (self.format, self.keys):
            raise ValueError("format: text has no columns, and a table's changes do: write json, avro or jsonschema")

    @property
    def keys_format(self) -> RecordFormat:
        """How keys are written or read."""
        return self.keys or self.values

    @property
    def by_registry(self) -> RecordFormat | None:
        """A format of its records that has schemas in the registry; None if there is none."""
        return next((each for each in (self.values, self.keys_format) if each in BY_REGISTRY), None)

    @property
    def runs_in_connect(self) -> bool:
        """Whether Kafka Connect runs it."""
        return isinstance(self.kind, ConnectKind)

    @property
    def may_idle(self) -> bool:
        """Whether it may run without a task."""
        return False

    def written(self, name: str) -> Sequence[str]:
        """The topics that it writes records to, if it has that name."""
        dead_letters = self.dead_letters_of(name)
        return [*self.kind.written(name), *([] if dead_letters is None else [dead_letters])]

    def topics(self, name: str) -> dict[str, Topic]:
        """The topics that it needs, besides those that it reads and those of a plugin, which are declared as all others."""
        found: dict[str, Topic] = {}
        if isinstance(self.kind, ChangeSource):
            # The newest state of each row stays for whoever begins to read later.
            table = Topic(partitions=TABLE_PARTITIONS, cleanup=Cleanup.COMPACT)
            found |= dict.fromkeys(self.kind.written(name), table)
        found |= self.kind.kept(name)
        dead_letters = self.dead_letters_of(name)
        if dead_letters is not None:
            found[dead_letters] = Topic(retention=DEAD_LETTERS_RETENTION)
        else:
            found[offsets_topic(name)] = Topic(cleanup=Cleanup.COMPACT)
        return found

    def user(self, name: str, namespace: Input[str] | None = None, quotas: Quotas | None = None) -> User:
        """Its Kafka user: the right to its topics, its group or its transactions, and to nothing else."""
        own = list(self.kind.kept(name))
        writes, groups = [*self.written(name), *own], [*self.kind.groups(name)]
        transactions = [*self.kind.transactions(name)]
        if self.is_sink:
            groups.append(sink_group(name))
        else:
            writes.append(offsets_topic(name))
            own.append(offsets_topic(name))
            transactions += [f"{CONNECT}-{name}-{task}" for task in range(max(self.tasks, FENCED_TASKS))]
        return User(
            writes=writes,
            reads=[*self.reads, *own],
            groups=groups,
            transactions=transactions,
            quotas=quotas,
            namespace=namespace,
            password_version=self.password_version,
        )


def offsets_topic(name: str) -> str:
    """The topic in which the source of that name keeps how far it is."""
    return f"{CONNECT}-offsets-{name}"


def sink_group(name: str) -> str:
    """The consumer group of the sink of that name, as Kafka Connect calls it."""
    return f"{CONNECT}-{name}"


@dataclass(frozen=True, kw_only=True)
class ConnectResources(Compute):
    """CPU and memory of each pod of Kafka Connect."""

    cpu: str = processors("250m")
    """CPU request. Default 250m."""
    cpu_limit: str | None = processors(None, "2")
    """CPU limit. Default: none."""
    memory: str = memory_of("Kafka Connect", "1Gi", least="768Mi")
    """Memory request and limit, at least 768Mi; the heap is what exceeds 448Mi. Default 1Gi."""


def _check_plugins(plugins: Mapping[str, str]) -> None:
    """Raises unless these are plugins that Strimzi can mount, each by one image."""
    for name, image in plugins.items():
        if not _PLUGIN.fullmatch(name):
            raise ValueError(
                f"{name!r} is not the name of a plugin: use up to 20 of a-z, 0-9 and -, such as acme-source"
            )
        check_field(name, check_image, image)


@dataclass(frozen=True, kw_only=True)
class ConnectSpec(Spec):
    """Settings of Kafka Connect, shared by programs and stack files."""

    run_by: RunBy | None = None
    """What runs it: `strimzi` (`KafkaConnect` and `KafkaConnector`) or `pods` (a Deployment and a Job of this platform). Default:
    strimzi where Strimzi runs the Kafka, pods elsewhere."""
    plugins: Mapping[str, str] = mapping(_check_plugins)
    """With Strimzi: images that contain only plugins, by a name for each; they are mounted into the workers as image volumes, which
    the Kubernetes cluster has to offer. Default: none; plugins are in the image."""
    pods: int = within(1, MOST_PODS, default=2)
    """Number of pods, which share the tasks. Default 2: one takes over when the other ends."""
    resources: ConnectResources = ConnectResources()
    """CPU and memory of each pod. Default: 250m and 1Gi."""
    removed_connectors: Sequence[str] = names(check_connector_name)
    """Connectors to delete from Kafka Connect. Default: none; connectors that are no longer declared go on with what
    they were told last."""
    metrics_namespaces: Sequence[Input[str]] = namespaces()
    """Namespaces whose pods may read the metrics. Default: all."""
    pod_settings: PodSettings = UNDECIDED
    """Scheduling, labels and pull secrets of the pods. Default: Kubernetes' own defaults."""


def run_by_of(spec: ConnectSpec, engine: Engine | None) -> RunBy:
    """What runs the connectors of a Kafka of that engine."""
    return spec.run_by or (RunBy.STRIMZI if engine is Engine.STRIMZI else RunBy.PODS)


def connect_image(run_by: RunBy) -> str:
    """The image of this release for workers that are run so."""
    return STRIMZI_CONNECT_IMAGE if run_by is RunBy.STRIMZI else CONNECT_IMAGE


def check_run_by(spec: ConnectSpec, engine: Engine | None) -> None:
    """Raises unless what is to run Kafka Connect can do so, and with these settings."""
    operated = run_by_of(spec, engine) is RunBy.STRIMZI
    if operated and engine is not Engine.STRIMZI:
        raise ValueError("run_by: strimzi is possible only where Strimzi runs the Kafka: remove it")
    if spec.plugins and not operated:
        raise ValueError(
            "plugins: only Strimzi mounts images into workers: build an image with the plugins, as runtime/connect/Dockerfile "
            "does, and name it as the image of Kafka Connect"
        )
    if spec.removed_connectors and operated:
        names = " ".join(spec.removed_connectors)
        raise ValueError(
            f"removed_connectors: with Strimzi a connector is deleted with its object: remove this key, and run kubectl delete kafkaconnector {names}"
        )


def check_kind(name: str, connector: ConnectorCommon) -> None:
    """Raises unless the connector of that name has a kind."""
    try:
        connector.check_kind()
    except ValueError as error:
        raise ValueError(f"connectors.{name}.{error}") from None


def check_connectors(connectors: Mapping[str, Connector], removed: Sequence[str] = ()) -> None:
    """Raises for connectors that cannot run beside each other; the message begins with `connectors` and the name."""
    slots: dict[tuple[str, int, str, str], str] = {}
    servers: dict[tuple[str, int, int], str] = {}
    for name, each in connectors.items():
        check_field(f"connectors.{name}", check_connector_name, name)
        check_kind(name, each)
        if isinstance(each.kind, IcebergSink) and coordinator_group(name) in map(sink_group, connectors):
            raise ValueError(
                f"connectors.{name}-coord: would share the consumer group that {name!r} coordinates its commits in: rename it"
            )
        if isinstance(each.kind, JdbcSink) and each.keys_format is RecordFormat.TEXT and not each.kind.has_key:
            raise ValueError(
                f"connectors.{name}.jdbc.key_column: missing: its keys are text, which has no columns: name the column for them, such as id"
            )
        if name in removed:
            raise ValueError(f"removed_connectors: {name!r} is declared too: remove one of them")
        if isinstance(each.kind, PostgresSource):
            source = each.kind
            slot = (source.host, source.port, source.database, source.slot_of(name))
            if slots.setdefault(slot, name) != name:
                raise ValueError(
                    f"connectors.{name}.postgres.slot: {slot[3]!r} is that of connector {slots[slot]!r} too, and each would miss "
                    "changes: write another one"
                )
        if isinstance(each.kind, BinlogSource):
            server = (each.kind.host, each.kind.port, each.kind.server_id_of(name))
            if servers.setdefault(server, name) != name:
                raise ValueError(
                    f"connectors.{name}.{each.kind_name}.server_id: {server[2]} is that of connector {servers[server]!r} too, and the "
                    "server would cut one of them off: write another one"
                )


def check_registries(connectors: Mapping[str, Connector], registries: Mapping[str, RegistryConnection]) -> None:
    """Raises unless connectors with schemas reach a registry, and no others name one."""
    for name, each in connectors.items():
        if each.by_registry is not None:
            if name not in registries:
                raise ValueError(
                    f"connectors.{name}.format: {each.by_registry.value} needs a schema registry: name it in registries, or use json"
                )
        elif name in registries:
            raise ValueError(f"registries.{name}: the connector uses no registry: remove it, or write format: avro")
    for name in registries.keys() - connectors.keys():
        raise ValueError(f"registries.{name}: there is no such connector: remove it")


def connect_topics(connectors: Mapping[str, Connector]) -> dict[str, Topic]:
    """The topics of Kafka Connect and of its connectors, by name."""
    found = {
        f"{CONNECT}-configs": Topic(cleanup=Cleanup.COMPACT),
        f"{CONNECT}-offsets": Topic(partitions=5, cleanup=Cleanup.COMPACT),
        f"{CONNECT}-status": Topic(partitions=5, cleanup=Cleanup.COMPACT),
    }
    for name, each in sorted(connectors.items()):
        found |= each.topics(name)
    return found


def connect_users(
    connectors: Mapping[str, Connector],
    namespace: Input[str] | None = None,
    quotas: Mapping[str, Quotas | None] | None = None,
) -> dict[str, User]:
    """The Kafka users: one of Kafka Connect itself, which reads and writes its own topics alone, and one for each connector.

    Args:
        connectors: by name.
        namespace: that of Kafka Connect.
        quotas: limits of connectors, by their names.
    """
    own = [f"{CONNECT}-{part}" for part in ("configs", "offsets", "status")]
    found = {
        CONNECT: User(
            writes=own,
            reads=own,
            groups=[CONNECT],
            transactions=[f"{CONNECT}-cluster-{CONNECT}"],
            quotas=QUOTAS,
            namespace=namespace,
        )
    }
    for name, each in sorted(connectors.items()):
        found[connector_user_name(name)] = each.user(name, namespace, (quotas or {}).get(name))
    return found
