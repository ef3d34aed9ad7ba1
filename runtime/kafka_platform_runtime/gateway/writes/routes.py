"""The routes that write: the response waits until Kafka has acknowledged each of the records."""

import asyncio
from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import TYPE_CHECKING

import msgspec
from confluent_kafka import KafkaError

from kafka_platform_runtime.gateway import errors
from kafka_platform_runtime.gateway.callers.caller import Caller, Topic
from kafka_platform_runtime.gateway.callers.channel import Channel
from kafka_platform_runtime.gateway.clock import now
from kafka_platform_runtime.gateway.core import Core
from kafka_platform_runtime.gateway.errors import GatewayError, malformed, unprocessable
from kafka_platform_runtime.gateway.formats import PLAIN, Format
from kafka_platform_runtime.gateway.http import Request, Response, Route
from kafka_platform_runtime.gateway.rights import Right
from kafka_platform_runtime.gateway.verdicts import is_unknown_topic
from kafka_platform_runtime.gateway.writes.batches import POLL_SECONDS, Batch, Poller, Unwritten, Written
from kafka_platform_runtime.gateway.writes.formats import Formats, Target, Writer
from kafka_platform_runtime.gateway.writes.resend import Resender

if TYPE_CHECKING:
    from kafka_platform_runtime.gateway.writes.schemas import SchemaFormats

ENDING_SECONDS = 1.0
"""Time left for the rest of the shutdown when Kafka has not answered in time."""
STICKY_POLLS = 10
"""librdkafka's sticky.partitioning.linger.ms is 10 ms."""
KEPT_BATCHES = 512
MOST_QUESTIONS = 8
"""To the schema registry, for one request: an id and a schema for its keys, and for its values, and once more if they expire."""
LONGEST_KEPT_BATCH = 1000
"""Batches are reused; larger ones are not worth their memory."""


class Failed(msgspec.Struct, gc=False):
    """A record that was not written, or whose outcome is unknown."""

    error_code: int
    error: str


class Answer(msgspec.Struct, gc=False, omit_defaults=True):
    """An entry per record, in order."""

    offsets: Sequence[Written | Failed]
    error_code: int = 0
    message: str = ""


Ended = Callable[[Callable[[], Response]], None]
"""Called when the outcome of every record is known, with the function that makes the response."""


class Writes:
    """The routes that write.

    Args:
        core: what all parts share.
    """

    def __init__(self, core: Core) -> None:
        self._core = core
        self._limits = core.limits
        self._poller = Poller()
        self._resender = Resender(core.metrics, self._poller.look)
        self._free: list[Batch] = []
        self._encode = msgspec.json.Encoder().encode
        formats = Formats(core.limits.records)
        self._writers = formats.writers
        self._schemas = core.schemas
        self._with_schemas = _with_schemas(formats, core)
        if self._with_schemas is not None:
            self._writers = {**formats.writers, **self._with_schemas.writers}
        self._refusals = (
            GatewayError,
            msgspec.ValidationError,
            *(() if core.schemas is None else (core.schemas.unresolved,)),
        )
        self._enforced = frozenset[str]() if self._with_schemas is None else self._with_schemas.enforced

    def routes(self) -> list[Route]:
        """The routes that it answers."""
        return [
            Route(method="POST", path="/topics/{topic}", handler=self.write, name="write"),
            Route(method="POST", path="/topics/{topic}/partitions/{partition}", handler=self.write, name="write"),
        ]

    async def close(self) -> None:
        """Wait until Kafka has answered for everything handed over, also for what nobody waits for, and end."""
        until = now() + self._limits.timeout_seconds - ENDING_SECONDS
        while self._poller.waits and now() < until:
            await asyncio.sleep(POLL_SECONDS)
        await self._resender.close()

    async def write(self, request: Request, topic: str, partition_text: str | None = None) -> Response:
        """Write the records of the body; answered when Kafka has acknowledged them, or at once with `async=true`.

        Raises:
            GatewayError: nothing of the request was written.
        """
        caller = request.caller
        send_only = False
        if request.scope["query_string"]:
            request.known("async")
            send_only = request.flag("async")
        writer = self._writers.get(request.content_type) or self._writers.get(_media_type(request.content_type))
        if writer is None:
            forms = PLAIN if self._schemas is None else Format
            raise GatewayError(
                HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
                41501,
                f"Set Content-Type to application/vnd.kafka.FORMAT.v2+json; FORMAT is one of {', '.join(forms)}.",
            )
        if topic in self._enforced and self._with_schemas is not None:
            writer = self._with_schemas.strict(topic, _media_type(request.content_type))
        caller.refuse_if_throttled()
        if caller.usage.awaited >= self._limits.requests_per_caller:
            raise errors.too_many(
                f"User {caller.username} has {caller.usage.awaited} writes under way, as many as allowed."
            )
        body = await request.body(self._limits.body_bytes, self._core.budget, self._limits.timeout_seconds)
        channel = caller.channel or await caller.writing()
        known = caller.topics.get(topic)
        if known is None or known.until < now():
            known = await self._core.topic(caller, topic, Right.WRITE)
            channel = caller.channel or await caller.writing()  # it may have failed meanwhile
        partition = None if partition_text is None else _partition(topic, partition_text, known.partitions)
        done = asyncio.get_running_loop().create_future()

        def ended(make: Callable[[], Response]) -> None:
            try:
                response = make()
            except Exception as error:
                if not done.done():
                    done.set_exception(error)
                raise
            if not done.done():
                done.set_result(response)

        try:
            await self._resolved(
                caller, lambda: self._hand_over(writer, caller, channel, topic, known, partition, body, ended)
            )
        except msgspec.ValidationError as error:
            raise unprocessable(f"{error}.") from None
        return Response(status=HTTPStatus.ACCEPTED, body=b"{}") if send_only else await done

    async def _resolved(self, caller: Caller, hand_over: Callable[[], None]) -> None:
        """Hand records over, once all of their schemas are known."""
        if self._schemas is None:
            hand_over()
            return
        for _ in range(MOST_QUESTIONS):
            try:
                hand_over()
                return
            except self._schemas.unresolved as unresolved:
                missing = unresolved
            await self._schemas.resolve(missing, caller.identity.owner)
        raise errors.overloaded("The gateway has too many schemas to know: try again in a moment.")

    def begin(self, caller: Caller, topic: str, content_type: bytes, body: bytes, ended: Ended) -> bool:
        """Write records to a topic without waiting for anything.

        Returns:
            Whether they were handed over: then `ended` is called later. If not, `write` finds out the reason.
        """
        writer = self._writers.get(content_type)
        channel = caller.channel
        known = caller.topics.get(topic)
        moment = now()
        if (
            writer is None
            or channel is None
            or known is None
            or known.until < moment
            or caller.throttled_until > moment
            or caller.usage.awaited >= self._limits.requests_per_caller
            or topic in self._enforced
        ):
            return False
        try:
            self._hand_over(writer, caller, channel, topic, known, None, body, ended)
        except self._refusals:
            return False
        return True

    def _hand_over(
        self,
        writer: Writer,
        caller: Caller,
        channel: Channel,
        topic: str,
        known: Topic,
        partition: int | None,
        body: bytes,
        ended: Ended,
    ) -> None:
        """Give the records to Kafka's client and have `ended` called with their response.

        Raises:
            GatewayError: the body is at fault, and none of its records was handed over.
            msgspec.ValidationError: the same.
        """
        batch = self._free.pop() if self._free else Batch()
        batch.again = lambda record: self._resender.send(caller, channel, record)
        # Records without a key and a partition go to one partition for a while, as with Kafka's own clients: batches
        # are then larger.
        sticky = known.available[channel.turn // STICKY_POLLS % len(known.available)]
        place = writer(channel, batch, topic, body, Target(partition, sticky, known.partitions))
        caller.usage.awaited += 1
        batch.ended = lambda: ended(lambda: self._answer(caller, channel, topic, batch, place))
        self._poller.watch(channel, batch)

    def _answer(self, caller: Caller, channel: Channel, topic: str, batch: Batch, place: int | None) -> Response:
        """The outcome of the records; afterwards the batch is free again."""
        caller.usage.awaited -= 1
        results, failures, schemas = batch.results[: batch.size], batch.failures[:], batch.schemas
        if batch.size <= LONGEST_KEPT_BATCH and len(self._free) < KEPT_BATCHES:
            self._free.append(batch)
        self._core.metrics.written(len(results) - len(failures), len(failures))
        if not failures:
            if place is None:
                body = self._encode(Answer(results))
                return Response(body=schemas + body[1:] if schemas else body)
            # Numbers with commas between them become entries with commas between them.
            text = self._encode(results)[1:-1].replace(b",", b'},{"partition":%d,"offset":' % place)
            begin = schemas or b"{"
            return Response(body=b'%b"offsets":[{"partition":%d,"offset":%b}]}' % (begin, place, text))
        if channel.failure is not None:
            caller.put_failed_aside()
        for error in failures:
            if is_unknown_topic(error) or error.code() == KafkaError._UNKNOWN_PARTITION:
                caller.topics.pop(topic, None)
        wish = caller.wish(Right.WRITE, topic)
        entries: list[Written | Failed] = []
        for index, each in enumerate(results):
            if type(each) is Unwritten:
                reason = channel.refusal(each.error, f"Record {index}", wish)
                entries.append(Failed(reason.code, reason.message))
            else:
                entries.append(Written(place, each) if place is not None else each)
        return self._failed(entries, [channel.refusal(error, "The records", wish) for error in failures])

    def _failed(self, entries: Sequence[Written | Failed], reasons: Sequence[GatewayError]) -> Response:
        """200 if some records were written and the others' outcome is known; otherwise the status of the failure."""
        unknown = next((each for each in reasons if each.status == HTTPStatus.GATEWAY_TIMEOUT), None)
        alike = len(reasons) == len(entries) and len({each.code for each in reasons}) == 1
        reason = unknown or (reasons[0] if alike else None)
        if reason is None:
            return Response(body=self._encode(Answer(entries)))
        body = self._encode(Answer(entries, error_code=reason.code, message=reason.message))
        return Response(status=reason.status, body=body, headers=reason.headers)


def _with_schemas(formats: Formats, core: Core) -> "SchemaFormats | None":
    if core.schemas is None or core.settings.registry is None:
        return None
    # Only here, as its libraries.
    from kafka_platform_runtime.gateway.writes.schemas import SchemaFormats

    return SchemaFormats(formats, core.schemas, core.settings.registry.enforced)


def _partition(topic: str, text: str, partitions: int) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 10):
        raise malformed(f"Partition {text[:50]!r} is not a number.")
    number = int(text)
    if number >= partitions:
        raise errors.no_partition(topic, number)
    return number


def _media_type(header: bytes) -> bytes:
    return header.partition(b";")[0].strip().lower()
