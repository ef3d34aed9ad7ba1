"""Sinks, and connectors that somebody else has written. No Pulumi."""

import re
from collections.abc import Sequence
from dataclasses import MISSING, dataclass

from kafka_platform.connect.common import Place, check_places
from kafka_platform.connect.kinds import JDBC, ConnectKind, Context, check_jdbc, uses_secret
from kafka_platform.values.forms import formed, named, names
from kafka_platform.values.later import Input
from kafka_platform.values.names import check_subdomain, check_topic
from kafka_platform.values.words import Deciding

_PORTS = {"postgresql": 5432, "mysql": 3306, "mariadb": 3306, "sqlserver": 1433}
_FILES = "org.apache.kafka.connect.file."
"""Kafka's own examples, which are in every installation of it."""
_ICEBERG = "org.apache.iceberg."
"""Its sink reads the workers' own settings from their file, unless it is told others, as the kind `iceberg` does."""
_CLASS = re.compile(r"([A-Za-z_][A-Za-z0-9_]*\.)+[A-Za-z_][A-Za-z0-9_$]*")
_COLUMN = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,62}")
_TABLE_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,62}(\.[A-Za-z_][A-Za-z0-9_]{0,62})?")


def _check_table(name: str) -> None:
    if not _TABLE_NAME.fullmatch(name):
        raise ValueError(f"{name!r} is not the name of a table: write one such as orders or sales.orders")


def _check_column(name: str) -> None:
    if not _COLUMN.fullmatch(name):
        raise ValueError(f"{name!r} is not the name of a column: use up to 63 of A-Z, a-z, 0-9 and _, such as id")


def _check_class(name: str) -> None:
    if not _CLASS.fullmatch(name):
        raise ValueError(f"{name!r} is not a class of Java: write its full name, such as com.example.OrdersSource")
    if name.startswith(_ICEBERG):
        raise ValueError(f"{name!r} would log in to Kafka as the workers themselves: write iceberg instead of plugin")
    if name.startswith(_FILES):
        raise ValueError(
            f"{name!r} reads and writes files of the pods, where the secrets of all connectors are: use another"
        )


def place_of_jdbc(url: str) -> Place:
    """Where a connector connects to for this URL, which was checked."""
    found = JDBC.fullmatch(url)
    if found is None:
        raise ValueError(f"{url!r} was not checked")
    return Place(host=found["host"].strip("[]"), port=int(found["port"] or _PORTS[found["system"]]))


class Evolution(Deciding):
    """Whether a sink changes tables to fit the records."""

    BASIC = "basic"
    """It makes tables that are missing, and adds columns."""
    NONE = "none"
    """Never: records that do not fit fail."""


@dataclass(frozen=True, kw_only=True)
class JdbcSink(ConnectKind):
    """Writes records to tables of a database, as Debezium's sink does it: each key is one row."""

    url: str = named(check_jdbc, default=MISSING, examples=["jdbc:postgresql://db.example.com:5432/warehouse"])
    """JDBC URL of the database, without a login."""
    secret: Input[str] = named(check_subdomain, "Secret name", default=MISSING, examples=["warehouse"])
    """Secret in the connectors' namespace with the keys `username` and `password` of the database user."""
    table: str | None = named(_check_table)
    """Table for all its topics. Default: one for each, called as the topic with `_` for `.`."""
    key_column: str | None = named(_check_column, examples=["id"])
    """Column for keys that are a single value, such as text, of which the table's primary key then consists. Default: none, keys are
    structures, and each of their fields is a column."""
    deletes: bool = True
    """Whether a record without a value (a tombstone) deletes the row of its key. Default true."""
    evolution: Evolution = Evolution.BASIC
    """Whether it changes tables to fit the records. Default: basic, it makes those that are missing and adds columns."""

    @property
    def is_sink(self) -> bool:
        """It reads topics."""
        return True

    @property
    def has_key(self) -> bool:
        """Whether something makes columns of keys that are a single value."""
        return self.key_column is not None or "transforms" in self.config

    def places(self) -> Sequence[Place]:
        """The database server."""
        return [place_of_jdbc(self.url)]

    def own(self, context: Context) -> dict[str, str]:
        """Settings of Debezium's JDBC sink."""
        hoist = {
            "transforms": "key",
            "transforms.key.field": self.key_column or "",
            "transforms.key.type": "org.apache.kafka.connect.transforms.HoistField$Key",
        }
        return {
            **({} if self.key_column is None else hoist),
            "collection.name.format": self.table or "${topic}",
            "connection.password": context.secret("password"),
            "connection.url": self.url,
            "connection.username": context.secret("username"),
            "connector.class": "io.debezium.connector.jdbc.JdbcSinkConnector",
            "delete.enabled": str(self.deletes).lower(),
            # What is written twice after a crash is one row.
            "insert.mode": "upsert",
            "primary.key.mode": "record_key",
            "schema.evolution": self.evolution.value,
        }


@dataclass(frozen=True, kw_only=True)
class Plugin(ConnectKind):
    """Any other connector of Kafka Connect, whose plugin is in the image: a sink if it `reads` topics, a source otherwise."""

    connector_class: str = named(_check_class, default=MISSING, examples=["com.example.OrdersSource"])
    """The connector's class in Java."""
    writes: Sequence[str] = names(check_topic)
    """Topics that a source writes. Default: none."""
    secret: Input[str] | None = named(check_subdomain, "Secret name")
    """Secret in the connectors' namespace whose keys the settings refer to as `${secret:KEY}`. Default: none."""
    hosts: Sequence[str] = formed((), check_places)
    """Where it may connect to besides Kafka, as `host:port`. Default: nowhere."""

    def check(self) -> None:
        """Settings refer only to a Secret that is named."""
        super().check()
        if self.secret is None and uses_secret(self.config):
            raise ValueError("secret: missing, config refers to it: name a Secret")

    @property
    def is_sink(self) -> bool | None:
        """That depends on whether it reads topics."""
        return None

    @property
    def secret_keys(self) -> Sequence[str]:
        """All of them: only the plugin knows which it needs."""
        return ()

    def places(self) -> Sequence[Place]:
        """Those that are named."""
        return [Place.of(each) for each in self.hosts]

    def written(self, name: str) -> Sequence[str]:
        """Those that are named."""
        return self.writes

    def own(self, context: Context) -> dict[str, str]:
        """Its class; only the plugin knows its settings."""
        return {"connector.class": self.connector_class}
