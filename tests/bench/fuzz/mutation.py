"""Bytes and JSON that are nearly right."""

import base64
import json
import random
from collections.abc import Callable
from typing import Any

TOKENS = (
    b"\0",
    b"\r\n",
    b"\n",
    b"\r",
    b" ",
    b"\t",
    b":",
    b"\x7f",
    b"\xff",
    b"%00",
    b"%2e%2e%2f",
    b"%",
    b"#",
    b"?",
    b"-1",
    b"\r\n\r\n",
    b"0\r\n\r\n",
    b"ffffffffffffffff\r\n",
    b"7fffffffffffffff\r\n",
    b"HTTP/1.1",
    b"HTTP/1.0",
    b"HTTP/2.0",
    b"\r\nContent-Length: 5",
    b"\r\nContent-Length: 99999999999999999999",
    b"\r\nContent-Length: -1",
    b"\r\nContent-Length: +5",
    b"\r\nTransfer-Encoding: chunked",
    b"\r\nTransfer-Encoding: gzip, chunked",
    b"\r\nTransfer-Encoding: identity",
    b"\r\nTransfer-Encoding : chunked",
    b"\r\nConnection: close",
    b"\r\nConnection: upgrade\r\nUpgrade: websocket",
    b"\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__",
    b"\r\nExpect: 100-continue",
    b"\r\nExpect: 200-ok",
    b"\r\nAuthorization: Basic AAAA",
    b"\r\nAuthorization:",
    b"\r\nContent-Type: application/json",
    b"\r\nContent-Encoding: gzip",
    b"\r\nRange: bytes=0-1",
    b"\r\n folded",
    b"\r\nx-gateway-hop: gateway-9\r\nx-gateway-creating: true",
    b"x" * 40_000,
    b"\r\ny: z" * 120,
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
)


def mutated(dice: random.Random, data: bytes) -> bytes:
    """The same with one to four changes."""
    mutant = bytearray(data)
    for _ in range(dice.randint(1, 4)):
        place = dice.randrange(len(mutant) + 1)
        end = place + dice.choice((1, 2, 5, 20, 200))
        action = dice.randrange(8)
        if action == 0:
            del mutant[place:end]
        elif action == 1:
            mutant[place:place] = dice.choice(TOKENS)
        elif action == 2:
            mutant[place:end] = dice.choice(TOKENS)
        elif action == 3 and place < len(mutant):
            mutant[place] ^= 1 << dice.randrange(8)
        elif action == 4:
            mutant[place:place] = mutant[place:end]
        elif action == 5:
            mutant[place:place] = bytes(dice.randrange(256) for _ in range(dice.choice((1, 3, 50))))
        elif action == 6 and dice.random() < 0.3:
            del mutant[place:]
        else:
            line = mutant.find(b"\r\n", place)
            if line >= 0:
                mutant[line:line] = dice.choice([each for each in TOKENS if each.startswith(b"\r\n")])
    return bytes(mutant) or b"\n"


RAW: tuple[Callable[[random.Random], bytes], ...] = (
    lambda _: b"null",
    lambda _: b"true",
    lambda _: b"-0",
    lambda _: b"1.0",
    lambda _: b"1e400",
    lambda _: b"-1e-400",
    lambda _: b"9223372036854775807",
    lambda _: b"9223372036854775808",
    lambda _: b"-9223372036854775809",
    lambda dice: b"1" * dice.choice((30, 400, 5000)),
    lambda _: b"NaN",
    lambda _: b"Infinity",
    lambda _: b'""',
    lambda _: rb'"\u0000"',
    lambda _: rb'"\ud800"',
    lambda _: rb'"\udfff\ud800"',
    lambda _: b'"\xff\xfe"',
    lambda _: b'"\xed\xa0\x80"',
    lambda _: b'"\xef\xbf\xbf"',
    lambda _: b'"AAA"',
    lambda _: b'"A==="',
    lambda _: b'"////"',
    lambda _: rb'"\/\b\f\n\r\t"',
    lambda _: rb'"\x41"',
    lambda dice: b'"' + b"x" * dice.choice((300, 70_000)) + b'"',
    lambda dice: b"[" * (depth := dice.choice((5, 500, 50_000))) + b"]" * depth,
    lambda dice: b'{"a":' * (depth := dice.choice((5, 500, 20_000))) + b"1" + b"}" * depth,
    lambda _: b"{}",
    lambda _: b"[]",
    lambda _: b'{"a":1,"a":2}',
    lambda _: b'{"":0}',
    lambda _: b"[,]",
    lambda _: b"'x'",
    lambda _: b"// c\n1",
    lambda _: b"2026-11-29",
    lambda dice: json.dumps(
        base64.b64encode(bytes(dice.randrange(256) for _ in range(dice.randint(0, 40)))).decode()
    ).encode(),
)
"""Values as they stand in the text, also some that JSON has not."""


def odd_json(dice: random.Random, valid: Any) -> bytes:
    """The text of a document with one to three odd values, names or repetitions in it, sometimes mutated once more."""
    slots: dict[str, bytes] = {}

    def odd() -> str:
        slot = f"@slot{len(slots)}@"
        slots[slot] = dice.choice(RAW)(dice)
        return slot

    document = json.loads(json.dumps(valid))
    for _ in range(dice.randint(1, 3)):
        document = _changed(dice, document, odd)
    text = json.dumps(document, ensure_ascii=dice.random() < 0.5).encode()
    for slot, raw in slots.items():
        text = text.replace(f'"{slot}"'.encode(), raw)
    if dice.random() < 0.2:
        text = dice.choice((b"\xef\xbb\xbf", b" \n\t", b"\0")) + text
    if dice.random() < 0.2:
        text = mutated(dice, text)
    return text


def _changed(dice: random.Random, value: Any, odd: Callable[[], str]) -> Any:
    if dice.random() < 0.2 or not isinstance(value, dict | list) or not value:
        return odd()
    if isinstance(value, list):
        place = dice.randrange(len(value))
        if dice.random() < 0.3:
            return value * dice.choice((2, 50))
        return [*value[:place], _changed(dice, value[place], odd), *value[place + 1 :]]
    name = dice.choice(list(value))
    which = dice.random()
    if which < 0.1:
        return {key: each for key, each in value.items() if key != name}
    if which < 0.2:
        return {**value, dice.choice(("unknown", "", "__proto__", "a\0b", name + " ")): odd()}
    return {**value, name: _changed(dice, value[name], odd)}
