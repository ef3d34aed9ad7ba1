"""State carried by events: writes a label for each parcel, with the address that its customer has by then.

No database is asked. The customers are a compacted topic; every pod reads all of it before it begins, and goes on
reading it. A parcel whose customer is not known (yet) gets a label that says so.
"""

import json
import sys
import time
from typing import Any

from confluent_kafka import Consumer, KafkaException, Message, TopicPartition

from .client import ACKNOWLEDGE_SECONDS, Loop, main, options, variable, writes


class Table:
    """The newest value of each key of a compacted topic.

    Args:
        topic: its name.
    """

    def __init__(self, topic: str) -> None:
        self._rows: dict[bytes, Any] = {}
        # It is assigned, not shared out in the group, so that each pod has all of it.
        self._consumer = Consumer(options("CONSUMER") | {"enable.auto.commit": "false"})
        partitions = self._consumer.list_topics(topic, timeout=ACKNOWLEDGE_SECONDS).topics[topic].partitions
        places = [TopicPartition(topic, each, 0) for each in partitions]
        self._ends = [
            (each, self._consumer.get_watermark_offsets(each, timeout=ACKNOWLEDGE_SECONDS)[1]) for each in places
        ]
        self._consumer.assign(places)

    def load(self) -> None:
        """Returns when all has been read that was there at the start. Raises `TimeoutError` if that hangs."""
        until = time.monotonic() + ACKNOWLEDGE_SECONDS
        while not self._is_loaded():
            if self._read(0.1):
                until = time.monotonic() + ACKNOWLEDGE_SECONDS
            if time.monotonic() > until:
                raise TimeoutError("the table is not read: no record has come")

    def get(self, key: bytes | None) -> Any:
        """The newest value; None if there is none."""
        while self._read(0):
            pass
        return self._rows.get(key or b"")

    def _is_loaded(self) -> bool:
        positions = self._consumer.position([place for place, _ in self._ends])
        return all(at.offset >= end for at, (_, end) in zip(positions, self._ends, strict=True) if end > 0)

    def _read(self, seconds: float) -> bool:
        message = self._consumer.poll(seconds)
        if message is None:
            return False
        if (error := message.error()) is not None:
            if not error.retriable():
                raise KafkaException(error)
            return False
        key = message.key() or b""
        try:
            self._rows[key] = json.loads(message.value() or b"")
        except ValueError:  # deleted, or not to be read
            self._rows.pop(key, None)
        return True


if __name__ == "__main__":
    # The group reads the parcels alone: KAFKA_READ_TOPICS names them, CUSTOMERS the table.
    customers = Table(variable("CUSTOMERS"))
    customers.load()

    def label(loop: Loop, message: Message) -> None:
        """Writes a parcel's label."""
        address = customers.get(message.key())
        [labels] = writes()
        number = (message.value() or b"").decode(errors="replace")
        content = {"parcel": number, "address": address} if address else {"parcel": number, "problem": "no address"}
        loop.write(labels, message.key(), json.dumps(content))

    sys.exit(main(label))
