"""What changes of jobs mean, with the objects as they are rendered."""

from dataclasses import replace
from typing import Any

import pytest
from kafka_platform import Egress, KafkaConnection, Overlap
from kafka_platform.job.objects import JobSettings, cron_job
from kafka_platform.job.spec import JobSpec

from tests.unit.review.objects import change, said

CONNECTION = KafkaConnection(
    cluster="events", namespace="streaming", bootstrap_servers="b:9092", security_protocol="PLAINTEXT"
)
JOB = JobSpec(image="report:4", schedule="0 3 * * *", reads=["orders"])


def rendered(spec: JobSpec | None) -> dict[str, Any] | None:
    if spec is None:
        return None
    settings = JobSettings(name="nightly", namespace="shop", connection=CONNECTION, runtime_image="r:1", spec=spec)
    return cron_job(settings, "hash")


@pytest.mark.parametrize(
    ("old", "new", "section", "line"),
    [
        (None, JOB, "Other", "job `nightly`: new: runs at `0 3 * * *` Etc/UTC"),
        (JOB, None, "Data at risk", "! job `nightly`: removed: what it does on its schedule is no longer done"),
        (
            JOB,
            replace(JOB, schedule="@hourly", time_zone="Europe/Berlin"),
            "Other",
            "job `nightly`: runs at `@hourly` Europe/Berlin instead of `0 3 * * *` Etc/UTC",
        ),
        (JOB, replace(JOB, suspended=True), "Data at risk", "! job `nightly`: suspended: no run begins"),
        (replace(JOB, suspended=True), JOB, "Other", "job `nightly`: runs again"),
        (JOB, replace(JOB, deadline="2h"), "Other", "job `nightly`: seconds a run may take: `3600` -> `7200`"),
        (
            JOB,
            replace(JOB, overlap=Overlap.ALLOW),
            "Other",
            "job `nightly`: a run that is due while another is going: `Forbid` -> `Allow`",
        ),
        (
            JOB,
            replace(JOB, image="report:5"),
            "Other",
            "job `nightly`: image `report:4` -> `report:5`, from the next run on",
        ),
        (JOB, replace(JOB, run_as=7), "Access", "! job `nightly`: `securityContext` of the pods changes"),
    ],
)
def test_what_is_said(old: JobSpec | None, new: JobSpec | None, section: str, line: str) -> None:
    found = said(change("CronJob", rendered(old), rendered(new)))
    assert line in found[section], found


def test_nothing_is_said_of_one_that_stays() -> None:
    assert said(change("CronJob", rendered(JOB), rendered(replace(JOB, egress=[Egress(ports=[5432])])))) == {}
