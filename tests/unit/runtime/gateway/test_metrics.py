"""What the gateway counts by user: bounded, readable, and only those whom Kafka has let in."""

from collections.abc import Iterator

import pytest
from kafka_platform_runtime.gateway.metrics import MOST_USERS, OTHER_USERS, Metrics
from prometheus_client import generate_latest

from tests.unit.runtime.gateway.conftest import Program


def users(metrics: Metrics) -> Iterator[str]:
    for line in generate_latest(metrics.registry).decode().splitlines():
        if line.startswith("gateway_user_requests_total{") and 'outcome="ok"' in line:
            yield line.partition('user="')[2].partition('"')[0]


def test_there_are_no_more_users_than_the_bound() -> None:
    metrics = Metrics()
    for number in range(MOST_USERS + 50):
        metrics.answered("write", 200, 0.01, f"user-{number}")
    found = list(users(metrics))
    assert len(found) == MOST_USERS + 1
    assert found[-1] == OTHER_USERS
    assert (
        f'gateway_user_requests_total{{outcome="ok",user="{OTHER_USERS}"}} 50.0'
        in generate_latest(metrics.registry).decode()
    )


@pytest.mark.parametrize("name", ['x"} evil{', "two\nlines", "half \ud800"])
def test_no_name_keeps_prometheus_from_reading(name: str) -> None:
    metrics = Metrics()
    metrics.answered("write", 503, 0.01, name)
    lines = [
        each
        for each in generate_latest(metrics.registry).decode().splitlines()
        if "gateway_user_requests_total{" in each
    ]
    assert len(lines) == 3


def test_only_users_whom_kafka_has_let_in_are_counted(gateway: Program) -> None:
    assert gateway.ask("GET", "/topics").status == 200
    assert gateway.ask("GET", "/topics", user="nobody-knows").status == 401
    text = gateway.beside("/metrics")[1]
    assert 'gateway_user_requests_total{outcome="ok",user="' in text
    assert "nobody-knows" not in text
