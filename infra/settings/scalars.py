"""How Pulumi's engine reads unquoted text in a stack file. Pure functions.

The engine reads YAML with Go's gopkg.in/yaml.v3 and hands it on as JSON; a test compares this module with the engine itself.
"""

import math
import re
from datetime import datetime

Scalar = None | bool | int | float | str

_WORDS: dict[str, Scalar] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **{sign + word: float(f"{sign}inf") for sign in ("", "+", "-") for word in (".inf", ".Inf", ".INF")},
    **dict.fromkeys((".nan", ".NaN", ".NAN"), math.nan),
}
_BASES = {"0x": 16, "0o": 8, "0b": 2}
_PREFIXED = re.compile(r"([-+]?)(0[xob])([0-9a-f]+)", re.IGNORECASE)
_DECIMAL = re.compile(r"[-+]?[0-9]+")
# The sign behind the prefix is a slip of the engine's reader.
_SIGN_INSIDE = re.compile(r"0(?:b[-+][01]+|o[-+][0-7]+)")
_POINT_FIRST = re.compile(r"\.[0-9]+(_[0-9]+)*([eE][-+]?[0-9]+(_[0-9]+)*)?")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_TIME = re.compile(
    r"([0-9]{4})-([0-9]{1,2})-([0-9]{1,2})"
    r"(?:(?P<separator>[Tt ])([0-9]{1,2}):([0-9]{1,2}):([0-9]{1,2})(?P<fraction>[.,][0-9]+)?(?P<zone>Z|[-+][0-9]{2}:[0-9]{2})?)?"
)
_FIXED = re.compile(r"-?(0|[1-9][0-9]*)\.[0-9]*[1-9]")
_LEAST_INT, _MOST_INT = -(2**63), 2**63 - 1
# Longer than any number of 64 bits however it is spelled, so that no time goes into numbers of thousands of digits.
_LONGEST_NUMBER = 400


def engine_reads(text: str) -> Scalar:
    """What the engine makes of a value without quotes: `0123` is 83, `1.10` is 1.1, 2024-01-01 a text with a time of day."""
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in "+-.0123456789":
        return text
    time = _time(text)
    if time is not None:
        return time
    number = _number(text if text[0] == "." and not _POINT_FIRST.fullmatch(text) else text.replace("_", ""))
    return text if number is None else number


def _number(text: str) -> int | float | None:
    if len(text) > _LONGEST_NUMBER:
        return None
    whole = _whole(text)
    if whole is not None and _LEAST_INT <= whole <= _MOST_INT:
        return whole
    if not _FLOAT.fullmatch(text):
        # Beyond 63 bits the engine passes numbers through 64-bit floats, beyond 64 bits it takes 0x, 0o and 0b for text.
        return float(whole) if whole is not None and 0 <= whole < 2**64 else None
    made = float(text)
    if not math.isfinite(made):
        return None
    # JSON has one kind of number: 1e3 is handed on as 1000.
    return int(made) if made.is_integer() and abs(made) < 2**63 else made


def _whole(text: str) -> int | None:
    if _SIGN_INSIDE.fullmatch(text):
        text = text[2] + text[:2] + text[3:]
    prefixed = _PREFIXED.fullmatch(text)
    try:
        if prefixed:
            return int(prefixed[1] + prefixed[3], _BASES[prefixed[2].lower()])
        if not _DECIMAL.fullmatch(text):
            return None
        digits = text.lstrip("+-")
        return int(text, 8 if len(digits) > 1 and digits[0] == "0" else 10)
    except ValueError:
        return None


def _time(text: str) -> str | None:
    match = _TIME.fullmatch(text)
    if match is None or (match["separator"] in ("T", "t")) != (match["zone"] is not None):
        return None
    year, month, day, hour, minute, second = (int(match[group] or 0) for group in (1, 2, 3, 5, 6, 7))
    zone = match["zone"]
    try:
        # Python has no year 0, which is a leap year like the year 4.
        datetime(year or 4, month, day, hour, minute, second)
    except ValueError:
        return None
    fraction = (match["fraction"] or "")[1:10].rstrip("0")
    offset = "+0000 UTC" if zone in (None, "Z", "+00:00", "-00:00") else f"{zone.replace(':', '')} " * 2
    return (
        f"{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}"
        f"{'.' + fraction if fraction else ''} {offset.strip()}"
    )


def unlike(text: str, *, key: bool) -> str | None:
    """What is wrong with a text that has no quotes, and how to fix it: where the engine reads something else than is written.

    Args:
        text: what is written.
        key: whether it is the key of a mapping, which is always a text.
    """
    read = engine_reads(text)
    if isinstance(read, float) and not math.isfinite(read):
        return f"{text} is no number that Pulumi can hand over: write another one, or put it in quotes"
    looks_like_number = _FLOAT.fullmatch(text) is not None
    if looks_like_number and (isinstance(read, str) or (isinstance(read, float) and abs(read) >= 2**63)):
        return f"{_short(text)} is too large for a number: use a smaller one, or put it in quotes"
    if isinstance(read, str):
        shown, is_alike = read, read == text
    elif read is None:
        shown, is_alike = "<nil>", not key
    elif isinstance(read, bool):
        shown = str(read).lower()
        is_alike = shown == text
    else:
        shown = repr(read)
        is_alike = shown == text and (isinstance(read, int) or _FIXED.fullmatch(text) is not None)
    if is_alike:
        return None
    other = "" if key or read is None or isinstance(read, str) or shown == text else f", or write {shown}"
    return f"{_short(text) or 'nothing'} has no quotes, and Pulumi reads {_short(shown)}: put it in quotes{other}"


def _short(text: str) -> str:
    return text if len(text) <= 40 else f"{text[:40]}..."
