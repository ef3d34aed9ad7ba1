"""How long Prometheus keeps metrics, and how much of its volume they may take. No Pulumi."""

from kafka_platform.values.units import milliseconds, quantity, volume

LEAST_RETENTION_MILLISECONDS = 7_200_000
"""Prometheus writes a block every two hours."""
_FULL = 0.85
"""Share of the volume at which Prometheus drops its oldest blocks; the rest is for its log and for compaction."""


def check_retention(retention: str) -> None:
    """Raises `ValueError` for a time shorter than a block."""
    if milliseconds(retention) < LEAST_RETENTION_MILLISECONDS:
        raise ValueError(f"{retention!r} is not a time that Prometheus keeps metrics for: use 2h or more, such as 10d")


def check_storage(storage: str) -> None:
    """Raises `ValueError` for a volume that is too small for the blocks and the log."""
    if volume(storage) < 2**30:
        raise ValueError(f"{storage} is too little for metrics: use at least 1Gi, such as 50Gi")


def retention_time(retention: str) -> str:
    """As Prometheus takes it, in one unit: it wants days before hours, and hours before minutes."""
    return f"{milliseconds(retention) // 60_000}m"


def retention_size(storage: str) -> str:
    """How many bytes of a volume of that size its blocks may take."""
    return f"{int(float(quantity(storage)) * _FULL)}B"
