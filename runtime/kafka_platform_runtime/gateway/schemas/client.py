"""The schema registry's API, as far as the gateway reads it. It never writes there, and calls no other address."""

import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

import aiohttp
import msgspec

from kafka_platform_runtime.gateway.errors import GatewayError, retry_after
from kafka_platform_runtime.gateway.settings import Registry

ANSWER_SECONDS = 5.0
"""How long the registry may take, connecting included."""
MOST_BYTES = 1024 * 1024
"""Of an answer: a schema has 256 KiB at most, and its text is escaped there."""
CONNECTIONS = 8
"""Questions at a time; others wait for their turn within the time that they have."""
TYPE = "application/vnd.schemaregistry.v1+json"


class Client:
    """Asks the registry as the gateway's own user.

    Args:
        settings: where it is, and the files of the login, which are read for every question.
    """

    def __init__(self, settings: Registry) -> None:
        self._settings = settings
        self._session: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        """End its connections."""
        if self._session is not None:
            await self._session.close()

    async def schema(self, number: int) -> Mapping[str, Any] | None:
        """The schema with this id; None if there is none."""
        return await self._ask("GET", f"/schemas/ids/{number}")

    async def version(self, subject: str, version: str | int = "latest") -> Mapping[str, Any] | None:
        """A version of a subject; None if there is none."""
        return await self._ask("GET", f"/subjects/{quote(subject, safe='')}/versions/{version}")

    async def find(self, subject: str, kind: str, text: str) -> Mapping[str, Any] | None:
        """The version of a subject that has this text; None if there is none. Nothing is registered."""
        return await self._ask("POST", f"/subjects/{quote(subject, safe='')}", {"schemaType": kind, "schema": text})

    async def _ask(self, method: str, path: str, content: Any = None) -> Mapping[str, Any] | None:
        try:
            async with self._open().request(
                method, self._settings.url + path, json=content, headers=self._headers(), allow_redirects=False
            ) as answer:
                body = await answer.content.read(MOST_BYTES + 1)
                while len(body) <= MOST_BYTES and (more := await answer.content.read(MOST_BYTES)):
                    body += more
                status = answer.status
        except (aiohttp.ClientError, TimeoutError, OSError) as failure:
            raise unavailable("does not answer") from failure
        if status == 404:
            return None
        if status != 200 or len(body) > MOST_BYTES:
            raise unavailable(f"answers {status}" if status != 200 else "answers too much")
        try:
            found: Mapping[str, Any] = msgspec.json.decode(body, type=dict[str, Any])
        except msgspec.MsgspecError as failure:
            raise unavailable("does not answer in its own way") from failure
        return found

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            file = self._settings.ca_file
            context: ssl.SSLContext | bool = True if file is None else ssl.create_default_context(cafile=file)
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=CONNECTIONS, ssl=context),
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=ANSWER_SECONDS),
            )
        return self._session

    def _headers(self) -> dict[str, str]:
        headers = {"accept": TYPE, "content-type": TYPE}
        folder = self._settings.login
        if folder is not None:
            name, password = ((Path(folder) / each).read_text().strip() for each in ("username", "password"))
            headers["authorization"] = aiohttp.BasicAuth(name, password, "utf-8").encode()
        return headers


def unavailable(why: str) -> GatewayError:
    """The registry cannot be asked at the moment."""
    return GatewayError(503, 50003, f"The schema registry {why}: try again.", [retry_after(1)])
