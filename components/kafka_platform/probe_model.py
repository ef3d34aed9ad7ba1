"""What people say about a latency probe, and what it needs in Kafka. No Pulumi."""

from collections.abc import Sequence
from dataclasses import dataclass

from kafka_platform.checks import checked
from kafka_platform.gateway_model import seconds
from kafka_platform.model import Quotas, Topic, User
from kafka_platform.names import check_label
from kafka_platform.units import cores, memory, milliseconds, quantity

LATENCY_PROBE = "latency-probe"
"""Name of its topic and user, and of its Deployment in a stack."""
RETENTION = "1h"
"""How long probes are kept: longer than the ten minutes for which the program remembers what it has sent."""
SEGMENT_MILLISECONDS = 600_000
"""Kafka deletes whole segments, so that an hour is at most an hour and ten minutes."""
MOST_PROBES_A_SECOND = 200
"""Of all partitions and ways to write together; the program refuses more. A probe measures a load and is none."""
QUOTAS = Quotas(produce="1MB/s", consume="10MB/s")
"""What the highest rate writes, some 60 kB/s, many times over; readers that come back catch up with ten minutes of it."""

_LEAST_INTERVAL = 10
_LONGEST_LOST_AFTER = 300_000
_MOST_GATE_PROBES = 1000
# Interpreter and libraries take some 60 MiB, and as much again while it is run once more by hand.
_LEAST_MEMORY = 128 * 2**20


def latency_probe_topic(partitions: int) -> Topic:
    """The topic of a probe: records are kept for an hour."""
    return Topic(partitions=partitions, retention=RETENTION, config={"segment.ms": str(SEGMENT_MILLISECONDS)})


def latency_probe_user(topic: str, namespace: str | None = None) -> User:
    """The user of a probe: it may write and read the topic within its quotas, and nothing else; it is in no group."""
    return User(writes=[topic], reads=[topic], quotas=QUOTAS, namespace=namespace)


@dataclass(frozen=True, kw_only=True)
class LatencyProbeResources:
    """What the pod of a probe gets."""

    cpu: str = "50m"
    """Cores that are reserved. Default 50m; a probe that has to wait for a processor measures that."""
    cpu_limit: str | None = None
    """Cores it may use at most. Default: what the machine has."""
    memory: str = "192Mi"
    """Memory that is reserved and may be used, at least 128Mi. Default 192Mi."""

    def __post_init__(self) -> None:
        for name in ("cpu", "cpu_limit", "memory"):
            text = getattr(self, name)
            if text is not None:
                checked(name, memory if name == "memory" else cores, text)
        if quantity(self.memory) < _LEAST_MEMORY:
            raise ValueError(f"memory: {self.memory} is too little for a probe: use at least 128Mi")
        if self.cpu_limit is not None and quantity(self.cpu_limit) < quantity(self.cpu):
            raise ValueError(f"cpu_limit: {self.cpu_limit} is less than cpu ({self.cpu}): raise it or leave it out")


def check_probe(*, interval: str, lost_after: str, partitions: int | None, ways: int) -> None:
    """Raises unless a probe can be sent so often.

    Args:
        interval: pause between two probes to a partition.
        lost_after: time in which a probe has to be read.
        partitions: of the topic, if the number is known.
        ways: to write.
    """
    for name, text, example in (("interval", interval, "1s"), ("lost_after", lost_after, "30s")):
        checked(name, milliseconds, text)
        if milliseconds(text) < _LEAST_INTERVAL:
            raise ValueError(f"{name}: {text!r} is too short: write a duration of at least 10ms, such as {example}")
    if not 1000 <= milliseconds(lost_after) <= _LONGEST_LOST_AFTER:
        raise ValueError(f"lost_after: {lost_after!r} is out of range: use 1s to 5m")
    if 2 * milliseconds(interval) > milliseconds(lost_after):
        raise ValueError(
            f"interval: {interval} is more than half of lost_after ({lost_after}), and a loss is noticed by the next probe: "
            "send more often"
        )
    if partitions is not None and partitions * ways > MOST_PROBES_A_SECOND * seconds(interval):
        least = -(-partitions * ways * 1000 // MOST_PROBES_A_SECOND)
        raise ValueError(
            f"interval: every {interval} to each of {partitions} partitions is more than {MOST_PROBES_A_SECOND} probes a "
            f"second: use at least {least}ms"
        )


def check_gate(probes: int, deadline: str) -> None:
    """Raises unless a gate can do with so many probes and so much time."""
    if not 1 <= probes <= _MOST_GATE_PROBES:
        raise ValueError(f"gate_probes: {probes} is out of range: use 1 to {_MOST_GATE_PROBES}")
    checked("gate_deadline", milliseconds, deadline)
    if not 1000 <= milliseconds(deadline) <= 3_600_000:
        raise ValueError(f"gate_deadline: {deadline!r} is out of range: use 1s to 1h")


def check_namespaces(name: str, namespaces: Sequence[str]) -> None:
    """Raises unless each is a namespace."""
    for namespace in namespaces:
        checked(name, check_label, namespace, "namespace")
