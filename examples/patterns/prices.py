"""Request and reply, the side that answers: reads questions, and writes each answer to where the question says."""

import json
import re
import sys

from confluent_kafka import Message

from .client import Loop, headers, main, writes

PRICES = {"apple": 0.4, "pear": 0.6}


def answer(loop: Loop, message: Message) -> None:
    """Answers a question; one without a place for the answer is passed over, as nobody waits for it."""
    about = headers(message)
    [replies] = writes()
    place, question = about.get("reply-partition", ""), about.get("correlation-id", "")
    if not question or not re.fullmatch("[0-9]{1,5}", place) or int(place) >= loop.partitions(replies):
        print(f"no answer wanted: {message.topic()}/{message.partition()}/{message.offset()}", file=sys.stderr)
        return
    price = PRICES.get((message.value() or b"").decode(errors="replace"))
    value = json.dumps({"price": price} if price is not None else {"problem": "no such product"})
    loop.write(replies, None, value, partition=int(place), correlation_id=question)


if __name__ == "__main__":
    sys.exit(main(answer))
