"""A work queue by a share group (Kafka 4): more workers than partitions, each picture to one of them.

Every picture is accepted, released for another try, or rejected for good; Kafka gives one that a dead worker had to
another once its lock ends (30 s), and gives up after five deliveries. There is no order.
"""

import json
import signal
import sys
import time

from confluent_kafka import AcknowledgeType, KafkaException, Message, Producer, ShareConsumer

from .client import options, reads, variable, writes

AT_A_TIME = 5
"""Pictures that a worker takes at a time. With the default of 500 the first one would take all there are."""


def work(message: Message, producer: Producer, topic: str) -> AcknowledgeType:
    """Makes a thumbnail, which takes `ms` milliseconds."""
    try:
        picture = json.loads(message.value() or b"")
        name, duration = str(picture["name"]), float(picture["ms"])
    except (ValueError, TypeError, KeyError):
        return AcknowledgeType.REJECT
    time.sleep(duration / 1000)
    producer.produce(topic, json.dumps({"name": name, "by": variable("HOSTNAME")}))
    # It is accepted once its result is safe: a worker that dies before makes it again.
    return AcknowledgeType.RELEASE if producer.flush(10) else AcknowledgeType.ACCEPT


def main() -> int:
    """Works until SIGTERM."""
    stopped: list[int] = []
    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, lambda number, _: stopped.append(number))
    [thumbnails] = writes()
    producer = Producer(options("PRODUCER"))
    # A consumer's other settings are of groups that share out partitions.
    shared = options() | {"group.id": variable("KAFKA_GROUP_ID"), "share.acknowledgement.mode": "explicit"}
    shared["max.poll.records"] = str(AT_A_TIME)
    with ShareConsumer(shared) as consumer:
        consumer.subscribe(reads())
        while not stopped:
            for message in consumer.poll(0.5):
                if (error := message.error()) is not None:
                    raise KafkaException(error)
                consumer.acknowledge(message, work(message, producer, thumbnails))
            consumer.commit_sync()
    return 0


if __name__ == "__main__":
    sys.exit(main())
