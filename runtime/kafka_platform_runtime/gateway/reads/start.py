"""Where a read starts."""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from http import HTTPStatus

from kafka_platform_runtime.gateway import errors
from kafka_platform_runtime.gateway.cursor import Positions, parse
from kafka_platform_runtime.gateway.errors import GatewayError, malformed
from kafka_platform_runtime.gateway.reads.readers import Reader


class Start:
    """Where a read starts, and what is gone before that."""

    __slots__ = ("gaps", "positions")

    def __init__(self, positions: Positions, gaps: list[dict[str, int]]) -> None:
        self.positions = positions
        self.gaps = gaps


async def begin(
    reader: Reader, topic: str, partitions: Sequence[int], start: str, *, only: frozenset[int] | None = None
) -> Start:
    """The positions that `from` or an event's id stands for; `only` are the wanted partitions."""
    wanted = [number for number in partitions if only is None or number in only]
    if re.fullmatch(r"[0-9]+:.*", start) and "T" not in start:
        cursor = parse(start)
        for partition in cursor:
            if partition not in partitions:
                raise errors.no_partition(topic, partition)
        bounds = await reader.bounds(topic, wanted)
        named = {partition: offset for partition, offset in cursor.items() if partition in bounds}
        positions = _checked(topic, named, bounds)
        gaps = []
        for partition, offset in positions.items():
            low = bounds[partition][0]
            if offset < low:
                gaps.append({"partition": partition, "from": offset, "to": low})
                positions[partition] = low
        return Start(positions, gaps)
    if start in {"earliest", "latest"}:
        side = 0 if start == "earliest" else 1
        bounds = await reader.bounds(topic, wanted)
        return Start({partition: each[side] for partition, each in bounds.items()}, [])
    return Start(await reader.at(topic, wanted, _milliseconds(start)), [])


def _milliseconds(text: str) -> int:
    """A time: milliseconds since 1970, or ISO 8601 (without an offset: UTC)."""
    if text.isascii() and text.isdigit() and len(text) < 17:
        return int(text)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise malformed(
            f"from={text[:50]}: use earliest, latest, a cursor such as 0:5,1:9, milliseconds since 1970 or an ISO 8601 time."
        ) from None
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)


def _checked(topic: str, positions: Positions, bounds: Mapping[int, tuple[int, int]]) -> Positions:
    """The positions, plus the beginning of partitions that they do not name.

    Raises:
        GatewayError: a partition does not exist or ends before the position.
    """
    for partition, offset in positions.items():
        if partition not in bounds:
            raise errors.no_partition(topic, partition)
        if offset > bounds[partition][1]:
            raise out_of_range(topic, partition, offset, bounds[partition])
    return {partition: positions.get(partition, low) for partition, (low, _) in bounds.items()}


def out_of_range(topic: str, partition: int, offset: int, bounds: tuple[int, int]) -> GatewayError:
    """No record has this offset, and the next one will not either."""
    return GatewayError(
        HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE,
        41601,
        f"Offset {offset} is out of range: partition {partition} of topic {topic} has {bounds[0]} to {bounds[1]}.",
    )
