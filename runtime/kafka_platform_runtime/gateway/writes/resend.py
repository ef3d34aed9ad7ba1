"""Records that Kafka refused together with others of their batch: each is resent alone.

Kafka's client gathers records of several requests into one batch, and a broker refuses a batch as a whole. Then none of
it was written, and only a record that was refused alone is known to be at fault.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any, NamedTuple

from confluent_kafka import KafkaError, KafkaException, Producer

from kafka_platform_runtime.gateway.callers.caller import Caller
from kafka_platform_runtime.gateway.callers.channel import Channel
from kafka_platform_runtime.gateway.errors import GatewayError
from kafka_platform_runtime.gateway.metrics import Metrics
from kafka_platform_runtime.supervision import WATCH

MOST_CALLERS = 64
"""Callers with such a producer at a time: each has a connection to every broker."""
MOST_RECORDS = 20_000
"""A caller's records that wait to be resent; further ones are answered 503. A request has at most half as many."""
IDLE_SECONDS = 10.0
"""Time without a refused batch after which the producer is closed."""
POLL_SECONDS = 0.001
"""Pause between two polls for acknowledgements."""
IN_FLIGHT = 5
"""Requests to a broker at a time, as with the usual producer. A broker answers them one by one."""
_DONE_OR_NOT = frozenset({KafkaError._TRANSPORT, KafkaError._TIMED_OUT})
"""The client's errors for a record whose acknowledgement did not arrive; this producer does not retry by itself."""

Settled = Callable[[KafkaError | None, Any], None]


class Again(NamedTuple):
    """A record to resend."""

    topic: str
    partition: int
    value: bytes | None
    key: bytes | None
    timestamp: int | None
    headers: list[tuple[str, str | bytes | None]] | None
    settled: Settled
    """Receives its outcome, which is final."""


class _Alone:
    """A caller's records, and the producer that makes each of them a batch."""

    def __init__(self) -> None:
        self.waiting: deque[Again] = deque()
        self.under_way = 0
        self.channels: set[Channel] = set()
        """The channels whose requests wait for these records."""
        self.woken = asyncio.Event()

    @property
    def count(self) -> int:
        return len(self.waiting) + self.under_way


class Resender:
    """Resends refused records, those of a caller and partition in their order.

    Args:
        metrics: count them.
        look: called when the outcome of some records that were handed to this producer before is known.
    """

    def __init__(self, metrics: Metrics, look: Callable[[Channel], None]) -> None:
        self._look = look
        self._callers: dict[Caller, _Alone] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        metrics.gauge(
            "gateway_records_sent_again",
            "Records that are being sent again because Kafka refused their batch.",
            lambda: sum(each.count for each in list(self._callers.values())),
        )

    def send(self, caller: Caller, channel: Channel, record: Again) -> bool:
        """Resend a record; false if that is not possible, and nothing was done."""
        alone = self._callers.get(caller)
        if alone is None:
            if len(self._callers) >= MOST_CALLERS:
                return False
            try:
                asyncio.get_running_loop()
            except RuntimeError:
                return False  # the gateway is ending: another thread flushes its producers
            alone = self._callers[caller] = _Alone()
            task = WATCH.errand(f"records of {caller.username} again", self._run(caller, alone), awaited=False)
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        if alone.count >= MOST_RECORDS:
            return False
        alone.waiting.append(record)
        alone.channels.add(channel)
        alone.woken.set()
        return True

    async def close(self) -> None:
        """End, whatever is in progress."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    async def _run(self, caller: Caller, alone: _Alone) -> None:
        producer: Producer | None = None
        error = KafkaError(KafkaError._INVALID_DIFFERENT_RECORD)
        try:
            producer = await caller.made(lambda: self._producer(caller))
            while True:
                while alone.waiting:
                    self._hand_over(caller, alone, producer)
                if producer.poll(0) or not alone.count:
                    self._tell(alone)
                if alone.count:
                    await asyncio.sleep(POLL_SECONDS)
                    continue
                alone.channels.clear()
                alone.woken.clear()
                async with asyncio.timeout(IDLE_SECONDS):
                    await alone.woken.wait()
        except GatewayError:
            pass  # no further client can be made
        except KafkaException as failure:
            error = failure.args[0]
        except TimeoutError:
            pass  # idle
        finally:
            del self._callers[caller]
            for record in alone.waiting:
                record.settled(error, None)
            self._tell(alone)
            if producer is not None:
                caller.close_later("Closing a producer of refused records", producer.close)

    def _tell(self, alone: _Alone) -> None:
        for channel in list(alone.channels):
            self._look(channel)

    def _producer(self, caller: Caller) -> Producer:
        return Producer(
            caller.producing(
                # Without retries and sequence numbers: a refused batch makes the client restart its sequence, which
                # takes much longer than the refusal. A record whose answer is lost is reported as unknown.
                enable_idempotence=False,
                retries=0,
                batch_num_messages=1,
                linger_ms=0,
                max_in_flight=IN_FLIGHT,
            )
        )

    def _hand_over(self, caller: Caller, alone: _Alone, producer: Producer) -> None:
        record = alone.waiting.popleft()
        if caller.forgotten:
            # Kafka rejects the credentials.
            record.settled(KafkaError(KafkaError._PURGE_QUEUE), None)
            return

        def delivered(error: KafkaError | None, message: Any) -> None:
            alone.under_way -= 1
            if error is not None and error.code() in _DONE_OR_NOT:
                error = KafkaError(KafkaError.NETWORK_EXCEPTION)
            record.settled(error, message)

        more: dict[str, Any] = {}
        if record.timestamp is not None:
            more["timestamp"] = record.timestamp
        if record.headers is not None:
            more["headers"] = record.headers
        alone.under_way += 1
        try:
            producer.produce(record.topic, record.value, record.key, record.partition, on_delivery=delivered, **more)
        except KafkaException as failure:
            delivered(failure.args[0], None)
        except BufferError:
            delivered(KafkaError(KafkaError._QUEUE_FULL), None)
