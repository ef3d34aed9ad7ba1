"""Receives messages of an MQTT broker, QoS 1, in a session that outlives the connection."""

from collections.abc import Sequence
from typing import Annotated, Any

import paho.mqtt.client as mqtt
from msgspec import Meta
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from kafka_platform_runtime.connection import Connection
from kafka_platform_runtime.connectors.kinds.mqtt import Broker, Link
from kafka_platform_runtime.connectors.records import Received
from kafka_platform_runtime.connectors.settings import Connector, Secrets
from kafka_platform_runtime.failures import Transient

KEEPALIVE_SECONDS = 30
FOR_EVER = 0xFFFF_FFFF
"""MQTT's word for a session that does not expire."""
ONLY_WHEN_NEW = 1
"""Retained messages are sent when the subscription is made, not each time that the connection is."""
MOST_AT_ONCE = 500
"""Messages that are taken before those at hand go to Kafka."""


class Settings(Broker, frozen=True, kw_only=True):
    """Of this kind."""

    topics: Annotated[list[str], Meta(min_length=1)]
    """Filters, such as `plants/+/temperature`."""


class Mqtt:
    """A session with a broker.

    The broker keeps what arrives while the connector is away, and sends again what was not acknowledged. With QoS 2 a message
    is the client's alone from the moment it has confirmed it, which a crash would lose: messages are received with QoS 1.
    """

    def __init__(self, settings: Settings, secrets: Secrets, connector: Connector) -> None:
        self._settings, self._connector = settings, connector
        self._link = Link(settings, secrets, settings.client_id or connector.name)
        self._received: list[Received] = []
        self._granted: Sequence[ReasonCode] | None = None

    def open(self) -> None:
        """Connect, and subscribe."""
        settings = self._settings
        client = self._link.make(manual_ack=True)
        client.on_subscribe = self._subscribed
        client.on_message = self._arrived
        self._granted, self._received = None, []
        self._link.open(
            client, keepalive=KEEPALIVE_SECONDS, session_seconds=FOR_EVER, receives=self._connector.in_flight
        )
        options = SubscribeOptions(qos=1, retainHandling=ONLY_WHEN_NEW)
        client.subscribe([(each, options) for each in settings.topics])
        self._link.until(lambda: self._granted is not None, "does not answer a subscription")
        granted: Sequence[ReasonCode] = self._granted or ()
        refused = [f"{topic}: {code}" for topic, code in zip(settings.topics, granted, strict=False) if code.is_failure]
        if refused:
            raise Transient(f"subscription refused: {', '.join(refused)}")

    def receive(self, seconds: float) -> Sequence[Received]:
        """What has arrived."""
        self._link.loop(0 if self._received else seconds)
        count = 0
        while count < len(self._received) < MOST_AT_ONCE:
            count = len(self._received)
            self._link.loop(0)
        found, self._received = self._received, []
        return found

    def acknowledge(self, received: Sequence[Received]) -> None:
        """Confirm them to the broker."""
        for each in received:
            if each.token is not None:
                assert isinstance(each.token, int)  # noqa: S101 - as `_arrived` makes it
                if self._link.client.ack(each.token, 1) != mqtt.MQTT_ERR_SUCCESS:
                    raise self._link.trouble("the connection is lost")

    def close(self) -> None:
        """End the connection; the broker keeps the session."""
        self._link.close()

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
    return Mqtt(settings, secrets, connector)
