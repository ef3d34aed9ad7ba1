"""Writes records to a table of Cassandra: the newest record of each row is the row."""

import ipaddress
import logging
import socket
import time
from collections.abc import Iterator, Sequence
from enum import StrEnum
from typing import Annotated, Any

import msgspec
from cassandra import ConsistencyLevel, DriverException, InvalidRequest, Unauthorized
from cassandra.auth import PlainTextAuthProvider
from cassandra.cluster import EXEC_PROFILE_DEFAULT, Cluster, ExecutionProfile, NoHostAvailable
from cassandra.connection import ConnectionException
from cassandra.policies import (
    ConstantReconnectionPolicy,
    DCAwareRoundRobinPolicy,
    FallthroughRetryPolicy,
    HostFilterPolicy,
)
from cassandra.protocol import ErrorMessage
from msgspec import Meta

from kafka_platform_runtime.connectors.kinds.cassandra_rows import (
    NAME,
    PART,
    Table,
    Tombstones,
    cells,
    document,
)
from kafka_platform_runtime.connectors.kinds.write_times import WriteTimes
from kafka_platform_runtime.connectors.records import Outcome, Record, Refusal, line
from kafka_platform_runtime.connectors.settings import Connector, Seconds, Secrets, Section
from kafka_platform_runtime.failures import Refused, Transient

IN_FLIGHT = 128
"""Writes under way at a time. Their order means nothing: each carries its own."""
FUTURE_SECONDS = 3600.0
"""How far ahead a record's timestamp may be: nothing that comes later could replace its row."""
RECONNECT_SECONDS = 2.0
RESOLVE_SECONDS = 10.0
FAILURES = (DriverException, ErrorMessage, NoHostAvailable, ConnectionException, OSError)
"""What the driver raises: these have no base of their own."""
_COLUMNS = (
    "SELECT column_name, kind, position, type FROM system_schema.columns WHERE keyspace_name = %s AND table_name = %s"
)
_TOO_LARGE = ("too large", "oversized", "exceeds")
_ALWAYS = ("consistency", "does not exist", "unconfigured table")
"""In refusals that every record would get."""


class Consistency(StrEnum):
    """How many replicas have a write when it is confirmed."""

    LOCAL_ONE = "local-one"
    LOCAL_QUORUM = "local-quorum"
    EACH_QUORUM = "each-quorum"
    QUORUM = "quorum"
    ALL = "all"


class Settings(Section, frozen=True, kw_only=True):
    """Of this kind."""

    hosts: Annotated[list[str], Meta(min_length=1)]
    """Nodes that it connects to first, by name or address."""
    nodes: list[str] = msgspec.field(default_factory=list)
    """Networks of further nodes. Default: no others than the hosts."""
    port: Annotated[int, Meta(ge=1, le=65535)] = 9042
    tls: bool = False
    server_name: str | None = None
    """In the nodes' certificates. Default: their addresses."""
    datacenter: str
    keyspace: Annotated[str, Meta(pattern=NAME)]
    table: Annotated[str, Meta(pattern=NAME)]
    columns: Annotated[dict[Annotated[str, Meta(pattern=NAME)], Annotated[str, Meta(pattern=PART)]], Meta(min_length=1)]
    """What each column gets."""
    expires: Annotated[int, Meta(ge=1, le=630_720_000)] | None = None
    """Seconds after which a row that was written is gone. Default: the table's."""
    consistency: Consistency = Consistency.LOCAL_QUORUM
    tombstones: Tombstones = Tombstones.REFUSE
    timeout: Seconds = 10.0


class Hosts:
    """The nodes that it may connect to: whatever else a node names as its peer is left alone."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._networks = [ipaddress.ip_network(each) for each in settings.nodes]
        self._addresses: set[str] = set()
        self._resolved_at = -RESOLVE_SECONDS

    def resolved(self) -> list[str]:
        """The addresses of the hosts.

        Raises:
            Transient: none has one.
        """
        found: dict[str, None] = {}
        trouble = ""
        for host in self._settings.hosts:
            try:
                answers = socket.getaddrinfo(host, self._settings.port, type=socket.SOCK_STREAM)
            except OSError as error:
                trouble = f"{host}: {error.strerror or error}"
            else:
                found |= dict.fromkeys(str(each[4][0]) for each in answers)
        if not found:
            raise Transient(line(trouble))
        self._addresses, self._resolved_at = set(found), time.monotonic()
        return list(found)

    def allow(self, host: Any) -> bool:
        """Whether it is one of them; names are asked for again, as pods get new addresses."""
        address = str(host.address)
        if address in self._addresses or self._is_within(address):
            return True
        if time.monotonic() - self._resolved_at < RESOLVE_SECONDS:
            return False
        try:
            return address in self.resolved()
        except Transient:
            return False

    def _is_within(self, address: str) -> bool:
        try:
            return any(ipaddress.ip_address(address) in each for each in self._networks)
        except ValueError:
            return False


class Cassandra:
    """A table.

    Raises:
        Refused: the Secret has a fault.
    """

    def __init__(self, settings: Settings, secrets: Secrets) -> None:
        self._settings = settings
        login = secrets.login()
        self._login = None if login is None else PlainTextAuthProvider(*login)
        self._tls = secrets.tls() if settings.tls else None
        try:
            self._hosts = Hosts(settings)
        except ValueError as error:
            raise Refused([f"CONNECTOR_FILE: settings: nodes: {error}"]) from None
        # What the driver says of connections is said by this program, once.
        logging.getLogger("cassandra").setLevel(logging.CRITICAL)
        self._cluster: Any = None
        self._session: Any = None
        self._table: Table | None = None
        self._insert: Any = None
        self._delete: Any = None
        self._times = WriteTimes()

    def open(self) -> None:
        """Whether it is let in, and the table is what the columns need."""
        self.close()
        given = self._settings
        profile = ExecutionProfile(
            load_balancing_policy=HostFilterPolicy(DCAwareRoundRobinPolicy(given.datacenter), self._hosts.allow),
            retry_policy=FallthroughRetryPolicy(),
            consistency_level=getattr(ConsistencyLevel, given.consistency.name),
            request_timeout=given.timeout,
        )
        tls: dict[str, Any] = {} if self._tls is None else {"ssl_context": self._tls}
        if self._tls is not None and given.server_name is not None:
            tls["ssl_options"] = {"server_hostname": given.server_name}
        self._cluster = Cluster(
            self._hosts.resolved(),
            port=given.port,
            auth_provider=self._login,
            execution_profiles={EXEC_PROFILE_DEFAULT: profile},
            reconnection_policy=ConstantReconnectionPolicy(RECONNECT_SECONDS, max_attempts=None),
            connect_timeout=min(10.0, given.timeout),
            control_connection_timeout=given.timeout,
            schema_metadata_enabled=False,
            token_metadata_enabled=False,
            monitor_reporting_enabled=False,
            **tls,
        )
        try:
            session = self._cluster.connect()
            table = self._look(session)
            faults = table.faults(given.columns, given.tombstones)
            if faults:
                raise Transient("; ".join(faults))
            self._insert = session.prepare(table.insert(given.expires))
            self._delete = session.prepare(table.delete()) if given.tombstones is Tombstones.DELETE else None
        except FAILURES as error:
            self.close()
            if isinstance(error, NoHostAvailable) and not isinstance(error.errors, dict):
                raise Transient(f"no node of datacenter {given.datacenter} among hosts and nodes lets it in") from None
            raise Transient(told(error)) from None
        except Transient:
            self.close()
            raise
        self._session, self._table = session, table

    def _look(self, session: Any) -> Table:
        rows = list(session.execute(_COLUMNS, (self._settings.keyspace, self._settings.table)))
        keys = [each for each in rows if each.kind in {"partition_key", "clustering"}]
        keys.sort(key=lambda each: (each.kind != "partition_key", each.position))
        return Table(
            keyspace=self._settings.keyspace,
            name=self._settings.table,
            types={each.column_name: each.type for each in rows},
            key=[each.column_name for each in keys],
        )

    def deliver(self, records: Sequence[Record]) -> Outcome:
        """Writes them, many at a time; what became of each is known."""
        if self._session is None:
            self.open()
        refused: list[Refusal] = []
        writes = list(self._writes(records, refused))
        unfit: list[Refusal] = []
        left: list[Record] = []
        trouble, is_alone = "", False
        for start in range(0, len(writes), IN_FLIGHT):
            part = writes[start : start + IN_FLIGHT]
            sent = [(record, self._session.execute_async(statement, values)) for record, statement, values in part]
            for record, write in sent:
                try:
                    write.result()
                except FAILURES as error:
                    if is_refusal(error):
                        unfit.append(Refusal(record=record, reason=told(error)))
                    else:
                        left.append(record)
                        trouble = trouble or told(error)
                        is_alone = is_alone or isinstance(error, NoHostAvailable)
            if left:
                left += [record for record, _, _ in writes[start + IN_FLIGHT :]]
                break
        if unfit and (changed := self._changed()):
            # The table is at fault, and not they.
            left, trouble, unfit = [*left, *(each.record for each in unfit)], changed, []
        if is_alone:
            self.close()  # the hosts may have other addresses by now
        return Outcome(refused=[*refused, *unfit], left=left, trouble=trouble)

    def _writes(self, records: Sequence[Record], refused: list[Refusal]) -> Iterator[tuple[Record, Any, list[Any]]]:
        for each, at in zip(records, self._times.of(records), strict=True):
            try:
                found = self._write(each, at)
            except Refused as why:
                refused.append(Refusal(record=each, reason=str(why)))
            else:
                if found is not None:
                    yield each, *found

    def _write(self, record: Record, at: int) -> tuple[Any, list[Any]] | None:
        """The statement and its values; None: nothing is to be done."""
        if record.timestamp < 0:
            raise Refused(["it has no timestamp, by which its row is newer or older than others"])
        if record.timestamp > (time.time() + FUTURE_SECONDS) * 1000:
            raise Refused(["its timestamp is more than an hour ahead: nothing that comes later could replace its row"])
        assert self._table is not None  # noqa: S101 - it is open
        columns, types = self._settings.columns, self._table.types
        if record.value is not None:
            return self._insert, [document(record, columns, types), at]
        if self._settings.tombstones is Tombstones.IGNORE:
            return None
        if self._settings.tombstones is Tombstones.REFUSE:
            raise Refused(["it has no value, which tombstones: refuse makes a dead letter"])
        found = cells(record, {name: columns[name] for name in self._table.key}, types)
        if len(found) < len(self._table.key):
            raise Refused(["its key has not all that identifies a row"])
        return self._delete, [at, *(found[name] for name in self._table.key)]

    def _changed(self) -> str:
        """Why the table is not what it was; empty if it is."""
        try:
            if self._look(self._session) == self._table:
                return ""
        except FAILURES as error:
            return told(error)
        self.close()
        return f"table {self._settings.keyspace}.{self._settings.table} has changed"

    def close(self) -> None:
        """Ends the connections."""
        if self._cluster is not None:
            self._cluster.shutdown()
        self._cluster = self._session = None


def is_refusal(error: Exception) -> bool:
    """Whether the record is at fault, and would be another time."""
    text = str(error)
    if isinstance(error, InvalidRequest) and not isinstance(error, Unauthorized):
        return not any(each in text for each in _ALWAYS)
    # Before Cassandra 5, a row that is too large is a failure of the server.
    return isinstance(error, ErrorMessage | DriverException) and any(each in text for each in _TOO_LARGE)


def told(error: Exception) -> str:
    """What the driver says, in one line and without its own names for things."""
    if isinstance(error, NoHostAvailable) and error.errors and isinstance(error.errors, dict):
        host, inner = next(iter(error.errors.items()))
        return line(f"{host}: {told(inner) if isinstance(inner, Exception) else inner}")
    text = str(error).strip() or type(error).__name__
    return line(text.removeprefix("Error from server: "))


def target(settings: Settings, secrets: Secrets, _: Connector) -> Cassandra:
    """The target of a connector."""
    return Cassandra(settings, secrets)
