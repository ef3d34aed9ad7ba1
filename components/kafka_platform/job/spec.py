"""The spec of a job. No Pulumi.

Every class checks itself when constructed and raises `ValueError` with one sentence that begins with the name of the
invalid field, as every spec does.
"""

from dataclasses import MISSING, dataclass
from enum import Enum

from kafka_platform.job.schedules import check_schedule, check_time_zone
from kafka_platform.program.spec import ProgramSpec
from kafka_platform.values.forms import duration, formed
from kafka_platform.values.names import check_workload
from kafka_platform.values.ranges import within


class Overlap(Enum):
    """What happens when a run is due while the one before is still going."""

    SKIP = "skip"
    """The run that is due is left out."""
    REPLACE = "replace"
    """The run that is going is ended, and the one that is due begins."""
    ALLOW = "allow"
    """Both run. They share the consumer group, so each gets some of the partitions."""


def check_job_name(name: str) -> None:
    """Raises unless it can be the name of a job, of its Kafka user and of its group.

    Each run is called `<name>-<minutes since 1970>`, which Kubernetes keeps to 63 characters.
    """
    check_workload(name, "job")


@dataclass(frozen=True, kw_only=True)
class JobSpec(ProgramSpec):
    """Settings of a job, shared by programs and stack files."""

    schedule: str = formed(MISSING, check_schedule, examples=["0 3 * * *", "*/15 * * * *", "@daily"])
    """When it runs: a line of cron (minute, hour, day of the month, month, day of the week), or a word such as `@daily`.
    Required."""
    time_zone: str = formed("Etc/UTC", check_time_zone, examples=["Etc/UTC", "Europe/Berlin"])
    """Time zone of the schedule. Default: Etc/UTC."""
    deadline: str = duration("1h", least="10s", most="7d", whole_seconds=True)
    """How long a run may take, all its attempts together; then it is ended and has failed. Default 1h."""
    retries: int = within(0, 20, default=2)
    """Further attempts of a run whose program exits with another code than 0. A pod that a machine lost or evicted does not
    count. Default 2."""
    overlap: Overlap = Overlap.SKIP
    """What happens when a run is due while the one before is still going. Default: skip, it is left out."""
    starts_within: str = duration("10m", least="10s", most="1d", whole_seconds=True)
    """How late a run may begin, as after an outage of Kubernetes; a later one is left out. Default 10m."""
    suspended: bool = False
    """Whether no further runs begin. Default false."""
    kept_runs: int = within(1, 50, default=3)
    """Ended runs that are kept with their logs, of those that succeeded and of those that failed. Default 3."""
