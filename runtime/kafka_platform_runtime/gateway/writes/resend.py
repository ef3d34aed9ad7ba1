"""Records that Kafka refused together with others of their batch: each is sent again, alone.

Kafka's client gathers records of several requests into one batch, and a broker refuses a batch as a whole. Nothing of it
was written then, and who was at fault is known only of a record that was refused alone.
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
"""Callers who have such a producer at a time: each has a connection to every broker."""
MOST_RECORDS = 20_000
"""Records of a caller that wait to be sent again; further ones are answered 503. A request has half as many at most."""
IDLE_SECONDS = 10.0
"""After so long without a refused batch the producer is closed."""
POLL_SECONDS = 0.001
"""Pause between two looks for acknowledgements."""
IN_FLIGHT = 5
"""Requests to a broker at a time, as the usual producer has. A broker answers them one by one."""
_DONE_OR_NOT = frozenset({KafkaError._TRANSPORT, KafkaError._TIMED_OUT})
"""What the client says of a record whose acknowledgement did not come; this producer does not try again by itself."""

Settled = Callable[[KafkaError | None, Any], None]


class Again(NamedTuple):
    """A record to send again."""

    topic: str
    partition: int
    value: bytes | None
    key: bytes | None
    timestamp: int | None
    headers: list[tuple[str, str | bytes | None]] | None
    settled: Settled
    """Told its fate, which is final."""


class _Alone:
    """A caller's records, and the producer that makes a batch of each of them."""

    def __init__(self) -> None:
        self.waiting: deque[Again] = deque()
        self.under_way = 0
        self.channels: set[Channel] = set()
        """Whose requests wait for these records."""
        self.woken = asyncio.Event()

    @property
    def count(self) -> int:
        return len(self.waiting) + self.under_way


class Resender:
    """Sends refused records again, those of a caller and partition in their order.

    Args:
        metrics: say how many there are.
        look: called when the fate of some records is known that were handed to this producer before.
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
        """Send a record again; false if that is not possible, and nothing was done."""
        alone = self._callers.get(caller)
        if alone is None:
            if len(self._callers) >= MOST_CALLERS:
                return False
            try:
                asyncio.get_running_loop()
            except RuntimeError:
                return False  # the gateway is ending: its producers are flushed in another thread
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
        """End, whatever is under way."""
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
                # Without retries and numbers of batches: a refused batch makes the client begin its numbers anew, which
                # takes much longer than the refusal. A record whose answer is lost is answered as unknown.
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
            # Kafka does not take the credentials any more.
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
