"""Writes records that are small on the wire and huge when unpacked, as the user in /etc/kafka-client.

python3 bomb.py TOPIC PARTITION MEGABYTES CODEC     prints {"offset": ...} or {"error": ...}
"""

import json
import sys
from pathlib import Path

from confluent_kafka import KafkaException, Producer

CREDENTIALS = Path("/etc/kafka-client")


def main() -> None:
    topic, partition, megabytes, codec = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]

    def read(name: str) -> str:
        return (CREDENTIALS / name).read_text().strip()

    size = megabytes * 2**20
    producer = Producer(
        {
            "bootstrap.servers": read("bootstrap-servers"),
            "security.protocol": read("security-protocol"),
            "sasl.mechanism": read("sasl-mechanism"),
            "sasl.username": read("username"),
            "sasl.password": read("password"),
            "compression.type": codec,
            "message.max.bytes": min(1_000_000_000, size + 100_000),
            "queue.buffering.max.kbytes": 2_000_000,
            "message.timeout.ms": 60_000,
        }
    )
    said: list[dict] = []

    def delivered(error: object, message: object) -> None:
        said.append({"error": error.name()} if error is not None else {"offset": message.offset()})

    try:
        producer.produce(topic, bytes(size), partition=partition, on_delivery=delivered)
        producer.flush(70)
    except KafkaException as failure:
        said.append({"error": failure.args[0].name()})
    print(json.dumps(said[0] if said else {"error": "no answer"}))


if __name__ == "__main__":
    main()
