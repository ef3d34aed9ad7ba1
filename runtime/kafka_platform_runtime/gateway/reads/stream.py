"""One stream: its position, what it waits for, and how records are rendered for it."""

import asyncio
from collections.abc import Sequence

from kafka_platform_runtime.gateway.callers.caller import Caller
from kafka_platform_runtime.gateway.cursor import Positions
from kafka_platform_runtime.gateway.errors import GatewayError
from kafka_platform_runtime.gateway.polling import Message
from kafka_platform_runtime.gateway.reads.feeds import RECORD_OVERHEAD, Chunk, Feed
from kafka_platform_runtime.gateway.reads.outlets import Outlet

SAMPLED = 64
"""Records sampled for their size, of those that arrived together; the reader's buffer bounds the total."""
PIECE_BYTES = 256 * 1024
"""Records rendered for a reader at a time: no more are held in memory for a slow one."""


class Stream:
    """A stream: its position, and what it waits for.

    Args:
        caller: who reads.
        topic: what is read.
        outlet: where it goes.
        only: the wanted partitions; None for all.
        is_acknowledged: whether its reader acknowledges records.
    """

    __slots__ = (
        "_event",
        "caller",
        "failure",
        "is_acknowledged",
        "next_chunk",
        "only",
        "outlet",
        "positions",
        "stopped",
        "topic",
    )

    def __init__(
        self, caller: Caller, topic: str, outlet: Outlet, only: frozenset[int] | None, *, is_acknowledged: bool = False
    ) -> None:
        self.caller = caller
        self.topic = topic
        self.outlet = outlet
        self.only = only
        self.is_acknowledged = is_acknowledged
        self.positions: Positions = {}
        self.next_chunk = 0
        self.stopped = False
        self.failure: GatewayError | None = None
        self._event = asyncio.Event()

    def wants(self, partition: int) -> bool:
        """Whether records of this partition are handed out."""
        return self.only is None or partition in self.only

    def wanted_of(self, chunk: Chunk) -> Sequence[Message]:
        """Those of its records that are handed out."""
        if self.only is None:
            return chunk.messages
        return [each for each in chunk.messages if each.partition() in self.only]

    def in_step(self, chunk: Chunk) -> bool:
        """Whether the stream's next record is the first of the chunk, in each wanted partition."""
        if self.only is None:
            return self.positions == chunk.begin
        return all(self.positions.get(partition) == chunk.begin.get(partition) for partition in self.only)

    def wake(self) -> None:
        """Wake the stream: there may be something new."""
        self._event.set()

    def stop(self) -> None:
        """Stop: the reader has left, or the program ends."""
        self.stopped = True
        self._event.set()

    def fail(self, error: GatewayError) -> None:
        """End with an error."""
        self.failure = error
        self.stop()

    async def wait(self) -> None:
        """Wait to be woken, or send a sign of life after a while without."""
        try:
            async with asyncio.timeout(max(0.01, self.outlet.seconds_until_heartbeat)):
                await self._event.wait()
        except TimeoutError:
            await self.outlet.write_alive()
            return
        self._event.clear()


def shared(feed: Feed, chunk: Chunk, records: Sequence[Message], stream: Stream) -> object:
    """The rendering of a chunk for streams that are in step with the feed."""
    return feed.rendering(
        chunk,
        (stream.outlet.form, stream.only),
        lambda: stream.outlet.rendered(records, dict(stream.positions)),
    )


def average_size(records: Sequence[Message]) -> int:
    """Approximate bytes of memory per record, from a sample of at most SAMPLED."""
    sample = records[:: len(records) // SAMPLED + 1]
    return RECORD_OVERHEAD + sum(map(len, sample)) // len(sample)


async def send_in_pieces(records: Sequence[Message], stream: Stream) -> None:
    """Send records, rendered a piece at a time; a stopped stream gets no more."""
    if not records:
        return
    size = average_size(records)
    count = max(1, PIECE_BYTES // size)
    outlet, positions = stream.outlet, stream.positions
    with outlet.holding(size * len(records)):
        for begin in range(0, len(records), count):
            if stream.stopped:
                return
            piece = records[begin : begin + count]
            await outlet.prepare(piece)
            await outlet.write(outlet.rendered(piece, positions))
