"""Logins wait in turn, so that somebody who guesses passwords delays only themselves.

Kafka can judge only so many logins at a time. Waiting logins are sorted into lanes: one per user name and address.
Lanes take turns, first by address, then by the names of one address. A lane that sends one wrong password after another
is closed for a while, longer each time. Logins that Kafka accepted before do not wait here at all (see `identity`).
"""

import asyncio
import contextlib
from collections import Counter, OrderedDict, deque
from collections.abc import AsyncIterator
from hashlib import blake2b
from http import HTTPStatus
from typing import NamedTuple

from kafka_platform_runtime.gateway.clock import now
from kafka_platform_runtime.gateway.errors import GatewayError, overloaded, too_many
from kafka_platform_runtime.listening import origin

AT_A_TIME = 16
"""Logins in progress. A broker takes 20 ms for a right one and 100 ms for a wrong one."""
AT_A_TIME_PER_ADDRESS = 12
"""The same from one address: some always remain for other addresses."""
WAITING = 512
"""Waiting logins in all (503): some four seconds' worth."""
WAITING_PER_ADDRESS = 128
"""Waiting logins from one address (429): a second's worth."""
WAITING_PER_LANE = 8
"""Different passwords waiting for one user name from one address (429); they are tried one after the other."""
FREE_FAILURES = 3
"""A lane's first wrong passwords, which have no consequences: people mistype."""
FIRST_PAUSE_SECONDS = 0.5
"""How long a lane is closed after the next one (429), doubled after each further one."""
LONGEST_PAUSE_SECONDS = 30.0
CROWD = WAITING_PER_ADDRESS // 4
"""If more than this many wait at an address, a wrong password from there counts as several."""
WEIGHT_IN_A_CROWD = 8
"""How many it counts as: the first closes the lane for 8 s, the second for the longest time."""
FAILED_LANES = 10_000
"""Lanes whose failures are remembered, some 200 bytes each; the oldest is forgotten for a new one."""
FORGIVEN_SECONDS = 60.0
"""Time without a wrong password after which a lane's failures are forgotten."""


class Lane(NamedTuple):
    """Whose turn it is."""

    address: str
    name: bytes


class _Failures(NamedTuple):
    times: int
    at: float
    until: float


class LoginQueue:
    """Hands out turns to log in."""

    def __init__(self) -> None:
        self._lanes: OrderedDict[str, OrderedDict[bytes, deque[asyncio.Future[None]]]] = OrderedDict()
        self._waiting: Counter[str] = Counter()
        """By address."""
        self._running: Counter[str] = Counter()
        self._busy: set[Lane] = set()
        """Lanes with a login in progress."""
        self._failures: OrderedDict[Lane, _Failures] = OrderedDict()

    def __len__(self) -> int:
        """Number of waiting logins."""
        return self._waiting.total()

    @contextlib.asynccontextmanager
    async def turn(self, address: str, username: str) -> AsyncIterator[None]:
        """Wait for a turn and hold it; raise a GatewayError of status 401 inside to report that the password was wrong.

        Raises:
            GatewayError: the queue is full, or too many passwords of this lane were wrong.
        """
        lane = Lane(origin(address), blake2b(username.encode("utf-8", "surrogatepass"), digest_size=16).digest())
        self._refuse_if_closed(lane)
        await self._wait(lane)
        try:
            self._refuse_if_closed(lane)  # closed by logins that were ahead of this one
            yield
            self._failures.pop(lane, None)
        except GatewayError as error:
            if error.status == HTTPStatus.UNAUTHORIZED:
                self._fail(lane)
            raise
        finally:
            self._finish(lane)

    def _refuse_if_closed(self, lane: Lane) -> None:
        failures = self._failures.get(lane)
        if failures is not None and (wait := failures.until - now()) > 0:
            raise too_many("Too many wrong passwords of this user came from this address: try again later.", wait)

    def _fail(self, lane: Lane) -> None:
        moment = now()
        before = self._failures.pop(lane, None)
        weight = WEIGHT_IN_A_CROWD if self._waiting[lane.address] > CROWD else 1
        times = weight if before is None or before.at + FORGIVEN_SECONDS < moment else before.times + weight
        over = min(times - FREE_FAILURES, 16)
        pause = 0.0 if over <= 0 else min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2 ** (over - 1))
        self._failures[lane] = _Failures(times, moment, moment + pause)
        if len(self._failures) > FAILED_LANES:
            self._failures.popitem(last=False)

    async def _wait(self, lane: Lane) -> None:
        names = self._lanes.get(lane.address)
        if names is not None and len(names.get(lane.name, ())) >= WAITING_PER_LANE:
            raise too_many("Too many logins of this user from this address are waiting: try again.", 2)
        if self._waiting[lane.address] >= WAITING_PER_ADDRESS:
            raise too_many("Too many logins from this address are waiting: try again.", 2)
        if len(self) >= WAITING:
            self._make_room(lane.address)
        place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._lanes.setdefault(lane.address, OrderedDict()).setdefault(lane.name, deque()).append(place)
        self._waiting[lane.address] += 1
        self._go_on()
        try:
            await place
        except asyncio.CancelledError:
            if place.cancelled():
                self._lanes[lane.address][lane.name].remove(place)
                self._left(lane)
            elif place.exception() is None:  # its turn came at the same moment
                self._finish(lane)
            raise

    def _make_room(self, address: str) -> None:
        """Evict the newest login of the address with the most, in favour of an address with fewer.

        Raises:
            GatewayError: the address is one of those with the most.
        """
        crowded, most = self._waiting.most_common(1)[0]
        if self._waiting[address] >= most - 1:
            raise overloaded("Too many logins are waiting: try again.", 2)
        name, places = next(reversed(self._lanes[crowded].items()))
        loser = places.pop()
        self._left(Lane(crowded, name))
        loser.set_exception(overloaded("Too many logins are waiting: try again.", 2))

    def _left(self, lane: Lane) -> None:
        """A login of this lane no longer waits."""
        _less(self._waiting, lane.address)
        names = self._lanes[lane.address]
        if not names[lane.name]:
            del names[lane.name]
        if not names:
            del self._lanes[lane.address]

    def _finish(self, lane: Lane) -> None:
        _less(self._running, lane.address)
        self._busy.discard(lane)
        self._go_on()

    def _go_on(self) -> None:
        while self._running.total() < AT_A_TIME and (lane := self._next()) is not None:
            names = self._lanes[lane.address]
            place = names[lane.name].popleft()
            names.move_to_end(lane.name)
            self._lanes.move_to_end(lane.address)
            self._left(lane)
            self._running[lane.address] += 1
            self._busy.add(lane)
            place.set_result(None)

    def _next(self) -> Lane | None:
        for address, names in self._lanes.items():
            if self._running[address] < AT_A_TIME_PER_ADDRESS:
                for name in names:
                    lane = Lane(address, name)
                    if lane not in self._busy:
                        return lane
        return None


def _less(counts: Counter[str], key: str) -> None:
    counts[key] -= 1
    if not counts[key]:
        del counts[key]
