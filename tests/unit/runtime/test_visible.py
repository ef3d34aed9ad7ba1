"""Waiting until brokers know what was changed."""

from types import SimpleNamespace
from typing import Any

import pytest
from kafka_platform_runtime.failures import Transient
from kafka_platform_runtime.provisioner import visible


class Clock:
    """Time passes by sleeping alone."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.mark.parametrize(("shown_after", "most_looks"), [(0.0, 1), (0.2, 4), (10.0, 18), (19.0, 30)])
def test_a_broker_that_takes_long_is_asked_few_times(
    monkeypatch: pytest.MonkeyPatch, shown_after: float, most_looks: int
) -> None:
    """Each look asks for all topics: many topics take a broker longer, and would be asked for more often as well."""
    clock, looks = Clock(), 0

    def missing(*_: Any) -> str | None:
        nonlocal looks
        looks += 1
        return None if clock.now >= shown_after else "does not show topic 'orders' yet"

    monkeypatch.setattr(visible, "time", clock)
    monkeypatch.setattr(visible, "_missing", missing)
    monkeypatch.setattr(visible, "AdminClient", lambda _: None)
    broker = SimpleNamespace(id=1, host="b", port=9092)
    connection: Any = SimpleNamespace(at=lambda _: SimpleNamespace(confluent=dict))
    metadata: Any = SimpleNamespace(brokers={1: broker})
    visible.wait_until_visible(connection, metadata, partitions={"orders": 1}, deleted=(), login=None)
    assert looks <= most_looks
    assert clock.now <= shown_after + visible.LONGEST_PAUSE_SECONDS
    shown_after = visible.FOLLOW_SECONDS * 2
    with pytest.raises(Transient, match=r"^broker 1 \(b:9092\): does not show topic 'orders' yet$"):
        visible.wait_until_visible(connection, metadata, partitions={"orders": 1}, deleted=(), login=None)
