"""What a caller can request when creating an instance."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from kafka_platform_runtime.gateway.consumers.bodies import Creation
from kafka_platform_runtime.gateway.errors import unprocessable
from kafka_platform_runtime.gateway.formats import PLAIN, Format

MOST_MIN_BYTES = 10_000_000

_RESETS = {"earliest": "earliest", "latest": "latest", "none": "error"}
_ISOLATIONS = frozenset({"read_uncommitted", "read_committed"})
_WITH_SCHEMAS = frozenset(each.value for each in Format if each.has_schema)


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What the caller requested when creating the instance.

    Args:
        format: how keys and values are handed out.
        reset: where to start without a committed offset: earliest, latest or error.
        auto_commit: whether what was handed out is committed when the caller comes back.
        min_bytes: how much Kafka gathers before it answers a fetch (at most half a second).
        isolation: read_uncommitted or read_committed.
        wait_seconds: how long a read waits by default; None: the gateway's default.
        prepare: makes known the schemas of keys and values before they are handed out, in the thread that calls it; None if
            the format has none.
    """

    format: Format
    reset: str
    auto_commit: bool
    min_bytes: int
    isolation: str
    wait_seconds: float | None
    prepare: Callable[[Sequence[bytes | None]], None] | None = None


def options_of(
    wanted: Creation, longest: float, prepare: Callable[[Sequence[bytes | None]], None] | None = None
) -> Options:
    """The options, with defaults for what is not given.

    Args:
        wanted: the request.
        longest: seconds that a read may wait.
        prepare: makes known the schemas of keys and values; None: there is no schema registry.

    Raises:
        GatewayError: one of them is unknown or out of bounds.
    """
    name = ("binary" if wanted.format is None else wanted.format).lower()
    forms = PLAIN if prepare is None else tuple(Format)
    if name not in {each.value for each in forms}:
        lacking = name in _WITH_SCHEMAS and prepare is None
        why = "needs a schema registry, which the gateway does not have" if lacking else "is not known"
        raise unprocessable(f"format: {name[:50]!r} {why}: use {', '.join(forms)}.")
    reset = ("latest" if wanted.auto_offset_reset is None else wanted.auto_offset_reset).lower()
    if reset not in _RESETS:
        raise unprocessable(f"auto.offset.reset: {reset[:50]!r} is not known: use {', '.join(_RESETS)}.")
    isolation = ("read_uncommitted" if wanted.isolation_level is None else wanted.isolation_level).lower()
    if isolation not in _ISOLATIONS:
        raise unprocessable(
            f"isolation.level: {isolation[:50]!r} is not known: use read_uncommitted or read_committed."
        )
    commit = wanted.enable_auto_commit if wanted.enable_auto_commit is not None else wanted.auto_commit_enable
    if isinstance(commit, str):
        if commit.lower() not in {"true", "false"}:
            raise unprocessable(f"enable.auto.commit: {commit[:50]!r} must be true or false.")
        commit = commit.lower() == "true"
    least = _integer("fetch.min.bytes", wanted.fetch_min_bytes, -1, MOST_MIN_BYTES)
    wait = _integer("consumer.request.timeout.ms", wanted.request_timeout, 0, 2**31 - 1)
    return Options(
        format=Format(name),
        reset=_RESETS[reset],
        auto_commit=True if commit is None else commit,
        min_bytes=max(least or 1, 1),
        isolation=isolation,
        wait_seconds=None if wait is None else min(wait / 1000, longest),
        prepare=prepare if Format(name).has_schema else None,
    )


def _integer(name: str, value: int | str | None, least: int, most: int) -> int | None:
    if isinstance(value, str):
        if not re.fullmatch(r"-?[0-9]{1,10}", value):
            raise unprocessable(f"{name}: {value[:50]!r} is not a whole number.")
        value = int(value)
    if value is not None and not least <= value <= most:
        raise unprocessable(f"{name}: must be from {least} to {most}.")
    return value
