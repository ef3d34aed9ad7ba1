"""Whether Kafka answers, asked without credentials."""

import asyncio
import contextlib
import ssl
import struct

from kafka_platform_runtime.gateway.settings import Kafka

PROBE_SECONDS = 5.0
"""Pause between two looks, and how long one may take."""
API_VERSIONS = 18
"""The one request that Kafka answers before a login (KIP-35, KIP-43)."""


class KafkaProbe:
    """Knows whether a broker answers.

    Args:
        kafka: where Kafka listens.
    """

    def __init__(self, kafka: Kafka) -> None:
        self._addresses = [each.strip() for each in kafka.bootstrap_servers.split(",") if each.strip()]
        self._tls = ssl.create_default_context(cafile=kafka.ca_file) if kafka.security_protocol.has_tls else None
        self.reason: str | None = "Kafka was not asked yet"

    async def run(self) -> None:
        """Look again and again, until cancelled."""
        while True:
            self.reason = await self._look()
            await asyncio.sleep(PROBE_SECONDS if self.reason is None else 1)

    async def _look(self) -> str | None:
        for address in self._addresses:
            with contextlib.suppress(OSError, TimeoutError, ValueError, EOFError, struct.error):
                async with asyncio.timeout(PROBE_SECONDS):
                    await self._ask(address)
                    return None
        return f"Kafka does not answer at {', '.join(self._addresses)}"

    async def _ask(self, address: str) -> None:
        host, _, port = address.rpartition(":")
        reader, writer = await asyncio.open_connection(host.strip("[]"), int(port), ssl=self._tls)
        try:
            head = struct.pack(">hhih", API_VERSIONS, 0, 1, -1)
            writer.write(struct.pack(">i", len(head)) + head)
            await reader.readexactly(8)
        finally:
            writer.close()
