"""Lets the Prometheus operator watch a platform."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pulumi

from kafka_platform import monitoring_objects as objects
from kafka_platform.alerts import Watched
from kafka_platform.args import Args
from kafka_platform.connection import KafkaConnection
from kafka_platform.kubernetes import place
from kafka_platform.model import Engine
from kafka_platform.monitoring_model import MonitoringSpec
from kafka_platform.names import check_service_name


@dataclass(frozen=True, kw_only=True)
class MonitoringArgs(MonitoringSpec, Args):
    """What there is to watch. The Kubernetes cluster has to know the Prometheus operator's kinds."""

    connection: KafkaConnection
    """The Kafka, as its `KafkaCluster` tells."""
    engine: Engine
    """Who runs it: what it shows depends on that."""
    nodes: bool = True
    """Strimzi: whether its nodes show metrics. Default true."""
    exporter: bool = False
    """Strimzi: whether there is a Kafka Exporter. Default false."""
    renewal_days: int = 30
    """Strimzi: how many days before their end certificate authorities are renewed. Default 30."""
    authorities_given: bool = False
    """Strimzi: whether they are yours, and somebody has to be told to renew them. Default: Strimzi renews them."""
    gateways: Sequence[str] = ()
    """Names of the HTTP gateways in the connection's namespace. Default: none."""
    probes: Sequence[str] = ()
    """Names of the latency probes in the connection's namespace. Default: none."""
    workers: Mapping[str, pulumi.Input[str]] = field(default_factory=dict)
    """Namespaces of the workers with a port called `metrics`, by their names. Default: none."""
    cert_manager: str | None = None
    """Namespace of cert-manager. Default: certificates are somebody else's."""


class Monitoring(pulumi.ComponentResource):
    """Monitors and alert rules for what belongs to a Kafka.

    Prometheus then reads brokers, controllers, Kafka Exporter, Strimzi's operator, gateways, probes and workers, and knows
    what somebody has to be told of (docs/components/monitoring.md).
    """

    monitors: pulumi.Output[Sequence[str]]
    """Names of the PodMonitors."""

    def __init__(self, name: str, args: MonitoringArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """`name` is the name of the rules, and the prefix of the monitors of Kafka itself."""
        super().__init__("kafka-platform:index:Monitoring", name, {}, opts)
        given = MonitoringArgs.of(args)
        check_service_name(name, "monitoring")
        namespace = given.connection.namespace
        monitors: dict[str, objects.PodMonitor] = {}
        if given.engine is Engine.STRIMZI:
            if given.nodes or given.exporter:
                monitors["nodes"] = objects.of_nodes(given.connection.cluster, name, namespace)
            monitors["operator"] = objects.of_strimzi(name, namespace)
        if given.cert_manager is not None:
            monitors["certificates"] = objects.of_cert_manager(name, namespace, given.cert_manager)
        monitors |= {f"gateway-{each}": objects.of_gateway(each, namespace) for each in sorted(given.gateways)}
        monitors |= {f"probe-{each}": objects.of_probe(each, namespace) for each in sorted(given.probes)}
        monitors |= {f"worker-{each}": objects.of_worker(each, where) for each, where in sorted(given.workers.items())}
        child = pulumi.ResourceOptions(parent=self)
        for key, monitor in monitors.items():
            place(f"{name}-{key}", objects.pod_monitor(monitor, given.labels), child)
        if given.alerts:
            known = pulumi.Output.all(given.connection.cluster, namespace)
            watched = known.apply(lambda found: watched_of(given, str(found[0]), str(found[1])))
            place(f"{name}-alerts", objects.prometheus_rule(name, namespace, given.labels, watched), child)
        self.monitors = pulumi.Output.from_input([each.name for each in monitors.values()])
        self.register_outputs({"monitors": self.monitors})


def watched_of(args: MonitoringArgs, cluster: str, namespace: str) -> Watched:
    """What the alerts are about."""
    strimzi = args.engine is Engine.STRIMZI
    claims = {Engine.STRIMZI: f"data-[0-9]+-{cluster}-.+-[0-9]+", Engine.EMBEDDED: f"data-{cluster}-[0-9]+"}
    return Watched(
        cluster=cluster,
        namespace=namespace,
        claims=claims.get(args.engine),
        nodes=strimzi and args.nodes,
        exporter=strimzi and args.exporter,
        renewal_days=args.renewal_days if strimzi else None,
        authorities_given=args.authorities_given,
        gateways=sorted(args.gateways),
        probes=sorted(args.probes),
        certificates=args.cert_manager is not None,
    )
