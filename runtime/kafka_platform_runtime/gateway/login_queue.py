"""Logins wait in turn, so that somebody who guesses passwords waits for himself and not for others.

Kafka can judge only so many logins at a time. Who waits is sorted into lanes: one for each user name from each address.
Lanes take turns, addresses first, then the names of one address. Names that have logged in here before wait apart from those
that have not, and the two take turns too: guesses with names that nobody has cannot displace known users, not even from the
address of an Ingress that all share.
"""

import asyncio
import contextlib
from collections import Counter, OrderedDict, deque
from collections.abc import AsyncIterator
from hashlib import blake2b
from typing import NamedTuple

from kafka_platform_runtime.gateway.errors import GatewayError, overloaded, too_many

AT_A_TIME = 8
"""Logins that are under way. A broker takes 20 ms for a right one and 100 ms for a wrong one."""
AT_A_TIME_PER_ADDRESS = 6
"""Some are always left for somebody from elsewhere."""
WAITING = 512
"""Logins that wait, in all (503): some seconds' worth."""
WAITING_PER_ADDRESS = 128
"""Logins that wait, from one address (429): two seconds' worth."""
WAITING_PER_LANE = 8
"""Different passwords that wait for one user name from one address (429)."""
PAUSE_SECONDS = 0.5
"""After a wrong password the lane pauses for so long: two guesses a second for each name and address."""
REMEMBERED_NAMES = 10_000
"""User names that are remembered as known, 16 bytes each."""


class Lane(NamedTuple):
    """Whose turn it is."""

    known: bool
    address: str
    name: bytes


class LoginQueue:
    """Hands out turns to log in."""

    def __init__(self) -> None:
        self._lanes: dict[bool, OrderedDict[str, OrderedDict[bytes, deque[asyncio.Future[None]]]]] = {
            True: OrderedDict(),
            False: OrderedDict(),
        }
        self._waiting = 0
        self._waiting_at: Counter[tuple[bool, str]] = Counter()
        self._running = 0
        self._running_at: Counter[str] = Counter()
        self._busy: set[Lane] = set()
        """Lanes that have a login under way, or pause."""
        self._known_next = True
        self._names: OrderedDict[bytes, None] = OrderedDict()

    def __len__(self) -> int:
        return self._waiting

    @contextlib.asynccontextmanager
    async def turn(self, address: str, username: str) -> AsyncIterator[None]:
        """Wait for a turn and have it; raise a GatewayError of status 401 inside to say that the password was wrong.

        Raises:
            GatewayError: as many wait as may.
        """
        name = _digest(username)
        lane = Lane(name in self._names, address, name)
        await self._wait(lane)
        wrong = False
        try:
            yield
            self._remember(name)
        except GatewayError as error:
            wrong = error.status == 401
            raise
        finally:
            self._running -= 1
            self._running_at -= Counter([address])
            if wrong:
                asyncio.get_running_loop().call_later(PAUSE_SECONDS, self._free, lane)
            else:
                self._busy.discard(lane)
            self._go_on()

    def _free(self, lane: Lane) -> None:
        self._busy.discard(lane)
        self._go_on()

    def _remember(self, name: bytes) -> None:
        self._names[name] = None
        self._names.move_to_end(name)
        if len(self._names) > REMEMBERED_NAMES:
            self._names.popitem(last=False)

    async def _wait(self, lane: Lane) -> None:
        names = self._lanes[lane.known].setdefault(lane.address, OrderedDict())
        waiting = names.setdefault(lane.name, deque())
        try:
            if len(waiting) >= WAITING_PER_LANE:
                raise too_many("Too many logins of this user from this address are waiting: try again.", 5)
            if self._waiting_at[lane.known, lane.address] >= WAITING_PER_ADDRESS:
                raise too_many("Too many logins from this address are waiting: try again.", 2)
            if self._waiting >= WAITING:
                self._make_room(lane)
        except GatewayError:
            self._tidy(lane)
            raise
        place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        waiting.append(place)
        self._waiting += 1
        self._waiting_at[lane.known, lane.address] += 1
        self._go_on()
        try:
            await place
        except BaseException:
            if place.done() and not place.cancelled() and place.exception() is None:
                # Its turn came in the same moment.
                self._running -= 1
                self._running_at -= Counter([lane.address])
                self._busy.discard(lane)
                self._go_on()
            elif place in waiting:
                waiting.remove(place)
                self._left(lane)
            raise

    def _make_room(self, lane: Lane) -> None:
        """Send the newest of the address that has most away, for somebody whose address has fewer.

        Raises:
            GatewayError: the address is one of those that have most.
        """
        (known, address), most = self._waiting_at.most_common(1)[0]
        if self._waiting_at[lane.known, lane.address] >= most - 1:
            raise overloaded("Too many logins are waiting: try again.", 2)
        name = next(reversed(self._lanes[known][address]))
        loser = self._lanes[known][address][name].pop()
        self._left(Lane(known, address, name))
        loser.set_exception(overloaded("Too many logins are waiting: try again.", 2))

    def _left(self, lane: Lane) -> None:
        self._waiting -= 1
        self._waiting_at -= Counter([(lane.known, lane.address)])
        self._tidy(lane)

    def _tidy(self, lane: Lane) -> None:
        addresses = self._lanes[lane.known]
        names = addresses.get(lane.address)
        if names is not None and not names.get(lane.name, True):
            del names[lane.name]
        if not names:
            addresses.pop(lane.address, None)

    def _go_on(self) -> None:
        while self._running < AT_A_TIME:
            lane = self._next(self._known_next) or self._next(not self._known_next)
            if lane is None:
                return
            self._known_next = not lane.known
            names = self._lanes[lane.known][lane.address]
            place = names[lane.name].popleft()
            names.move_to_end(lane.name)
            self._lanes[lane.known].move_to_end(lane.address)
            self._left(lane)
            self._running += 1
            self._running_at[lane.address] += 1
            self._busy.add(lane)
            place.set_result(None)

    def _next(self, known: bool) -> Lane | None:
        for address, names in self._lanes[known].items():
            if self._running_at[address] >= AT_A_TIME_PER_ADDRESS:
                continue
            for name in names:
                lane = Lane(known, address, name)
                if lane not in self._busy:
                    return lane
        return None


def _digest(username: str) -> bytes:
    return blake2b(username.encode("utf-8", "surrogatepass"), digest_size=16).digest()
