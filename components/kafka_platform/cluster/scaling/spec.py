"""The spec of broker autoscaling: metrics and limits. No Pulumi.

The class checks itself when constructed and raises `ValueError` with one sentence that begins with the name of the
invalid field, as every spec does. What concerns the pool too is checked by `check_broker_scaling`.
"""

import re
from dataclasses import MISSING, dataclass

from kafka_platform.cluster.nodes import MOST_NODES
from kafka_platform.cluster.strimzi.pools import Pool
from kafka_platform.values.forms import Spec, described, formed, named, percentage, rate
from kafka_platform.values.later import Input
from kafka_platform.values.names import check_label
from kafka_platform.values.ranges import within
from kafka_platform.values.units import bytes_per_second, percent, quantity

MOST_BROKERS = MOST_NODES
LEAST_BROKERS = 3
"""Three copies of each record are on as many brokers."""
STEP_SECONDS = 1800
"""At most one broker is added or removed in this time: moving records takes longer than starting a pod, and an
autoscaler that does not wait keeps adding brokers up to the maximum. It is the HorizontalPodAutoscaler's longest
period."""
LASTING_SECONDS = 600
"""Load has to last so long before a broker is added: what passes by is not worth moving terabytes."""
QUIET_SECONDS = 3600
"""How long the load must be low before a broker is removed: the HorizontalPodAutoscaler's maximum."""

_SERVER = re.compile(r"https?://[^\s/]+(/\S*)?")


def _check_server(address: str) -> None:
    if not _SERVER.fullmatch(address):
        raise ValueError(f"{address!r} is not an address: write http://prometheus.monitoring.svc:9090")


@dataclass(frozen=True, kw_only=True)
class BrokerScaling(Spec):
    """A pool of brokers that is scaled automatically, on at least one of `disk_above`, `network_above` and `cpu_above`."""

    pool: str = named(check_label, "pool's name", default=MISSING)
    """Name of the pool, whose nodes are brokers only."""
    max: int = described(MISSING, minimum=LEAST_BROKERS + 1, maximum=MOST_BROKERS, examples=[12])
    """Maximum number of brokers."""
    min: int = within(LEAST_BROKERS, MOST_BROKERS, default=LEAST_BROKERS)
    """Minimum number of brokers. Default 3."""
    disk_above: str | None = percentage("70%")
    """A broker is added when the pool's volumes are fuller than this, such as `70%`. Default: not considered."""
    network_above: str | None = rate(None, "80MB/s")
    """A broker is added when each sends or receives more than this, such as `80MB/s`. Default: not considered."""
    cpu_above: str | None = percentage("80%")
    """A broker is added when each uses more than this share of its reserved cores, such as `80%`. Default: not
    considered."""
    scale_in: bool = False
    """Whether brokers are removed again: one at a time, after Cruise Control has moved their records away. Default:
    they are not."""
    prometheus: Input[str] = formed("http://prometheus-operated.monitoring.svc:9090", _check_server)
    """Address of the Prometheus that scrapes kubelets and cAdvisor. Default: that of the Prometheus operator in the
    namespace monitoring."""

    def check(self) -> None:
        """It can grow, and has a metric."""
        if not self.min < self.max <= MOST_BROKERS:
            raise ValueError(f"max: {self.max} is out of range: use {self.min + 1} to {MOST_BROKERS}")
        if self.disk_above is None and self.network_above is None and self.cpu_above is None:
            raise ValueError("disk_above: nothing says when to scale: write disk_above, network_above or cpu_above")


def check_broker_scaling(scaling: BrokerScaling, pool: Pool) -> None:
    """Raises unless the pool can be scaled so."""
    if not pool.holds_records or not pool.scales:
        raise ValueError(
            f"pool: {scaling.pool!r} has controllers, whose number cannot change: use a pool of brokers only"
        )
    if not scaling.min <= pool.nodes <= scaling.max:
        raise ValueError(
            f"pool: {scaling.pool!r} begins with {pool.nodes} nodes, which is not between min ({scaling.min}) and "
            f"max ({scaling.max}): change one of them"
        )


@dataclass(frozen=True, kw_only=True)
class Measure:
    """A number that the autoscaler compares with a limit: for each broker, on average."""

    query: str
    limit: int


def measures(scaling: BrokerScaling, pool: Pool, cluster: str, namespace: str) -> list[Measure]:
    """What is measured, as PromQL.

    The mean of the brokers, not the worst of them: when one is added its empty volumes count at once, while the worst
    stays as it is for the hours that moving records takes, in which one broker after the other would be added.
    """
    found: list[Measure] = []
    nodes = f"{cluster}-{scaling.pool}-[0-9]+"
    if scaling.disk_above is not None:
        of = f'{{namespace="{namespace}",persistentvolumeclaim=~"data-[0-9]+-{nodes}"}}'
        query = f"100 * sum(kubelet_volume_stats_used_bytes{of}) / sum(kubelet_volume_stats_capacity_bytes{of})"
        found.append(Measure(query=query, limit=percent(scaling.disk_above)))
    if scaling.network_above is not None:
        of = f'{{namespace="{namespace}",pod=~"{nodes}"}}[10m]'
        rates = [
            f"avg(sum by (pod) (rate(container_network_{way}_bytes_total{of})))" for way in ("receive", "transmit")
        ]
        # The busier direction: one of the two fills up first.
        query = f'max({rates[0]} or label_replace({rates[1]}, "way", "out", "", ""))'
        found.append(Measure(query=query, limit=bytes_per_second(scaling.network_above)))
    if scaling.cpu_above is not None:
        of = f'{{namespace="{namespace}",pod=~"{nodes}",container="kafka"}}[10m]'
        cores = quantity(pool.resources.cpu)
        query = f"100 * avg(sum by (pod) (rate(container_cpu_usage_seconds_total{of}))) / {cores:f}"
        found.append(Measure(query=query, limit=percent(scaling.cpu_above)))
    return found


def drift(pool: str, spec: int, status: int | None) -> str:
    """The message about a pool whose number of brokers is not the desired one; empty if it is."""
    if status is None or spec == status:
        return ""
    return (
        f"pool {pool}: {spec} brokers are wanted and {status} are there: Strimzi is at work, or it holds the change back "
        "because brokers still have records: see the conditions and status.autoRebalance of the Kafka"
    )
