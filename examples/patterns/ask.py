"""Request and reply, the side that asks: writes questions, and waits for each answer for a limited time.

    python3 -m patterns.ask apple pear nothing

Every process reads one partition of the topic of answers, from now on, without a group: any number of them share it.
"""

import json
import os
import secrets
import sys
import time
import uuid
from collections.abc import Sequence
from typing import Any

from confluent_kafka import Consumer, Producer, TopicPartition

from .client import headers, options, reads, writes

ANSWER_SECONDS = float(os.environ.get("ANSWER_SECONDS", "10"))


class Asker:
    """Asks. Not to be used by two threads at a time."""

    def __init__(self) -> None:
        [self._questions], [self._replies] = writes(), reads()
        self._producer = Producer(options("PRODUCER"))
        # Consumers without a group have one by name all the same; nothing is committed.
        self._consumer = Consumer(options("CONSUMER") | {"enable.auto.commit": "false"})
        known = self._consumer.list_topics(self._replies, timeout=ANSWER_SECONDS).topics[self._replies].partitions
        self._partition = secrets.choice(sorted(known))
        _, end = self._consumer.get_watermark_offsets(TopicPartition(self._replies, self._partition), ANSWER_SECONDS)
        self._consumer.assign([TopicPartition(self._replies, self._partition, end)])

    def ask(self, questions: Sequence[str], seconds: float = ANSWER_SECONDS) -> list[Any]:
        """The answers, in the order of the questions; None where none has come in time.

        An answer that comes later, or twice, is passed over: nobody waits for its number any more.
        """
        waiting: dict[str, int] = {}
        answers: list[Any] = [None] * len(questions)
        for index, question in enumerate(questions):
            number = uuid.uuid4().hex
            waiting[number] = index
            about = {"correlation-id": number.encode(), "reply-partition": str(self._partition).encode()}
            self._producer.produce(self._questions, question, headers=list(about.items()))
        until = time.monotonic() + seconds
        self._producer.flush(seconds)
        while waiting and (left := until - time.monotonic()) > 0:
            message = self._consumer.poll(left)
            if message is None or message.error() is not None:
                continue
            index_of = waiting.pop(headers(message).get("correlation-id", ""), None)
            if index_of is not None:
                answers[index_of] = json.loads(message.value() or b"null")
        return answers

    def close(self) -> None:
        """Closes the connections."""
        self._consumer.close()


if __name__ == "__main__":
    asker = Asker()
    for product, answer in zip(sys.argv[1:], asker.ask(sys.argv[1:]), strict=True):
        print(product, json.dumps(answer))
    asker.close()
