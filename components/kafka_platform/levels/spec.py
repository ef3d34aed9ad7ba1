"""The specs of service levels. No Pulumi."""

import re
from collections.abc import Sequence
from dataclasses import MISSING, dataclass
from decimal import Decimal

from kafka_platform.values.form import OBJECTIVE
from kafka_platform.values.forms import Spec, duration, formed, named, names
from kafka_platform.values.free_maps import check_text

_OBJECTIVE = re.compile(r"([5-9]\d(\.\d{1,4})?)%")
_LEVEL = re.compile(r"[a-z][a-z0-9-]{0,39}")


def objective(text: str) -> Decimal:
    """A share such as `99.9%` as 0.999. Raises `ValueError` if it is too high to meet or too low to be useful."""
    match = _OBJECTIVE.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is not an objective: write 50% to 99.9999%, such as 99.9%")
    return Decimal(match[1]) / 100


def check_level(name: str) -> None:
    """Raises `ValueError` for what is no name of a level."""
    if not _LEVEL.fullmatch(name):
        raise ValueError(f"{name!r} is not a name of a level: use a-z, 0-9 and -, up to 40, beginning with a letter")


def _objective_of(default: str | None, example: str) -> str:
    made: str = formed(default, objective, pattern=OBJECTIVE, examples=[example])
    return made


def _check_name(name: str) -> None:
    check_text(name, "a name")
    if not name or '"' in name or "\\" in name:
        raise ValueError(f"{name!r} is not a name in Kafka: write one such as orders")


@dataclass(frozen=True, kw_only=True)
class LatencyLevel(Spec):
    """How long records may take from their writer to their reader."""

    p99: str = duration(MISSING, "500ms", least="1ms", most="10s")
    """Maximum p99 over five minutes, such as `500ms`. Required."""
    of: str = _objective_of("99%", "99%")
    """Share of the time in which that holds. Default 99%."""


@dataclass(frozen=True, kw_only=True)
class LevelSpec(Spec):
    """A service level objective, shared by programs and stack files: for the platform, unless it names something else."""

    topic: str | None = named(_check_name)
    """With `availability`: the topic that the level is about."""
    group: str | None = named(_check_name, examples=["payments", "payments-*"])
    """With `freshness`: the consumer group, or a prefix of groups that ends in `*`."""
    availability: str | None = _objective_of(None, "99.9%")
    """Share of the probes that are written and not lost, and of the requests to the gateway that do not fail by its
    fault, such as `99.9%`; for a topic: share of the time in which all its partitions have a leader. Default: none."""
    latency: LatencyLevel | None = None
    """How long records may take from writer to reader, as measured by the probe. Default: none."""
    freshness: str | None = duration(None, "1m", least="1s", most="1d")
    """Maximum age of the oldest record that the group has yet to read, for 99% of the time, such as `1m`. Default:
    none."""

    @property
    def of_one(self) -> str | None:
        """The field that says what the level is about; None for the platform."""
        return next((each for each in ("topic", "group") if getattr(self, each) is not None), None)

    def check(self) -> None:
        """There is an objective, and what it is about can have it."""
        if self.availability is None and self.latency is None and self.freshness is None:
            raise ValueError("availability: missing: write availability, latency or freshness")
        if self.topic is not None and self.group is not None:
            raise ValueError("group: excludes topic: write a level for each")
        if self.freshness is not None and self.group is None:
            raise ValueError("group: missing: freshness is of a consumer group: write its name")
        if self.group is not None and self.availability is not None:
            raise ValueError("availability: a group is late rather than unavailable: write freshness, or remove group")
        if self.latency is not None and self.of_one is not None:
            raise ValueError(
                f"{self.of_one}: its records are not timed: latency is of the platform: remove one of them"
            )


@dataclass(frozen=True, kw_only=True)
class Level(LevelSpec):
    """A service level."""

    users: Sequence[str] = names(_check_name)
    """With `availability`: Kafka users whose requests to the gateway count, such as those of a tenant. Default: everybody's."""

    @property
    def of_one(self) -> str | None:
        """The field that says what the level is about; None for the platform."""
        return "users" if self.users else super().of_one

    def check(self) -> None:
        """Like every level; users exclude a topic and a group."""
        if self.users and (self.topic is not None or self.group is not None):
            raise ValueError("users: cannot be combined with topic and group: write a level for each")
        super().check()
