"""The Kafka consumer of an instance, used by one thread alone."""

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
"""An instance that was read from so lately goes on fetching; then it pauses and keeps nothing in memory."""
TAKEN_AT_A_TIME = 2000
AT_ONCE = 2
"""Threads that encode an answer at a time: an answer is in memory three times meanwhile."""
SEEK_SECONDS = 2.0
"""For so long a seek is tried again: a partition that was just assigned cannot be moved at once."""
_ENCODING = threading.BoundedSemaphore(AT_ONCE)


class GroupConsumer:
    """A Kafka consumer that takes part in a group, and what it has fetched.

    All that touches the Kafka consumer is called in the instance's thread alone.

    Args:
        key: whose it is, its group and name.
        options: as the caller asked.
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
        """Connect to Kafka and see that this caller may use the group.

        Raises:
            GatewayError: he may not, or Kafka does not answer.
        """
        self._consumer = self.login.consumer()
        find_group(self._consumer, self.key)

    def renew_login(self, caller: Caller) -> None:
        """Go on with other credentials of the same owner."""
        self.login.renew(self._consumer, caller)

    def close(self, deliberate: bool) -> None:
        """Leave the group; as `Instance.close`."""
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
        """See that there is something to read from.

        Raises:
            GatewayError: there is no subscription and no assignment.
        """
        if not (self._topics or self._pattern or self._is_assigned):
            raise conflict(f"{subject(self.key)} is neither subscribed to topics nor assigned partitions.")

    def require_progress(self) -> None:
        """See that Kafka lets this caller read.

        Raises:
            GatewayError: it throttles him.
        """
        if self.login.throttled_until > now():
            raise too_many("Kafka throttles this user: over the quota.", self.login.throttled_until - now())

    def take(self, most_bytes: int | None, wait: float, is_first: bool, copies: Copies) -> Taken | None:
        """Records; None if there are none after a while.

        Args:
            most_bytes: as the caller has asked for; None if he has not.
            wait: seconds.
            is_first: whether the caller has come for them just now, who has what he was given before.
            copies: count what is in memory more than once.

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
                taken = self._fetched.take(self.options.format.record, most, most_bytes)
                copies.add(len(taken.body))
                return taken
        finally:
            self._fetched.shed(self._consumer)

    def put_back(self, taken: Taken) -> None:
        """Have records again that nobody got."""
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
        """The offset that comes next, in a partition of which this batch could not be unpacked."""
        place = (batch.topic, batch.partition)
        if place in self._fetched.next:
            return self._fetched.next[place]
        return committed(self._consumer, batch, BEGIN_SECONDS)

    def _confirm(self) -> None:
        """The caller came again, so he has what he was given: from now on it may be committed."""
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
        """Begin to fetch these partitions."""
        ends = ends_of(self._consumer, places) if self.options.reset == "latest" else {}
        self._consumer.assign(
            [
                TopicPartition(each.topic, each.partition, ends.get((each.topic, each.partition), OFFSET_INVALID))
                for each in places
            ]
        )
        # librdkafka keeps a partition paused that was so when it was taken away.
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
        """Drop what was fetched of these partitions, or of all: they are not ours any more or go on elsewhere."""
        lost = None if places is None else set(places)
        self._fetched.forget(lost)
        self._faults.forget(lost)

    def subscribe(self, topics: Sequence[str], pattern: str | None) -> None:
        """Take part in the group's share of these topics, or of those whose whole name fits the pattern.

        Raises:
            GatewayError: partitions are assigned, or the other kind of subscription is there; the pattern is wrong.
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
        """Leave the subscription or the assignment; what was handed out counts as read."""
        self._confirm()
        if self._is_assigned:
            self._consumer.unassign()
        else:
            # A new one, because one that was a member cannot commit any more without being one.
            self._consumer.close()
            self._consumer = self.login.consumer()
        self._topics, self._pattern, self._is_assigned = [], None, False
        self._paused = False
        self._forget()

    def subscription(self) -> tuple[list[str], str | None, list[Place]]:
        """Topics (of a pattern: those that partitions are of), the pattern, and the partitions of this instance."""
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
        """The partitions of this instance at the moment."""
        return sorted((each.topic, each.partition) for each in self._consumer.assignment())

    # Offsets and positions -------------------------------------------------------------------------------------------

    def commit(self, offsets: Sequence[tuple[str, int, int, str | None]] | None) -> None:
        """Commit these offsets (of the record to read next), or after what was handed out.

        Raises:
            GatewayError: Kafka did not take them.
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
                raise failed(each.error, self.key, f"Partition {each.partition} of topic {each.topic}")
        if offsets is None:
            self._confirm()
            self._fetched.delivered.clear()

    def committed(self, places: Sequence[Place] | None, seconds: float) -> list[tuple[str, int, int, str]]:
        """Topic, partition, committed offset and metadata, of those partitions that have one; None: of this instance's.

        Raises:
            GatewayError: Kafka did not tell.
        """
        asked = self.assignment() if places is None else places
        if not asked:
            return []
        return committed_of(self._consumer, self.key, asked, seconds)

    def seek(self, positions: Sequence[tuple[str, int, int]]) -> None:
        """Go on reading at these offsets.

        Raises:
            GatewayError: a partition is not this instance's; none is moved then.
        """
        self._require_own((topic, partition) for topic, partition, _ in positions)
        self._confirm()
        self._awake()
        for position in positions:
            self._move(TopicPartition(*position))
            self._forget([position[:2]])
            self._fetched.next[position[:2]] = position[2]

    def seek_to(self, moments: Sequence[tuple[str, int, int]], seconds: float) -> None:
        """Go on reading at the first record of each partition that is not older than the moment, in ms.

        OFFSET_BEGINNING and OFFSET_END are moments too. What they are is asked for here: librdkafka would ask later, half
        a second if it was on its way elsewhere, and records that came meanwhile would be missed.

        Raises:
            GatewayError: a partition is not this instance's, or Kafka did not tell.
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
