"""Asks a web service at intervals, and writes what is new."""

import time
import urllib.parse
from collections.abc import Sequence
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from kafka_platform_runtime.connection import Connection
from kafka_platform_runtime.connectors.members import Path, key_at, member
from kafka_platform_runtime.connectors.positions import Positions
from kafka_platform_runtime.connectors.records import Received
from kafka_platform_runtime.connectors.settings import Connector, Secrets, Section
from kafka_platform_runtime.connectors.web import Web, WebSettings
from kafka_platform_runtime.failures import Refused, Transient


class Cursor(Section, frozen=True, kw_only=True):
    """How the service is asked for what came after the last answer."""

    parameter: str
    """Of the query, which has the cursor."""
    answer: Path | None = None
    """Where an answer has the next cursor."""
    item: Path | None = None
    """Where an item has it; that of the last one is the next cursor."""


class Settings(WebSettings, frozen=True, kw_only=True):
    """Of this kind."""

    interval: Annotated[float, Meta(ge=0.05, le=86400)] = 60.0
    """Seconds from one question to the next. While the cursor moves, the next comes at once."""
    items: Path | None = None
    """Where an answer has its items. Default: an answer that is an array has them, any other is one item."""
    key: Path | None = None
    """Where an item has the key of its record. Default: none."""
    cursor: Cursor | None = None
    """Default: each answer is written if its ETag has changed, or it has none."""


class _Position(msgspec.Struct):
    etag: str | None = None
    cursor: str | None = None


class Poll:
    """A service that is asked. The position is kept when Kafka has everything before it."""

    def __init__(self, settings: Settings, secrets: Secrets, positions: Positions) -> None:
        self._settings, self._positions = settings, positions
        self._web = Web(settings, secrets)
        self._position = _Position()
        self._next: _Position | None = None
        """Position after the answer that is being written; None: nothing is."""
        self._left = 0
        """Items of it that Kafka does not have yet."""
        self._due = 0.0

    def open(self) -> None:
        """Find the position."""
        text = self._positions.read()
        try:
            self._position = msgspec.json.decode(text, type=_Position) if text else _Position()
        except msgspec.MsgspecError:
            raise Transient("the position in the group was not written by a connector: use another group") from None
        self._next, self._left = None, 0

    def receive(self, seconds: float) -> Sequence[Received]:
        """Asks, if it is time and Kafka has what came before."""
        if self._next is not None or time.monotonic() < self._due:
            time.sleep(seconds)
            return ()
        self._due = time.monotonic() + self._settings.interval
        items, self._next = self._ask()
        self._left = len(items)
        if not items:
            self._kept()
        return items

    def acknowledge(self, received: Sequence[Received]) -> None:
        """Kafka has these."""
        self._left -= len(received)
        if not self._left:
            self._kept()

    def close(self) -> None:
        """End the connection."""
        self._web.close()

    def _kept(self) -> None:
        after, self._next = self._next, None
        if after is None:
            return
        self._positions.write(msgspec.json.encode(after).decode())
        if after.cursor != self._position.cursor:
            self._due = 0.0
        self._position = after

    def _ask(self) -> tuple[list[Received], _Position]:
        position, cursor = self._position, self._settings.cursor
        url = self._settings.url
        if cursor is not None and position.cursor is not None:
            url += ("&" if "?" in url else "?") + urllib.parse.urlencode({cursor.parameter: position.cursor})
        conditional = {"if-none-match": position.etag} if position.etag is not None and cursor is None else {}
        answer = self._web.ask("GET", url, headers=conditional)
        if answer.status == 304:
            return [], position
        if not 200 <= answer.status < 300:
            raise Transient(answer.reason)
        etag = answer.headers.get("etag") if cursor is None else None
        if not answer.body:
            return [], _Position(etag=etag, cursor=position.cursor)
        try:
            found = msgspec.json.decode(answer.body)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise Transient(f"its answer is not JSON: {error}") from None
        items = self._items(found)
        made = [Received(key=key_at(each, self._settings.key), value=msgspec.json.encode(each)) for each in items]
        return made, _Position(etag=etag, cursor=self._cursor(found, items) or position.cursor)

    def _items(self, found: Any) -> list[Any]:
        if self._settings.items is None:
            return found if isinstance(found, list) else [found]
        items = member(found, self._settings.items)
        if not isinstance(items, list):
            raise Transient(f"its answer has no array in {self._settings.items}")
        return items

    def _cursor(self, answer: Any, items: Sequence[Any]) -> str | None:
        cursor = self._settings.cursor
        if cursor is None:
            return None
        if cursor.answer is not None:
            found = member(answer, cursor.answer)
        else:
            found = member(items[-1], cursor.item or "") if items else None
        if found is None or isinstance(found, str):
            return found
        return msgspec.json.encode(found).decode()


def origin(settings: Settings, secrets: Secrets, connector: Connector, connection: Connection) -> Poll:
    """The origin of a connector."""
    cursor = settings.cursor
    if cursor is not None and (cursor.answer is None) == (cursor.item is None):
        raise Refused(["CONNECTOR_FILE: settings: cursor: needs one of answer and item"])
    return Poll(settings, secrets, Positions(connector, connection))
