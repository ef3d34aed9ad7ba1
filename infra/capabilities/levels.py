"""The service levels of a stack, measured by what the stack has."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from kafka_platform.levels.measures import Measured, missing
from kafka_platform.levels.monitoring import LONGEST_WINDOW_DAYS
from kafka_platform.levels.spec import Level, LevelSpec, check_level
from kafka_platform.values.forms import shared
from kafka_platform.values.units import milliseconds

from infra.capabilities.capability import Capability, Stack
from infra.capabilities.operators import Prometheus
from infra.settings.core import Core
from infra.settings.faults import Fault, Known, declare
from infra.settings.relations.declared import Declared, no_topic

_FIXES = {
    "probe": "write probe: {}",
    "gateway": "write gateway: {}",
    "probe or gateway": "write probe: {} or gateway: {}",
    "exporter": "write exporter: {}",
}
"""What to write for what is missing."""
_DAY = 86_400_000


@dataclass(frozen=True, kw_only=True)
class ServiceLevel(LevelSpec):
    """A service level objective: for the platform, unless it names something else."""

    tenant: str | None = None
    """With `availability`: the tenant whose users' requests to the gateway count. Default: all requests."""

    @property
    def of_one(self) -> str | None:
        """The field that says what the level is about; None for the platform."""
        return "tenant" if self.tenant is not None else super().of_one

    def check(self) -> None:
        """Like every level; a tenant excludes a topic and a group."""
        if self.tenant is not None and (self.topic is not None or self.group is not None):
            raise ValueError("tenant: cannot be combined with topic and group: write a level for each")
        super().check()

    def in_program(self, settings: Core) -> Level:
        """The level as a program writes it."""
        tenant = settings.tenants.get(self.tenant) if self.tenant is not None else None
        return Level(**shared(self, LevelSpec), users=() if tenant is None else sorted(tenant.users))


def levels_of(section: Mapping[str, ServiceLevel], settings: Core) -> dict[str, Level]:
    """All of them, as a program writes them."""
    return {name: each.in_program(settings) for name, each in section.items()}


class Levels(Capability[Mapping[str, ServiceLevel]]):
    """Service levels, whose rules monitoring renders with all others."""

    key = "levels"

    def described(self, section: Mapping[str, ServiceLevel]) -> str:
        """How many there are."""
        return "1 service level" if len(section) == 1 else f"{len(section):,} service levels"

    def faults(self, section: Mapping[str, ServiceLevel], stack: Stack, known: Known) -> Iterator[Fault]:
        """Each is about something that exists, and something measures it."""
        prometheus = stack.of(Prometheus)
        if known("prometheus"):
            yield from _prometheus(prometheus)
        declared = stack.declared(known)
        for name, level in section.items():
            path = ("levels", name)
            try:
                check_level(name)
            except ValueError as error:
                yield Fault(path=path, message=str(error))
                continue
            yield from _of_what(path, level, stack.settings, known, declared)
            if all(known(each) for each in ("probe", "gateway", "kafka")):
                for field, needed in missing(level.in_program(stack.settings), _measured(stack)):
                    yield Fault(
                        path=(*path, field), message=f"nothing measures it: {_FIXES[needed]}, or remove the key"
                    )


def _prometheus(prometheus: Prometheus | None) -> Iterator[Fault]:
    if prometheus is None:
        yield Fault(path=("levels",), message="no Prometheus computes them: write prometheus: {}, or remove the key")
    elif not prometheus.alerts:
        message = "it leaves out the rules by which levels are computed: remove the key, or levels"
        yield Fault(path=("prometheus", "alerts"), message=message)
    else:
        server = prometheus.server
        path = ("prometheus", "retention") if server is None else ("prometheus", "server", "retention")
        kept = prometheus.retention if server is None else server.retention
        if (prometheus.install or server is not None) and milliseconds(kept) < LONGEST_WINDOW_DAYS * _DAY:
            days = f"{LONGEST_WINDOW_DAYS}d"
            yield Fault(path=path, message=f"levels are judged over {days}: write {days} or more, such as 30d")


def _of_what(path: Any, level: ServiceLevel, settings: Core, known: Known, declared: Declared) -> Iterator[Fault]:
    if level.tenant is not None and known("tenants"):
        tenant = settings.tenants.get(level.tenant)
        if tenant is None:
            fix = declare("tenants", settings.tenants)
            yield Fault(path=(*path, "tenant"), message=f"{level.tenant!r} is not a tenant of this file: {fix}")
        elif not tenant.users:
            yield Fault(path=(*path, "tenant"), message=f"{level.tenant!r} has no users, so nobody calls: add one")
    if level.topic is not None and declared.complete and not declared.has(level.topic):
        yield Fault(path=(*path, "topic"), message=no_topic(level.topic, declared.topics))


def _measured(stack: Stack) -> Measured:
    """The programs that measure levels, by the labels of their metrics."""
    there = {each.source.label: each.source.name for each in stack.scrapes}
    return Measured(probe=there.get("probe"), gateway=there.get("gateway"), exporter=there.get("exporter"))
