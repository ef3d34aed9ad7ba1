"""What a stack file says of its mirror, and the connectors that follow from it. The capability itself is in `mirror`."""

from collections.abc import Mapping
from dataclasses import dataclass

from kafka_platform.connect.spec import Connector
from kafka_platform.kafka.entities import Quotas
from kafka_platform.kafka.protocols import Engine
from kafka_platform.mirror.connectors import replication_connectors
from kafka_platform.mirror.spec import MIRROR, ReplicationSpec
from kafka_platform.values.forms import shared

from infra.settings.core import Core


@dataclass(frozen=True, kw_only=True)
class Mirror(ReplicationSpec):
    """A mirror: topics of another Kafka are copied to this one, and the offsets of consumer groups go with them."""

    def values(self, settings: Core) -> ReplicationSpec:
        """As a program declares it."""
        known = shared(self, ReplicationSpec)
        return ReplicationSpec(**known | {"pod_settings": settings.pod_settings.with_own(self.pod_settings)})


def operated(settings: Core) -> bool:
    """Whether Strimzi runs the mirror, with pods of its own; elsewhere the stack's Kafka Connect runs its connectors."""
    return settings.kafka.engine is Engine.STRIMZI


def mirror_quotas(settings: Core) -> Mapping[str, Quotas | None]:
    """The limits of these connectors' users."""
    mirror = settings.of(Mirror)
    return {} if mirror is None else {MIRROR: mirror.quotas}


def mirrored(settings: Core) -> Mapping[str, Connector]:
    """The connectors of the mirror that the stack's Kafka Connect runs, by name."""
    mirror = settings.of(Mirror)
    return {} if mirror is None or operated(settings) else replication_connectors(mirror)
