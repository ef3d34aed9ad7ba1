"""A real MQTT broker to Kafka, by a connector that is killed while the broker and Kafka restart."""

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from tests.connector_process import (
    Arrived,
    LocalConnector,
    eventually,
    headers_of,
    make_topics,
    read,
)
from tests.debian import needed
from tests.kafka_process import LocalKafka
from tests.mqtt_process import Broker, connects

MESSAGES = 3000
TOPICS = 5


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    made = Broker(needed("mosquitto", "mosquitto"), tmp_path / "mosquitto")
    made.start()
    yield made
    made.stop()


def publish(broker: Broker, numbers: range) -> None:
    """Messages, each confirmed by the broker."""
    client = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
    eventually(lambda: connects(client, broker.port), "a connection")
    client.loop_start()
    sent = [client.publish(f"plants/{n % TOPICS}", json.dumps({"n": n}), qos=1) for n in numbers]
    for each in sent:
        each.wait_for_publish(30)
    client.disconnect()
    client.loop_stop()


def arrived(kafka: LocalKafka, topic: str) -> Arrived:
    found = [(headers_of(each)["mqtt.topic"], json.loads(each.value() or b"")["n"]) for each in read(kafka, topic)]
    return Arrived(numbers=found)


def test_nothing_is_lost_when_it_is_killed_and_both_sides_restart(
    quick_kafka: LocalKafka,
    broker: Broker,
    tmp_path: Path,
) -> None:
    make_topics(quick_kafka, "plants", "plants-dead")
    file = {
        "name": "plants",
        "kind": "mqtt-source",
        "topics": ["plants"],
        "group": "plants",
        "inFlight": 100,
        "settings": {"host": "127.0.0.1", "port": broker.port, "topics": ["plants/+"]},
    }
    with LocalConnector(kafka=quick_kafka, folder=tmp_path, file=file) as connector:
        connector.wait_ready()
        step = MESSAGES // 6
        publish(broker, range(step))
        for part in range(1, 4):
            publish(broker, range(part * step, (part + 1) * step))
            connector.again()
        connector.wait_ready()
        broker.stop()
        time.sleep(0.5)
        broker.start()
        publish(broker, range(4 * step, 5 * step))
        quick_kafka.stop_node(0)
        publish(broker, range(5 * step, MESSAGES))
        connector.kill()
        quick_kafka.start_node(0)
        quick_kafka.wait_until_registered(1)
        connector.start()
        done = eventually(
            lambda: len((found := arrived(quick_kafka, "plants")).distinct) >= MESSAGES and found,
            lambda: f"all: {len(arrived(quick_kafka, 'plants').distinct)}\n{connector.log}",
        )
        assert done.distinct == set(range(MESSAGES))
        assert done.disorder == []
        # Six times a client or its session ended, more often if Kafka takes long to return.
        assert done.twice <= 20 * 100
        eventually(lambda: connector.metric("kafka_connector_records_total"), "the metric")
        assert connector.terminate() == 0


def test_a_message_that_kafka_refuses_goes_to_the_dead_letter_topic(
    quick_kafka: LocalKafka,
    broker: Broker,
    tmp_path: Path,
) -> None:
    make_topics(quick_kafka, "small", partitions=1, max_message_bytes="2000")
    make_topics(quick_kafka, "small-dead", partitions=1)
    file = {
        "name": "small",
        "kind": "mqtt-source",
        "topics": ["small"],
        "group": "small",
        "deadLetters": "small-dead",
        "settings": {"host": "127.0.0.1", "port": broker.port, "topics": ["#"]},
    }
    with LocalConnector(kafka=quick_kafka, folder=tmp_path, file=file) as connector:
        connector.wait_ready()
        client = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
        client.connect("127.0.0.1", broker.port)
        client.loop_start()
        for payload in ("1", os.urandom(5000).hex(), "3"):
            client.publish("any", payload, qos=1).wait_for_publish(10)
        client.disconnect()
        client.loop_stop()
        eventually(lambda: len(read(quick_kafka, "small")) == 2, lambda: connector.log)
        (dead,) = eventually(lambda: read(quick_kafka, "small-dead"), "a dead letter")
        assert len(dead.value() or b"") == 10_000
        assert headers_of(dead)["__connect.errors.topic"] == "small"
        eventually(lambda: connector.metric("kafka_connector_dead_letters_total") == 1, "the metric")
