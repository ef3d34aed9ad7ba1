"""Kafka to a real MQTT broker, by a connector that is killed while the broker restarts."""

import json
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, Self

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from tests.connector_process import HEADER, Arrived, LocalConnector, eventually, headers_of, make_topics, read, write
from tests.debian import needed
from tests.kafka_process import LocalKafka
from tests.mqtt_process import Broker, connects

RECORDS = 3000
KEYS = 30
BATCH = 100
USERS = {"sink": "pass-of-sink", "reader": "pass-of-reader"}
RIGHTS = ["user sink", "topic write devices/+/in", "user reader", "topic read devices/#"]
SECRETS = {"username": "sink", "password": USERS["sink"]}


class Subscriber:
    """A reader with a persistent session, which connects again by itself."""

    def __init__(self, broker: Broker) -> None:
        self._lock = threading.Lock()
        self._found: list[tuple[str, bytes, bool]] = []
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id="reader", protocol=mqtt.MQTTv5)
        self._client.username_pw_set("reader", USERS["reader"])
        self._client.reconnect_delay_set(1, 1)
        self._client.on_message = self._arrived
        self._client.on_connect = self._connected
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        properties.SessionExpiryInterval = 3600
        how = {"clean_start": False, "properties": properties}
        self.is_subscribed = threading.Event()
        self._client.on_subscribe = lambda *_: self.is_subscribed.set()
        eventually(lambda: connects(self._client, broker.port, **how), "a connection")

    def _connected(self, client: mqtt.Client, *_: Any) -> None:
        client.subscribe("devices/#", qos=1)

    def _arrived(self, _client: mqtt.Client, _data: Any, message: mqtt.MQTTMessage) -> None:
        with self._lock:
            self._found.append((message.topic, bytes(message.payload), message.retain))

    def __enter__(self) -> Self:
        self._client.loop_start()
        assert self.is_subscribed.wait(120)
        return self

    def __exit__(self, *_: object) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    @property
    def found(self) -> list[tuple[str, bytes, bool]]:
        with self._lock:
            return list(self._found)

    @property
    def arrived(self) -> Arrived:
        return Arrived(numbers=[(topic, json.loads(payload)["n"]) for topic, payload, _ in self.found])


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    made = Broker(needed("mosquitto", "mosquitto"), tmp_path / "mosquitto", USERS, RIGHTS)
    made.start()
    yield made
    made.stop()


def file_of(name: str, broker: Broker, **settings: Any) -> dict[str, Any]:
    return {
        "name": name,
        "kind": "mqtt",
        "topics": [name],
        "group": name,
        "deadLetters": f"{name}-dead",
        "batch": {"records": BATCH, "wait": 0.05},
        "settings": {"host": "127.0.0.1", "port": broker.port, "topic": "devices/{key}/in"} | settings,
    }


def record(number: int) -> tuple[str, bytes]:
    return f"k{number % KEYS}", json.dumps({"n": number}).encode()


def _more(reader: Subscriber, than: int) -> bool:
    return len(reader.found) > than


def _told(connector: LocalConnector, text: str) -> bool:
    return text in connector.log


def test_nothing_is_lost_when_it_is_killed_and_the_broker_restarts(
    quick_kafka: LocalKafka, broker: Broker, tmp_path: Path
) -> None:
    make_topics(quick_kafka, "commands", "commands-dead")
    file = file_of("commands", broker)
    with (
        Subscriber(broker) as reader,
        LocalConnector(kafka=quick_kafka, folder=tmp_path, file=file, secrets=SECRETS) as connector,
    ):
        step = RECORDS // 3
        for part in range(2):
            before = len(reader.found)
            write(quick_kafka, "commands", map(record, range(part * step, (part + 1) * step)))
            eventually(partial(_more, reader, before), lambda: connector.log)
            connector.again()
        broker.stop()
        write(quick_kafka, "commands", map(record, range(2 * step, RECORDS)))
        eventually(lambda: "trying again" in connector.log, lambda: connector.log)
        broker.start()
        eventually(
            lambda: len(reader.arrived.distinct) == RECORDS, lambda: f"{len(reader.arrived.distinct)}\n{connector.log}"
        )
        assert reader.arrived.disorder == []
        assert reader.arrived.twice <= 3 * 3 * BATCH
        eventually(lambda: connector.metric("kafka_connector_records_total"), "the metric")
        assert connector.terminate() == 0
    assert read(quick_kafka, "commands-dead") == []


def test_what_the_broker_refuses_goes_to_the_dead_letter_topic(
    quick_kafka: LocalKafka, broker: Broker, tmp_path: Path
) -> None:
    make_topics(quick_kafka, "mixed", "mixed-dead", partitions=1)
    bad = [("a/b", b"0"), (None, b"0"), ("#", b"0")]
    write(quick_kafka, "mixed", [("a", b"1"), bad[0], ("a", b"2"), bad[1], bad[2], ("a", b"3")])
    file = file_of("mixed", broker, retain=True)
    with (
        Subscriber(broker) as reader,
        LocalConnector(kafka=quick_kafka, folder=tmp_path, file=file, secrets=SECRETS) as connector,
    ):
        dead = eventually(lambda: len(found := read(quick_kafka, "mixed-dead")) == 3 and found, lambda: connector.log)
        eventually(lambda: reader.found[-1:] and reader.found[-1][1] == b"3", lambda: str(reader.found))
        assert list(dict.fromkeys(payload for _, payload, _ in reader.found)) == [b"1", b"2", b"3"]
        reasons = {headers_of(each)[f"{HEADER}offset"]: headers_of(each)[f"{HEADER}exception.message"] for each in dead}
        assert reasons == {
            "1": "Not authorized (devices/a/b/in)",
            "3": "it has no key, which says where it goes",
            "4": "'devices/#/in' is not a topic that can be published to",
        }
        eventually(lambda: connector.metric("kafka_connector_dead_letters_total") == 3, "the metric")


def test_a_refused_login_and_a_forbidden_topic_are_told_and_lose_nothing(
    quick_kafka: LocalKafka, broker: Broker, tmp_path: Path
) -> None:
    make_topics(quick_kafka, "shut", "shut-dead", partitions=1)
    write(quick_kafka, "shut", [("a", b"1")])
    for name, secrets, topic, told in (
        ("login", {"username": "sink", "password": "wrong"}, "devices/{key}/in", "Not authorized"),
        # Every record would be refused: that is no record's fault.
        ("right", SECRETS, "others", "Not authorized"),
    ):
        (tmp_path / name).mkdir()
        file = file_of("shut", broker, topic=topic)
        with LocalConnector(kafka=quick_kafka, folder=tmp_path / name, file=file, secrets=secrets) as connector:
            eventually(partial(_told, connector, told), lambda: connector.log)
            assert read(quick_kafka, "shut-dead") == []
