"""Reads the three topics of the sensor stream from their beginning and compares them; prints one line of JSON.

    python3 sensors.py READINGS ALERTS MINUTES LEAST MOST

Runs in a pod with the credentials of a user in /etc/kafka-client.
"""

import json
import sys
import time
from collections import Counter
from pathlib import Path

from confluent_kafka import Consumer, TopicPartition

CREDENTIALS = Path("/etc/kafka-client")


def read(topic: str) -> list:
    names = {
        "bootstrap.servers": "bootstrap-servers",
        "security.protocol": "security-protocol",
        "sasl.mechanism": "sasl-mechanism",
        "sasl.username": "username",
        "sasl.password": "password",
    }
    settings = {key: (CREDENTIALS / name).read_text().strip() for key, name in names.items()}
    consumer = Consumer({**settings, "group.id": "operator", "enable.auto.commit": False})
    partitions = [TopicPartition(topic, each, 0) for each in consumer.list_topics(topic, 30).topics[topic].partitions]
    ends = {each.partition: consumer.get_watermark_offsets(each, 30)[1] for each in partitions}
    consumer.assign([each for each in partitions if ends[each.partition]])
    found = []
    until = time.monotonic() + 60
    while len(found) < sum(ends.values()):
        messages = consumer.consume(10_000, 0.5)
        if time.monotonic() > until:
            raise SystemExit(f"{topic}: {len(found)} of {sum(ends.values())} records come")
        found += [each for each in messages if each.offset() < ends[each.partition()]]
    consumer.close()
    return found


def main(readings_topic: str, alerts_topic: str, minutes_topic: str, least: float, most: float) -> None:
    # What is derived first: every one of it then has its reading among those that are read.
    minutes, alerts, readings = read(minutes_topic), read(alerts_topic), read(readings_topic)
    out_of_order = 0
    last: dict = {}
    wanted = set()
    for each in readings:
        value = json.loads(each.value())
        run = each.key(), value.get("boot")
        out_of_order += value["number"] != last.get(run, 0) + 1
        last[run] = value["number"]
        if not least <= value["celsius"] <= most:
            wanted.add(f"{readings_topic}/{each.partition()}/{each.offset()}")
    said = Counter(json.loads(each.value())["reading"] for each in alerts)
    counted: dict = {}
    for each in minutes:
        value = json.loads(each.value())
        counted[each.key(), each.partition(), value["start"], value["first"]] = value["count"]
    places = {each.key(): each.partition() for each in readings}
    print(
        json.dumps(
            {
                "readings": len(readings),
                "devices": len(places),
                "out_of_order": out_of_order,
                "alerts": len(said),
                "alerts_missing": len(wanted - set(said)),
                "alerts_invented": len(set(said) - wanted),
                "alerts_twice": sum(said.values()) - len(said),
                "in_minutes": sum(counted.values()),
                "minutes_twice": len(minutes) - len(counted),
                "elsewhere": sum(places.get(each.key()) != each.partition() for each in [*alerts, *minutes]),
            }
        )
    )


if __name__ == "__main__":
    main(*sys.argv[1:4], *map(float, sys.argv[4:6]))
