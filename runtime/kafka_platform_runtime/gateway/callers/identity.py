"""Who may call: everybody whose login Kafka has accepted recently, found by their header."""

import asyncio
import contextlib
import logging
from collections import OrderedDict
from collections.abc import Callable, Iterator
from http import HTTPStatus
from weakref import WeakValueDictionary

from kafka_platform_runtime.gateway.callers import credentials
from kafka_platform_runtime.gateway.callers.caller import Caller
from kafka_platform_runtime.gateway.callers.credentials import Identity, Kind, Owner
from kafka_platform_runtime.gateway.callers.login import Brokers, Logins
from kafka_platform_runtime.gateway.callers.login_queue import LoginQueue
from kafka_platform_runtime.gateway.callers.resources import Resources, Usage
from kafka_platform_runtime.gateway.clock import now
from kafka_platform_runtime.gateway.errors import GatewayError, overloaded, too_many, unauthorized
from kafka_platform_runtime.gateway.settings import Kafka, Settings
from kafka_platform_runtime.supervision import WATCH, whereabouts

LOG = logging.getLogger("gateway")

REFUSED_SECONDS = 2.0
"""How long a refused login is remembered: the same wrong password, sent again, does not reach Kafka."""
REFUSED_AT_A_TIME = 10_000
"""Refused logins that are remembered, some 200 bytes each."""
IDLE_SECONDS = 300.0
"""Idle time after which a caller's connections are closed."""
KNOWN_AT_A_TIME = 4
"""Logins that Kafka has accepted before are checked beside the queue: nobody waiting there delays them."""
ACCEPTED_REMEMBERED = 10_000
"""Logins that were accepted before and are remembered as such, some 100 bytes each."""
SCRAM_THREADS = 2
"""Threads that do SCRAM's computations."""
SPELLINGS = 4
"""Headers that lead directly to one caller; others are parsed each time."""
SPELLING_BYTES = 8192
"""Longer headers are parsed each time."""
TOKENS_SHARE = 4
"""One user's tokens may be at most one in this many of the callers."""


class Callers:
    """Everybody who has called recently: bounded, rechecked regularly, and closed when idle.

    Args:
        kafka: where Kafka listens.
        brokers: the same, to check logins.
        settings: the gateway's.
    """

    def __init__(self, kafka: Kafka, brokers: Brokers, settings: Settings) -> None:
        self._has_login = kafka.security_protocol.has_login
        self._takes_passwords = kafka.takes_passwords
        self._certificate = kafka.certificate
        self._settings = settings
        self._resources = Resources(kafka, settings)
        self._check = Logins(kafka, brokers, WATCH.pool("scram", SCRAM_THREADS))
        self._spelled: dict[bytes | None, Caller] = {}
        """Callers by header, for most requests."""
        self._known: dict[bytes, Caller] = {}
        """By the identity's key."""
        self._usages: WeakValueDictionary[Owner, Usage] = WeakValueDictionary()
        self._refused: OrderedDict[bytes, tuple[float, GatewayError]] = OrderedDict()
        self._logins: dict[bytes, asyncio.Task[Caller]] = {}
        self._queue = LoginQueue()
        self._known_slots = asyncio.Semaphore(KNOWN_AT_A_TIME)
        self._accepted: OrderedDict[bytes, None] = OrderedDict()
        """Keys of identities that were right when they were last tried."""
        self._forgotten: list[Caller] = []
        """Forgotten callers with requests that still wait for an acknowledgement."""
        self.streams = 0
        self.consumers = 0

    def __iter__(self) -> Iterator[Caller]:
        return iter(list(self._known.values()))

    def __len__(self) -> int:
        return len(self._known)

    @property
    def waiting(self) -> int:
        """Logins that wait for their turn."""
        return len(self._queue)

    @property
    def clients(self) -> int:
        """Kafka clients, consumers included."""
        return self._resources.clients

    def known(self, authorization: bytes | None) -> Caller | None:
        """The caller who sent this Authorization header, if they are logged in to Kafka."""
        caller = self._spelled.get(authorization if self._has_login else None)
        if caller is None or caller.valid_until <= (moment := now()):
            return None
        caller.used_at = moment
        return caller

    def dismissal(self, caller: Caller) -> GatewayError | None:
        """Why a caller who was let in receives nothing more; None if they may continue.

        A caller with a stream is only forgotten when Kafka no longer accepts the credentials.
        """
        if caller in set(self._known.values()):
            return None
        return unauthorized("Kafka no longer accepts these credentials.")

    async def identify(self, authorization: bytes | None, address: str) -> Caller:
        """The caller who sent this Authorization header, logged in to Kafka.

        Args:
            authorization: the header.
            address: where the request comes from; addresses take turns when many callers want to log in.

        Raises:
            GatewayError: 401 without or with wrong credentials, 429 or 503 if too many wait to log in, 503 if Kafka cannot
                be asked.
        """
        if not self._has_login:
            authorization = None
        caller = self.known(authorization)
        if caller is not None:
            return caller
        identity = self._identity(authorization)
        key = identity.key
        caller = self._known.get(key)
        if caller is None or caller.valid_until <= now():
            refused = self._refused.get(key)
            if refused is not None:
                if refused[0] > now():
                    raise refused[1]
                del self._refused[key]
            caller = await asyncio.shield(self._logins.get(key) or self._log_in_once(key, identity, address))
        caller.used_at = now()
        self._note_spelling(authorization, caller)
        return caller

    def _identity(self, authorization: bytes | None) -> Identity:
        if not self._has_login:
            # With a renewed certificate it is another caller: clients show the one that they were made with.
            shown = "" if self._certificate is None else str(self._certificate.certificate.stat().st_mtime_ns)
            return Identity(kind=Kind.NONE, username="anonymous", secret=shown)
        return credentials.read(authorization, self._settings, takes_passwords=self._takes_passwords)

    def _note_spelling(self, authorization: bytes | None, caller: Caller) -> None:
        if authorization is not None and len(authorization) > SPELLING_BYTES:
            return
        if authorization not in self._spelled and self._known.get(caller.identity.key) is caller:
            if len(caller.spellings) >= SPELLINGS:
                del self._spelled[caller.spellings.pop(0)]
            caller.spellings.append(authorization)
            self._spelled[authorization] = caller

    def _log_in_once(self, key: bytes, identity: Identity, address: str) -> asyncio.Task[Caller]:
        task = WATCH.errand(f"login of {identity.username[:50]}", self._admit(key, identity, address))
        self._logins[key] = task
        task.add_done_callback(lambda _: self._logins.pop(key, None))
        return task

    @contextlib.contextmanager
    def stream(self, caller: Caller) -> Iterator[None]:
        """Count a stream while it is open.

        Raises:
            GatewayError: the limit is reached.
        """
        limits, usage = self._settings.limits, caller.usage
        if usage.streams >= limits.streams_per_caller:
            raise too_many(f"User {caller.username} has {usage.streams} open streams, as many as allowed: close one.")
        if self.streams >= limits.streams:
            raise overloaded("The gateway has reached its limit of open streams: try again later.", 5)
        usage.streams += 1
        self.streams += 1
        try:
            yield
        finally:
            usage.streams -= 1
            self.streams -= 1

    def claim_consumer(self, caller: Caller) -> Callable[[], None]:
        """Count a Kafka consumer; call the result once when it is closed.

        Raises:
            GatewayError: the limit is reached.
        """
        limits, usage = self._settings.limits, caller.usage
        if usage.consumers >= limits.consumers_per_caller:
            raise too_many(
                f"User {caller.username} has {usage.consumers} consumers, as many as allowed: delete one or wait."
            )
        if self.consumers >= limits.consumers:
            raise overloaded("The gateway has reached its limit of consumers: try again later.", 5)
        self._resources.claim()
        usage.consumers += 1
        self.consumers += 1
        released = False

        def release() -> None:
            nonlocal released
            if not released:
                released = True
                usage.consumers -= 1
                self.consumers -= 1
                self._resources.release()

        return release

    async def _admit(self, key: bytes, identity: Identity, address: str) -> Caller:
        """Log in to Kafka, for the first time or to recheck the credentials."""
        try:
            if key in self._accepted:
                async with self._known_slots:
                    await self._check.check(identity)
            else:
                async with self._queue.turn(address, identity.username):
                    await self._check.check(identity)
        except GatewayError as error:
            if error.status == HTTPStatus.UNAUTHORIZED:
                if len(self._refused) >= REFUSED_AT_A_TIME:
                    self._refused.popitem(last=False)
                self._refused[key] = (now() + REFUSED_SECONDS, error)
                self._accepted.pop(key, None)
                self._forget(key, purge=True)
            raise
        self._accepted[key] = None
        self._accepted.move_to_end(key)
        if len(self._accepted) > ACCEPTED_REMEMBERED:
            self._accepted.popitem(last=False)
        caller = self._known.get(key)
        if caller is None:
            usage = self._usages.setdefault(identity.owner, Usage())
            self._make_room(usage, identity)
            usage.callers += 1
            self._known[key] = caller = Caller(identity, usage, self._resources)
        caller.rejected = False
        caller.used_at = caller.checked_at = now()
        caller.valid_until = caller.checked_at + self._settings.recheck_seconds
        return caller

    def _make_room(self, usage: Usage, identity: Identity) -> None:
        most = self._settings.limits.callers
        own = max(2, most // TOKENS_SHARE)
        if usage.callers >= own:
            idle = [key for key, caller in self._known.items() if caller.usage is usage and not caller.busy]
            if not idle:
                raise too_many(f"User {identity.username} has {usage.callers} tokens in use, as many as allowed.", 5)
        elif len(self._known) >= most:
            idle = [key for key, caller in self._known.items() if not caller.busy]
            if not idle:
                raise overloaded("The gateway has reached its limit of callers: try again later.", 5)
        else:
            return
        self._forget(min(idle, key=lambda key: self._known[key].used_at))

    def _forget(self, key: bytes, *, purge: bool = False) -> None:
        caller = self._known.pop(key, None)
        if caller is None:
            return
        caller.usage.callers -= 1
        for spelling in caller.spellings:
            del self._spelled[spelling]
        caller.spellings.clear()
        caller.forget(purge=purge)
        self._forgotten.append(caller)

    def maintain(self) -> None:
        """To be called once a second: serve callbacks, check logins again, close what is idle."""
        moment = now()
        for key, caller in list(self._known.items()):
            try:
                self._maintain(key, caller, moment)
            except Exception as error:
                # Only this caller is affected: the others continue, and this one starts over.
                LOG.error("A caller is forgotten: %s", whereabouts(error))
                self._forget(key)
        for caller in self._forgotten[:]:
            try:
                caller.serve(moment)
                if caller.gone:
                    self._forgotten.remove(caller)
            except Exception as error:
                LOG.error("A caller's clients cannot be closed: %s", whereabouts(error))
                self._forgotten.remove(caller)
        while self._refused and next(iter(self._refused.values()))[0] <= moment:
            self._refused.popitem(last=False)

    def _maintain(self, key: bytes, caller: Caller, moment: float) -> None:
        caller.serve(moment)
        due = caller.checked_at + self._settings.recheck_seconds / 2
        used = caller.busy or caller.used_at > caller.checked_at
        if caller.rejected or (used and due <= moment):
            if key not in self._logins:
                # A caller who returns is told then; nobody waits for this check.
                task = self._log_in_once(key, caller.identity, "")
                task.add_done_callback(lambda ended: ended.cancelled() or ended.exception())
        elif not caller.busy and caller.used_at + IDLE_SECONDS <= moment:
            self._forget(key)

    def close(self, seconds: float) -> None:
        """Flush every producer; blocks up to `seconds` each."""
        for caller in [*self._known.values(), *self._forgotten]:
            caller.flush(seconds)
