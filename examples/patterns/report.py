"""A batch: counts the labels that have come since the last run, writes one line, and ends. `jobs:` runs it by a cron line."""

import json
import sys
import time
from collections import Counter

from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition

from .client import ACKNOWLEDGE_SECONDS, options, reads, writes


def main() -> int:
    """Reads up to what is there now. What came while it ran is the next run's."""
    [labels], [reports] = reads(), writes()
    consumer, producer = Consumer(options("CONSUMER")), Producer(options("PRODUCER"))
    known = consumer.list_topics(labels, timeout=ACKNOWLEDGE_SECONDS).topics[labels].partitions
    committed = consumer.committed([TopicPartition(labels, each) for each in known], timeout=ACKNOWLEDGE_SECONDS)
    left: dict[int, int] = {}
    begin: list[TopicPartition] = []
    for place in committed:
        first, end = consumer.get_watermark_offsets(place, timeout=ACKNOWLEDGE_SECONDS)
        begin.append(TopicPartition(labels, place.partition, max(first, place.offset)))
        if begin[-1].offset < end:
            left[place.partition] = end
    ends = [TopicPartition(labels, partition, end) for partition, end in left.items()]
    consumer.assign(begin)
    found: Counter[str] = Counter()
    until = time.monotonic() + ACKNOWLEDGE_SECONDS
    while left:
        message = consumer.poll(0.5)
        if message is None:
            if time.monotonic() > until:
                raise TimeoutError(f"nothing comes from partitions {sorted(left)}")
            continue
        if (error := message.error()) is not None:
            raise KafkaException(error)
        until = time.monotonic() + ACKNOWLEDGE_SECONDS
        partition, offset = int(message.partition() or 0), int(message.offset() or 0)
        found["problems" if "problem" in json.loads(message.value() or b"{}") else "labels"] += 1
        if offset + 1 >= left[partition]:
            del left[partition]
    producer.produce(reports, json.dumps(found))
    if producer.flush(ACKNOWLEDGE_SECONDS):
        raise TimeoutError("the report is not acknowledged")
    if ends:
        consumer.commit(offsets=ends, asynchronous=False)
    consumer.close()
    print(json.dumps(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
