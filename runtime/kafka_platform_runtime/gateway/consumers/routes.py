"""The routes of consumer instances: the whole life cycle of the v2 API, whichever pod a request reaches."""

import re
import uuid
from collections.abc import Awaitable, Callable, Sequence
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import msgspec
from confluent_kafka import OFFSET_BEGINNING, OFFSET_END

from kafka_platform_runtime.gateway import errors
from kafka_platform_runtime.gateway.clock import now
from kafka_platform_runtime.gateway.consumers.bodies import (
    CREATION,
    OFFSETS,
    PLACES,
    POSITIONS,
    SUBSCRIPTION,
    Created,
    Creation,
    decoded,
    milliseconds,
)
from kafka_platform_runtime.gateway.consumers.faults import conflict, no_instance
from kafka_platform_runtime.gateway.consumers.instance import Instance
from kafka_platform_runtime.gateway.consumers.instances import Instances
from kafka_platform_runtime.gateway.consumers.keys import InstanceKey
from kafka_platform_runtime.gateway.consumers.options import options_of
from kafka_platform_runtime.gateway.consumers.peers import HOP, POD, TARGET, Peers, is_no_instance
from kafka_platform_runtime.gateway.core import Core
from kafka_platform_runtime.gateway.errors import GatewayError, unprocessable
from kafka_platform_runtime.gateway.formats import Format
from kafka_platform_runtime.gateway.groups import LONGEST_GROUP, is_group
from kafka_platform_runtime.gateway.http import Request, Response, Route
from kafka_platform_runtime.gateway.rights import Right
from kafka_platform_runtime.supervision import WATCH

WAIT_SECONDS = 1.0
"""How long a read waits for the first record by default."""
TOPICS_OF_A_SUBSCRIPTION = 1000
PARTITIONS_OF_A_REQUEST = 10_000
_NAME = re.compile(r"[A-Za-z0-9._~:+-]{1,200}")
_TOPIC = re.compile(r"[A-Za-z0-9._-]{1,249}")
Operation = Callable[[Request, bytes, Instance], Awaitable[Response]]


class Consumers:
    """The routes of consumer instances.

    An instance is found by its owner, group and name: callers have separate names in a group, and instances that others
    have or make do not exist for them. So nobody can see or block others' names, not even with forged headers.

    Args:
        core: what all parts share.
    """

    def __init__(self, core: Core) -> None:
        self._core = core
        self._limits = core.limits
        self._peers = Peers(core)
        self._instances = Instances(core, self._peers)

    def routes(self) -> list[Route]:
        """The routes that it answers."""
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
        """Do something with an instance of this caller, here or in the pod that has it."""
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
            self._instances.give_way(request, key)
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
            GatewayError: the options are wrong, the name is taken, the group is not this user's, or the limit of
                consumers is reached.
        """
        request.known()
        body = await request.body(self._limits.body_bytes, self._core.budget, self._limits.timeout_seconds)
        wanted = decoded(request, body, CREATION) if body.strip() else Creation()
        if not is_group(group):
            raise unprocessable(f"The group needs a name of 1 to {LONGEST_GROUP} printable characters.")
        schemas = self._core.schemas
        options = options_of(wanted, self._limits.timeout_seconds, None if schemas is None else schemas.prepare_from)
        chosen = wanted.id if wanted.id is not None else wanted.name
        if chosen is not None and not _is_name(chosen):
            raise unprocessable("name: must be 1 to 200 letters, digits and . _ ~ : + - characters.")
        name = chosen or f"kafka-gateway-consumer-{uuid.uuid4()}"
        key = InstanceKey(request.caller.identity.owner, group, name)
        await self._instances.make(request, key, options, ask=chosen is not None)
        full_name = f"{name}@{self._core.pod}" if self._peers.any else name
        created = Created(
            instance_id=name if chosen else full_name,
            base_uri=f"{_base(request)}/instances/{quote(full_name, safe='@:+~')}",
        )
        return Response(body=msgspec.json.encode(created))

    async def _describe(self, request: Request, body: bytes, instance: Instance) -> Response:
        request.known()
        headers = [(POD, self._core.pod)] if request.header(HOP) is not None else []
        options = instance.options
        described = {
            "instance_id": instance.key.name,
            "group": instance.key.group,
            "format": options.format.value,
            "auto.offset.reset": "none" if options.reset == "error" else options.reset,
            "enable.auto.commit": options.auto_commit,
            "isolation.level": options.isolation,
        }
        return Response(body=msgspec.json.encode(described), headers=headers)

    async def _delete(self, request: Request, body: bytes, instance: Instance) -> Response:
        request.known()
        await self._instances.delete(instance)
        return _done()

    async def close(self) -> None:
        """Let every consumer leave its group."""
        await self._instances.close()
        await self._peers.close()

    # Subscription and assignment -------------------------------------------------------------------------------------

    async def _subscribe(self, request: Request, body: bytes, instance: Instance) -> Response:
        request.known()
        wanted = decoded(request, body, SUBSCRIPTION)
        topics, pattern = wanted.topics or [], wanted.topic_pattern
        if topics and pattern:
            raise conflict("Subscribe either to topics or to a topic_pattern.")
        if not topics and not pattern:
            raise unprocessable("Give topics (a non-empty list of names) or topic_pattern.")
        if len(topics) > TOPICS_OF_A_SUBSCRIPTION:
            raise unprocessable(f"topics: at most {TOPICS_OF_A_SUBSCRIPTION}; use topic_pattern.")
        for topic in dict.fromkeys(topics):
            if not _TOPIC.fullmatch(topic):
                raise unprocessable(
                    f"topics: {topic[:50]!r} cannot be the name of a topic; for a pattern use topic_pattern."
                )
            try:
                await self._core.topic(request.caller, topic, Right.READ)
            except GatewayError as failure:
                # A topic may be created later, as for every other Kafka consumer.
                if failure.code != errors.no_topic(topic).code:
                    raise
        await instance.run(lambda: instance.consumer.subscribe(list(dict.fromkeys(topics)), pattern))
        return _done()

    async def _subscription(self, request: Request, body: bytes, instance: Instance) -> Response:
        request.known()
        topics, pattern, places = await instance.run(instance.consumer.subscription)
        partitions: dict[str, list[int]] = {}
        for topic, partition in places:
            partitions.setdefault(topic, []).append(partition)
        answer: dict[str, Any] = {"topics": topics, "partitions": [{topic: own} for topic, own in partitions.items()]}
        if pattern is not None:
            answer["topic_pattern"] = pattern
        return Response(body=msgspec.json.encode(answer))

    async def _unsubscribe(self, request: Request, body: bytes, instance: Instance) -> Response:
        request.known()
        await instance.run(instance.consumer.unsubscribe)
        return _done()

    async def _assign(self, request: Request, body: bytes, instance: Instance) -> Response:
        request.known()
        places = await self._places(request, body)
        await instance.run(lambda: instance.consumer.assign(places))
        return _done()

    async def _assignments(self, request: Request, body: bytes, instance: Instance) -> Response:
        request.known()
        places = await instance.run(instance.consumer.assignment)
        return Response(
            body=msgspec.json.encode({"partitions": [{"topic": topic, "partition": each} for topic, each in places]})
        )

    async def _places(self, request: Request, body: bytes) -> list[tuple[str, int]]:
        """The partitions that a body names; each of them exists."""
        wanted = decoded(request, body, PLACES).partitions
        places = list(dict.fromkeys((each.topic, each.partition) for each in wanted))
        await self._require(request, places)
        return places

    async def _require(self, request: Request, places: Sequence[tuple[str, int]]) -> None:
        if len(places) > PARTITIONS_OF_A_REQUEST:
            raise unprocessable(f"At most {PARTITIONS_OF_A_REQUEST} partitions at a time.")
        for topic, partition in places:
            known = await self._core.topic(request.caller, topic, Right.READ)
            if partition >= known.partitions:
                raise errors.no_partition(topic, partition)

    # Records ---------------------------------------------------------------------------------------------------------

    async def _records(self, request: Request, body: bytes, instance: Instance) -> Response:
        request.known("timeout", "max_bytes")
        if request.method != "GET":
            # A HEAD would take the records without handing them out.
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
        self._core.metrics.read(len(taken.messages))
        return Response(body=taken.body, content_type=instance.options.format.media_type)

    # Offsets and positions -------------------------------------------------------------------------------------------

    async def _commit(self, request: Request, body: bytes, instance: Instance) -> Response:
        request.known("async")
        request.flag("async")
        wanted = decoded(request, body, OFFSETS).offsets if body.strip() else None
        if wanted is None:
            await instance.run(lambda: instance.consumer.commit(None))
        else:
            await self._require(request, [(each.topic, each.partition) for each in wanted])
            offsets = [(each.topic, each.partition, each.offset, each.metadata) for each in wanted]
            await instance.run(lambda: instance.consumer.commit(offsets))
        return _done()

    async def _committed(self, request: Request, body: bytes, instance: Instance) -> Response:
        request.known()
        places = await self._places(request, body) if body.strip() else None
        found = await instance.run(lambda: instance.consumer.committed(places, self._limits.timeout_seconds))
        names = ("topic", "partition", "offset", "metadata")
        return Response(body=msgspec.json.encode({"offsets": [dict(zip(names, each, strict=True)) for each in found]}))

    async def _seek(self, request: Request, body: bytes, instance: Instance) -> Response:
        request.known()
        wanted = decoded(request, body, POSITIONS)
        positions = [(each.topic, each.partition, each.offset) for each in wanted.offsets]
        moments = [(each.topic, each.partition, milliseconds(each.timestamp)) for each in wanted.timestamps]
        await instance.run(lambda: instance.consumer.seek(positions))
        if moments:
            await instance.run(lambda: instance.consumer.seek_to(moments, self._limits.timeout_seconds))
        return _done()

    def _seek_to(self, end: int) -> Operation:
        async def seek(request: Request, body: bytes, instance: Instance) -> Response:
            request.known()
            wanted = decoded(request, body, PLACES).partitions
            places = dict.fromkeys((each.topic, each.partition) for each in wanted)
            moments = [(*place, end) for place in places]
            await instance.run(lambda: instance.consumer.seek_to(moments, self._limits.timeout_seconds))
            return _done()

        return seek


def _done() -> Response:
    return Response(status=HTTPStatus.NO_CONTENT)


def _is_name(name: str) -> bool:
    return _NAME.fullmatch(name) is not None and name not in {".", ".."}


def _require_accepted(request: Request, own: Format) -> None:
    """Check that the response may have the instance's format.

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
    """The address of /consumers/{group} as the caller knows it, from the headers of proxies on the way."""
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
