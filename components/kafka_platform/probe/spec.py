"""The spec of a latency probe, and what it needs in Kafka. No Pulumi."""

from collections.abc import Sequence
from dataclasses import dataclass

from kafka_platform.kafka.entities import Quotas, Topic, User
from kafka_platform.kube.pod_settings import UNDECIDED, PodSettings
from kafka_platform.values.forms import Compute, Spec, duration, memory_of, named, namespaces, processors
from kafka_platform.values.later import Input
from kafka_platform.values.names import check_subdomain
from kafka_platform.values.ranges import within
from kafka_platform.values.units import milliseconds, seconds

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


def latency_probe_topic(partitions: int) -> Topic:
    """The topic of a probe: records are kept for an hour."""
    return Topic(partitions=partitions, retention=RETENTION, config={"segment.ms": str(SEGMENT_MILLISECONDS)})


def latency_probe_user(topic: str, namespace: str | None = None) -> User:
    """The user of a probe: it may write and read the topic within its quotas, and nothing else; it is in no group."""
    return User(writes=[topic], reads=[topic], quotas=QUOTAS, namespace=namespace)


@dataclass(frozen=True, kw_only=True)
class LatencyProbeResources(Compute):
    """CPU and memory of a probe's pod."""

    cpu: str = processors("50m")
    """CPU request. Default 50m; a probe that waits for CPU measures its own delay."""
    cpu_limit: str | None = processors(None, "1")
    """CPU limit. Default: none."""
    # Interpreter and libraries take some 60 MiB, and as much again while it is run once more by hand.
    memory: str = memory_of("a probe", "192Mi", least="128Mi")
    """Memory request and limit, at least 128Mi. Default 192Mi."""


@dataclass(frozen=True, kw_only=True)
class ProbeSpec(Spec):
    """Settings of a latency probe, shared by programs and stack files."""

    interval: str = duration("1s", least="10ms")
    """Interval between two probes to a partition, separately for Kafka's protocol and for HTTP. Default 1s."""
    lost_after: str = duration("30s", least="1s", most="5m")
    """How long after its write a probe must be read, 1s to 5m; then it counts as lost if its reader has read past it.
    Default 30s."""
    gate: bool = False
    """Whether a Job sends probes along every path after each change to Kafka, the gateway or the probe; it fails, and
    `pulumi up` with it, unless all of them arrive. Default false."""
    gate_probes: int = within(1, 1000, default=20)
    """Probes that the gate sends to each partition along every path, 1 to 1000. Default 20."""
    gate_deadline: str = duration("2m", least="1s", most="1h")
    """How long the gate may take, from its start, 1s to 1h. Default 2m."""
    resources: LatencyProbeResources = LatencyProbeResources()
    """CPU and memory of the pod. Default: 50m and 192Mi."""
    pod_settings: PodSettings = UNDECIDED
    """Scheduling, labels and pull secrets of the pod and of the gate's Job. Default: Kubernetes' own defaults."""
    user_secret: Input[str] | None = named(check_subdomain, "object name")
    """Secret with the login of its user in its namespace: `username` and `password`, or `tls.crt` and `tls.key`. Default:
    `<user>-kafka`, or in a stack file what the user's declaration says."""
    metrics_namespaces: Sequence[Input[str]] = namespaces()
    """Namespaces whose pods may read the metrics. Default: all."""

    def check(self) -> None:
        """A loss is noticed by the next probe."""
        if 2 * milliseconds(self.interval) > milliseconds(self.lost_after):
            raise ValueError(
                f"interval: {self.interval} is more than half of lost_after ({self.lost_after}), and a loss is noticed by the "
                "next probe: send more often"
            )

    def check_rate(self, partitions: int, ways: int) -> None:
        """Raises for more probes than one pod sends, to so many partitions and in so many ways."""
        if partitions * ways > MOST_PROBES_A_SECOND * seconds(self.interval):
            least = -(-partitions * ways * 1000 // MOST_PROBES_A_SECOND)
            raise ValueError(
                f"interval: every {self.interval} to each of {partitions} partitions is more than {MOST_PROBES_A_SECOND} probes "
                f"a second: use at least {least}ms"
            )
