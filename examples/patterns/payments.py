"""Retries and dead letters: a payment that fails for now is tried again later, and one that always will is set aside.

The payments behind it do not wait. A retry goes to a topic of its own with the time before which nobody tries it;
because all of them wait equally long, the first of a partition is always the first to be due.
"""

import json
import sys
import time

from confluent_kafka import Message

from .client import Loop, headers, main, writes

WAIT_SECONDS = 5.0
MOST_ATTEMPTS = 4


class UnavailableError(Exception):
    """Trying again may help."""


def pay(payment: dict[str, object], attempt: int) -> None:
    """Stands for the call of a bank: `unavailable` is for how many attempts it cannot be reached.

    Raises:
        UnavailableError: the bank cannot be reached.
        ValueError: it never will take this payment.
    """
    unavailable, euros = payment.get("unavailable", 0), payment.get("euros")
    if isinstance(unavailable, int) and attempt <= unavailable:
        raise UnavailableError("the bank cannot be reached")
    if not isinstance(euros, int | float) or euros <= 0:
        raise ValueError(f"euros: {euros!r}: use a number above 0")


def handle(loop: Loop, message: Message) -> float | None:
    """Pays, or says when to look at this retry again."""
    retries, dead, paid = writes()
    about = headers(message) if message.topic() == retries else {}
    # Nobody but this program writes retries; it looks at no other record's headers.
    attempt, not_before = int(about.get("attempt", 1)), float(about.get("not-before", 0))
    if not_before > time.time():
        return not_before
    value = (message.value() or b"").decode(errors="replace")
    origin = about.get("origin", f"{message.topic()}/{message.partition()}/{message.offset()}")
    try:
        payment = json.loads(value)
        if not isinstance(payment, dict):
            raise ValueError("this is no JSON object")
        pay(payment, attempt)
    except UnavailableError as error:
        if attempt < MOST_ATTEMPTS:
            due = str(time.time() + WAIT_SECONDS)
            loop.write(retries, message.key(), value, attempt=str(attempt + 1), not_before=due, origin=origin)
        else:
            loop.write(dead, message.key(), value, reason=f"{error}, {attempt} times", origin=origin)
    except ValueError as error:
        loop.write(dead, message.key(), value, reason=str(error), origin=origin)
    else:
        loop.write(paid, message.key(), value, attempt=str(attempt), origin=origin)
    return None


if __name__ == "__main__":
    sys.exit(main(handle))
