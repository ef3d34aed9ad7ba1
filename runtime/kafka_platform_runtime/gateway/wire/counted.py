"""What a connection holds and waits for, and how a request that breaks a bound is refused."""

import asyncio
from http import HTTPStatus
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from kafka_platform_runtime.gateway.callers.credentials import Owner
from kafka_platform_runtime.gateway.callers.shown import Shown, ShownCertificates
from kafka_platform_runtime.gateway.clock import now
from kafka_platform_runtime.gateway.errors import GatewayError, malformed
from kafka_platform_runtime.gateway.http import encoded_headers, error_response
from kafka_platform_runtime.gateway.wire.answers import OneWrite
from kafka_platform_runtime.gateway.wire.connections import Connections, State
from kafka_platform_runtime.gateway.wire.door import Accepted

PIPELINED_BYTES = 4096
"""Approximate size of a request that waits for earlier responses, besides its body."""


class CountedProtocol(HttpToolsProtocol, Accepted):
    """uvicorn's HTTP/1.1, reporting to `Connections` how many bytes it holds, what it waits for and since when.

    It only counts; the subclass that reads the caller's bytes records what arrives.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._head_bytes = 0
        self._head_since: float | None = now()
        """Since when a head is expected or arriving; None if none is."""
        self._body_since: float | None = None
        """Since when a body is arriving; None if none is."""
        self._direct_body: bytes | None = None
        """What has arrived of the body of a request that may take the direct path; None if it does not."""
        self._idle_since: float | None = None
        """Since when nothing is in progress; None while something is."""
        self._asked_at = 0.0
        """When the last head had arrived."""
        self._held = 0
        """Bytes from the caller that have arrived and that no handler knows yet."""
        self._unread = b""
        """What has arrived but was not parsed yet."""
        self._in_hand = 0
        """Bytes of records that a stream is about to write."""
        self._open: Connections = self.config.app.open  # type: ignore[union-attr]
        self._certificates: ShownCertificates = self.config.app.shown_certificates  # type: ignore[union-attr]
        self._shown: Shown | None = None
        """Whom the caller's certificate names."""
        self._fault: GatewayError | None = None
        """Why the current request is refused; None for what only the parser has found."""
        self.owner: Owner = ()
        self.is_stranger = True

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """The connection was accepted and its TLS handshake is done."""
        super().connection_made(transport)
        self._shown = self._certificates.shown(transport.get_extra_info("peercert"))
        self._open.replace(self.handshake, self)

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection has ended."""
        super().connection_lost(exc)
        self._open.remove(self)
        # Running handlers have what they need; without these cycles everything is freed at once.
        self.pipeline.clear()
        self.cycle = self.scope = None  # type: ignore[assignment]
        self.headers, self._unread, self._direct_body = [], b"", None

    def pause_writing(self) -> None:
        """The caller does not read what is written."""
        super().pause_writing()
        self._open.written.hold(self, self._in_hand + self.transport.get_write_buffer_size())

    def resume_writing(self) -> None:
        """The caller reads again."""
        super().resume_writing()
        self._open.written.hold(self, self._in_hand)

    def holds(self, count: int) -> None:
        """Note that `count` bytes of records are about to be written."""
        self._in_hand = count
        waiting = self.transport.get_write_buffer_size() if self.flow.write_paused else 0
        self._open.written.hold(self, count + waiting)

    def recount(self) -> None:
        """Update the count of what is held."""
        cycle, held = self.cycle, len(self._unread)
        if self._head_since is not None:
            held += self._head_bytes
        if self._direct_body:
            held += len(self._direct_body)
        if type(cycle) is OneWrite:
            # The last of the waiting requests is `cycle`.
            waiting = [each for each, _ in self.pipeline] or [cycle]
            held += PIPELINED_BYTES * len(self.pipeline) + sum(len(each.body) for each in waiting)
        if held != self._held:
            self._held = held
            self._open.read(self, held)

    def state(self) -> tuple[State, float]:
        """What the connection is doing, and since when."""
        cycle = self.cycle
        if self.flow.write_paused:
            return State.BLOCKED, 0.0
        if self.flow.read_paused and self._is_next_under_way() and cycle is not None and not cycle.response_complete:
            # The caller is not late with data that nobody reads before this request is answered.
            return (State.STREAMING, 0.0) if cycle.response_started else (State.ANSWERING, self._asked_at)
        if self._body_since is not None:
            if self._direct_body is None and cycle.response_started and not cycle.response_complete:
                return State.STREAMING, 0.0
            return State.BODY, self._body_since
        if self._head_since is not None:
            return State.HEAD, self._head_since
        if self._idle_since is not None:
            return State.IDLE, self._idle_since
        if cycle is not None and cycle.response_started and not cycle.response_complete:
            return State.STREAMING, 0.0
        return State.ANSWERING, self._asked_at

    def _is_next_under_way(self) -> bool:
        """Whether part of another request has arrived behind the current one."""
        return self._head_since is not None or bool(self.pipeline)

    def too_late(self, state: State, seconds: float) -> None:
        """End the connection, because it has been in `state` for longer than the allowed `seconds`."""
        if state is State.BODY or (state is State.HEAD and self._head_bytes):
            what = "body" if state is State.BODY else "head of the request"
            late = f"The {what} did not arrive within {seconds:g} s."
            self._refuse(GatewayError(HTTPStatus.REQUEST_TIMEOUT, 40801, late))
        elif state is State.ANSWERING:
            self.transport.abort()
        else:
            self.transport.close()

    def send_400_response(self, msg: str) -> None:
        """Report why the request is refused, in the form of every other error, and close the connection."""
        if self._body_since is None:  # the fault is not in the request that `cycle` answers
            answering = self.cycle is not None and not self.cycle.response_complete
        else:
            answering = self._direct_body is None and self.cycle.response_started
        if self.pipeline or answering:
            # Another response is being sent, or this request has one already: a second would be mistaken for it.
            self.transport.close()
            return
        response = error_response(self._fault or malformed("The request is not HTTP/1.1."))
        head = [f"HTTP/1.1 {response.status} {HTTPStatus(response.status).phrase}".encode(), b"connection: close"]
        head += [name + b": " + value for name, value in encoded_headers(response)]
        self.transport.write(b"\r\n".join([*head, b"", response.body]))
        self.transport.close()

    def _refuse(self, fault: GatewayError) -> None:
        self._fault = fault
        self.send_400_response("")
