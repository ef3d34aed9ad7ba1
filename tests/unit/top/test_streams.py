"""Stream jobs in `top` and `doctor`, from metrics as Flink shows them."""

import io
from typing import Any

import pytest
from rich.console import Console

from infra.doctor import streams as doctor
from infra.doctor.findings import Severity
from infra.live.cluster import Unseen
from infra.top.model import Stream, Streams
from infra.top.render import _streams
from infra.top.streams import streams
from tests.unit.live.recordings import shown

NOW = 1_700_000_100.0
LABELS = '{job_id="deeda4",host="10_0_0_1",job_name="insert_into_sums",}'
MANAGER = f"""
flink_jobmanager_job_runningState{LABELS} 1.0
flink_jobmanager_job_numRestarts{LABELS} 2.0
flink_jobmanager_job_numberOfCompletedCheckpoints{LABELS} 40.0
flink_jobmanager_job_numberOfFailedCheckpoints{LABELS} 1.0
flink_jobmanager_job_lastCheckpointCompletedTimestamp{LABELS} 1.700000096E12
flink_jobmanager_job_lastCheckpointDuration{LABELS} 210.0
flink_jobmanager_job_lastCheckpointFullSize{LABELS} 34567.0
"""
TASKS = """
flink_taskmanager_job_task_busyTimeMsPerSecond{task_name="Source",} 20.0
flink_taskmanager_job_task_busyTimeMsPerSecond{task_name="Window",} 950.0
flink_taskmanager_job_task_busyTimeMsPerSecond{task_name="New",} NaN
flink_taskmanager_job_task_backPressuredTimeMsPerSecond{task_name="Source",} 930.0
flink_taskmanager_job_task_currentInputWatermark{task_name="Window",} 1.70000007E12
flink_taskmanager_job_task_currentInputWatermark{task_name="Idle",} -9.223372036854775807E18
"""


def pod(name: str, part: str, *, ready: bool = True, **status: Any) -> dict[str, Any]:
    labels = {
        "app.kubernetes.io/component": "stream-job",
        "app.kubernetes.io/instance": "stream-minutes",
        "kafka-platform/part": part,
    }
    conditions = [{"type": "Ready", "status": str(ready)}]
    return {
        "metadata": {"name": name, "namespace": "streaming", "labels": labels},
        "status": {"phase": "Running", "conditions": conditions, **status},
    }


PODS = [pod("m", "manager"), pod("t", "tasks", ready=False), pod("c", "change", phase="Succeeded")]


def found(manager: str = MANAGER, tasks: str = TASKS) -> Stream:
    [row] = streams(PODS, {"m": shown(manager, 1.0), "t": shown(tasks, 1.0)}, NOW).items
    return row


def test_what_a_job_shows() -> None:
    row = found()
    assert (row.job, row.running, row.ready, row.pods, row.restarts) == ("minutes", True, 1, 2, 2)
    assert (row.checkpoints, row.failed_checkpoints, row.checkpoint_bytes) == (40, 1, 34567.0)
    assert (row.checkpoint_age_seconds, row.checkpoint_seconds) == (4.0, 0.21)
    assert (row.busy, row.held_back, row.watermark_seconds) == (0.95, 0.93, 30.0)


def test_what_is_not_known_is_null() -> None:
    section = streams(PODS, {"m": Unseen(why="no answer"), "t": Unseen(why="no answer")}, NOW)
    assert section.why == "no answer"
    [row] = section.items
    assert {row.running, row.restarts, row.checkpoint_age_seconds, row.busy, row.watermark_seconds} == {None}
    assert streams([], {}, NOW).why == "not deployed: no pod of one is there"


def test_a_job_before_its_first_checkpoint() -> None:
    row = found(MANAGER.replace("1.700000096E12", "-1.0").replace(" 210.0", " -1.0"))
    assert (row.checkpoint_age_seconds, row.checkpoint_seconds) == (None, None)


def test_it_fits_a_terminal() -> None:
    console = Console(file=io.StringIO(), width=110, record=True)
    for each in _streams(Streams(count=1, items=[found()]), None):
        console.print(each)
    text = console.export_text()
    assert "minutes" in text
    assert "running" in text
    assert "4.0 s ago" in text
    assert "93%" in text


def checks(row: Stream) -> dict[str, Severity]:
    section = Streams(count=1, items=[row])
    every = (
        doctor.not_running,
        doctor.restarting,
        doctor.checkpoints,
        doctor.old_checkpoints,
        doctor.held_back,
    )
    return {each.check: each.severity for check in every for each in check("streaming", section)}


WELL = TASKS.replace("930.0", "10.0")


@pytest.mark.parametrize(
    ("manager", "tasks", "said"),
    [
        (MANAGER, WELL, {}),
        (MANAGER, TASKS, {"stream-held-back": Severity.WARNING}),
        (MANAGER.replace(f"State{LABELS} 1.0", f"State{LABELS} 0.0"), WELL, {"stream-not-running": Severity.FAULT}),
        (MANAGER.replace(f"Restarts{LABELS} 2.0", f"Restarts{LABELS} 4.0"), WELL, {"stream-restarts": Severity.WARNING}),
        (MANAGER.replace(" 40.0", " 1.0"), WELL, {"stream-checkpoints-fail": Severity.WARNING}),
        (MANAGER.replace("1.700000096E12", "1.699999E12"), WELL, {"stream-checkpoint-old": Severity.WARNING}),
        ("", "", {}),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_job(manager: str, tasks: str, said: dict[str, Severity]) -> None:
    assert checks(found(manager, tasks)) == said


def change(name: str, at: str, message: str, phase: str = "Failed") -> dict[str, Any]:
    state = {"state": {"terminated": {"message": message, "exitCode": 3}}}
    made = pod(name, "change", phase=phase, containerStatuses=[state])
    made["metadata"]["creationTimestamp"] = at
    return made


REFUSED = change("a", "2026-01-01T00:00:00Z", "refused:\nstream-minutes: it cannot start from\n\x1b[31mthe state")


def test_the_last_change_was_refused() -> None:
    [finding] = doctor.refused([REFUSED, *PODS[:2]])
    assert (finding.check, finding.subject) == ("stream-change-refused", "StreamJob/streaming/minutes")
    assert finding.message.startswith("stream-minutes: it cannot start from")
    assert "\x1b" not in finding.message


@pytest.mark.parametrize(
    "later",
    [
        change("b", "2026-01-02T00:00:00Z", "stream-minutes runs", "Succeeded"),
        change("b", "2026-01-02T00:00:00Z", "not done after 500 s: it does not run yet"),
        change("b", "2026-01-02T00:00:00Z", "", "Running"),
    ],
)
def test_a_change_after_it_is_what_counts(later: dict[str, Any]) -> None:
    assert list(doctor.refused([REFUSED, later])) == []
