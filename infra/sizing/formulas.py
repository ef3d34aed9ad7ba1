"""How many partitions, brokers and pods a load needs, and how much disk. Pure arithmetic.

docs/sizing.md explains each formula, and says on which machine each number was measured.
"""

import math
from dataclasses import dataclass

from infra.sizing.text import counted, rate

APPENDS_PER_CORE = 200_000
"""Records that a broker's core appends in a second, those of followers too (`make bench-brokers`: 145,200 records/s in three
copies by two cores, which the producer used too)."""
FETCHES_PER_CORE = 500_000
"""Records that a broker's core hands out in a second (`make bench-brokers`: 1,097,900 by two cores, with the consumer)."""
BYTES_PER_PARTITION = 10_000_000
"""Bytes a second of one partition, to stay clear of what one leader, one follower thread and one consumer do
(https://www.confluent.io/blog/how-choose-number-topics-partitions-kafka-cluster/: tens of MB/s)."""
BATCHED_PER_CORE = 500_000
"""Records that a gateway's core writes in a second, in requests of 100 (`make bench-gateway`: 527,000)."""
SINGLE_PER_CORE = 17_000
"""Requests of one record that a gateway's core writes in a second (`make bench-gateway`: 17,630)."""
STREAMED_PER_CORE = 1_000_000
"""Records that a gateway's core streams to readers in a second (`make bench-gateway`: 1,122,000 to 1,299,000)."""
USED = 0.6
"""Share of cores and network that the highest load may use: the rest is for recovery, compaction and bursts."""
FILLED = 0.7
"""Share of a volume that records may fill: time to act before `KafkaVolumeAlmostFull` (90 %), also while a copy moves."""
SEGMENT_BYTES = 2**30
"""Kafka deletes whole segments (`segment.bytes`), so that up to one more of each partition is kept."""
SEGMENT_SECONDS = 7 * 86_400
"""Kafka begins a new segment at this age at the latest (`segment.ms`)."""
REACTION_SECONDS = 30
"""From a step of the load until new pods read (docs/benchmarks.md, Elastic workers: 15 to 30 s)."""
SURGE_SECONDS = 12
"""The same where the exporter adds pods (docs/benchmarks.md, Elastic workers: 5.4 and 7.4 s; the rest is reserve)."""
WEEK_SECONDS = 7 * 86_400


def kept_bytes(bytes_per_second: float, seconds: float | None, most: int | None, partitions: int) -> float | None:
    """Bytes that one copy of a topic keeps; None if they grow for ever.

    Args:
        bytes_per_second: on average, of the whole topic.
        seconds: its retention; None: for ever.
        most: bytes that each partition keeps; None: any number.
        partitions: how many it has.
    """
    each = bytes_per_second / partitions
    segment = min(SEGMENT_BYTES, each * SEGMENT_SECONDS)
    bounds = [each * seconds] if seconds is not None else []
    bounds += [most] if most is not None else []
    return (min(bounds) + segment) * partitions if bounds else None


def pods_for(records: float, per_pod: float) -> int:
    """Pods that handle so many records a second."""
    return max(1, math.ceil(round(records / per_pod, 6)))


def longest_wait(pods: int, per_pod: float, peak: float, reaction: float = REACTION_SECONDS) -> float:
    """Seconds that a record waits at most when the load rises to `peak` at once, while there are so many pods.

    They fall behind by the difference until new ones read, `reaction` seconds later. The record that waits longest is the last
    one that the former pods still handle.
    """
    return reaction * max(0.0, 1 - pods * per_pod / peak)


def pods_before(peak: float, per_pod: float, delay: float, reaction: float = REACTION_SECONDS) -> int:
    """Pods that have to run before a step to `peak`, so that no record waits longer than `delay` seconds."""
    return pods_for(peak * max(0.0, 1 - delay / reaction), per_pod)


@dataclass(frozen=True, kw_only=True)
class Machine:
    """What one broker has."""

    cores: float = 4
    disk: int = 2**40
    """Bytes."""
    network: int = 125_000_000
    """Bytes a second in each direction: 1 Gbit/s."""


@dataclass(frozen=True, kw_only=True)
class Demand:
    """Records that have to be moved."""

    records: float
    """A second, on average."""
    size: int
    """Bytes of a record."""
    peak: float
    """The highest load, as a multiple of the average."""
    retention: float | None
    """Seconds; None: for ever."""
    replicas: int = 3
    readers: int = 1
    """Groups that read everything."""
    per_pod: float | None = None
    """Records that a pod of a reader handles in a second; None: not known, and nothing is said about its pods."""
    delay: float = 10
    """Seconds that a record may wait for a reader's pod."""
    single: float = 0
    """Records a second, on average, that callers of the gateway write one by one."""
    batched: float = 0
    """Those that they write in batches."""
    streamed: float = 0
    """Those that the gateway streams to readers."""

    @property
    def most(self) -> float:
        """Records a second at the highest load."""
        return self.records * self.peak


@dataclass(frozen=True, kw_only=True)
class Pods:
    """Of one reader."""

    min: int
    """Those that always run."""
    average: int
    most: int


@dataclass(frozen=True, kw_only=True)
class Brokers:
    """All of them alike."""

    count: int
    disk: int
    """Bytes of each volume."""
    inbound: float
    """Bytes a second that each receives at the highest load, with one broker down."""
    outbound: float
    """Bytes a second that each sends then."""
    cores: float
    """Cores that each uses then."""
    because: str
    """What decides on their number."""


def partitions_for(demand: Demand) -> tuple[int, str]:
    """How many, and why."""
    by_bytes = math.ceil(demand.most * demand.size / BYTES_PER_PARTITION)
    by_pods = 0 if demand.per_pod is None else pods_for(demand.most, demand.per_pod)
    if by_pods >= max(by_bytes, 1):
        return (
            by_pods,
            f"a reader needs {counted(by_pods, 'pod')} for {demand.most:,.6g} records/s, {demand.per_pod:,.10g} each",
        )
    written = rate(demand.most * demand.size)
    return max(by_bytes, 1), f"{written}, and at most {rate(BYTES_PER_PARTITION)} for each partition"


def pods_of_reader(demand: Demand) -> Pods | None:
    """None if it is not known what a pod can do."""
    if demand.per_pod is None:
        return None
    average = pods_for(demand.records, demand.per_pod)
    before = pods_before(demand.most, demand.per_pod, demand.delay)
    return Pods(min=max(1, before), average=max(average, before), most=pods_for(demand.most, demand.per_pod))


def brokers_for(demand: Demand, machine: Machine, partitions: int) -> Brokers | None:
    """The fewest that hold the load when one of them is down; None if the records are kept for ever.

    One broker more than replicas is not asked for: with three, two copies are enough to go on.
    """
    kept = kept_bytes(demand.records * demand.size, demand.retention, None, partitions)
    if kept is None:
        return None
    written = demand.most * demand.size
    inbound = written * demand.replicas
    outbound = written * (demand.replicas - 1 + demand.readers)
    cores = demand.most * demand.replicas / APPENDS_PER_CORE + demand.most * demand.readers / FETCHES_PER_CORE
    disk = kept * demand.replicas / FILLED
    limits = {
        "disk": math.ceil(disk / machine.disk),
        "network": 1 + math.ceil(max(inbound, outbound) / (machine.network * USED)),
        "cores": 1 + math.ceil(cores / (machine.cores * USED)),
        "replicas": demand.replicas,
    }
    if demand.replicas == 1:  # nobody takes over for a broker that is down
        limits |= {"network": limits["network"] - 1, "cores": limits["cores"] - 1}
    because = max(limits, key=lambda each: (limits[each], each == "replicas"))
    count = limits[because]
    up = max(count - 1, 1) if demand.replicas > 1 else count
    return Brokers(
        count=count,
        disk=math.ceil(disk / count),
        inbound=inbound / up,
        outbound=outbound / up,
        cores=cores / up,
        because=because,
    )


def gateway_cores(demand: Demand) -> float:
    """Cores that its pods use at the highest load; 0 if nobody uses it."""
    at_average = (
        demand.single / SINGLE_PER_CORE + demand.batched / BATCHED_PER_CORE + demand.streamed / STREAMED_PER_CORE
    )
    return at_average * demand.peak


def gateway_pods(cores: float) -> int:
    """Pods of one core each: one of them may be down."""
    return 1 + max(1, math.ceil(cores / USED))
