"""Databases whose tables light connectors write. No Pulumi."""

import ipaddress
import re
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, dataclass
from typing import Any

from kafka_platform.connect.common import Place, check_host
from kafka_platform.light.kinds import LightKind, check_name
from kafka_platform.values.checks import is_in_cluster
from kafka_platform.values.forms import duration, formed, named
from kafka_platform.values.ranges import within
from kafka_platform.values.units import seconds
from kafka_platform.values.words import Deciding

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,47}")
_PART = re.compile(r"(key|value)(\.[^.\s]+)*|topic|partition|offset|timestamp")
_LONGEST_LIFE = "7300d"
"""Cassandra keeps the end of a row in 32 bits of seconds, and takes up to twenty years."""


def _check_identifier(name: str) -> None:
    if not _NAME.fullmatch(name):
        raise ValueError(
            f"{name!r} is not a name in Cassandra: use up to 48 of A-Z, a-z, 0-9 and _, beginning with a letter"
        )


def _check_columns(columns: Mapping[str, str]) -> None:
    if not columns:
        raise ValueError("none are given: write a line for each, such as id: key.id")
    for column, part in columns.items():
        _check_identifier(column)
        if not isinstance(part, str) or not _PART.fullmatch(part):
            raise ValueError(
                f"{column} gets {part!r}, which no record has: write key, value, a member such as value.customer.name, topic, "
                "partition, offset or timestamp"
            )


def _check_hosts(hosts: Sequence[str]) -> None:
    if not hosts:
        raise ValueError("none are given: name at least one node, such as cassandra.example.com")
    for each in hosts:
        check_host(each)
        if list(hosts).count(each) > 1:
            raise ValueError(f"{each!r} is listed twice: keep one")


def _check_networks(networks: Sequence[str]) -> None:
    for each in networks:
        try:
            found = ipaddress.ip_network(each)
        except ValueError:
            raise ValueError(f"{each!r} is not a network: write one such as 10.1.0.0/16") from None
        if found.prefixlen == 0:
            raise ValueError(f"{each!r} is everywhere: write the network of the nodes, such as 10.1.0.0/16")
        if list(networks).count(each) > 1:
            raise ValueError(f"{each!r} is listed twice: keep one")


class Consistency(Deciding):
    """How many replicas have a row when it is written."""

    LOCAL_ONE = "local-one"
    """One in the datacenter."""
    LOCAL_QUORUM = "local-quorum"
    """Most of those in the datacenter."""
    EACH_QUORUM = "each-quorum"
    """Most of those in each datacenter."""
    QUORUM = "quorum"
    """Most of all."""
    ALL = "all"
    """All."""


class Tombstones(Deciding):
    """What records without a value are."""

    REFUSE = "refuse"
    """Dead letters."""
    DELETE = "delete"
    """They delete the row of their key."""
    IGNORE = "ignore"
    """Nothing."""


@dataclass(frozen=True, kw_only=True)
class CassandraSink(LightKind):
    """Writes records to a table of Cassandra, as rows that the newest record of a primary key decides on."""

    hosts: Sequence[str] = formed(MISSING, _check_hosts, examples=[["cassandra.example.com"]])
    """Nodes that it connects to first, by name or address. Required."""
    nodes: Sequence[str] = formed((), _check_networks, examples=[["10.1.0.0/16"]])
    """Networks of further nodes, of which the first ones tell: it connects to no others. Default: only the addresses of `hosts`, which
    are all nodes for a headless Service."""
    port: int = within(1, 65535, default=9042)
    """Port of all nodes. Default 9042."""
    tls: bool = True
    """Whether connections are encrypted, and the nodes' certificates checked. Default true."""
    server_name: str | None = named(check_host)
    """Name in the nodes' certificates. Default: their addresses are in them."""
    datacenter: str = formed(MISSING, check_name, examples=["dc1"])
    """Datacenter whose nodes it writes to. Required."""
    keyspace: str = formed(MISSING, _check_identifier, examples=["shop"])
    """Keyspace of the table. Required."""
    table: str = formed(MISSING, _check_identifier, examples=["orders"])
    """Its name. It has to exist. Required."""
    columns: Mapping[str, str] = formed(MISSING, _check_columns, examples=[{"id": "key", "total": "value.total"}])
    """What each column gets: `key` or `value` as text, a member of them such as `value.customer.name`, `topic`, `partition`, `offset` or
    `timestamp`. Required."""
    expires: str | None = duration(None, "30d", least="1s", most=_LONGEST_LIFE, whole_seconds=True)
    """How long rows are kept. Default: as the table says."""
    consistency: Consistency = Consistency.LOCAL_QUORUM
    """How many replicas have a row when it is confirmed. Default: local-quorum."""
    tombstones: Tombstones = Tombstones.REFUSE
    """What records without a value are: dead letters, deletions of their row, or nothing. Default: refuse."""
    timeout: str = duration("10s", least="1s", most="60s")
    """How long a node may take to answer. Default 10s."""

    def check(self) -> None:
        """No login is sent in the clear, and deletions find their rows."""
        if self.secret is not None and not self.tls:
            for host in self.hosts:
                if not is_in_cluster(host):
                    raise ValueError(f"tls: the login would be sent to {host} in the clear: remove it, or secret")
        if self.server_name is not None and not self.tls:
            raise ValueError("server_name: there are no certificates without tls: remove it")
        if self.tombstones is Tombstones.DELETE and all(part.split(".")[0] != "key" for part in self.columns.values()):
            raise ValueError(
                "tombstones: no column gets something of the key, by which rows are deleted: add those of the primary key"
            )

    @property
    def is_sink(self) -> bool:
        """It reads topics."""
        return True

    @property
    def program_kind(self) -> str:
        """As in the stack file."""
        return "cassandra"

    def places(self) -> Sequence[Place]:
        """The nodes."""
        return [Place(host=each, port=self.port) for each in (*self.hosts, *self.nodes)]

    def settings(self) -> dict[str, Any]:
        """The table, and what is written to it."""
        given = {
            "serverName": self.server_name,
            "expires": None if self.expires is None else int(seconds(self.expires)),
        }
        return {name: value for name, value in given.items() if value is not None} | {
            "hosts": list(self.hosts),
            "nodes": list(self.nodes),
            "port": self.port,
            "tls": self.tls,
            "datacenter": self.datacenter,
            "keyspace": self.keyspace,
            "table": self.table,
            "columns": dict(self.columns),
            "consistency": self.consistency.value,
            "tombstones": self.tombstones.value,
            "timeout": seconds(self.timeout),
        }
