"""A participant of the saga: does what it is told by the commands for it, and says how that went.

python3 -m patterns.participant stock
"""

import json
import sys
from typing import Any

from confluent_kafka import Message

from .client import Loop, main, writes

MOST_PIECES = 10
MOST_EUROS = 100


def refusal(action: str, order: dict[str, Any]) -> str | None:
    """Why an action cannot be done; None once it is."""
    if action == "reserve" and order["pieces"] > MOST_PIECES:
        return f"only {MOST_PIECES} pieces are left"
    if action == "charge" and order["euros"] > MOST_EUROS:
        return f"more than {MOST_EUROS} euros"
    return None


def obey(loop: Loop, message: Message) -> None:
    """Does a command, if it is for this participant."""
    command: dict[str, Any] = json.loads(message.value() or b"{}")
    if command["participant"] != sys.argv[1]:
        return
    reason = refusal(command["action"], command["order"])
    result = command | {"ok": reason is None, "because": command["because"] or reason}
    [results] = writes()
    loop.write(results, message.key(), json.dumps(result))


if __name__ == "__main__":
    sys.exit(main(obey))
