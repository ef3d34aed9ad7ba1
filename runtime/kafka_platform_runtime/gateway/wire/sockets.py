"""WebSockets as the gateway speaks them: uvicorn's, with bounds."""

from typing import Any

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from kafka_platform_runtime.gateway.callers.credentials import Owner
from kafka_platform_runtime.gateway.clock import now
from kafka_platform_runtime.gateway.wire.connections import Connections, State


class BoundedSocket(WebSocketsSansIOProtocol):
    """uvicorn's WebSocket, counted and ended like every other connection."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._open: Connections = self.config.app.open  # type: ignore[union-attr]
        self._since = now()
        self._in_hand = 0
        self.owner: Owner = ()
        self.is_stranger = True

    def connection_lost(self, exc: Exception | None) -> None:
        """It has ended."""
        super().connection_lost(exc)
        self._open.remove(self)

    def handle_connect(self, event: Any) -> None:
        """The handshake has arrived."""
        super().handle_connect(event)
        if not self.close_sent:
            self.scope["connection"] = self  # type: ignore[typeddict-unknown-key]

    def pause_writing(self) -> None:
        """The caller does not take what is written: nothing they send is read, as each ping would be answered."""
        super().pause_writing()
        self.transport.pause_reading()
        self._open.written.hold(self, self._in_hand + self.transport.get_write_buffer_size())

    def resume_writing(self) -> None:
        """They do again."""
        super().resume_writing()
        if not self.read_paused:
            self.transport.resume_reading()
        self._open.written.hold(self, self._in_hand)

    async def receive(self) -> Any:
        """What has arrived; while the caller takes nothing, nothing is read."""
        message = await super().receive()
        if not self.writable.is_set():
            self.transport.pause_reading()
        return message

    def holds(self, count: int) -> None:
        """Note that this many bytes of records are about to be written."""
        self._in_hand = count
        waiting = 0 if self.writable.is_set() else self.transport.get_write_buffer_size()
        self._open.written.hold(self, count + waiting)

    def state(self) -> tuple[State, float]:
        """What it is doing, and since when."""
        if not self.writable.is_set():
            return State.BLOCKED, 0.0
        return (State.STREAMING, 0.0) if self.handshake_complete else (State.ANSWERING, self._since)

    def too_late(self, state: State, seconds: float) -> None:
        """The handshake was never answered."""
        self.transport.abort()
