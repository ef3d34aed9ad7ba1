"""A Kafka client outside the cluster: writes numbered records, reads them by a second login, and compares.

    python3 outside_kafka.py flow TOPIC RECORDS   settings of librdkafka as JSON on standard input
    python3 outside_kafka.py refused              why a login fails

Prints lines of JSON.
"""

import json
import sys
import time
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition

PAUSE_SECONDS = 0.01
READ_SECONDS = 180.0
LOGIN_SECONDS = 15.0


def say(**found: Any) -> None:
    print(json.dumps(found), flush=True)


def flow(settings: dict[str, Any], topic: str, records: int) -> None:
    acknowledged: dict[int, tuple[int, int]] = {}
    failed: list[str] = []
    # What is lost on the way is sent again by the client, once: no record is there twice.
    producer = Producer({**settings, "enable.idempotence": True, "delivery.timeout.ms": 120_000})

    def delivered(error: KafkaError | None, message: Message) -> None:
        if error is None:
            acknowledged[int(message.key())] = (message.partition(), message.offset())
        else:
            failed.append(str(error))

    for number in range(records):
        producer.produce(topic, key=str(number), value=f"{number}", on_delivery=delivered)
        producer.poll(PAUSE_SECONDS)
        if number == records // 4:
            say(half="written")
    producer.flush(150)
    consumer = Consumer({**settings, "group.id": "none", "enable.auto.commit": False})
    partitions = consumer.list_topics(topic, timeout=60).topics[topic].partitions
    ends = {each: consumer.get_watermark_offsets(TopicPartition(topic, each), timeout=60)[1] for each in partitions}
    consumer.assign([TopicPartition(topic, each, 0) for each in partitions])
    read: list[tuple[int, int, int]] = []
    until = time.monotonic() + READ_SECONDS
    while len(read) < sum(ends.values()) and time.monotonic() < until:
        message = consumer.poll(1)
        if message is not None and message.error() is None:
            read.append((int(message.key()), message.partition(), message.offset()))
    brokers = {each.id: f"{each.host}:{each.port}" for each in consumer.list_topics(topic, timeout=60).brokers.values()}
    consumer.close()
    places = {number: (partition, offset) for number, partition, offset in read}
    say(
        sent=records,
        acknowledged=len(acknowledged),
        failed=failed[:3],
        read=len(read),
        twice=len(read) - len(places),
        missing=[number for number, place in acknowledged.items() if places.get(number) != place],
        brokers=brokers,
    )


def refused(settings: dict[str, Any]) -> None:
    errors: list[str] = []
    client = Producer({**settings, "error_cb": lambda error: errors.append(str(error))})
    try:
        client.list_topics(timeout=LOGIN_SECONDS)
    except KafkaException:
        client.poll(0)
        say(errors=errors)
    else:
        say(errors=None)


def main() -> None:
    settings = json.loads(sys.stdin.readline())
    if sys.argv[1] == "flow":
        flow(settings, sys.argv[2], int(sys.argv[3]))
    else:
        refused(settings)


if __name__ == "__main__":
    main()
