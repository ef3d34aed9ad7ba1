"""The position of a reader in a topic, and the text with which readers return to it."""

from collections.abc import Mapping

from kafka_platform_runtime.gateway.errors import malformed

Positions = dict[int, int]
"""For each partition the offset of the next record."""


def text_of(positions: Mapping[int, int]) -> str:
    """The cursor: `partition:offset` of the next record for each partition, such as `0:5,1:9`."""
    return ",".join(f"{partition}:{offset}" for partition, offset in sorted(positions.items()))


def parse(cursor: str) -> Positions:
    """Read a cursor.

    Raises:
        GatewayError: it is not a cursor.
    """
    positions: Positions = {}
    for part in cursor.split(","):
        partition, colon, offset = part.partition(":")
        if not (colon and _is_number(partition) and _is_number(offset)) or int(partition) in positions:
            raise malformed(
                f"{cursor[:50]!r} is not a cursor: write partition:offset for each partition, such as 0:5,1:9."
            )
        positions[int(partition)] = int(offset)
    return positions


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 19
