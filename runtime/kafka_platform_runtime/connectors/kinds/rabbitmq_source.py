"""Receives the messages of a RabbitMQ queue, which keeps them until Kafka has them."""

from collections.abc import Sequence
from typing import Any

import pika
from pika.exceptions import AMQPError, ProbableAuthenticationError

from kafka_platform_runtime.connection import Connection
from kafka_platform_runtime.connectors.kinds.rabbitmq import Server, parameters, why
from kafka_platform_runtime.connectors.records import Received
from kafka_platform_runtime.connectors.settings import Connector, Secrets
from kafka_platform_runtime.failures import Transient

HEARTBEAT_SECONDS = 30


class Settings(Server, frozen=True, kw_only=True):
    """Of this kind."""

    queue: str
    """Which exists: the connector declares nothing."""


def connect(settings: Settings, secrets: Secrets) -> pika.BlockingConnection:
    """A connection.

    Raises:
        Transient: the server does not answer, or does not accept the login.
    """
    try:
        return pika.BlockingConnection(parameters(settings, secrets, HEARTBEAT_SECONDS))
    except ProbableAuthenticationError:
        raise Transient(f"{settings.host}:{settings.port}: the login is refused") from None
    except (AMQPError, OSError) as error:
        raise Transient(f"{settings.host}:{settings.port}: {why(error)}") from None


class Queue:
    """A consumer of one queue."""

    def __init__(self, settings: Settings, secrets: Secrets, connector: Connector) -> None:
        self._settings, self._secrets, self._connector = settings, secrets, connector
        self._connection: pika.BlockingConnection | None = None
        self._channel: Any = None
        self._received: list[Received] = []
        self._is_cancelled = False

    def open(self) -> None:
        """Connect, and consume."""
        self._received, self._is_cancelled = [], False
        self._connection = connect(self._settings, self._secrets)
        try:
            self._channel = self._connection.channel()
            self._channel.basic_qos(prefetch_count=min(self._connector.in_flight, 65535))
            self._channel.add_on_cancel_callback(self._cancelled)
            self._channel.basic_consume(self._settings.queue, self._arrived, auto_ack=False)
        except (AMQPError, OSError) as error:
            raise Transient(f"queue {self._settings.queue}: {why(error)}") from None

    def receive(self, seconds: float) -> Sequence[Received]:
        """What has arrived."""
        assert self._connection is not None  # noqa: S101 - it is open
        try:
            self._connection.process_data_events(time_limit=seconds)
        except (AMQPError, OSError) as error:
            raise Transient(f"queue {self._settings.queue}: {why(error)}") from None
        if self._is_cancelled:
            raise Transient(f"queue {self._settings.queue}: the server ended the consumer: the queue was deleted")
        found, self._received = self._received, []
        return found

    def acknowledge(self, received: Sequence[Received]) -> None:
        """Confirm them, and with the last one all before it."""
        try:
            self._channel.basic_ack(received[-1].token, multiple=True)
        except (AMQPError, OSError) as error:
            raise Transient(f"queue {self._settings.queue}: {why(error)}") from None

    def close(self) -> None:
        """End the connection; the queue has again what was not confirmed."""
        connection, self._connection, self._channel = self._connection, None, None
        if connection is not None:
            try:
                connection.close()
            except (AMQPError, OSError):
                return  # it is lost already

    def _cancelled(self, _: Any) -> None:
        self._is_cancelled = True

    def _arrived(self, _: Any, method: Any, properties: Any, body: bytes) -> None:
        headers: list[tuple[str, str | bytes | None]] = [
            ("rabbitmq.exchange", method.exchange.encode()),
            ("rabbitmq.routing.key", method.routing_key.encode()),
        ]
        for name in ("message_id", "correlation_id", "content_type", "type"):
            value = getattr(properties, name)
            if value is not None:
                headers.append((f"rabbitmq.{name.replace('_', '.')}", str(value).encode()))
        for name, value in (properties.headers or {}).items():
            if isinstance(value, str | bytes | int | float | bool):
                headers.append((name, value if isinstance(value, bytes) else str(value).encode()))
        key = method.routing_key.encode()
        self._received.append(Received(key=key, value=body, headers=headers, token=method.delivery_tag))


def origin(settings: Settings, secrets: Secrets, connector: Connector, _: Connection) -> Queue:
    """The origin of a connector."""
    secrets.login()
    return Queue(settings, secrets, connector)
