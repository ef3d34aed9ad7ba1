"""Where streams go: Server-Sent Events and WebSockets."""

import contextlib
import json
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from typing import Any

from kafka_platform_runtime.gateway import render
from kafka_platform_runtime.gateway.clock import now
from kafka_platform_runtime.gateway.cursor import Positions, parse, text_of
from kafka_platform_runtime.gateway.errors import GatewayError, malformed
from kafka_platform_runtime.gateway.formats import Format
from kafka_platform_runtime.gateway.http import Gone, Request
from kafka_platform_runtime.gateway.polling import Message

SSE = "text/event-stream"
RETRY_MILLISECONDS = 1000
"""How long browsers should wait before they reconnect."""
GOING_AWAY = 1001
CLOSE_CODES = {400: 4400, 401: 3000, 403: 3003, 404: 4404, 416: 4416, 429: 1013, 503: 1013}
"""WebSocket close codes for the statuses of errors; 1011 for others."""
REASON_BYTES = 123
"""Space for a reason in a close frame."""

Prepare = Callable[[Format, Sequence[Message]], Awaitable[None]]


class Outlet(ABC):
    """How a stream reaches its reader.

    Args:
        request: the reader's request.
        form: of keys and values.
        heartbeat: seconds after which a stream without records sends a sign of life.
        prepare: makes known what these records are rendered with in a format; raises `GatewayError`.
    """

    def __init__(self, request: Request, form: Format, heartbeat: float, prepare: Prepare) -> None:
        self._request = request
        self._form = form
        self._prepare = prepare
        self._heartbeat = heartbeat
        self._said_at = now()
        self.begun = False
        """Whether an error can no longer be a response of its own."""
        self.acknowledge: Callable[[Positions], None] | None = None
        """Takes what the reader acknowledges; raises `GatewayError` where it cannot be. None: nothing is to be acknowledged."""

    @property
    @abstractmethod
    def form(self) -> object:
        """Equal for outlets that send the same bytes for the same records."""

    async def prepare(self, messages: Sequence[Message]) -> None:
        """Make known what `rendered` needs for these records.

        Raises:
            GatewayError: that is not possible at the moment.
        """
        if self._form.has_schema:
            await self._prepare(self._form, messages)

    @abstractmethod
    def rendered(self, messages: Sequence[Message], positions: Positions) -> Any:
        """Render these records for `write`; moves the positions past them."""

    async def begin(self, positions: Positions) -> None:
        """Begin the stream at these positions and report them: a reader that leaves before any record returns there."""
        self.begun = True
        await self._begin(positions)

    async def write(self, rendered: Any) -> None:
        """Send what was rendered; returns when the reader can take more."""
        self._said_at = now()
        await self._write(rendered)
        self._said_at = now()

    @contextlib.contextmanager
    def holding(self, size: int) -> Iterator[None]:
        """Count records that are to be written: a slow reader keeps them here."""
        connection = self._request.scope["connection"]
        connection.holds(size)
        try:
            yield
        finally:
            connection.holds(0)

    @property
    def is_closing(self) -> bool:
        """Whether the connection is being closed: what is written now does not reach the reader."""
        closing: bool = self._request.scope["connection"].transport.is_closing()
        return closing

    async def write_alive(self) -> None:
        """Send a sign of life, if nothing was sent lately."""
        if self.seconds_until_heartbeat <= 0:
            self._said_at = now()
            await self._write_alive()

    @property
    def seconds_until_heartbeat(self) -> float:
        """How long the stream may still be silent."""
        return self._said_at + self._heartbeat - now()

    @abstractmethod
    async def tell(self, event: str, data: Mapping[str, Any], positions: Positions | None = None) -> None:
        """Send something other than records; with positions, the reader returns there."""

    @abstractmethod
    async def gone(self) -> None:
        """Return when the reader has left.

        Raises:
            GatewayError: it acknowledges what it cannot.
        """

    @abstractmethod
    async def end(self, error: GatewayError | None) -> None:
        """End the stream, with the reason if there is one."""

    @abstractmethod
    async def _begin(self, positions: Positions) -> None: ...

    @abstractmethod
    async def _write(self, rendered: Any) -> None: ...

    @abstractmethod
    async def _write_alive(self) -> None: ...


class Events(Outlet):
    """Server-Sent Events.

    Args:
        request: the reader's request.
        form: of keys and values.
        heartbeat: seconds after which a stream without records sends a sign of life.
        prepare: as for every outlet.
        batch: records in an event.
    """

    def __init__(self, request: Request, form: Format, heartbeat: float, prepare: Prepare, batch: int) -> None:
        super().__init__(request, form, heartbeat, prepare)
        self._batch = batch

    @property
    def form(self) -> object:
        """Format and size of events."""
        return SSE, self._form, self._batch

    def rendered(self, messages: Sequence[Message], positions: Positions) -> bytes:
        """Events."""
        return render.sse(messages, positions, self._form, self._batch)

    async def tell(self, event: str, data: Mapping[str, Any], positions: Positions | None = None) -> None:
        """An event of this type."""
        cursor = f"id: {text_of(positions)}\n" if positions else ""
        await self.write(f"event: {event}\n{cursor}data: {json.dumps(data)}\n\n".encode())

    async def gone(self) -> None:
        """Return when the connection is closed."""
        await self._request.gone()

    async def end(self, error: GatewayError | None) -> None:
        """Close the response, after an event with the error."""
        if error is not None:
            await self.tell("error", _body(error))
        await self._request.end()

    async def _begin(self, positions: Positions) -> None:
        await self._request.begin(SSE, [("cache-control", "no-store"), ("x-accel-buffering", "no")])
        # A block without data is no event, but its id counts. Some clients treat it as one, so it is the only one.
        cursor = f"id: {text_of(positions)}\n\n" if positions else ""
        await self._write(f"retry: {RETRY_MILLISECONDS}\n{cursor}".encode())

    async def _write(self, rendered: bytes) -> None:
        await self._request.piece(rendered)

    async def _write_alive(self) -> None:
        await self._request.piece(b": alive\n")


class Frames(Outlet):
    """Text frames of a WebSocket, each a JSON object."""

    @property
    def form(self) -> object:
        """Format of records."""
        return "frame", self._form

    def rendered(self, messages: Sequence[Message], positions: Positions) -> str:
        """A frame."""
        return render.frame(messages, positions, self._form)

    async def tell(self, event: str, data: Mapping[str, Any], positions: Positions | None = None) -> None:
        """A frame with this key."""
        cursor = {"cursor": text_of(positions)} if positions else {}
        await self.write(json.dumps({event: data, **cursor}))

    async def gone(self) -> None:
        """Return when the socket is closed; what the reader sends is ignored if it has nothing to acknowledge."""
        while (message := await self._request.receive())["type"] != "websocket.disconnect":
            if self.acknowledge is not None:
                self.acknowledge(_acknowledged(message.get("text")))

    async def end(self, error: GatewayError | None) -> None:
        """Close the socket, after a frame with the error."""
        code, reason = GOING_AWAY, "The gateway is shutting down: reconnect."
        if error is not None:
            await self.tell("error", _body(error))
            code, reason = CLOSE_CODES.get(error.status, 1011), error.message
        short = reason.encode()[:REASON_BYTES].decode(errors="ignore")
        await self._send({"type": "websocket.close", "code": code, "reason": short})

    async def _begin(self, positions: Positions) -> None:
        await self._send({"type": "websocket.accept"})
        if positions:
            await self._write(f'{{"records":[],"cursor":"{text_of(positions)}"}}')

    async def _write(self, rendered: str) -> None:
        await self._send({"type": "websocket.send", "text": rendered})

    async def _write_alive(self) -> None:
        await self._write('{"alive":true}')

    async def _send(self, message: dict[str, Any]) -> None:
        try:
            await self._request.send(message)
        except (OSError, RuntimeError):
            # How the server reports a socket that is closed, or is about to be.
            raise Gone from None


def _acknowledged(text: str | None) -> Positions:
    """The positions in a frame such as `{"acknowledged": "0:5,1:9"}`."""
    try:
        frame = json.loads(text or "")
    except (ValueError, RecursionError):
        frame = None
    if not isinstance(frame, dict) or set(frame) != {"acknowledged"} or not isinstance(frame["acknowledged"], str):
        raise malformed('Only {"acknowledged": CURSOR} is read here, where CURSOR is that of a frame with records.')
    return parse(frame["acknowledged"])


def _body(error: GatewayError) -> dict[str, Any]:
    return {"error_code": error.code, "message": error.message}
