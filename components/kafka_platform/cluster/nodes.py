"""Properties of Kafka nodes: CPU and memory, JVM, volume, version and number. No Pulumi."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from kafka_platform.values.form import QUANTITY
from kafka_platform.values.forms import Compute, Spec, formed, mapping, memory_of, processors
from kafka_platform.values.free_maps import check_jvm_options
from kafka_platform.values.units import quantity, volume

MOST_HEAP = Decimal("0.8")
"""Share of a node's memory: the rest is Java's own, for threads, code and buffers, and Kubernetes ends a pod that takes more."""
MOST_NODES = 900
"""Nodes of one Kafka: as many numbers as brokers can have."""
# Half of the memory for the heap is Kafka's own advice for small brokers; above 6 GiB a broker gains more from page cache.
_LARGEST_HEAP = 6 * 2**30
_HEAP = re.compile(r"[0-9]{1,8}[mMgG]")
LEAST_VOLUME = 2**30
"""Bytes: Kafka rolls segments of 1 GiB; a smaller volume fills up at once."""
LEAST_VERSION = (4, 0, 0)
"""Of Kafka: the first without ZooKeeper; older ones read other logging files."""
_VERSION = re.compile(r"(\d+)\.(\d+)\.(\d+)(-[A-Za-z0-9.]+)?")


def check_volume(size: str) -> None:
    """Raises unless a node's volume can have this size."""
    if volume(size) < LEAST_VOLUME:
        raise ValueError(f"{size} is too little, one segment of a log is 1Gi: use at least 1Gi")


def volume_of(default: Any, *examples: str) -> Any:
    """A field with the size of a node's volume."""
    return formed(default, check_volume, pattern=QUANTITY, examples=list(examples))


def check_nodes(nodes: int) -> None:
    """Raises unless an embedded Kafka may have so many nodes."""
    if not 1 <= nodes <= MOST_NODES:
        raise ValueError(f"{nodes} is out of range: use 1 to {MOST_NODES}")
    if nodes == 2:
        raise ValueError("2 nodes have no majority when one is down, so they are no safer than one: use 1 or 3")


def check_version(version: str) -> None:
    """Raises unless it is a version of Kafka that can be run."""
    match = _VERSION.fullmatch(version)
    if match is None:
        raise ValueError(f"{version!r} is not a version of Kafka: write three numbers, such as 4.3.1")
    if tuple(int(match[part]) for part in (1, 2, 3)) < LEAST_VERSION:
        raise ValueError(f"{version} is too old: use 4.0.0 or newer, such as 4.3.1")


def heap_megabytes(memory: str) -> int:
    """The JVM's heap in MiB for a memory limit."""
    return min(int(quantity(memory) / 2), _LARGEST_HEAP) // 2**20


def _check_heap(heap: str) -> None:
    if not _HEAP.fullmatch(heap):
        raise ValueError(f"{heap!r} is not a heap of Java: write a number with m or g, such as 4g")


@dataclass(frozen=True, kw_only=True)
class Jvm(Spec):
    """JVM settings of a node."""

    heap: str | None = formed(None, _check_heap, pattern=f"^{_HEAP.pattern}$", examples=["4g"])
    """Heap size, such as `4g`. Default: half of the node's memory, at most 6 GiB: the rest is page cache."""
    options: Mapping[str, str] = mapping(check_jvm_options)
    """-XX options by name, such as `MaxGCPauseMillis: "20"`. They replace all of Kafka's own. Default: Kafka's own."""

    @property
    def arguments(self) -> str:
        """The options as Java takes them: `true` and `false` switch on and off."""
        switches = {"true": "+", "false": "-"}
        return " ".join(
            f"-XX:{switches[value]}{name}" if value in switches else f"-XX:{name}={value}"
            for name, value in sorted(self.options.items())
        )

    def heap_in(self, memory: str) -> str:
        """The heap of a node with so much memory, as Java takes it."""
        return self.heap or f"{heap_megabytes(memory)}m"

    def check_fits(self, memory: str) -> None:
        """Raises for a heap that leaves too little of a node's memory to Java itself."""
        most = int(quantity(memory) * MOST_HEAP / 2**20)
        if self.heap_megabytes > most:
            raise ValueError(
                f"heap {self.heap} does not fit into {memory}, of which Java itself needs a part: use at most {most}m"
            )

    @property
    def heap_megabytes(self) -> int:
        """The heap, if one is given; otherwise 0."""
        if self.heap is None:
            return 0
        return int(self.heap[:-1]) * (1024 if self.heap[-1] in "gG" else 1)


@dataclass(frozen=True, kw_only=True)
class Resources(Compute):
    """CPU and memory of one Kafka node."""

    cpu: str = processors("100m", "500m", "2")
    """CPU request. Default 100m: three nodes fit on a laptop; idle CPU is used as well."""
    cpu_limit: str | None = processors(None, "2")
    """CPU limit. Default: none."""
    # A broker with less heap than this collects garbage all the time.
    memory: str = memory_of("a broker", "1Gi", least="512Mi")
    """Memory request and limit, at least 512Mi; half is the JVM's heap, the rest is for threads and buffers. Default
    1Gi."""
