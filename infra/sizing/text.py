"""Sizes as stack files have them."""

import math


def storage(size: float) -> str:
    """Bytes rounded up to a size such as `600Gi`, with three digits at most."""
    for unit, factor in (("Ti", 2**40), ("Gi", 2**30)):
        if size >= factor:
            return f"{_rounded(size / factor)}{unit}"
    return f"{_rounded(max(size / 2**20, 1))}Mi"


def _rounded(number: float) -> str:
    """Up, to two digits that count."""
    step = 10.0 ** (math.floor(math.log10(number)) - 1)
    return f"{round(math.ceil(round(number / step, 6)) * step, 2):g}"
