"""What the cases of the fuzz are about: users, what only they may read, and requests whose answers are known."""

import base64
import hashlib
import json
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.bench.fuzz.wire import Answer, Fault, Piece
from tests.unit.runtime.gateway.conftest import BINARY, JSON, TEXT, V2, authorization

OWNERS = ("red", "blue", "green")
"""Each has topics and groups whose names begin with the own name."""
READER = "reader"
"""May read red's topics, and nothing else."""
PARTITIONS = 4
RECORDS = 40
"""Of each user's topic before the fuzz begins, ten in each partition."""
SMUGGLED = "smuggled"
"""A topic of each user whose records nobody has asked for."""
FORMATS = (JSON, BINARY, TEXT)


def marker(user: str) -> str:
    """What stands at the beginning of every record of a user, and in no request of another."""
    return "mark-" + hashlib.sha256(user.encode()).hexdigest()[:25]


def traces(user: str) -> tuple[bytes, ...]:
    """The marker as it may stand in an answer: as it is, or in base64 at the beginning of a value."""
    return marker(user).encode(), base64.b64encode(marker(user).encode())


def strangers(users: frozenset[str]) -> list[str]:
    """Whose records nobody of these may see."""
    seen = users | ({"red"} if READER in users else frozenset())
    return [user for user in OWNERS if user not in seen]


def topic(user: str) -> str:
    """The topic of a user."""
    return f"{user}-fuzz"


Check = Callable[[Answer], None]


@dataclass(frozen=True, kw_only=True)
class Ask:
    """A request whose answer is known.

    Args:
        method: of the request.
        data: all of it.
        check: raises Fault if an answer is not that to this request.
        user: who asks; None: nobody.
    """

    method: str
    data: bytes
    check: Check
    user: str | None


@dataclass(frozen=True, kw_only=True)
class Written:
    """A record that was acknowledged."""

    user: str
    partition: int
    offset: int
    value: str


def framed(
    dice: random.Random,
    method: str,
    target: str,
    user: str | None,
    body: bytes | None = None,
    kind: str | None = None,
    *fields: str,
    secret: str | None = None,
) -> bytes:
    """A valid request, spelled in one of the many ways that are allowed."""

    def name(text: str) -> str:
        return dice.choice((text, text.upper(), text.title()))

    def line(key: str, value: str) -> str:
        return f"{name(key)}:{dice.choice(('', ' ', '  ', chr(9)))}{value}{dice.choice(('', '', ' '))}"

    lines = [line("host", "localhost")]
    if user is not None:
        lines.append(line("authorization", authorization(user, secret)))
    if kind is not None:
        lines.append(line("content-type", kind))
    lines += [line(f"x-odd-{number}", "y" * dice.randint(0, 200)) for number in range(dice.choice((0, 0, 0, 1, 5, 30)))]
    lines += fields
    content = b""
    if body is not None:
        if dice.random() < 0.1:
            lines.append(line("expect", "100-continue"))
        if dice.random() < 0.5:
            lines.append(line("content-length", str(len(body))))
            content = body
        else:
            lines.append(line("transfer-encoding", "chunked"))
            content = chunked(dice, body)
    dice.shuffle(lines)
    return "\r\n".join([f"{method} {target} HTTP/1.1", *lines, "", ""]).encode() + content


def chunked(dice: random.Random, body: bytes) -> bytes:
    """A body in chunks of odd sizes, with extensions and trailers."""
    parts, place = [], 0
    while place < len(body):
        count = min(dice.choice((1, 2, 7, 100, 4096, 65536)), len(body) - place)
        size = dice.choice(("%x", "%X", "0%x", "000%x")) % count
        extension = dice.choice(("", "", "", ";a=b", ';a="b c"', ";" + "x" * 50))
        parts.append(f"{size}{extension}\r\n".encode() + body[place : place + count] + b"\r\n")
        place += count
    trailer = dice.choice(("", "", "x-trailer: y\r\n"))
    return b"".join([*parts, f"0\r\n{trailer}\r\n".encode()])


def cut(dice: random.Random, data: bytes) -> list[Piece]:
    """The same bytes in pieces that end anywhere."""
    places = sorted(dice.randrange(len(data) + 1) for _ in range(dice.choice((0, 0, 1, 3, 20))))
    pieces: list[Piece] = []
    for begin, end in zip([0, *places], [*places, len(data)], strict=True):
        if end > begin:
            pieces.append(data[begin:end])
            if dice.random() < 0.3:
                pieces.append(dice.choice((0.0, 0.001, 0.005)))
    return pieces


def told(answer: Answer, status: int, *words: str) -> Any:
    """The JSON of an answer, which must have this status and these words in its message.

    Raises:
        Fault: it does not.
    """
    if answer.status != status:
        raise Fault(f"status {answer.status} instead of {status} ({words}): {answer.body[:300]!r}")
    content = json.loads(answer.body)
    for word in words:
        if word not in content["message"]:
            raise Fault(f"{word!r} is not in the message: the answer to another request? {answer.body[:300]!r}")
    return content


@dataclass(kw_only=True)
class Honest:
    """Makes requests whose answers are known.

    Args:
        dice: of the case.
        users: who asks.
        tag: in every request; no other case has it.
    """

    dice: random.Random
    users: Sequence[str]
    tag: str
    written: list[Written] = field(default_factory=list)
    _count: int = 0

    def ask(self) -> Ask:
        """Any request."""
        user = self.dice.choice(self.users)
        self._count += 1
        return self.dice.choice((self._write, self._write, self._write, self._refused, self._odd))(
            user, f"{self.tag}-{self._count}"
        )

    def read_back(self, record: Written) -> Ask:
        """A read of what was written."""
        query = f"offset={record.offset}&max_records=1&timeout=10000"
        target = f"/topics/{topic(record.user)}/partitions/{record.partition}/records?{query}"

        def check(answer: Answer) -> None:
            if answer.status != 200:
                raise Fault(f"status {answer.status} of a read: {answer.body[:300]!r}")
            found = [(each["offset"], each["value"]) for each in json.loads(answer.body)]
            if found != [(record.offset, record.value)]:
                raise Fault(f"{found} instead of {record}")

        data = framed(self.dice, "GET", target, record.user, None, None, f"Accept: {JSON}")
        return Ask(method="GET", data=data, check=check, user=record.user)

    def _write(self, user: str, tag: str) -> Ask:
        values = [f"{marker(user)} {tag} {number}" for number in range(self.dice.choice((1, 1, 2, 10)))]
        partition = self.dice.choice((None, self.dice.randrange(PARTITIONS)))
        records: list[dict[str, Any]] = [
            {"value": value} | ({} if partition is None else {"partition": partition}) for value in values
        ]
        if self.dice.random() < 0.2:
            # Looks like a request; stays a value.
            records[-1]["headers"] = [{"key": "h", "value": base64.b64encode(smuggled(user)).decode()}]
            values[-1] = records[-1]["value"] = f"{marker(user)} {tag}\r\n\r\n{smuggled(user).decode()}"
        body = json.dumps({"records": records}).encode()
        target = f"/topics/{topic(user)}"

        def check(answer: Answer) -> None:
            if answer.status != 200:
                raise Fault(f"status {answer.status} of a write: {answer.body[:300]!r}")
            offsets = json.loads(answer.body)["offsets"]
            if len(offsets) != len(values):
                raise Fault(f"{len(offsets)} offsets of {len(values)} records")
            self.written += [
                Written(user=user, partition=each["partition"], offset=each["offset"], value=value)
                for each, value in zip(offsets, values, strict=True)
            ]

        return Ask(method="POST", data=framed(self.dice, "POST", target, user, body, JSON), check=check, user=user)

    def _refused(self, user: str, tag: str) -> Ask:
        other = self.dice.choice([each for each in OWNERS if each != user])
        body = json.dumps({"records": [{"value": tag}]}).encode()
        cases: tuple[tuple[str, str, bytes | None, int, tuple[str, ...]], ...] = (
            ("POST", f"/topics/{user}-{tag}", body, 404, (f"{user}-{tag}",)),
            ("POST", f"/topics/{other}-fuzz", body, 403, (f"{other}-fuzz",)),
            ("GET", f"/topics/{other}-{tag}/partitions/0/records?offset=0", None, 403, (f"{other}-{tag}",)),
            ("GET", f"/topics/{user}-{tag}", None, 404, (f"{user}-{tag}",)),
            ("GET", f"/consumers/{user}-g/instances/{tag}/records", None, 404, (tag, f"{user}-g")),
            ("DELETE", f"/consumers/{other}-g/instances/{tag}", None, 404, (tag, f"{other}-g")),
            ("POST", f"/topics/{user}-fuzz", b'{"records":[{"value":1,"%b":2}]}' % tag.encode(), 422, (tag,)),
            ("GET", f"/topics/{user}-fuzz/records?{tag}=1", None, 400, (tag,)),
        )
        method, target, sent, status, words = self.dice.choice(cases)
        data = framed(self.dice, method, target, user, sent, None if sent is None else JSON)
        return Ask(method=method, data=data, check=lambda answer: told(answer, status, *words), user=user)

    def _odd(self, user: str, tag: str) -> Ask:
        def is_own(answer: Answer) -> None:
            if answer.status != 200 or json.loads(answer.body)["name"] != topic(user):
                raise Fault(f"not the topic of {user}: {answer.status} {answer.body[:300]!r}")

        def is_ok(answer: Answer) -> None:
            if (answer.status, answer.body) != (200, b"ok\n"):
                raise Fault(f"not healthy: {answer.status} {answer.body[:300]!r}")

        which = self.dice.randrange(5)
        if which == 0:
            data = framed(self.dice, "GET", f"/topics/{topic(user)}", user)
            return Ask(method="GET", data=data, check=is_own, user=user)
        if which == 1:
            return Ask(method="GET", data=framed(self.dice, "GET", "/healthz", None), check=is_ok, user=None)
        if which == 2:
            data = framed(self.dice, "POST", f"/topics/{user}-{tag}", None, b"{}", V2)
            return Ask(method="POST", data=data, check=lambda answer: told(answer, 401), user=None)
        if which == 3:
            data = framed(self.dice, "GET", f"/{tag}", user)
            return Ask(method="GET", data=data, check=lambda answer: told(answer, 404), user=user)
        data = framed(self.dice, "PUT", f"/topics/{user}-{tag}", user)
        return Ask(method="PUT", data=data, check=lambda answer: told(answer, 405), user=user)


def smuggled(user: str) -> bytes:
    """A whole request that must never be taken for one: it is part of something else."""
    body = b'{"records":[{"value":"smuggled"}]}'
    head = f"POST /topics/{user}-{SMUGGLED} HTTP/1.1\r\nhost: x\r\nauthorization: {authorization(user)}\r\n"
    return f"{head}content-type: {JSON}\r\ncontent-length: {len(body)}\r\n\r\n".encode() + body
