"""The dashboard of jobs: when they ran, and which failed. No Pulumi."""

from kafka_platform.kube.boards import Board, Panel, Query, Row, Unit

_JOB = "{{cronjob}}"
_OF_JOB = "by (namespace, cronjob)"
_SUCCEEDED = f"max {_OF_JOB} (kube_cronjob_status_last_successful_time{{$source}})"
_OWNED = (
    'label_join(kube_job_owner{owner_kind="CronJob"}, "cronjob", "", "owner_name") '
    "* on (namespace, cronjob) group_left () kube_cronjob_info{$source}"
)
"""The runs, each with the name of its job."""
_FAILED_AT = (
    f"max {_OF_JOB} (({_OWNED}) * on (namespace, job_name) group_left () kube_job_status_start_time "
    'and on (namespace, job_name) kube_job_failed{condition="true"} == 1)'
)
"""When the last of its runs that failed had begun."""
FAILED = f"({_FAILED_AT} > on (namespace, cronjob) {_SUCCEEDED}) or ({_FAILED_AT} unless on (namespace, cronjob) {_SUCCEEDED})"
"""Jobs that have not succeeded since they failed."""
OVERDUE = f"time() - max {_OF_JOB} (kube_cronjob_next_schedule_time{{$source}})"
"""Seconds since the next run should have begun; below zero before. Suspended jobs have none."""


def board() -> Board:
    """Their dashboard."""
    return Board(
        name="jobs",
        title="Jobs",
        rows=[
            Row(
                title="Runs (kube-state-metrics)",
                panels=[
                    Panel(
                        title="Since the last success",
                        description="How long ago the last run ended that succeeded.",
                        queries=[Query(expression=f"time() - {_SUCCEEDED}", legend=_JOB)],
                        unit=Unit.SECONDS,
                    ),
                    Panel(
                        title="Failed since",
                        description="Of a job whose last ended run failed: how long ago that run had begun.",
                        queries=[Query(expression=f"time() - ({FAILED})", legend=_JOB)],
                        unit=Unit.SECONDS,
                        alerts=["JobFails"],
                    ),
                    Panel(
                        title="Overdue",
                        description="How long ago the next run should have begun; below zero: how long until then.",
                        queries=[Query(expression=OVERDUE, legend=_JOB)],
                        unit=Unit.SECONDS,
                        alerts=["JobDoesNotRun"],
                    ),
                    Panel(
                        title="Running",
                        description="Runs that are going.",
                        queries=[
                            Query(expression=f"sum {_OF_JOB} (kube_cronjob_status_active{{$source}})", legend=_JOB)
                        ],
                    ),
                ],
            )
        ],
    )
