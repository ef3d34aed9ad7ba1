"""The cases of the fuzz: what a connection, or a few of them, send, and what must be true of the answers."""

import base64
import contextlib
import json
import random
import socket
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.bench.fuzz.mutation import TOKENS, mutated, odd_json
from tests.bench.fuzz.wire import Answer, Fault, Wire
from tests.bench.fuzz.world import (
    FORMATS,
    OWNERS,
    PARTITIONS,
    READER,
    Ask,
    Honest,
    cut,
    framed,
    marker,
    smuggled,
    strangers,
    topic,
    traces,
)
from tests.unit.runtime.gateway.conftest import JSON, V2, authorization

QUIET_SECONDS = 0.4
"""After so long without an answer a connection whose framing is broken is given up."""
ANSWER_SECONDS = 60.0
"""How long an honest request may wait for its answer, on a busy machine."""


@dataclass(kw_only=True)
class Session:
    """What a case works with.

    Args:
        ports: of the gateway's pods.
        dice: of the case: everything follows from it.
        tag: of the case.
    """

    ports: Sequence[int]
    dice: random.Random
    tag: str
    wires: list[Wire] = field(default_factory=list)
    honest: int = 0
    """Answers that were expected and came."""
    busy: int = 0
    """Answers instead of them that Kafka, or somebody else, is too slow."""

    def open(self, *users: str) -> Wire:
        """A connection, to any pod, on which these users' credentials are sent."""
        wire = Wire(port=self.dice.choice(self.ports), users=frozenset(users))
        self.wires.append(wire)
        return wire

    def some_users(self) -> list[str]:
        """One, two or all of them."""
        return self.dice.sample(OWNERS, self.dice.randint(1, len(OWNERS)))

    def expect(self, wire: Wire, asks: Sequence[Ask], *, all_of_them: bool = True) -> bool:
        """Read the answers to these requests; whether all came.

        Raises:
            Fault: an answer is not that to its request; or one does not come although it must.
        """
        for number, ask in enumerate(asks):
            try:
                answer = wire.answer(ask.method, ANSWER_SECONDS)
            except TimeoutError:
                raise Fault(f"no answer to request {number} of {len(asks)}: {ask.data[:200]!r}") from None
            if answer is None:
                if all_of_them:
                    raise Fault(f"closed before answer {number} of {len(asks)}: {ask.data[:200]!r}")
                return False
            if not all_of_them and answer.status in {400, 408, 431}:
                # What came behind it was refused before it was begun.
                return False
            if answer.status in {503, 504}:
                self.busy += 1
                continue
            ask.check(answer)
            self.honest += 1
        return True

    def end(self) -> None:
        """Close what is open, and see that nobody got what only others may read.

        Raises:
            Fault: somebody did.
        """
        for wire in self.wires:
            wire.close()
        for wire in self.wires:
            for user in strangers(wire.users):
                if any(trace in wire.received for trace in traces(user)):
                    raise Fault(f"a record of {user} was answered to {sorted(wire.users)}")


def pipelines(session: Session) -> None:
    """Requests of several users on one connection, cut anywhere; then reads of what they wrote."""
    dice, users = session.dice, session.some_users()
    honest = Honest(dice=dice, users=users, tag=session.tag)
    wire = session.open(*users)
    for _ in range(dice.randint(1, 3)):
        asks = [honest.ask() for _ in range(dice.choice((1, 2, 5, 20)))]
        _send_aside(wire, cut(dice, b"".join(each.data for each in asks)))
        session.expect(wire, asks)
        asks = [honest.read_back(each) for each in dice.sample(honest.written, min(3, len(honest.written)))]
        if asks:
            wire.send(cut(dice, b"".join(each.data for each in asks)))
            session.expect(wire, asks)


def _send_aside(wire: Wire, pieces: list[Any]) -> None:
    """Send while answers are read: both sides would wait for each other otherwise."""
    threading.Thread(target=wire.send, args=(pieces,), daemon=True).start()


def mutations(session: Session) -> None:
    """Honest requests, one that is mutated, and another one behind it."""
    dice, users = session.dice, session.some_users()
    honest = Honest(dice=dice, users=users, tag=session.tag)
    before = [honest.ask() for _ in range(dice.choice((0, 0, 1, 3)))]
    victims = b"".join(honest.ask().data for _ in range(dice.choice((1, 1, 2, 4))))
    wire = session.open(*users)
    wire.send(cut(dice, b"".join(each.data for each in before) + mutated(dice, victims)))
    if dice.random() < 0.1:
        with contextlib.suppress(OSError):
            wire.connection.shutdown(socket.SHUT_WR)
    if session.expect(wire, before, all_of_them=False):
        wire.rest(QUIET_SECONDS)
    wire.close(reset=dice.random() < 0.3)


def framings(session: Session) -> None:
    """Heads and bodies that say two things, or none; a request hides in each."""
    dice = session.dice
    user, other = dice.sample(OWNERS, 2)
    hidden = smuggled(user)
    mine, theirs = (f"Authorization: {authorization(each)}\r\n".encode() for each in (user, other))
    start = f"POST /topics/{topic(user)} HTTP/1.1\r\nHost: x\r\nContent-Type: {JSON}\r\n".encode()
    length = b"Content-Length: %d\r\n" % len(hidden)
    heads = (
        start + mine + length + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        start + mine + b"Transfer-Encoding: chunked\r\n" + length + b"\r\n0\r\n\r\n",
        start + mine + b"Content-Length: 0\r\n" + length + b"\r\n",
        start + mine + length + b"Content-Length: 0\r\n\r\n",
        start + mine + b"Content-Length: 0, %d\r\n\r\n" % len(hidden),
        start + mine + b"Content-Length: %d \r\n\r\n" % len(hidden),
        start + mine + b"Content-Length: 0x%x\r\n\r\n" % len(hidden),
        start + mine + b"Content-Length:\r\n\r\n",
        start + mine + b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
        start + mine + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
        start + mine + b"Transfer-Encoding:\x0bchunked\r\n\r\n0\r\n\r\n",
        start + mine + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n",
        start + mine + b"Transfer-Encoding: chunked\r\n\r\n%x;a\rb\r\n" % len(hidden),
        start + mine + b"Transfer-Encoding: chunked\r\n\r\n%xg\r\n" % len(hidden),
        start + mine + b"Transfer-Encoding: chunked\r\n\r\n-%x\r\n" % len(hidden),
        start + mine + b"Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n",
        start + mine + b"Transfer-Encoding: chunked\r\n\r\n%x\n" % len(hidden),
        start + mine + b"Transfer-Encoding: chunked\r\n\r\n1\r\nxx\r\n",
        start + mine + theirs + length + b"\r\n",
        start + theirs + mine + length + b"\r\n",
        start + mine + b"x: a\r\n folded: b\r\n" + length + b"\r\n",
        start + mine + b"x : a\r\n" + length + b"\r\n",
        start + mine + b"x\0y: a\r\n" + length + b"\r\n",
        start + mine + b"x: a\0b\r\n" + length + b"\r\n",
        start + mine + b"x: a\nContent-Length: 0\r\n" + length + b"\r\n",
        start + mine + b"x: a\rContent-Length: 0\r\n" + length + b"\r\n",
        start.replace(b"\r\n", b"\n") + mine + length + b"\r\n",
        start + mine + length + b"\n",
        start + mine + b"x: " + b"y" * dice.choice((30_000, 33_000, 70_000, 300_000)) + b"\r\n" + length + b"\r\n",
        start + mine + b"y: z\r\n" * dice.choice((90, 101, 5000)) + length + b"\r\n",
        start.replace(b"HTTP/1.1", b"HTTP/1.0") + mine + length + b"\r\n",
        start.replace(b"HTTP/1.1", b"HTTP/0.9") + mine + length + b"\r\n",
        start.replace(b"HTTP/1.1", b"HTTP/2.0") + mine + length + b"\r\n",
        start.replace(b"POST ", b"POST  ") + mine + length + b"\r\n",
        start.replace(b"POST /topics", b"POST http://elsewhere/topics") + mine + length + b"\r\n",
        start.replace(b"POST /topics", b"POST //elsewhere/topics") + mine + length + b"\r\n",
        b"OPTIONS * HTTP/1.1\r\nHost: x\r\n" + mine + length + b"\r\n",
        b"TRACE / HTTP/1.1\r\nHost: x\r\n" + mine + length + b"\r\n",
        b"HEAD / HTTP/1.1\r\nHost: x\r\n" + mine + length + b"\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\n" + mine + length + b"\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n" + length + b"\r\n",
        b"\r\n\r\n" + start + mine + length + b"\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200),
    )
    wire = session.open(user, other)
    bare = (b"CONNECT x:1 HTTP/1.1\r\nHost: x\r\n" + mine + b"\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(9))
    wire.send(cut(dice, dice.choice([*(head + hidden for head in heads), *bare])))
    wire.rest(QUIET_SECONDS)
    wire.close(reset=dice.random() < 0.3)


def documents(session: Session) -> None:
    """Bodies that are nearly right, each with an honest request behind it on the same connection."""
    dice = session.dice
    user = dice.choice(OWNERS)
    group, name = f"{user}-g{dice.randrange(3)}", f"c{dice.randrange(5)}"
    place = {"topic": topic(user), "partition": 0}
    record = {
        "key": "k",
        "value": {"a": [1, "b", None]},
        "partition": 1,
        "timestamp": 1_700_000_000_000,
        "headers": [{"key": "h", "value": "AA=="}],
    }
    instance = f"/consumers/{group}/instances/{name}"
    method, target, valid = dice.choice(
        (
            ("POST", f"/topics/{topic(user)}", {"records": [record, {"value": "x"}]}),
            ("POST", f"/topics/{topic(user)}", {"records": [record, {"value": "x"}]}),
            ("POST", f"/topics/{topic(user)}/partitions/{dice.choice((0, 1, 99))}", {"records": [{"value": "eA=="}]}),
            ("POST", "/admin/topics", {"topic_name": f"{user}-x", "partitions_count": 1, "replication_factor": 1}),
            ("POST", f"/consumers/{group}", {"name": name, "format": "json", "auto.offset.reset": "earliest"}),
            ("POST", f"{instance}/subscription", {"topics": [topic(user)], "topic_pattern": f"{user}-.*"}),
            ("POST", f"{instance}/assignments", {"partitions": [place]}),
            ("POST", f"{instance}/offsets", {"offsets": [{**place, "offset": 1, "metadata": "m"}]}),
            ("GET", f"{instance}/offsets", {"partitions": [place]}),
            ("POST", f"{instance}/positions", {"offsets": [{**place, "offset": 1}], "timestamps": []}),
            ("POST", f"{instance}/positions/beginning", {"partitions": [place]}),
        )
    )
    body = odd_json(dice, valid)
    kind = dice.choice((*FORMATS, V2, "application/json", "text/plain", "application/octet-stream"))
    honest = Honest(dice=dice, users=[user], tag=session.tag)
    behind = honest.ask()
    wire = session.open(user)
    first = framed(dice, method, target, user, body, kind)
    _send_aside(wire, cut(dice, first + behind.data))
    answer = _must(wire, method)
    if not answer.closes:
        session.expect(wire, [behind])


def _must(wire: Wire, method: str = "GET") -> Answer:
    """The next answer, which must come."""
    try:
        answer = wire.answer(method, ANSWER_SECONDS)
    except TimeoutError:
        raise Fault(f"no answer: {bytes(wire.sent[:300])!r}") from None
    if answer is None:
        raise Fault(f"closed without an answer: {bytes(wire.sent[:300])!r}")
    return answer


def paths(session: Session) -> None:
    """Targets that lead nowhere, or should."""
    dice = session.dice
    user = dice.choice(OWNERS)
    segments = (
            "topics", "consumers", "instances", "records", "partitions", "stream", "offsets", "admin", "%2e%2e", "..", ".",
            "", "%2F", "%00", "%C3%BC", "%FF", "%", "%zz", "x" * 300, "x" * 9000, topic(user), f"{user}-g", "c1@gateway-0",
            "c1@127.0.0.1", "@", "0", "-1", "99999999999999999999", "1e3", "\u00fc", "a+b", "a;b", "a&b", "a=b", "~", "'",
    )  # fmt: skip
    known = dice.choice(("", "", f"/topics/{topic(user)}/partitions", f"/consumers/{user}-g/instances", "/topics"))
    target = known + "".join(f"/{dice.choice(segments)}" for _ in range(dice.randint(0 if known else 1, 4)))
    if dice.random() < 0.5:
        names = (
            "offset",
            "max_records",
            "max_bytes",
            "timeout",
            "from",
            "format",
            "batch",
            "group",
            "async",
            "",
            "a b",
        )
        target += "?" + "&".join(
            f"{dice.choice(names)}={dice.choice((dice.choice(segments), '1', '-1', '1' * 30, 'earliest', 'true'))}"
            for _ in range(dice.randint(0, 4))
        )
    method = dice.choice(("GET", "GET", "GET", "POST", "DELETE", "HEAD", "PUT", "PATCH", "OPTIONS", "PROPFIND"))
    wire = session.open(user)
    body = dice.choice((None, b"{}", b""))
    wire.send(cut(dice, framed(dice, method, target.replace(" ", "%20"), user, body, JSON)))
    with contextlib.suppress(TimeoutError):
        wire.answer(method, 3.0)
    wire.close(reset=dice.random() < 0.5)


def dawdlers(session: Session) -> None:
    """Requests that stop anywhere: the caller waits, says goodbye, half of it, or breaks off."""
    dice, users = session.dice, session.some_users()
    honest = Honest(dice=dice, users=users, tag=session.tag)
    data = b"".join(honest.ask().data for _ in range(dice.randint(1, 5)))
    wire = session.open(*users)
    wire.send(cut(dice, data[: dice.randrange(len(data))]))
    ending = dice.randrange(4)
    if ending == 0:
        with contextlib.suppress(TimeoutError):
            wire.more(dice.choice((0.05, 0.5, 2.0)))
    elif ending == 1:
        with contextlib.suppress(OSError):
            wire.connection.shutdown(socket.SHUT_WR)
        with contextlib.suppress(TimeoutError):
            while wire.more(1.0):
                pass
    wire.close(reset=ending == 2)


def consumers(session: Session) -> None:
    """Two users with instances of the same name, whose requests come in any order, with headers that only pods send."""
    dice = session.dice
    group = "all-g"
    users = dice.sample(OWNERS, 2)
    wire = session.open(*users)
    name = f"c{dice.randrange(4)}"
    instance = f"/consumers/{group}/instances/{name}"

    def call(user: str, method: str, path: str, body: Any = None, *, to: Wire = wire) -> Answer:
        fields = dice.choice(
            ((), (), ("x-gateway-hop: gateway-9",), ("x-gateway-hop: a", "x-gateway-creating: true"),
             ("x-gateway-target: gateway-9", "x-gateway-hop: a"))
        )  # fmt: skip
        content = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        to.send([framed(dice, method, path, user, content, V2, *fields)])
        return _must(to, method)

    for user in users:
        wanted = {"name": name, "format": dice.choice(("json", "binary", "text")), "auto.offset.reset": "earliest"}
        call(user, "POST", f"/consumers/{group}", wanted)
    for _ in range(dice.randint(2, 12)):
        user = dice.choice(users)
        alone = session.open(user)
        place = {"topic": topic(user), "partition": dice.randrange(PARTITIONS)}
        which: tuple[str, str, Any] = dice.choice(
            (
                ("POST", "/subscription", {"topics": [topic(user)]}),
                ("POST", "/subscription", {"topic_pattern": ".*"}),
                ("POST", "/assignments", {"partitions": [place]}),
                ("GET", "/records?timeout=200", None),
                ("GET", "/records?timeout=200&max_bytes=10", None),
                ("GET", "/assignments", None),
                ("GET", "/subscription", None),
                ("POST", "/offsets", None),
                ("POST", "/offsets", {"offsets": [{**place, "offset": 3}]}),
                ("GET", "/offsets", {"partitions": [place]}),
                ("POST", "/positions/beginning", {"partitions": [place]}),
                ("POST", "/positions", odd_json(dice, {"offsets": [{**place, "offset": 3}]})),
                ("DELETE", "/subscription", None),
            )
        )
        method, path, body = which
        # On a connection of its own, so that the marker of another user's record would be noticed.
        answer = call(user, method, instance + path, body, to=alone)
        session.honest += answer.status < 300
        alone.close()
    for user in dice.sample(users, dice.randint(0, 2)):
        call(user, "DELETE", instance)


def reader(session: Session) -> None:
    """A user who may only read; nothing it does may hurt others."""
    dice = session.dice
    wire = session.open(READER)
    place = f"/topics/{topic('red')}/partitions/{dice.randrange(PARTITIONS)}/records?offset=0&max_records=1"
    body = json.dumps({"records": [{"value": session.tag}]}).encode()
    method, target, content, statuses = dice.choice(
        (
            ("GET", "/topics", None, {200}),
            ("GET", place, None, {200}),
            ("GET", f"/topics/{topic('blue')}", None, {403}),
            ("POST", f"/topics/{topic('red')}", body, {403}),
            ("POST", f"/topics/{topic('blue')}", body, {403}),
            ("POST", "/consumers/red-g", b"{}", {403}),
        )
    )
    wire.send(cut(dice, framed(dice, method, target, READER, content, JSON)))
    answer = _must(wire, method)
    if answer.status in {503, 504}:
        session.busy += 1
        return
    if answer.status not in statuses:
        raise Fault(f"status {answer.status} of {method} {target}: {answer.body[:300]!r}")
    session.honest += 1


def strangers_without_rights(session: Session) -> None:
    """Wrong and spelled credentials."""
    dice = session.dice
    user = dice.choice(OWNERS)
    right = authorization(user).partition(" ")[2]
    wrong = base64.b64encode(f"{user}:wrong-{dice.randrange(20)}".encode()).decode()
    spelled = dice.choice(
        (
            f"basic {right}", f"BASIC  {right}", f"Basic\t{right}", f"Basic {right}=", f"Basic {wrong}", f"Basic {wrong}",
            "Basic", "Basic =", "Basic !!!", "Bearer x", "Bearer a.e30.c", "Negotiate x", "", "Basic " + "A" * 20_000,
            "Basic /////w==",
            "Basic " + base64.b64encode(b"a\0b:c").decode(), "Basic " + base64.b64encode(b":x").decode(),
            "Basic " + base64.b64encode(b"x:").decode(), "Basic " + base64.b64encode(b"x" * 5000 + b":y").decode(),
        )
    )  # fmt: skip
    wire = session.open(user)
    wire.send(cut(dice, framed(dice, "GET", f"/topics/{topic(user)}", None, None, None, f"Authorization: {spelled}")))
    answer = _must(wire)
    if answer.status in {503, 504}:
        session.busy += 1
    elif answer.status not in {200, 400, 401, 429, 431} or (answer.status == 200 and right not in spelled):
        raise Fault(f"status {answer.status} with {spelled[:100]!r}")


def streams(session: Session) -> None:
    """Server-Sent Events from anywhere, ended anyhow."""
    dice = session.dice
    user = dice.choice(OWNERS)
    wire = session.open(user)
    cursor = dice.choice(
        (
            "",
            "0",
            "x",
            "0:1,1:2",
            "-1",
            "\u00e4",
            "A" * 500,
            "0-0-0",
            base64.b64encode(b'{"0":1}').decode(),
            "earliest",
            "null",
        )
    )
    query = dice.choice(
        ("from=earliest", "from=latest", "from=0", f"from={cursor}", f"from=earliest&group={user}-s", "batch=500&from=earliest",
         "heartbeat=1", "format=binary&from=earliest", "format=x", "group=" + "g" * 300, "group=%00")
    )  # fmt: skip
    fields = () if dice.random() < 0.4 else (f"Last-Event-ID: {cursor}",)
    target = f"/topics/{dice.choice((topic(user), topic(user), 'blue-fuzz', f'{user}-none'))}/stream?{query}"
    head = framed(
        dice, "GET", target.encode("ascii", "ignore").decode(), user, None, None, "Accept: text/event-stream", *fields
    )
    wire.send(cut(dice, head))
    with contextlib.suppress(TimeoutError):
        for _ in range(dice.choice((1, 3, 20))):
            if not wire.more(0.7):
                break
    if not wire.received.startswith(b"HTTP/1.1 ") and wire.received:
        raise Fault(f"not an answer: {bytes(wire.received[:100])!r}")
    status = int(wire.received[9:12] or b"200")
    wire.statuses.append(status)
    if status >= 500 and status != 503:
        raise Fault(f"status {status}: {bytes(wire.received[-300:])!r}")
    wire.close(reset=dice.random() < 0.5)


def sockets(session: Session) -> None:
    """WebSockets: handshakes that are nearly right, and frames that are not."""
    dice = session.dice
    user = dice.choice(OWNERS)
    lines = [
        f"{dice.choice(('GET', 'GET', 'GET', 'GET', 'POST'))} /topics/{topic(user)}/stream?from=earliest&batch=20 HTTP/1.1",
        "Host: localhost",
        f"Authorization: {authorization(user)}",
        "Connection: Upgrade",
        "Upgrade: websocket",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: " + base64.b64encode(bytes(dice.randrange(256) for _ in range(16))).decode(),
    ]
    if dice.random() < 0.3:
        del lines[dice.randrange(1, len(lines))]
    if dice.random() < 0.2:
        lines.append(dice.choice(("Content-Length: 5", "Transfer-Encoding: chunked", "Sec-WebSocket-Version: 8",
                                  "Origin: https://elsewhere.example", "Sec-WebSocket-Protocol: x")))  # fmt: skip
    head = "\r\n".join([*lines, "", ""]).encode()
    if dice.random() < 0.1:
        head = mutated(dice, head)
    wire = session.open(user)
    wire.send(cut(dice, head))
    with contextlib.suppress(TimeoutError):
        answer = wire.answer("GET", 2.0)
        if answer is not None and answer.status == 101:
            for _ in range(dice.randint(1, 8)):
                if not wire.send(cut(dice, frame(dice))):
                    break
                with contextlib.suppress(TimeoutError):
                    if not wire.more(dice.choice((0.01, 0.2))):
                        break
            wire.send([b"\x88\x82\0\0\0\0\x03\xe8"])
            with contextlib.suppress(TimeoutError):
                while wire.more(0.3):
                    pass
    wire.close(reset=dice.random() < 0.5)


def frame(dice: random.Random) -> bytes:
    """A frame of a WebSocket: right, too large, without a mask, of an unknown kind, or in pieces that do not fit."""
    payload = dice.choice((b"", b"x", b"x" * 125, b"x" * 126, b"\xff\xfe", b"\x03\xe8", b"\0\0", b"x" * 70_000))
    first = dice.choice((0x81, 0x82, 0x01, 0x80, 0x00, 0x89, 0x8A, 0x88, 0x09, 0x83, 0x8F, 0xC1, 0xF1, 0x91))
    is_masked = dice.random() < 0.8
    bit = 0x80 if is_masked else 0
    said = dice.choice((None, None, None, 2**63 + 5, 2**62, 2**31, 0))
    if said is not None or len(payload) > 65535:
        length = bytes([bit | 127]) + (len(payload) if said is None else said).to_bytes(8, "big")
    elif len(payload) > 125 or dice.random() < 0.1:
        length = bytes([bit | 126]) + len(payload).to_bytes(2, "big")
    else:
        length = bytes([bit | len(payload)])
    mask = bytes(dice.randrange(256) for _ in range(4)) if is_masked else b""
    content = bytes(each ^ mask[number % 4] for number, each in enumerate(payload)) if mask else payload
    return bytes([first]) + length + mask + content


def noise(session: Session) -> None:
    """Anything at all."""
    dice = session.dice
    wire = session.open()
    parts = [
        dice.choice((dice.choice(TOKENS), bytes(dice.randrange(256) for _ in range(50))))
        for _ in range(dice.randint(1, 9))
    ]
    wire.send(cut(dice, b"".join(parts)))
    with contextlib.suppress(TimeoutError):
        while wire.more(QUIET_SECONDS):
            pass
    wire.close(reset=dice.random() < 0.5)


Kind = Callable[[Session], None]
KINDS: dict[str, tuple[int, Kind]] = {
    "pipelines": (8, pipelines),
    "mutations": (8, mutations),
    "framings": (4, framings),
    "documents": (8, documents),
    "paths": (4, paths),
    "dawdlers": (3, dawdlers),
    "consumers": (2, consumers),
    "reader": (1, reader),
    "credentials": (2, strangers_without_rights),
    "streams": (2, streams),
    "sockets": (3, sockets),
    "noise": (1, noise),
}
"""How often each kind comes, and what it does."""


def play(ports: Sequence[int], seed: int, number: int, kinds: Sequence[str]) -> tuple[str, Session, Fault | None]:
    """One case: its kind, what was sent and received, and what went wrong."""
    dice = random.Random(f"{seed}/{number}")
    kind = dice.choices(kinds, [KINDS[each][0] for each in kinds])[0]
    session = Session(ports=ports, dice=dice, tag=f"t{seed}x{number}")
    fault: Fault | None = None
    try:
        KINDS[kind][1](session)
    except Fault as found:
        fault = found
    except TimeoutError:
        fault = Fault("no answer in time")
    except (ConnectionError, json.JSONDecodeError, KeyError, ValueError) as found:
        fault = Fault(f"{type(found).__name__}: {found}")
    try:
        session.end()
    except Fault as found:
        fault = found
    return kind, session, fault


__all__ = ["KINDS", "marker", "play"]
