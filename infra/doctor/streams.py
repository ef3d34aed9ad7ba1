"""Stream jobs that are unwell: one pure function for each finding."""

from collections.abc import Iterator, Sequence
from typing import Any

from kafka_platform.streams.spec import PREFIX

from infra.doctor.findings import Finding, fault, warning
from infra.live.pods import Part, has_ended, instance, part
from infra.live.text import lasting
from infra.top.model import Streams

MOST_RESTARTS = 3
"""Since its JobManager has started. A lost pod is one."""
OLDEST_SECONDS = 900.0
"""Since the last checkpoint, as in the alert; `checkpoints` of a job is at most five minutes."""
MOST_HELD_BACK = 0.9
"""Share of its time in which a step waits for the next one."""


def not_running(namespace: str, streams: Streams) -> Iterator[Finding]:
    """Jobs that write no results."""
    for each in streams.items:
        if each.running is False:
            text = "does not run: its results are missing, and come once it runs again"
            yield fault(
                "stream-not-running", _subject(namespace, each.job), text, "docs/runbooks/stream-job-not-running.md"
            )


def restarting(namespace: str, streams: Streams) -> Iterator[Finding]:
    """Jobs that go back to their last checkpoint again and again."""
    for each in streams.items:
        if (each.restarts or 0) > MOST_RESTARTS:
            text = f"has restarted {each.restarts} times since its JobManager has started"
            yield warning(
                "stream-restarts", _subject(namespace, each.job), text, "docs/runbooks/stream-job-restarts.md"
            )


def checkpoints(namespace: str, streams: Streams) -> Iterator[Finding]:
    """Jobs whose checkpoints fail: their results become visible late, and a restart goes far back."""
    for each in streams.items:
        failed, done = each.failed_checkpoints or 0, each.checkpoints or 0
        if each.running and failed and failed >= done:
            text = f"{failed} of its {failed + done} checkpoints have failed: results become visible late"
            fix = "docs/runbooks/stream-job-checkpoint-old.md"
            yield warning("stream-checkpoints-fail", _subject(namespace, each.job), text, fix)


def old_checkpoints(namespace: str, streams: Streams) -> Iterator[Finding]:
    """Jobs that run, and whose results wait to become visible."""
    for each in streams.items:
        age = each.checkpoint_age_seconds
        if each.running and age is not None and age > OLDEST_SECONDS:
            text = f"its last checkpoint was completed {lasting(age)} ago: no result since is visible, and a restart goes back to it"
            fix = "docs/runbooks/stream-job-checkpoint-old.md"
            yield warning("stream-checkpoint-old", _subject(namespace, each.job), text, fix)


def held_back(namespace: str, streams: Streams) -> Iterator[Finding]:
    """Jobs that cannot keep up with what they read."""
    for each in streams.items:
        if each.held_back is not None and each.held_back >= MOST_HELD_BACK:
            text = f"a step waits {each.held_back:.0%} of its time for the next one: it has more to read than it can do"
            fix = f"raise streams.{each.job}.pods: it stops with a savepoint and starts from it"
            yield warning("stream-held-back", _subject(namespace, each.job), text, fix)


def refused(pods: Sequence[Any]) -> Iterator[Finding]:
    """Changes that could not start: of each job the last one."""
    last: dict[str, Any] = {}
    for each in pods:
        meta = each["metadata"]
        if part(each) is Part.STREAM and (meta.get("labels") or {}).get("kafka-platform/part") == "change":
            known = last.get(instance(each))
            if known is None or meta.get("creationTimestamp", "") >= known["metadata"].get("creationTimestamp", ""):
                last[instance(each)] = each
    for job, each in sorted(last.items()):
        said = _last_message(each)
        if has_ended(each) and said.startswith("refused:"):
            namespace = each["metadata"]["namespace"]
            text = " ".join(said.removeprefix("refused:").split())
            yield fault(
                "stream-change-refused",
                _subject(namespace, job.removeprefix(PREFIX)),
                text,
                "docs/components/stream-job.md",
            )


def _last_message(pod: Any) -> str:
    states = (each.get("state") or {} for each in (pod.get("status") or {}).get("containerStatuses") or [])
    return next((str((each.get("terminated") or {}).get("message") or "") for each in states), "")


def _subject(namespace: str, job: str) -> str:
    return f"StreamJob/{namespace}/{job}"
