"""The spec of a light connector, and what it needs in Kafka. No Pulumi."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from kafka_platform.connect.common import ConnectorCommon, RecordFormat, check_connector_name, connector_user_name, kind
from kafka_platform.connect.spec import DEAD_LETTERS_RETENTION, ConnectorState
from kafka_platform.kafka.entities import Quotas, Topic, User
from kafka_platform.light.kinds import HttpSink, LightKind, PollSource, SearchSink
from kafka_platform.light.servers import Mqtt, RabbitMq, RedisSink
from kafka_platform.light.stores import S3, HdfsSink
from kafka_platform.light.tables import CassandraSink
from kafka_platform.program.clients import Commit, OffsetReset
from kafka_platform.scaling.spec import Scale, check_scale, scaler_user, scaler_user_name
from kafka_platform.values.checks import check_field
from kafka_platform.values.forms import Compute, memory_of, processors
from kafka_platform.values.later import Input
from kafka_platform.values.ranges import within

MOST_BATCH = 10_000


@dataclass(frozen=True, kw_only=True)
class LightResources(Compute):
    """CPU and memory of each pod of a light connector."""

    cpu: str = processors("50m")
    """CPU request. Default 50m."""
    cpu_limit: str | None = processors("1", "1")
    """CPU limit. Default 1, which is all that the program can use."""
    # Interpreter and clients take 40 MiB, records read ahead 16 MiB, a batch with its request some multiples of its size.
    memory: str = memory_of("a light connector", "192Mi", least="128Mi")
    """Memory request and limit, at least 128Mi. Default 192Mi."""


@dataclass(frozen=True, kw_only=True)
class LightConnectorSpec(ConnectorCommon):
    """A connector that runs as a small program of its own: one of its kinds, and what all kinds have."""

    http: HttpSink | None = kind()
    """Sink: a web service."""
    opensearch: SearchSink | None = kind()
    """Sink: indexes of OpenSearch."""
    elasticsearch: SearchSink | None = kind()
    """Sink: indexes of Elasticsearch."""
    redis: RedisSink | None = kind()
    """Sink: Redis."""
    mqtt: Mqtt | None = kind()
    """Source or sink: an MQTT broker."""
    rabbitmq: RabbitMq | None = kind()
    """Source or sink: RabbitMQ."""
    s3: S3 | None = kind()
    """Source or sink: objects of S3, or of a server with its API."""
    hdfs: HdfsSink | None = kind()
    """Sink: files of HDFS."""
    cassandra: CassandraSink | None = kind()
    """Sink: a table of Cassandra."""
    poll: PollSource | None = kind()
    """Source: what a web service answers."""
    state: ConnectorState = ConnectorState.RUNNING
    """Whether it works: running, paused or stopped. Default: running."""
    batch: int = within(1, MOST_BATCH, default=500)
    """Light connectors only. Records that a sink delivers at once, and messages that a source takes before Kafka has acknowledged
    the first: as many may arrive twice after a crash. Default 500."""
    scale: Scale | None = None
    """Light sinks only, needs `keda`: as many pods as the lag requires. Default: `tasks` pods."""
    compute: LightResources = LightResources()
    """Light connectors only: CPU and memory of each pod. Default: 50m and 192Mi."""

    def check(self) -> None:
        """Its pods can share the work, and only light connectors have what only these know."""
        super().check()
        made = self.kind
        if made is None:
            return
        if not isinstance(made, LightKind):
            defaults = LightConnectorSpec()
            for name in ("batch", "scale", "compute"):
                if getattr(self, name) != getattr(defaults, name):
                    raise ValueError(
                        f"{name}: Kafka Connect runs {self.kind_name} connectors in its own pods: remove it"
                    )
            return
        if self.format not in (None, RecordFormat.JSON, RecordFormat.SCHEMA):
            raise ValueError(
                f"format: {self.format.value} is for connectors of Kafka Connect: write schema, by which a sink reads Avro, JSON Schema and "
                "Protobuf"
            )
        if self.format is RecordFormat.SCHEMA and made.is_sink is False:
            raise ValueError(f"format: {self.kind_name} writes what it receives: remove it")
        if made.batch() is not None and self.batch != LightConnectorSpec.batch:
            raise ValueError(f"batch: {self.kind_name}.size and {self.kind_name}.every decide on that: remove it")
        if not made.is_sink and self.tasks != 1:
            raise ValueError(f"tasks: {self.kind_name} receives in one pod, so that the order stays: remove it")
        if not made.is_sink and self.scale is not None:
            raise ValueError(f"scale: {self.kind_name} receives in one pod, so that the order stays: remove it")
        if self.scale is not None and self.tasks != 1:
            raise ValueError("tasks: scale decides on the number of pods: keep one of them")
        if made.is_sink is False and made.written() in self.reads:
            raise ValueError(f"{self.kind_name}.writes: it is read too: name another topic")

    @property
    def is_light(self) -> bool:
        """Whether it is a program of its own."""
        return isinstance(self.kind, LightKind)

    @property
    def pods(self) -> int | None:
        """The number of pods; None if the autoscaler decides on it."""
        if self.state is not ConnectorState.RUNNING:
            return 0
        return None if self.scale is not None else self.tasks

    @property
    def scaled_by_lag(self) -> bool:
        """Whether KEDA needs a user of Kafka."""
        return self.scale is not None and self.scale.by_lag and self.state is ConnectorState.RUNNING

    def used_topics(self) -> Sequence[str]:
        """The topics that it moves records of."""
        written = self.kind.written()
        return self.reads if written is None else [written]

    def most_pods(self, name: str, partitions: Mapping[str, int]) -> int:
        """Raises unless its scaling fits its topics.

        Returns:
            The most pods that there may be.
        """
        assert self.scale is not None  # noqa: S101 - whoever asks has looked
        return check_scale(
            self.scale,
            topics=self.reads,
            partitions=partitions,
            group=connector_user_name(name),
            offset_reset=OffsetReset.EARLIEST,
            commit=Commit.MANUAL,
        )

    def topics(self, name: str) -> dict[str, Topic]:
        """The topics that it needs besides those that it moves records of, which are declared as all others."""
        dead_letters = self.dead_letters_of(name)
        return {} if dead_letters is None else {dead_letters: Topic(retention=DEAD_LETTERS_RETENTION)}

    def users(self, name: str, namespace: Input[str] | None = None, quotas: Quotas | None = None) -> dict[str, User]:
        """Its Kafka user, with the right to its topics and its group alone; and the one with which KEDA looks at its lag."""
        own = connector_user_name(name)
        dead_letters = self.dead_letters_of(name)
        reads, writes, groups = list(self.reads), [], [own] if self.is_sink else []
        if dead_letters is not None:
            writes.append(dead_letters)
        if isinstance(self.kind, LightKind) and self.kind.keeps_position:
            # Its position is an offset of its group in the topic.
            reads, groups = [self.kind.written() or ""], [own]
        if not self.is_sink:
            writes.append(self.kind.written())
        found = {
            own: User(
                reads=reads,
                writes=writes,
                groups=groups,
                quotas=quotas,
                namespace=namespace,
                password_version=self.password_version,
            )
        }
        if self.scaled_by_lag:
            found[scaler_user_name(own)] = scaler_user(topics=self.reads, group=own, namespace=namespace)  # type: ignore[arg-type]
        return found


def light_topics(connectors: Mapping[str, LightConnectorSpec]) -> dict[str, Topic]:
    """The topics of light connectors, by name."""
    return {topic: made for name, each in sorted(connectors.items()) for topic, made in each.topics(name).items()}


def light_users(
    connectors: Mapping[str, LightConnectorSpec],
    namespace: Input[str] | None = None,
    quotas: Mapping[str, Quotas | None] | None = None,
) -> dict[str, User]:
    """The Kafka users of light connectors, by name.

    Args:
        connectors: by name.
        namespace: that of their pods.
        quotas: limits of connectors, by their names.
    """
    found: dict[str, User] = {}
    for name, each in sorted(connectors.items()):
        check_field(f"connectors.{name}", check_connector_name, name)
        found |= each.users(name, namespace, (quotas or {}).get(name))
    return found
