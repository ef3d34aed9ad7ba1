"""Receives messages of an MQTT broker, QoS 1, in a session that outlives the connection."""

import ssl
import time
from collections.abc import Sequence
from typing import Annotated, Any

import paho.mqtt.client as mqtt
from msgspec import Meta
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from kafka_platform_runtime.connection import Connection
from kafka_platform_runtime.connectors.records import Received, line
from kafka_platform_runtime.connectors.settings import Connector, Secrets, Section
from kafka_platform_runtime.failures import Transient

CONNECT_SECONDS = 10.0
KEEPALIVE_SECONDS = 30
FOR_EVER = 0xFFFF_FFFF
"""MQTT's word for a session that does not expire."""
ONLY_WHEN_NEW = 1
"""Retained messages are sent when the subscription is made, not each time that the connection is."""
MOST_AT_ONCE = 500
"""Messages that are taken before those at hand go to Kafka."""


class Settings(Section, frozen=True, kw_only=True):
    """Of this kind."""

    host: str
    port: Annotated[int, Meta(ge=1, le=65535)] = 1883
    tls: bool = False
    topics: Annotated[list[str], Meta(min_length=1)]
    """Filters, such as `plants/+/temperature`."""
    client_id: str | None = None
    """By which the broker knows the session. Default: the connector's name."""


class Mqtt:
    """A session with a broker.

    The broker keeps what arrives while the connector is away, and sends again what was not acknowledged. With QoS 2 a message
    is the client's alone from the moment it has confirmed it, which a crash would lose: messages are received with QoS 1.
    """

    def __init__(self, settings: Settings, secrets: Secrets, connector: Connector) -> None:
        self._settings, self._secrets, self._connector = settings, secrets, connector
        self._client: mqtt.Client | None = None
        self._received: list[Received] = []
        self._answer: ReasonCode | None = None
        self._granted: Sequence[ReasonCode] | None = None

    def open(self) -> None:
        """Connect, and subscribe."""
        settings = self._settings
        client = mqtt.Client(
            CallbackAPIVersion.VERSION2,
            client_id=settings.client_id or self._connector.name,
            protocol=mqtt.MQTTv5,
            manual_ack=True,
        )
        login = self._secrets.login()
        if login is not None:
            client.username_pw_set(*login)
        if settings.tls:
            client.tls_set_context(self._context())
        client.on_connect = self._connected
        client.on_subscribe = self._subscribed
        client.on_message = self._arrived
        self._answer, self._granted, self._received = None, None, []
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        properties.SessionExpiryInterval = FOR_EVER
        properties.ReceiveMaximum = min(self._connector.in_flight, 65535)
        self._client = client
        try:
            client.connect(settings.host, settings.port, KEEPALIVE_SECONDS, clean_start=False, properties=properties)
        except (OSError, ValueError) as error:
            raise Transient(f"{settings.host}:{settings.port}: {line(str(error))}") from None
        self._until(lambda: self._answer is not None, "does not answer")
        if self._answer is not None and self._answer.is_failure:
            raise Transient(f"{settings.host}:{settings.port}: {self._answer}")
        options = SubscribeOptions(qos=1, retainHandling=ONLY_WHEN_NEW)
        client.subscribe([(each, options) for each in settings.topics])
        self._until(lambda: self._granted is not None, "does not answer a subscription")
        granted: Sequence[ReasonCode] = self._granted or ()
        refused = [f"{topic}: {code}" for topic, code in zip(settings.topics, granted, strict=False) if code.is_failure]
        if refused:
            raise Transient(f"subscription refused: {', '.join(refused)}")

    def _context(self) -> ssl.SSLContext:
        ca, certificate, key = (self._secrets.path(name) for name in ("ca.crt", "tls.crt", "tls.key"))
        context = ssl.create_default_context(cafile=None if ca is None else str(ca))
        if certificate is not None:
            context.load_cert_chain(certificate, key)
        return context

    def _until(self, done: Any, otherwise: str) -> None:
        until = time.monotonic() + CONNECT_SECONDS
        while not done():
            self._loop(0.1)
            if time.monotonic() > until:
                raise Transient(f"{self._settings.host}:{self._settings.port}: {otherwise}")

    def _loop(self, seconds: float) -> None:
        assert self._client is not None  # noqa: S101 - it is open
        code: int = self._client.loop(seconds)
        # A refused connection is lost as well, and the refusal says more.
        if code != mqtt.MQTT_ERR_SUCCESS and self._answer is not None and self._answer.is_failure:
            raise Transient(f"{self._settings.host}:{self._settings.port}: {self._answer}")
        if code != mqtt.MQTT_ERR_SUCCESS:
            raise Transient(f"{self._settings.host}:{self._settings.port}: {mqtt.error_string(code)}")

    def receive(self, seconds: float) -> Sequence[Received]:
        """What has arrived."""
        self._loop(0 if self._received else seconds)
        count = 0
        while count < len(self._received) < MOST_AT_ONCE:
            count = len(self._received)
            self._loop(0)
        found, self._received = self._received, []
        return found

    def acknowledge(self, received: Sequence[Received]) -> None:
        """Confirm them to the broker."""
        assert self._client is not None  # noqa: S101 - it is open
        for each in received:
            if each.token is not None:
                assert isinstance(each.token, int)  # noqa: S101 - as `_arrived` makes it
                if self._client.ack(each.token, 1) != mqtt.MQTT_ERR_SUCCESS:
                    raise Transient(f"{self._settings.host}:{self._settings.port}: the connection is lost")

    def close(self) -> None:
        """End the connection; the broker keeps the session."""
        if self._client is not None:
            self._client.disconnect()
            self._client = None

    def _connected(self, _client: mqtt.Client, _data: Any, _flags: Any, code: ReasonCode, _properties: Any) -> None:
        self._answer = code

    def _subscribed(self, _client: mqtt.Client, _data: Any, _mid: int, codes: Any, _properties: Any) -> None:
        self._granted = codes

    def _arrived(self, _client: mqtt.Client, _data: Any, message: mqtt.MQTTMessage) -> None:
        headers: list[tuple[str, str | bytes | None]] = [("mqtt.topic", message.topic.encode())]
        if message.retain:
            headers.append(("mqtt.retained", b"true"))
        properties = getattr(message.properties, "UserProperty", ())
        headers += [(name, value.encode()) for name, value in properties]
        self._received.append(
            Received(
                # The messages of a topic stay in order.
                key=message.topic.encode(),
                value=bytes(message.payload),
                headers=headers,
                token=message.mid if message.qos else None,
            )
        )


def origin(settings: Settings, secrets: Secrets, connector: Connector, _: Connection) -> Mqtt:
    """The origin of a connector."""
    secrets.login()
    return Mqtt(settings, secrets, connector)
