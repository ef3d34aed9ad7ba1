"""When a job runs: lines of cron and time zones, as Kubernetes takes them. No Pulumi."""

import re
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from kafka_platform.values.words import suggest

_MACROS = ("@annually", "@daily", "@hourly", "@midnight", "@monthly", "@weekly", "@yearly")
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_FIELDS = (
    ("minute", 0, 59, ()),
    ("hour", 0, 23, ()),
    ("day of the month", 1, 31, ()),
    ("month", 1, 12, _MONTHS),
    ("day of the week", 0, 6, _DAYS),
)
"""Of the parser that Kubernetes uses, github.com/robfig/cron/v3; Sunday is 0 alone."""
_ENTRY = re.compile(r"(?:[*?]|(?P<first>\w+)(?P<range>-(?P<last>\w+))?)(?:/(?P<step>[0-9]{1,9}))?")
_ZONE = re.compile(r"[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+)*")
_EXAMPLE = (
    "write minute, hour, day of the month, month and day of the week, such as '0 3 * * *' for each night at three"
)


def check_schedule(schedule: str) -> None:
    """Raises unless it is a line of cron: five fields, or a word such as `@daily`.

    Kubernetes' own check of CronJobs also takes `@every`, which begins anew whenever its controller starts.
    """
    if schedule.startswith("@"):
        if schedule not in _MACROS:
            raise ValueError(f"{schedule!r} is not a schedule: {suggest(schedule, _MACROS)}")
        return
    if "TZ=" in schedule:
        raise ValueError(f"{schedule!r} names a time zone: write it in time_zone")
    found = schedule.split()
    if len(found) != len(_FIELDS):
        raise ValueError(f"{schedule!r} has {len(found)} fields instead of 5: {_EXAMPLE}")
    for text, (name, least, most, words) in zip(found, _FIELDS, strict=True):
        for entry in text.split(","):
            _check_entry(entry, name, least, most, words)


def _check_entry(entry: str, name: str, least: int, most: int, words: tuple[str, ...]) -> None:
    match = _ENTRY.fullmatch(entry)
    if match is None:
        raise ValueError(
            f"{entry!r} is not a valid {name}: write {least} to {most}, a list, a range such as 1-5, * or */5"
        )
    numbers = [_number(text, least, words) for text in match.group("first", "last") if text is not None]
    for number in numbers:
        if number is None or not least <= number <= most:
            named = f", or {words[0]} to {words[-1]}" if words else ""
            raise ValueError(f"{entry!r} is not a valid {name}: write {least} to {most}{named}")
    if len(numbers) == 2 and (numbers[0] or 0) > (numbers[1] or 0):
        raise ValueError(f"{entry!r} ends before it begins: write the smaller {name} first")
    if match["step"] is not None and int(match["step"]) == 0:
        raise ValueError(f"{entry!r} has no step: write one from 1, such as */5")


def _number(text: str, least: int, words: tuple[str, ...]) -> int | None:
    if text.isdecimal() and text.isascii():
        return int(text)
    return words.index(text.lower()) + least if text.lower() in words else None


def check_time_zone(zone: str) -> None:
    """Raises unless it is the name of a time zone, as far as this machine knows them."""
    if not _ZONE.fullmatch(zone) or zone.lower() == "local":
        raise ValueError(f"{zone!r} is not a time zone: write one such as Europe/Berlin")
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        known = available_timezones()
        if known:
            raise ValueError(f"{zone!r} is not a time zone: {suggest(zone, sorted(known))}") from None
