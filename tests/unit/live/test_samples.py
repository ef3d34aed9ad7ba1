"""Metrics in Prometheus' text format, as real programs and hostile ones write them."""

import math

import pytest

from infra.live import metrics
from infra.live.samples import MOST_SAMPLES, parse, per_second, quantile
from tests.unit.live.recordings import samples, shown


def test_what_a_real_gateway_shows() -> None:
    found = samples("gateway", 0.0)
    assert found.total(metrics.REQUESTS) or 0 > 0
    assert {status for (status,) in found.by(metrics.REQUESTS, "status")} >= {"200"}
    assert found.has(metrics.REQUEST_SECONDS)


def test_names_of_groups_may_have_anything_in_them() -> None:
    text = (
        r'kafka_consumergroup_lag{consumergroup="a\"} 9\n\\,b=\"",topic="t"} 5'
        + "\u2028\x85\n"
        + "kafka_brokers 3 1700000000000\n"
    )
    text = text.replace("\u2028\x85", "")
    found = shown(text, 0.0)
    assert found.by(metrics.LAG, "consumergroup", "topic") == {('a"} 9\n\\,b="', "t"): 5.0}
    assert found.total(metrics.KNOWN_BROKERS) == 3
    odd = shown('kafka_consumergroup_lag{consumergroup="a\u2028b\x85",topic="t"} 5\n', 0.0)
    assert list(odd.by(metrics.LAG, "consumergroup")) == [("a\u2028b\x85",)]


@pytest.mark.parametrize(
    "line",
    [
        "",
        "kafka_brokers +Inf",
        "kafka_brokers 1e999",
        "kafka_brokers",
        "kafka_brokers x",
        "kafka_brokers NaN",
        "kafka_brokers{a=} ",
        "{} 1",
        "\x00",
    ],
)
def test_what_is_no_sample_is_left_out(line: str) -> None:
    assert shown(f"{line}\n", 0.0).total(metrics.KNOWN_BROKERS) in (None, 1.0)
    assert not shown(f"{line}\n", 0.0).series.get("")


@pytest.mark.parametrize("labels", [" " * 300_000, "a" * 300_000, 'a="b' * 100_000, 'a="b",' * 50_000 + "\\"])
def test_no_line_takes_more_time_than_its_length(labels: str) -> None:
    """With the square of it this would take minutes."""
    parse(f"kafka_brokers{{{labels}}} 1\n", 0.0, metrics.NAMES)


def test_the_number_of_samples_is_bounded() -> None:
    text = "".join(f'm{{n="{n}"}} 1\n' for n in range(MOST_SAMPLES + 10))
    assert len(parse(text, 0.0, {"m"}).series["m"]) == MOST_SAMPLES


def test_a_counter_that_began_anew() -> None:
    assert per_second(100, 110, 5) == 2
    assert per_second(100, 10, 5) == 2
    assert per_second(None, 10, 5) is None
    assert per_second(1, 10, 0) is None


def test_quantiles() -> None:
    assert quantile(0.99, []) is None
    assert quantile(0.5, [(1.0, 0.0), (math.inf, 0.0)]) is None
    assert quantile(0.5, [(1.0, 50.0), (2.0, 100.0), (math.inf, 100.0)]) == 1.0
    assert quantile(0.75, [(1.0, 50.0), (2.0, 100.0), (math.inf, 100.0)]) == 1.5
    assert quantile(0.99, [(1.0, 50.0), (math.inf, 100.0)]) == 1.0
