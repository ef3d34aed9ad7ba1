"""Settings of topics that do not set their own. No Pulumi."""

from dataclasses import dataclass

from kafka_platform.kafka.entities import check_min_insync
from kafka_platform.values.form import DURATION
from kafka_platform.values.forms import Spec, formed
from kafka_platform.values.ranges import MOST_REPLICAS, within
from kafka_platform.values.units import milliseconds


@dataclass(frozen=True, kw_only=True)
class Defaults(Spec):
    """Settings of topics that do not set their own."""

    replicas: int | None = within(1, MOST_REPLICAS, default=None)
    """Copies of each record. Default: 1 on one node, 2 on two, otherwise 3."""
    min_insync_replicas: int | None = within(1, MOST_REPLICAS, default=None)
    """Replicas that must have a record before `acks=all` is acknowledged. Default: one less than `replicas`, at least
    1."""
    retention: str = formed("7d", milliseconds, pattern=DURATION, examples=["7d", "forever"])
    """How long records are kept, such as `7d`, or `forever`. Default 7d."""

    def replicas_on(self, nodes: int) -> int:
        """Copies of each record on a cluster of `nodes` nodes. Raises if there are not as many nodes."""
        replicas = self.replicas if self.replicas is not None else min(nodes, 3)
        if replicas > nodes:
            raise ValueError(f"replicas: {replicas} replicas on {nodes} nodes: use at most {nodes}, or add nodes")
        return replicas

    def min_insync_replicas_on(self, nodes: int) -> int:
        """Copies that `acks=all` waits for. Raises if one node down would stop every writer."""
        replicas = self.replicas_on(nodes)
        least = self.min_insync_replicas if self.min_insync_replicas is not None else max(replicas - 1, 1)
        check_min_insync(least, replicas)
        return least
