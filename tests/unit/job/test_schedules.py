"""Schedules and time zones that jobs can have."""

import pytest
from kafka_platform.job.schedules import check_schedule, check_time_zone

from tests.schedules import REFUSED, TAKEN


@pytest.mark.parametrize("schedule", TAKEN)
def test_what_cron_knows_is_taken(schedule: str) -> None:
    check_schedule(schedule)


@pytest.mark.parametrize(
    "schedule", [*REFUSED, "1,,2 * * * *", "@every 1h", "TZ=UTC 0 3 * * *", "CRON_TZ=UTC 0 3 * * *"]
)
def test_everything_else_is_refused_in_one_line(schedule: str) -> None:
    with pytest.raises(ValueError, match=r"is not|has|names|ends") as refused:
        check_schedule(schedule)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("zone", ["Etc/UTC", "UTC", "Europe/Berlin", "America/Argentina/Buenos_Aires", "Etc/GMT+5"])
def test_time_zones(zone: str) -> None:
    check_time_zone(zone)


@pytest.mark.parametrize(
    "zone",
    ["", "Local", "local", "Mars/Base", "europe", "/etc/localtime", "../UTC", "Europe/Berlin\n", "UTC\0", "a" * 9999],
)
def test_what_is_no_time_zone(zone: str) -> None:
    with pytest.raises(ValueError, match="is not a time zone"):
        check_time_zone(zone)
