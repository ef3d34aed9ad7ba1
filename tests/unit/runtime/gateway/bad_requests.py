"""Malformed requests from a seeded generator: what they send, and what may be answered."""

import base64
import json
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from tests.unit.runtime.gateway.conftest import BINARY, JSON, RED, TEXT, V2, authorization

TOPIC = "red-bad"
SMUGGLED = "red-smuggled"
"""Nothing may ever arrive there."""
LARGEST_BODY = 256 * 1024
MOST_RECORDS = 1000
BODY_SECONDS = 3.0
"""Of the gateway's settings in the test."""

Piece = bytes | float


@dataclass(frozen=True, kw_only=True)
class Case:
    """A connection's worth of bytes.

    Args:
        name: what is wrong.
        pieces: bytes to send, and pauses in seconds.
        statuses: that may be answered; 503 and 429 may always.
        silent: whether closing the connection without a word is an answer too.
        plain: whether the answer may be in another form than the dialect's, because WebSockets have one of their own.
        hangs_up: whether to say after the last piece that nothing more comes.
    """

    name: str
    pieces: Sequence[Piece]
    statuses: frozenset[int]
    silent: bool = False
    hangs_up: bool = False
    plain: bool = False


AUTHORIZATION = f"authorization: {authorization(RED)}\r\n".encode()
SMUGGLED_BODY = b'{"records":[{"value":"smuggled"}]}'
SMUGGLED_REQUEST = (
    f"POST /topics/{SMUGGLED} HTTP/1.1\r\nhost: x\r\n".encode()
    + AUTHORIZATION
    + f"content-type: {JSON}\r\ncontent-length: {len(SMUGGLED_BODY)}\r\n\r\n".encode()
    + SMUGGLED_BODY
)


def head(
    method: str | bytes = "POST",
    target: str | bytes = f"/topics/{TOPIC}",
    *fields: str | bytes,
    kind: str | None = JSON,
    known: bool = True,
    version: bytes = b"HTTP/1.1",
) -> bytes:
    """A request's head; `fields` are whole lines without their end."""

    def encoded(text: str | bytes) -> bytes:
        return text if isinstance(text, bytes) else text.encode()

    lines = [encoded(method) + b" " + encoded(target) + b" " + version, b"host: localhost"]
    if kind is not None:
        lines.append(f"content-type: {kind}".encode())
    if known:
        lines.append(AUTHORIZATION.strip())
    lines += [encoded(field) for field in fields]
    return b"\r\n".join(lines) + b"\r\n\r\n"


def whole(body: bytes, **more: Any) -> list[Piece]:
    """A POST with a body of the length that it says."""
    method, target = more.pop("method", "POST"), more.pop("target", f"/topics/{TOPIC}")
    return [head(method, target, f"content-length: {len(body)}", **more) + body]


def records(*values: Any) -> bytes:
    """The body of a write."""
    return json.dumps({"records": list(values)}).encode()


def chunk(data: bytes) -> bytes:
    """A chunk of a body of unknown length."""
    return b"%x\r\n%b\r\n" % (len(data), data)


VALID = records(
    {"key": "order-17", "value": {"item": "chair", "count": [1, 2.5, None]}},
    {"value": "ä\n\\", "partition": 0, "headers": [{"key": "a", "value": "AA=="}]},
)
BAD = frozenset({400})
UNFIT = frozenset({422})
EITHER = BAD | UNFIT
LARGE = frozenset({413})
LARGE_HEAD = frozenset({431})
LATE = frozenset({408})
STRANGER = frozenset({401})
NOWHERE = frozenset({400, 404})


def broken_json(dice: random.Random) -> Iterator[Case]:
    """Bodies that are no JSON: valid ones with bytes removed, added and exchanged, until they are not."""
    made = 0
    while made < 150:
        mutant = bytearray(VALID)
        for _ in range(dice.randint(1, 4)):
            place = dice.randrange(len(mutant))
            action = dice.randrange(4)
            if action == 0:
                del mutant[place : place + dice.randint(1, 9)]
            elif action == 1:
                mutant[place:place] = bytes(dice.choices(b'{}[]",:\\\x00\x1f\x7f\x80\xff 0eE-+.', k=dice.randint(1, 3)))
            elif action == 2:
                mutant[place] = dice.randrange(256)
            else:
                del mutant[place:]
            if not mutant:
                mutant = bytearray(b"{")
        body = bytes(mutant)
        try:
            json.loads(body.decode())
        except ValueError:
            yield Case(name=f"broken JSON {body!r}", pieces=whole(body), statuses=EITHER)
            made += 1
    for text in (
        b"", b" ", b"records", b"{'records':[]}", b'{"records":[{"value":1},]}', b'{"records":[{"value":01}]}',
        b'{"records":[{"value":NaN}]}', b'{"records":[{"value":Infinity}]}', b'{"records":[{"value":-Infinity}]}',
        b'{"records":[{"value":0x10}]}', b'{"records":[{"value":1.}]}', b'{"records":[{"value":.5}]}',
        b'{"records":[{"value":+1}]}', b'{"records":[{"value":1e}]}', b'{"records":[{"value":"\\x41"}]}',
        b'{"records":[{"value":"\\u12"}]}', b'{"records":[{"value":"a\nb"}]}', b'{"records":[{"value":"\x00"}]}',
        b'{"records":[{"value":1}]}}', b'{"records":[{"value":1}]}{"records":[{"value":2}]}', b'/**/{"records":[]}',
        b'{"records":[{"value":undefined}]}', b'{"records":[{"value":True}]}', b'{"records":[{value:1}]}',
        b'{"records":[{"value":tru}]}', b'{"records":[{"value":nullx}]}', b'{"records":[{"value" 1}]}',
        b'{"records":[{"value":"', b'{"records":[{"value":"\\', b'{"records":[{"value":[1,2',
    ):  # fmt: skip
        yield Case(name=f"no JSON {text!r}", pieces=whole(text), statuses=EITHER)
    for depth in (2_000, 50_000, 120_000):
        for opened, closed in ((b"[", b"]"), (b'{"a":', b"}")):
            inner = opened * min(depth, 40_000 if closed == b"}" else depth)
            count = len(inner) // len(opened)
            for key, end in (("value", closed * count), ("key", closed * count), ("value", b"")):
                other = b"" if key == "value" else b'"value":1,'
                body = b'{"records":[{%b"%b":%b1%b}]}' % (other, key.encode(), inner, end)
                if len(body) < LARGEST_BODY:
                    yield Case(name=f"{count} deep {opened!r} {key}", pieces=whole(body), statuses=EITHER | {200})
        yield Case(name=f"{depth} deep", pieces=whole(b"[" * depth), statuses=EITHER)


def encodings(dice: random.Random) -> Iterator[Case]:
    """Bodies that are JSON in no encoding, or in another than UTF-8."""
    text = json.dumps({"records": [{"value": "Grüße aus Köln €"}]}, ensure_ascii=False)
    for name in ("utf-16", "utf-16-le", "utf-16-be", "utf-32", "latin-1", "cp500", "utf-7"):
        body = text.encode(name, errors="replace")
        # UTF-7 is ASCII.
        yield Case(
            name=f"encoded as {name}", pieces=whole(body), statuses=EITHER if name != "utf-7" else frozenset({200})
        )
        if name != "utf-7":
            yield Case(name=f"text encoded as {name}", pieces=whole(body, kind=TEXT), statuses=EITHER)
    yield Case(name="byte order mark", pieces=whole(b"\xef\xbb\xbf" + text.encode()), statuses=EITHER)
    invalid = (
        b"\xff",
        b"\xc0\x80",
        b"\xed\xa0\x80",
        b"\xf4\x90\x80\x80",
        b"\x80",
        b"\xe2\x82",
        b"\xf8\x88\x80\x80\x80",
    )
    for octets in invalid:
        for body in (
            b'{"records":[{"value":"a%bb"}]}',
            b'{"records":[{"key":"%b","value":1}]}',
            b'{"records":[{"value":null,"key":{"%b":[]}}]}',
            b'{"%b":[]}',
            b'{"records":[{"value":"a","headers":[{"key":"%b","value":null}]}]}',
        ):
            for kind in (JSON, TEXT):
                yield Case(
                    name=f"not UTF-8 {octets!r} in {body!r} as {kind}",
                    pieces=whole(body % octets, kind=kind),
                    statuses=EITHER,
                )
    for packed in ("gzip", "br", "deflate", "x-snappy"):
        body = base64.b64decode("H4sIAAAAAAAAA6uuBQBDv6ajAgAAAA==")
        pieces = [
            head("POST", f"/topics/{TOPIC}", f"content-encoding: {packed}", f"content-length: {len(body)}") + body
        ]
        yield Case(name=f"packed by {packed}", pieces=pieces, statuses=EITHER | {415})


def wrong_types(dice: random.Random) -> Iterator[Case]:
    """JSON that is no write."""
    anything: list[Any] = [None, True, 0, -1, 1.5, 1e300, "", "x", [], {}, [[]], [{}], {"a": 1}, 2**70, "\ud800"]
    for value in anything:
        yield Case(name=f"body {value!r}", pieces=whole(json.dumps(value).encode()), statuses=EITHER)
        yield Case(name=f"records {value!r}", pieces=whole(json.dumps({"records": value}).encode()), statuses=EITHER)
        if value != {}:
            yield Case(name=f"record {value!r}", pieces=whole(records(value)), statuses=EITHER)
    fields: dict[str, list[Any]] = {
        "partition": [-1, 2**31, 2**70, 1.5, "0", True, [], {}],
        "timestamp": [0, -1, 2**63, 1e30, "now", True, [], {}],
        "headers": [0, "x", {}, [0], [None], ["x"], [{}], [{"key": 1}], [{"value": "AA=="}], [{"key": None}],
                    [{"key": "a", "value": "?"}], [{"key": "a", "value": 1}], [{"key": "a", "value": "AA==", "b": 1}]],
        "topic": ["other"], "offset": [1], "Value": [1], "": [1], "value ": [1], "\x00": [1], "key_schema_id": [1],
    }  # fmt: skip
    for name, values in fields.items():
        for value in values:
            body = records({"value": 1}, {"value": 1, name: value})
            yield Case(name=f"{name} {value!r}", pieces=whole(body), statuses=EITHER)
            body = records({"value": "x", name: value})
            yield Case(name=f"text with {name} {value!r}", pieces=whole(body, kind=TEXT), statuses=EITHER)
    for name in ("value", "key"):
        for value in (0, 1.5, True, [], {}, ["x"]):
            record: dict[str, Any] = {"value": "AA==", name: value}
            for kind in (TEXT, BINARY):
                yield Case(name=f"{kind} {name} {value!r}", pieces=whole(records(record), kind=kind), statuses=EITHER)
        for value in (
            "?",
            "A",
            "AA=",
            "AA==AA==",
            "AAAA=",
            "AB==",
            "AAB=",
            "AAF",
            "AA\x0b",
            "äöü",
            "=",
            "====",
            "\x00",
        ):
            record = {"value": "AA==", name: value}
            yield Case(name=f"base64 {name} {value!r}", pieces=whole(records(record), kind=BINARY), statuses=UNFIT)
    for record in ({}, {"partition": 0}, {"headers": []}):
        for kind in (JSON, TEXT, BINARY):
            yield Case(
                name=f"neither key nor value {record} {kind}", pieces=whole(records(record), kind=kind), statuses=UNFIT
            )
    yield Case(name="no records", pieces=whole(b"{}"), statuses=UNFIT)
    for name in ("key_schema", "key_schema_id", "value_schema", "value_schema_id"):
        body = json.dumps({"records": [{"value": 1}], name: 1}).encode()
        yield Case(name=f"a {name}", pieces=whole(body), statuses=UNFIT)
    yield Case(name="unknown field", pieces=whole(b'{"records":[{"value":1}],"key_schema":"x"}'), statuses=UNFIT)
    twice = b'{"records":[{"value":1}],"records":[]}'
    yield Case(name="records twice", pieces=whole(twice), statuses=EITHER)
    of_partition = records({"value": 1, "partition": 0})
    yield Case(
        name="partition twice", pieces=whole(of_partition, target=f"/topics/{TOPIC}/partitions/0"), statuses=UNFIT
    )


def too_much(dice: random.Random) -> Iterator[Case]:
    """Sizes beyond the limits, announced and not."""
    for length in (LARGEST_BODY + 1, 10**9, 10**12, 2**63 - 1):
        yield Case(
            name=f"announced {length} bytes",
            pieces=[head("POST", f"/topics/{TOPIC}", f"content-length: {length}") + b"{"],
            statuses=LARGE,
        )
    part = b" " * 16_384
    for number in range(6):
        pieces: list[Piece] = [head("POST", f"/topics/{TOPIC}", "transfer-encoding: chunked"), *[chunk(part)] * 40]
        yield Case(name=f"unannounced {number}", pieces=pieces, statuses=LARGE)
    for number in range(4):
        body = b" " * (LARGEST_BODY + 1 + number)
        yield Case(name=f"body of {len(body)} bytes", pieces=whole(body), statuses=LARGE)
    many = b'{"records":[' + b",".join([b'{"value":1}'] * (MOST_RECORDS + 1)) + b"]}"
    for kind in (JSON, BINARY, TEXT):
        body = many if kind == JSON else many.replace(b":1", b':"AA=="')
        yield Case(name=f"too many records {kind}", pieces=whole(body, kind=kind), statuses=LARGE)
    for size in (40_000, 200_000, 1_000_000):
        yield Case(name=f"path of {size}", pieces=[head("GET", "/" + "a" * size)], statuses=LARGE_HEAD)
        yield Case(
            name=f"query of {size}", pieces=[head("GET", "/topics?" + "a=1&" * (size // 4))], statuses=LARGE_HEAD
        )
        yield Case(name=f"field of {size}", pieces=[head("GET", "/topics", "x: " + "a" * size)], statuses=LARGE_HEAD)
        yield Case(name=f"name of {size}", pieces=[head("GET", "/topics", "a" * size + ": x")], statuses=LARGE_HEAD)
        yield Case(
            name=f"method of {size}", pieces=[head("A" * size, "/topics")], statuses=LARGE_HEAD | BAD, silent=True
        )
        yield Case(
            name=f"credentials of {size}",
            pieces=[head("GET", "/topics", "authorization: Basic " + "QQ" * size, known=False)],
            statuses=LARGE_HEAD,
        )
    for count in (101, 1000, 20_000):
        fields = [f"x-{number}: y" for number in range(count)]
        yield Case(name=f"{count} fields", pieces=[head("GET", "/topics", *fields)], statuses=LARGE_HEAD)
        yield Case(
            name=f"{count} fields, then a body", pieces=[head("POST", f"/topics/{TOPIC}", *fields)], statuses=LARGE_HEAD
        )
    start = head("POST", f"/topics/{TOPIC}", "transfer-encoding: chunked")
    trailers = b"".join(b"x-%d: %b\r\n" % (number, b"y" * 200) for number in range(200))
    for number in range(4):
        yield Case(
            name=f"endless trailers {number}",
            pieces=[start + chunk(b"{") + b"0\r\n", *[trailers] * 100],
            statuses=LARGE_HEAD,
            silent=True,
        )
        yield Case(
            name=f"endless chunk extension {number}",
            pieces=[start + b"1;" + b"a" * 1000, *[b"a" * 40_000] * 50],
            statuses=LARGE_HEAD,
            silent=True,
        )


def truncated(dice: random.Random) -> Iterator[Case]:
    """Requests that end before they should: the caller has gone, so that there is nobody to answer."""
    (request,) = whole(VALID)
    assert isinstance(request, bytes)
    for _ in range(30):
        cut = dice.randrange(1, len(request) - 1)
        yield Case(name=f"cut at {cut}", pieces=[request[:cut]], statuses=BAD, silent=True, hangs_up=True)
    for _ in range(10):
        said = len(VALID) + dice.randrange(1, 1000)
        pieces = [head("POST", f"/topics/{TOPIC}", f"content-length: {said}") + VALID]
        yield Case(name=f"{said} bytes announced", pieces=pieces, statuses=BAD, silent=True, hangs_up=True)
        pieces = [head("POST", f"/topics/{TOPIC}", "transfer-encoding: chunked") + chunk(VALID)]
        yield Case(name="no last chunk", pieces=pieces, statuses=BAD, silent=True, hangs_up=True)


def slow(dice: random.Random) -> Iterator[Case]:
    """Requests that do not come to an end."""
    for number in range(12):
        said = len(VALID) + dice.randrange(1, 1000)
        start = head("POST", f"/topics/{TOPIC}", f"content-length: {said}")
        drops: list[Piece] = [piece for octet in VALID[:40] for piece in (bytes([octet]), 0.2)]
        pieces = [start, *drops] if number % 2 else [start + VALID]
        yield Case(name=f"slow body {number}", pieces=pieces, statuses=LATE)
        start = head("POST", f"/topics/{TOPIC}", "transfer-encoding: chunked")
        yield Case(name=f"slow chunks {number}", pieces=[start, b"5\r\n{", 0.5, b"\r\n"], statuses=LATE)
    for number in range(4):
        for field in ("transfer-encoding: chunked", "content-length: 5"):
            pieces = [head("POST", f"/topics/{TOPIC}", field)]
            yield Case(name=f"no body {number} {field}", pieces=pieces, statuses=LATE)
            drops = [chunk(b"{"), 1.0] * 10
            pieces = [head("POST", f"/topics/{TOPIC}", "transfer-encoding: chunked", known=False), *drops]
            yield Case(name=f"nobody is slow {number}", pieces=pieces, statuses=STRANGER)
    (request,) = whole(VALID)
    assert isinstance(request, bytes)
    for number in range(12):
        cut = dice.randrange(1, request.index(b"\r\n\r\n"))
        drops = [piece for octet in request[cut : cut + 40] for piece in (bytes([octet]), 0.4)]
        yield Case(name=f"slow head {number}", pieces=[request[:cut], *(drops if number % 2 else [])], statuses=LATE)


def framing(dice: random.Random) -> Iterator[Case]:
    """Bodies whose length is said wrongly, twice or in two ways, with another request in what is left over."""
    left_over = VALID + SMUGGLED_REQUEST
    size = len(VALID)
    lengths = (
        "-1",
        "+5",
        "0x10",
        "5 5",
        "5, 6",
        "1e2",
        "1.0",
        "9" * 30,
        "abc",
        "",
        " ",
        "5;",
        "٣",
        "0\x00",
        "''",
        "00x",
    )
    for text in lengths:
        pieces = [head("POST", f"/topics/{TOPIC}", f"content-length: {text}") + left_over]
        yield Case(name=f"content-length {text!r}", pieces=pieces, statuses=BAD | LARGE)
    doubles = [
        (f"content-length: {size}", f"content-length: {size}"),
        (f"content-length: {size}", f"content-length: {size + 5}"),
        (f"content-length: {size}", "content-length: 0"),
        ("content-length: 0", f"content-length: {size}"),
        (f"content-length: {size}, {size}",),
        (f"content-length: {size}", "transfer-encoding: chunked"),
        ("transfer-encoding: chunked", f"content-length: {size}"),
        ("content-length: 4", "Transfer-Encoding: chunked"),
        ("transfer-encoding: identity", f"content-length: {size}"),
        ("transfer-encoding: chunked", "transfer-encoding: identity"),
        ("transfer-encoding: chunked, identity",),
        ("transfer-encoding: identity, chunked",),
        ("transfer-encoding: xchunked",),
        ("transfer-encoding: chunked, chunked",),
        ("transfer-encoding: gzip, chunked",),
        ("transfer-encoding:\x0bchunked",),
        ("transfer-encoding : chunked", f"content-length: {size}"),
        (" transfer-encoding: chunked", f"content-length: {size}"),
        ("x: y\r\n transfer-encoding: chunked", f"content-length: {size}"),
        ("transfer-encoding\r\n: chunked", f"content-length: {size}"),
        (f"content-length : {size}",),
        (f"content_length: {size}",),
        (f"content-length\x00: {size}",),
        ("transfer-encoding: chunked\r", f"content-length: {size}"),
        ("x: y\ntransfer-encoding: chunked", f"content-length: {size}"),
        ("x: y\rtransfer-encoding: chunked", f"content-length: {size}"),
    ]
    for fields in doubles:
        for body in (left_over, chunk(VALID) + b"0\r\n\r\n" + SMUGGLED_REQUEST, b"0\r\n\r\n" + SMUGGLED_REQUEST):
            pieces = [head("POST", f"/topics/{TOPIC}", "connection: close", *fields) + body]
            # Where the body is understood after all, it must be one of the two, and the rest must not be a request.
            yield Case(
                name=f"framing {fields!r} {body[:5]!r}", pieces=pieces, statuses=EITHER | {200, 408, 501}, silent=True
            )
    start = head("POST", f"/topics/{TOPIC}", "transfer-encoding: chunked")
    for garbage in (
        b"x\r\n", b"-1\r\n", b"\r\n", b"0x5\r\nhello\r\n", b"FFFFFFFFFFFFFFFFF\r\n", b"5\nhello\n", b"5\r\nhello", b"5 \r\nhello\r\n",
        b"3\r\nhello\r\n", b"5\r\nhelloX\r\n", b"\x00\r\n", b"5;\r\x00\r\n", b"0\r\nx y\r\n\r\n", b"0\r\n: x\r\n\r\n", b"G\r\n", b"1_0\r\n",
    ):  # fmt: skip
        yield Case(
            name=f"chunks {garbage!r}",
            pieces=[start + garbage + SMUGGLED_REQUEST],
            statuses=EITHER | {408},
            silent=True,
        )
    for _ in range(20):
        garbage = dice.randbytes(dice.randint(1, 200))
        yield Case(
            name=f"random chunks {garbage!r}",
            pieces=[start + garbage],
            statuses=EITHER | {408},
            silent=True,
            hangs_up=True,
        )


def lines(dice: random.Random) -> Iterator[Case]:
    """Heads that are no HTTP, or hardly."""
    for method in ("PUT", "PATCH", "DELETE", "TRACE", "OPTIONS", "PROPFIND", "PURGE", "SEARCH", "LINK"):
        for target in (f"/topics/{TOPIC}", "/topics", "/"):
            yield Case(name=f"{method} {target}", pieces=[head(method, target)], statuses=frozenset({405}))
    for method in (
        "get",
        "Get",
        "GE T",
        "",
        " ",
        "GET\t",
        "G\x00T",
        "GÉT",
        "FOO",
        "POST" * 20,
        "{}",
        "HTTP/1.1",
        "PRI",
    ):
        yield Case(name=f"method {method!r}", pieces=[head(method)], statuses=frozenset({400, 405}), silent=True)
    yield Case(
        name="CONNECT", pieces=[head("CONNECT", "localhost:80")], statuses=frozenset({400, 404, 405}), silent=True
    )
    versions = (b"", b"HTTP/0.9", b"HTTP/1.2", b"HTTP/2.0", b"HTTP/3", b"HTTP/1.1.1", b"http/1.1", b"HTTP/11", b"HTTPS/1.1",
                b"HTTP/1.\xff", b"HTTP/-1.1", b"X", b"HTTP/1.1 x")  # fmt: skip
    for version in versions:
        pieces = [head("DELETE", "/topics", version=version)]
        yield Case(
            name=f"version {version!r}", pieces=pieces, statuses=frozenset({400, 405}), silent=True, hangs_up=True
        )
    for field in (
        b"no colon", b": no name", b"a b: c", b"a\x00b: c", b"a: b\x00c", b"a: b\rc", b"\xff: x", b"a\x7f: b", b"(a): b",
        b"a: b\r\n\tfolded", b"\x0ba: b", b'"a": b', b"a[0]: b", b"a: \x01\x02",
    ):  # fmt: skip
        pieces = [head("DELETE", "/topics", field)]
        yield Case(name=f"field {field!r}", pieces=pieces, statuses=frozenset({400, 405}), silent=True)
    for hello in (
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 200, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"SSH-2.0-x\r\n",
        b"\x00\x00\x00\x12\x00\x12\x00\x00\x00\x00\x00\x01\x00\x00", b"EHLO x\r\n", b"*1\r\n$4\r\nPING\r\n", b"\r\n\r\n\r\n\r\nx\r\n",
    ):  # fmt: skip
        yield Case(name=f"other protocol {hello[:12]!r}", pieces=[hello], statuses=BAD, silent=True, hangs_up=True)
    for _ in range(40):
        noise = dice.randbytes(dice.randint(1, 3000))
        yield Case(name=f"noise {noise[:12]!r}", pieces=[noise], statuses=BAD, silent=True, hangs_up=True)
    for fields in (
        ("upgrade: websocket", "connection: upgrade"),
        ("upgrade: websocket", "connection: upgrade", "sec-websocket-key: x", "sec-websocket-version: 13"),
        ("upgrade: websocket", "connection: upgrade", "sec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==", "sec-websocket-version: 1"),
        ("upgrade: h2c", "connection: upgrade, http2-settings", "http2-settings: AAMAAABkAAQCAAAAAAIAAAAA"),
        ("upgrade: TLS/1.0", "connection: upgrade"),
    ):  # fmt: skip
        for method in ("GET", "POST"):
            pieces = [head(method, "/nothing", *fields, "content-length: 0")]
            yield Case(name=f"{method} {fields!r}", pieces=pieces, statuses=frozenset({400, 404, 405, 426}), plain=True)
    pieces = [head("POST", f"/topics/{TOPIC}", "expect: 100-continue", f"content-length: {10**9}")]
    yield Case(name="expects to go on", pieces=pieces, statuses=LARGE)


def targets(dice: random.Random) -> Iterator[Case]:
    """Paths and queries."""
    for path in (
        "//topics", "/topics//", f"/topics/{TOPIC}//", "/topics/..", "/topics/%2e%2e", "/topics/../healthz",
        "/topics/..%2f..%2fetc%2fpasswd", "/topics/a/../../etc/passwd", "/topics/a%2fb", "/topics/%00", "/topics/a%00b",
        "/topics/%ff", "/topics/%c0%ae", "/topics/%", "/topics/%zz", "/topics/%u0041", "/topics/ä", "/topics/%20", "/topics/a b",
        "/topics/" + "a" * 250, "/topics/" + "%61" * 250, "/topics/a;b=c", "/topics/a:b", "/topics/*", "/topics/..;/", "/\\topics",
        "/topics/%e2%80%ae", "/topics/$%7bjndi:ldap://x%7d", "/topics/'%20OR%201=1", "/topics/<script>", "/topics/%0d%0aset-cookie:x",
        "/consumers/", "/consumers/%ff", "/consumers/g/instances/", "/consumers/g/instances/x%00", "/consumers/g/instances/..",
        "/consumers/g/instances/x@y@z/records", "/consumers/g/instances/x@127.0.0.1:22/records", "/.git/config", "/metrics", "/admin",
        "/topics/a/partitions/0/offsets/1", "/topics/a/b/c/d/e/f/g/h/i/j/k", "/" * 500, "/%2e%2e/%2e%2e", "*", "topics",
        "http://", "http:///x", "http://[::1", "https://evil.example.com/topics/../x", "localhost:80", "@", "/topics/[", "",
    ):  # fmt: skip
        for method in ("GET", "POST", "DELETE"):
            yield Case(
                name=f"{method} {path[:60]!r}",
                pieces=[head(method, path, "content-length: 0")],
                statuses=frozenset({400, 403, 404, 405, 415, 422}),
            )
    for number in ("-1", "x", "1.5", "99", "2147483648", "9" * 40, "%31%00", "+1", "0x0", "٣", "1e1", "%20"):
        path = f"/topics/{TOPIC}/partitions/{number}"
        yield Case(name=f"write to partition {number!r}", pieces=whole(VALID, target=path), statuses=NOWHERE)
        for end in ("", "/offsets"):
            yield Case(name=f"{end} of partition {number!r}", pieces=[head("GET", path + end)], statuses=NOWHERE)
    for query in (
        "async=maybe", "async=", "async=1", "async", "async=true&async=true", "ASYNC=true", "async=%ff", "unknown=1", "=", "a" * 5000,
        "&".join(f"p{number}=1" for number in range(200)), "%00=1", "async=true%00", "async=tr%75e&x=1", "\xff", "async[]=true",
    ):  # fmt: skip
        yield Case(name=f"query {query[:60]!r}", pieces=whole(VALID, target=f"/topics/{TOPIC}?{query}"), statuses=BAD)
        if not query.startswith("async"):
            yield Case(name=f"list with {query[:60]!r}", pieces=[head("GET", f"/topics?{query}")], statuses=BAD)


def content_types(dice: random.Random) -> Iterator[Case]:
    """Content types that are not those of records."""
    for kind in (
        None, "", " ", "text/plain", "text/html", "application/xml", "application/octet-stream", "multipart/form-data; boundary=x",
        "application/x-www-form-urlencoded", "application/vnd.kafka.avro.v2+json", "application/vnd.kafka.protobuf.v2+json",
        "application/vnd.kafka.jsonschema.v2+json", "application/vnd.kafka.json.v3+json", "application/vnd.kafka.json.v1+json", V2,
        "application", "/", ";", "json", "a" * 2000, "application/vnd.kafka.json.v2+json/x", "application/vnd.kafka.JSON.v2+jsonx",
    ):  # fmt: skip
        yield Case(name=f"content type {kind!r}", pieces=whole(VALID, kind=kind), statuses=frozenset({415}))


def credentials(dice: random.Random) -> Iterator[Case]:
    """Callers who are nobody."""

    def basic(text: bytes) -> bytes:
        return b"Basic " + base64.b64encode(text)

    said: list[bytes] = [
        b"", b" ", b"Basic", b"Basic ", b"basic  ", b"Basic ?", b"Basic A", b"Basic AAAA", b"Basic =", b"Bearer", b"Bearer x",
        b"Bearer a.b.c", b"Digest username=x", b"Negotiate YII=", b"Basic\x00cmVk", b"Basic cmVk cmVk", b"x" * 20_000, b"\xff\xfe",
        basic(b""), basic(b":"), basic(b"red"), basic(b"red:"), basic(b":password-of-red"), basic(b"\xff:\xff"), basic(b"red:\x00"),
        basic(b"red\x00:password-of-red"), basic(b"red:password-of-red\n"), basic(b"RED:password-of-red"), basic(b"a" * 8000 + b":b"),
        basic(b"red:" + b"b" * 8000), basic("röd:geheim".encode()), basic("rot:\U0001f511".encode()), basic(b"a=b,c=d:x"),
        basic(b"red,=2C:x"), basic(b"n,,n=red:x"), basic(b"../red:x"), basic(b"%s%s%n:x"), basic(b"red:password-of-red "),
    ]  # fmt: skip
    said += [
        basic(f"{dice.choice(['red', 'blue', 'admin', 'x'])}:{dice.randbytes(6).hex()}".encode()) for _ in range(12)
    ]
    for value in said:
        pieces = [head("GET", "/topics", b"authorization: " + value, known=False)]
        # Bytes that no field may have are refused before anybody asks who calls.
        yield Case(name=f"credentials {value[:40]!r}", pieces=pieces, statuses=STRANGER | BAD)
    for target in ("/topics", f"/topics/{TOPIC}", "/brokers"):
        yield Case(name=f"nobody at {target}", pieces=[head("GET", target, known=False)], statuses=STRANGER)
    again = AUTHORIZATION.strip().replace(b"cmVk", b"Ymx1")
    yield Case(name="two callers", pieces=[head("GET", "/topics?x=1", again)], statuses=STRANGER | BAD)
    for unasked in (whole(VALID, known=False), whole(b" " * 10_000, known=False)):
        yield Case(name="nobody writes", pieces=unasked, statuses=STRANGER)


def consumers(dice: random.Random) -> Iterator[Case]:
    """Bodies of the routes of consumer instances and of the administration."""
    anything: list[Any] = [
        None,
        True,
        0,
        "",
        "x",
        [],
        [1],
        {"x": 1},
        {"name": 1},
        {"name": ""},
        {"name": "a/b"},
        {"name": "x" * 300},
    ]
    anything += [{"format": "avro"}, {"format": 1}, {"auto.offset.reset": "never"}, {"enable.auto.commit": "maybe"}]
    anything += [
        {"fetch.min.bytes": "many"},
        {"fetch.min.bytes": -7},
        {"consumer.request.timeout.ms": -1},
        {"isolation.level": "x"},
    ]
    for value in anything:
        pieces = whole(json.dumps(value).encode(), target="/consumers/red-bad", kind=V2)
        yield Case(name=f"instance of {value!r}", pieces=pieces, statuses=EITHER)
    for path in ("subscription", "assignments", "positions", "positions/beginning", "positions/end", "offsets"):
        for body in (b"", b"{", b"[]", b'{"x":1}', b"\xff", b"null", b"[" * 10_000):
            pieces = whole(body, target=f"/consumers/red-bad/instances/absent/{path}", kind=V2)
            yield Case(name=f"{path} {body[:20]!r} of nothing", pieces=pieces, statuses=EITHER | {404, 415})
    commits: list[Any] = [
        {"metadata": "x" * 5000},
        {"metadata": "x" * 40_000},
        {"metadata": "\x00"},
        {"topic": "x" * 40_000},
    ]
    for value in commits:
        place = {"topic": TOPIC, "partition": 0, "offset": 0, **value}
        pieces = whole(
            json.dumps({"offsets": [place]}).encode(), target="/consumers/red-bad/instances/there/offsets", kind=V2
        )
        yield Case(name=f"commit {str(value)[:60]}", pieces=pieces, statuses=EITHER)
    for value in (None, [], {}, {"topic_name": 1}, {"topic_name": "a b"}, {"topic_name": "red-x", "partitions_count": -1}, {"x": 1},
                  {"topic_name": "red-x", "partitions_count": 10**9}, {"topic_name": "x" * 100_000}, {"topic_name": "\x00"}):  # fmt: skip
        pieces = whole(json.dumps(value).encode(), target="/admin/topics")
        yield Case(name=f"topic of {str(value)[:60]!r}", pieces=pieces, statuses=EITHER | {403})


def reads(dice: random.Random) -> Iterator[Case]:
    """Queries and headers of reads and streams."""
    queries = {
        f"/topics/{TOPIC}/records": ["from=", "from=x", "from=0:", "from=:0", "from=0:-1", "from=0:0,0:0", "from=0:0,,", "from=9:0"],
        f"/topics/{TOPIC}/partitions/0/records": ["offset=-1", "offset=x", "offset=1.5", "offset=" + "9" * 30, "offset=9223372036854775807"],
        f"/topics/{TOPIC}/stream": ["from=x", "from=9:0", "group=", "group=" + "g" * 300, "group=red&from=0:0", "batch=0", "format=xml",
                                    "heartbeat=0", "heartbeat=9999", "batch=x"],
    }  # fmt: skip
    common = [
        "x=1",
        "timeout=-1",
        "timeout=x",
        "timeout=1e9",
        "timeout=999999999",
        "max_bytes=0",
        "max_bytes=-1",
        "max_records=0",
        "%ff=1",
    ]
    for path, own in queries.items():
        for query in [*own, *([] if path.endswith("stream") else common)]:
            # Somewhere behind the end is 416, as a partition that is not there is 404.
            statuses = frozenset({400, 404, 416})
            yield Case(name=f"{path}?{query[:60]}", pieces=[head("GET", f"{path}?{query}")], statuses=statuses)
        for accept in ("text/html", "image/png", "application/vnd.kafka.avro.v2+json", "x", "a" * 3000):
            pieces = [head("GET", path, f"accept: {accept}")]
            yield Case(name=f"{path} as {accept[:40]}", pieces=pieces, statuses=frozenset({406}))
    for cursor in (
        "x",
        "0:x",
        "9:9",
        "-1:0",
        "0:-1",
        "0:" + "9" * 40,
        "0:1;0:2",
        "0:0," * 2000,
        "0:9223372036854775806",
    ):
        pieces = [head("GET", f"/topics/{TOPIC}/stream", f"last-event-id: {cursor}")]
        yield Case(name=f"goes on at {cursor[:40]!r}", pieces=pieces, statuses=frozenset({400, 404, 416}))
    for known in (True, False):
        for path in ("/topics/blue-x/stream", "/topics/red-absent/stream", f"/topics/{TOPIC}/stream?x=1", "/nothing"):
            fields = (
                "upgrade: websocket",
                "connection: upgrade",
                "sec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==",
                "sec-websocket-version: 13",
            )
            pieces = [head("GET", path, *fields, kind=None, known=known)]
            yield Case(name=f"WebSocket at {path}, {known}", pieces=pieces, statuses=frozenset({400, 401, 403, 404}))


def pipelined(dice: random.Random) -> Iterator[Case]:
    """Many requests at once on one connection: the first that is no HTTP ends it."""
    for number in range(6):
        bad = [whole(b"{", kind=dice.choice([JSON, TEXT, "text/plain"]))[0] for _ in range(100)]
        requests = b"".join(piece for piece in bad if isinstance(piece, bytes))
        yield Case(name=f"100 at once {number}", pieces=[requests], statuses=BAD | {415})
        noise = b"\x00\r\n\r\n"
        yield Case(name=f"100 at once and noise {number}", pieces=[requests + noise], statuses=BAD | {415}, silent=True)


KINDS: tuple[Callable[[random.Random], Iterator[Case]], ...] = (
    broken_json, encodings, wrong_types, too_much, truncated, slow, framing, lines, targets, content_types, credentials, consumers,
    reads, pipelined,
)  # fmt: skip


def generate(seed: int) -> list[Case]:
    """All cases, in an order that depends on the seed."""
    dice = random.Random(seed)
    cases = [case for kind in KINDS for case in kind(dice)]
    dice.shuffle(cases)
    return cases
