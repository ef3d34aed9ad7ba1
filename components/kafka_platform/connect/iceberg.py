"""The sink that appends records to tables of Apache Iceberg. No Pulumi."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, dataclass
from typing import Any

from kafka_platform.connect.common import Place
from kafka_platform.connect.kinds import (
    HEARTBEAT_MILLISECONDS,
    JDBC,
    SESSION_MILLISECONDS,
    ConnectKind,
    Context,
    check_jdbc,
)
from kafka_platform.connect.sinks import Evolution, place_of_jdbc
from kafka_platform.connect.web import check_endpoint, check_service, place_of
from kafka_platform.kafka.entities import Topic
from kafka_platform.kube.store import REGION, check_region
from kafka_platform.values.checks import check_field, check_login_url
from kafka_platform.values.forms import Spec, duration, formed, named, names
from kafka_platform.values.later import Input
from kafka_platform.values.names import check_subdomain
from kafka_platform.values.units import milliseconds
from kafka_platform.values.words import Deciding

CLASSES = "org.apache.iceberg.connect."
"""Beginning of the connector's class, and of its transforms."""
_CATALOG, _STORE = "catalog", "s3"
"""Folders of its Secrets."""
_ROW_GROUP_BYTES = 16 * 2**20
"""Of each file that is open: one for each table, partition and task. Iceberg's own is 128 MiB, of which a few fill a worker's heap."""
_FAILURES = 5
"""Commits in a row that may fail before the task does. Iceberg's own is one: any hiccup of the catalog ends it."""
_LOOKED_BACK_SECONDS, _LOOKED_BACK_COMMITS = 600, 60
"""At least so much of the topic of commits is looked at by what has no offsets of its own there."""
_CONTROL_RETENTION = "7d"
"""Commits that are under way: those of a sink that stood still for longer would not be completed."""
_EACH = "{table}"
"""What stands for a table of the database, for the sink too."""
_PART = r"[A-Za-z_][A-Za-z0-9_]{0,62}"
_TABLE_NAME = re.compile(rf"({_PART}\.){{1,4}}({_PART}|\{{table\}})")
_TRANSFORM = re.compile(
    rf"(?:(?:year|month|day|hour)s?\({_PART}\)|(?:bucket|truncate)\({_PART}, ?[1-9]\d{{0,4}}\)|{_PART})"
)
_WAREHOUSE = re.compile(r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/[A-Za-z0-9_=-][A-Za-z0-9_.=-]*)*/?")
_OWN_CATALOG = re.compile(
    r"iceberg\.catalog\.(cache[.-][a-z.-]+|client\.refresh-[a-z-]+|rest\.(sigv4-enabled|signing-(name|region))|scope|"
    r"s3\.(acl|checksum-enabled|delete-enabled|sse\.(key|type)|storage-class|write\.[a-z.-]+))"
)
"""Properties of the catalog that neither load classes, nor read files, nor connect to somewhere else."""
_KEPT = ("catalog", "connect.", "control.group", "control.topic", "coordinator", "hadoop", "kafka.")
"""Settings by which it would read the workers' files, or log in to Kafka as the workers do."""


def _check_table(name: str) -> None:
    if not _TABLE_NAME.fullmatch(name):
        raise ValueError(f"{name!r} is not the full name of a table: write one such as shop.orders or shop.{{table}}")


def _check_partition(transform: str) -> None:
    if not _TRANSFORM.fullmatch(transform):
        raise ValueError(
            f"{transform!r} is not a way to partition: write a column, or one such as day(at), bucket(customer, 16) or truncate(name, 3)"
        )


def check_warehouse(url: str) -> None:
    """Raises unless it is a folder of a bucket."""
    if not _WAREHOUSE.fullmatch(url):
        raise ValueError(f"{url!r} is not a folder of a bucket: write one such as s3://lake/warehouse")


def _check_catalog(url: str) -> None:
    if not url.startswith("jdbc:"):
        check_service(url)
        return
    check_jdbc(url)
    found = JDBC.fullmatch(url)
    if found is None or found["system"] != "postgresql":
        raise ValueError(
            f"{url!r}: only a driver of PostgreSQL is with the sink: use such a database, or a REST catalog"
        )


class CatalogLogin(Deciding):
    """How a sink logs in to a REST catalog."""

    CLIENT = "client"
    """By OAuth 2, as the client in the Secret's key `credential`: its id, a colon and its secret."""
    TOKEN = "token"  # noqa: S105 - a word
    """By the token in the Secret's key `token`."""


@dataclass(frozen=True, kw_only=True)
class IcebergCatalog(Spec):
    """What knows the tables: a catalog with Iceberg's REST interface, or a database of PostgreSQL."""

    url: str = named(_check_catalog, default=MISSING, examples=["https://catalog.example.com/api/catalog"])
    """Its URL: `https://...` of a REST catalog (Polaris, Lakekeeper, Nessie, Unity), or `jdbc:postgresql://host/database`."""
    secret: Input[str] | None = named(check_subdomain, "Secret name", examples=["lake-catalog"])
    """Secret in the connectors' namespace with the login: `username` and `password` of a database, `credential` or `token` of a REST
    catalog. Default: none, the REST catalog lets everybody in."""
    login: CatalogLogin = CatalogLogin.CLIENT
    """How it logs in to a REST catalog. Default: client, by the Secret's key `credential`."""

    def check(self) -> None:
        """A database needs a login, and none is sent in the clear."""
        if self.is_database:
            if self.secret is None:
                raise ValueError("secret: missing: name the Secret with username and password")
            if self.login is not CatalogLogin.CLIENT:
                raise ValueError("login: a database knows username and password: remove it")
        elif self.secret is not None:
            check_field("secret", check_login_url, self.url)

    @property
    def is_database(self) -> bool:
        """Whether it is a database, and not a REST catalog."""
        return self.url.startswith("jdbc:")

    @property
    def keys(self) -> Sequence[str]:
        """The keys of the Secret."""
        if self.is_database:
            return ("username", "password")
        return ("token",) if self.login is CatalogLogin.TOKEN else ("credential",)

    def place(self) -> Place:
        """Where it is."""
        return place_of_jdbc(self.url) if self.is_database else place_of(self.url)

    def settings(self, context: Context) -> dict[str, str]:
        """What the sink is told of it."""
        found = {"iceberg.catalog.type": "jdbc" if self.is_database else "rest", "iceberg.catalog.uri": self.url}
        if self.is_database:
            return {
                **found,
                "iceberg.catalog.jdbc.password": context.secret("password", _CATALOG),
                "iceberg.catalog.jdbc.schema-version": "V1",
                "iceberg.catalog.jdbc.user": context.secret("username", _CATALOG),
            }
        logins = [] if self.secret is None else self.keys
        return found | {f"iceberg.catalog.{key}": context.secret(key, _CATALOG) for key in logins}


@dataclass(frozen=True, kw_only=True)
class IcebergStore(Spec):
    """Where the files of tables are: S3, or a server with its API."""

    endpoint: str | None = named(check_endpoint, examples=["https://s3.example.com"])
    """URL of the server, for S3 of others. Default: that of AWS in the region."""
    region: str = formed(REGION, check_region, examples=["eu-central-1"])
    """Region of the bucket. Default us-east-1, which most other servers expect."""
    secret: Input[str] | None = named(check_subdomain, "Secret name", examples=["lake-s3"])
    """Secret in the connectors' namespace with the keys `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY`. Default: none, the REST catalog
    gives out logins."""

    def check(self) -> None:
        """Nothing is sent in the clear."""
        if self.endpoint is not None:
            check_field("endpoint", check_login_url, self.endpoint)

    @property
    def url(self) -> str:
        """Of the server."""
        return (self.endpoint or f"https://s3.{self.region}.amazonaws.com").rstrip("/")


@dataclass(frozen=True, kw_only=True)
class IcebergSink(ConnectKind):
    """Appends records to tables of Apache Iceberg: changes of databases as rows with the columns `_cdc`, which say what happened."""

    catalog: IcebergCatalog
    """What knows the tables."""
    warehouse: str = named(check_warehouse, default=MISSING, examples=["s3://lake/warehouse"])
    """Folder of the bucket with the tables; with some REST catalogs the name of a warehouse does not matter."""
    s3: IcebergStore = IcebergStore()
    """Where the bucket is, and how to log in. Default: AWS, by logins that the REST catalog gives out."""
    table: str = named(_check_table, default=MISSING, examples=["shop.orders", "shop.{table}"])
    """Full name of the table for all its topics. `{table}` stands for the table of the database that a change is of."""
    changes: bool = True
    """Whether records are changes by Debezium, of which a row has the state after the change. Default true; otherwise a row is the record's
    value."""
    partition: Sequence[str] = names(_check_partition)
    """How tables that it makes are partitioned, such as [day(at)]. Default: not at all."""
    every: str = duration("60s", least="1s", most="1h")
    """How often it commits: rows are seen that much later, and each commit makes files. Default 60s."""
    evolution: Evolution = Evolution.BASIC
    """Whether it changes tables to fit the records. Default: basic, it makes those that are missing and adds columns."""

    @property
    def is_sink(self) -> bool:
        """It reads topics."""
        return True

    def check(self) -> None:
        """It has a login to the bucket, and nothing that reads files of the workers."""
        if _EACH in self.table and not self.changes:
            raise ValueError(f"table: only changes say which {_EACH} they are of: write its name, or remove changes")
        if self.catalog.is_database and self.s3.secret is None:
            raise ValueError("catalog: a database gives out no logins for the bucket: name their Secret in s3.secret")
        super().check()
        for key in self.config:
            own = key.removeprefix("iceberg.")
            if own != key and own.startswith(_KEPT) and not _OWN_CATALOG.fullmatch(key):
                raise ValueError(
                    f"config: {key!r} cannot be set here: it could read files of other connectors, or log in as another user"
                )

    def places(self) -> Sequence[Place]:
        """The catalog, and the server with the bucket."""
        return [self.catalog.place(), place_of(self.s3.url)]

    def secrets(self) -> Mapping[str, tuple[Any, Sequence[str]]]:
        """Those of the catalog and of the bucket."""
        found: dict[str, tuple[Any, Sequence[str]]] = {}
        if self.catalog.secret is not None:
            found[_CATALOG] = (self.catalog.secret, self.catalog.keys)
        if self.s3.secret is not None:
            found[_STORE] = (self.s3.secret, ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"))
        return found

    def kept(self, name: str) -> Mapping[str, Topic]:
        """The topic by which its tasks agree on commits."""
        return {control_topic(name): Topic(retention=_CONTROL_RETENTION)}

    def groups(self, name: str) -> Sequence[str]:
        """Those in which it reads that topic; the sink makes up what follows the prefix."""
        return [f"{_own(name)}*", coordinator_group(name)]

    def transactions(self, name: str) -> Sequence[str]:
        """Those with which it writes that topic; the sink makes up what follows the prefix."""
        return [f"{_own(name)}*"]

    def own(self, context: Context) -> dict[str, str]:
        """Settings of Iceberg's sink."""
        automatic = str(self.evolution is Evolution.BASIC).lower()
        found = {
            "connector.class": f"{CLASSES}IcebergSinkConnector",
            "iceberg.control.commit.interval-ms": str(milliseconds(self.every)),
            "iceberg.control.commit.max-consecutive-failures": str(_FAILURES),
            "iceberg.control.group-id-prefix": _own(context.name),
            "iceberg.control.topic": control_topic(context.name),
            "iceberg.coordinator.transactional.prefix": _own(context.name),
            "iceberg.tables.auto-create-enabled": automatic,
            "iceberg.tables.evolve-schema-enabled": automatic,
            # Of a deleted row only the key is known.
            "iceberg.tables.schema-force-optional": "true",
            "iceberg.tables.write-props.write.parquet.row-group-size-bytes": str(_ROW_GROUP_BYTES),
            **self._tables(),
            "iceberg.catalog": "lake",
            "iceberg.catalog.io-impl": "org.apache.iceberg.aws.s3.S3FileIO",
            "iceberg.catalog.warehouse": self.warehouse,
            **self.catalog.settings(context),
            **self._store(context),
            # Otherwise it would read the workers' own settings from their file, and log in as they do.
            **{f"iceberg.kafka.{key}": value for key, value in sorted(context.logs_in.items())},
            "iceberg.kafka.auto.offset.reset": f"by_duration:PT{self._looked_back}S",
            "iceberg.kafka.bootstrap.servers": context.bootstrap_servers,
            "iceberg.kafka.heartbeat.interval.ms": str(HEARTBEAT_MILLISECONDS),
            "iceberg.kafka.session.timeout.ms": str(SESSION_MILLISECONDS),
        }
        if self.partition:
            found["iceberg.tables.default-partition-by"] = ",".join(self.partition)
        return found

    @property
    def _looked_back(self) -> int:
        """How many seconds of commits are looked at by what has no offsets yet.

        Iceberg's own is none: what tasks have written before the one that commits reads the topic is then in no table, ever
        (apache/iceberg#17551, and seen). All of them would cost each task that starts a transaction for each commit since.
        """
        return max(_LOOKED_BACK_SECONDS, _LOOKED_BACK_COMMITS * milliseconds(self.every) // 1000)

    def _tables(self) -> dict[str, str]:
        found = {}
        if self.changes:
            found = {
                "transforms": "changes",
                "transforms.changes.type": f"{CLASSES}transforms.DebeziumTransform",
            }
        if _EACH not in self.table:
            return {**found, "iceberg.tables": self.table}
        return {
            **found,
            "iceberg.tables.dynamic-enabled": "true",
            "iceberg.tables.route-field": "_cdc.target",
            "transforms.changes.cdc.target.pattern": self.table,
        }

    def _store(self, context: Context) -> dict[str, str]:
        found = {"iceberg.catalog.client.region": self.s3.region}
        if self.s3.endpoint is not None:
            # Servers of others know buckets by paths, not by names of their own.
            found |= {"iceberg.catalog.s3.endpoint": self.s3.url, "iceberg.catalog.s3.path-style-access": "true"}
        if self.s3.secret is not None:
            found |= {
                "iceberg.catalog.s3.access-key-id": context.secret("AWS_ACCESS_KEY_ID", _STORE),
                "iceberg.catalog.s3.secret-access-key": context.secret("AWS_SECRET_ACCESS_KEY", _STORE),
            }
        return found


def control_topic(name: str) -> str:
    """The topic by which the tasks of the sink of that name agree on commits."""
    return f"connect-control-{name}"


def coordinator_group(name: str) -> str:
    """The group in which one of its tasks reads all of that topic, as the sink calls it."""
    return f"connect-{name}-coord"


def _own(name: str) -> str:
    """What the groups and transactions of the sink of that name begin with, and of no other one: names have no dots."""
    return f"connect-control.{name}."
