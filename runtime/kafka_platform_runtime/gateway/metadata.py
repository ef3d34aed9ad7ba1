"""What callers can ask about topics and brokers, and what the gateway reports about itself."""

import asyncio
import re
from base64 import b64encode
from collections.abc import Callable
from concurrent.futures import Future
from hashlib import sha256
from http import HTTPStatus
from importlib.resources import files
from typing import Annotated, Any

import msgspec
from confluent_kafka import KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, ConfigResource, NewTopic, OffsetSpec, ResourceType
from msgspec import Meta

import kafka_platform_runtime
from kafka_platform_runtime.gateway import errors
from kafka_platform_runtime.gateway.callers.caller import Caller
from kafka_platform_runtime.gateway.core import Core
from kafka_platform_runtime.gateway.errors import GatewayError, malformed, unprocessable
from kafka_platform_runtime.gateway.http import Request, Response, Route
from kafka_platform_runtime.gateway.openapi.document import document
from kafka_platform_runtime.gateway.rights import Right, Wish

MOST_PARTITIONS = 10_000
"""Of a topic created over HTTP: a typo must not hurt the cluster."""
LONGEST_TOPIC = 249
INTERNAL_TOPICS = frozenset({"__consumer_offsets", "__transaction_state", "__share_group_state"})
"""Kafka's own topics; nothing in them can be read as records."""
EARLIEST: OffsetSpec = OffsetSpec.earliest()  # type: ignore[no-untyped-call]
LATEST: OffsetSpec = OffsetSpec.latest()  # type: ignore[no-untyped-call]


class Creation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """POST /admin/topics."""

    topic_name: str
    partitions_count: Annotated[int, Meta(ge=1, le=MOST_PARTITIONS)] | None = None
    replication_factor: Annotated[int, Meta(ge=1, le=2**15 - 1)] | None = None


class Metadata:
    """The routes about topics and brokers, the HTML page and the API description.

    Args:
        core: what all parts share.
    """

    def __init__(self, core: Core) -> None:
        self._core = core
        self._limits = core.limits
        self._openapi = Response(body=msgspec.json.encode(document()), content_type="application/json")
        self._information = Response(
            body=msgspec.json.encode({"bridge_version": kafka_platform_runtime.__version__}),
            content_type="application/json",
            headers=[("vary", "accept")],
        )
        self._page = _page()

    def routes(self) -> list[Route]:
        """The routes that it answers."""
        topic = "/topics/{topic}"
        partition = f"{topic}/partitions/{{partition}}"
        return [
            Route(method="GET", path="/", handler=self._root, name="root", public=True),
            Route(method="GET", path="/openapi.json", handler=self._description, name="openapi", public=True),
            Route(method="GET", path="/openapi", handler=self._description, name="openapi", public=True),
            Route(method="GET", path="/brokers", handler=self._brokers, name="brokers"),
            Route(method="GET", path="/topics", handler=self._topics, name="topics"),
            Route(method="GET", path=topic, handler=self._topic, name="topic"),
            Route(method="GET", path=f"{topic}/partitions", handler=self._partitions, name="partitions"),
            Route(method="GET", path=partition, handler=self._partition, name="partition"),
            Route(method="GET", path=f"{partition}/offsets", handler=self._offsets, name="offsets"),
            Route(method="POST", path="/admin/topics", handler=self._create, name="topic_create"),
        ]

    async def close(self) -> None:
        """Nothing is left open."""

    async def _root(self, request: Request) -> Response:
        """The HTML page for browsers, the version for everybody else."""
        return self._page if "text/html" in (request.header("accept") or "") else self._information

    async def _description(self, request: Request) -> Response:
        return self._openapi

    async def _topics(self, request: Request) -> Response:
        request.known()
        found = await self._overview(request.caller)
        return _json(sorted(found.topics.keys() - INTERNAL_TOPICS))

    async def _brokers(self, request: Request) -> Response:
        request.known()
        found = await self._overview(request.caller)
        return _json({"brokers": sorted(found.brokers)})

    async def _topic(self, request: Request, topic: str) -> Response:
        request.known()
        await self._core.topic(request.caller, topic, Right.DESCRIBE)
        partitions, configs = await asyncio.gather(
            self._described(request.caller, topic), self._configs(request.caller, topic)
        )
        return _json({"name": topic, "configs": configs, "partitions": partitions})

    async def _partitions(self, request: Request, topic: str) -> Response:
        request.known()
        await self._core.topic(request.caller, topic, Right.DESCRIBE)
        return _json(await self._described(request.caller, topic))

    async def _partition(self, request: Request, topic: str, partition: str) -> Response:
        request.known()
        number = await self._number(request.caller, topic, partition)
        for each in await self._described(request.caller, topic):
            if each["partition"] == number:
                return _json(each)
        raise errors.no_partition(topic, number)

    async def _offsets(self, request: Request, topic: str, partition: str) -> Response:
        request.known()
        number = await self._number(request.caller, topic, partition)
        place = TopicPartition(topic, number)
        first, end = await asyncio.gather(*(self._offset(request.caller, place, which) for which in (EARLIEST, LATEST)))
        return _json({"beginning_offset": first, "end_offset": end})

    async def _create(self, request: Request) -> Response:
        """Create a topic, if an ACL allows this user to."""
        request.known()
        body = await request.body(self._limits.body_bytes, self._core.budget, self._limits.timeout_seconds)
        wanted = _decoded(request, body)
        name = wanted.topic_name
        if not 0 < len(name) <= LONGEST_TOPIC or "\0" in name:
            raise unprocessable("topic_name: must be letters, digits, '.', '_' and '-', at most 249.")
        topic = NewTopic(name, wanted.partitions_count or -1, wanted.replication_factor or -1)
        await self._answer(
            request.caller,
            f"Topic {name}",
            request.caller.wish(Right.CREATE, name),
            lambda client: client.create_topics([topic], request_timeout=self._seconds)[name],
            refused=errors.from_kafka,
        )
        return Response(status=HTTPStatus.CREATED, body=b"{}")

    @property
    def _seconds(self) -> float:
        return self._limits.timeout_seconds

    async def _number(self, caller: Caller, topic: str, partition: str) -> int:
        """The partition in a path; it and the topic exist.

        Raises:
            GatewayError: one of them does not.
        """
        known = await self._core.topic(caller, topic, Right.DESCRIBE)
        if not (partition.isascii() and partition.isdigit() and len(partition) <= 10):
            raise malformed(f"Partition {partition[:50]!r} is not a number.")
        if int(partition) >= known.partitions:
            raise errors.no_partition(topic, int(partition))
        return int(partition)

    async def _overview(self, caller: Caller) -> Any:
        """Brokers and topics that this user may describe."""
        try:
            return await caller.listed()
        except KafkaException as failure:
            raise _not_answered(failure.args[0], "The topics", caller.wish(Right.DESCRIBE, "")) from None

    async def _described(self, caller: Caller, topic: str) -> list[dict[str, Any]]:
        """A topic's partitions, in the API's form."""
        try:
            found = await caller.described(topic, Right.DESCRIBE)
        except KafkaException as failure:
            raise _not_answered(failure.args[0], f"Topic {topic}", caller.wish(Right.DESCRIBE, topic)) from None
        return [_partition(found.partitions[number]) for number in sorted(found.partitions)]

    async def _offset(self, caller: Caller, place: TopicPartition, which: OffsetSpec) -> int:
        subject = f"Partition {place.partition} of topic {place.topic}"
        found = await self._answer(
            caller,
            subject,
            caller.wish(Right.DESCRIBE, place.topic),
            lambda client: client.list_offsets({place: which}, request_timeout=self._seconds)[place],
        )
        return int(found.offset)

    async def _configs(self, caller: Caller, topic: str) -> dict[str, str | None]:
        """A topic's settings; none if this user may not describe them."""
        resource = ConfigResource(ResourceType.TOPIC, topic)
        try:
            found = await self._answer(
                caller,
                f"Topic {topic}",
                caller.wish(Right.DESCRIBE, topic),
                lambda client: client.describe_configs([resource], request_timeout=self._seconds)[resource],
            )
        except GatewayError as error:
            if error.status == HTTPStatus.FORBIDDEN:
                return {}
            raise
        return {name: found[name].value for name in sorted(found)}

    async def _answer(
        self,
        caller: Caller,
        subject: str,
        wish: Wish,
        question: Callable[[AdminClient], "Future[Any]"],
        *,
        refused: "Refusal | None" = None,
    ) -> Any:
        """Await an answer of Kafka without blocking."""
        async with caller.questioner() as client:
            try:
                return await caller.answered(client, question(client))
            except KafkaException as failure:
                raise (refused or _not_answered)(failure.args[0], subject, wish) from None


Refusal = Callable[[KafkaError, str, Wish], GatewayError]


def _not_answered(error: KafkaError, subject: str, wish: Wish) -> GatewayError:
    refusal = errors.from_kafka(error, subject, wish)
    if refusal.status == HTTPStatus.GATEWAY_TIMEOUT:
        return errors.timed_out(f"{subject}: Kafka did not answer in time.")
    return refusal


def _partition(found: Any) -> dict[str, Any]:
    return {
        "partition": found.id,
        "leader": found.leader,
        "replicas": [
            {"broker": node, "leader": node == found.leader, "in_sync": node in found.isrs} for node in found.replicas
        ],
    }


_CREATION = msgspec.json.Decoder(Creation)


def _decoded(request: Request, body: bytes) -> Creation:
    kind = request.content_type.partition(b";")[0].strip().lower()
    if kind != b"application/json" and not (kind.startswith(b"application/vnd.kafka.") and kind.endswith(b"+json")):
        raise GatewayError(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE, 41501, "Set Content-Type to application/vnd.kafka.json.v2+json."
        )
    try:
        return _CREATION.decode(body)
    except msgspec.ValidationError as error:
        raise unprocessable(f"{error}.") from None
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        raise malformed("The body is not JSON.") from None


def _json(content: Any) -> Response:
    return Response(body=msgspec.json.encode(content))


def _page() -> Response:
    """The HTML page. Its policy lets only its own content, by digest, run or be shown."""
    text = files(__package__).joinpath("page.html").read_bytes()

    def digests(element: bytes) -> str:
        found = re.findall(b"<%b>(.*?)</%b>" % (element, element), text, re.DOTALL)
        return " ".join(f"'sha256-{b64encode(sha256(each).digest()).decode()}'" for each in found)

    policy = (
        f"default-src 'none'; script-src {digests(b'script')}; style-src {digests(b'style')}; img-src data:; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    headers = [
        ("content-security-policy", policy),
        ("cache-control", "no-cache"),
        ("referrer-policy", "no-referrer"),
        ("vary", "accept"),
        ("x-content-type-options", "nosniff"),
    ]
    return Response(body=text, content_type="text/html; charset=utf-8", headers=headers)
