"""The dashboard of stream jobs. No Pulumi."""

from kafka_platform.kube.boards import Board, Panel, Query, Row, Shape, Unit

MOST_RESTARTS = 3
"""Restarts in 15 minutes at which an alert fires: a lost pod is one."""
RESTARTS = "sum(increase(flink_jobmanager_job_numRestarts{$source}[15m]))"
CHECKPOINTS = "sum(increase(flink_jobmanager_job_numberOfCompletedCheckpoints{$source}[15m]))"

DROPPED = "sum(increase(flink_taskmanager_job_task_operator_numLateRecordsDropped{$source}[15m]))"


def overview() -> Panel:
    """Whether it is well."""
    return Panel(
        title="Stream jobs",
        description="Stream jobs that run.",
        queries=[Query(expression="sum(flink_jobmanager_job_runningState{$source}) or vector(0)")],
        shape=Shape.NUMBER,
        bad_below=1,
    )


def board() -> Board:
    """Its dashboard."""
    return Board(name="streams", title="Stream jobs", rows=[_state(), _work()])


def _state() -> Row:
    return Row(
        title="State",
        panels=[
            Panel(
                title="Jobs that run",
                description="1 while all parts of the job are at work.",
                queries=[Query(expression="flink_jobmanager_job_runningState{$source}", legend="{{stream}}")],
                bad_below=1,
                alerts=["StreamJobNotRunning"],
            ),
            Panel(
                title="Restarts in 15 minutes",
                description="Each goes back to the last checkpoint. A lost pod is one; more have a cause in the job or in what it reads.",
                queries=[Query(expression=f"{RESTARTS} or vector(0)", legend="restarts")],
                bad_from=MOST_RESTARTS,
                alerts=["StreamJobRestarts"],
            ),
            Panel(
                title="Checkpoints in 15 minutes",
                description="Results become visible with each. None: they wait.",
                queries=[Query(expression=CHECKPOINTS, legend="completed")],
                bad_below=1,
                alerts=["StreamJobCheckpointOld"],
            ),
            Panel(
                title="Duration of a checkpoint",
                description="How long the last one took.",
                queries=[Query(expression="flink_jobmanager_job_lastCheckpointDuration{$source}", legend="{{stream}}")],
                unit=Unit.MILLISECONDS,
            ),
            Panel(
                title="Size of a checkpoint",
                description="What the job knows. If it grows without end, a join or a group without a window keeps every key.",
                queries=[Query(expression="flink_jobmanager_job_lastCheckpointFullSize{$source}", legend="{{stream}}")],
                unit=Unit.BYTES,
            ),
        ],
    )


def _work() -> Row:
    return Row(
        title="Work",
        panels=[
            Panel(
                title="Records read and written",
                description="By TaskManager, a second.",
                queries=[
                    Query(
                        expression="sum(rate(flink_taskmanager_job_task_numRecordsIn{$source}[5m]))",
                        legend="in, all steps",
                    ),
                    Query(
                        expression="sum(rate(flink_taskmanager_job_task_numRecordsOut{$source}[5m]))",
                        legend="out, all steps",
                    ),
                ],
                unit=Unit.PER_SECOND,
            ),
            Panel(
                title="Records that came too late in 15 minutes",
                description="Their window had ended: they are in no result.",
                queries=[Query(expression=f"{DROPPED} or vector(0)", legend="too late")],
                bad_from=1,
                alerts=["StreamJobDropsRecords"],
            ),
            Panel(
                title="Busy",
                description="Share of its time that the busiest step works. Near 100% the job falls behind: give it more pods.",
                queries=[
                    Query(
                        expression="max(flink_taskmanager_job_task_busyTimeMsPerSecond{$source}) / 1000",
                        legend="busiest step",
                    )
                ],
                unit=Unit.SHARE,
            ),
        ],
    )
