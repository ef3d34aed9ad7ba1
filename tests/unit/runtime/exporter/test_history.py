"""Lag in seconds, from the ends of partitions at different times."""

import pytest
from kafka_platform_runtime.exporter.history import MOST_POINTS, History


def steady(rate: int, seconds: int) -> History:
    """A partition that gets `rate` records a second and is seen every ten seconds, from 0 on."""
    history = History()
    for at in range(0, seconds + 1, 10):
        history.see(float(at), rate * at)
    return history


def test_a_group_that_has_read_everything_is_not_behind() -> None:
    assert steady(100, 600).age(60_000, 605.0) == 0
    assert History().age(0, 1.0) == 0


@pytest.mark.parametrize("behind", [1, 5, 37, 100, 300])
def test_lag_is_the_age_of_the_next_record(behind: int) -> None:
    assert steady(100, 600).age(60_000 - 100 * behind, 600.0) == pytest.approx(behind, abs=0.1)


def test_a_writer_that_paused_does_not_make_old_records_young() -> None:
    history = steady(100, 100)
    for at in range(110, 1000, 10):
        history.see(float(at), 10_000)  # nothing is written for a quarter of an hour
    history.see(1000.0, 10_001)
    assert history.age(10_000, 1000.0) == pytest.approx(0.0, abs=10.0)
    assert history.age(9_999, 1000.0) == pytest.approx(900.0, abs=0.1)


def test_memory_is_bounded_and_keeps_what_is_old() -> None:
    history = steady(10, 100_000)
    assert len(history._points) <= MOST_POINTS
    assert history.age(10 * 50_000, 100_000.0) == pytest.approx(50_000, rel=0.1)
    assert history.age(10 * 99_990, 100_000.0) == pytest.approx(10, abs=10)


def test_what_is_older_than_all_that_is_known_is_at_least_that_old() -> None:
    history = History()
    history.see(100.0, 5000)
    assert not history.reaches(10)
    assert history.age(10, 130.0) == 30
    history.learn([(0, 40.0), (2500, 70.0), (9000, 90.0)])
    assert history.reaches(10)
    assert history.age(2500, 130.0) == pytest.approx(60, abs=0.1)


def test_a_topic_that_was_made_anew_begins_anew() -> None:
    history = steady(100, 100)
    history.see(110.0, 7)
    history.see(120.0, 17)
    assert history.age(7, 120.0) == pytest.approx(9, abs=0.1)
