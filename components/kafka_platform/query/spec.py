"""The spec of a query engine. No Pulumi."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, dataclass, field

from kafka_platform.kafka.entities import Quotas, User
from kafka_platform.kube.pod_settings import UNDECIDED, PodSettings
from kafka_platform.query.sources import Sources, check_full_name
from kafka_platform.values.checks import check_field
from kafka_platform.values.forms import (
    Compute,
    Spec,
    duration,
    formed,
    memory_of,
    named,
    names,
    namespaces,
    processors,
    rate,
    size,
)
from kafka_platform.values.later import Input
from kafka_platform.values.names import check_subdomain, check_topic, check_user
from kafka_platform.values.ranges import within
from kafka_platform.values.words import Deciding, suggest

QUERY_ENGINE = "query-engine"
"""Name of its Deployment, its Service and its Kafka user in a stack."""
METRICS_USER = "query-engine-metrics"
"""Who reads its metrics inside its pod; nobody can log in as that user."""
MOST_TABLES = 1000
"""Each is a file that Trino reads when it starts; a ConfigMap has room for 1 MiB of them."""
MOST_CONCURRENT = 200
MOST_QUEUED = 10_000

TYPES = ("BIGINT", "BOOLEAN", "DATE", "DOUBLE", "INTEGER", "SMALLINT", "TIMESTAMP", "TINYINT", "VARCHAR")
"""Types of columns: what Trino makes of JSON."""
_COLUMN = re.compile(r"[a-z_][a-z0-9_]{0,127}")
_MEMBER = re.compile(r"[A-Za-z0-9_@.$-]{1,128}(/[A-Za-z0-9_@.$-]{1,128}){0,9}")


@dataclass(frozen=True, kw_only=True)
class Column:
    """A column of a table."""

    name: str
    type: str
    member: str
    """Where it is in the JSON object: names of members with `/` between them."""


def column_of(text: str) -> Column:
    """What a declaration such as `city VARCHAR customer/city` says.

    Raises:
        ValueError: it is none.
    """
    parts = text.split()
    if len(parts) not in (2, 3):
        raise ValueError(
            f"{text[:60]!r} is not a column: write a name and a type, such as id BIGINT, and, where the JSON member is called otherwise, its path"
        )
    name, kind, member = parts[0], parts[1].upper(), parts[-1] if len(parts) == 3 else parts[0]
    if not _COLUMN.fullmatch(name):
        raise ValueError(
            f"{name[:60]!r} is not a column: use a-z, 0-9 and _, beginning with a letter, such as order_id"
        )
    if kind not in TYPES:
        raise ValueError(f"{parts[1][:60]!r} is not a type of a column: use one of {', '.join(TYPES)}")
    if not _MEMBER.fullmatch(member):
        raise ValueError(
            f"{member[:60]!r} is not a path in a JSON object: write names with / between them, such as customer/city"
        )
    return Column(name=name, type=kind, member=member)


def _check_columns(columns: Sequence[str]) -> None:
    seen: set[str] = set()
    for each in columns:
        name = column_of(each).name
        if name in seen:
            raise ValueError(f"{name!r} is there twice: keep one of them")
        seen.add(name)


class QueryFormat(Deciding):
    """How the records of a topic are written."""

    JSON = "json"
    """JSON objects without a prefix, or text."""
    AVRO = "avro"
    """Avro, each with the id of its schema in the registry, as Confluent's serializers write it."""


@dataclass(frozen=True, kw_only=True)
class QueryTable(Spec):
    """A topic as a table."""

    columns: Sequence[str] = formed(
        (), _check_columns, items={"type": "string"}, examples=[["id BIGINT", "city VARCHAR customer/city"]]
    )
    """Columns of JSON records, each a name and a type: VARCHAR, BOOLEAN, TINYINT, SMALLINT, INTEGER, BIGINT, DOUBLE, DATE or TIMESTAMP
    (ISO 8601). A third word is the path of the member where it has another name. Default: one column
    `message`, the record as VARCHAR; with `format: avro` the fields of the schema that is registered."""
    format: QueryFormat = QueryFormat.JSON
    """How its records are written: json or avro. Default json; in a stack file avro for a topic with a schema of Avro."""

    def check(self) -> None:
        """Columns stand in one place."""
        if self.columns and self.format is QueryFormat.AVRO:
            raise ValueError("columns: follow from the schema in the registry: remove the key")


def table_of(topic: str) -> str:
    """Name of a topic's table, which SQL takes without quotes: in lower case, with _ for - and dots."""
    return re.sub(r"[.-]", "_", topic.lower())


def registered_table_of(topic: str) -> str:
    """Name of the table of a topic whose records are in Avro: Trino finds it by the name of the subject, and has no capital letters."""
    return topic.lower()


def is_avro(topic: str, tables: Mapping[str, QueryTable]) -> bool:
    """Whether the records of a topic are in Avro."""
    return topic in tables and tables[topic].format is QueryFormat.AVRO


def check_tables(topics: Sequence[str], tables: Mapping[str, QueryTable]) -> None:
    """Raises if two topics would be the same table, or there are too many."""
    found: dict[tuple[bool, str], str] = {}
    for topic in sorted(set(topics)):
        avro = is_avro(topic, tables)
        name = registered_table_of(topic) if avro else table_of(topic)
        other = found.setdefault((avro, name), topic)
        if other != topic:
            raise ValueError(f"{other!r} and {topic!r} would both be the table {name!r}: let users read one of them")
    if len(found) > MOST_TABLES:
        raise ValueError(f"{len(found):,} topics are too many: name fewer users, who read up to {MOST_TABLES:,}")


@dataclass(frozen=True, kw_only=True)
class QueryReader(Spec):
    """A user of Kafka who may query."""

    topics: Sequence[str] = names(check_topic)
    """Topics that it may read, by their full names. Default: none."""
    tables: Sequence[str] = names(check_full_name)
    """Tables of databases and lakes that it may read, by their full names, such as shop.public.orders. Default: none."""
    tenant: str | None = None
    """Whose limits of queries it shares. Default: it has its own."""

    def check(self) -> None:
        """It may query something."""
        if not self.topics and not self.tables:
            raise ValueError("topics: missing: write the topics that it may read, or tables")


def check_readers(readers: Mapping[str, QueryReader], tables: Mapping[str, QueryTable]) -> None:
    """Raises unless each can log in, and all they read are tables."""
    for name in readers:
        check_query_user(name)
    check_tables([topic for each in readers.values() for topic in each.topics], tables)


def check_sources(readers: Mapping[str, QueryReader], sources: Sources) -> None:
    """Raises if somebody may read tables of what is no catalog."""
    for name, reader in readers.items():
        for table in reader.tables:
            catalog = table.partition(".")[0]
            if catalog not in sources:
                raise ValueError(
                    f"{name}.tables: {catalog!r} is neither a database nor a lake: {suggest(catalog, sources)}"
                )


def check_query_user(name: str) -> None:
    """Raises unless it can log in by HTTP, with a file of passwords."""
    check_user(name)
    if ":" in name:
        raise ValueError(
            f"{name!r} has a colon, which ends the name where a login is sent by HTTP: choose another user"
        )
    if name == METRICS_USER:
        raise ValueError(f"{name!r} reads the engine's metrics: choose another user")


@dataclass(frozen=True, kw_only=True)
class QueryTls(Spec):
    """TLS terminated at the pod. The files are reloaded when the Secret changes."""

    certificate: Input[str] = named(check_subdomain, "Secret name", default=MISSING)
    """Secret of the type kubernetes.io/tls in the engine's namespace, valid for `<name>.<namespace>.svc`. Required."""


@dataclass(frozen=True, kw_only=True)
class QueryResources(Compute):
    """CPU and memory of the pod of a query engine."""

    cpu: str = processors("500m")
    """CPU request. Default 500m."""
    cpu_limit: str | None = processors(None, "4")
    """CPU limit. Default: none."""
    memory: str = memory_of("a query engine", "2Gi", least="1536Mi")
    """Memory request and limit, at least 1536Mi; the heap is what exceeds 768Mi, and one query has up to 40 % of it. Default 2Gi."""


@dataclass(frozen=True, kw_only=True)
class QueryLimits(Spec):
    """What queries may take together, and each."""

    concurrent: int = within(1, MOST_CONCURRENT, default=10)
    """Queries that run at a time; others wait. Default 10."""
    tenant_concurrent: int = within(1, MOST_CONCURRENT, default=5)
    """Queries of one tenant that run at a time. Default 5."""
    queued: int = within(1, MOST_QUEUED, default=100)
    """Queries of one tenant that wait; further ones are refused. Default 100."""
    time: str = duration("10m", least="1s", most="1d")
    """How long a query may run and wait together. Default 10m."""

    def check(self) -> None:
        """A tenant has not more than all."""
        if self.tenant_concurrent > self.concurrent:
            raise ValueError(
                f"tenant_concurrent: {self.tenant_concurrent} of {self.concurrent}: use up to {self.concurrent}"
            )


def _check_tables(tables: Mapping[str, object]) -> None:
    for topic in tables:
        check_topic(topic)


@dataclass(frozen=True, kw_only=True)
class QuerySpec(Spec):
    """Settings of a query engine, shared by programs and stack files."""

    tables: Mapping[str, QueryTable] = field(default_factory=dict)
    """Formats and columns of topics by name. Default: each has one column `message`, a record as text, for Trino's functions of JSON; in a
    stack file topics with a schema of Avro have its fields."""
    resources: QueryResources = QueryResources()
    """CPU and memory of its pod. Default: 500m and 2Gi."""
    limits: QueryLimits = QueryLimits()
    """What queries may take. Default: 10 at a time, 5 of a tenant."""
    consume: str = rate("20MB/s", "50MB/s")
    """Bytes a second that all queries together read from each broker: the quota of its Kafka user. Default 20MB/s."""
    spill: str = size("4Gi")
    """Disk for what does not fit into memory while a query runs; one query has up to half of it. Default 4Gi."""
    tls: QueryTls | None = None
    """TLS for clients such as JDBC and BI tools. Default: none; nobody connects but the command `query`, through the API server."""
    client_namespaces: Sequence[Input[str]] = namespaces()
    """With `tls`: namespaces whose pods may connect. Default: none but those of its users."""
    metrics_namespaces: Sequence[Input[str]] = namespaces()
    """Namespaces whose pods may read the metrics. Default: that of the stack's `prometheus`; in a program: all."""
    pod_settings: PodSettings = UNDECIDED
    """Scheduling, labels and pull secrets of the pod. Default: Kubernetes' own defaults."""

    def check(self) -> None:
        """Names of topics are such; only those may connect who can log in."""
        check_field("tables", _check_tables, self.tables)
        if self.client_namespaces and self.tls is None:
            raise ValueError("client_namespaces: passwords are only taken over TLS: write tls, or remove the key")


def query_user(spec: QuerySpec, reads: Sequence[str], namespace: Input[str] | None = None) -> User:
    """The Kafka user of an engine: it reads what one of its users may read, names or prefixes with `*`, up to a rate. It has no groups."""
    return User(reads=sorted(set(reads)), quotas=Quotas(consume=spec.consume), namespace=namespace)
