"""An instance's Kafka consumer, used by a single thread."""

import contextlib
import threading
from collections.abc import Iterable, Sequence
from http import HTTPStatus
from typing import Any

from confluent_kafka import OFFSET_END, OFFSET_INVALID, KafkaError, KafkaException, TopicPartition

from kafka_platform_runtime.gateway import unpacking
from kafka_platform_runtime.gateway.callers.caller import Caller
from kafka_platform_runtime.gateway.clock import now
from kafka_platform_runtime.gateway.consumers.faults import conflict, failed, subject
from kafka_platform_runtime.gateway.consumers.fetched import Fetched, Taken
from kafka_platform_runtime.gateway.consumers.keys import InstanceKey
from kafka_platform_runtime.gateway.consumers.login import PAUSE_BETWEEN_TRIES, Login, find_group
from kafka_platform_runtime.gateway.consumers.offsets import BEGIN_SECONDS, committed_of, ends_of, offsets_for
from kafka_platform_runtime.gateway.consumers.options import Options
from kafka_platform_runtime.gateway.consumers.partition_faults import PartitionFaults
from kafka_platform_runtime.gateway.consumers.patterns import expression, wrong_pattern
from kafka_platform_runtime.gateway.errors import GatewayError, too_many
from kafka_platform_runtime.gateway.polling import committed, consume
from kafka_platform_runtime.gateway.settings import Limits
from kafka_platform_runtime.gateway.unpacking import Copies, Place, Unreadable

BUSY_SECONDS = 1.0
"""An instance that was read from this recently goes on fetching; after that it pauses and keeps nothing in memory."""
TAKEN_AT_A_TIME = 2000
AT_ONCE = 2
"""Threads that encode a response at a time: a response is in memory three times meanwhile."""
SEEK_SECONDS = 2.0
"""How long a seek is retried: a newly assigned partition cannot be moved at once."""
_ENCODING = threading.BoundedSemaphore(AT_ONCE)


class GroupConsumer:
    """A Kafka consumer in a group, and what it has fetched.

    Everything that touches the Kafka consumer is called only in the instance's thread.

    Args:
        key: its owner, group and name.
        options: as requested by the caller.
        caller: whose login it uses.
        limits: the gateway's.
    """

    def __init__(self, *, key: InstanceKey, options: Options, caller: Caller, limits: Limits) -> None:
        self.key = key
        self.options = options
        self.login = Login(key, options, caller, limits)
        self.closed = False
        """Set by the instance: nothing more is read."""
        self._limits = limits
        self._consumer: Any = None
        self._topics: list[str] = []
        self._pattern: str | None = None
        self._is_assigned = False
        self._fetched = Fetched(limits)
        self._refusals = unpacking.Refusals()
        self._faults = PartitionFaults(key)
        self._paused = False
        self._polled_at = now()

    @property
    def is_open(self) -> bool:
        """Whether it is connected to Kafka."""
        return self._consumer is not None

    # Life ------------------------------------------------------------------------------------------------------------

    def open(self) -> None:
        """Connect to Kafka and check that this caller may use the group.

        Raises:
            GatewayError: they may not, or Kafka does not answer.
        """
        self._consumer = self.login.consumer()
        find_group(self._consumer, self.key)

    def renew_login(self, caller: Caller) -> None:
        """Continue with other credentials of the same owner."""
        self.login.renew(self._consumer, caller)

    def close(self, deliberate: bool) -> None:
        """Leave the group; like `Instance.close`."""
        if self._consumer is None:
            return
        if deliberate:
            self._confirm()
        self._fetched.clear()
        with contextlib.suppress(KafkaException, RuntimeError):
            self._consumer.close()

    def tick(self) -> None:
        """Take part in the group although nobody reads."""
        if self.closed:
            return
        with contextlib.suppress(KafkaException, RuntimeError):
            if now() - self._polled_at < BUSY_SECONDS:
                self._poll(1, 0)
                return
            if not self._paused:
                self._consumer.pause(self._consumer.assignment())
                self._paused = True
            self._poll(TAKEN_AT_A_TIME, 0)
            self._fetched.shed(self._consumer)

    def _awake(self) -> None:
        self._polled_at = now()
        if self._paused:
            self._consumer.resume(self._consumer.assignment())
            self._paused = False

    # Reading ---------------------------------------------------------------------------------------------------------

    def require_source(self) -> None:
        """Check that there is something to read from.

        Raises:
            GatewayError: there is no subscription and no assignment.
        """
        if not (self._topics or self._pattern or self._is_assigned):
            raise conflict(f"{subject(self.key)} is neither subscribed to topics nor assigned partitions.")

    def require_progress(self) -> None:
        """Check that Kafka lets this caller read.

        Raises:
            GatewayError: Kafka throttles them.
        """
        if self.login.throttled_until > now():
            raise too_many("Kafka throttles this user: over the quota.", self.login.throttled_until - now())

    def take(self, most_bytes: int | None, wait: float, is_first: bool, copies: Copies) -> Taken | None:
        """Records; None if there are none after a while.

        Args:
            most_bytes: the caller's bound; None if there is none.
            wait: seconds.
            is_first: whether the caller has just requested them and so has received what it was given before.
            copies: counts what is in memory more than once.

        Raises:
            GatewayError: there are none and none will come, or the next one does not fit.
        """
        if self.closed:
            return None
        if is_first:
            self._confirm()
        self._awake()
        most = min(most_bytes or self._limits.answer_bytes, self._limits.answer_bytes)
        if not self._fetched:
            self._poll(1, wait, copies)
        if not self._fetched:
            self._faults.tell()
            return None
        try:
            with _ENCODING:
                if self._fetched.size < most:
                    self._poll(TAKEN_AT_A_TIME, 0, copies)
            if self.options.prepare is not None:
                # Not while others are kept from encoding: the registry may be slow.
                self.options.prepare(self._fetched.contents(most))
            with _ENCODING:
                taken = self._fetched.take(self.options.format.record, most, most_bytes)
                copies.add(len(taken.body))
                return taken
        finally:
            self._fetched.shed(self._consumer)

    def put_back(self, taken: Taken) -> None:
        """Take back records that nobody received."""
        if self._fetched.put_back(taken):
            self._fetched.shed(self._consumer)

    def _poll(self, count: int, wait: float, copies: Copies | None = None) -> None:
        """Take messages and events from librdkafka; callbacks of the group run here."""
        messages = consume(self._consumer, count, wait, max(1, self._limits.answer_bytes - self._fetched.size))
        if copies is not None:
            copies.of(messages)
        messages, refused = self._refusals.sift(self._consumer, messages, self._position)
        if refused:
            self._faults.refused = refused
        for message in messages:
            error = message.error()
            if error is None:
                self._fetched.add(message)
                self._faults.mend(message)
            else:
                self._faults.note(message, error, is_assigned=self._is_assigned)

    def _position(self, batch: Unreadable) -> int:
        """The next offset in a partition whose batch could not be unpacked."""
        place = (batch.topic, batch.partition)
        if place in self._fetched.next:
            return self._fetched.next[place]
        return committed(self._consumer, batch, BEGIN_SECONDS)

    def _confirm(self) -> None:
        """Allow committing what was handed out before: the caller came back, so it was received."""
        if not self.options.auto_commit or not self._fetched.delivered:
            return
        places = [
            TopicPartition(topic, partition, offset) for (topic, partition), offset in self._fetched.delivered.items()
        ]
        with contextlib.suppress(KafkaException):
            self._consumer.store_offsets(offsets=places)

    # The group -------------------------------------------------------------------------------------------------------

    def _on_assign(self, _: Any, places: Sequence[TopicPartition]) -> None:
        self._faults.forget_topics({each.topic for each in places})
        self._start(places)

    def _start(self, places: Sequence[TopicPartition]) -> None:
        """Start fetching these partitions."""
        ends = ends_of(self._consumer, places) if self.options.reset == "latest" else {}
        self._consumer.assign(
            [
                TopicPartition(each.topic, each.partition, ends.get((each.topic, each.partition), OFFSET_INVALID))
                for each in places
            ]
        )
        # librdkafka keeps a partition paused if it was paused when it was taken away.
        self._consumer.resume(places)
        self._paused = False
        self._fetched.delivered.update(ends)
        if ends and self.options.auto_commit:
            self._confirm()
            self._consumer.commit(
                offsets=[TopicPartition(topic, partition, offset) for (topic, partition), offset in ends.items()],
                asynchronous=True,
            )

    def _on_revoke(self, _: Any, places: Sequence[TopicPartition]) -> None:
        self._forget({(each.topic, each.partition) for each in places})

    def _forget(self, places: Iterable[Place] | None = None) -> None:
        """Drop what was fetched of these partitions, or of all: they are no longer ours or continue elsewhere."""
        lost = None if places is None else set(places)
        self._fetched.forget(lost)
        self._faults.forget(lost)

    def subscribe(self, topics: Sequence[str], pattern: str | None) -> None:
        """Join the group for these topics, or for those whose whole name matches the pattern.

        Raises:
            GatewayError: partitions are assigned, or the other kind of subscription exists; the pattern is wrong.
        """
        if self._is_assigned or (topics and self._pattern) or (pattern and self._topics):
            raise conflict(
                "Subscriptions to topics, to a pattern and assignments of partitions exclude each other: "
                "delete the subscription first."
            )
        wanted = list(topics) if pattern is None else [expression(pattern)]
        try:
            self._consumer.subscribe(wanted, on_assign=self._on_assign, on_revoke=self._on_revoke)
        except KafkaException as failure:
            if pattern is not None and failure.args[0].code() == KafkaError._INVALID_ARG:
                raise wrong_pattern(pattern) from None
            raise
        self._topics, self._pattern = list(topics), pattern
        self._awake()

    def unsubscribe(self) -> None:
        """Drop the subscription or the assignment; what was handed out counts as read."""
        self._confirm()
        if self._is_assigned:
            self._consumer.unassign()
        else:
            # A new one, because a former member can no longer commit without being a member.
            self._consumer.close()
            self._consumer = self.login.consumer()
        self._topics, self._pattern, self._is_assigned = [], None, False
        self._paused = False
        self._forget()

    def subscription(self) -> tuple[list[str], str | None, list[Place]]:
        """Topics (of a pattern: those that have partitions here), the pattern, and this instance's partitions."""
        places = self.assignment()
        return self._topics or sorted({topic for topic, _ in places}), self._pattern, places

    def assign(self, places: Sequence[Place]) -> None:
        """Read these partitions, whatever the group does.

        Raises:
            GatewayError: there is a subscription.
        """
        if self._topics or self._pattern:
            raise conflict(
                "Subscriptions to topics, to a pattern and assignments of partitions exclude each other: "
                "delete the subscription first."
            )
        self._confirm()
        self._forget()
        if places:
            self._start([TopicPartition(topic, partition) for topic, partition in places])
        else:
            self._consumer.unassign()
        self._is_assigned = bool(places)
        self._awake()

    def assignment(self) -> list[Place]:
        """The current partitions of this instance."""
        return sorted((each.topic, each.partition) for each in self._consumer.assignment())

    # Offsets and positions -------------------------------------------------------------------------------------------

    def commit(self, offsets: Sequence[tuple[str, int, int, str | None]] | None) -> None:
        """Commit these offsets (of the next record to read), or the ones after what was handed out.

        Raises:
            GatewayError: Kafka refused them.
        """
        if offsets is None:
            places = [
                TopicPartition(topic, partition, offset)
                for (topic, partition), offset in self._fetched.delivered.items()
            ]
        else:
            places = [
                TopicPartition(topic, partition, offset, metadata)
                if metadata
                else TopicPartition(topic, partition, offset)
                for topic, partition, offset, metadata in offsets
            ]
        if not places:
            return
        for each in self._consumer.commit(offsets=places, asynchronous=False):
            if each.error is not None:
                raise failed(each.error, self.key, f"Partition {each.partition} of topic {each.topic}", each.topic)
        if offsets is None:
            self._confirm()
            self._fetched.delivered.clear()

    def committed(self, places: Sequence[Place] | None, seconds: float) -> list[tuple[str, int, int, str]]:
        """Topic, partition, committed offset and metadata, for partitions that have one; None: for this instance's.

        Raises:
            GatewayError: Kafka did not answer.
        """
        asked = self.assignment() if places is None else places
        if not asked:
            return []
        return committed_of(self._consumer, self.key, asked, seconds)

    def seek(self, positions: Sequence[tuple[str, int, int]]) -> None:
        """Continue reading at these offsets.

        Raises:
            GatewayError: a partition is not this instance's; then none is moved.
        """
        self._require_own((topic, partition) for topic, partition, _ in positions)
        self._confirm()
        self._awake()
        for position in positions:
            self._move(TopicPartition(*position))
            self._forget([position[:2]])
            self._fetched.next[position[:2]] = position[2]

    def seek_to(self, moments: Sequence[tuple[str, int, int]], seconds: float) -> None:
        """Continue reading at the first record of each partition that is not older than the moment, in ms.

        OFFSET_BEGINNING and OFFSET_END are moments too. They are resolved here: librdkafka would ask later, half
        a second if it is busy elsewhere, and miss records that arrive meanwhile.

        Raises:
            GatewayError: a partition is not this instance's, or Kafka did not answer.
        """
        self._require_own((topic, partition) for topic, partition, _ in moments)
        found = offsets_for(self._consumer, self.key, moments, seconds)
        missing = [(topic, partition, OFFSET_END) for topic, partition, offset in found if offset < 0]
        if missing:
            found = [each for each in found if each[2] >= 0] + offsets_for(self._consumer, self.key, missing, seconds)
        self.seek(found)

    def _require_own(self, places: Iterable[Place]) -> None:
        own = set(self.assignment())
        for topic, partition in places:
            if (topic, partition) not in own:
                raise GatewayError(
                    HTTPStatus.NOT_FOUND,
                    40402,
                    f"No current assignment for partition {topic}-{partition}: read once, so that the group assigns it.",
                )

    def _move(self, position: TopicPartition) -> None:
        until = now() + SEEK_SECONDS
        while True:
            try:
                self._consumer.seek(position)
            except KafkaException as failure:
                if failure.args[0].code() not in {KafkaError._STATE, KafkaError._PREV_IN_PROGRESS} or now() > until:
                    raise
                self._poll(TAKEN_AT_A_TIME, PAUSE_BETWEEN_TRIES)
            else:
                return
