"""Sources by Debezium of databases with a binary log: MySQL and MariaDB. No Pulumi."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from kafka_platform.connect.kinds import Context
from kafka_platform.connect.sources import DatabaseSource, DatabaseTls
from kafka_platform.kafka.entities import Cleanup, Topic
from kafka_platform.values.ranges import within

MOST_SERVER = 2**31 - 1
"""Debezium counts server ids in 32 bits with a sign."""


def history_topic(name: str) -> str:
    """The topic with the history of the database's schema, without which a source cannot read the log."""
    return f"{name}-schema-history"


def history_group(name: str) -> str:
    """The consumer group with which a source reads that topic, as Debezium calls it."""
    return f"{name}-schemahistory"


@dataclass(frozen=True, kw_only=True)
class BinlogSource(DatabaseSource):
    """What the sources of MySQL and MariaDB have in common. Their tables are written as database.table, such as shop.orders."""

    port: int = within(1, 65535, default=3306)
    """TCP port of the server. Default 3306."""
    server_id: int | None = within(1, MOST_SERVER, default=None)
    """Number of the source among all that replicate from the server; no two may have the same. Default: one that follows from the
    connector's name."""

    @property
    def port_number(self) -> int:
        """TCP port of the server."""
        return self.port

    def ssl_modes(self) -> Mapping[DatabaseTls, str]:
        """What the connector calls each way of encryption that it has."""
        raise NotImplementedError

    def check(self) -> None:
        """The connector has this way of encryption."""
        known = self.ssl_modes()
        if self.tls not in known:
            words = ", ".join(each.value for each in known)
            raise ValueError(f"tls: {self.tls.value} is not possible with this database: use one of {words}")
        super().check()

    def server_id_of(self, name: str) -> int:
        """Its number among those that replicate, if the connector has that name."""
        return self.server_id or int(hashlib.sha256(name.encode()).hexdigest()[:8], 16) % MOST_SERVER + 1

    def groups(self, name: str) -> Sequence[str]:
        """That with which it reads the history of the schema."""
        return [history_group(name)]

    def kept(self, name: str) -> Mapping[str, Topic]:
        """Its heartbeats, and the history of the schema, all of which it reads whenever it starts."""
        history = Topic(retention="forever", retention_size="unlimited", cleanup=Cleanup.DELETE)
        return {**super().kept(name), history_topic(name): history}

    def own_settings(self, context: Context) -> Mapping[str, str]:
        """The history of the schema, and the place in the replication."""
        history = "schema.history.internal"
        logins = {
            f"{history}.{client}.{key}": value
            for client in ("consumer", "producer")
            for key, value in sorted(context.logs_in.items())
        }
        return {
            "database.include.list": ",".join(sorted({table.partition(".")[0] for table in self.read_tables})),
            "database.server.id": str(self.server_id_of(context.name)),
            "database.ssl.mode": self.ssl_modes()[self.tls],
            "include.schema.changes": "false",
            f"{history}.kafka.bootstrap.servers": context.bootstrap_servers,
            f"{history}.kafka.topic": history_topic(context.name),
            f"{history}.store.only.captured.tables.ddl": "true",
            "time.precision.mode": "adaptive_time_microseconds",
            **logins,
        }


@dataclass(frozen=True, kw_only=True)
class MysqlSource(BinlogSource):
    """Changes of tables of MySQL, read from its binary log (`binlog_format=ROW`)."""

    _CONNECTOR = "io.debezium.connector.mysql.MySqlConnector"

    def ssl_modes(self) -> Mapping[DatabaseTls, str]:
        """A certificate could only be verified by a trust store of Java."""
        return {
            DatabaseTls.PREFERRED: "preferred",
            DatabaseTls.REQUIRED: "required",
            DatabaseTls.OFF: "disabled",
        }


@dataclass(frozen=True, kw_only=True)
class MariadbSource(BinlogSource):
    """Changes of tables of MariaDB, read from its binary log (`binlog_format=ROW`)."""

    _CONNECTOR = "io.debezium.connector.mariadb.MariaDbConnector"

    tls: DatabaseTls = DatabaseTls.REQUIRED
    """Whether the connection to the database is encrypted. Default: required; `off` where the server has no TLS."""

    def ssl_modes(self) -> Mapping[DatabaseTls, str]:
        """A certificate could only be verified by a trust store of Java; nothing is preferred."""
        return {DatabaseTls.REQUIRED: "trust", DatabaseTls.OFF: "disable"}
