"""Connections: how many there may be, what they may hold, and how long each state may last.

Everything a connection holds counts, before anybody is logged in on it ("a stranger", owned by its address) and after
("known", owned by the user). When a bound is reached, whoever holds most pays: the largest connection of the owner with
the most bytes ends, or the oldest of the address with the most connections, so that attackers displace themselves
and not others.

| State | What happens | Deadline |
| --- | --- | --- |
| HANDSHAKE | it was accepted; TLS, if any, is being negotiated | HEAD_SECONDS |
| HEAD | nothing has arrived yet, or part of a head | HEAD_SECONDS since it was accepted or the head began |
| BODY | part of a body has arrived; also while the login is awaited and none of it is read | `limits.timeoutSeconds` |
| ANSWERING | a handler is at work, behind it pipelined requests; also a WebSocket before its 101 | ANSWER_TIMES the limit |
| STREAMING | a stream or open WebSocket whose reader keeps up | heartbeats and pings, which a reader must take |
| BLOCKED | the reader does not take what was written | `limits.timeoutSeconds` without PROGRESS_BYTES taken |
| IDLE | the last response is written | IDLE_SECONDS |
| CLOSING | closed by either side (including half-closed), the rest is being written | CLOSE_SECONDS |

TCP notices a peer that vanished, in any state (the door's VANISHED_SECONDS).
"""

import enum
import logging
from collections import Counter
from collections.abc import Callable
from typing import Protocol

from kafka_platform_runtime.gateway.callers.credentials import Owner
from kafka_platform_runtime.gateway.clock import now
from kafka_platform_runtime.gateway.settings import Limits
from kafka_platform_runtime.supervision import whereabouts

LOG = logging.getLogger("gateway")

HEAD_SECONDS = 10.0
"""How long a TLS handshake, and then the head of a request, may take."""
IDLE_SECONDS = 75.0
"""How long a connection without a request stays open."""
CLOSE_SECONDS = 10.0
"""How long a closed connection may take to send what was written to it."""
ANSWER_TIMES = 4
"""A handler has its own deadlines, the longest being the sum of a login, a metadata request and a read of
`limits.timeoutSeconds` each: beyond this many times the limit it has forgotten one."""
ANSWER_SPARE_SECONDS = 60.0
PROGRESS_BYTES = 64 * 1024
STRANGERS_SHARE = 4
"""Strangers may have one in this many of all connections: the others are reserved for logged-in callers."""
FULL_SECONDS = 0.1
"""Pause between two checks for connections that could make room."""


class State(enum.Enum):
    """What a connection is doing; see the table above."""

    HANDSHAKE = enum.auto()
    HEAD = enum.auto()
    BODY = enum.auto()
    ANSWERING = enum.auto()
    STREAMING = enum.auto()
    BLOCKED = enum.auto()
    IDLE = enum.auto()
    CLOSING = enum.auto()


class Pipe(Protocol):
    """What is needed of a transport here."""

    def abort(self) -> None:
        """Close it at once, discarding what is still to be written."""

    def is_closing(self) -> bool:
        """Whether it is closed, or will be once everything is written."""

    def get_write_buffer_size(self) -> int:
        """Bytes that the peer has not taken."""


class Connection(Protocol):
    """What every protocol class of the server reports about its connections."""

    owner: Owner
    """Its owner: an address before a login, a user after it."""
    is_stranger: bool

    @property
    def transport(self) -> Pipe:
        """What it is written to."""

    def state(self) -> tuple[State, float]:
        """What it is doing, and since when (by `now`)."""

    def too_late(self, state: State, seconds: float) -> None:
        """Handle a missed deadline: report it if possible, and close."""


class Pot:
    """Bytes held by connections, with a common bound.

    Args:
        limit: the most bytes.
        end: ends a connection.
    """

    def __init__(self, limit: int, end: Callable[[Connection], None]) -> None:
        self.limit = limit
        self._end = end
        self.used = 0
        self._held: dict[Connection, int] = {}
        self._owners: Counter[Owner] = Counter()

    def hold(self, connection: Connection, count: int) -> int:
        """Record that `connection` now holds `count` bytes; the largest holders are ended while there are too many.

        Returns:
            How many it held before.
        """
        before = self._held.pop(connection, 0)
        if before:
            self._add(connection.owner, -before)
        if not count:
            return before
        self._held[connection] = count
        self._add(connection.owner, count)
        while self.used > self.limit:
            owner = max(self._owners, key=self._owners.__getitem__)
            victim = max((each for each in self._held if each.owner == owner), key=self._held.__getitem__)
            self.hold(victim, 0)
            self._end(victim)
            if victim is connection:
                break
        return before

    def moved(self, connection: Connection, owner: Owner) -> None:
        """Called before `connection` is given to another owner."""
        held = self._held.get(connection, 0)
        if held:
            self._add(connection.owner, -held)
            self._add(owner, held)

    def _add(self, owner: Owner, count: int) -> None:
        self.used += count
        self._owners[owner] += count
        if not self._owners[owner]:
            del self._owners[owner]


class Connections:
    """All connections to the server's port, from the moment they are accepted.

    Args:
        limits: how many, and what they may hold.
    """

    def __init__(self, limits: Limits) -> None:
        self._limit = limits.connections
        self._body_seconds = limits.timeout_seconds
        self._most_strangers = max(1, self._limit // STRANGERS_SHARE)
        self._strangers: dict[Owner, dict[Connection, None]] = {}
        self._all: dict[Connection, None] = {}
        self._stranger_count = 0
        self._full_until = 0.0
        self._marks: dict[Connection, tuple[State, float, int]] = {}
        """For closing or blocked connections: since when, and how much was unwritten then."""
        self._strange = Pot(limits.stranger_bytes, self._end)
        self._ahead = Pot(limits.ahead_bytes, self._end)
        self.written = Pot(limits.written_bytes, self._end)
        self.ended = 0
        """Connections that were refused, or ended because they held too much or made no progress."""

    def __len__(self) -> int:
        return len(self._all)

    # Who is there

    def add(self, connection: Connection) -> None:
        """Add a new connection."""
        self._all[connection] = None
        if connection.is_stranger:
            self._stranger_count += 1
            self._strangers.setdefault(connection.owner, {})[connection] = None
            if self._stranger_count > self._most_strangers:
                self._end_a_stranger()

    def identified(self, connection: Connection, user: Owner) -> None:
        """Somebody has logged in on it."""
        if not connection.is_stranger:
            if connection.owner != user:
                self._ahead.moved(connection, user)
                self.written.moved(connection, user)
                connection.owner = user
            return
        self._no_stranger(connection)
        ahead = self._strange.hold(connection, 0)
        self.written.moved(connection, user)
        connection.is_stranger = False
        connection.owner = user
        if ahead:
            self._ahead.hold(connection, ahead)

    def read(self, connection: Connection, count: int) -> None:
        """Record that this many bytes read from it are now held."""
        (self._strange if connection.is_stranger else self._ahead).hold(connection, count)

    def replace(self, before: Connection, after: Connection) -> None:
        """It continues in another protocol, under the same owner."""
        after.owner, after.is_stranger = before.owner, before.is_stranger
        self.remove(before)
        self.add(after)

    def remove(self, connection: Connection) -> None:
        """It has ended."""
        if connection in self._all:
            del self._all[connection]
            if connection.is_stranger:
                self._no_stranger(connection)
        self._strange.hold(connection, 0)
        self._ahead.hold(connection, 0)
        self.written.hold(connection, 0)
        self._marks.pop(connection, None)

    def _no_stranger(self, connection: Connection) -> None:
        same = self._strangers.get(connection.owner)
        if same is not None and connection in same:
            del same[connection]
            self._stranger_count -= 1
            if not same:
                del self._strangers[connection.owner]

    def _end_a_stranger(self) -> None:
        """End the oldest stranger of the address with the most."""
        crowd = max(self._strangers.values(), key=len)
        self._end(next(iter(crowd)))

    def _end(self, connection: Connection) -> None:
        self.ended += 1
        self.remove(connection)
        connection.transport.abort()

    def has_room(self) -> bool:
        """Whether another connection may be accepted; if necessary, idle ones of the owner with the most end."""
        if len(self._all) < self._limit:
            return True
        if now() < self._full_until:
            return False
        idle: dict[Owner, list[tuple[float, int, Connection]]] = {}
        for number, connection in enumerate(self._all):
            state, since = connection.state()
            if state is State.IDLE or connection.is_stranger:
                idle.setdefault(connection.owner, []).append((since, number, connection))
        if not idle:
            self._full_until = now() + FULL_SECONDS
            return False
        # This checks all of them, so it must not run for each newcomer.
        crowd = max(idle.values(), key=len)
        for _, _, connection in sorted(crowd)[: 1 + self._limit // 100]:
            self._end(connection)
        return True

    # Deadlines

    def sweep(self, moment: float) -> None:
        """End whatever has missed its deadline, in every state and protocol; to be called once a second."""
        for connection in list(self._all):
            try:
                self._look_at(connection, moment)
            except Exception as error:  # only this connection is affected: the others are still checked
                LOG.error("A connection cannot be looked at: %s", whereabouts(error))
                self._end(connection)

    def _look_at(self, connection: Connection, moment: float) -> None:
        if connection.transport.is_closing():
            if moment >= self._mark(connection, State.CLOSING, moment)[1] + CLOSE_SECONDS:
                self._end(connection)
            return
        state, since = connection.state()
        if state is State.BLOCKED:
            _, since, unwritten = self._mark(connection, state, moment)
            left = connection.transport.get_write_buffer_size()
            if left + PROGRESS_BYTES <= unwritten or left > unwritten:
                self._marks[connection] = state, moment, left
            elif moment >= since + self._body_seconds:
                self._end(connection)
            return
        self._marks.pop(connection, None)
        seconds = self._seconds(state)
        if seconds is not None and moment >= since + seconds:
            self.ended += state is not State.IDLE
            connection.too_late(state, seconds)

    def _mark(self, connection: Connection, state: State, moment: float) -> tuple[State, float, int]:
        mark = self._marks.get(connection)
        if mark is None or mark[0] is not state:
            mark = self._marks[connection] = state, moment, connection.transport.get_write_buffer_size()
        return mark

    def _seconds(self, state: State) -> float | None:
        if state in {State.HANDSHAKE, State.HEAD}:
            return HEAD_SECONDS
        if state is State.BODY:
            return self._body_seconds
        if state is State.ANSWERING:
            return ANSWER_TIMES * self._body_seconds + ANSWER_SPARE_SECONDS
        return IDLE_SECONDS if state is State.IDLE else None
