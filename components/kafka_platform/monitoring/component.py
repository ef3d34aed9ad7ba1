"""Monitoring with the Prometheus operator."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pulumi

from kafka_platform.args import Args
from kafka_platform.exporter import monitoring as exporter
from kafka_platform.gateway import monitoring as gateway
from kafka_platform.kafka.connection import KafkaConnection
from kafka_platform.kube.metrics import Source
from kafka_platform.kube.place import place_all
from kafka_platform.monitoring.objects import monitors, objects
from kafka_platform.monitoring.spec import MonitoredSpec
from kafka_platform.probe import monitoring as probe
from kafka_platform.values.names import check_service_name
from kafka_platform.worker import monitoring as worker


@dataclass(frozen=True, kw_only=True)
class MetricsSource(Source, Args):
    """Pods of a program with a port called `metrics`, which Prometheus scrapes at `/metrics`."""


@dataclass(frozen=True, kw_only=True)
class MonitoringArgs(MonitoredSpec, Args):
    """Arguments of a `Monitoring`: what to watch. The Kubernetes cluster needs the Prometheus operator's CRDs."""

    connection: KafkaConnection
    """The Kafka: `connection` of its `KafkaCluster`."""
    gateways: Sequence[str] = ()
    """Names of the HTTP gateways in the connection's namespace. Default: none."""
    exporters: Sequence[str] = ()
    """Names of the Kafka exporters in the connection's namespace. Default: none."""
    probes: Sequence[str] = ()
    """Names of the latency probes in the connection's namespace. Default: none."""
    workers: Mapping[str, pulumi.Input[str]] = field(default_factory=dict)
    """Namespaces of the workers with a port called `metrics`, by their names. Default: none."""
    sources: Sequence[MetricsSource] = ()
    """What else shows metrics, with its alerts. Default: nothing."""

    @property
    def lag_is_shown(self) -> bool:
        """Whether something exposes consumer lag."""
        return self.exporter or bool(self.exporters)


class Monitoring(pulumi.ComponentResource):
    """Monitors, dashboards and alert rules of a Kafka platform.

    Prometheus then scrapes brokers, controllers, exporters, Strimzi's operator, gateways, probes and workers, and fires
    alerts (docs/components/monitoring.md).
    """

    monitors: pulumi.Output[Sequence[str]]
    """Names of the PodMonitors."""

    def __init__(self, name: str, args: MonitoringArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """`name` is the name of the rules, and the prefix of the monitors of Kafka itself."""
        super().__init__("kafka-platform:index:Monitoring", name, {}, opts)
        given = MonitoringArgs.of(args)
        check_service_name(name, "monitoring")
        connection = given.connection
        sources = sources_of(given)
        place_all(self, name, objects(name, given, connection, sources))
        names = [each.name for each in monitors(name, given, connection, sources).values()]
        self.monitors = pulumi.Output.from_input(names)
        self.register_outputs({"monitors": self.monitors})


def sources_of(given: MonitoringArgs) -> list[Source]:
    """All programs that expose metrics. Raises `ValueError` if two of them have the same name and namespace."""
    sources: list[Source] = [
        *(exporter.source(each) for each in sorted(given.exporters)),
        *(gateway.source(each) for each in sorted(given.gateways)),
        *(probe.source(each) for each in sorted(given.probes)),
        *(MetricsSource(**vars(worker.source(each)) | {"namespace": at}) for each, at in sorted(given.workers.items())),
        *given.sources,
    ]
    _check_different(sources)
    return sources


def _check_different(sources: Sequence[Source]) -> None:
    """Raises `ValueError` if two have the same name and namespace: they would share one monitor object."""
    found = set[tuple[str, object]]()
    for each in sources:
        # Where a namespace is known later, the two that come from one output are still told apart from others.
        place = each.namespace if isinstance(each.namespace, str | None) else id(each.namespace)
        if (each.name, place) in found:
            raise ValueError(f"sources: two programs are called {each.name!r}: each needs a name of its own")
        found.add((each.name, place))
