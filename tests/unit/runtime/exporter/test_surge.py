"""When pods are added at once: the arithmetic, and what is asked of Kubernetes."""

import json
from collections.abc import Mapping
from typing import Any

import pytest
from kafka_platform_runtime.exporter.cluster import Metadata, Partition, Replicas
from kafka_platform_runtime.exporter.raising import MERGE, Surges
from kafka_platform_runtime.exporter.surge import (
    HELD_SECONDS,
    REACTION_SECONDS,
    Arrivals,
    Workload,
    longest_wait,
    wanted,
    workloads,
)
from kafka_platform_runtime.failures import Refused, Transient
from prometheus_client.parser import text_string_to_metric_families

from infra.sizing import formulas

SORTER = Workload(namespace="shop", name="sorter", topics=["readings"], per_pod=160, delay=8, most=6)


class Broker:
    """Where partitions end."""

    def __init__(self) -> None:
        self.ends: dict[Partition, int] = {("readings", 0): 0, ("readings", 1): 0, ("others", 0): 0}
        self.trouble: Exception | None = None
        self.closed = 0

    def metadata(self) -> Metadata:
        replicas = Replicas(leader=1, brokers=[1], in_sync=1)
        return Metadata(brokers=[1], topics={"readings": {0: replicas, 1: replicas}, "others": {0: replicas}})

    def offsets(self, leader: int, partitions: list[Partition], timestamp: int) -> dict[Partition, tuple[int, int]]:
        if self.trouble is not None:
            raise self.trouble
        return {each: (self.ends[each], 0) for each in partitions}

    def close(self) -> None:
        self.closed += 1


class Api:
    """A Deployment's scale, as the API server keeps it."""

    def __init__(self, pods: int) -> None:
        self.pods, self.version = pods, 1
        self.asked: list[tuple[str, str]] = []
        self.meanwhile: int | None = None
        """What somebody else sets between a look and a change."""
        self.status = 200

    def get(self, path: str, what: str) -> dict[str, Any]:
        self.asked.append(("GET", path))
        found = {"metadata": {"resourceVersion": str(self.version)}, "spec": {"replicas": self.pods}}
        if self.meanwhile is not None:
            self.pods, self.version, self.meanwhile = self.meanwhile, self.version + 1, None
        return found

    def ask(self, method: str, path: str, content: Mapping[str, Any], kind: str) -> tuple[int, Any]:
        assert kind == MERGE
        self.asked.append((method, path))
        if content["metadata"]["resourceVersion"] != str(self.version):
            return 409, {"message": "the object has been modified"}
        if self.status >= 400:
            return self.status, {"message": "forbidden"}
        assert content["spec"].keys() == {"replicas"}
        self.pods, self.version = content["spec"]["replicas"], self.version + 1
        return 200, {}


class Load:
    """Records that arrive while the exporter looks once a second."""

    def __init__(self, pods: int) -> None:
        self.broker, self.api, self.now = Broker(), Api(pods), 100.0
        connect: Any = lambda: self.broker  # noqa: E731
        api: Any = self.api
        self.surges = Surges([SORTER], connect, api, clock=lambda: self.now)

    def goes(self, rate: int, seconds: int) -> None:
        for _ in range(seconds):
            self.broker.ends["readings", 0] += rate // 2
            self.broker.ends["readings", 1] += rate - rate // 2
            self.broker.ends["others", 0] += 10_000
            self.now += 1
            self.surges.once()

    @property
    def shown(self) -> dict[str, float]:
        families = text_string_to_metric_families(self.surges.text.decode())
        return {
            sample.name + "".join(f" {value}" for _, value in sorted(sample.labels.items())): sample.value
            for family in families
            for sample in family.samples
        }


@pytest.mark.parametrize("pods", [1, 2, 3, 10])
@pytest.mark.parametrize("rate", [1.0, 100.0, 160.0, 480.0, 5000.0])
def test_it_reckons_as_check_does(pods: int, rate: float) -> None:
    assert REACTION_SECONDS == formulas.REACTION_SECONDS
    assert longest_wait(pods, 160, rate) == pytest.approx(formulas.longest_wait(pods, 160, rate))


@pytest.mark.parametrize(
    ("rate", "pods", "expected"),
    [
        (120, 1, None),
        (170, 1, None),  # waits less than is acceptable until the autoscaler acts
        (480, 1, 3),
        (485, 1, 3),
        (500, 1, 4),
        (480, 2, 3),
        (480, 3, None),
        (480, 6, None),
        (5000, 1, 6),  # no more than there may be
        (5000, 6, None),
        (480, 0, None),  # the first pod is KEDA's to start
        (0, 1, None),
    ],
)
def test_how_many_pods_are_needed_at_once(rate: float, pods: int, expected: int | None) -> None:
    assert wanted(SORTER, rate, pods) == expected


def test_a_step_is_met_two_seconds_later_and_only_once() -> None:
    load = Load(pods=1)
    load.goes(120, 20)
    assert load.api.asked == []
    load.goes(480, 1)
    assert load.api.pods == 1, "one look is no step"
    load.goes(480, 1)
    assert load.api.pods == 3
    load.goes(480, 100)
    assert [method for method, _ in load.api.asked].count("PATCH") == 1
    assert load.api.asked[0] == ("GET", "/apis/apps/v1/namespaces/shop/deployments/sorter/scale")
    assert load.shown["kafka_surge_raised_total shop sorter"] == 1


def test_nothing_is_ever_lowered() -> None:
    load = Load(pods=5)
    load.goes(480, 30)
    load.goes(10, 30)
    assert load.api.pods == 5
    assert "PATCH" not in [method for method, _ in load.api.asked]


def test_what_the_autoscaler_does_meanwhile_stands() -> None:
    load = Load(pods=1)
    load.goes(480, 2)
    load.api.meanwhile = 5
    load.goes(480, 20)
    assert load.api.pods == 5, "a change of somebody else was overwritten"


def test_pods_that_somebody_removes_come_back_while_records_come() -> None:
    load = Load(pods=1)
    load.goes(480, 10)
    load.api.pods, load.api.version = 1, 50
    load.goes(480, 20)
    assert load.api.pods == 3


def test_one_batch_is_no_step() -> None:
    load = Load(pods=1)
    for _ in range(10):
        load.goes(5000, 1)
        load.goes(0, 5)
    assert load.api.asked == []


def test_the_autoscaler_sees_the_rate_for_a_minute_and_no_longer() -> None:
    load = Load(pods=3)
    load.goes(480, 10)
    load.goes(120, int(HELD_SECONDS) - 5)
    assert load.shown["kafka_surge_records_per_second shop sorter"] == pytest.approx(480)
    load.goes(120, 10)
    assert load.shown["kafka_surge_records_per_second shop sorter"] == pytest.approx(120)
    load.broker.trouble = Transient("no broker answers")
    load.goes(120, int(HELD_SECONDS) + 1)
    assert load.shown["kafka_surge_records_per_second shop sorter"] == 0, "what nobody can see is not shown for ever"


def test_a_failure_is_counted_and_ends_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    load = Load(pods=1)
    load.goes(480, 2)
    load.broker.trouble = Transient("no broker answers")
    load.goes(480, 3)
    load.broker.trouble = None
    load.api.status = 403
    load.goes(480, 4)
    assert load.shown["kafka_surge_failures_total offsets"] == 3
    assert load.shown["kafka_surge_failures_total scale"] >= 1
    assert load.broker.closed == 3
    load.api.status = 200
    load.goes(480, 3)
    assert load.api.pods == 3
    said = capsys.readouterr().out
    assert said.count("no broker answers") == 1, "the same is said again and again"
    assert "shop/sorter: from 1 to 3 pods for 480 records/s" in said


def test_partitions_that_come_or_are_gone_for_a_while_are_no_records() -> None:
    seen = Arrivals()
    ends = {("a", 0): 1000}
    for second in range(5):
        seen.seen(float(second), ends)
    ends = {("a", 0): 1000, ("a", 1): 900_000}
    assert seen.seen(5.0, ends) == 0
    assert seen.seen(6.0, {}) == 0
    assert seen.seen(7.0, ends) == 0
    assert seen.seen(8.0, {("a", 0): 0, ("a", 1): 900_000}) == 0, "a topic that was made anew"
    assert seen.held(8.0) == 0


def test_memory_is_bounded_however_long_it_runs() -> None:
    seen = Arrivals()
    for second in range(5000):
        seen.seen(float(second), {("a", 0): 1_000_000 * second - second * second})
    assert len(seen._sure) <= HELD_SECONDS + 2


def test_reads_what_is_rendered() -> None:
    listed = [
        {
            "namespace": "shop",
            "name": "sorter",
            "topics": ["readings"],
            "recordsPerSecondPerPod": 160,
            "acceptableDelaySeconds": 8,
            "max": 6,
        }
    ]
    assert workloads(json.dumps(listed)) == [SORTER]


@pytest.mark.parametrize("text", ["", "{}x", "[1]", "[{}]", '{"a": 1}', '[{"namespace": "a"}]'])
def test_a_file_of_another_form_is_refused_in_one_line(text: str) -> None:
    with pytest.raises(Refused, match=r"^EXPORTER_SURGE_FILE: not a list of workloads") as caught:
        workloads(text)
    assert len(caught.value.faults) == 1
