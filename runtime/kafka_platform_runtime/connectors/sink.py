"""The loop of a sink: reads in order, delivers, writes what was refused to the dead-letter topic, and only then commits."""

import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import replace

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from kafka_platform_runtime.connection import Complaints, Connection
from kafka_platform_runtime.connectors.dead_letters import DeadLetters
from kafka_platform_runtime.connectors.look import look
from kafka_platform_runtime.connectors.meter import Meter
from kafka_platform_runtime.connectors.pauses import Pauses
from kafka_platform_runtime.connectors.records import Outcome, Record, Target
from kafka_platform_runtime.connectors.settings import Connector
from kafka_platform_runtime.failures import Transient, sentence
from kafka_platform_runtime.supervision import WATCH, whereabouts

SESSION_SECONDS = 10.0
"""After a crash, other members get the partitions after as long."""
HEARTBEATS = 4
"""So many fit into a session: one that is late is no lost member."""
HANGING_SECONDS = 240.0
"""How long one delivery may take; the group waits for longer (POLL_SECONDS)."""
POLL_SECONDS = 300.0
IDLE_SECONDS = 0.2
TAKE_SECONDS = 1.0
"""How long it reads on at a time while a batch is not complete."""
FETCHED_KILOBYTES = 16 * 1024
"""What is read ahead, for all partitions."""

Place = tuple[str, int]


class Sink:
    """Moves records from Kafka to a target until told to stop.

    A partition's records are delivered one batch after the other, so that those of a key arrive in their order. What is
    in hand when the program dies is read again, as it is not committed.
    """

    def __init__(
        self, connector: Connector, connection: Connection, target: Target, meter: Meter, stop: threading.Event
    ) -> None:
        self._connector, self._target, self._meter, self._stop = connector, target, meter, stop
        self._servers = connection.bootstrap_servers
        self._complaints = Complaints()
        self._owned: set[Place] = set()
        """The partitions of this member. Only callbacks of `poll` and `consume` change it, in this thread."""
        self._early: list[Record] = []
        """Records that arrived while the partitions were being paused."""
        self._largest = 16 * 1024
        """Bytes of the largest record that came with the last ones."""
        self._pauses = Pauses()
        self._paused: set[Place] = set()
        """Partitions that are paused, also those of them that another member has now: they still are when they come back."""
        self._is_shut_out = False
        """Whether Kafka refused it the group or a topic when it last said something."""
        self._dead_letters = DeadLetters(connection, connector.dead_letters, connector.name)
        self._consumer = Consumer(
            connection.confluent(
                self._complaints,
                group_id=connector.group,
                enable_auto_commit=False,
                # A new group begins with what is there: nothing is lost.
                auto_offset_reset="earliest",
                isolation_level="read_committed",
                partition_assignment_strategy="cooperative-sticky",
                session_timeout_ms=int(SESSION_SECONDS * 1000),
                heartbeat_interval_ms=int(SESSION_SECONDS * 1000 / HEARTBEATS),
                max_poll_interval_ms=int(POLL_SECONDS * 1000),
                queued_max_messages_kbytes=FETCHED_KILOBYTES,
                allow_auto_create_topics=False,
            )
            | {"on_commit": self._committed}
        )

    def run(self) -> None:
        """The loop; returns when told to stop, with everything delivered committed."""
        self._consumer.subscribe(
            self._connector.topics, on_assign=self._assigned, on_revoke=self._revoked, on_lost=self._revoked
        )
        try:
            with WATCH.heart("The sink", HANGING_SECONDS) as beat:
                self._open(beat)
                while not self._stop.is_set():
                    beat()
                    batch = self._take(beat)
                    for part in parts(batch, self._connector.batch.bytes):
                        if not self._deliver(part, beat):
                            break
        finally:
            self._consumer.close()
            self._target.close()

    def _open(self, beat: Callable[[], None]) -> None:
        while not self._stop.is_set():
            try:
                look(self._consumer, self._connector.topics, self._complaints, self._servers)
                self._target.open()
            except Transient as failure:
                self._meter.failed(str(failure))
                self._wait(self._pauses.next(), beat)
            else:
                self._pauses.reset()
                self._meter.works()
                return

    def _take(self, beat: Callable[[], None]) -> list[Record]:
        """A batch: complete, or what came in its time; nothing, if nothing came for a moment."""
        self._resume()
        batch = self._connector.batch
        until = time.monotonic() + batch.wait
        size = sum(each.size for each in self._early)
        while not self._stop.is_set():
            beat()
            left = min(until - time.monotonic(), TAKE_SECONDS)
            if len(self._early) >= batch.records or size >= batch.bytes or left <= 0:
                break
            # As many as fit if they are as large as these: the client's buffer fills again while it is emptied.
            usual = max(self._largest, size // max(1, len(self._early)), 1)
            most = min(batch.records - len(self._early), max(1, (batch.bytes - size) // usual))
            messages = self._consumer.consume(most, left)
            found = self._records(messages)
            self._largest = max((each.size for each in found), default=self._largest)
            self._early += found
            size += sum(each.size for each in found)
            if self._is_shut_out and self._owned and all(each.error() is None for each in messages):
                self._is_shut_out = False
                self._meter.works()
            if not self._early:
                break
        early, self._early = self._early, []
        return [each for each in early if each.place in self._owned]

    def _records(self, messages: Iterable[Message]) -> list[Record]:
        found = []
        for message in messages:
            error = message.error()
            if error is None:
                found.append(record_of(message))
            elif error.code() != KafkaError._PARTITION_EOF:
                self._is_shut_out = True
                self._meter.failed(f"Kafka: {self._complaints.why(error, self._servers)}")
        return found

    def _deliver(self, batch: Sequence[Record], beat: Callable[[], None]) -> bool:
        """Whether all that is still this member's arrived."""
        left = [each for each in batch if each.place in self._owned]
        # Of these, the next member begins where the last commit was: nothing of them may be committed here.
        gone = {each.place for each in batch} - {each.place for each in left}
        ends: dict[Place, int] = {}
        while left:
            left, outcome = self._try(left, beat)
            ends |= {place: max(end, ends.get(place, 0)) for place, end in outcome.ends.items()}
            if not left:
                break
            self._meter.failed(outcome.trouble)
            self._wait(self._pauses.next(outcome.wait), beat)
            gone |= {each.place for each in left} - self._owned
            left = [each for each in left if each.place not in gone]
            if self._stop.is_set():
                self._commit(batch, left, gone, ends)
                return False
        self._pauses.reset()
        self._meter.works()
        self._commit(batch, (), gone, ends)
        return True

    def _try(self, records: Sequence[Record], beat: Callable[[], None]) -> tuple[list[Record], Outcome]:
        """One attempt: the records that are left, also those that did not become dead letters, and what became of all."""
        outcome = self._attempt(records)
        unwritten, why = self._dead_letters.write(outcome.refused, lambda: self._idle(beat))
        again = {id(each) for each in outcome.left} | {id(each.record) for each in unwritten}
        refused = {id(each.record) for each in outcome.refused}
        arrived = [each for each in records if id(each) not in again and id(each) not in refused]
        self._meter.refused(len(outcome.refused) - len(unwritten))
        if arrived:
            self._meter.delivered(len(arrived), sum(each.size for each in arrived))
        return [each for each in records if id(each) in again], replace(outcome, trouble=why or outcome.trouble)

    def _attempt(self, records: Sequence[Record]) -> Outcome:
        try:
            return self._target.deliver(records)
        except Transient as failure:
            return Outcome(left=records, trouble=str(failure))
        except Exception as error:  # a fault of this program must lose nothing
            return Outcome(left=records, trouble=f"unexpected {whereabouts(error)}")

    def _wait(self, seconds: float, beat: Callable[[], None]) -> None:
        """Wait, and stay a member of the group meanwhile."""
        rounds = max(1, round(seconds / IDLE_SECONDS))
        for _ in range(rounds):
            if not self._idle(beat):
                return

    def _idle(self, beat: Callable[[], None]) -> bool:
        """A moment in which nothing is read; whether to go on."""
        beat()
        self._pause()
        message = self._consumer.poll(IDLE_SECONDS)
        self._pause()  # what has been assigned just now
        if message is not None:
            self._early += self._records([message])
        return not self._stop.is_set()

    def _pause(self) -> None:
        self._paused |= self._owned
        self._consumer.pause([TopicPartition(*place) for place in self._owned])

    def _resume(self) -> None:
        back = self._paused & self._owned
        if back:
            self._paused -= back
            self._consumer.resume([TopicPartition(*place) for place in back])

    def _commit(
        self, batch: Sequence[Record], left: Sequence[Record], gone: Set[Place], known: Mapping[Place, int]
    ) -> None:
        """Everything before the first record that is left, or what the target knows; `close` waits for what is under way."""
        ends = {each.place: each.offset + 1 for each in batch if each.place in self._owned - gone}
        for each in reversed(left):
            ends[each.place] = each.offset
        if known:
            behind = {each.place for each in left}
            ends = {place: known[place] for place in ends if place in known and place not in behind}
        if not ends:
            return
        try:
            offsets = [TopicPartition(*place, offset) for place, offset in ends.items()]
            self._consumer.commit(offsets=offsets, asynchronous=True)
        except KafkaException as failure:  # they will be delivered twice
            self._meter.failed(f"Kafka did not keep the offsets: {sentence(failure.args[0])}")

    def _committed(self, error: KafkaError | None, _: Sequence[TopicPartition]) -> None:
        if error is not None:
            self._meter.say("commit", f"Kafka did not keep the offsets: {sentence(error)}")

    def _assigned(self, _: Consumer, partitions: Sequence[TopicPartition]) -> None:
        self._owned |= {(each.topic, each.partition) for each in partitions}

    def _revoked(self, _: Consumer, partitions: Sequence[TopicPartition]) -> None:
        gone = {(each.topic, each.partition) for each in partitions}
        self._owned -= gone
        self._early = [each for each in self._early if each.place not in gone]


def record_of(message: Message) -> Record:
    """A message of the client."""
    headers = message.headers()
    return Record(
        topic=message.topic() or "",
        partition=message.partition() or 0,
        offset=message.offset() or 0,
        timestamp=message.timestamp()[1],
        key=message.key(),
        value=message.value(),
        headers=tuple(headers.items()) if isinstance(headers, dict) else tuple(headers or ()),
    )


def parts(records: Sequence[Record], most_bytes: int) -> list[list[Record]]:
    """Records in their order, in parts of at most so many bytes."""
    found: list[list[Record]] = []
    size = 0
    for each in records:
        if not found or size + each.size > most_bytes:
            found.append([])
            size = 0
        found[-1].append(each)
        size += each.size
    return found
