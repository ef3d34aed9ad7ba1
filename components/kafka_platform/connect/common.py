"""What the connectors of all engines have in common. No Pulumi."""

import ipaddress
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from typing import Any

from kafka_platform.values.forms import Spec, formed, named
from kafka_platform.values.names import check_topic, check_workload, is_subdomain
from kafka_platform.values.ranges import MOST_VERSIONS, within
from kafka_platform.values.words import Deciding

LONGEST_CONNECTOR = 40
"""Characters of a connector's name, which is part of longer ones: of its user, its topics and its slot."""


def connector_user_name(name: str) -> str:
    """The Kafka user of the connector of that name."""
    return f"connector-{name}"


def dead_letter_topic(name: str) -> str:
    """The topic with the records that the sink of that name could not write, unless it names another one."""
    return f"{name}-dead-letters"


def check_connector_name(name: str) -> None:
    """Raises unless a connector may have this name."""
    check_workload(name, "connector", LONGEST_CONNECTOR)


def check_host(host: str) -> None:
    """Raises unless it is a host name or an address."""
    if "@" in host:
        raise ValueError(
            "has a login or another URL in it: write a name or an address alone, and name the Secret in secret"
        )
    if not is_subdomain(host.lower()) and not is_address(host):
        raise ValueError(f"{host!r} is not a host: write a name or an address, such as db.example.com")


def is_address(host: str) -> bool:
    """Whether it is an IP address rather than a name."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def network_of(host: str) -> str | None:
    """The network of an address, or of many in one (`10.1.0.0/16`); None of a name."""
    try:
        return str(ipaddress.ip_network(host))
    except ValueError:
        return None


_PLACE = re.compile(r"(?:\[(?P<six>[0-9A-Fa-f:.]+)\]|(?P<host>[^\[\]:]+)):(?P<port>\d{1,5})")


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a connector connects to: a host, or a network of hosts, and a TCP port."""

    host: str
    port: int

    @classmethod
    def of(cls, text: str) -> "Place":
        """From `host:port`. Raises `ValueError` for anything else."""
        found = _PLACE.fullmatch(text)
        host = "" if found is None else found["six"] or found["host"]
        if (
            found is None
            or not 1 <= int(found["port"]) <= 65535
            or not (is_address(host) or is_subdomain(host.lower()))
        ):
            raise ValueError(f"{text!r} is not host:port: write one such as db.example.com:5432")
        return cls(host=host, port=int(found["port"]))


def check_places(given: Sequence[str]) -> None:
    """Raises unless each is `host:port`."""
    for each in given:
        Place.of(each)


def _check_topics(topics: Sequence[str]) -> None:
    for topic in topics:
        check_topic(topic)
        if list(topics).count(topic) > 1:
            raise ValueError(f"{topic!r} is listed twice: keep one")


class ConnectorKind(Spec):
    """Base of the kinds of connectors: what a connector connects Kafka with."""

    @property
    def is_sink(self) -> bool | None:
        """Whether it reads topics (a sink) or writes them (a source); None if either is possible."""
        raise NotImplementedError

    def places(self) -> Sequence[Place]:
        """Where it connects to besides Kafka."""
        raise NotImplementedError


class RecordFormat(Deciding):
    """How a connector writes and reads keys and values."""

    JSON = "json"
    """Kafka Connect: JSON, each with its schema. Light connectors: as they are."""
    AVRO = "avro"
    """Kafka Connect only: Avro, with schemas in the stack's schema registry."""
    JSONSCHEMA = "jsonschema"
    """Kafka Connect only: JSON with JSON Schema, with schemas in the registry."""
    PROTOBUF = "protobuf"
    """Sinks of Kafka Connect only: Protobuf, with schemas in the registry."""
    TEXT = "text"
    """Kafka Connect only: text in UTF-8, without a schema."""
    SCHEMA = "schema"
    """Light sinks only: by the schema in the registry whose number is in the record (Avro, JSON Schema or Protobuf), as JSON."""


@dataclass(frozen=True, kw_only=True)
class ConnectorCommon(Spec):
    """What a connector of any kind declares. Subclasses add one field for each kind, of which one is given."""

    reads: Sequence[str] = formed((), _check_topics)
    """Topics whose records a sink writes to the other system. Sources have none."""
    dead_letters: str | None = named(check_topic)
    """Topic for records that a sink cannot convert or write, each with the reason in its headers. Default:
    `<name>-dead-letters`, kept for 14 days."""
    tasks: int = within(1, 1000, default=1)
    """Largest number of tasks, which share the work. Default 1."""
    password_version: int = within(1, MOST_VERSIONS, default=1)
    """Raise it by one to give its Kafka user a new password, and to make it read its Secrets again. Default 1."""
    format: RecordFormat | None = None
    """How values are written or read: json; with Kafka Connect also text, or by the stack's schema registry avro, jsonschema and (sinks only)
    protobuf; light sinks also schema, by the registry. Default: in a stack file that of the schemas of the topics that a sink of Kafka
    Connect reads; otherwise json."""

    @property
    def values(self) -> RecordFormat:
        """How values are written or read."""
        return self.format or RecordFormat.JSON

    @property
    def kind_name(self) -> str | None:
        """The key of its kind; None if it has none."""
        return next((name for name in kinds_of(type(self)) if getattr(self, name) is not None), None)

    @property
    def kind(self) -> Any:
        """What it connects Kafka with; None if that is not given."""
        return None if self.kind_name is None else getattr(self, self.kind_name)

    @property
    def is_sink(self) -> bool:
        """Whether it reads topics."""
        known = None if self.kind is None else self.kind.is_sink
        return bool(self.reads) if known is None else known

    def check_kind(self) -> None:
        """Raises unless it has a kind. A file says so of a connector only when the key of its kind has no fault."""
        if self.kind_name is None:
            known = kinds_of(type(self))
            raise ValueError(f"{known[0]}: missing: write one of {', '.join(known)}")

    def dead_letters_of(self, name: str) -> str | None:
        """The topic with what the sink of that name could not write; None for a source."""
        return (self.dead_letters or dead_letter_topic(name)) if self.is_sink else None

    def check(self) -> None:
        """It has one kind at most, and reads topics if that is a sink."""
        given = [name for name in kinds_of(type(self)) if getattr(self, name) is not None]
        if len(given) > 1:
            raise ValueError(f"{given[1]}: {given[0]} is given too: keep one of them")
        if not given:
            return
        if self.kind.is_sink and not self.reads:
            raise ValueError("reads: missing: name the topics whose records it writes")
        if self.kind.is_sink is False and self.reads:
            raise ValueError(f"reads: {given[0]} writes topics and reads none: remove it")
        if self.dead_letters is not None and not self.is_sink:
            raise ValueError("dead_letters: only sinks have records that they cannot write: remove it")
        if self.dead_letters is not None and self.dead_letters in self.reads:
            raise ValueError(
                f"dead_letters: {self.dead_letters!r} is read too, and would grow for ever: name another topic"
            )


def kinds_of(connector: type) -> list[str]:
    """The keys of the kinds that a class of connectors knows."""
    return [each.name for each in fields(connector) if each.metadata.get("kind")]


def kind() -> Any:
    """A field with a kind of connectors."""
    return field(default=None, metadata={"kind": True})
