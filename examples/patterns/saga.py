"""A saga, orchestrated: an order reserves stock, then pays; if it cannot pay, the stock is released.

This program decides, and `patterns.participant stock` and `patterns.participant payment` do. What has happened so far travels in the
records, so nobody keeps state. All three work in transactions: whatever dies, each step is done once.
"""

import json
import sys
from typing import Any

from confluent_kafka import Message

from .client import Loop, main, reads, writes

AFTER = {
    ("stock", "reserve", True): ("payment", "charge"),
    ("payment", "charge", False): ("stock", "release"),
}
"""What follows the result of a participant's action; after anything else the order is done."""


def order(value: bytes | None) -> dict[str, Any]:
    """An order, as its customer wrote it. Raises `ValueError` if it is none."""
    found = json.loads(value or b"")
    if not isinstance(found, dict) or not all(isinstance(found.get(each), int) for each in ("pieces", "euros")):
        raise ValueError("an order has whole numbers of pieces and euros")
    return found


def decide(loop: Loop, message: Message) -> None:
    """Gives the next command, or says how the order ended."""
    orders, _ = reads()
    commands, done = writes()
    if message.topic() == orders:
        step: tuple[str, str] | None = ("stock", "reserve")
        try:
            record = {"order": order(message.value())}
        except ValueError as error:
            loop.write(done, message.key(), json.dumps({"state": "refused", "because": str(error)}))
            return
    else:
        record = json.loads(message.value() or b"{}")
        step = AFTER.get((record["participant"], record["action"], record["ok"]))
    because = record.get("because")
    if step is not None:
        participant, action = step
        command = {"order": record["order"], "participant": participant, "action": action, "because": because}
        loop.write(commands, message.key(), json.dumps(command))
        return
    outcome = {"order": record["order"], "state": "cancelled" if because else "confirmed", "because": because}
    loop.write(done, message.key(), json.dumps(outcome))


if __name__ == "__main__":
    sys.exit(main(decide))
