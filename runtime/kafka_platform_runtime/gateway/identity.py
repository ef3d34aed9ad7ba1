"""Callers: who they are in Kafka, and the clients that are logged in as them."""

import asyncio
import base64
import binascii
import contextlib
import json
import math
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from pathlib import Path
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Producer

from kafka_platform_runtime.gateway import errors
from kafka_platform_runtime.gateway.errors import GatewayError, overloaded, too_many, unauthorized
from kafka_platform_runtime.gateway.http import now
from kafka_platform_runtime.gateway.settings import Kafka, Settings

LOGIN_SECONDS = 10.0
"""How long a login may take: DNS, connection and SCRAM usually take some 20 ms."""
REFUSED_SECONDS = 2.0
"""For so long a refused login is remembered: whoever guesses passwords does not reach Kafka with each of them."""
IDLE_SECONDS = 300.0
"""After so long without a request a caller's connections are closed."""
TOPIC_SECONDS = 60.0
"""For so long what is known of a topic counts; a topic that fails is asked for again at once."""
LOGINS_AT_A_TIME = 8
REFUSED_AT_A_TIME = 10_000
TOPICS_OF_A_CALLER = 10_000
TOKEN_SECONDS = 3600.0
"""Lifetime that a bearer token without `exp` is given."""
LINGER_MILLISECONDS = 1.0
"""Pause in which the producer gathers records of several requests into one batch."""


class Topic:
    """What is known of a topic: its partitions with a leader, and until when that counts."""

    __slots__ = ("available", "partitions", "until")

    def __init__(self, partitions: int, available: list[int]) -> None:
        self.partitions = partitions
        self.available = available
        self.until = now() + TOPIC_SECONDS


class Caller:
    """A Kafka user with the credentials he gave, his producer, and what he uses at the moment.

    Args:
        username: for messages; the principal is decided by Kafka.
        login: client settings with the credentials; never printed.
    """

    def __init__(self, username: str, login: Mapping[str, Any]) -> None:
        self.username = username
        self._login = dict(login)
        self.producer: Producer
        self.topics: dict[str, Topic] = {}
        self.turn = 0
        """Counts the looks for acknowledgements: records without a key go to another partition every few of them."""
        self.awaited = 0
        """Requests that wait for Kafka's acknowledgement."""
        self.requests = 0
        self.streams = 0
        self.consumers = 0
        self.throttled_until = 0.0
        self.valid_until = 0.0
        self.checked_at = 0.0
        self.used_at = now()
        self.rejected = False
        """Kafka has refused a connection with these credentials since they were last checked."""
        self.broken = False
        """The producer cannot go on (a fatal error) and needs a successor."""

    def __repr__(self) -> str:
        return f"Caller({self.username!r})"

    @property
    def has_token(self) -> bool:
        """Whether the credentials are a bearer token."""
        return "oauth_cb" in self._login

    @property
    def busy(self) -> bool:
        """Whether something of this caller is under way."""
        return bool(self.requests or self.streams or self.consumers or self.awaited)

    def client(self, **more: Any) -> dict[str, Any]:
        """Settings of a client of this caller; names in `more` have underscores for dots."""
        settings = {**self._login, "error_cb": self._on_error, "throttle_cb": self._on_throttle}
        settings.update({name.replace("_", "."): value for name, value in more.items()})
        return settings

    def _on_error(self, error: KafkaError) -> None:
        if errors.is_rejected(error):
            self.rejected = True
        if error.fatal():
            self.broken = True

    def _on_throttle(self, event: Any) -> None:
        self.throttled_until = max(self.throttled_until, now() + event.throttle_time)

    def refuse_if_throttled(self) -> None:
        """Answer 429 while Kafka throttles this user.

        Raises:
            GatewayError: it does, with the seconds until it will not.
        """
        wait = self.throttled_until - now()
        if wait > 0:
            raise too_many(f"Kafka throttles user {self.username}: over the quota.", wait)

    async def topic(self, name: str, executor: ThreadPoolExecutor, seconds: float) -> Topic:
        """What is known of a topic, asked for if need be.

        Raises:
            GatewayError: there is no such topic, this user may not see it, or Kafka does not answer.
        """
        known = self.topics.get(name)
        if known is not None and known.until > now():
            return known
        loop = asyncio.get_running_loop()
        producer = self.producer
        try:
            found = await loop.run_in_executor(executor, lambda: producer.list_topics(name, timeout=seconds))
        except KafkaException as failure:
            raise errors.from_kafka(failure.args[0], f"Topic {name}") from None
        metadata = found.topics[name]
        if metadata.error is not None:
            self.topics.pop(name, None)
            if errors.is_unknown_topic(metadata.error):
                raise errors.no_topic(name)
            raise errors.from_kafka(metadata.error, f"Topic {name}")
        leading = sorted(number for number, each in metadata.partitions.items() if each.leader >= 0)
        topic = Topic(len(metadata.partitions), leading or sorted(metadata.partitions))
        if len(self.topics) >= TOPICS_OF_A_CALLER:
            self.topics.clear()
        self.topics[name] = topic
        return topic


class Callers:
    """Everybody who has called lately: bounded, checked again and again, and closed when idle.

    Args:
        kafka: where Kafka listens.
        settings: the gateway's.
        executor: threads for what blocks.
    """

    def __init__(self, kafka: Kafka, settings: Settings, executor: ThreadPoolExecutor) -> None:
        self._kafka = kafka
        self._has_login = kafka.security_protocol.has_login
        self._settings = settings
        self._executor = executor
        self._known: dict[bytes | None, Caller] = {}
        self._refused: dict[bytes | None, tuple[float, GatewayError]] = {}
        self._logins: dict[bytes | None, asyncio.Task[Caller]] = {}
        self._login_slots = asyncio.Semaphore(LOGINS_AT_A_TIME)
        self._retired: list[Caller] = []
        self.streams = 0
        self.consumers = 0

    def __iter__(self) -> Iterator[Caller]:
        return iter(list(self._known.values()))

    def __len__(self) -> int:
        return len(self._known)

    def known(self, authorization: bytes | None) -> Caller | None:
        """The caller who sent this Authorization header, if he is logged in to Kafka."""
        caller = self._known.get(authorization if self._has_login else None)
        if caller is None or caller.valid_until <= (moment := now()):
            return None
        caller.used_at = moment
        return caller

    async def identify(self, authorization: bytes | None) -> Caller:
        """The caller who sent this Authorization header, logged in to Kafka.

        Raises:
            GatewayError: 401 without or with wrong credentials, 503 if Kafka cannot be asked.
        """
        if not self._has_login:
            authorization = None
        caller = self.known(authorization)
        if caller is not None:
            return caller
        refused = self._refused.get(authorization)
        if refused is not None:
            if refused[0] > now():
                raise refused[1]
            del self._refused[authorization]
        return await asyncio.shield(self._logins.get(authorization) or self._log_in_once(authorization))

    def _log_in_once(self, authorization: bytes | None) -> asyncio.Task[Caller]:
        task = asyncio.create_task(self._admit(authorization))
        self._logins[authorization] = task
        task.add_done_callback(lambda _: self._logins.pop(authorization, None))
        return task

    @contextlib.contextmanager
    def stream(self, caller: Caller) -> Iterator[None]:
        """Count a stream while it is open.

        Raises:
            GatewayError: there are as many as there may be.
        """
        limits = self._settings.limits
        if caller.streams >= limits.streams_per_caller:
            raise too_many(f"User {caller.username} has {caller.streams} open streams, as many as allowed: close one.")
        if self.streams >= limits.streams:
            raise overloaded("The gateway has as many open streams as it may: try again later.", 5)
        caller.streams += 1
        self.streams += 1
        try:
            yield
        finally:
            caller.streams -= 1
            self.streams -= 1

    def claim_consumer(self, caller: Caller) -> Callable[[], None]:
        """Count a Kafka consumer; to be called once when it is closed.

        Raises:
            GatewayError: there are as many as there may be.
        """
        limits = self._settings.limits
        if caller.consumers >= limits.consumers_per_caller:
            raise too_many(
                f"User {caller.username} has {caller.consumers} consumers, as many as allowed: delete one or wait."
            )
        if self.consumers >= limits.consumers:
            raise overloaded("The gateway has as many consumers as it may: try again later.", 5)
        caller.consumers += 1
        self.consumers += 1
        released = False

        def release() -> None:
            nonlocal released
            if not released:
                released = True
                caller.consumers -= 1
                self.consumers -= 1

        return release

    async def _admit(self, authorization: bytes | None) -> Caller:
        """Log in to Kafka, for the first time or to see whether the credentials still count."""
        username, login = self._credentials(authorization)
        fresh = Caller(username, login)
        if authorization not in self._known:
            self._make_room()
        try:
            producer = await self._log_in(fresh)
        except GatewayError as error:
            if error.status == HTTPStatus.UNAUTHORIZED:
                if len(self._refused) > REFUSED_AT_A_TIME:
                    self._refused.clear()
                self._refused[authorization] = (now() + REFUSED_SECONDS, error)
                self._forget(authorization, purge=True)
            raise
        caller = self._known.get(authorization)
        if caller is None:
            fresh.producer = producer
            self._known[authorization] = caller = fresh
        elif caller.broken:
            self._forget(authorization, purge=True)
            fresh.producer = producer
            self._known[authorization] = caller = fresh
        else:
            self._dispose(producer)
        self._accepted(caller)
        return caller

    def _accepted(self, caller: Caller) -> None:
        caller.rejected = False
        caller.used_at = caller.checked_at = now()
        caller.valid_until = caller.checked_at + self._settings.recheck_seconds

    def _credentials(self, authorization: bytes | None) -> tuple[str, dict[str, Any]]:
        client = self._kafka.client()
        if not self._has_login:
            return "anonymous", client
        if authorization is None:
            anonymous = self._settings.anonymous
            if anonymous is None:
                raise unauthorized("Credentials are needed: a Kafka user and password by HTTP Basic.")
            password = Path(anonymous.password_file).read_text(encoding="utf-8").rstrip("\r\n")
            return anonymous.username, {**client, **self._password(anonymous.username, password)}
        kind, _, credentials = authorization.partition(b" ")
        if kind.lower() == b"basic":
            try:
                text = base64.b64decode(credentials.strip(), validate=True).decode()
            except (binascii.Error, UnicodeDecodeError):
                raise unauthorized("The Basic credentials are not base64 of user:password in UTF-8.") from None
            username, colon, password = text.partition(":")
            if not colon or not username or not password or "\0" in text:
                raise unauthorized("The Basic credentials need a user and a password.")
            return username, {**client, **self._password(username, password)}
        if kind.lower() == b"bearer" and self._settings.bearer:
            token = credentials.strip().decode("latin-1")
            if not token or not token.isascii() or not token.isprintable():
                raise unauthorized("The bearer token is empty or not plain text.")
            claims = token_claims(token)
            said = claims.get("exp")
            expiry = time.time() + TOKEN_SECONDS
            if isinstance(said, int | float) and math.isfinite(said):
                expiry = float(said)
            return str(claims.get("sub") or "bearer"), {
                **client,
                "sasl.mechanism": "OAUTHBEARER",
                "oauth_cb": lambda _: (token, expiry),
            }
        use = "Basic or Bearer" if self._settings.bearer else "Basic"
        raise unauthorized(f"Unknown kind of credentials: use {use}.")

    def _password(self, username: str, password: str) -> dict[str, Any]:
        return {"sasl.mechanism": self._kafka.mechanism.value, "sasl.username": username, "sasl.password": password}

    async def _log_in(self, caller: Caller) -> Producer:
        """A producer of this caller that has a connection to Kafka."""
        timeout = self._settings.limits.timeout_seconds
        settings = caller.client(
            acks="all",
            enable_idempotence=True,
            linger_ms=LINGER_MILLISECONDS,
            partitioner="murmur2_random",
            message_timeout_ms=int(timeout * 1000),
            message_max_bytes=self._settings.limits.body_bytes + 65_536,
            # Bounded by the gateway's own limits, which answer instead of blocking.
            queue_buffering_max_messages=0,
            queue_buffering_max_kbytes=max(1024, self._settings.limits.bytes // 512),
        )
        async with self._login_slots:
            caller.rejected = False
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._executor, lambda: _connected(caller, settings))

    def _make_room(self) -> None:
        if len(self._known) < self._settings.limits.callers:
            return
        idle = [key for key, caller in self._known.items() if not caller.busy]
        if not idle:
            raise overloaded("The gateway has as many callers as it may: try again later.", 5)
        self._forget(min(idle, key=lambda key: self._known[key].used_at))

    def _forget(self, authorization: bytes | None, *, purge: bool = False) -> None:
        caller = self._known.pop(authorization, None)
        if caller is not None:
            if purge:
                # What is queued is answered as not sent, what is under way as unknown.
                caller.producer.purge(in_queue=True, in_flight=True, blocking=False)
            self._retired.append(caller)

    def _dispose(self, producer: Producer) -> None:
        def close() -> None:
            producer.flush(5)
            producer.close()

        asyncio.get_running_loop().run_in_executor(self._executor, close)

    def maintain(self) -> None:
        """To be called once a second: serve callbacks, check logins again, close what is idle."""
        moment = now()
        for authorization, caller in list(self._known.items()):
            caller.producer.poll(0)
            due = caller.checked_at + self._settings.recheck_seconds / 2
            used = caller.busy or caller.used_at > caller.checked_at
            if caller.rejected or caller.broken or (used and due <= moment):
                self._recheck(authorization)
            elif not caller.busy and caller.used_at + IDLE_SECONDS <= moment:
                self._forget(authorization)
        # Callbacks run in the thread that polls: a producer is left to another thread only when nobody waits for any.
        for caller in [each for each in self._retired if not each.awaited]:
            self._retired.remove(caller)
            self._dispose(caller.producer)
        for authorization in [key for key, (until, _) in self._refused.items() if until <= moment]:
            del self._refused[authorization]

    def _recheck(self, authorization: bytes | None) -> None:
        if authorization not in self._logins:
            task = self._log_in_once(authorization)
            # A caller who comes again is told; nobody waits for this one.
            task.add_done_callback(lambda ended: ended.cancelled() or ended.exception())

    def close(self, seconds: float) -> None:
        """Flush every producer; blocks up to `seconds` each."""
        for caller in [*self._known.values(), *self._retired]:
            caller.producer.flush(seconds)
        self._known.clear()


def _connected(caller: Caller, settings: Mapping[str, Any]) -> Producer:
    """Make a producer and wait for its first connection; runs in a thread of its own."""
    try:
        producer = Producer(dict(settings))
    except KafkaException as failure:
        raise errors.from_kafka(failure.args[0], "Kafka") from None
    until = now() + LOGIN_SECONDS
    while now() < until:
        producer.poll(0)
        if caller.rejected:
            producer.close()
            raise unauthorized("Kafka does not accept these credentials.")
        try:
            producer.cluster_id(timeout=0.05)
        except KafkaException:
            continue
        return producer
    producer.close()
    raise overloaded("Kafka does not answer.", 5)


def token_claims(token: str) -> dict[str, Any]:
    """What a JSON Web Token says of itself; Kafka checks it, not the gateway."""
    try:
        body = token.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    except (IndexError, ValueError):
        return {}
    return claims if isinstance(claims, dict) else {}
