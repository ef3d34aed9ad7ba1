"""One stream: where it stands, what it waits for, and how records are made ready for it."""

import asyncio
from collections.abc import Sequence

from kafka_platform_runtime.gateway.callers.caller import Caller
from kafka_platform_runtime.gateway.cursor import Positions
from kafka_platform_runtime.gateway.errors import GatewayError
from kafka_platform_runtime.gateway.polling import Message
from kafka_platform_runtime.gateway.reads.feeds import RECORD_OVERHEAD, Chunk, Feed
from kafka_platform_runtime.gateway.reads.outlets import Outlet

SAMPLED = 64
"""Records whose size is looked at, of those that came together; what is held in all is bounded by the reader's buffer."""
PIECE_BYTES = 256 * 1024
"""Records that are made ready for a reader at a time: more are not held in memory for one who is slow."""


class Stream:
    """A stream: where it stands, and what it waits for.

    Args:
        caller: who reads.
        topic: what is read.
        outlet: where it goes.
        only: the partitions that are wanted; None for all.
    """

    __slots__ = (
        "_event",
        "caller",
        "failure",
        "next_chunk",
        "only",
        "outlet",
        "positions",
        "stopped",
        "topic",
    )

    def __init__(self, caller: Caller, topic: str, outlet: Outlet, only: frozenset[int] | None) -> None:
        self.caller = caller
        self.topic = topic
        self.outlet = outlet
        self.only = only
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
        """Whether the next record of the stream is the first of the chunk, in each partition that is wanted."""
        if self.only is None:
            return self.positions == chunk.begin
        return all(self.positions.get(partition) == chunk.begin.get(partition) for partition in self.only)

    def wake(self) -> None:
        """There may be something new."""
        self._event.set()

    def stop(self) -> None:
        """The reader has left, or the program ends."""
        self.stopped = True
        self._event.set()

    def fail(self, error: GatewayError) -> None:
        """End for a reason."""
        self.failure = error
        self.stop()

    async def wait(self) -> None:
        """Wait for a call, or say that the stream is alive when there was none for a while."""
        try:
            async with asyncio.timeout(max(0.01, self.outlet.seconds_until_heartbeat)):
                await self._event.wait()
        except TimeoutError:
            await self.outlet.write_alive()
            return
        self._event.clear()


def shared(feed: Feed, chunk: Chunk, records: Sequence[Message], stream: Stream) -> object:
    """What a chunk looks like for streams that are in step with the feed."""
    return feed.rendering(
        chunk,
        (stream.outlet.form, stream.only),
        lambda: stream.outlet.rendered(records, dict(stream.positions)),
    )


def average_size(records: Sequence[Message]) -> int:
    """Bytes of memory that one of them takes, about: as few of them as SAMPLED show it."""
    sample = records[:: len(records) // SAMPLED + 1]
    return RECORD_OVERHEAD + sum(map(len, sample)) // len(sample)


async def send_in_pieces(records: Sequence[Message], stream: Stream) -> None:
    """Send records, made ready a piece at a time; a stream that was stopped gets no more."""
    if not records:
        return
    size = average_size(records)
    count = max(1, PIECE_BYTES // size)
    outlet, positions = stream.outlet, stream.positions
    with outlet.holding(size * len(records)):
        for begin in range(0, len(records), count):
            if stream.stopped:
                return
            await outlet.write(outlet.rendered(records[begin : begin + count], positions))
