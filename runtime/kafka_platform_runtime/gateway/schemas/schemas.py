"""What the gateway knows of the registry: compiled schemas by id, and the ids of texts and of subjects' latest versions."""

import asyncio
import hashlib
from collections import Counter, OrderedDict
from collections.abc import Callable, Coroutine, Hashable, Iterable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from typing import Any, Generic, TypeVar

from kafka_platform_runtime.gateway.clock import now
from kafka_platform_runtime.gateway.errors import GatewayError, too_many, unprocessable
from kafka_platform_runtime.gateway.schemas.client import ANSWER_SECONDS, Client, unavailable
from kafka_platform_runtime.gateway.schemas.compiling import Codec, Reference, compiled
from kafka_platform_runtime.gateway.schemas.misfit import Unusable
from kafka_platform_runtime.gateway.settings import Registry
from kafka_platform_runtime.supervision import WATCH

MOST_SCHEMAS = 500
"""Compiled ones that are kept; the one that was not used for longest makes room."""
MOST_PARTS = 50_000
"""Their types and fields together, about 1 KiB of memory each."""
MOST_TEXTS = 2000
"""Answers to which id a text has, and to which version is a subject's latest."""
LONGEST_TEXT = 256 * 1024
"""Bytes of a schema."""
MOST_REFERENCES = 50
LONGEST_WITH_REFERENCES = 4 * LONGEST_TEXT
FRESH_SECONDS = 30.0
"""How long the latest version of a subject, and the id of a text, count until they are looked at again."""
ABSENT_SECONDS = 10.0
"""How long something is taken not to be there."""
STALE_SECONDS = 5.0
"""While the registry does not answer, what is known counts, and it is asked again after this."""
ASKED_AT_A_TIME = 8
"""Different questions of one caller to the registry at a time (429)."""
UNKNOWN_AT_A_TIME = 100
"""Different unknown ids of one batch of records that are looked up: records of any others are handed out in base64."""
PLAIN_KIND = "JSON"
"""Its records are read without their schema."""
HEADER_BYTES = 5
"""Before a key or value: a zero, and the id of its schema in four bytes."""

V = TypeVar("V")
Key = tuple[Hashable, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """A schema that the registry has."""

    kind: str
    """AVRO, JSON or PROTOBUF."""
    codec: Codec | None
    """None: the gateway does not use it, for the reason."""
    reason: str = ""


@dataclass(slots=True)
class _Entry(Generic[V]):
    value: V
    until: float


class Unresolved(Exception):  # noqa: N818 - not an error: what has to be asked first
    """Something is not known yet.

    Args:
        key: names the question.
        ask: asks it, and keeps the answer.
    """

    def __init__(self, key: Key, ask: "Callable[[], Coroutine[Any, Any, None]]") -> None:
        super().__init__(key)
        self.key = key
        self.ask = ask


class Schemas:
    """What is known of the registry. It is used on the event loop; only `prepare_from` is called by other threads.

    Args:
        settings: where the registry is.
    """

    unresolved = Unresolved
    """What is raised for what has to be asked first."""

    def __init__(self, settings: Registry) -> None:
        self._client = Client(settings)
        self._known: OrderedDict[int, _Entry[Known | None]] = OrderedDict()
        self._ids: OrderedDict[Key, _Entry[int | None]] = OrderedDict()
        self._asking: dict[Key, asyncio.Task[None]] = {}
        self._asked: Counter[object] = Counter()
        self._parts = 0
        # One schema at a time, beside the requests: some take a second.
        self._compiler = WATCH.pool("schemas", 1)
        self._loop = asyncio.get_running_loop()

    async def close(self) -> None:
        """End what is being asked."""
        for task in self._asking.values():
            task.cancel()
        self._compiler.shutdown(wait=False, cancel_futures=True)
        await self._client.close()

    # What is known, or has to be asked

    def by_id(self, number: int) -> Known | None:
        """The schema with this id; None if there is none.

        Raises:
            Unresolved: it is not known yet.
        """
        entry = self._known.get(number)
        if entry is None or (entry.value is None and entry.until < now()):
            raise Unresolved(("id", number), partial(self._ask_id, number))
        self._known.move_to_end(number)
        return entry.value

    def latest(self, subject: str) -> int | None:
        """The id of a subject's latest version; None if there is no such subject.

        Raises:
            Unresolved: it is not known yet, or not for sure any more.
        """
        return self._id(("latest", subject), lambda: self._client.version(subject))

    def of_text(self, subject: str, kind: str, text: str) -> int | None:
        """The id of a text that is registered under a subject; None if it is not.

        Raises:
            GatewayError: it is too long to be a schema.
            Unresolved: it is not known yet, or not for sure any more.
        """
        content = text.encode(errors="surrogatepass")
        if len(content) > LONGEST_TEXT:
            raise unprocessable(f"The schema has {len(content):,} bytes: at most {LONGEST_TEXT:,} are used.")
        digest = hashlib.sha256(content).digest()
        return self._id(("text", subject, kind, digest), lambda: self._client.find(subject, kind, text))

    def _id(self, key: Key, find: "Callable[[], Coroutine[Any, Any, Mapping[str, Any] | None]]") -> int | None:
        entry = self._ids.get(key)
        if entry is None or entry.until < now():
            raise Unresolved(key, lambda: self._ask_for_id(key, find))
        self._ids.move_to_end(key)
        return entry.value

    async def resolve(self, unresolved: Unresolved, owner: object) -> None:
        """Have it asked for a caller; whoever asks the same meanwhile waits for the same answer.

        Raises:
            GatewayError: the registry does not answer, and nothing is known; or this caller asks for too much at a time.
        """
        task = self._asking.get(unresolved.key)
        if task is None:
            if self._asked[owner] >= ASKED_AT_A_TIME:
                raise too_many("Too many schemas of this user are looked up at the moment.")
            self._asked[owner] += 1
            task = self._asking[unresolved.key] = WATCH.errand("a look at the schema registry", unresolved.ask())

            def done(_: object) -> None:
                del self._asking[unresolved.key]
                self._asked[owner] -= 1
                if not self._asked[owner]:
                    del self._asked[owner]

            task.add_done_callback(done)
        await asyncio.wait({task})
        if task.cancelled():
            raise too_many("The gateway is ending.")
        failure = task.exception()
        if failure is not None:
            raise failure

    # Records that are read

    def unknown(self, contents: Iterable[bytes | None]) -> list[int]:
        """Ids in keys and values that have to be asked for."""
        found: dict[int, None] = {}
        for content in contents:
            if content is None or len(content) < HEADER_BYTES or content[0]:
                continue
            number = int.from_bytes(content[1:HEADER_BYTES])
            if number in found:
                continue
            try:
                self.by_id(number)
            except Unresolved:
                found[number] = None
                if len(found) == UNKNOWN_AT_A_TIME:
                    break
        return list(found)

    async def prepare(self, contents: Iterable[bytes | None]) -> None:
        """Have the schemas of keys and values known, as far as the registry has them.

        Raises:
            GatewayError: it does not answer.
        """
        missing = [Unresolved(("id", number), partial(self._ask_id, number)) for number in self.unknown(contents)]
        # Each has an owner of its own: the client bounds how many are asked at a time, and for how long.
        await asyncio.gather(*(self.resolve(each, each) for each in missing))

    def prepare_from(self, contents: Sequence[bytes | None]) -> None:
        """The same, from another thread, which waits."""
        known: Future[None] = Future()

        async def prepare() -> None:
            try:
                await self.prepare(contents)
            except BaseException as failure:
                known.set_exception(failure)
                if not isinstance(failure, GatewayError):
                    raise
            else:
                known.set_result(None)

        self._loop.call_soon_threadsafe(lambda: WATCH.errand("schemas of a consumer's records", prepare()))
        try:
            known.result(2 * ANSWER_SECONDS)
        except TimeoutError:
            raise unavailable("does not answer") from None

    def read(self, content: bytes, kind: str) -> bytes:
        """The JSON text of a key or value.

        Raises:
            ValueError: it was not written with a schema of that kind, or does not fit it.
        """
        if len(content) < HEADER_BYTES or content[0]:
            raise ValueError
        entry = self._known.get(int.from_bytes(content[1:HEADER_BYTES]))
        if entry is None or entry.value is None or entry.value.kind != kind:
            raise ValueError
        if kind == PLAIN_KIND:
            return content[HEADER_BYTES:]
        if entry.value.codec is None:
            raise ValueError
        return entry.value.codec.read(content[HEADER_BYTES:])

    # Questions

    async def _ask_for_id(self, key: Key, find: "Callable[[], Coroutine[Any, Any, Mapping[str, Any] | None]]") -> None:
        try:
            answer = await find()
        except GatewayError:
            entry = self._ids.get(key)
            if entry is None or entry.value is None:
                raise
            entry.until = now() + STALE_SECONDS
            return
        number = None if answer is None else int(answer["id"])
        self._ids[key] = _Entry(number, now() + (ABSENT_SECONDS if number is None else FRESH_SECONDS))
        self._ids.move_to_end(key)
        while len(self._ids) > MOST_TEXTS:
            self._ids.popitem(last=False)

    async def _ask_id(self, number: int) -> None:
        answer = await self._client.schema(number)
        known = None if answer is None else await self._compiled(answer)
        before = self._known.pop(number, None)
        self._parts += _parts(known) - (0 if before is None else _parts(before.value))
        self._known[number] = _Entry(known, now() + ABSENT_SECONDS)
        while len(self._known) > MOST_SCHEMAS or (self._parts > MOST_PARTS and len(self._known) > 1):
            _, oldest = self._known.popitem(last=False)
            self._parts -= _parts(oldest.value)

    async def _compiled(self, answer: Mapping[str, Any]) -> Known:
        kind, text = str(answer.get("schemaType") or "AVRO"), str(answer.get("schema", ""))
        try:
            if _size(text) > LONGEST_TEXT:
                raise Unusable(f"has more than {LONGEST_TEXT:,} bytes")
            references = await self._referenced(answer)
            codec = await self._loop.run_in_executor(self._compiler, compiled, kind, text, references)
            return Known(kind=kind, codec=codec)
        except Unusable as unusable:
            return Known(kind=kind, codec=None, reason=str(unusable))

    async def _referenced(self, answer: Mapping[str, Any]) -> list[Reference]:
        """The schemas that one refers to, each after those that it refers to itself."""
        found: dict[tuple[str, int], Reference] = {}
        begun: dict[tuple[str, int], list[str]] = {}
        size = 0

        async def collect(references: Any) -> None:
            nonlocal size
            for each in references or ():
                version = (str(each["subject"]), int(each["version"]))
                names = begun.setdefault(version, [])
                if str(each["name"]) not in names:
                    names.append(str(each["name"]))
                if len(names) > 1:
                    continue
                if len(begun) > MOST_REFERENCES:
                    raise Unusable(f"has more than {MOST_REFERENCES} references")
                answer = await self._client.version(*version)
                if answer is None:
                    raise Unusable(f"refers to {version[0]}, which is not there")
                size += _size(str(answer["schema"]))
                if size > LONGEST_WITH_REFERENCES:
                    raise Unusable(f"refers to more than {LONGEST_WITH_REFERENCES:,} bytes")
                await collect(answer.get("references"))
                found[version] = Reference(names=names, text=str(answer["schema"]))

        await collect(answer.get("references"))
        return list(found.values())


def _size(text: str) -> int:
    return len(text.encode(errors="surrogatepass"))


def _parts(known: Known | None) -> int:
    return 1 if known is None or known.codec is None else known.codec.nodes
