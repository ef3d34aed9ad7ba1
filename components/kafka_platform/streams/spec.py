"""The spec of a stream job. No Pulumi."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from kafka_platform.kube.pod_settings import UNDECIDED, PodSettings
from kafka_platform.program.spec import check_topics
from kafka_platform.streams.types import TIMES, check_column, check_type
from kafka_platform.values.checks import PORT_SCHEMA, check_field, check_ports
from kafka_platform.values.forms import (
    Compute,
    Spec,
    duration,
    formed,
    memory_of,
    named,
    namespaces,
    processors,
)
from kafka_platform.values.free_maps import check_text
from kafka_platform.values.later import Input
from kafka_platform.values.names import check_java_class, check_topic, check_workload
from kafka_platform.values.ranges import MOST_VERSIONS, within
from kafka_platform.values.words import Deciding, suggest

MOST_SLOTS = 100
"""Of all TaskManagers of a job."""
MOST_SAVEPOINTS = 1000
"""Changes of a job; one a day for three years."""
EVENT_TIME = "event_time"
"""Column of every table: when what its record tells happened."""
PREFIX = "stream-"
"""What the names of a job's objects and of its user begin with."""
_JAR = re.compile(r"(/[A-Za-z0-9_-][A-Za-z0-9._-]*)+\.jar")
LONGEST_JOB = 33 - len(PREFIX)


class StreamStart(Deciding):
    """Where a job that has no checkpoint begins to read."""

    EARLIEST = "earliest"
    """At the oldest records that the topics have."""
    LATEST = "latest"
    """At what is written after it has started."""
    COMMITTED = "committed"
    """Where the last checkpoint of the former version was, without what it knew; otherwise at the oldest records."""


class StreamFormat(Deciding):
    """How the records of a topic are written."""

    JSON = "json"
    """JSON objects without a prefix."""
    AVRO = "avro"
    """Avro, each with the id of its schema in the registry, as Confluent's serializers write it."""


def _check_columns(columns: Sequence[str]) -> None:
    seen: set[str] = set()
    for each in columns:
        name, _, kind = each.strip().partition(" ")
        check_column(name)
        if not kind.strip():
            raise ValueError(f"{each[:60]!r} has no type: write a name and a type, such as {name} STRING")
        check_type(kind)
        if name == EVENT_TIME:
            raise ValueError(f"{name!r} is a column of every table: name the column that it is taken from in time")
        if name in seen:
            raise ValueError(f"{name!r} is there twice: keep one of them")
        seen.add(name)


@dataclass(frozen=True, kw_only=True)
class StreamTable(Spec):
    """A topic as a table: records whose members are columns."""

    columns: Sequence[str] = formed(
        (), _check_columns, items={"type": "string"}, examples=[["id STRING", "amount DOUBLE"]]
    )
    """Columns in their order, each a name and a type: STRING, BOOLEAN, INT, BIGINT, DOUBLE, DECIMAL(10, 2), DATE, TIMESTAMP(3),
    TIMESTAMP_LTZ(3), BYTES, ARRAY<...>, MAP<..., ...> or ROW<name type, ...>. Each is the member of the same name. Required; in a stack
    file not for a topic with a schema of Avro, which has them."""
    format: StreamFormat = StreamFormat.JSON
    """How its records are written: json or avro. Default json; in a stack file avro for a topic with a schema of Avro."""
    schema: str | None = None
    """With `format: avro`: the schema that written records have, as JSON, which is registered. Required where the SQL writes the topic; in a
    stack file it is that of the topic."""
    time: str | None = named(check_column, examples=["at"])
    """Column with the time of what a record tells, for windows: BIGINT (milliseconds since 1970), TIMESTAMP(3) or TIMESTAMP_LTZ(3).
    It is the column `event_time`. Default: the time of the record."""
    late: str = duration("5s", least="0s", most="1d")
    """How much later than others a record may come and still be counted in its window. Default 5s."""
    key: str | None = named(check_column, examples=["id"])
    """Column of type STRING that written records have as their key. Default: they have none."""

    def check(self) -> None:
        """What it names is there, and of a type that fits."""
        types = self.types
        for name in ("time", "key") if types else ():
            column = getattr(self, name)
            if column is not None and column not in types:
                raise ValueError(f"{name}: {column!r} is not among the columns: {suggest(column, types)}")
        if types and self.time is not None and not TIMES.fullmatch(types[self.time]):
            raise ValueError(
                f"time: {self.time!r} is of type {types[self.time]}: use a BIGINT, TIMESTAMP(3) or TIMESTAMP_LTZ(3)"
            )
        if types and self.key is not None and types[self.key] != "STRING":
            raise ValueError(f"key: {self.key!r} is of type {types[self.key]}: use a STRING")

    @property
    def types(self) -> Mapping[str, str]:
        """The type of each column, in their order."""
        parts = (each.strip().partition(" ") for each in self.columns)
        return {name: kind.strip() for name, _, kind in parts}


@dataclass(frozen=True, kw_only=True)
class StreamResources(Compute):
    """CPU and memory of each TaskManager of a stream job."""

    cpu: str = processors("500m")
    """CPU request. Default 500m."""
    cpu_limit: str | None = processors(None, "2")
    """CPU limit. Default: none."""
    memory: str = memory_of("a TaskManager", "1Gi", least="768Mi")
    """Memory request and limit, at least 768Mi; a third of what exceeds 512Mi is RocksDB's. Default 1Gi."""


@dataclass(frozen=True, kw_only=True)
class StreamManagerResources(Compute):
    """CPU and memory of the JobManager of a stream job."""

    cpu: str = processors("250m")
    """CPU request. Default 250m."""
    cpu_limit: str | None = processors(None, "2")
    """CPU limit. Default: none."""
    memory: str = memory_of("a JobManager", "1Gi", least="768Mi")
    """Memory request and limit, at least 768Mi. Default 1Gi."""


def _check_jar(path: str) -> None:
    if not _JAR.fullmatch(path):
        raise ValueError(f"{path[:60]!r} is not a jar: write its path in the image, such as /opt/flink/usrlib/job.jar")


def _check_arguments(arguments: Sequence[str]) -> None:
    for each in arguments:
        check_text(each, "an argument")


def _check_tables(tables: Mapping[str, object]) -> None:
    for topic in tables:
        check_topic(topic)


def _check_api_ports(ports: Sequence[int]) -> None:
    if not ports:
        raise ValueError(
            "none is named, and a JobManager keeps its place in the API server: write its port, such as 6443"
        )
    check_ports(ports)


@dataclass(frozen=True, kw_only=True)
class StreamJobSpec(Spec):
    """Settings of a stream job, shared by programs and stack files."""

    tables: Mapping[str, StreamTable] = field(default_factory=dict)
    """The topics that its SQL reads and writes, by name, with their columns. Required with SQL."""
    jar: str | None = named(_check_jar, examples=["/opt/flink/usrlib/job.jar"])
    """Instead of SQL: path of a jar in `image`, with a program that makes the job. Default: none."""
    entry_class: str | None = named(check_java_class, examples=["com.example.Minutes"])
    """Class of the jar whose `main` makes the job. Required with `jar`."""
    arguments: Sequence[str] = formed((), _check_arguments)
    """Arguments of `main`, in their order; no secrets. Default: none."""
    reads: Sequence[str] = formed((), check_topics)
    """Topics that the program of the jar reads. SQL says that itself. Default: none."""
    writes: Sequence[str] = formed((), check_topics)
    """Topics that the program of the jar writes. SQL says that itself. Default: none."""
    pods: int = within(1, 50, default=1)
    """Number of TaskManagers, which do the work. Default 1."""
    slots: int = within(1, 16, default=1)
    """Parts of the work that each of them does at a time; the job is done in pods x slots parts. Default 1."""
    start: StreamStart = StreamStart.EARLIEST
    """Where a job that has no checkpoint begins to read. Default: at the oldest records."""
    version: int = within(1, MOST_VERSIONS, default=1)
    """Raise it by one to start a job anew, from `start`, without what it knows of open windows and joins; its last savepoint stays.
    A change without this stops it with a savepoint, and starts from that. Default 1."""
    checkpoints: str = duration("10s", least="1s", most="5m")
    """How often the job's state is saved, and its results become visible to readers of committed records. Default 10s."""
    savepoints: int | None = within(1, MOST_SAVEPOINTS, default=None)
    """How many former jobs keep their last savepoint, or the checkpoint that took its place; older ones are removed once the job
    has completed a checkpoint. Each is a copy of all state. Default: all stay, as nothing is deleted without your word."""
    idle_timeout: str = duration("1m", least="1s", most="1d")
    """With SQL: after how long without records a partition is no longer waited for; a silent one would hold back the windows of all.
    What it has for windows that have ended by then is not counted, so it is longer than a broker that dies is away (elections take up
    to 20 s). Default 1m."""
    resources: StreamResources = StreamResources()
    """CPU and memory of each TaskManager. Default: 500m and 1Gi."""
    manager: StreamManagerResources = StreamManagerResources()
    """CPU and memory of the JobManager. Default: 250m and 1Gi."""
    api_ports: Sequence[int] = formed((443, 6443), _check_api_ports, items=PORT_SCHEMA)
    """Ports that the API server's machines listen on, behind its Service. Default 443 and 6443."""
    metrics_namespaces: Sequence[Input[str]] = namespaces()
    """Namespaces whose pods may read the metrics. Default: that of the stack's `prometheus`; in a program: all."""
    pod_settings: PodSettings = UNDECIDED
    """Scheduling, labels and pull secrets of the pods. Default: Kubernetes' own defaults."""

    def check(self) -> None:
        """Not more parts than any cluster has use for."""
        check_field("tables", _check_tables, self.tables)
        if self.pods * self.slots > MOST_SLOTS:
            raise ValueError(f"slots: {self.pods} pods x {self.slots} slots are too many: use up to {MOST_SLOTS}")

    @property
    def parallelism(self) -> int:
        """In how many parts the job is done."""
        return self.pods * self.slots


def check_tables(tables: Mapping[str, StreamTable]) -> None:
    """Raises unless each has columns."""
    for topic, each in tables.items():
        if not each.columns:
            raise ValueError(f"{topic}: columns: missing: write a name and a type for each, such as id STRING")


def check_stream_job(name: str) -> None:
    """Raises unless a job can be called so."""
    check_workload(name, "stream job", LONGEST_JOB)


def transactions_of(name: str) -> str:
    """What a job's transactional ids begin with. No name has a dot: another job's ids never begin so."""
    return f"{PREFIX}{name}."


def stream_user_name(name: str) -> str:
    """Kafka user of a job, and what its objects are called."""
    return f"{PREFIX}{name}"
