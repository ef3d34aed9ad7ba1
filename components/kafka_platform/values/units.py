"""Quantities as people write them: durations, sizes, rates. Pure functions, no Pulumi.

Every parser raises `ValueError` with one sentence that names the value and what to write instead.
"""

import re
from decimal import Decimal

LONGEST_DAYS = 36_500
"""Days of a duration: a hundred years, so that sums of durations stay far below Kafka's 64 bits of milliseconds."""
LARGEST = 2**60
"""Bytes of a size, or a second of a rate (1024Pi): sums of them stay below 64 bits."""
MOST_CORES = 1024
LARGEST_MEMORY = 2**46
"""Bytes of one pod's memory (64Ti): more than any machine has."""
LARGEST_VOLUME = 2**50
"""Bytes of one volume (1024Ti): more than any cloud offers."""

LONGEST_TEXT = 40
"""Characters of a quantity that a message shows."""

_DURATION = re.compile(r"(\d{1,15})(ms|s|m|h|d)")
_MILLISECONDS = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}

_SIZE = re.compile(r"(\d{1,19}(?:\.\d{1,9})?)(B|kB|MB|GB|TB|Ki|Mi|Gi|Ti|Pi|KiB|MiB|GiB|TiB|PiB)?")
_BYTES = {
    "B": 1,
    "kB": 10**3,
    "MB": 10**6,
    "GB": 10**9,
    "TB": 10**12,
    "Ki": 2**10,
    "Mi": 2**20,
    "Gi": 2**30,
    "Ti": 2**40,
    "Pi": 2**50,
}

# https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/ (without exponents)
_PERCENT = re.compile(r"(\d{1,2})%")
_QUANTITY = re.compile(r"(\d{1,19}(?:\.\d{1,9})?)(m|k|M|G|T|P|Ki|Mi|Gi|Ti|Pi)?")
_QUANTITY_FACTORS = {
    "": Decimal(1),
    "m": Decimal("0.001"),
    "k": Decimal(10**3),
    "M": Decimal(10**6),
    "G": Decimal(10**9),
    "T": Decimal(10**12),
    "P": Decimal(10**15),
    "Ki": Decimal(2**10),
    "Mi": Decimal(2**20),
    "Gi": Decimal(2**30),
    "Ti": Decimal(2**40),
    "Pi": Decimal(2**50),
}


def _short(text: str) -> str:
    return text if len(text) <= LONGEST_TEXT else f"{text[:LONGEST_TEXT]}..."


def milliseconds(text: str) -> int:
    """A duration such as `500ms`, `10s`, `7d` or `1d12h` in milliseconds; `forever` is Kafka's -1."""
    if text == "forever":
        return -1
    if text == "-1":
        raise ValueError(f"{text!r} is not a duration: write forever, which is Kafka's -1")
    if re.fullmatch(r"(\d+(ms|s|m|h|d))+", text) and re.search(r"\d{16}", text):
        raise ValueError(f"{_short(text)!r} is out of range: use up to {LONGEST_DAYS}d")
    parts = _DURATION.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise ValueError(f"{text!r} is not a duration: write a number with ms, s, m, h or d, such as 10s, 7d or 1d12h")
    made = sum(int(number) * _MILLISECONDS[unit] for number, unit in parts)
    if made > LONGEST_DAYS * _MILLISECONDS["d"]:
        raise ValueError(f"{text!r} is out of range: use up to {LONGEST_DAYS}d")
    return made


def seconds(text: str) -> int | float:
    """A duration in seconds, whole ones as an integer."""
    value = milliseconds(text) / 1000
    return int(value) if value.is_integer() else value


def whole_seconds(text: str) -> int:
    """A duration in seconds, rounded down."""
    return milliseconds(text) // 1000


def size_bytes(text: str) -> int:
    """A size such as `1MB` (10^6), `512Mi` or `1GiB` in bytes; `unlimited` is Kafka's -1."""
    if text == "unlimited":
        return -1
    if text == "-1":
        raise ValueError(f"{text!r} is not a size: write unlimited, which is Kafka's -1")
    if re.fullmatch(r"\d{20,}.*", text):
        raise ValueError(f"{_short(text)!r} is out of range: use up to 1024Pi")
    match = _SIZE.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is not a size: write a number with kB, MB, GB, TB, Ki, Mi, Gi or Ti, such as 512Mi")
    unit = match[2] or "B"
    made = int(Decimal(match[1]) * _BYTES[unit if unit in _BYTES else unit.removesuffix("B")])
    if made > LARGEST:
        raise ValueError(f"{text!r} is out of range: use up to 1024Pi")
    return made


def bytes_per_second(text: str) -> int:
    """A rate such as `20MB/s` or `512KiB/s` in bytes per second."""
    if not text.endswith("/s"):
        raise ValueError(f"{text!r} is not a rate: write a size per second, such as 20MB/s")
    rate = size_bytes(text.removesuffix("/s"))
    if rate <= 0:
        raise ValueError(f"{text!r} is not a rate: write a rate above zero, such as 20MB/s")
    return rate


def percent(text: str) -> int:
    """A share such as `70%` as 70."""
    match = _PERCENT.fullmatch(text)
    if match is None or not int(match[1]):
        raise ValueError(f"{text!r} is not a share: write 1% to 99%, such as 70%")
    return int(match[1])


def quantity(text: str) -> Decimal:
    """A Kubernetes quantity such as `500m`, `2`, `10Gi` as a number (cores, or bytes)."""
    if re.fullmatch(r"\d{20,}.*", text):
        raise ValueError(f"{_short(text)!r} is out of range: use up to 1024Pi")
    match = _QUANTITY.fullmatch(text)
    if match is None:
        raise ValueError(
            f"{text!r} is not a Kubernetes quantity: write a number with m, k, M, G, T, Ki, Mi, Gi or Ti, such as 10Gi"
        )
    made = Decimal(match[1]) * _QUANTITY_FACTORS[match[2] or ""]
    if made > LARGEST:
        raise ValueError(f"{text!r} is out of range: use up to 1024Pi")
    return made


def cores(text: str) -> Decimal:
    """A number of cores, such as `500m` or `2`."""
    made = quantity(text)
    if not 0 < made <= MOST_CORES:
        raise ValueError(f"{text!r} is out of range: use 1m to {MOST_CORES}")
    return made


def memory(text: str) -> Decimal:
    """The memory of a pod, such as `1Gi`, in bytes."""
    made = quantity(text)
    if made > LARGEST_MEMORY:
        raise ValueError(f"{text!r} is out of range: use up to 64Ti")
    return made


def volume(text: str) -> Decimal:
    """The size of a volume, such as `100Gi`, in bytes."""
    made = quantity(text)
    if made > LARGEST_VOLUME:
        raise ValueError(f"{text!r} is out of range: use up to 1024Ti")
    return made
