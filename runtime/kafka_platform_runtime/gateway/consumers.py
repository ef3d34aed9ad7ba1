"""Consumer instances over HTTP: the whole life cycle of the v2 dialect, at whichever pod a request arrives."""

import asyncio
import logging
import re
import uuid
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Annotated, Any, TypeVar
from urllib.parse import quote

import msgspec
from msgspec import Meta

from kafka_platform_runtime.gateway import errors
from kafka_platform_runtime.gateway.clock import now
from kafka_platform_runtime.gateway.core import Core
from kafka_platform_runtime.gateway.errors import GatewayError, malformed, unprocessable
from kafka_platform_runtime.gateway.formats import Format
from kafka_platform_runtime.gateway.groups import LONGEST_GROUP, is_group
from kafka_platform_runtime.gateway.http import Request, Response, Route
from kafka_platform_runtime.gateway.instances import OFFSET_BEGINNING, OFFSET_END, Instance, Options, conflict
from kafka_platform_runtime.gateway.peers import (
    CREATING,
    HOP,
    POD,
    TARGET,
    InstanceKey,
    Peers,
    is_no_instance,
    no_instance,
)
from kafka_platform_runtime.supervision import WATCH, whereabouts

LOG = logging.getLogger("gateway")

WAIT_SECONDS = 1.0
"""How long a read waits for the first record if nobody says otherwise."""
TICK_SECONDS = 0.5
"""How long another member of a group waits at most until an instance that nobody reads from takes part in sharing out."""
CLOSE_SECONDS = 10.0
"""How long the consumers may take to leave their groups at the end."""
TOPICS_OF_A_SUBSCRIPTION = 1000
PARTITIONS_OF_A_REQUEST = 10_000
MOST_MIN_BYTES = 10_000_000

_NAME = re.compile(r"[A-Za-z0-9._~:+-]{1,200}")
_TOPIC = re.compile(r"[A-Za-z0-9._-]{1,249}")
_RESETS = {"earliest": "earliest", "latest": "latest", "none": "error"}
_ISOLATIONS = frozenset({"read_uncommitted", "read_committed"})
_JSON_TYPES = frozenset({b"", b"application/json", b"application/octet-stream"})
_OTHER_FORMATS = frozenset({"avro", "jsonschema", "protobuf"})

B = TypeVar("B", bound="_Body")
PartitionNumber = Annotated[int, Meta(ge=0, le=2**31 - 1)]
OffsetNumber = Annotated[int, Meta(ge=0, le=2**63 - 2)]
TopicName = Annotated[str, Meta(max_length=249)]
Remark = Annotated[str, Meta(max_length=4096, pattern=r"^[^\0]*$")]
"""With a committed offset; brokers take 4096 bytes, and librdkafka's protocol is garbage beyond 32767."""


class _Body(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The body of a request: unknown names and wrong types are faults."""


class Creation(_Body, frozen=True):
    """POST /consumers/{group}."""

    name: str | None = None
    id: str | None = None
    """Older name of `name`."""
    format: str | None = None
    auto_offset_reset: str | None = msgspec.field(default=None, name="auto.offset.reset")
    enable_auto_commit: bool | str | None = msgspec.field(default=None, name="enable.auto.commit")
    auto_commit_enable: bool | str | None = msgspec.field(default=None, name="auto.commit.enable")
    """Older name of `enable.auto.commit`."""
    fetch_min_bytes: int | str | None = msgspec.field(default=None, name="fetch.min.bytes")
    request_timeout: int | str | None = msgspec.field(default=None, name="consumer.request.timeout.ms")
    isolation_level: str | None = msgspec.field(default=None, name="isolation.level")


class _Making:
    """A name that is about to be taken, while the other pods are asked whether they have or take it."""

    __slots__ = ("gave_way",)

    def __init__(self) -> None:
        self.gave_way = False
        """Another pod was told that it may make it: here it must not be made."""


class Created(msgspec.Struct, frozen=True):
    """The answer to it."""

    instance_id: str
    base_uri: str


class Subscription(_Body, frozen=True):
    """POST .../subscription."""

    topics: list[str] | None = None
    topic_pattern: str | None = None


class Place(_Body, frozen=True):
    """A partition."""

    topic: TopicName
    partition: PartitionNumber


class Places(_Body, frozen=True):
    """POST .../assignments, .../positions/beginning and /end, GET .../offsets."""

    partitions: list[Place]


class Offset(_Body, frozen=True):
    """An offset of a partition."""

    topic: TopicName
    partition: PartitionNumber
    offset: OffsetNumber
    metadata: Remark | None = None


class Offsets(_Body, frozen=True):
    """POST .../offsets."""

    offsets: list[Offset] | None = None


class Moment(_Body, frozen=True):
    """A time in a partition."""

    topic: TopicName
    partition: PartitionNumber
    timestamp: OffsetNumber | str
    """Milliseconds, or in ISO 8601."""
    metadata: Remark | None = None


class Positions(_Body, frozen=True):
    """POST .../positions."""

    offsets: list[Offset] = []
    timestamps: list[Moment] = []


Operation = Callable[[Request, bytes, Instance], Awaitable[Response]]


class Consumers:
    """The routes of consumer instances.

    An instance is found by its owner, group and name: callers have names of their own in a group, and what others have
    or make is, for them, not there. So nobody can tell or block the names of others, with forged headers neither.

    Args:
        core: what all parts share.
    """

    def __init__(self, core: Core) -> None:
        self._core = core
        self._limits = core.limits
        self._peers = Peers(core)
        self._instances: dict[InstanceKey, Instance] = {}
        self._making: dict[InstanceKey, _Making] = {}
        self._maintenance: asyncio.Task[None] | None = None
        self._endings: set[asyncio.Task[None]] = set()

    def routes(self) -> list[Route]:
        """What this class answers."""
        return [
            Route(method="POST", path="/consumers/{group}", handler=self.create, name="consumer_create"),
            self._route("GET", "", self._describe, "consumer_get"),
            self._route("DELETE", "", self._delete, "consumer_delete"),
            self._route("POST", "/subscription", self._subscribe, "consumer_subscribe"),
            self._route("GET", "/subscription", self._subscription, "consumer_subscription"),
            self._route("DELETE", "/subscription", self._unsubscribe, "consumer_unsubscribe"),
            self._route("POST", "/assignments", self._assign, "consumer_assign"),
            self._route("GET", "/assignments", self._assignments, "consumer_assignments"),
            self._route("GET", "/records", self._records, "consumer_records"),
            self._route("POST", "/offsets", self._commit, "consumer_commit"),
            self._route("GET", "/offsets", self._committed, "consumer_committed"),
            self._route("POST", "/positions", self._seek, "consumer_seek"),
            self._route("POST", "/positions/beginning", self._seek_to(OFFSET_BEGINNING), "consumer_seek"),
            self._route("POST", "/positions/end", self._seek_to(OFFSET_END), "consumer_seek"),
        ]

    def _route(self, method: str, what: str, operation: Operation, name: str) -> Route:
        async def handler(request: Request, group: str, full_name: str) -> Response:
            return await self._on_instance(operation, request, group, full_name, what)

        return Route(method=method, path=f"/consumers/{{group}}/instances/{{name}}{what}", handler=handler, name=name)

    # Where an instance lives -----------------------------------------------------------------------------------------

    async def _on_instance(
        self, operation: Operation, request: Request, group: str, full_name: str, what: str
    ) -> Response:
        """Do something with an instance of this caller, here or at the pod that has it."""
        body = await request.body(self._limits.body_bytes, self._core.budget, self._limits.timeout_seconds)
        name, at, pod = full_name.rpartition("@")
        if not at:
            name, pod = full_name, ""
        if not is_group(group) or not _is_name(name):
            raise no_instance(group, name)
        key = InstanceKey(request.caller.identity.owner, group, name)
        is_forwarded = request.header(HOP) is not None
        if is_forwarded and request.header(TARGET) not in {None, self._core.pod}:
            raise no_instance(group, name)
        here = not pod or pod == self._core.pod
        instance = self._instances.get(key) if here else None
        if instance is not None:
            return await self._here(operation, request, body, instance)
        if is_forwarded:
            self._give_way(request, key)
            raise no_instance(group, name)
        if not self._peers.any or pod == self._core.pod:
            raise no_instance(group, name)
        if pod:
            return await self._peers.forward(request, body, pod, key, what)
        home = self._peers.home(key)
        if home is not None:
            try:
                answer = await self._peers.forward(request, body, home, key, what)
                if not is_no_instance(answer):
                    return answer
            except GatewayError as failure:
                if failure.status != HTTPStatus.NOT_FOUND:
                    raise
        home = await self._peers.locate(request, key)
        if home is None:
            raise no_instance(group, name)
        return await self._peers.forward(request, body, home, key, what)

    def _give_way(self, request: Request, key: InstanceKey) -> None:
        """Two pods are about to make the same instance: the one whose name comes first goes on.

        Raises:
            GatewayError: this one does.
        """
        made = self._making.get(key)
        asking = request.header(HOP) or ""
        # Where the name server does not know this pod yet, it asks itself, too.
        if made is None or not request.header(CREATING) or asking == self._core.pod:
            return
        if self._core.pod < asking:
            refusal = _exists(key)
            refusal.headers = ((POD, self._core.pod),)
            raise refusal
        made.gave_way = True

    async def _here(self, operation: Operation, request: Request, body: bytes, instance: Instance) -> Response:
        instance.requests += 1
        try:
            await instance.log_in(request.caller)
            return await operation(request, body, instance)
        finally:
            instance.requests -= 1
            instance.used_at = now()

    # Life ------------------------------------------------------------------------------------------------------------

    async def create(self, request: Request, group: str) -> Response:
        """Make an instance.

        Raises:
            GatewayError: the options are wrong, the name is taken, the group is not this user's, or there are as many
                consumers as there may be.
        """
        request.known()
        body = await request.body(self._limits.body_bytes, self._core.budget, self._limits.timeout_seconds)
        wanted = _decoded(request, body, _CREATION) if body.strip() else Creation()
        if not is_group(group):
            raise unprocessable(f"The group needs a name of 1 to {LONGEST_GROUP} printable characters.")
        options = _options(wanted, self._limits.timeout_seconds)
        chosen = wanted.id if wanted.id is not None else wanted.name
        if chosen is not None and not _is_name(chosen):
            raise unprocessable("name: must be 1 to 200 letters, digits and . _ ~ : + - characters.")
        name = chosen or f"kafka-gateway-consumer-{uuid.uuid4()}"
        key = InstanceKey(request.caller.identity.owner, group, name)
        if key in self._instances:
            raise _exists(key)
        # It counts from here on, also while it waits.
        release = self._core.callers.claim_consumer(request.caller)
        instance: Instance | None = None
        try:
            instance = Instance(key=key, options=options, caller=request.caller, limits=self._limits, release=release)
            # First of all Kafka says whether this caller may use the group; only then is the name taken.
            await instance.open()
            await self._take_name(request, instance, ask=chosen is not None)
        except BaseException:
            if instance is None:
                release()
            else:
                self._end(instance)
            raise
        if self._maintenance is None:
            self._maintenance = WATCH.vital("upkeep of consumers", self._maintain())
        full_name = f"{name}@{self._core.pod}" if self._peers.any else name
        created = Created(
            instance_id=name if chosen else full_name,
            base_uri=f"{_base(request)}/instances/{quote(full_name, safe='@:+~')}",
        )
        return Response(body=msgspec.json.encode(created))

    async def _take_name(self, request: Request, instance: Instance, *, ask: bool) -> None:
        """Keep an instance under its name, unless this caller has another one of that name here or at another pod.

        Raises:
            GatewayError: so it is.
        """
        key = instance.key
        if key in self._instances or key in self._making:
            raise _exists(key)
        if ask and self._peers.any:
            made = self._making[key] = _Making()
            try:
                home = await self._peers.locate(request, key, creating=True)
            finally:
                del self._making[key]
            if home is not None or made.gave_way:
                raise _exists(key)
        self._instances[key] = instance

    async def _describe(self, request: Request, body: bytes, instance: Instance) -> Response:
        request.known()
        headers = [(POD, self._core.pod)] if request.header(HOP) is not None else []
        options = instance.options
        described = {
            "instance_id": instance.name,
            "group": instance.group,
            "format": options.format.value,
            "auto.offset.reset": "none" if options.reset == "error" else options.reset,
            "enable.auto.commit": options.auto_commit,
            "isolation.level": options.isolation,
        }
        return Response(body=msgspec.json.encode(described), headers=headers)

    async def _delete(self, request: Request, body: bytes, instance: Instance) -> Response:
        request.known()
        self._instances.pop(instance.key, None)
        await asyncio.shield(self._end(instance, deliberate=True))
        return _done()

    def _end(self, instance: Instance, *, deliberate: bool = False) -> asyncio.Task[None]:
        task = WATCH.errand("end of a consumer", instance.close(deliberate=deliberate))
        self._endings.add(task)
        task.add_done_callback(self._endings.discard)
        return task

    async def _maintain(self) -> None:
        """Again and again: let the instances take part in their groups, end those that nobody uses."""
        with WATCH.heart("The upkeep of consumers") as beat:
            while True:
                await asyncio.sleep(TICK_SECONDS)
                beat()
                expired = now() - self._limits.consumer_idle_seconds
                for key, instance in list(self._instances.items()):
                    try:
                        if not instance.requests and instance.used_at < expired:
                            del self._instances[key]
                            self._end(instance)
                        else:
                            instance.tick()
                    except Exception as error:  # one caller's affair: the others' go on
                        LOG.error("A consumer cannot be kept up: %s", whereabouts(error))

    async def close(self) -> None:
        """Let every consumer leave its group."""
        if self._maintenance is not None:
            self._maintenance.cancel()
        for instance in self._instances.values():
            self._end(instance)
        self._instances.clear()
        if self._endings:
            await asyncio.wait(self._endings, timeout=CLOSE_SECONDS)
        await self._peers.close()

    # Subscription and assignment -------------------------------------------------------------------------------------

    async def _subscribe(self, request: Request, body: bytes, instance: Instance) -> Response:
        request.known()
        wanted = _decoded(request, body, _SUBSCRIPTION)
        topics, pattern = wanted.topics or [], wanted.topic_pattern
        if topics and pattern:
            raise conflict("Subscribe either to topics or to a topic_pattern.")
        if not topics and not pattern:
            raise unprocessable("topics (a list of names that is not empty) or topic_pattern must be there.")
        if len(topics) > TOPICS_OF_A_SUBSCRIPTION:
            raise unprocessable(f"topics: at most {TOPICS_OF_A_SUBSCRIPTION}; use topic_pattern.")
        for topic in dict.fromkeys(topics):
            if not _TOPIC.fullmatch(topic):
                raise unprocessable(
                    f"topics: {topic[:50]!r} cannot be the name of a topic; for a pattern use topic_pattern."
                )
            try:
                await self._core.topic(request.caller, topic)
            except GatewayError as failure:
                # A topic may come into being later, as for every other consumer of Kafka.
                if failure.code != errors.no_topic(topic).code:
                    raise
        await instance.run(lambda: instance.subscribe(list(dict.fromkeys(topics)), pattern))
        return _done()

    async def _subscription(self, request: Request, body: bytes, instance: Instance) -> Response:
        request.known()
        topics, pattern, places = await instance.run(instance.subscription)
        partitions: dict[str, list[int]] = {}
        for topic, partition in places:
            partitions.setdefault(topic, []).append(partition)
        answer: dict[str, Any] = {"topics": topics, "partitions": [{topic: own} for topic, own in partitions.items()]}
        if pattern is not None:
            answer["topic_pattern"] = pattern
        return Response(body=msgspec.json.encode(answer))

    async def _unsubscribe(self, request: Request, body: bytes, instance: Instance) -> Response:
        request.known()
        await instance.run(instance.unsubscribe)
        return _done()

    async def _assign(self, request: Request, body: bytes, instance: Instance) -> Response:
        request.known()
        places = await self._places(request, body)
        await instance.run(lambda: instance.assign(places))
        return _done()

    async def _assignments(self, request: Request, body: bytes, instance: Instance) -> Response:
        request.known()
        places = await instance.run(instance.assignment)
        return Response(
            body=msgspec.json.encode({"partitions": [{"topic": topic, "partition": each} for topic, each in places]})
        )

    async def _places(self, request: Request, body: bytes) -> list[tuple[str, int]]:
        """The partitions that a body names; each of them exists."""
        wanted = _decoded(request, body, _PLACES).partitions
        places = list(dict.fromkeys((each.topic, each.partition) for each in wanted))
        await self._require(request, places)
        return places

    async def _require(self, request: Request, places: Sequence[tuple[str, int]]) -> None:
        if len(places) > PARTITIONS_OF_A_REQUEST:
            raise unprocessable(f"At most {PARTITIONS_OF_A_REQUEST} partitions at a time.")
        for topic, partition in places:
            known = await self._core.topic(request.caller, topic)
            if partition >= known.partitions:
                raise errors.no_partition(topic, partition)

    # Records ---------------------------------------------------------------------------------------------------------

    async def _records(self, request: Request, body: bytes, instance: Instance) -> Response:
        request.known("timeout", "max_bytes")
        if request.method != "GET":
            # A HEAD would take the records and not hand them out.
            raise GatewayError(HTTPStatus.METHOD_NOT_ALLOWED, 40501, "Use GET here.", [("allow", "GET")])
        _require_accepted(request, instance.options.format)
        own = instance.options.wait_seconds
        most_seconds, default = (self._limits.timeout_seconds, WAIT_SECONDS) if own is None else (own, own)
        asked = request.integer("timeout", -1, least=-1)
        seconds = default if asked < 0 else min(asked / 1000, most_seconds)
        most_bytes = request.integer("max_bytes", -1, least=-1)

        def hold(size: int) -> None:
            request.hold(size, self._core.budget)

        gone = WATCH.errand("caller leaves", request.gone())
        try:
            taken = await instance.read(seconds, most_bytes if most_bytes > 0 else None, gone, self._core.ending, hold)
        finally:
            gone.cancel()
        if taken is None:
            return Response(body=b"[]", content_type=instance.options.format.media_type)
        self._core.metrics.read(taken.records)
        return Response(body=taken.body, content_type=instance.options.format.media_type)

    # Offsets and positions -------------------------------------------------------------------------------------------

    async def _commit(self, request: Request, body: bytes, instance: Instance) -> Response:
        request.known("async")
        request.flag("async")
        wanted = _decoded(request, body, _OFFSETS).offsets if body.strip() else None
        if wanted is None:
            await instance.run(lambda: instance.commit(None))
        else:
            await self._require(request, [(each.topic, each.partition) for each in wanted])
            offsets = [(each.topic, each.partition, each.offset, each.metadata) for each in wanted]
            await instance.run(lambda: instance.commit(offsets))
        return _done()

    async def _committed(self, request: Request, body: bytes, instance: Instance) -> Response:
        request.known()
        places = await self._places(request, body) if body.strip() else None
        found = await instance.run(lambda: instance.committed(places, self._limits.timeout_seconds))
        names = ("topic", "partition", "offset", "metadata")
        return Response(body=msgspec.json.encode({"offsets": [dict(zip(names, each, strict=True)) for each in found]}))

    async def _seek(self, request: Request, body: bytes, instance: Instance) -> Response:
        request.known()
        wanted = _decoded(request, body, _POSITIONS)
        positions = [(each.topic, each.partition, each.offset) for each in wanted.offsets]
        moments = [(each.topic, each.partition, _milliseconds(each.timestamp)) for each in wanted.timestamps]
        await instance.run(lambda: instance.seek(positions))
        if moments:
            await instance.run(lambda: instance.seek_to(moments, self._limits.timeout_seconds))
        return _done()

    def _seek_to(self, end: int) -> Operation:
        async def seek(request: Request, body: bytes, instance: Instance) -> Response:
            request.known()
            wanted = _decoded(request, body, _PLACES).partitions
            places = dict.fromkeys((each.topic, each.partition) for each in wanted)
            moments = [(*place, end) for place in places]
            await instance.run(lambda: instance.seek_to(moments, self._limits.timeout_seconds))
            return _done()

        return seek


_CREATION = msgspec.json.Decoder(Creation)
_SUBSCRIPTION = msgspec.json.Decoder(Subscription)
_PLACES = msgspec.json.Decoder(Places)
_OFFSETS = msgspec.json.Decoder(Offsets)
_POSITIONS = msgspec.json.Decoder(Positions)


def _done() -> Response:
    return Response(status=HTTPStatus.NO_CONTENT)


def _exists(key: InstanceKey) -> GatewayError:
    return GatewayError(
        HTTPStatus.CONFLICT,
        40902,
        f"Consumer instance {key.name} exists already in group {key.group}: choose another name or delete it.",
    )


def _is_name(name: str) -> bool:
    return _NAME.fullmatch(name) is not None and name not in {".", ".."}


def _decoded(request: Request, body: bytes, decoder: "msgspec.json.Decoder[B]") -> B:
    kind = request.content_type.partition(b";")[0].strip().lower()
    if kind not in _JSON_TYPES and not (kind.startswith(b"application/vnd.kafka.") and kind.endswith(b"+json")):
        raise GatewayError(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE, 41501, "Set Content-Type to application/vnd.kafka.v2+json."
        )
    try:
        return decoder.decode(body)
    except msgspec.ValidationError as error:
        raise unprocessable(f"{error}.") from None
    except msgspec.DecodeError as error:
        raise malformed(f"The body is not JSON: {error}.") from None
    except (RecursionError, UnicodeDecodeError):
        raise malformed("The body is not JSON: nested too deeply, or not UTF-8.") from None


def _options(wanted: Creation, longest: float) -> Options:
    name = ("binary" if wanted.format is None else wanted.format).lower()
    if name not in {each.value for each in Format}:
        why = "needs a schema registry, which the gateway does not have" if name in _OTHER_FORMATS else "is not known"
        raise unprocessable(f"format: {name[:50]!r} {why}: use {', '.join(Format)}.")
    reset = ("latest" if wanted.auto_offset_reset is None else wanted.auto_offset_reset).lower()
    if reset not in _RESETS:
        raise unprocessable(f"auto.offset.reset: {reset[:50]!r} is not known: use {', '.join(_RESETS)}.")
    isolation = ("read_uncommitted" if wanted.isolation_level is None else wanted.isolation_level).lower()
    if isolation not in _ISOLATIONS:
        raise unprocessable(
            f"isolation.level: {isolation[:50]!r} is not known: use read_uncommitted or read_committed."
        )
    commit = wanted.enable_auto_commit if wanted.enable_auto_commit is not None else wanted.auto_commit_enable
    if isinstance(commit, str):
        if commit.lower() not in {"true", "false"}:
            raise unprocessable(f"enable.auto.commit: {commit[:50]!r} must be true or false.")
        commit = commit.lower() == "true"
    least = _integer("fetch.min.bytes", wanted.fetch_min_bytes, -1, MOST_MIN_BYTES)
    wait = _integer("consumer.request.timeout.ms", wanted.request_timeout, 0, 2**31 - 1)
    return Options(
        format=Format(name),
        reset=_RESETS[reset],
        auto_commit=True if commit is None else commit,
        min_bytes=max(least or 1, 1),
        isolation=isolation,
        wait_seconds=None if wait is None else min(wait / 1000, longest),
    )


def _integer(name: str, value: int | str | None, least: int, most: int) -> int | None:
    if isinstance(value, str):
        if not re.fullmatch(r"-?[0-9]{1,10}", value):
            raise unprocessable(f"{name}: {value[:50]!r} is not a whole number.")
        value = int(value)
    if value is not None and not least <= value <= most:
        raise unprocessable(f"{name}: must be from {least} to {most}.")
    return value


def _milliseconds(timestamp: int | str) -> int:
    if isinstance(timestamp, int):
        return timestamp
    try:
        moment = datetime.fromisoformat(timestamp)
        milliseconds = int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)
    except (ValueError, OverflowError):
        raise unprocessable(f"timestamp: {timestamp[:50]!r} is neither milliseconds nor ISO 8601.") from None
    if milliseconds < 0:
        raise unprocessable(f"timestamp: {timestamp[:50]!r} is before 1970.")
    return milliseconds


def _require_accepted(request: Request, own: Format) -> None:
    """See that the answer may have the format that the instance was made for.

    Raises:
        GatewayError: 406, it may not.
    """
    accept = request.header("accept")
    if accept is None:
        return
    general = {"*/*", "application/*", "application/json", "application/vnd.kafka.v2+json", own.media_type}
    for entry in accept.lower().split(","):
        kind, *parameters = (part.strip() for part in entry.split(";"))
        if kind in general and "q=0" not in parameters:
            return
    raise GatewayError(
        HTTPStatus.NOT_ACCEPTABLE,
        40601,
        f"This instance was made for the format {own.value}: accept {own.media_type}, or make another one.",
    )


def _base(request: Request) -> str:
    """The address of /consumers/{group} as the caller knows it, from what proxies on the way have written down."""
    forwarded: dict[str, str] = {}
    for pair in (request.header("forwarded") or "").split(",")[0].split(";"):
        name, _, value = pair.partition("=")
        forwarded[name.strip().lower()] = value.strip().strip('"')

    def first(name: str) -> str:
        return (request.header(name) or "").split(",")[0].strip()

    scheme = forwarded.get("proto") or first("x-forwarded-proto") or str(request.scope.get("scheme", "http"))
    host = forwarded.get("host") or first("x-forwarded-host")
    port = first("x-forwarded-port")
    if not host:
        server = request.scope.get("server") or ("localhost", None)
        host = request.header("host") or f"{server[0]}:{server[1]}"
    elif port.isdecimal() and ":" not in host and port != {"http": "80", "https": "443"}.get(scheme):
        host = f"{host}:{port}"
    path = first("x-forwarded-path") or first("x-forwarded-prefix").rstrip("/") + request.path
    return f"{scheme}://{host}{path.rstrip('/')}"
