"""Writes ten JSON records a second to a topic, one of a hundred of which a web service refuses.

    python3 parcels.py TOPIC     until it is killed

Runs in a pod with the credentials of a user in /etc/kafka-client, beside ledger.py.
"""

import json
import sys
import time

from confluent_kafka import Producer
from ledger import connection

WRITTEN, BAD = 10, 100


def main() -> None:
    producer = Producer(connection())
    number = 0
    while True:
        for _ in range(WRITTEN):
            number += 1
            producer.produce(sys.argv[1], json.dumps({"bad" if number % BAD == 0 else "n": number}))
        producer.flush(10)
        time.sleep(1)


if __name__ == "__main__":
    main()
