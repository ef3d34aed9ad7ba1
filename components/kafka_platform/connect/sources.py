"""Sources by Debezium: changes of databases. No Pulumi."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, dataclass

from kafka_platform.connect.common import Place, check_host
from kafka_platform.connect.kinds import ConnectKind, Context
from kafka_platform.kafka.entities import Cleanup, Topic
from kafka_platform.values.forms import duration, formed, named
from kafka_platform.values.free_maps import check_text
from kafka_platform.values.later import Input
from kafka_platform.values.names import check_subdomain
from kafka_platform.values.ranges import within
from kafka_platform.values.units import milliseconds
from kafka_platform.values.words import Deciding

MOST_TABLES = 500
"""Of one source: each is a topic, and more are better shared by several connectors."""
_TABLE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]{0,62}\.[A-Za-z0-9_][A-Za-z0-9_-]{0,62}")
_SLOT = re.compile(r"[a-z0-9_]{1,63}")
_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,62}")


class Snapshot(Deciding):
    """What a source does about the rows that are there when it starts (Debezium's `snapshot.mode`)."""

    INITIAL = "initial"
    """They are read once, before the changes."""
    NO_DATA = "no_data"
    """They are left out; only changes are read."""
    WHEN_NEEDED = "when_needed"
    """As `initial`, and again when the database no longer has the changes since the last offset."""


class Decimals(Deciding):
    """How exact decimal numbers are written (Debezium's `decimal.handling.mode`)."""

    PRECISE = "precise"
    """As exact numbers."""
    STRING = "string"
    """As text."""
    DOUBLE = "double"
    """As floating-point numbers, which loses digits."""


class DatabaseTls(Deciding):
    """Whether the connection to a database is encrypted."""

    OFF = "off"
    """Never."""
    PREFERRED = "preferred"
    """If the server offers it."""
    REQUIRED = "required"
    """Always; the server's certificate is not looked at."""
    VERIFIED = "verified"
    """Always, and the server's certificate has to be that of its host by the authority in the Secret's key `ca.crt`."""


def _check_table(table: str) -> None:
    if not _TABLE.fullmatch(table):
        raise ValueError(f"{table!r} is not the full name of a table: write one such as public.orders")


def check_tables(tables: Sequence[str]) -> None:
    """Raises unless these are tables of a database by their full names, each once."""
    if not tables:
        raise ValueError("none are given: name at least one, such as public.orders")
    if len(tables) > MOST_TABLES:
        raise ValueError(f"{len(tables):,} tables are too many for one connector: use up to {MOST_TABLES}")
    for table in tables:
        _check_table(table)
        if list(tables).count(table) > 1:
            raise ValueError(f"{table!r} is listed twice: keep one")


def _check_database(name: str) -> None:
    check_text(name, "a name of a database", 63)
    if not name or name != name.strip() or re.search(r"[\s,?&/;]", name):
        raise ValueError(f"{name!r} is not the name of a database: write one such as shop")


def _check_slot(slot: str) -> None:
    if not _SLOT.fullmatch(slot):
        raise ValueError(f"{slot!r} is not the name of a replication slot: use up to 63 of a-z, 0-9 and _")


def _check_publication(name: str) -> None:
    if not _IDENTIFIER.fullmatch(name):
        raise ValueError(f"{name!r} is not the name of a publication: use up to 63 letters, digits and _, such as shop")


@dataclass(frozen=True, kw_only=True)
class ChangeSource(ConnectKind):
    """What all sources by Debezium have in common. Each table or collection becomes the topic `<connector>.<its full name>`."""

    # Without an annotation it is no field.
    _CONNECTOR = ""

    secret: Input[str] = named(check_subdomain, "Secret name", default=MISSING, examples=["shop-db"])
    """Secret in the connectors' namespace with the keys `username` and `password` of the database user."""
    snapshot: Snapshot = Snapshot.INITIAL
    """What happens to what is there at the start. Default: initial, it is read once."""
    heartbeat: str = duration("10s", least="1s", most="1h")
    """How often the source writes a heartbeat, which also confirms what it has read of the database's log while what it
    reads does not change. Default 10s."""

    @property
    def is_sink(self) -> bool:
        """It writes topics."""
        return False

    @property
    def read_tables(self) -> Sequence[str]:
        """The tables or collections, and that with signals."""
        raise NotImplementedError

    @property
    def signal_table(self) -> str | None:
        """That with signals; None if there is none."""
        raise NotImplementedError

    def written(self, name: str) -> Sequence[str]:
        """A topic for each table or collection."""
        return [f"{name}.{table}" for table in self.read_tables]

    def kept(self, name: str) -> Mapping[str, Topic]:
        """Its heartbeats."""
        return {heartbeat_topic(name): Topic(cleanup=Cleanup.COMPACT)}

    def own(self, context: Context) -> dict[str, str]:
        """Settings of Debezium."""
        found = {
            "connector.class": self._CONNECTOR,
            # A source that cannot read a record has to stop: to go on would be to lose it.
            "errors.tolerance": "none",
            "event.processing.failure.handling.mode": "fail",
            "exactly.once.support": "required",
            "heartbeat.interval.ms": str(milliseconds(self.heartbeat)),
            "snapshot.mode": self.snapshot.value,
            "tombstones.on.delete": "true",
            "topic.heartbeat.prefix": HEARTBEAT_PREFIX,
            "topic.prefix": context.name,
        }
        if self.signal_table is not None:
            found |= {"signal.data.collection": self.signal_table, "signal.enabled.channels": "source"}
        return {**found, **self.own_settings(context)}

    @property
    def included(self) -> str:
        """What is read, as Debezium's lists of regular expressions have it."""
        return ",".join(table.replace(".", "[.]") for table in self.read_tables)

    def own_settings(self, context: Context) -> Mapping[str, str]:
        """What only this database has."""
        raise NotImplementedError


@dataclass(frozen=True, kw_only=True)
class DatabaseSource(ChangeSource):
    """What the sources of databases with tables have in common."""

    host: str = named(check_host, default=MISSING, examples=["db.shop.svc"])
    """Host name or address of the database server."""
    tables: Sequence[str] = formed(MISSING, check_tables, minItems=1)
    """Tables whose changes are read, each with its schema, or its database with MySQL and MariaDB, such as public.orders."""
    decimals: Decimals = Decimals.PRECISE
    """How decimal numbers are written. Default: precise, no digit is lost."""
    signals: str | None = named(_check_table)
    """Table of the database with Debezium's signals, such as that for an incremental snapshot. Default: none."""
    tls: DatabaseTls = DatabaseTls.PREFERRED
    """Whether the connection to the database is encrypted. Default: preferred, if the server offers it."""

    def places(self) -> Sequence[Place]:
        """The database server."""
        return [Place(host=self.host, port=self.port_number)]

    @property
    def port_number(self) -> int:
        """TCP port of the database server."""
        raise NotImplementedError

    @property
    def secret_keys(self) -> Sequence[str]:
        """The login, and the authority of the server's certificate if that is verified."""
        return ("username", "password", *(["ca.crt"] if self.tls is DatabaseTls.VERIFIED else []))

    @property
    def read_tables(self) -> Sequence[str]:
        """The tables, and that with signals."""
        return tuple(dict.fromkeys((*self.tables, *([] if self.signals is None else [self.signals]))))

    @property
    def signal_table(self) -> str | None:
        """That with signals."""
        return self.signals

    def own(self, context: Context) -> dict[str, str]:
        """Settings of Debezium."""
        login = {
            "database.hostname": self.host,
            "database.password": context.secret("password"),
            "database.port": str(self.port_number),
            "database.user": context.secret("username"),
            "decimal.handling.mode": self.decimals.value,
            "table.include.list": self.included,
        }
        return {**login, **super().own(context)}


HEARTBEAT_PREFIX = "__debezium-heartbeat"


def heartbeat_topic(name: str) -> str:
    """The topic with the heartbeats of a source."""
    return f"{HEARTBEAT_PREFIX}.{name}"


@dataclass(frozen=True, kw_only=True)
class PostgresSource(DatabaseSource):
    """Changes of tables of PostgreSQL, read from its log by logical decoding (`wal_level=logical`)."""

    _CONNECTOR = "io.debezium.connector.postgresql.PostgresConnector"

    database: str = named(_check_database, default=MISSING, examples=["shop"])
    """Name of the database."""
    port: int = within(1, 65535, default=5432)
    """TCP port of the server. Default 5432."""
    slot: str | None = named(_check_slot)
    """Replication slot that it reads from, and makes if it is not there. Default: the connector's name with `_` for
    `-`."""
    publication: str | None = named(_check_publication)
    """Publication that it reads. Default: that of the slot's name."""
    creates_publication: bool = True
    """Whether it makes the publication, of its tables alone, and changes it with them; its user has to own them. Default
    true; otherwise the publication has to be there."""

    @property
    def port_number(self) -> int:
        """TCP port of the server."""
        return self.port

    def slot_of(self, name: str) -> str:
        """The replication slot of the connector of that name."""
        return self.slot or name.replace("-", "_")

    def own_settings(self, context: Context) -> Mapping[str, str]:
        """The slot and the publication."""
        modes = {
            DatabaseTls.OFF: "disable",
            DatabaseTls.PREFERRED: "prefer",
            DatabaseTls.REQUIRED: "require",
            DatabaseTls.VERIFIED: "verify-full",
        }
        found = {
            "database.dbname": self.database,
            "database.sslmode": modes[self.tls],
            "plugin.name": "pgoutput",
            "publication.autocreate.mode": "filtered" if self.creates_publication else "disabled",
            "publication.name": self.publication or self.slot_of(context.name),
            # A slot that is dropped takes the changes since with it.
            "slot.drop.on.stop": "false",
            "slot.name": self.slot_of(context.name),
            "time.precision.mode": "adaptive",
        }
        if self.tls is DatabaseTls.VERIFIED:
            found["database.sslrootcert"] = context.secret_file("ca.crt")
        return found
