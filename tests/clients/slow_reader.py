"""Reads records one by one, as an application does that works on each, and commits what it has worked on.

    python3 slow_reader.py read TOPICS GROUP MILLISECONDS    until it is told to end; each record takes so long
    python3 slow_reader.py committed TOPICS GROUP            prints how many records the group has committed
    python3 slow_reader.py begun TOPICS GROUP                prints in how many partitions it has committed any

Topics are named with commas between them.

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


def read(topics: list[str], group: str, milliseconds: int) -> None:
    ended: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _: ended.append(number))
    client = consumer(group)
    client.subscribe(topics)
    while not ended:
        message = client.poll(0.5)
        if message is not None and message.error() is None:
            time.sleep(milliseconds / 1000)
            # Refused while the group shares out its partitions: whoever has this one then reads the record again.
            with contextlib.suppress(KafkaException):
                client.commit(message, asynchronous=False)
    client.close()


def committed(topics: list[str], group: str) -> list[int]:
    """The offsets, of every partition of which something was committed."""
    client = consumer(group)
    places = [
        TopicPartition(topic, each)
        for topic in topics
        for each in client.list_topics(topic, timeout=30).topics[topic].partitions
    ]
    return [each.offset for each in client.committed(places, timeout=30) if each.offset > 0]


if __name__ == "__main__":
    names = sys.argv[2].split(",")
    if sys.argv[1] == "read":
        read(names, sys.argv[3], int(sys.argv[4]))
    elif sys.argv[1] == "committed":
        print(sum(committed(names, sys.argv[3])))
    else:
        print(len(committed(names, sys.argv[3])))
