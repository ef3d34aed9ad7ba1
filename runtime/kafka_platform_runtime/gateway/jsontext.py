"""JSON as it is accepted and handed out here: the one spelling of keys, and what most readers could not read."""

import json
import re
from itertools import accumulate

import msgspec
from msgspec import Raw

DEEPEST = 500
"""Nested objects and arrays. Most JSON readers stop at a thousand or so, and the response adds some around these."""
LONGEST_NUMBER = 1000
"""Characters of a number. Java's Jackson reads no more, and Python no integer of more than 4300."""
SHORTEST = 2 * DEEPEST
"""Documents up to this many bytes are always readable."""
_STRIDE = LONGEST_NUMBER // 4
_NUMBER = b"-+.0123456789eE"

_STRING = rb'"(?:[^"\\]++|\\.)*+"'
_TOKEN = re.compile(_STRING + rb"|[-0-9][-+.0-9eE]*+|[ \t\n\r]++")
_STRINGS = re.compile(_STRING)
_LONG = re.compile(b"[" + re.escape(_NUMBER) + b"]{4}")
_TO_RESPELL = re.compile(rb"[\\\xf0-\xf4]|[0-9][.eE]|-0")
"""Without any of these, only white space is left to remove."""
_BEYOND_16_BITS = re.compile("[\U00010000-\U0010ffff]")
_PARTS = re.compile(r"(-?)(\d+)(?:\.(\d+))?(?:[eE]([-+]?\d+))?")
_NO_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
_STEPS = {ord("["): 1, ord("{"): 1, ord("]"): -1, ord("}"): -1}
_ESCAPES = str.maketrans(
    {chr(code): f"\\u{code:04X}" for code in range(32)}
    | {"\b": "\\b", "\t": "\\t", "\n": "\\n", "\f": "\\f", "\r": "\\r", '"': '\\"', "\\": "\\\\"}
)


def canonical(key: bytes) -> bytes:
    """The one spelling of a JSON key: everybody who writes the same key gets the same partition.

    It is that of Confluent's REST Proxy and Strimzi's bridge, which parse a key and rewrite it with Jackson: without
    white space, with no more escapes than JSON needs (plus those of characters beyond 16 bits, which Jackson writes as
    two), and numbers with a point or an exponent as Java writes them. Integers, every digit of the others and the order
    of members stay as they are.
    """
    if key[0] == ord('"') and b"\\" not in key and key.isascii():  # as most keys are
        return key
    if _TO_RESPELL.search(key) is None:
        return msgspec.json.format(key, indent=-1) if key[0] in b"{[" else key
    return _TOKEN.sub(_respelled, key)


def _respelled(found: re.Match[bytes]) -> bytes:
    token = found[0]
    if token[0] == ord('"'):
        text = json.loads(token).translate(_ESCAPES)
        return f'"{_BEYOND_16_BITS.sub(_as_surrogates, text)}"'.encode()
    return b"" if token.isspace() else _number(token)


def _as_surrogates(found: re.Match[str]) -> str:
    return json.dumps(found[0]).upper().replace("\\U", "\\u")[1:-1]


def _number(token: bytes) -> bytes:
    parts = _PARTS.fullmatch(token.decode())
    if parts is None or (parts[3] is None and parts[4] is None):
        return b"0" if token == b"-0" else token
    sign, fraction = parts[1], parts[3] or ""
    digits = (parts[2] + fraction).lstrip("0")
    if not digits:
        return f"{sign}0.0".encode()
    power = int(parts[4] or 0) - len(fraction) + len(digits) - 1  # power of ten of the first digit
    digits = digits.rstrip("0")
    if not -3 <= power < 7:
        return f"{sign}{digits[0]}.{digits[1:] or '0'}E{power}".encode()
    if power < 0:
        return f"{sign}0.{'0' * (-power - 1)}{digits}".encode()
    digits = digits.ljust(power + 1, "0")
    return f"{sign}{digits[: power + 1]}.{digits[power + 1 :] or '0'}".encode()


def why_unreadable(text: bytes | Raw) -> str | None:
    """Why many readers could not read this JSON document, as the end of a sentence; None if they can."""
    if len(text) <= SHORTEST or not suspicious(text, DEEPEST):
        return None
    text = bytes(text)
    if _depth(text) > DEEPEST:
        return f"is nested more than {DEEPEST} deep"
    if any(len(found[0]) > LONGEST_NUMBER and found[0][0] in _NUMBER for found in _TOKEN.finditer(text)):
        return f"has a number of more than {LONGEST_NUMBER} characters"
    return None


def _depth(text: bytes) -> int:
    """How deeply objects and arrays are nested."""
    steps = map(_STEPS.__getitem__, _STRINGS.sub(b"", text).translate(None, _NO_BRACKETS))
    return max(accumulate(steps), default=0)


def _suspicious(text: bytes | Raw, deepest: int) -> bool:
    """Whether to look closer: a number that is too long has four of these positions in a row."""
    text = bytes(text)
    return _LONG.search(text[::_STRIDE]) is not None or (
        text.count(b"[") + text.count(b"{") > deepest and _depth(text) > deepest
    )


try:
    from kafka_platform_runtime.gateway._records import suspicious as suspicious
except ImportError:
    suspicious = _suspicious
