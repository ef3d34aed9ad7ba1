"""What a query engine reads besides topics: databases, and tables of Apache Iceberg. No Pulumi."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, dataclass

from kafka_platform.connect.common import Place
from kafka_platform.connect.iceberg import IcebergStore, check_warehouse
from kafka_platform.connect.kinds import JDBC, check_jdbc
from kafka_platform.connect.sinks import place_of_jdbc
from kafka_platform.connect.sources import DatabaseTls
from kafka_platform.connect.web import place_of
from kafka_platform.values.forms import Spec, named
from kafka_platform.values.later import Input
from kafka_platform.values.names import check_subdomain

RESERVED = frozenset({"kafka", "registry", "system"})
"""Catalogs that are there already."""
RUN = "/etc/kafka-platform/run"
"""What the keeper makes of Secrets: hashes of passwords, the certificate with its key, and catalogs with their logins."""
_CATALOG = re.compile(r"[a-z][a-z0-9_]{0,62}")
_TABLE = re.compile(r"[^.]{1,63}\.[^.]{1,63}\.[^.]{1,255}")
_MODES = {
    DatabaseTls.OFF: "disable",
    DatabaseTls.PREFERRED: "prefer",
    DatabaseTls.REQUIRED: "require",
    DatabaseTls.VERIFIED: "verify-full",
}
_STORE_KEYS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
_ICEBERG = "lake"
"""What Kafka Connect's sink calls its catalog, in the database that has it."""

Secrets = Mapping[str, tuple[Input[str], Sequence[str]]]
"""Secrets by the names that marks have for them, each with the keys that are used."""


def check_catalog(name: str) -> None:
    """Raises unless a catalog may have this name."""
    if not _CATALOG.fullmatch(name):
        raise ValueError(f"{name[:60]!r} is not the name of a catalog: use a-z, 0-9 and _, beginning with a letter")
    if name in RESERVED:
        raise ValueError(f"{name!r} is a catalog already: choose another name than {', '.join(sorted(RESERVED))}")


def check_full_name(table: str) -> None:
    """Raises unless it names a table with its catalog and its schema."""
    if not _TABLE.fullmatch(table):
        raise ValueError(f"{table[:60]!r} is not the full name of a table: write one such as shop.public.orders")


def mark(secret: str, key: str) -> str:
    """What stands in a catalog's file for a value of a Secret, until the keeper has put it there."""
    return f"${{SECRET:{secret}/{key}}}"


def _check_url(url: str) -> None:
    check_jdbc(url)
    found = JDBC.fullmatch(url)
    if found is None or found["system"] != "postgresql":
        raise ValueError(f"{url!r} is not a database of PostgreSQL: write jdbc:postgresql://host:5432/database")
    if "sslmode" in (found["rest"] or ""):
        raise ValueError("has an sslmode: remove it, and write tls")


@dataclass(frozen=True, kw_only=True)
class QueryDatabase(Spec):
    """A database of PostgreSQL, whose tables become those of a catalog."""

    url: str = named(_check_url, default=MISSING, examples=["jdbc:postgresql://db.shop.svc:5432/shop"])
    """JDBC URL of the database, without a login."""
    secret: Input[str] = named(check_subdomain, "Secret name", default=MISSING, examples=["shop-reader"])
    """Secret in the engine's namespace with the keys `username` and `password` of a user who may read its tables. Required."""
    tls: DatabaseTls = DatabaseTls.PREFERRED
    """Whether the connection is encrypted. Default: preferred, if the server offers it. With `verified` the Secret has the key `ca.crt`."""

    def jdbc(self, name: str) -> str:
        """The URL as Trino gets it, in the catalog of that name."""
        made = f"{self.url}{'&' if '?' in self.url else '?'}sslmode={_MODES[self.tls]}"
        return f"{made}&sslrootcert={RUN}/{name}.crt" if self.tls is DatabaseTls.VERIFIED else made

    def properties(self, name: str) -> dict[str, str]:
        """The catalog of that name."""
        return {
            "connection-password": mark(name, "password"),
            "connection-url": self.jdbc(name),
            "connection-user": mark(name, "username"),
            "connector.name": "postgresql",
        }

    def secrets(self, name: str) -> Secrets:
        """The login, and the authority of the server's certificate if that is verified."""
        authority = ["ca.crt"] if self.tls is DatabaseTls.VERIFIED else []
        return {name: (self.secret, ("username", "password", *authority))}

    def places(self) -> Sequence[Place]:
        """The server."""
        return [place_of_jdbc(self.url)]


@dataclass(frozen=True, kw_only=True)
class QueryLake(Spec):
    """Tables of Apache Iceberg, as Kafka Connect's sink writes them, whose catalog is in a database of PostgreSQL."""

    catalog: QueryDatabase
    """The database; its user needs SELECT on `iceberg_tables` and `iceberg_namespace_properties`. Required."""
    warehouse: str = named(check_warehouse, default=MISSING, examples=["s3://lake/warehouse"])
    """Folder of the bucket with the tables."""
    store: IcebergStore
    """Where the bucket is, and the Secret of a key that may read it, in the engine's namespace. The Secret is required."""

    def check(self) -> None:
        """Trino does not get logins from a database."""
        if self.store.secret is None:
            raise ValueError("store.secret: missing: name the Secret of a key that may read the bucket")

    def properties(self, name: str) -> dict[str, str]:
        """The catalog of that name."""
        key, secret = (mark(f"{name}-store", each) for each in _STORE_KEYS)
        found = {
            "connector.name": "iceberg",
            "fs.native-s3.enabled": "true",
            "iceberg.catalog.type": "jdbc",
            "iceberg.jdbc-catalog.catalog-name": _ICEBERG,
            "iceberg.jdbc-catalog.connection-password": mark(name, "password"),
            "iceberg.jdbc-catalog.connection-url": self.catalog.jdbc(name),
            "iceberg.jdbc-catalog.connection-user": mark(name, "username"),
            "iceberg.jdbc-catalog.default-warehouse-dir": self.warehouse,
            "iceberg.jdbc-catalog.driver-class": "org.postgresql.Driver",
            "iceberg.jdbc-catalog.schema-version": "V1",
            "s3.aws-access-key": key,
            "s3.aws-secret-key": secret,
            "s3.region": self.store.region,
        }
        if self.store.endpoint is not None:
            # Servers of others know buckets by paths, not by names of their own.
            found |= {"s3.endpoint": self.store.url, "s3.path-style-access": "true"}
        return dict(sorted(found.items()))

    def secrets(self, name: str) -> Secrets:
        """The logins to the database and to the bucket."""
        store = self.store.secret
        assert store is not None  # noqa: S101 - `check` says so
        return {**self.catalog.secrets(name), f"{name}-store": (store, _STORE_KEYS)}

    def places(self) -> Sequence[Place]:
        """The database, and the server with the bucket."""
        return [*self.catalog.places(), place_of(self.store.url)]


Source = QueryDatabase | QueryLake
Sources = Mapping[str, Source]


def sources_of(databases: Mapping[str, QueryDatabase], lakes: Mapping[str, QueryLake]) -> Sources:
    """Both, by the names of their catalogs.

    Raises:
        ValueError: a catalog cannot be called so.
    """
    found: dict[str, Source] = dict(databases)
    for name, each in lakes.items():
        if name in found:
            raise ValueError(f"{name!r} is a database and a lake: rename one")
        found[name] = each
    for name in found:
        check_catalog(name)
    return dict(sorted(found.items()))
