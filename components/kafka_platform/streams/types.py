"""Types of columns, as Flink's SQL writes them. No Pulumi."""

import re

_SIMPLE = re.compile(
    r"(STRING|BOOLEAN|TINYINT|SMALLINT|INT|BIGINT|FLOAT|DOUBLE|DATE|BYTES"
    r"|TIME\(0\)|TIMESTAMP\([0-3]\)|TIMESTAMP_LTZ\([0-3]\)|DECIMAL\([1-9]\d?,\s?\d{1,2}\))"
)
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")
_FIELD = re.compile(rf"{_NAME.pattern}|`{_NAME.pattern}`")
NOT_NULL = " NOT NULL"
"""What ends the type of a column that every record has."""
_DEEPEST = 10
TIMES = re.compile(r"BIGINT|TIMESTAMP\(3\)|TIMESTAMP_LTZ\(3\)")
"""What the time of a record may be: milliseconds since 1970, or a point in time."""


def check_column(name: str) -> None:
    """Raises unless it is a name that a column can have."""
    if not _NAME.fullmatch(name):
        raise ValueError(
            f"{name[:60]!r} is not a column: use letters, digits and _, beginning with a letter, such as order_id"
        )


def check_type(text: str) -> None:
    """Raises unless it is a type of Flink's SQL, and nothing else: it becomes part of a statement."""
    rest = _type(text.strip(), 0)
    if rest is None or rest.strip():
        raise ValueError(
            f"{text[:60]!r} is not a type: write one of STRING, BOOLEAN, INT, BIGINT, DOUBLE, DECIMAL(10, 2), DATE, TIMESTAMP(3), "
            "TIMESTAMP_LTZ(3), BYTES, ARRAY<...>, MAP<..., ...> or ROW<name type, ...>"
        )


def _type(text: str, depth: int) -> str | None:
    """What follows the type that the text begins with; None if it begins with none."""
    found = _SIMPLE.match(text)
    if found is not None:
        return text[found.end() :]
    if depth == _DEEPEST:
        return None
    for word, parts in (("ARRAY", 1), ("MAP", 2), ("ROW", 0)):
        if text.startswith(f"{word}<"):
            return _parts(text[len(word) + 1 :], parts, depth)
    return None


def _parts(text: str, parts: int, depth: int) -> str | None:
    """What follows the closing bracket after so many types; 0: names and types."""
    count = 0
    while True:
        text = text.lstrip()
        if parts == 0:
            found = _FIELD.match(text)
            if found is None or not text[found.end() :].startswith(" "):
                return None
            text = text[found.end() :].lstrip()
        rest = _type(text, depth + 1)
        if rest is None:
            return None
        text, count = rest.lstrip(), count + 1
        if text.startswith(">"):
            return text[1:] if parts in (0, count) else None
        if not text.startswith(",") or count == parts:
            return None
        text = text[1:]
