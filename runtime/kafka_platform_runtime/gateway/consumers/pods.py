"""The other pods of this gateway, and where they listen."""

import asyncio
import re
import socket
from collections.abc import Sequence
from dataclasses import dataclass

from yarl import URL

from kafka_platform_runtime.gateway.clock import now
from kafka_platform_runtime.gateway.settings import Settings, listed_peers

RESOLVE_SECONDS = 5.0
"""How long the name server may take."""
LOOK_SECONDS = 1.0
"""How long the list of other pods is valid: lookups of names that do not exist would otherwise load the name server."""
_ORDINAL = re.compile(r"0|[1-9][0-9]{0,4}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where a pod listens."""

    host: str
    port: int


class Absent(Exception):  # noqa: N818 - not an error: the answer to a question
    """The pod does not exist any more."""


class Pods:
    """The other pods: those listed, or those that the name server knows below a domain.

    Args:
        pod: this one.
        settings: the gateway's.
    """

    def __init__(self, pod: str, settings: Settings) -> None:
        self._pod = pod
        self._port = settings.port
        self._scheme = "http" if settings.tls is None else "https"
        peers = settings.peers
        listed = {} if peers is None else listed_peers(peers)
        self._listed = {pod: Address(host=host, port=port) for pod, (host, port) in listed.items()}
        self._domain = None if listed else peers
        self._looking = asyncio.Lock()
        self._looked_at = -LOOK_SECONDS
        self._seen: tuple[Sequence[Address], bool] = ((), False)

    @property
    def any(self) -> bool:
        """Whether there may be other pods."""
        return self._domain is not None or bool(self._listed)

    def address(self, pod: str) -> Address:
        """Where a pod listens.

        Raises:
            Absent: there is no such pod.
        """
        if self._domain is None:
            if pod not in self._listed:
                raise Absent
            return self._listed[pod]
        # Another pod of this StatefulSet, one label below its pods' domain: no name can lead anywhere else, not even
        # to what a search domain of the name server makes of it.
        stem, _, ordinal = pod.rpartition("-")
        if stem != self._pod.rpartition("-")[0] or not _ORDINAL.fullmatch(ordinal):
            raise Absent
        return Address(host=f"{pod}.{self._domain}", port=self._port)

    def url(self, address: Address, target: str) -> URL:
        """The URL of a path and query at a pod."""
        host = f"[{address.host}]" if ":" in address.host and not address.host.startswith("[") else address.host
        return URL(f"{self._scheme}://{host}:{address.port}{target}", encoded=True)

    async def everybody(self) -> tuple[Sequence[Address], bool]:
        """Where the other pods listen, and whether some of them may be unknown."""
        if self._domain is None:
            return [address for pod, address in self._listed.items() if pod != self._pod], False
        async with self._looking:
            if self._looked_at + LOOK_SECONDS <= now():
                self._seen = await self._look(self._domain)
                self._looked_at = now()
            return self._seen

    async def _look(self, domain: str) -> tuple[Sequence[Address], bool]:
        try:
            found = await self._resolve(domain)
        except TimeoutError:
            return (), True
        except socket.gaierror as failure:
            return (), failure.errno == socket.EAI_AGAIN
        try:
            own = await self._resolve(f"{self._pod}.{domain}")
        except (TimeoutError, socket.gaierror):
            # Then this pod also asks itself, and recognizes its own queries.
            own = set()
        return [Address(host=host, port=self._port) for host in sorted(found - own)], False

    async def _resolve(self, host: str) -> set[str]:
        async with asyncio.timeout(RESOLVE_SECONDS):
            found = await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_STREAM)
        return {str(address[4][0]) for address in found}
