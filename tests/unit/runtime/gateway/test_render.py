"""Records as streams hand them out: what is compiled makes the same as Python does, or nothing."""

import json
import random
import shutil
import sysconfig
from pathlib import Path
from typing import Any

import msgspec
import pytest
from confluent_kafka import Message
from kafka_platform_runtime.gateway import render
from kafka_platform_runtime.gateway.formats import Format

if render.COMPILED:
    from kafka_platform_runtime.gateway._records import array, events

compiled = pytest.mark.skipif(not render.COMPILED, reason="there was no compiler when runtime/ was installed")
SIMPLE = [
    b"{}",
    b"[]",
    b"0",
    b"-1.5e+3",
    b'"text"',
    b"true",
    b"false",
    b"null",
    b' {"a" : [1, {"b":null}] }\t',
    b'"\\n\\\\"',
]
LEFT_TO_PYTHON = [b"1" * 1001, '"\u00e9"'.encode(), b'"\\u00e9"', b"[1,\n2]", b"{}\r", b"[" * 65 + b"]" * 65]
WRONG = [
    *(b"", b" ", b"{", b"}", b"[1,]", b"[,1]", b'{"a"}', b'{"a":}', b'{"a":1,}', b"{1:2}", b"01", b"-", b"1.", b".5"),
    *(b"1e", b"+1", b"nul", b"nulll", b"tru", b"1 2", b"[1}", b'{"a":1]', b'"', b'"\\"', b'"\\x"', b'"\t"', b"'a'"),
    *(
        b"\xff",
        b'"\xff"',
        b"NaN",
        b"Infinity",
        b"[1]]",
        b'"a"b',
        b"[]{}",
        b"\x00",
        b"1\x00",
        b'"\\\x00"',
        b"--1",
        b"-01",
    ),
]


def message(value: bytes | None, offset: int = 7, **others: Any) -> Message:
    """As a consumer hands it out."""
    return Message(**{"topic": "t", "partition": 3, "offset": offset, "value": value, "timestamp": (1, 9), **others})


@pytest.fixture
def in_python(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(render, "COMPILED", False)


def test_it_is_compiled_where_there_is_a_compiler() -> None:
    headers = Path(sysconfig.get_paths()["include"], "Python.h")
    if shutil.which("cc") is None or not headers.exists():
        pytest.skip("no compiler, or no headers of Python")
    assert render.COMPILED


@compiled
@pytest.mark.parametrize("value", SIMPLE)
def test_the_usual_case(value: bytes) -> None:
    positions = {3: 1, 4: 2}
    expected = b'[{"partition":3,"offset":7,"timestamp":9,"key":null,"value":' + value.strip() + b"}]"
    assert array([message(value)], positions) == expected
    assert positions == {3: 8, 4: 2}


@compiled
@pytest.mark.parametrize("value", LEFT_TO_PYTHON + WRONG)
def test_what_it_leaves(value: bytes) -> None:
    positions = {3: 1}
    assert array([message(b"{}"), message(value, 8)], positions) is None
    assert array([message(b"{}"), message(b"{}", 8, key=value)], positions) is None
    assert positions == {3: 1}


@compiled
def test_headers_and_what_is_no_message_are_left() -> None:
    positions: dict[int, int] = {}
    assert array([message(b"1", headers=[("a", b"b")])], positions) is None
    assert array([object()], positions) is None  # type: ignore[list-item]
    assert positions == {}
    with pytest.raises(TypeError, match="come as a sequence"):
        array(1, positions)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="positions as a dict"):
        array([], ())  # type: ignore[arg-type]


@compiled
def test_nothing_is_made_of_nothing() -> None:
    positions = {0: 1}
    assert array((), positions) == b"[]"
    assert positions == {0: 1}


@compiled
def test_keys_tombstones_numbers_and_partitions() -> None:
    messages = [
        message(None, 2**62, key=b'"k"', partition=2**31 - 1, timestamp=(1, 2**62)),
        message(b"1", 0, key=b"null", partition=0, timestamp=(0, -1)),
        message(b'"' + b"x" * 100_000 + b'"', 1, partition=0),
        message(b"2", 5, partition=1),
        message(b"3", 9, partition=0),
    ]
    positions = {1: 0}
    done = array(messages, positions)
    assert done is not None
    decoded = msgspec.json.decode(done)
    assert [each["offset"] for each in decoded] == [2**62, 0, 1, 5, 9]
    assert [each["key"] for each in decoded] == ["k", None, None, None, None]
    assert [each["timestamp"] for each in decoded] == [2**62, -1, 9, 9, 9]
    assert [each["value"] for each in decoded] == [None, 1, "x" * 100_000, 2, 3]
    assert positions == {2**31 - 1: 2**62 + 1, 0: 10, 1: 6}


@compiled
@pytest.mark.usefixtures("in_python")
def test_it_makes_the_same_as_python() -> None:
    """20,000 documents, most of them damaged: whatever is taken is the same JSON, and is JSON for others too."""
    chance = random.Random(20)
    taken = 0
    for _ in range(20_000):
        document = bytearray(chance.choice(SIMPLE[:-1]) if chance.random() < 0.2 else _document(chance))
        for _ in range(chance.choice((0, 0, 1, 2))):
            _damage(document, chance)
        value = bytes(document)
        messages = [message(b"{}", 6), message(value, 7)]
        positions, expected = {3: 0}, {3: 0}
        done = array(messages, positions)
        if done is None:
            continue
        taken += 1
        json.loads(value)
        body = render.frame(messages, expected, Format.JSON).encode()
        assert b'{"records":' + done + b',"cursor":"3:8"}' == body
        assert positions == expected
    assert 8_000 < taken < 18_000


@compiled
@pytest.mark.usefixtures("in_python")
def test_events_are_those_of_python() -> None:
    chance = random.Random(21)
    for count in (0, 1, 2, 3, 50, 500):
        places: dict[int, int] = {4: 17, 900: 0}
        messages = []
        for _ in range(count):
            partition = chance.choice((0, 1, 1, 1, 4, 12))
            places[partition] = places.get(partition, 0) + chance.randrange(1, 3)
            messages.append(message(_document(chance), places[partition], partition=partition))
        positions, expected = {4: 17, 900: 0}, {4: 17, 900: 0}
        done = events(messages, positions, render._around)
        assert done == (render.sse(messages, expected, Format.JSON, 1) if count else b"")
        assert positions == expected


@compiled
def test_events_are_made_whole_or_not_at_all() -> None:
    messages = [message(b"1"), message(b"2", 0, partition=4), message(b"{", 1, partition=4)]
    positions = {3: 0}
    assert events(messages, positions, render._around) is None
    with pytest.raises(ZeroDivisionError):
        events(messages, positions, lambda _, number: (b"", b"x" * (1 // (4 - number))))
    with pytest.raises(TypeError, match="two bytes objects"):
        events(messages, positions, lambda *_: ("a", "b"))  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="events\\(\\) takes"):
        events(messages, positions)  # type: ignore[call-arg]
    assert positions == {3: 0}


def _document(chance: random.Random, depth: int = 0) -> bytes:
    kind = chance.randrange(7 if depth < 4 else 5)
    if kind == 5:
        return b"[" + b",".join(_document(chance, depth + 1) for _ in range(chance.randrange(4))) + b"]"
    if kind == 6:
        parts = (_text(chance) + b":" + _document(chance, depth + 1) for _ in range(chance.randrange(4)))
        return b"{" + b", ".join(parts) + b"}"
    number = chance.choice((b"0", b"-12", b"3.25", b"1e5", b"-0.1E-7", str(chance.randrange(10**18)).encode()))
    return (_text(chance), _text(chance), number, b"true", b"null")[kind]


def _text(chance: random.Random) -> bytes:
    letters = [
        chance.choice((b"a", b" ", b"~", b"/", b"\x7f", b"\\n", b'\\"', b"\\\\")) for _ in range(chance.randrange(30))
    ]
    return b'"' + b"".join(letters) + b'"'


def _damage(document: bytearray, chance: random.Random) -> None:
    place = chance.randrange(len(document) + 1)
    what = chance.choice(b'{}[],:"\\ \t\n\r0123456789+-.eEtfnu\x00\x1f\x80\xc3\xffx')
    if chance.random() < 0.5 or place == len(document):
        document.insert(place, what)
    else:
        document[place] = what
