"""One consumer instance: a Kafka consumer with a thread of its own that lives on between requests."""

import asyncio
import contextlib
import re
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, TypeVar

from confluent_kafka import (
    OFFSET_BEGINNING,
    OFFSET_END,
    OFFSET_INVALID,
    Consumer,
    KafkaError,
    KafkaException,
    TopicPartition,
)

from kafka_platform_runtime.gateway import errors, unpacking
from kafka_platform_runtime.gateway.caller import Caller
from kafka_platform_runtime.gateway.clock import now
from kafka_platform_runtime.gateway.errors import GatewayError, overloaded, retry_after, too_many, unprocessable
from kafka_platform_runtime.gateway.formats import Format
from kafka_platform_runtime.gateway.http import Gone
from kafka_platform_runtime.gateway.peers import InstanceKey, no_instance
from kafka_platform_runtime.gateway.polling import bounds_of_consumers, committed, consume
from kafka_platform_runtime.gateway.settings import Limits
from kafka_platform_runtime.gateway.unpacking import Copies, Place, Unreadable
from kafka_platform_runtime.supervision import WATCH

T = TypeVar("T")

SESSION_MILLISECONDS = 15_000
"""After so long without a heartbeat Kafka gives the partitions of an instance to others: how long a killed pod is felt.
librdkafka's 45 s are for networks between data centres; its heartbeats have a thread that no request can hold up."""
OPEN_SECONDS = 10.0
"""How long it may take to log in and to find the group's coordinator; Kafka makes the offsets topic for the first one."""
SLICE_SECONDS = 0.25
"""How long a read waits in the instance's thread before other requests on the instance have their turn."""
BUSY_SECONDS = 1.0
"""An instance that was read from so lately goes on fetching; then it pauses and keeps nothing in memory."""
TAKEN_AT_A_TIME = 2000
AT_ONCE = 2
"""Threads that encode an answer at a time: an answer is in memory three times meanwhile."""
ROOM_SECONDS = 0.1
"""Pause before a read tries again to have room for its answer."""
SEEK_SECONDS = 2.0
"""For so long a seek is tried again: a partition that was just assigned cannot be moved at once."""
METADATA_SECONDS = 60
"""Pause between looks for topics that fit a pattern."""
SPARE_SECONDS = 60
"""What the poll interval that Kafka is told is above the idle expiry."""
LONGEST_POLL_INTERVAL = 86_400_000
"""In ms; librdkafka takes no longer one."""
BEGIN_SECONDS = 5.0
"""How long it may take to find the ends of partitions when a consumer begins there."""
PAUSE_BETWEEN_TRIES = 0.05

_ENCODING = threading.BoundedSemaphore(AT_ONCE)

_LAZY = re.compile(r"([*+?])[?+]")
_PIECE = re.compile(r"\\[dDwWsS.*+?()\[\]|^$_-]|[^\\{}]")
_CLASSES = {r"\d": "[0-9]", r"\D": "[^0-9]", r"\-": "-", r"\_": "_"}
_CLASSES_IN_BRACKETS = {r"\d": "0-9", r"\w": "A-Za-z0-9_", r"\.": ".", r"\_": "_"}
_LONGEST_PATTERN = 500
_TAKEN_OVER = frozenset(
    {KafkaError.ILLEGAL_GENERATION, KafkaError.UNKNOWN_MEMBER_ID, KafkaError.FENCED_INSTANCE_ID, KafkaError._STATE}
)
_DENIED = frozenset({KafkaError.GROUP_AUTHORIZATION_FAILED, KafkaError.TOPIC_AUTHORIZATION_FAILED})


def conflict(message: str) -> GatewayError:
    """The instance is in a state in which this cannot be done."""
    return GatewayError(HTTPStatus.CONFLICT, 40903, message)


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What the caller asked for when he made the instance.

    Args:
        format: how keys and values are handed out.
        reset: where to begin without a committed offset: earliest, latest or error.
        auto_commit: whether what was handed out is committed when the caller comes again.
        min_bytes: how much Kafka gathers before it answers a fetch (at most half a second).
        isolation: read_uncommitted or read_committed.
        wait_seconds: how long a read waits that names no time of its own; None: the gateway's default.
    """

    format: Format
    reset: str
    auto_commit: bool
    min_bytes: int
    isolation: str
    wait_seconds: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """Records that were taken out, as the answer's body, and how to put them back if nobody gets it."""

    body: bytes
    records: int
    put_back: Callable[[], None]


class Instance:
    """A consumer instance. Whatever touches the Kafka consumer runs in the instance's thread, one thing after another.

    Args:
        key: whose it is, its group and name.
        options: as the caller asked.
        caller: whose login the consumer uses.
        limits: the gateway's.
        release: to be called once when the consumer is closed.
    """

    def __init__(
        self,
        *,
        key: InstanceKey,
        options: Options,
        caller: Caller,
        limits: Limits,
        release: Callable[[], None],
    ) -> None:
        self.key = key
        self.options = options
        self.requests = 0
        """Requests on this instance in flight; it is not idle while there are any."""
        self.used_at = now()
        self.closed = False
        self._caller = caller
        self._limits = limits
        self._release = release
        self._reading = asyncio.Lock()
        self._thread = WATCH.pool("consumer", 1)
        self._ticking = False
        # From here on: only the instance's thread.
        self._consumer: Any = None
        self._settings: dict[str, Any] = {}
        self._oauth: Callable[[str], Any] | None = None
        self._topics: list[str] = []
        self._pattern: str | None = None
        self._is_assigned = False
        self._pending: deque[Any] = deque()
        self._pending_bytes = 0
        self._delivered: dict[Place, int] = {}
        self._next: dict[Place, int] = {}
        """Behind the last record that was taken, or where a seek went."""
        self._refusals = unpacking.Refusals()
        self._refused: list[GatewayError] = []
        """Why some partitions cannot be read, not told yet."""
        self._faults: dict[Place, KafkaError] = {}
        self._paused = False
        self._polled_at = now()
        self._throttled_until = 0.0
        self._epoch = 0
        """Counts what makes records that were taken out belong elsewhere: seeks, assignments, rebalances."""

    @property
    def group(self) -> str:
        """The consumer group."""
        return self.key.group

    @property
    def name(self) -> str:
        """The name that its owner gave it in the group."""
        return self.key.name

    async def run(self, work: Callable[[], T], seconds: float | None = None) -> T:
        """Do something in the instance's thread, after what is under way there.

        Raises:
            GatewayError: it failed, or it takes longer than the limit (and goes on).
        """
        if self.closed:
            raise no_instance(self.group, self.name)
        return await self._in_thread(work, seconds or self._limits.timeout_seconds)

    async def _in_thread(self, work: Callable[[], T], seconds: float) -> T:
        try:
            async with asyncio.timeout(seconds):
                return await asyncio.get_running_loop().run_in_executor(self._thread, work)
        except TimeoutError:
            raise errors.timed_out(
                f"{self._subject}: Kafka did not answer in time: unknown whether it was done."
            ) from None
        except KafkaException as failure:
            raise self._failed(failure.args[0]) from None

    @property
    def _subject(self) -> str:
        return f"Consumer instance {self.name} of group {self.group}"

    def _failed(self, error: KafkaError, what: str | None = None) -> GatewayError:
        if error.code() in _TAKEN_OVER:
            return conflict(
                f"{self._subject}: the group has given its partitions to others meanwhile: nothing was committed, and what "
                "was not committed is delivered again."
            )
        if error.code() in errors.UNTIL_BETTER:
            return GatewayError(
                HTTPStatus.SERVICE_UNAVAILABLE,
                50003,
                f"{self._subject}: the group is being moved or shared out: try again.",
                [retry_after(1)],
            )
        return errors.from_kafka(error, what or self._subject)

    # Life ------------------------------------------------------------------------------------------------------------

    async def open(self) -> None:
        """Connect to Kafka and see that this caller may use the group.

        Raises:
            GatewayError: he may not, or Kafka does not answer.
        """
        await self.run(self._open, OPEN_SECONDS + 5)

    def _open(self) -> None:
        options, idle = self.options, self._limits.consumer_idle_seconds
        settings = self._caller.client(
            group_id=self.group,
            client_id=self.name,
            auto_offset_reset=options.reset,
            enable_auto_commit=options.auto_commit,
            # Stored is what the caller is known to have: see _confirm.
            enable_auto_offset_store=False,
            fetch_min_bytes=options.min_bytes,
            isolation_level=options.isolation,
            session_timeout_ms=SESSION_MILLISECONDS,
            max_poll_interval_ms=min(max(300_000, int((idle + SPARE_SECONDS) * 1000)), LONGEST_POLL_INTERVAL),
            **bounds_of_consumers(self._limits),
            fetch_queue_backoff_ms=50,
            topic_metadata_refresh_interval_ms=METADATA_SECONDS * 1000,
            allow_auto_create_topics=False,
        )
        self._oauth = settings.get("oauth_cb")
        if self._oauth is not None:
            settings["oauth_cb"] = self._token
        settings["error_cb"] = self._on_error
        # The caller's own: a throttled reader may still write.
        settings["throttle_cb"] = self._on_throttle
        self._settings = settings
        self._consumer = Consumer(settings)
        self._find_group()

    def _find_group(self) -> None:
        """Wait for the group's coordinator, who knows whether this caller may use the group."""
        probe = [TopicPartition("none", 0)]
        until = now() + OPEN_SECONDS
        while True:
            for message in self._consumer.consume(16, 0):
                error = message.error()
                if error is not None and error.code() == KafkaError.GROUP_AUTHORIZATION_FAILED:
                    raise self._failed(error, f"Group {self.group}")
            try:
                self._consumer.committed(probe, timeout=PAUSE_BETWEEN_TRIES)
            except KafkaException as failure:
                if failure.args[0].code() in _DENIED:
                    raise self._failed(failure.args[0], f"Group {self.group}") from None
                if now() > until:
                    raise overloaded(f"Kafka does not answer for group {self.group}.", 5) from None
                time.sleep(PAUSE_BETWEEN_TRIES)
            else:
                return

    def _token(self, settings: str) -> Any:
        """The bearer token that the caller sent last."""
        return self._oauth(settings) if self._oauth is not None else None

    def _on_error(self, error: KafkaError) -> None:
        if errors.is_rejected(error):
            self._caller.rejected = True

    def _on_throttle(self, event: Any) -> None:
        self._throttled_until = now() + event.throttle_time

    async def log_in(self, caller: Caller) -> None:
        """Go on with the credentials that the owner uses by now; connections that are open stay."""
        if caller is self._caller:
            return
        self._caller = caller

        def renew() -> None:
            login = {name: value for name, value in caller.client().items() if name.startswith(("sasl.", "oauth_cb"))}
            self._oauth = login.pop("oauth_cb", None)
            if "sasl.username" in login:
                self._settings.update(login)
                self._consumer.set_sasl_credentials(login["sasl.username"], login["sasl.password"])

        await self.run(renew)

    async def close(self, *, deliberate: bool) -> None:
        """Leave the group.

        Args:
            deliberate: whether the owner says so, who has what he was given then; otherwise the last answer may not have
                reached him and is not committed.
        """
        if self.closed:
            return
        self.closed = True
        try:
            await asyncio.get_running_loop().run_in_executor(self._thread, self._close, deliberate)
        finally:
            self._release()
            self._thread.shutdown(wait=False)

    def _close(self, deliberate: bool) -> None:
        if self._consumer is None:
            return
        if deliberate:
            self._confirm()
        self._pending.clear()
        with contextlib.suppress(KafkaException, RuntimeError):
            self._consumer.close()

    def tick(self) -> None:
        """To be called again and again: take part in the group although nobody reads."""
        if self._ticking or self.closed or self._consumer is None:
            return
        self._ticking = True

        def done() -> None:
            self._ticking = False

        WATCH.hand_over("Tick of a consumer", self._thread, self._tick, done)

    def _tick(self) -> None:
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
            self._shed()

    def _awake(self) -> None:
        self._polled_at = now()
        if self._paused:
            self._consumer.resume(self._consumer.assignment())
            self._paused = False

    # Reading ---------------------------------------------------------------------------------------------------------

    async def read(
        self,
        seconds: float,
        most_bytes: int | None,
        gone: "asyncio.Future[None]",
        ending: asyncio.Event,
        hold: Callable[[int], None],
    ) -> Taken | None:
        """Records; as soon as there are any, or None after `seconds`.

        Args:
            seconds: how long to wait.
            most_bytes: bound of keys and values together.
            gone: done when the caller has left; what was taken out for him is put back.
            ending: set when the program ends: nobody waits any longer.
            hold: counts the bytes of the answer, or raises a GatewayError: they stay here then until there is room.

        Raises:
            GatewayError: there are none and none will come, the next one does not fit, or there was no room for the answer.
            Gone: the caller left.
        """
        until = now() + seconds
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(max(seconds, SLICE_SECONDS)):
                await self._reading.acquire()
        except TimeoutError:
            return None
        try:
            self._require_source()
            is_first = True
            while True:
                if self.closed:
                    raise no_instance(self.group, self.name)
                wait = 0.0 if ending.is_set() else min(until - now(), SLICE_SECONDS)
                with Copies() as copies:
                    taken = await loop.run_in_executor(
                        self._thread, self._take, most_bytes, max(wait, 0.0), is_first, copies
                    )
                    is_first = False
                    refusal = None if taken is None else _refusal(hold, len(taken.body))
                if taken is not None and refusal is None and not gone.done():
                    return taken
                if taken is not None and not self.closed:
                    await loop.run_in_executor(self._thread, taken.put_back)
                if gone.done():
                    raise Gone
                if refusal is not None:
                    if ending.is_set() or now() >= until:
                        raise refusal
                    await asyncio.sleep(ROOM_SECONDS)
                    continue
                if ending.is_set() or now() >= until:
                    self._require_progress()
                    return None
        except KafkaException as failure:
            raise self._failed(failure.args[0]) from None
        finally:
            self._reading.release()

    def _require_source(self) -> None:
        if not (self._topics or self._pattern or self._is_assigned):
            raise conflict(f"{self._subject} is neither subscribed to topics nor assigned partitions.")

    def _require_progress(self) -> None:
        if self._throttled_until > now():
            raise too_many("Kafka throttles this user: over the quota.", self._throttled_until - now())

    def _take(self, most_bytes: int | None, wait: float, is_first: bool, copies: Copies) -> Taken | None:
        if self.closed:
            return None
        if is_first:
            self._confirm()
        self._awake()
        most = min(most_bytes or self._limits.answer_bytes, self._limits.answer_bytes)
        if not self._pending:
            self._poll(1, wait, copies)
        if not self._pending:
            if self._refused:
                raise self._refused.pop(0)
            for (topic, partition), error in self._faults.items():
                raise self._fault(topic, partition, error)
            return None
        try:
            with _ENCODING:
                if self._pending_bytes < most:
                    self._poll(TAKEN_AT_A_TIME, 0, copies)
                taken = self._hand_out(most, most_bytes)
                copies.add(len(taken.body))
                return taken
        finally:
            self._shed()

    def _shed(self) -> None:
        """Keep no more than its share of memory until the next read: the rest is fetched again."""
        if self._pending_bytes <= self._limits.kept_bytes:
            return
        first: dict[Place, int] = {}
        for message in self._pending:
            first.setdefault((message.topic(), message.partition()), message.offset())
        for place, offset in first.items():
            with contextlib.suppress(KafkaException):  # it is being taken away: its records are dropped then
                self._consumer.seek(TopicPartition(*place, offset))
                self._pending = deque(each for each in self._pending if (each.topic(), each.partition()) != place)
                self._next[place] = offset
        self._pending_bytes = sum(map(_size, self._pending))

    def _hand_out(self, most: int, most_bytes: int | None) -> Taken:
        encode = self.options.format.record
        parts: list[bytes] = []
        batch: list[Any] = []
        size = 0
        for message in self._pending:
            length = _size(message)
            if batch and (size + length > most or len(batch) >= self._limits.records):
                break
            if not batch and most_bytes is not None and length > most_bytes:
                raise unprocessable(
                    f"The next record, offset {message.offset()} of partition {message.partition()} of topic "
                    f"{message.topic()}, has {length} bytes: more than max_bytes={most_bytes}."
                )
            parts.append(encode(message))
            batch.append(message)
            size += length
        for _ in batch:
            self._pending.popleft()
        self._pending_bytes -= size
        before = dict(self._delivered)
        for message in batch:
            self._delivered[message.topic(), message.partition()] = message.offset() + 1
        epoch = self._epoch

        def put_back() -> None:
            if epoch == self._epoch:
                self._pending.extendleft(reversed(batch))
                self._pending_bytes += size
                self._delivered = before
                self._shed()

        return Taken(body=b"[" + b",".join(parts) + b"]", records=len(batch), put_back=put_back)

    def _poll(self, count: int, wait: float, copies: Copies | None = None) -> None:
        """Take messages and events from librdkafka; callbacks of the group run here."""
        messages = consume(self._consumer, count, wait, max(1, self._limits.answer_bytes - self._pending_bytes))
        if copies is not None:
            copies.of(messages)
        messages, refused = self._refusals.sift(self._consumer, messages, self._position)
        if refused:
            self._refused = refused
        for message in messages:
            error = message.error()
            if error is None:
                self._pending.append(message)
                self._pending_bytes += _size(message)
                self._next[message.topic(), message.partition()] = message.offset() + 1
                if self._faults:
                    self._faults.pop((message.topic(), message.partition()), None)
            else:
                self._note(message, error)

    def _position(self, batch: Unreadable) -> int:
        """The offset that comes next, in a partition of which this batch could not be unpacked."""
        place = (batch.topic, batch.partition)
        if place in self._next:
            return self._next[place]
        return committed(self._consumer, batch, BEGIN_SECONDS)

    def _note(self, message: Any, error: KafkaError) -> None:
        """Keep an error that stays until something is done about it: librdkafka tells it once."""
        code = error.code()
        topic = message.topic() or ""
        if (
            code in _DENIED
            or code == KafkaError._AUTO_OFFSET_RESET
            or (self._is_assigned and errors.is_unknown_topic(error))
        ):
            partition = message.partition()
            self._faults[topic, -1 if partition is None else partition] = error

    def _fault(self, topic: str, partition: int, error: KafkaError) -> GatewayError:
        if error.code() == KafkaError._AUTO_OFFSET_RESET:
            return unprocessable(
                f"Partition {partition} of topic {topic} has no committed offset that can be read, and auto.offset.reset is "
                "none: set a position."
            )
        if error.code() == KafkaError.GROUP_AUTHORIZATION_FAILED:
            return self._failed(error, f"Group {self.group}")
        return self._failed(error, f"Topic {topic}")

    def _confirm(self) -> None:
        """The caller came again, so he has what he was given: from now on it may be committed."""
        if not self.options.auto_commit or not self._delivered:
            return
        places = [TopicPartition(topic, partition, offset) for (topic, partition), offset in self._delivered.items()]
        with contextlib.suppress(KafkaException):
            self._consumer.store_offsets(offsets=places)

    # The group -------------------------------------------------------------------------------------------------------

    def _on_assign(self, _: Any, places: Sequence[TopicPartition]) -> None:
        topics = {each.topic for each in places}
        self._faults = {key: each for key, each in self._faults.items() if key[0] and key[0] not in topics}
        self._start(places)

    def _start(self, places: Sequence[TopicPartition]) -> None:
        """Begin to fetch these partitions."""
        ends = self._ends(places)
        self._consumer.assign(
            [
                TopicPartition(each.topic, each.partition, ends.get((each.topic, each.partition), OFFSET_INVALID))
                for each in places
            ]
        )
        # librdkafka keeps a partition paused that was so when it was taken away.
        self._consumer.resume(places)
        self._paused = False
        self._delivered.update(ends)
        if ends and self.options.auto_commit:
            self._confirm()
            self._consumer.commit(
                offsets=[TopicPartition(topic, partition, offset) for (topic, partition), offset in ends.items()],
                asynchronous=True,
            )

    def _ends(self, places: Sequence[TopicPartition]) -> dict[Place, int]:
        """The ends of those partitions that begin there, because nothing is committed.

        Such an end counts as handed out. Otherwise, whenever the group shares out its partitions before the first commit,
        the end would be looked for again and the records in between would be missed.
        """
        if self.options.reset != "latest" or not places:
            return {}
        try:
            committed = self._consumer.committed(list(places), timeout=BEGIN_SECONDS)
            fresh = [TopicPartition(each.topic, each.partition, OFFSET_END) for each in committed if each.offset < 0]
            ends = self._consumer.offsets_for_times(fresh, timeout=BEGIN_SECONDS) if fresh else []
        except KafkaException:
            # librdkafka finds out itself, or tells why it cannot.
            return {}
        return {(each.topic, each.partition): each.offset for each in ends if each.error is None and each.offset >= 0}

    def _on_revoke(self, _: Any, places: Sequence[TopicPartition]) -> None:
        self._forget({(each.topic, each.partition) for each in places})

    def _forget(self, places: Iterable[Place] | None = None) -> None:
        """Drop what was fetched of these partitions, or of all: they are not ours any more or go on elsewhere."""
        self._epoch += 1
        if places is None:
            self._pending.clear()
            self._delivered.clear()
            self._faults.clear()
            self._next.clear()
        else:
            lost = set(places)
            self._pending = deque(each for each in self._pending if (each.topic(), each.partition()) not in lost)
            for place in lost:
                self._delivered.pop(place, None)
                self._faults.pop(place, None)
                self._next.pop(place, None)
        self._refused = []
        self._pending_bytes = sum(map(_size, self._pending))

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
        wanted = list(topics) if pattern is None else [_expression(pattern)]
        try:
            self._consumer.subscribe(wanted, on_assign=self._on_assign, on_revoke=self._on_revoke)
        except KafkaException as failure:
            if pattern is not None and failure.args[0].code() == KafkaError._INVALID_ARG:
                raise _wrong_pattern(pattern) from None
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
            self._consumer = Consumer(self._settings)
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
                TopicPartition(topic, partition, offset) for (topic, partition), offset in self._delivered.items()
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
                raise self._failed(each.error, f"Partition {each.partition} of topic {each.topic}")
        if offsets is None:
            self._confirm()
            self._delivered.clear()

    def committed(self, places: Sequence[Place] | None, seconds: float) -> list[tuple[str, int, int, str]]:
        """Topic, partition, committed offset and metadata, of those partitions that have one; None: of this instance's.

        Raises:
            GatewayError: Kafka did not tell.
        """
        asked = self.assignment() if places is None else places
        if not asked:
            return []
        found = self._consumer.committed([TopicPartition(*place) for place in asked], timeout=seconds)
        for each in found:
            if each.error is not None:
                raise self._failed(each.error, f"Partition {each.partition} of topic {each.topic}")
        return [(each.topic, each.partition, each.offset, each.metadata or "") for each in found if each.offset >= 0]

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
            self._next[position[:2]] = position[2]

    def seek_to(self, moments: Sequence[tuple[str, int, int]], seconds: float) -> None:
        """Go on reading at the first record of each partition that is not older than the moment, in ms.

        OFFSET_BEGINNING and OFFSET_END are moments too. What they are is asked for here: librdkafka would ask later, half
        a second if it was on its way elsewhere, and records that came meanwhile would be missed.

        Raises:
            GatewayError: a partition is not this instance's, or Kafka did not tell.
        """
        self._require_own((topic, partition) for topic, partition, _ in moments)
        found = self._offsets_for(moments, seconds)
        missing = [(topic, partition, OFFSET_END) for topic, partition, offset in found if offset < 0]
        if missing:
            found = [each for each in found if each[2] >= 0] + self._offsets_for(missing, seconds)
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

    def _offsets_for(self, moments: Sequence[tuple[str, int, int]], seconds: float) -> list[tuple[str, int, int]]:
        if not moments:
            return []
        found = self._consumer.offsets_for_times([TopicPartition(*each) for each in moments], timeout=seconds)
        for each in found:
            if each.error is not None:
                raise self._failed(each.error, f"Partition {each.partition} of topic {each.topic}")
        return [(each.topic, each.partition, each.offset) for each in found]


def _refusal(hold: Callable[[int], None], size: int) -> GatewayError | None:
    try:
        hold(size)
    except GatewayError as error:
        return error
    return None


def _size(message: Any) -> int:
    return len(message) + len(message.key() or b"")


def _expression(pattern: str) -> str:
    """A pattern of topics as librdkafka takes it: a POSIX expression of the whole name.

    Counts in braces and references to groups are refused: the C library needs memory and time without bound for some.

    Raises:
        GatewayError: it has something that is not supported.
    """
    if len(pattern) > _LONGEST_PATTERN or "(?" in pattern:
        raise _wrong_pattern(pattern)
    pieces = _PIECE.findall(_LAZY.sub(r"\1", pattern))
    if "".join(pieces) != _LAZY.sub(r"\1", pattern) or any(not " " <= each <= "~" for each in pattern):
        raise _wrong_pattern(pattern)
    parts: list[str] = []
    dash, in_brackets = "", False
    for piece in pieces:
        if not in_brackets:
            in_brackets = piece == "["
            parts.append(_CLASSES.get(piece, piece))
        elif piece == "]":
            # An escaped dash stands where POSIX takes it for itself.
            parts.append(dash + "]")
            dash, in_brackets = "", False
        elif piece == r"\-":
            dash = "-"
        elif piece == "[" or (piece.startswith("\\") and piece not in _CLASSES_IN_BRACKETS):
            raise _wrong_pattern(pattern)
        else:
            parts.append(_CLASSES_IN_BRACKETS.get(piece, piece))
    return "^(" + "".join(parts) + ")$"


def _wrong_pattern(pattern: str) -> GatewayError:
    return unprocessable(
        f"topic_pattern {pattern[:50]!r}: is not a regular expression that can be used here: literals, '.', classes in "
        r"brackets, \d \w \s, groups, '|', '*', '+' and '?', at most 500 characters."
    )


__all__ = ["OFFSET_BEGINNING", "OFFSET_END", "OFFSET_INVALID", "Instance", "Options", "Taken", "conflict"]
