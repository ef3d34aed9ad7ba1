"""The bounds of a look, with a cluster that is too large or too slow for a real one in a test."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast

import pytest
from kafka_platform_runtime.exporter import look
from kafka_platform_runtime.exporter.cluster import Cluster, Group, Metadata, Partition, Replicas
from kafka_platform_runtime.exporter.history import LEAST_POINTS, MOST_POINTS, MOST_POINTS_OF_ALL, History, points_each
from kafka_platform_runtime.exporter.look import Looker, Snapshot
from kafka_platform_runtime.exporter.settings import Settings


class Large:
    """A cluster of one broker, with a topic, and groups that have committed offsets of so many of its partitions."""

    def __init__(self, partitions: int, groups: Mapping[str, int]) -> None:
        self.partitions, self.committed_by = partitions, groups
        self.asked: list[Sequence[str]] = []

    def metadata(self) -> Metadata:
        one = Replicas(leader=1, brokers=[1], in_sync=1)
        return Metadata(brokers=[1], topics={"orders": dict.fromkeys(range(self.partitions), one)})

    def groups(self, broker: int) -> list[Group]:
        return [Group(name=each, kind="classic", state="Empty", coordinator=1) for each in self.committed_by]

    def committed(self, broker: int, groups: Sequence[str]) -> dict[str, dict[Partition, int]]:
        self.asked.append(groups)
        return {name: {("orders", number): 1 for number in range(self.committed_by[name])} for name in groups}

    def offsets(self, leader: int, partitions: Iterable[Partition], timestamp: int) -> Any:
        return dict.fromkeys(partitions, (0 if timestamp == -2 else 10, -1))

    def members(self, *_: object) -> dict[str, int]:
        return {}

    def newer_members(self, *_: object) -> dict[str, int]:
        return {}

    def sizes(self, broker: int) -> dict[str, int]:
        return {}


def seen(cluster: Large) -> Snapshot:
    return Looker(Settings()).look(cast(Cluster, cluster))


def test_a_group_that_commits_everywhere_is_left_out_before_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(look, "MOST_OFFSETS", 100)
    found = seen(Large(90, {"a-greedy": 90, "b-greedy": 90, "modest": 5, "plain": 4}))
    assert {group for group, _ in found.lags} == {"a-greedy", "modest", "plain"}
    assert found.left_out["offsets"] == 1
    assert set(found.groups) == {"a-greedy", "b-greedy", "modest", "plain"}


def test_an_answer_is_small_however_many_partitions_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(look, "OFFSETS_AT_ONCE", 30)
    large = Large(10, {f"g{number}": 10 for number in range(7)})
    found = seen(large)
    assert [len(each) for each in large.asked] == [3, 3, 1]
    assert len(found.lags) == 7


def test_a_look_at_slow_brokers_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(look, "LOOK_SECONDS", -1.0)
    large, looker = Large(10, {"g": 10}), Looker(Settings())
    found = looker.look(cast(Cluster, large))
    assert large.asked == []
    assert found.brokers == 1
    assert looker.errors["groups"] == 1


def test_the_points_of_all_partitions_are_bounded() -> None:
    assert points_each(0) == points_each(1000) == MOST_POINTS
    assert points_each(50_000) * 50_000 <= MOST_POINTS_OF_ALL
    assert points_each(10**9) == LEAST_POINTS
    history = History()
    for number in range(100):
        history.see(float(number), number)
    history.see(100.0, 100, LEAST_POINTS)
    assert len(history._points) <= LEAST_POINTS
    assert history._points[0][1] == 0.0
    assert history._points[-1] == (100, 100.0)
