"""The source of changes of MongoDB, by Debezium. No Pulumi."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, dataclass

from kafka_platform.connect.common import Place, check_host
from kafka_platform.connect.kinds import Context
from kafka_platform.connect.sources import MOST_TABLES, ChangeSource, DatabaseTls
from kafka_platform.values.forms import formed, named
from kafka_platform.values.ranges import within

MOST_MEMBERS = 50
"""Of a replica set, as MongoDB bounds them."""
_TRUSTSTORE, _TRUSTSTORE_PASSWORD = "truststore.p12", "truststore-password"
"""Keys of the Secret; the second names the password."""
_DATABASE = re.compile(r"[A-Za-z0-9_-]{1,63}")
_COLLECTION = re.compile(rf"{_DATABASE.pattern}\.(?!system\.)[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*")
_LONGEST = 120
"""Characters of a collection's full name, which MongoDB allows too; with the connector's name it is a topic's."""


def _check_collection(name: str) -> None:
    if len(name) > _LONGEST or not _COLLECTION.fullmatch(name):
        raise ValueError(
            f"{name!r} is not the full name of a collection: write its database and its name with A-Z, a-z, 0-9, _ and -, such as shop.orders"
        )


def check_collections(collections: Sequence[str]) -> None:
    """Raises unless these are collections by their full names, each once."""
    if not collections:
        raise ValueError("none are given: name at least one, such as shop.orders")
    if len(collections) > MOST_TABLES:
        raise ValueError(f"{len(collections):,} collections are too many for one connector: use up to {MOST_TABLES}")
    for each in collections:
        _check_collection(each)
        if list(collections).count(each) > 1:
            raise ValueError(f"{each!r} is listed twice: keep one")


def _check_hosts(hosts: Sequence[str]) -> None:
    if not hosts:
        raise ValueError("none are given: name the members of the replica set, such as [mongo-0.mongo.shop.svc]")
    if len(hosts) > MOST_MEMBERS:
        raise ValueError(f"{len(hosts)} are too many: a replica set has up to {MOST_MEMBERS} members")
    for each in hosts:
        check_host(each)
        if list(hosts).count(each) > 1:
            raise ValueError(f"{each!r} is listed twice: keep one")


def _check_replica_set(name: str) -> None:
    if not _DATABASE.fullmatch(name):
        raise ValueError(
            f"{name!r} is not the name of a replica set: use up to 63 of A-Z, a-z, 0-9, _ and -, such as rs0"
        )


def _check_database(name: str) -> None:
    if not _DATABASE.fullmatch(name):
        raise ValueError(
            f"{name!r} is not the name of a database: use up to 63 of A-Z, a-z, 0-9, _ and -, such as admin"
        )


@dataclass(frozen=True, kw_only=True)
class MongodbSource(ChangeSource):
    """Changes of collections of MongoDB, read from its change streams: of a replica set, or of a sharded cluster."""

    _CONNECTOR = "io.debezium.connector.mongodb.MongoDbConnector"

    hosts: Sequence[str] = formed(MISSING, _check_hosts, minItems=1)
    """Host names or addresses of the replica set's members, as the replica set itself calls them; of a sharded cluster those of its
    `mongos`."""
    collections: Sequence[str] = formed(MISSING, check_collections, minItems=1)
    """Collections whose changes are read, each with its database, such as shop.orders."""
    replica_set: str | None = named(_check_replica_set)
    """Name of the replica set. Default: none, the hosts are those of a sharded cluster."""
    port: int = within(1, 65535, default=27017)
    """TCP port of all hosts. Default 27017."""
    login_database: str = named(_check_database, default="admin")
    """Database that knows the user and its password. Default: admin."""
    signals: str | None = named(_check_collection)
    """Collection with Debezium's signals, such as that for an incremental snapshot. Default: none."""
    tls: DatabaseTls = DatabaseTls.VERIFIED
    """Whether the connection to the database is encrypted: verified or off. Default: verified; the server's certificate has to be that of
    its host."""
    truststore: bool = False
    """Whether the authority of the servers' certificates is in the Secret, as a trust store of Java: the keys `truststore.p12` (PKCS 12)
    and `truststore-password`. Default: false, it is one of those that Java knows."""

    def check(self) -> None:
        """Certificates are verified, or there are none."""
        if self.tls not in (DatabaseTls.VERIFIED, DatabaseTls.OFF):
            raise ValueError(f"tls: {self.tls.value} is not possible with this database: use one of verified, off")
        if self.truststore and self.tls is DatabaseTls.OFF:
            raise ValueError("truststore: tls is off, so there are no certificates: remove one of them")
        super().check()

    @property
    def secret_keys(self) -> Sequence[str]:
        """The login, and the authority of the servers' certificates."""
        return ("username", "password", *([_TRUSTSTORE, _TRUSTSTORE_PASSWORD] if self.truststore else []))

    def places(self) -> Sequence[Place]:
        """The servers."""
        return [Place(host=each, port=self.port) for each in self.hosts]

    @property
    def read_tables(self) -> Sequence[str]:
        """The collections, and that with signals."""
        return tuple(dict.fromkeys((*self.collections, *([] if self.signals is None else [self.signals]))))

    @property
    def signal_table(self) -> str | None:
        """That with signals."""
        return self.signals

    @property
    def url(self) -> str:
        """The connection string, without a login."""
        known = ",".join(f"[{each}]:{self.port}" if ":" in each else f"{each}:{self.port}" for each in self.hosts)
        return f"mongodb://{known}/" + ("" if self.replica_set is None else f"?replicaSet={self.replica_set}")

    def own_settings(self, context: Context) -> Mapping[str, str]:
        """The servers, and one change stream: of a single database, if there is only one, so that its user needs no right to others."""
        databases = sorted({each.partition(".")[0] for each in self.read_tables})
        found = {
            "capture.mode": "change_streams_update_full",
            "capture.scope": "deployment",
            "collection.include.list": self.included,
            "mongodb.authsource": self.login_database,
            "mongodb.connection.string": self.url,
            "mongodb.password": context.secret("password"),
            "mongodb.ssl.enabled": str(self.tls is not DatabaseTls.OFF).lower(),
            "mongodb.user": context.secret("username"),
        }
        if len(databases) == 1:
            found |= {"capture.scope": "database", "capture.target": databases[0]}
        if self.truststore:
            found |= {
                "mongodb.ssl.truststore": context.secret_file(_TRUSTSTORE),
                "mongodb.ssl.truststore.password": context.secret(_TRUSTSTORE_PASSWORD),
                "mongodb.ssl.truststore.type": "PKCS12",
            }
        return found
