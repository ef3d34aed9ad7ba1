"""Reads records one by one, as an application does that works on each, and commits what it has worked on.

    python3 slow_reader.py read TOPIC GROUP MILLISECONDS     until it is told to end; each record takes so long
    python3 slow_reader.py committed TOPIC GROUP             prints how many records the group has committed

Runs in a pod with the credentials of a user in /etc/kafka-client.
"""

import contextlib
import signal
import sys
import time
from pathlib import Path

from confluent_kafka import Consumer, KafkaException, TopicPartition

CREDENTIALS = Path("/etc/kafka-client")


def consumer(group: str) -> Consumer:
    def read(name: str) -> str:
        return (CREDENTIALS / name).read_text().strip()

    return Consumer(
        {
            "bootstrap.servers": read("bootstrap-servers"),
            "security.protocol": read("security-protocol"),
            "sasl.mechanism": read("sasl-mechanism"),
            "sasl.username": read("username"),
            "sasl.password": read("password"),
            "group.id": group,
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
            "partition.assignment.strategy": "cooperative-sticky",
        }
    )


def read(topic: str, group: str, milliseconds: int) -> None:
    ended: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _: ended.append(number))
    client = consumer(group)
    client.subscribe([topic])
    while not ended:
        message = client.poll(0.5)
        if message is not None and message.error() is None:
            time.sleep(milliseconds / 1000)
            # Refused while the group shares out its partitions: whoever has this one then reads the record again.
            with contextlib.suppress(KafkaException):
                client.commit(message, asynchronous=False)
    client.close()


def committed(topic: str, group: str) -> None:
    client = consumer(group)
    partitions = client.list_topics(topic, timeout=30).topics[topic].partitions
    found = client.committed([TopicPartition(topic, each) for each in partitions], timeout=30)
    print(sum(max(each.offset, 0) for each in found))


if __name__ == "__main__":
    if sys.argv[1] == "read":
        read(sys.argv[2], sys.argv[3], int(sys.argv[4]))
    else:
        committed(sys.argv[2], sys.argv[3])
