"""Whether Kafka answers, checked without credentials."""

import asyncio
import contextlib

from kafka_platform_runtime.gateway.callers.login import UNREACHABLE, Api, Brokers
from kafka_platform_runtime.supervision import WATCH

PROBE_SECONDS = 5.0
"""Pause between two checks, and how long one may take."""
HUNG_SECONDS = 120.0
"""A check takes as long as all brokers together may take."""


class KafkaProbe:
    """Knows whether a broker answers.

    Args:
        brokers: the ones to ask.
    """

    def __init__(self, brokers: Brokers) -> None:
        self._brokers = brokers
        self.reason: str | None = "Kafka was not asked yet"

    async def run(self) -> None:
        """Check repeatedly, until cancelled."""
        with WATCH.heart("The look at Kafka", HUNG_SECONDS) as beat:
            while True:
                beat()
                self.reason = await self._look()
                await asyncio.sleep(PROBE_SECONDS if self.reason is None else 1)

    async def _look(self) -> str | None:
        for address in self._brokers.addresses:
            with contextlib.suppress(*UNREACHABLE):
                async with self._brokers.line(address, PROBE_SECONDS) as line:
                    # The only request that Kafka answers before a login and that has no effect (KIP-35, KIP-43).
                    await line.ask(Api.API_VERSIONS, 0, b"")
                    return None
        return f"{await self._brokers.silence()} ({', '.join(self._brokers.addresses)})"
