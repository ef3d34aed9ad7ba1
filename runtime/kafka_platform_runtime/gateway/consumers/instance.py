"""One consumer instance: a Kafka consumer with its own thread that lives on between requests."""

import asyncio
from collections.abc import Callable
from typing import TypeVar

from confluent_kafka import KafkaException

from kafka_platform_runtime.gateway import errors
from kafka_platform_runtime.gateway.callers.caller import Caller
from kafka_platform_runtime.gateway.clock import now
from kafka_platform_runtime.gateway.consumers.faults import failed, no_instance, subject
from kafka_platform_runtime.gateway.consumers.fetched import Taken
from kafka_platform_runtime.gateway.consumers.group_consumer import GroupConsumer
from kafka_platform_runtime.gateway.consumers.keys import InstanceKey
from kafka_platform_runtime.gateway.consumers.login import OPEN_SECONDS
from kafka_platform_runtime.gateway.consumers.options import Options
from kafka_platform_runtime.gateway.errors import GatewayError
from kafka_platform_runtime.gateway.http import Gone
from kafka_platform_runtime.gateway.settings import Limits
from kafka_platform_runtime.gateway.unpacking import Copies
from kafka_platform_runtime.supervision import WATCH

T = TypeVar("T")

SLICE_SECONDS = 0.25
"""How long a read waits in the instance's thread before other requests on the instance get their turn."""
ROOM_SECONDS = 0.1
"""Pause before a read tries again to get room for its response."""


class Instance:
    """A consumer instance. Whatever touches the Kafka consumer runs in the instance's thread, one call at a time.

    Args:
        key: its owner, group and name.
        options: as requested by the caller.
        caller: whose login the consumer uses.
        limits: the gateway's.
        release: called once when the consumer is closed.
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
        self.consumer = GroupConsumer(key=key, options=options, caller=caller, limits=limits)
        """Call it only through `run`."""
        self._limits = limits
        self._release = release
        self._reading = asyncio.Lock()
        self._thread = WATCH.pool("consumer", 1)
        self._ticking = False

    @property
    def closed(self) -> bool:
        """Whether it has ended, or is about to end."""
        return self.consumer.closed

    async def run(self, work: Callable[[], T], seconds: float | None = None) -> T:
        """Do something in the instance's thread, after what is in progress there.

        Raises:
            GatewayError: it failed, or takes longer than the limit (and continues).
        """
        if self.closed:
            raise no_instance(self.key.group, self.key.name)
        return await self._in_thread(work, seconds or self._limits.timeout_seconds)

    async def _in_thread(self, work: Callable[[], T], seconds: float) -> T:
        try:
            async with asyncio.timeout(seconds):
                return await asyncio.get_running_loop().run_in_executor(self._thread, work)
        except TimeoutError:
            raise errors.timed_out(
                f"{subject(self.key)}: Kafka did not answer in time: unknown whether it was done."
            ) from None
        except KafkaException as failure:
            raise failed(failure.args[0], self.key) from None

    async def open(self) -> None:
        """Connect to Kafka and check that this caller may use the group.

        Raises:
            GatewayError: they may not, or Kafka does not answer.
        """
        await self.run(self.consumer.open, OPEN_SECONDS + 5)

    async def log_in(self, caller: Caller) -> None:
        """Continue with the owner's current credentials; open connections stay."""
        if caller is not self.consumer.login.caller:
            self.consumer.login.caller = caller
            await self.run(lambda: self.consumer.renew_login(caller))

    async def close(self, *, deliberate: bool) -> None:
        """Leave the group.

        Args:
            deliberate: whether the owner requested it and so has received what was handed out; otherwise the last
                response may not have arrived and is not committed.
        """
        if self.closed:
            return
        self.consumer.closed = True
        try:
            await asyncio.get_running_loop().run_in_executor(self._thread, self.consumer.close, deliberate)
        finally:
            self._release()
            self._thread.shutdown(wait=False)

    def tick(self) -> None:
        """Take part in the group although nobody reads; to be called repeatedly."""
        if self._ticking or self.closed or not self.consumer.is_open:
            return
        self._ticking = True

        def done() -> None:
            self._ticking = False

        WATCH.hand_over("Tick of a consumer", self._thread, self.consumer.tick, done)

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
            gone: done when the caller has left; what was taken out for it is put back.
            ending: set when the program ends: reads stop waiting.
            hold: counts the bytes of the response, or raises a GatewayError: then they stay here until there is room.

        Raises:
            GatewayError: there are none and none will come, the next one does not fit, or the response had no room.
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
            self.consumer.require_source()
            is_first = True
            while True:
                if self.closed:
                    raise no_instance(self.key.group, self.key.name)
                wait = 0.0 if ending.is_set() else min(until - now(), SLICE_SECONDS)
                with Copies() as copies:
                    taken = await loop.run_in_executor(
                        self._thread, self.consumer.take, most_bytes, max(wait, 0.0), is_first, copies
                    )
                    is_first = False
                    refusal = None if taken is None else _refusal(hold, len(taken.body))
                if taken is not None and refusal is None and not gone.done():
                    return taken
                if taken is not None and not self.closed:
                    await loop.run_in_executor(self._thread, self.consumer.put_back, taken)
                if gone.done():
                    raise Gone
                if refusal is not None:
                    if ending.is_set() or now() >= until:
                        raise refusal
                    await asyncio.sleep(ROOM_SECONDS)
                    continue
                if ending.is_set() or now() >= until:
                    self.consumer.require_progress()
                    return None
        except KafkaException as failure:
            raise failed(failure.args[0], self.key) from None
        finally:
            self._reading.release()


def _refusal(hold: Callable[[int], None], size: int) -> GatewayError | None:
    try:
        hold(size)
    except GatewayError as error:
        return error
    return None
