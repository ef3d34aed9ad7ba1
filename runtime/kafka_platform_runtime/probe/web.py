"""Writes and reads probes through the HTTP gateway."""

import asyncio
import json
import ssl
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import aiohttp

from kafka_platform_runtime.connection import Connection
from kafka_platform_runtime.failures import Rejected, Transient
from kafka_platform_runtime.probe.tally import Mark, Tally, Way

JSON = "application/vnd.kafka.json.v2+json"
WRITE_SECONDS = 40.0
"""How long a write may take: the gateway itself answers within 30 s, unless its `limits.timeout` differs."""
HEARTBEAT_SECONDS = 5
"""How long an idle stream may be silent."""
SILENT_SECONDS = 20.0
"""After this long without a heartbeat the stream is dead, whatever TCP says."""
SHORTEST_PAUSE = 0.2
LONGEST_PAUSE = 2.0
GONE = 416
"""The records at the cursor were deleted, or the topic was made anew."""


class Web:
    """Talks to the gateway as the connection's Kafka user.

    Args:
        url: of the gateway.
        authority: file with the authority that signed its certificate; None: the usual public ones.
        connection: the login.
        topic: of the probes.
        say: receives failures, in one line each.
    """

    def __init__(
        self, url: str, authority: Path | None, connection: Connection, topic: str, say: Callable[[str], None]
    ) -> None:
        self._url = f"{url}/topics/{topic}"
        self._say = say
        self.errors = 0
        """How often the stream ended or could not be opened."""
        self.reading = False
        """Whether the stream is open."""
        self._connection = connection
        self._tokens = connection.tokens()
        tls = ssl.create_default_context(cafile=authority) if authority is not None else True
        self._session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=tls, limit=0), read_bufsize=2**20)

    async def write(self, tally: Tally, partition: int, due: float) -> None:
        """Send the next probe to a partition and wait for its outcome, which the tally receives."""
        mark = tally.send(Way.HTTP, partition, due)
        body = b'{"records":[{"value":%b,"partition":%d}]}' % (mark.record(), partition)
        try:
            async with self._session.post(
                self._url,
                data=body,
                headers={"Content-Type": JSON, **await self._login()},
                timeout=aiohttp.ClientTimeout(total=WRITE_SECONDS),
            ) as answer:
                content = await answer.json(content_type=None)
                now = time.monotonic()
                entry = _entry(content)
                if answer.status == 200 and "offset" in entry:
                    tally.acknowledge(Way.HTTP, partition, mark.number, int(entry["offset"]), now)
                    return
                reason = f"{answer.status}: {entry.get('error') or entry.get('message') or 'no reason'}"
        except (aiohttp.ClientError, TimeoutError, ValueError, Rejected, Transient) as failure:
            reason = _told(failure)
        tally.fail(Way.HTTP, partition, mark.number)
        self._say(f"http: a probe was not acknowledged: {reason}")

    async def read(self, tally: Tally, ends: Mapping[int, int]) -> None:
        """Read from these offsets on, until cancelled; a broken stream is resumed."""
        cursor = ",".join(f"{partition}:{offset}" for partition, offset in sorted(ends.items()))
        pause = SHORTEST_PAUSE
        while True:
            reason = "the gateway ended it"
            try:
                async for kind, at, data in self._events(cursor):
                    pause = SHORTEST_PAUSE
                    if kind == "error":
                        reason = f"{data.get('error_code')}: {data.get('message')}"
                        if str(data.get("error_code")).startswith(str(GONE)):
                            at = self._rewind(tally, ends)
                    elif kind == "gap":
                        tally.passed(Way.HTTP, int(data["partition"]), int(data["to"]))
                    elif kind == "records":
                        value = None if data.get("format") == "binary" else Mark.of(data.get("value"))
                        tally.read(Way.HTTP, int(data["partition"]), int(data["offset"]), value, time.monotonic())
                    cursor = at or cursor
            except _Refused as refused:
                reason = str(refused)
                cursor = self._rewind(tally, ends) if refused.status == GONE else cursor
            except (aiohttp.ClientError, TimeoutError, ValueError, KeyError, Rejected, Transient) as failure:
                reason = _told(failure)
            self.reading = False
            self.errors += 1
            self._say(f"http: the stream ended: {reason}")
            await asyncio.sleep(pause)
            pause = min(LONGEST_PAUSE, pause * 2)

    def _rewind(self, tally: Tally, partitions: Iterable[int]) -> str:
        for partition in partitions:
            tally.rewind(Way.HTTP, partition)
        return "earliest"

    async def _login(self) -> dict[str, str]:
        """The header by which the gateway knows the probe: its password, or a token that is still valid."""
        if self._tokens is not None:
            token = await asyncio.to_thread(self._tokens.token)
            return {"Authorization": f"Bearer {token}"}
        if self._connection.username is None:
            return {}
        password = self._connection.password or ""
        return {"Authorization": aiohttp.BasicAuth(self._connection.username, password, "utf-8").encode()}

    async def close(self) -> None:
        """Close the connections."""
        await self._session.close()

    async def _events(self, cursor: str) -> AsyncIterator[tuple[str, str | None, dict[str, Any]]]:
        """Type, id and data of each Server-Sent Event."""
        async with self._session.get(
            f"{self._url}/stream",
            params={"from": cursor, "format": "json", "heartbeat": str(HEARTBEAT_SECONDS)},
            headers={"Accept": "text/event-stream", **await self._login()},
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=5, sock_read=SILENT_SECONDS),
        ) as answer:
            if answer.status != 200:
                entry = _entry(await answer.json(content_type=None))
                raise _Refused(answer.status, f"{answer.status}: {entry.get('message', 'no reason')}")
            self.reading = True
            kind, at, data = "records", None, ""
            async for raw in answer.content:
                line = raw.decode().rstrip("\r\n")
                name, _, value = line.partition(":")
                value = value.removeprefix(" ")
                if not line:
                    if data:
                        yield kind, at, json.loads(data)
                    elif at is not None:
                        yield "cursor", at, {}
                    kind, at, data = "records", None, ""
                elif name == "event":
                    kind = value
                elif name == "id":
                    at = value
                elif name == "data":
                    data += value


class _Refused(Exception):  # noqa: N818 - an answer, not a malfunction
    def __init__(self, status: int, text: str) -> None:
        self.status = status
        super().__init__(text)


def _entry(content: Any) -> dict[str, Any]:
    """The only record's entry in a response, or the response itself if it is an error."""
    entries = content.get("offsets") if isinstance(content, dict) else None
    found = entries[0] if isinstance(entries, list) and entries else content
    return found if isinstance(found, dict) else {}


def _told(failure: BaseException) -> str:
    if isinstance(failure, TimeoutError):
        return "no answer in time"
    return str(failure) or type(failure).__name__
