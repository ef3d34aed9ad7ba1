"""Members of consumer groups that hand their records to a stream."""

import asyncio
import contextlib
import threading
from collections.abc import Callable, Sequence
from typing import TypeVar

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from kafka_platform_runtime.gateway import errors, unpacking
from kafka_platform_runtime.gateway.callers.caller import Caller
from kafka_platform_runtime.gateway.clock import now
from kafka_platform_runtime.gateway.cursor import Positions
from kafka_platform_runtime.gateway.errors import GatewayError, malformed
from kafka_platform_runtime.gateway.polling import LASTING, Message, bounds_of_consumers, committed, consume, judge
from kafka_platform_runtime.gateway.rights import Right
from kafka_platform_runtime.gateway.settings import Limits
from kafka_platform_runtime.gateway.unpacking import Copies, Unreadable
from kafka_platform_runtime.supervision import WATCH

T = TypeVar("T")

AT_A_TIME = 1000
SLICE_SECONDS = 0.25
"""How long a member holds its thread at a time, so that a reader who left is noticed."""
COMMIT_SECONDS = 1.0
"""Pause between two commits."""
JOIN_SECONDS = 20.0
"""How long joining a group may take before the stream starts anyway."""
LOOK_MILLISECONDS = 10_000
"""Pause between two checks for new partitions."""
POLL_INTERVAL_MILLISECONDS = 600_000
"""A reader that takes nothing for this long loses its partitions to others."""


class Member:
    """A member of a consumer group, in a thread of its own.

    Args:
        caller: who reads.
        limits: the gateway's.
        topic: what is read.
        group: the group, whose offsets decide where it continues.
        start: `earliest` or `latest`, for partitions without a committed offset.
        by_reader: whether the reader acknowledges records; otherwise what is delivered is committed.
    """

    def __init__(
        self, caller: Caller, limits: Limits, topic: str, group: str, start: str, *, by_reader: bool = False
    ) -> None:
        self._topic = topic
        self._group = group
        self._wish = caller.wish(Right.READ, topic, group)
        self._settings = caller.client(
            group_id=group,
            auto_offset_reset=start,
            enable_auto_commit=False,
            enable_auto_offset_store=False,
            max_poll_interval_ms=POLL_INTERVAL_MILLISECONDS,
            isolation_level="read_committed",
            fetch_queue_backoff_ms=5,
            topic_metadata_refresh_interval_ms=LOOK_MILLISECONDS,
            **bounds_of_consumers(limits),
            partition_assignment_strategy="cooperative-sticky",
        )
        self._thread = WATCH.pool("member", 1)
        self._consumer: Consumer | None = None
        self._joined = False
        self._refusals = unpacking.Refusals()
        self._refusal: GatewayError | None = None
        self._share = limits.queue_bytes
        self._by_reader = by_reader
        self._handed_out: Positions = {}
        self._pending: Positions = {}
        """To be committed."""
        self._acknowledged: Positions = {}
        """The furthest that the reader has acknowledged, told in another thread than that of the consumer."""
        self._lock = threading.Lock()
        self._done: Positions = {}
        """Committed by this member: a late acknowledgement never moves the group back."""
        self._revoked: set[int] = set()
        self._committed_at = now()
        self._first: list[Message] = []

    async def join(self) -> None:
        """Become a member.

        Raises:
            GatewayError: this caller may not read the topic or use the group.
        """
        until = now() + JOIN_SECONDS
        while not self._joined and not self._first and now() < until:
            self._first = await self.take()

    async def take(self) -> list[Message]:
        """The next records, or none after a moment.

        Raises:
            GatewayError: the read is denied, or the topic no longer exists.
        """
        if self._first:
            first, self._first = self._first, []
            return first
        with Copies() as copies:
            return await self._run(lambda: self._take(copies))

    def hands_out(self, records: Sequence[Message]) -> None:
        """Note that these are about to be sent: from then on they may be acknowledged."""
        self._handed_out.update(_ends(records))

    def delivered(self, records: Sequence[Message]) -> None:
        """Note that these were sent: they are committed soon, unless the reader acknowledges records."""
        if not self._by_reader:
            self._pending.update(_ends(records))

    def acknowledge(self, positions: Positions) -> None:
        """Note what the reader has acknowledged: it is committed soon. Partitions that others have by now are left out.

        Raises:
            GatewayError: this was not handed out.
        """
        for partition, offset in positions.items():
            reached = self._handed_out.get(partition)
            if reached is None:
                continue
            if offset > reached:
                raise malformed(
                    f"acknowledged: {partition}:{offset} was not handed out: partition {partition} has come to {reached}."
                )
            with self._lock:
                self._acknowledged[partition] = max(offset, self._acknowledged.get(partition, 0))

    async def leave(self) -> None:
        """Commit what was handed out, or acknowledged, and leave the group."""

        def end() -> None:
            if self._consumer is not None:
                with contextlib.suppress(KafkaException, GatewayError):
                    self._commit()
                self._consumer.close()

        try:
            await self._run(end)
        finally:
            self._thread.shutdown(wait=False)

    def _take(self, copies: Copies) -> list[Message]:
        if self._consumer is None:
            self._consumer = Consumer(self._settings)
            self._consumer.subscribe([self._topic], on_assign=self._on_assign, on_revoke=self._on_revoke)
        if now() > self._committed_at + COMMIT_SECONDS:
            self._commit()
        self._revoked.clear()
        if self._refusal is not None:
            raise self._refusal
        messages = consume(self._consumer, AT_A_TIME, SLICE_SECONDS, self._share)
        copies.of(messages)
        consumer = self._consumer
        messages, refusals = self._refusals.sift(consumer, messages, lambda batch: self._position(consumer, batch))
        if refusals and not messages:
            raise refusals[0]
        if refusals:
            self._refusal = refusals[0]  # when those before it have been handed out
        judge([error for each in messages if (error := each.error()) is not None], self._subject, self._wish)
        # Another member hands out what was taken from here while it was being fetched.
        return [each for each in messages if each.error() is None and each.partition() not in self._revoked]

    def _position(self, consumer: Consumer, batch: Unreadable) -> int:
        if batch.partition in self._handed_out:
            return self._handed_out[batch.partition]
        return committed(consumer, batch, COMMIT_SECONDS)

    def _subject(self, error: KafkaError) -> str:
        of_group = error.code() == KafkaError.GROUP_AUTHORIZATION_FAILED
        return f"Group {self._group}" if of_group else f"Topic {self._topic}"

    def _on_assign(self, consumer: Consumer, partitions: Sequence[TopicPartition]) -> None:
        self._joined = True
        self._revoked.difference_update(each.partition for each in partitions)

    def _on_revoke(self, consumer: Consumer, partitions: Sequence[TopicPartition]) -> None:
        # Called while the next records are fetched: all earlier ones have been handed out.
        with contextlib.suppress(KafkaException, GatewayError):
            self._commit()
        for each in partitions:
            self._revoked.add(each.partition)
            self._pending.pop(each.partition, None)
            self._handed_out.pop(each.partition, None)
            self._done.pop(each.partition, None)
            with self._lock:
                self._acknowledged.pop(each.partition, None)

    def _commit(self) -> None:
        self._committed_at = now()
        with self._lock:
            acknowledged = dict(self._acknowledged)
        self._pending.update(
            {partition: offset for partition, offset in acknowledged.items() if offset > self._done.get(partition, -1)}
        )
        if not self._pending or self._consumer is None:
            return
        offsets = [TopicPartition(self._topic, *position) for position in self._pending.items()]
        try:
            self._consumer.commit(offsets=offsets, asynchronous=False)
        except KafkaException as failure:
            error = failure.args[0]
            reason = errors.from_kafka(error, self._subject(error), self._wish)
            if reason.status in LASTING:
                raise reason from None
            return  # the group is rebalancing, or a broker is unavailable: next time
        self._done.update(self._pending)
        self._pending = {}

    async def _run(self, action: Callable[[], T]) -> T:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, action)
        except KafkaException as failure:
            error = failure.args[0]
            raise errors.from_kafka(error, self._subject(error), self._wish) from None


def _ends(records: Sequence[Message]) -> Positions:
    return {each.partition(): each.offset() + 1 for each in records}
