"""The pulse of a stack."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import kafka_platform
from kafka_platform.kafka.entities import Topic, User
from kafka_platform.pulse.monitoring import source
from kafka_platform.pulse.objects import objects
from kafka_platform.pulse.spec import PulseSpec
from kafka_platform.values.forms import shared

from infra.capabilities.capability import Capability, Deployment, Needs, Placed, Rendered, Scrape
from infra.settings.core import Core

PULSE = "pulse"


@dataclass(frozen=True, kw_only=True)
class PulseSection(PulseSpec):
    """A pulse: the time, written to a topic of its own."""


class Pulse(Capability[PulseSection]):
    """Writes the time again and again."""

    key = "pulse"
    names = frozenset({PULSE})

    def needs(self, section: PulseSection, settings: Core) -> Needs:
        """A password; and it shows metrics."""
        scrape = Scrape(source=source(PULSE), namespace=settings.namespace, key=("pulse",), allowed=())
        return Needs(passwords=["the pulse logs in"], scrapes=[scrape])

    def described(self, section: PulseSection) -> str:
        """There is one at most."""
        return "pulse"

    def topics(self, section: PulseSection, settings: Core) -> Mapping[str, Topic]:
        """Its own."""
        return {PULSE: Topic(partitions=1)}

    def users(self, section: PulseSection, settings: Core) -> Mapping[str, User]:
        """Its own."""
        return {PULSE: User(writes=[PULSE], namespace=settings.namespace)}

    def rendered(self, section: PulseSection, placed: Placed) -> Iterator[Rendered]:
        """Its objects."""
        spec = PulseSpec(**shared(section, PulseSpec))
        yield from placed.named(PULSE, objects(PULSE, spec, placed.connection))

    def build(self, section: PulseSection, deployment: Deployment) -> None:
        """After its topic and its user."""
        args = kafka_platform.PulseArgs(**shared(section, PulseSpec), connection=deployment.connection)
        pulse = kafka_platform.Pulse(PULSE, args, deployment.options("entities"))
        deployment.outputs["pulse"] = {"deployment": pulse.deployment}
