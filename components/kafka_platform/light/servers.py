"""Systems with a host and a port that light connectors connect Kafka with. No Pulumi."""

import re
from collections.abc import Sequence
from dataclasses import MISSING, dataclass
from typing import Any

from kafka_platform.connect.common import Place, check_host
from kafka_platform.light.kinds import LightKind, check_name
from kafka_platform.values.forms import formed, named
from kafka_platform.values.free_maps import check_text
from kafka_platform.values.names import check_topic
from kafka_platform.values.ranges import within
from kafka_platform.values.words import Deciding

_FILTER = re.compile(r"[^\x00]+")
_BRACES = re.compile(r"\{[^{}]*\}|[{}]")
_KNOWN = ("{key}", "{topic}")


def _check_filters(filters: Sequence[str]) -> None:
    if not filters:
        raise ValueError("none are given: name at least one, such as plants/+/temperature")
    for each in filters:
        levels = each.split("/")
        wild = any(("#" in level or "+" in level) and len(level) > 1 for level in levels) or "#" in levels[:-1]
        if not _FILTER.fullmatch(each) or wild or len(each.encode()) > 65535:
            raise ValueError(
                f"{each!r} is not a topic filter of MQTT: write one such as plants/+/temperature or plants/#"
            )
        if list(filters).count(each) > 1:
            raise ValueError(f"{each!r} is listed twice: keep one")


def _check_template(template: str) -> None:
    for found in _BRACES.findall(template):
        if found not in _KNOWN:
            raise ValueError(f"{template!r} contains {found}: only {{key}} and {{topic}} stand for something")


def _check_mqtt_topic(topic: str) -> None:
    check_text(topic, "a topic of MQTT", 1000)
    if not topic or topic.startswith("$") or any(each in topic for each in "+#\0"):
        raise ValueError(
            f"{topic!r} is not a topic of MQTT that can be published to: write one such as devices/{{key}}"
        )
    _check_template(topic)


def _check_routing_key(key: str) -> None:
    check_text(key, "a routing key", 255)
    _check_template(key)


def _check_only_received(given: dict[str, bool]) -> None:
    """Raises if a source has a field of sinks."""
    for name, is_given in given.items():
        if is_given:
            raise ValueError(f"{name}: writes makes it a source, which sends nothing: remove one of them")


@dataclass(frozen=True, kw_only=True)
class Server(LightKind):
    """A system with a host and a port."""

    host: str = named(check_host, default=MISSING, examples=["broker.example.com"])
    """Its name or address. Required."""
    port: int | None = within(1, 65535, default=None)
    """Its port. Default: the usual one, with or without TLS."""
    tls: bool = True
    """Whether the connection is encrypted, and the server's certificate checked. Default true."""

    _plain = 0
    _encrypted = 0

    @property
    def port_used(self) -> int:
        """The port that it connects to."""
        if self.port is not None:
            return self.port
        return self._encrypted if self.tls else self._plain

    def places(self) -> Sequence[Place]:
        """The server."""
        return [Place(host=self.host, port=self.port_used)]

    def _server(self) -> dict[str, Any]:
        return {"host": self.host, "port": self.port_used, "tls": self.tls}


class RedisForm(Deciding):
    """What records become in Redis."""

    VALUES = "values"
    """The value of the record's key; a record without a value deletes it."""
    STREAM = "stream"
    """Entries of a stream."""


@dataclass(frozen=True, kw_only=True)
class RedisSink(Server):
    """Writes records to Redis."""

    database: int = within(0, 65535, default=0)
    """Number of the database. Default 0."""
    form: RedisForm = RedisForm.VALUES
    """Whether records are values of keys or entries of a stream. Default: values."""
    stream: str | None = formed(None, check_name)
    """Name of the stream. Default: the topic's."""
    prefix: str = formed("", lambda prefix: check_text(prefix, "a prefix", 255))
    """What the keys of values begin with. Default: nothing."""

    _plain = 6379
    _encrypted = 6379

    def check(self) -> None:
        """A stream is named where there is one."""
        if self.stream is not None and self.form is not RedisForm.STREAM:
            raise ValueError("stream: records become values: write form stream, or remove it")
        if self.prefix and self.form is not RedisForm.VALUES:
            raise ValueError("prefix: records become entries of a stream: write stream, or remove it")

    @property
    def is_sink(self) -> bool:
        """It reads topics."""
        return True

    @property
    def program_kind(self) -> str:
        """As in the stack file."""
        return "redis"

    def settings(self) -> dict[str, Any]:
        """The server, and what records become."""
        stream = {} if self.stream is None else {"stream": self.stream}
        more = {"database": self.database, "form": self.form.value, "prefix": self.prefix}
        return self._server() | stream | more


@dataclass(frozen=True, kw_only=True)
class Mqtt(Server):
    """An MQTT 5 broker, with QoS 1.

    With `filters` and `writes` a source: it receives messages in a session that outlives the connection, and the MQTT topic is the
    record's key. With `topic`, and `reads` beside it, a sink.
    """

    filters: Sequence[str] | None = formed(None, _check_filters, items={"type": "string"})
    """Source: topic filters of MQTT, such as `plants/+/temperature`."""
    writes: str | None = named(check_topic)
    """Source: topic of Kafka that the messages are written to."""
    topic: str | None = formed(None, _check_mqtt_topic)
    """Sink: topic of MQTT that records are published to; `{key}` and `{topic}` stand for the record's key and its topic in Kafka."""
    retain: bool = False
    """Sink: whether the broker keeps the newest message of each topic for later subscribers; a record without a value removes it.
    Default false."""

    _plain = 1883
    _encrypted = 8883

    def check(self) -> None:
        """It has one direction, and what that needs."""
        receives = self.writes is not None
        if not receives and self.filters is not None:
            raise ValueError("writes: missing: name the topic of Kafka that the messages are written to")
        if receives:
            _check_only_received({"topic": self.topic is not None, "retain": self.retain})
        if receives and self.filters is None:
            raise ValueError("filters: missing: name at least one, such as plants/+/temperature")
        if not receives and self.topic is None:
            raise ValueError(
                "topic: missing: name that of a sink, such as devices/{key}; a source has filters and writes"
            )

    @property
    def is_sink(self) -> bool:
        """Whether it publishes."""
        return self.writes is None

    @property
    def program_kind(self) -> str:
        """By its direction."""
        return "mqtt" if self.is_sink else "mqtt-source"

    def written(self) -> str | None:
        """A source's topic."""
        return self.writes

    def settings(self) -> dict[str, Any]:
        """The broker, and what is received or published."""
        if self.is_sink:
            return self._server() | {"topic": self.topic, "retain": self.retain}
        return self._server() | {"topics": list(self.filters or ())}


@dataclass(frozen=True, kw_only=True)
class RabbitMq(Server):
    """RabbitMQ.

    With `queue` and `writes` a source: the queue keeps its messages until Kafka has them, and the routing key is the record's key. With
    `queue` or `exchange`, and `reads` beside it, a sink: the server confirms each message.
    """

    queue: str | None = formed(None, check_name)
    """Name of the queue that is received from, or that all records go to. It has to exist."""
    virtual_host: str = formed("/", check_name)
    """Virtual host of the queue or exchange. Default `/`."""
    writes: str | None = named(check_topic)
    """Source: topic of Kafka that the messages are written to."""
    exchange: str | None = formed(None, check_name)
    """Sink: name of the exchange that records go to. It has to exist."""
    routing_key: str = formed("{key}", _check_routing_key)
    """Sink with an exchange: the routing key; `{key}` and `{topic}` stand for the record's key and its topic in Kafka. Default
    `{key}`."""

    _plain = 5672
    _encrypted = 5671

    def check(self) -> None:
        """It has one direction, and what that needs."""
        by_key = self.routing_key == "{key}"
        if self.writes is not None:
            _check_only_received({"exchange": self.exchange is not None, "routing_key": not by_key})
        if self.queue is None and self.exchange is None:
            sinks = "" if self.writes is not None else "; a sink may have an exchange instead"
            raise ValueError(f"queue: missing: name a queue that exists{sinks}")
        if self.queue is not None and self.exchange is not None:
            raise ValueError("exchange: queue is given too: keep one of them")
        if self.queue is not None and not by_key:
            raise ValueError("routing_key: all records go to the queue: write exchange instead of queue, or remove it")

    @property
    def is_sink(self) -> bool:
        """Whether it sends."""
        return self.writes is None

    @property
    def program_kind(self) -> str:
        """By its direction."""
        return "rabbitmq" if self.is_sink else "rabbitmq-source"

    def written(self) -> str | None:
        """A source's topic."""
        return self.writes

    def settings(self) -> dict[str, Any]:
        """The server, and where messages are or go."""
        server = self._server() | {"virtualHost": self.virtual_host}
        if self.exchange is not None:
            return server | {"exchange": self.exchange, "routingKey": self.routing_key}
        return server | {"queue": self.queue}
