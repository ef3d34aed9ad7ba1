"""Topic patterns, as regular expressions that the C library of Kafka's client accepts."""

import re

from kafka_platform_runtime.gateway.errors import GatewayError, unprocessable

_LAZY = re.compile(r"([*+?])[?+]")
_PIECE = re.compile(r"\\[dDwWsS.*+?()\[\]|^$_-]|[^\\{}]")
_CLASSES = {r"\d": "[0-9]", r"\D": "[^0-9]", r"\-": "-", r"\_": "_"}
_CLASSES_IN_BRACKETS = {r"\d": "0-9", r"\w": "A-Za-z0-9_", r"\.": ".", r"\_": "_"}
_LONGEST_PATTERN = 500


def expression(pattern: str) -> str:
    """A topic pattern for librdkafka: a POSIX expression that matches the whole name.

    Counts in braces and back-references are refused: the C library needs unbounded memory and time for some.

    Raises:
        GatewayError: it uses something unsupported.
    """
    if len(pattern) > _LONGEST_PATTERN or "(?" in pattern:
        raise wrong_pattern(pattern)
    pieces = _PIECE.findall(_LAZY.sub(r"\1", pattern))
    if "".join(pieces) != _LAZY.sub(r"\1", pattern) or any(not " " <= each <= "~" for each in pattern):
        raise wrong_pattern(pattern)
    parts: list[str] = []
    dash, in_brackets = "", False
    for piece in pieces:
        if not in_brackets:
            in_brackets = piece == "["
            parts.append(_CLASSES.get(piece, piece))
        elif piece == "]":
            # An escaped dash goes where POSIX takes it literally.
            parts.append(dash + "]")
            dash, in_brackets = "", False
        elif piece == r"\-":
            dash = "-"
        elif piece == "[" or (piece.startswith("\\") and piece not in _CLASSES_IN_BRACKETS):
            raise wrong_pattern(pattern)
        else:
            parts.append(_CLASSES_IN_BRACKETS.get(piece, piece))
    return "^(" + "".join(parts) + ")$"


def wrong_pattern(pattern: str) -> GatewayError:
    """The C library cannot use this pattern, or should not."""
    return unprocessable(
        f"topic_pattern {pattern[:50]!r}: is not a regular expression that can be used here: literals, '.', classes in "
        r"brackets, \d \w \s, groups, '|', '*', '+' and '?', at most 500 characters."
    )
