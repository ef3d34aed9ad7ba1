"""Finite reads: records from a starting point, as many as requested."""

from typing import NamedTuple

from kafka_platform_runtime.gateway import errors
from kafka_platform_runtime.gateway.budget import Budget
from kafka_platform_runtime.gateway.clock import now
from kafka_platform_runtime.gateway.cursor import Positions
from kafka_platform_runtime.gateway.http import Request
from kafka_platform_runtime.gateway.polling import Message, judge
from kafka_platform_runtime.gateway.reads.feeds import RECORD_OVERHEAD
from kafka_platform_runtime.gateway.reads.readers import Reader
from kafka_platform_runtime.gateway.rights import Right

SLICE_SECONDS = 0.25
"""How long a read holds its thread at a time, so that a caller who left is noticed."""
ANSWER_SECONDS = 10.0
"""How long Kafka may take to report what there is."""


class Bounds(NamedTuple):
    """The bounds of a read."""

    seconds: float
    """How long it waits for records."""
    records: int
    size: int
    """Bytes of keys and values; one record may be larger."""


async def collect(
    request: Request, reader: Reader, topic: str, positions: Positions, bounds: Bounds, budget: Budget
) -> list[Message]:
    """Records from the positions on, which move along: what is there, or what arrives in time; at least one.

    Raises:
        GatewayError: Kafka denies it, or does not report in time what there is; the gateway holds too much.
    """
    await reader.assign(topic, dict(positions))
    until = now() + bounds.seconds
    collected: list[Message] = []
    size = 0
    ended: set[int] = set()
    while len(collected) < bounds.records:
        late = now() >= until
        if late and collected:
            break
        if len(ended) == len(positions) and (late or collected):
            break
        if now() >= until + ANSWER_SECONDS:
            raise errors.timed_out(f"Topic {topic}: Kafka did not answer in time.")
        taken = await reader.consume(bounds.records - len(collected), SLICE_SECONDS, positions, patient=True)
        judge(taken.errors, lambda _: f"Topic {topic}", reader.caller.wish(Right.READ, topic))
        if not taken.records and not collected:
            taken.judge()
        for record in taken.records:
            # Once as it is read, and once as it will be handed out.
            length = len(record) + len(record.key() or b"")
            size += length
            if size > bounds.size and collected:
                return collected
            request.hold(length + RECORD_OVERHEAD, budget)
            collected.append(record)
            positions[record.partition()] = record.offset() + 1
            ended.discard(record.partition())
        for partition, end in taken.ends.items():
            # After the last record there may be transaction markers, which are never handed out.
            positions[partition] = max(positions[partition], end)
        ended.update(taken.ends)
        if taken.refusals:
            break  # what comes before it is handed out
    return collected
