"""Publishes records to an MQTT broker, QoS 1, in order; what the broker has confirmed has arrived."""

import os
import socket
import struct
import time
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import paho.mqtt.client as mqtt
from msgspec import Meta
from paho.mqtt import MQTTException
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from kafka_platform_runtime.connectors.kinds.mqtt import Broker, Link
from kafka_platform_runtime.connectors.kinds.templates import filled, is_by_key, text_headers
from kafka_platform_runtime.connectors.records import Outcome, Record, Refusal
from kafka_platform_runtime.connectors.settings import Connector, Seconds, Secrets
from kafka_platform_runtime.failures import Refused, Transient

NEVER = 0
"""A client without a keepalive need not send anything while there are no records; TCP's notices a peer that is gone."""
IDLE_SECONDS = 60
LONGEST_TOPIC = 65535
MOST_UNCONFIRMED = 65535
"""Of MQTT, unless the broker says less."""
NOT_AUTHORIZED = 0x87
_UNFIT = frozenset({0x90, 0x95, 0x99})
"""Topic name invalid, packet too large, payload format invalid: they come from what is in the record."""
_MARGIN = 20
"""Bytes of a packet besides payload, topic and headers, at most."""


class Settings(Broker, frozen=True, kw_only=True):
    """Of this kind."""

    topic: Annotated[str, Meta(min_length=1)]
    """Where a record goes; `{key}` and `{topic}` stand for its own."""
    retain: bool = False
    """Whether the broker keeps the last message of each topic for new subscribers."""
    timeout: Seconds = 30.0
    """How long the broker may take to confirm a batch."""


class Publisher:
    """A client that publishes, and waits for the broker's confirmations.

    It has no session: the broker keeps nothing of a publisher with QoS 1, and what is not confirmed is still in Kafka.
    """

    def __init__(self, settings: Settings, secrets: Secrets, connector: Connector) -> None:
        self._settings, self._connector = settings, connector
        host = os.environ.get("HOSTNAME") or socket.gethostname()
        self._link = Link(settings, secrets, settings.client_id or f"{connector.name}-{host}")
        self._answers: dict[int, ReasonCode] = {}
        """By the number of the packet."""
        self._window = 1
        """Messages that may be unconfirmed at a time."""

    def open(self) -> None:
        """Connect."""
        self._link.close()
        client = self._link.make(manual_ack=False)
        client.on_publish = self._confirmed
        # The client's own limit would be that of messages which it keeps back without a word.
        client.max_inflight_messages_set(MOST_UNCONFIRMED)
        self._link.open(client, keepalive=NEVER, session_seconds=0, receives=1)
        if self._settings.retain and getattr(self._link.granted, "RetainAvailable", 1) == 0:
            raise self._link.trouble("the broker keeps no messages: remove retain")
        allowed = getattr(self._link.granted, "ReceiveMaximum", MOST_UNCONFIRMED)
        self._window = min(allowed, self._connector.batch.records)
        found: Any = client.socket()  # with TLS it is wrapped, with the same methods
        if found is not None:
            found.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            found.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, IDLE_SECONDS)

    def deliver(self, records: Sequence[Record]) -> Outcome:
        """Publishes them in their order."""
        refused: list[Refusal] = []
        try:
            self._ready()
        except Transient as failure:
            self._link.close()
            return Outcome(left=records, trouble=str(failure))
        sent: list[tuple[Record, int]] = []
        self._answers = {}
        until = time.monotonic() + self._settings.timeout
        try:
            for each in records:
                self._await(len(sent) - self._window + 1, until)
                try:
                    sent.append((each, self._publish(each)))
                except Refused as unfit:
                    refused.append(Refusal(record=each, reason=str(unfit)))
            self._await(len(sent), until)
        except Transient as failure:
            # A later confirmation would be of a packet of which nobody knows any more what it was.
            self._link.close()
            rejected = {id(each.record) for each in refused}
            left = [each for each in records if id(each) not in rejected]
            return self._judged(sent, refused, left, str(failure))
        return self._judged(sent, refused, [each for each, _ in sent], "")

    def _ready(self) -> None:
        """Connect, unless it is connected still."""
        if self._link.is_open:
            try:
                self._link.loop(0)
            except Transient:
                self._link.close()
        if not self._link.is_open:
            self.open()

    def _publish(self, record: Record) -> int:
        topic = filled(self._settings.topic, record)
        if (
            not topic
            or topic.startswith("$")
            or any(each in topic for each in "+#\0")
            or len(topic.encode()) > LONGEST_TOPIC
        ):
            raise Refused([f"{topic[:200]!r} is not a topic that can be published to"])
        headers = [*text_headers(record), ("kafka.record", record.identity)]
        size = (
            len(record.value or b"")
            + sum(5 + len(f"{a}{b}".encode()) for a, b in headers)
            + len(topic.encode())
            + _MARGIN
        )
        most = getattr(self._link.granted, "MaximumPacketSize", None)
        if most is not None and size > most:
            raise Refused([f"the broker takes packets of up to {most} bytes"])
        properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
        properties.UserProperty = headers
        try:
            sent = self._link.client.publish(
                topic, record.value, qos=1, retain=self._settings.retain, properties=properties
            )
        except (ValueError, struct.error, MQTTException) as error:
            raise Refused([f"MQTT cannot express it: {error}"]) from None
        if sent.rc not in {mqtt.MQTT_ERR_SUCCESS, mqtt.MQTT_ERR_QUEUE_SIZE}:
            raise self._link.trouble("the connection is lost")
        return sent.mid

    def _await(self, confirmed: int, until: float) -> None:
        """Send and receive until so many are confirmed."""
        while len(self._answers) < confirmed:
            self._link.loop(0.1)
            if time.monotonic() > until:
                raise self._link.trouble("does not confirm what it was sent")

    def _judged(
        self, sent: Sequence[tuple[Record, int]], refused: list[Refusal], rest: Sequence[Record], trouble: str
    ) -> Outcome:
        """What became of records: from the first that is not confirmed, all are sent again, so that their order stays."""
        found: Mapping[int, ReasonCode | None] = {id(each): self._answers.get(number) for each, number in sent}
        for index, each in enumerate(rest):
            code = found.get(id(each))
            if code is None:
                return Outcome(refused=refused, left=rest[index:], trouble=trouble)
            if not code.is_failure:
                continue
            if code.value in _UNFIT or (code.value == NOT_AUTHORIZED and is_by_key(self._settings.topic)):
                refused.append(Refusal(record=each, reason=f"{code} ({filled(self._settings.topic, each)[:200]})"))
                continue
            return Outcome(refused=refused, left=rest[index:], trouble=str(self._link.trouble(str(code))))
        return Outcome(refused=refused)

    def close(self) -> None:
        """Ends the connection."""
        self._link.close()

    def _confirmed(self, _client: mqtt.Client, _data: Any, number: int, code: ReasonCode, _properties: Any) -> None:
        self._answers[number] = code


def target(settings: Settings, secrets: Secrets, connector: Connector) -> Publisher:
    """The target of a connector."""
    return Publisher(settings, secrets, connector)
