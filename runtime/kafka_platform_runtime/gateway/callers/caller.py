"""A caller: somebody Kafka has let in, what they currently use, and their clients, each made when first needed."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Future
from typing import Any, TypeVar

from confluent_kafka import KafkaError, KafkaException, Producer
from confluent_kafka.admin import AdminClient

from kafka_platform_runtime.gateway import errors
from kafka_platform_runtime.gateway.callers.channel import Channel
from kafka_platform_runtime.gateway.callers.credentials import Identity
from kafka_platform_runtime.gateway.callers.resources import Resources, Usage
from kafka_platform_runtime.gateway.clock import now
from kafka_platform_runtime.gateway.errors import overloaded, too_many, unauthorized
from kafka_platform_runtime.gateway.rights import Right, Wish
from kafka_platform_runtime.gateway.verdicts import is_rejected, is_unknown_topic
from kafka_platform_runtime.supervision import WATCH, whereabouts

T = TypeVar("T")
LOG = logging.getLogger("gateway")

TOPIC_SECONDS = 60.0
"""How long metadata of a topic is valid; after a failure it is requested again at once."""
TOPICS_OF_A_CALLER = 10_000
LINGER_MILLISECONDS = 1.0
"""Pause in which the producer gathers records of several requests into one batch."""
ABSENT_TOPICS = 100
"""Missing topics that one client may be asked for: it keeps some 4 KB of each, and looks for all of them
again and again. After that another client is used."""
QUESTIONER_IDLE_SECONDS = 30.0
"""Idle time after which the client for metadata is closed; a new one logs in within some 50 ms."""
FIRST_LOOK_SECONDS = 1.0
"""Wait before a request is repeated, doubled each time, unless the login is refused meanwhile."""
CLOSE_SECONDS = 5.0
"""How long a closing producer may take to send what it has."""


class Topic:
    """What is known about a topic: its partitions with a leader, and how long that is valid."""

    __slots__ = ("available", "partitions", "until")

    def __init__(self, partitions: int, available: list[int]) -> None:
        self.partitions = partitions
        self.available = available
        self.until = now() + TOPIC_SECONDS


class _Questioner:
    """A client for metadata, and when it was last used."""

    __slots__ = ("absent", "client", "used_at", "users")

    def __init__(self, client: AdminClient) -> None:
        self.client = client
        self.used_at = now()
        self.users = 0
        self.absent = 0
        """Missing topics that it was asked for."""


class Caller:
    """Somebody with a user and password, or a token, that Kafka has accepted.

    Args:
        identity: who they are.
        usage: what the user uses, shared by all of their passwords and tokens.
        resources: what all callers share.
    """

    def __init__(self, identity: Identity, usage: Usage, resources: Resources) -> None:
        self.identity = identity
        self.username = identity.username
        self.usage = usage
        self._resources = resources
        self._login = identity.login(resources.kafka)
        self.spellings: list[bytes | None] = []
        """Headers that lead directly to this caller."""
        self.channel: Channel | None = None
        """None until the first write, and after the producer failed."""
        self._opening: asyncio.Task[Channel] | None = None
        self._failed: list[Channel] = []
        """Failed channels whose waiting requests have not been told yet."""
        self._questioner: _Questioner | None = None
        self._asking: asyncio.Task[_Questioner] | None = None
        self.forgotten = False
        """Nothing new starts for this caller."""
        self.topics: dict[str, Topic] = {}
        self.throttled_until = 0.0
        self.valid_until = 0.0
        self.checked_at = 0.0
        self.used_at = now()
        self.rejected = False
        """Kafka has refused a connection with these credentials since their last check."""

    def __repr__(self) -> str:
        return f"Caller({self.username!r})"

    @property
    def busy(self) -> bool:
        """Whether this user has something in progress."""
        return self.usage.busy

    def client(self, **more: Any) -> dict[str, Any]:
        """Settings of a client for this caller; names in `more` have underscores for dots."""
        settings = {**self._login, "error_cb": self._on_error, "throttle_cb": self._on_throttle}
        settings.update({name.replace("_", "."): value for name, value in more.items()})
        return settings

    def _on_error(self, error: KafkaError) -> None:
        if is_rejected(error):
            self.rejected = True

    def _on_throttle(self, event: Any) -> None:
        self.throttled_until = max(self.throttled_until, now() + event.throttle_time)

    def refuse_if_throttled(self) -> None:
        """Answer 429 while Kafka throttles this user.

        Raises:
            GatewayError: it does, with the seconds until it stops.
        """
        wait = self.throttled_until - now()
        if wait > 0:
            raise too_many(f"Kafka throttles user {self.username}: over the quota.", wait)

    # Writing

    async def writing(self) -> Channel:
        """The channel for records, made with the first write: Kafka gives a producer only to users who may write.

        Raises:
            GatewayError: no further client can be made.
        """
        if self.channel is not None:
            return self.channel
        if self._opening is None or self._opening.done():
            self._opening = WATCH.errand(f"producer of {self.username}", self._open_channel())
        return await asyncio.shield(self._opening)

    def producing(self, **more: Any) -> dict[str, Any]:
        """Settings of a producer for this caller, like `client`."""
        limits = self._resources.settings.limits
        return self.client(
            acks="all",
            message_timeout_ms=int(limits.timeout_seconds * 1000),
            message_max_bytes=limits.body_bytes + 65_536,
            # Bounded by the gateway's own limits, which return an error instead of blocking.
            queue_buffering_max_messages=0,
            queue_buffering_max_kbytes=max(1024, limits.bytes // 512),
            **more,
        )

    async def _open_channel(self) -> Channel:
        settings = self.producing(enable_idempotence=True, linger_ms=LINGER_MILLISECONDS, partitioner="murmur2_random")
        channel = Channel(await self.made(lambda: Producer(settings)))
        if self.forgotten:
            self._close_channel(channel)
            raise unauthorized("Kafka no longer accepts these credentials.")
        self.channel = channel
        return channel

    async def made(self, make: Callable[[], T]) -> T:
        """A client, made in a thread: it reads certificates and starts its own threads. `close_later` ends it."""
        resources = self._resources
        resources.claim()
        try:
            return await asyncio.get_running_loop().run_in_executor(resources.questions, make)
        except BaseException as error:
            resources.release()
            if isinstance(error, KafkaException):
                raise errors.from_kafka(error.args[0], "Kafka", self.wish(Right.DESCRIBE, "")) from None
            if isinstance(error, RuntimeError):  # out of threads, or of keys for their data
                LOG.error("A Kafka client cannot be made: %s", whereabouts(error))
                raise overloaded("The gateway cannot make another Kafka client: try again later.", 5) from None
            raise

    def close_later(self, name: str, close: Callable[[], Any]) -> None:
        """Close a client that `made` has made, without blocking."""
        self._resources.close_later(name, close)

    # Asking

    @contextlib.asynccontextmanager
    async def questioner(self) -> AsyncIterator[AdminClient]:
        """The client for metadata about topics and brokers; it stays open in the context.

        Raises:
            GatewayError: no further client can be made.
        """
        if self._questioner is None:
            if self._asking is None or self._asking.done():
                self._asking = WATCH.errand(f"questions of {self.username}", self._open_questioner())
            await asyncio.shield(self._asking)
        found = self._questioner
        if found is None:
            raise unauthorized("Kafka no longer accepts these credentials.")
        found.users += 1
        try:
            yield found.client
        finally:
            found.users -= 1
            found.used_at = now()
            if self.forgotten or found.absent >= ABSENT_TOPICS:
                self._close_questioner()

    async def _open_questioner(self) -> _Questioner:
        settings = self.client()
        self._questioner = made = _Questioner(await self.made(lambda: AdminClient(settings)))
        if self.forgotten:
            self._close_questioner()
            raise unauthorized("Kafka no longer accepts these credentials.")
        return made

    async def listed(self, topic: str | None = None) -> Any:
        """Brokers and topics, or one topic, as far as this user may see them.

        Raises:
            GatewayError: Kafka does not answer, or no longer accepts the credentials.
            KafkaException: Kafka refused it.
        """
        channel = self.channel
        if channel is not None and channel.absent < ABSENT_TOPICS:
            # Already logged in.
            found = await self._ask(channel.producer, topic, lambda: None)
            channel.absent += _is_absent(found, topic)
            return found
        async with self.questioner() as client:
            questioner = self._questioner
            found = await self._ask(client, topic, lambda: client.poll(0))
            if questioner is not None:
                questioner.absent += _is_absent(found, topic)
            return found

    async def _ask(self, client: Any, topic: str | None, serve: Callable[[], Any]) -> Any:
        until = now() + self._resources.settings.limits.timeout_seconds

        def look() -> Any:
            wait = FIRST_LOOK_SECONDS
            while True:
                left = until - now()
                try:
                    return client.list_topics(topic, timeout=max(0.1, min(wait, left)))
                except KafkaException as failure:
                    serve()
                    if self.rejected:
                        raise unauthorized("Kafka no longer accepts these credentials.") from None
                    if left <= wait or failure.args[0].code() not in _UNANSWERED:
                        raise
                    wait *= 2

        async with self.usage.questions:
            return await asyncio.get_running_loop().run_in_executor(self._resources.questions, look)

    async def answered(self, client: AdminClient, future: "Future[T]") -> T:
        """Kafka's answer to a request that holds no thread.

        Raises:
            GatewayError: Kafka no longer accepts the credentials.
            KafkaException: Kafka refused it, or did not answer.
        """
        waiting = asyncio.wrap_future(future)
        while not waiting.done():
            await asyncio.wait({waiting}, timeout=FIRST_LOOK_SECONDS)
            if not waiting.done():
                client.poll(0)
                if self.rejected:
                    waiting.add_done_callback(lambda late: late.cancelled() or late.exception())
                    raise unauthorized("Kafka no longer accepts these credentials.")
        return waiting.result()

    def wish(self, right: Right, topic: str, group: str = "") -> Wish:
        """What they ask of Kafka, for the sentence about its denial."""
        return Wish(user=self.username, right=right, topic=topic, group=group)

    async def topic(self, name: str, right: Right) -> Topic:
        """What is known about a topic, asking Kafka if necessary; `right` is what they need it for.

        Raises:
            GatewayError: there is no such topic, this user may not see it, or Kafka does not answer.
        """
        known = self.topics.get(name)
        if known is not None and known.until > now():
            return known
        try:
            metadata = await self.described(name, right)
        except KafkaException as failure:
            raise errors.from_kafka(failure.args[0], f"Topic {name}", self.wish(right, name)) from None
        leading = sorted(number for number, each in metadata.partitions.items() if each.leader >= 0)
        topic = Topic(len(metadata.partitions), leading or sorted(metadata.partitions))
        if len(self.topics) >= TOPICS_OF_A_CALLER:
            self.topics.clear()
        self.topics[name] = topic
        return topic

    async def described(self, name: str, right: Right) -> Any:
        """Kafka's current description of a topic: its partitions, and who has them.

        Does not use describe_topics, which leaks memory: confluent_kafka 2.16 keeps a reference to each topic's id.

        Raises:
            GatewayError: there is no such topic, this user may not see it, or the credentials are no longer accepted.
            KafkaException: Kafka refused it, or did not answer.
        """
        metadata = (await self.listed(name)).topics[name]
        if metadata.error is not None:
            self.topics.pop(name, None)
            if is_unknown_topic(metadata.error):
                raise errors.no_topic(name)
            raise errors.from_kafka(metadata.error, f"Topic {name}", self.wish(right, name))
        return metadata

    # Upkeep

    def serve(self, moment: float) -> None:
        """Run callbacks, set a failed producer aside, close what is idle; to be called once a second."""
        if self.channel is not None:
            self.channel.serve()
            self.put_failed_aside()
        for channel in self._failed[:]:
            channel.serve()
            if not channel.awaited:
                self._failed.remove(channel)
                self._close_channel(channel)
        questioner = self._questioner
        if questioner is not None:
            questioner.client.poll(0)
            if not questioner.users and questioner.used_at + QUESTIONER_IDLE_SECONDS <= moment:
                self._close_questioner()

    def put_failed_aside(self) -> None:
        """Set a failed producer aside, so that the next write gets another one."""
        channel = self.channel
        if channel is not None and channel.failure is not None:
            LOG.warning("A producer failed, the next write gets a new one: %s", channel.failure.name())
            self._failed.append(channel)
            self.channel = None

    def forget(self, *, purge: bool) -> None:
        """Start nothing new for this caller.

        Args:
            purge: report what is queued as not sent and what is in flight as unknown.
        """
        self.forgotten = True
        if self.channel is not None:
            if purge:
                self.channel.purge()
            self._failed.append(self.channel)
            self.channel = None
        if self._questioner is not None and not self._questioner.users:
            self._close_questioner()

    @property
    def gone(self) -> bool:
        """Whether nothing is left of a forgotten caller; until then, keep serving it."""
        return not self._failed

    def flush(self, seconds: float) -> None:
        """Send what is queued; blocks."""
        for channel in [*self._failed, *filter(None, [self.channel])]:
            try:
                channel.producer.flush(seconds)
            except Exception as error:  # like `poll`, it raises what callbacks raise
                channel.failed(error)

    def _close_channel(self, channel: Channel) -> None:
        # Callbacks run in the thread that polls: a producer moves to another thread only when nobody waits for them.
        producer = channel.producer

        def close() -> None:
            try:
                producer.flush(CLOSE_SECONDS)
            finally:
                producer.close()

        self.close_later("Closing a producer", close)

    def _close_questioner(self) -> None:
        questioner, self._questioner = self._questioner, None
        if questioner is None or questioner.users:
            self._questioner = questioner
            return

        def close() -> None:
            del questioner.client  # the last reference: librdkafka ends its threads here, which takes a moment

        self.close_later("Closing a client", close)


def _is_absent(found: Any, topic: str | None) -> bool:
    return topic is not None and found.topics[topic].error is not None


_UNANSWERED = frozenset({KafkaError._TIMED_OUT, KafkaError._TRANSPORT, KafkaError._ALL_BROKERS_DOWN})
