"""What a load needs, by arithmetic that a simulation and hand-made cases repeat."""

import math
from collections import deque
from dataclasses import replace
from typing import Any

import pytest

from infra.sizing.formulas import (
    APPENDS_PER_CORE,
    FILLED,
    REACTION_SECONDS,
    SEGMENT_BYTES,
    Demand,
    Machine,
    brokers_for,
    gateway_cores,
    gateway_pods,
    kept_bytes,
    longest_wait,
    partitions_for,
    pods_before,
    pods_for,
    pods_of_reader,
)

DAY = 86_400.0
DEMAND = Demand(records=5_000, size=1_000, peak=3, retention=7 * DAY, per_pod=200)


def waits(before: int, per_pod: float, peak: float, after: int) -> float:
    """The longest wait in a queue that is simulated in steps of 10 ms."""
    queue: deque[list[float]] = deque()  # when they came, how many
    longest, step = 0.0, 0.01
    for at in range(int(3 * REACTION_SECONDS / step)):
        now = at * step
        queue.append([now, peak * step])
        can = (before if now < REACTION_SECONDS else after) * per_pod * step
        while queue and can > 1e-9:
            taken = min(can, queue[0][1])
            can -= taken
            queue[0][1] -= taken
            longest = max(longest, now - queue[0][0])
            if queue[0][1] <= 1e-9:
                queue.popleft()
    return longest


@pytest.mark.parametrize(("before", "per_pod", "peak"), [(1, 200, 480), (2, 200, 480), (3, 200, 480), (5, 37, 1_000)])
def test_the_longest_wait_is_that_of_a_simulated_queue(before: int, per_pod: float, peak: float) -> None:
    simulated = waits(before, per_pod, peak, pods_for(peak, per_pod))
    assert longest_wait(before, per_pod, peak) == pytest.approx(simulated, abs=0.3)


def test_it_agrees_with_what_was_measured() -> None:
    """docs/benchmarks.md, Elastic workers: p99 15.3 s from one pod, milliseconds from three."""
    assert 15.3 <= longest_wait(1, 200, 480) <= 18
    assert longest_wait(3, 200, 480) == 0


@pytest.mark.parametrize("delay", [0.0, 1.0, 8.0, 29.0, 30.0, 300.0])
@pytest.mark.parametrize(("per_pod", "peak"), [(200, 480), (1, 7), (3.5, 1_000)])
def test_the_pods_before_a_step_are_the_fewest(delay: float, per_pod: float, peak: float) -> None:
    pods = pods_before(peak, per_pod, delay)
    assert longest_wait(pods, per_pod, peak) <= delay + 1e-6
    assert pods == 1 or longest_wait(pods - 1, per_pod, peak) > delay


@pytest.mark.parametrize(("records", "pods"), [(0.01, 1), (200, 1), (200.1, 2), (600, 3)])
def test_pods(records: float, pods: int) -> None:
    assert pods_for(records, 200) == pods


def test_pods_are_not_rounded_up_for_what_floats_cannot_say() -> None:
    assert pods_for(0.3, 0.1) == 3


def test_what_is_kept_has_a_segment_of_each_partition() -> None:
    assert kept_bytes(10**6, DAY, None, 4) == 10**6 * DAY + 4 * SEGMENT_BYTES


def test_a_slow_topic_keeps_at_most_a_week_more() -> None:
    assert kept_bytes(1, DAY, None, 1) == DAY + 7 * DAY


def test_the_smaller_bound_decides() -> None:
    assert kept_bytes(10**6, DAY, 1_000, 2) == 2 * (1_000 + SEGMENT_BYTES)
    assert kept_bytes(10**6, None, 1_000, 2) == 2 * (1_000 + SEGMENT_BYTES)


def test_for_ever_has_no_size() -> None:
    assert kept_bytes(1, None, None, 1) is None


@pytest.mark.parametrize(
    ("changes", "partitions"),
    [
        ({}, 75),
        ({"per_pod": None}, 2),
        ({"per_pod": 100_000}, 2),
        ({"per_pod": None, "records": 1, "peak": 1}, 1),
        ({"size": 1_000_000}, 1_500),
    ],
)
def test_partitions(changes: dict[str, Any], partitions: int) -> None:
    assert partitions_for(replace(DEMAND, **changes))[0] == partitions


def test_a_reader_has_pods_on_average_and_before_a_step() -> None:
    pods = pods_of_reader(DEMAND)
    assert pods is not None
    assert (pods.min, pods.average, pods.most) == (50, 50, 75)
    patient = pods_of_reader(replace(DEMAND, delay=60))
    assert patient is not None
    assert (patient.min, patient.average, patient.most) == (1, 25, 75)


def test_disks_decide() -> None:
    brokers = brokers_for(DEMAND, Machine(), 75)
    assert brokers is not None
    kept = (5_000 * 1_000 * 7 * DAY + 75 * SEGMENT_BYTES) * 3 / FILLED
    assert (brokers.count, brokers.because) == (math.ceil(kept / 2**40), "disk")
    assert brokers.disk * brokers.count >= kept
    assert brokers.disk <= 2**40


def test_a_small_load_takes_a_broker_for_each_copy() -> None:
    brokers = brokers_for(replace(DEMAND, records=10), Machine(), 1)
    assert brokers is not None
    assert (brokers.count, brokers.because) == (3, "replicas")


def test_network_decides_with_one_broker_down() -> None:
    brokers = brokers_for(replace(DEMAND, records=100_000, retention=60, readers=5), Machine(network=50_000_000), 30)
    assert brokers is not None
    assert brokers.because == "network"
    sent = 100_000 * 3 * 1_000 * (2 + 5)
    assert brokers.outbound == pytest.approx(sent / (brokers.count - 1))
    assert brokers.outbound <= 50_000_000 * 0.6


def test_cores_decide() -> None:
    small = replace(DEMAND, records=500_000, size=10, retention=60, per_pod=None)
    brokers = brokers_for(small, Machine(cores=1), 10)
    assert brokers is not None
    assert brokers.because == "cores"
    assert brokers.cores <= 0.6
    assert brokers.count > 500_000 * 3 * 3 / APPENDS_PER_CORE


def test_one_copy_has_nobody_to_take_over() -> None:
    brokers = brokers_for(replace(DEMAND, records=10, replicas=1), Machine(), 1)
    assert brokers is not None
    assert brokers.count == 1


def test_for_ever_has_no_number_of_brokers() -> None:
    assert brokers_for(replace(DEMAND, retention=None), Machine(), 1) is None


def test_a_gateway_has_a_pod_to_spare() -> None:
    assert gateway_cores(DEMAND) == 0
    assert gateway_cores(replace(DEMAND, single=17_000, peak=1)) == 1
    assert gateway_pods(0.01) == 2
    assert gateway_pods(1) == 3
