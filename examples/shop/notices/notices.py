"""Notices: reads changes of the table `orders` and writes a notice for each new order from AT_LEAST on, under the order's key.

A change is committed once its notice is acknowledged, so no notice is lost; after a crash one may come twice, with the same `order`.
"""

import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

from confluent_kafka import Consumer, KafkaException, Message, Producer

ACKNOWLEDGE_SECONDS = 20.0
MOST_AT_ONCE = 500


def settings(role: str) -> dict[str, str]:
    """Settings of librdkafka that the platform mounts: how to connect and log in, then those of the role."""
    files = [os.environ[name] for name in ("KAFKA_LIBRDKAFKA_CONFIG", f"KAFKA_LIBRDKAFKA_{role}_CONFIG")]
    lines = [line.strip() for file in files for line in Path(file).read_text().splitlines()]
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def notice(value: bytes | None, least: float) -> dict[str, Any] | None:
    """What to say of a change by Debezium; None if it is no new order of that amount."""
    change: dict[str, Any] = json.loads(value)["payload"] if value else {}
    row = change.get("after")
    if change.get("op") != "c" or row is None or row["amount"] < least:
        return None
    return {"order": row["id"], "customer": row["customer"], "amount": row["amount"]}


class Notices:
    """Reads, writes, commits."""

    def __init__(self) -> None:
        self.stop = False
        self._least = float(os.environ.get("AT_LEAST", "100"))
        self._topic = os.environ["KAFKA_WRITE_TOPICS"]
        self._consumer = Consumer(settings("CONSUMER"))
        self._producer = Producer(settings("PRODUCER"))
        self._refused: Any = None

    def run(self) -> None:
        """Works until it is stopped."""
        self._consumer.subscribe([os.environ["KAFKA_READ_TOPICS"]])
        try:
            while not self.stop:
                messages = self._consumer.consume(MOST_AT_ONCE, 1.0)
                for message in messages:
                    self._work(message)
                if messages:
                    self._commit()
        finally:
            self._consumer.close()

    def _work(self, message: Message) -> None:
        error = message.error()
        if error is not None:
            if error.retriable():
                return
            raise KafkaException(error)
        found = notice(message.value(), self._least)
        if found is not None:
            text = json.dumps(found)
            self._producer.produce(self._topic, key=message.key(), value=text, on_delivery=self._delivered)
            print(text)

    def _commit(self) -> None:
        waiting = self._producer.flush(ACKNOWLEDGE_SECONDS)
        if self._refused is not None or waiting:
            raise SystemExit(f"notices are not acknowledged: {self._refused or 'no answer in time'}")
        self._consumer.commit(asynchronous=False)

    def _delivered(self, error: Any, _: Message) -> None:
        self._refused = error or self._refused


if __name__ == "__main__":
    notices = Notices()
    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, lambda *_: setattr(notices, "stop", True))
    notices.run()
    sys.exit(0)
