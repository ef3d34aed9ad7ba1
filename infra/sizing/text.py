"""Sizes as stack files have them."""

import math


def storage(size: float) -> str:
    """Bytes rounded up to a size such as `600Gi`, with three digits at most."""
    for unit, factor in (("Ti", 2**40), ("Gi", 2**30)):
        if size >= factor:
            return f"{_rounded(size / factor)}{unit}"
    return f"{_rounded(max(size / 2**20, 1))}Mi"


def rate(size: float) -> str:
    """Bytes a second, such as `3.75 MB/s`, with three digits that count."""
    for unit, factor in (("GB/s", 10**9), ("MB/s", 10**6)):
        if size >= factor:
            return f"{size / factor:,.3g} {unit}"
    return f"{size / 1000:,.3g} kB/s"


def counted(number: int, what: str) -> str:
    """Such as `1 pod` and `1,500 pods`; `what` is one of them."""
    plural = f"{what[:-1]}ies" if what.endswith("y") else f"{what}s"
    return f"{number:,} {what if number == 1 else plural}"


def _rounded(number: float) -> str:
    """Up, to two digits that count."""
    step = 10.0 ** (math.floor(math.log10(number)) - 1)
    return f"{round(math.ceil(round(number / step, 6)) * step, 2):g}"
