"""A connection to an MQTT 5 broker, for both directions."""

import time
from collections.abc import Callable
from typing import Annotated, Any

import paho.mqtt.client as mqtt
from msgspec import Meta
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from kafka_platform_runtime.connectors.records import line
from kafka_platform_runtime.connectors.settings import Secrets, Section
from kafka_platform_runtime.failures import Transient

CONNECT_SECONDS = 10.0


class Broker(Section, frozen=True, kw_only=True):
    """How to reach a broker."""

    host: str
    port: Annotated[int, Meta(ge=1, le=65535)] = 1883
    tls: bool = False
    client_id: str | None = None
    """By which the broker knows the client. Default: the connector's name; a sink, which may have many pods, adds the pod's."""


class Link:
    """A connection, which the thread that calls it keeps alive."""

    def __init__(self, broker: Broker, secrets: Secrets, client_id: str) -> None:
        self._broker, self._client_id = broker, client_id
        self._login = secrets.login()
        self._context = secrets.tls() if broker.tls else None
        self._client: mqtt.Client | None = None
        self._answer: ReasonCode | None = None
        self.granted = Properties(PacketTypes.CONNACK)  # type: ignore[no-untyped-call]
        """What the broker said when it let the client in."""

    @property
    def client(self) -> mqtt.Client:
        """The library's client, while the connection is open."""
        assert self._client is not None  # noqa: S101 - it is open
        return self._client

    @property
    def is_open(self) -> bool:
        """Whether it is, as far as is known."""
        return self._client is not None

    def make(self, *, manual_ack: bool) -> mqtt.Client:
        """A client that is not connected yet, for its callbacks."""
        client = mqtt.Client(
            CallbackAPIVersion.VERSION2, client_id=self._client_id, protocol=mqtt.MQTTv5, manual_ack=manual_ack
        )
        if self._login is not None:
            client.username_pw_set(*self._login)
        if self._context is not None:
            client.tls_set_context(self._context)
        client.on_connect = self._connected
        return client

    def open(self, client: mqtt.Client, *, keepalive: int, session_seconds: int, receives: int) -> None:
        """Connect.

        Args:
            client: as `make` made it.
            keepalive: seconds after which a silent client is gone; 0: never.
            session_seconds: how long the broker keeps the session after the connection; 0: it begins with a new one.
            receives: unconfirmed messages that the broker may send.

        Raises:
            Transient: the broker does not answer, or does not let it in.
        """
        self._answer, self._client = None, client
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        properties.SessionExpiryInterval = session_seconds
        properties.ReceiveMaximum = min(receives, 65535)
        host, port = self._broker.host, self._broker.port
        try:
            client.connect(host, port, keepalive, clean_start=session_seconds == 0, properties=properties)
        except (OSError, ValueError) as error:
            raise self.trouble(line(str(error))) from None
        self.until(lambda: self._answer is not None, "does not answer")
        if self._answer is not None and self._answer.is_failure:
            raise self.trouble(str(self._answer))

    def until(self, done: Callable[[], bool], otherwise: str) -> None:
        """Keep the connection alive until it is so.

        Raises:
            Transient: it is not in time, or the connection is lost.
        """
        until = time.monotonic() + CONNECT_SECONDS
        while not done():
            self.loop(0.1)
            if time.monotonic() > until:
                raise self.trouble(otherwise)

    def loop(self, seconds: float) -> None:
        """Send and receive, for so long at most.

        Raises:
            Transient: the connection is lost.
        """
        code: int = self.client.loop(seconds)
        # A refused connection is lost as well, and the refusal says more.
        if code != mqtt.MQTT_ERR_SUCCESS and self._answer is not None and self._answer.is_failure:
            raise self.trouble(str(self._answer))
        if code != mqtt.MQTT_ERR_SUCCESS:
            raise self.trouble(mqtt.error_string(code))

    def trouble(self, what: str) -> Transient:
        """A failure, with the broker's place."""
        return Transient(f"{self._broker.host}:{self._broker.port}: {what}")

    def close(self) -> None:
        """End the connection; what the broker keeps of the session stays."""
        client, self._client = self._client, None
        if client is not None:
            client.disconnect()

    def _connected(self, _client: mqtt.Client, _data: Any, _flags: Any, code: ReasonCode, properties: Any) -> None:
        self._answer = code
        if properties is not None:
            self.granted = properties
