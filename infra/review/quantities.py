"""Numbers as people write them."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from kafka_platform.values.units import quantity

_DURATIONS = (("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000))
_BINARY = (("Pi", 2**50), ("Ti", 2**40), ("Gi", 2**30), ("Mi", 2**20), ("Ki", 2**10))
_METRIC = (("TB", 10**12), ("GB", 10**9), ("MB", 10**6), ("kB", 10**3))


def duration(milliseconds: int) -> str:
    """`30d`, `1d12h`, `forever`."""
    if milliseconds < 0:
        return "forever"
    text, rest = "", milliseconds
    for unit, length in _DURATIONS:
        count, rest = divmod(rest, length)
        text += f"{count}{unit}" if count else ""
    return text + (f"{rest}ms" if rest or not text else "")


def size(amount: int) -> str:
    """`10Gi`, `20MB`, `unlimited`: the largest unit in which it is a whole number."""
    if amount < 0:
        return "unlimited"
    for unit, factor in sorted((*_BINARY, *_METRIC), key=lambda each: -each[1]):
        if amount >= factor and amount % factor == 0:
            return f"{amount // factor}{unit}"
    return f"{amount} bytes"


def amount(value: Any) -> Decimal:
    """A Kubernetes quantity as a number; 0 if it is none."""
    try:
        return quantity(str(value))
    except ValueError:
        return Decimal(0)


def cores(value: Decimal) -> str:
    """`500m CPU`, `16 CPU`."""
    return f"{_plain(value)} CPU" if value == value.to_integral_value() else f"{int(value * 1000)}m CPU"


def storage(value: Decimal) -> str:
    """`2Ti`, `1.5Gi`: the largest binary unit."""
    for unit, factor in _BINARY:
        if abs(value) >= factor:
            return f"{_plain(round(value / factor, 1))}{unit}"
    return _plain(value)


def _plain(value: Decimal) -> str:
    return f"{value.normalize():f}"


def names(values: Iterable[str], most: int | None = None) -> str:
    """Names as code, joined with commas; beyond `most`, how many more there are."""
    shown = list(values)
    cut = shown if most is None or len(shown) <= most else shown[:most]
    more = f" and {len(shown) - len(cut):,} more" if len(cut) < len(shown) else ""
    return ", ".join(code(each) for each in cut) + more


def code(text: str) -> str:
    """A text that Markdown shows as it is, on one line."""
    return "`" + " ".join(text.replace("`", "'").split())[:200] + "`"
