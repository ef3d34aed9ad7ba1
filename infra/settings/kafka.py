"""The settings of the brokers, under `kafka`.

Each engine has keys of its own: they are the spec of that engine, and what only a file knows. `Kafka` is all of them
together, since one mapping is written; `engines_of` says who knows a key.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace

from kafka_platform.cluster.scaling.spec import BrokerScaling
from kafka_platform.cluster.spec import ClusterSpec, ExternalSpec, embedded_only
from kafka_platform.cluster.strimzi.spec import StrimziKafka, StrimziSpec
from kafka_platform.kafka.protocols import Engine
from kafka_platform.values.forms import shared

from infra.settings.listeners import ListenerSettings
from infra.settings.section import FormerStacks


@dataclass(frozen=True, kw_only=True)
class OwnKafka(ClusterSpec):
    """Keys of a Kafka that the platform runs."""

    # A file says the ways in of both engines alike.
    listeners: ListenerSettings = field(default_factory=ListenerSettings)  # type: ignore[assignment]
    """How clients reach the brokers. Default: inside Kubernetes only; without TLS (embedded) or with it (Strimzi)."""
    protect: bool = False
    """Whether Pulumi refuses to delete or replace the cluster's resources. Default false."""


@dataclass(frozen=True, kw_only=True)
class StrimziKeys(StrimziSpec):
    """Keys that only Strimzi knows."""

    scaling: BrokerScaling | None = None
    """A pool of brokers that KEDA scales by load. Default: the number of brokers is fixed."""


@dataclass(frozen=True, kw_only=True)
class ExternalKeys(ExternalSpec):
    """Keys of an external Kafka."""

    former_stacks: FormerStacks = ()
    """Stacks that this one replaces, as `organization/project/stack`: its own former name, or one that is gone for
    good. Their topics and users then belong to this stack, and are removed if it does not declare them. Default:
    none."""


@dataclass(frozen=True, kw_only=True)
class Kafka(ExternalKeys, StrimziKeys, OwnKafka):
    """The brokers."""

    def check(self) -> None:
        """Checks of the engine's own keys; those across keys are in the relations."""
        if self.engine is Engine.EXTERNAL:
            ExternalSpec.check(self)
        ClusterSpec.check(self)

    @property
    def brokers(self) -> int:
        """How many nodes hold records, where they are run from here."""
        if self.engine is Engine.STRIMZI:
            return sum(pool.nodes for pool in self.pools.values() if pool.holds_records)
        return self.nodes

    def strimzi(self) -> StrimziKafka:
        """The cluster as Strimzi takes it. Raises `ValueError` that names the invalid field."""
        pools = {
            name: replace(pool, autoscaled=True) if self.scaling is not None and self.scaling.pool == name else pool
            for name, pool in self.pools.items()
        }
        return StrimziKafka(**shared(self, StrimziSpec) | {"pools": pools}, listeners=self.listeners.of_strimzi())


def engines_of(key: str) -> Sequence[Engine]:
    """The engines that know a key of `kafka`, spelled as a field."""
    if key == "engine":
        return list(Engine)
    for engine, keys in ((Engine.EXTERNAL, ExternalKeys), (Engine.STRIMZI, StrimziKeys)):
        if key in {each.name for each in fields(keys)}:
            return [engine]
    return [Engine.EMBEDDED] if key in embedded_only(Kafka) else [Engine.EMBEDDED, Engine.STRIMZI]
