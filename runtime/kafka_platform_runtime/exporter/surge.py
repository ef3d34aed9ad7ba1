"""Whether more pods are needed than a workload has, before its lag shows it: pure arithmetic.

Kubernetes' autoscaler looks every 15 s at a lag that a step of the load only begins to build up. Records that arrive tell
within two seconds. By the same formulas `python -m infra check` says what a declared load needs (`infra/sizing`, which a
test compares).
"""

import json
import math
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from kafka_platform_runtime.failures import Refused

REACTION_SECONDS = 30
"""From a step of the load until the pods read that the autoscaler adds (docs/benchmarks.md, Elastic workers: 15 to 30 s)."""
SLACK = 0.1
"""Share of a pod that is not worth another one, as the autoscaler's own tolerance: rates are never exactly what is declared."""
HELD_SECONDS = 60.0
"""How long the highest rate is shown: the autoscaler must see, four times at least, what pods were added for, and keep them."""
SURE = 2
"""Looks in a row that a rate must have been reached in: one batch is no step."""
MOST_WORKLOADS = 2000
"""Workloads that are looked after."""


@dataclass(frozen=True, kw_only=True)
class Workload:
    """A Deployment that follows its lag, and how far."""

    namespace: str
    name: str
    topics: Sequence[str]
    """What its group reads, in full or with a `*` at the end."""
    per_pod: float
    """Records that one pod handles in a second."""
    delay: float
    """Seconds that a record may wait."""
    most: int
    """Pods there may be."""

    def reads(self, topic: str) -> bool:
        """Whether it reads a topic of that name."""
        return any(topic.startswith(each[:-1]) if each.endswith("*") else topic == each for each in self.topics)


def workloads(text: str) -> list[Workload]:
    """Reads the file of workloads, which is JSON. Raises `Refused` if it has another form."""
    try:
        return [_workload(each) for each in json.loads(text)][:MOST_WORKLOADS]
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise Refused([f"EXPORTER_SURGE_FILE: not a list of workloads: {type(error).__name__}: {error}"]) from None


def _workload(given: Mapping[str, Any]) -> Workload:
    found = Workload(
        namespace=str(given["namespace"]),
        name=str(given["name"]),
        topics=[str(each) for each in given["topics"]],
        per_pod=float(given["recordsPerSecondPerPod"]),
        delay=float(given["acceptableDelaySeconds"]),
        most=int(given["max"]),
    )
    if not (found.per_pod > 0 and found.delay >= 0 and found.most >= 1):
        raise ValueError(f"{found.name}: a number is out of range")
    return found


def longest_wait(pods: int, per_pod: float, rate: float) -> float:
    """Seconds that a record waits at most if nothing is done until the autoscaler's pods read."""
    return REACTION_SECONDS * max(0.0, 1 - pods * per_pod / rate) if rate > 0 else 0.0


def wanted(workload: Workload, rate: float, pods: int) -> int | None:
    """The pods that there must be at once; None if those that there are suffice until the autoscaler acts.

    Args:
        workload: what is scaled.
        rate: records that arrive in a second.
        pods: those that there are. None are never the first: KEDA decides on that.
    """
    if pods < 1 or longest_wait(pods, workload.per_pod, rate) <= workload.delay:
        return None
    needed = min(workload.most, math.ceil(rate / workload.per_pod - SLACK))
    return needed if needed > pods else None


@dataclass
class Arrivals:
    """How fast records come in for one workload."""

    _ends: dict[tuple[str, int], int] = field(default_factory=dict)
    _at: float | None = None
    _recent: deque[float] = field(default_factory=lambda: deque(maxlen=SURE))
    _sure: deque[tuple[float, float]] = field(default_factory=deque)
    """Time and rate, falling: the first is the highest of the last HELD_SECONDS."""

    def seen(self, at: float, ends: Mapping[tuple[str, int], int]) -> float:
        """Takes in where the partitions end, and returns the rate that is sure: the lowest of the last looks.

        Args:
            at: time of a clock that never goes back.
            ends: the next offset of each partition; those that are missing were not to be had, and count from the next time on.
        """
        if self._at is None or at <= self._at:
            self._ends, self._at = dict(ends), at
            return 0.0
        came = sum(max(0, end - self._ends[each]) for each, end in ends.items() if each in self._ends)
        self._recent.append(came / (at - self._at))
        self._ends, self._at = dict(ends), at
        sure = min(self._recent) if len(self._recent) == SURE else 0.0
        while self._sure and self._sure[-1][1] <= sure:
            self._sure.pop()
        self._sure.append((at, sure))
        while self._sure[0][0] < at - HELD_SECONDS:
            self._sure.popleft()
        return sure

    def held(self, at: float) -> float:
        """The highest sure rate of the last HELD_SECONDS; 0 if nothing is known of them."""
        return max((rate for when, rate in list(self._sure) if when >= at - HELD_SECONDS), default=0.0)
