"""Writes fifty records a second to a topic, and reads twenty of them in a group, so that the group has a lag.

    python3 flow.py TOPIC GROUP     until it is killed

Runs in a pod with the credentials of a user in /etc/kafka-client, beside ledger.py.
"""

import sys
import time

from confluent_kafka import Consumer, Producer
from ledger import connection

WRITTEN, READ = 50, 20
"""Records a second."""


def main() -> None:
    topic, group = sys.argv[1:]
    producer = Producer(connection())
    consumer = Consumer(connection() | {"group.id": group, "auto.offset.reset": "earliest"})
    consumer.subscribe([topic])
    while True:
        for number in range(WRITTEN):
            producer.produce(topic, b"." * 500, key=str(number))
        producer.flush(10)
        for _ in range(READ):
            consumer.poll(0.01)
        time.sleep(1)


if __name__ == "__main__":
    main()
