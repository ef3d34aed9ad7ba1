"""What the query engine reads of connectors: databases and lakes, and whose rights let them be read. No objects."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from urllib.parse import quote

from kafka_platform.connect.iceberg import IcebergSink
from kafka_platform.connect.sources import PostgresSource
from kafka_platform.query.sources import QueryDatabase, QueryLake, Sources, check_catalog
from kafka_platform.values.forms import Spec
from kafka_platform.values.words import suggest

from infra.capabilities.connectors import StackConnector, connectors_of
from infra.settings.core import Core
from infra.settings.section import SecretName

_EACH = "{table}"
_HIDING = ("column.", "snapshot.select", "transforms")
"""Settings by which a source leaves something of its tables out of its topics."""


@dataclass(frozen=True, kw_only=True)
class QueryLogin(Spec):
    """How the query engine logs in to what a connector reads or writes: as a user who may read there, and nothing else."""

    secret: SecretName
    """Secret in the platform's namespace with the keys `username` and `password` of a user of the database, or of that with an Iceberg
    sink's catalog. If its certificate is verified, also `ca.crt`. Required."""
    store: SecretName | None = None
    """For an Iceberg sink: Secret in the platform's namespace with the keys `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY` of a key that may
    read the bucket. Required there."""


def catalog_of(connector: str) -> str:
    """The catalog of a connector: its name, with _ for -."""
    return connector.replace("-", "_")


def sources(logins: Mapping[str, QueryLogin], settings: Core) -> Sources:
    """The databases and lakes of connectors, by the names of their catalogs, as far as they have no fault."""
    known = connectors_of(settings)
    return {
        catalog_of(name): _source(login, known[name])
        for name, login in sorted(logins.items())
        if name in known and fault(name, login, known) is None
    }


def fault(name: str, login: QueryLogin, known: Mapping[str, StackConnector]) -> tuple[Sequence[str], str] | None:
    """Why a connector cannot be queried, with the key below it; None if it can."""
    if name not in known:
        return (), f"{name!r} is not a connector of this file: {suggest(name, known)}"
    try:
        check_catalog(catalog_of(name))
    except ValueError as error:
        return (), str(error)
    kind = known[name].kind
    if isinstance(kind, PostgresSource):
        hidden = sorted(key for key in kind.config if key.startswith(_HIDING))
        if hidden:
            return (), f"its topics show less than its tables ({hidden[0]}), and queries would show the rest: remove it"
        return None if login.store is None else (("store",), "is for an Iceberg sink: remove the key")
    if not isinstance(kind, IcebergSink):
        return (), "queries read databases of `postgres` connectors and tables of `iceberg` sinks: remove it"
    if not kind.catalog.is_database:
        return (
            (),
            "queries read tables whose catalog is a database of PostgreSQL, and this one has a REST catalog: remove it",
        )
    if len(kind.table.split(".")) != 2:
        return (
            (),
            f"its tables have more than one name before theirs ({kind.table}), and queries know one: use such as shop.orders",
        )
    return (
        None if login.store is not None else (("store",), "missing: name the Secret of a key that may read the bucket")
    )


def _source(login: QueryLogin, connector: StackConnector) -> QueryDatabase | QueryLake:
    kind = connector.kind
    if isinstance(kind, PostgresSource):
        host = f"[{kind.host}]" if ":" in kind.host else kind.host
        url = f"jdbc:postgresql://{host}:{kind.port}/{quote(kind.database, safe='')}"
        return QueryDatabase(url=url, secret=login.secret, tls=kind.tls)
    assert isinstance(kind, IcebergSink)  # noqa: S101 - `fault` says so
    return QueryLake(
        catalog=QueryDatabase(url=kind.catalog.url, secret=login.secret),
        warehouse=kind.warehouse,
        store=replace(kind.s3, secret=login.store),
    )


def tables(logins: Mapping[str, QueryLogin], settings: Core) -> dict[str, set[str]]:
    """The full names of tables, each with all topics that its rows are from: who may read these may read it."""
    found: dict[str, set[str]] = {}
    known = connectors_of(settings)
    for catalog in sources(logins, settings):
        for name, connector in known.items():
            if name in logins and catalog_of(name) == catalog:
                for table, topic in _tables(name, connector):
                    found.setdefault(f"{catalog}.{table}", set()).add(topic)
    return found


def _tables(name: str, connector: StackConnector) -> Iterator[tuple[str, str]]:
    kind = connector.kind
    if isinstance(kind, PostgresSource):
        yield from ((table, f"{name}.{table}") for table in kind.tables)
    elif isinstance(kind, IcebergSink):
        for topic in connector.reads:
            yield kind.table.replace(_EACH, topic.rpartition(".")[2]), topic
