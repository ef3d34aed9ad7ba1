from collections.abc import Callable, Sequence
from typing import Any

from confluent_kafka import Message

def array(messages: Sequence[Message], positions: dict[int, int]) -> bytes | None:
    """The records as a JSON array, as render.py makes it; moves the positions behind them.

    Args:
        messages: Kafka's own messages, without errors.
        positions: of a stream; left alone if the answer is None.

    Returns:
        None if there is one that is not of the usual case: it has headers, or a key or value that is no JSON in ASCII on
        one line as far as is understood here.
    """

def events(
    messages: Sequence[Message],
    positions: dict[int, int],
    around: Callable[[dict[int, int], int], tuple[bytes, bytes]],
) -> bytes | None:
    """As `array`, an event for each record.

    Args:
        messages: Kafka's own messages, without errors.
        positions: of a stream; left alone if the answer is None.
        around: returns what stands before and behind the record's own position in an event of this partition while the
            other partitions stand at these positions.
    """

def suspicious(text: Any, deepest: int, /) -> bool:
    """Whether a JSON document may be nested deeper than this, or have a number that is too long, as jsontext.py sees it."""
