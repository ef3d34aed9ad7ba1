"""The stream jobs of a look: pure functions from what was seen."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from kafka_platform.streams.spec import PREFIX

from infra.live import metrics
from infra.live.pods import Part, instance, is_ready, name, of
from infra.live.samples import Samples
from infra.top import rates
from infra.top.model import MOST_ROWS, Stream, Streams

Manifest = Any


def streams(pods: Sequence[Manifest], now: rates.Look, at: float, *, why: str | None = None) -> Streams:
    """The jobs, by name; `at` is the time, in seconds since 1970."""
    found: dict[str, list[Manifest]] = defaultdict(list)
    for each in of(pods, Part.STREAM):
        if (each["metadata"].get("labels") or {}).get("kafka-platform/part") != "change":
            found[instance(each)].append(each)
    rows = [_stream(each, own, now, at) for each, own in sorted(found.items())]
    names = {name(each) for own in found.values() for each in own}
    missing = None if found else "not deployed: no pod of one is there"
    return Streams(why=why or rates.unseen(now, names) or missing, count=len(rows), items=rows[:MOST_ROWS])


def _stream(job: str, pods: Sequence[Manifest], now: rates.Look, at: float) -> Stream:
    names = {name(each) for each in pods}
    shown = [each for _, each in rates.seen(now, names)]

    def one(metric: str) -> float | None:
        found = [value for each in shown if (value := each.total(metric)) is not None]
        return max(found) if found else None

    def whole(metric: str) -> int | None:
        found = one(metric)
        return None if found is None else round(found)

    runs, took = one(metrics.JOB_RUNS), one(metrics.JOB_CHECKPOINT_MILLISECONDS)
    last = one(metrics.JOB_CHECKPOINT_AT)
    marks = [value / 1000 for value in _each(shown, metrics.JOB_WATERMARK) if value > 0]
    return Stream(
        job=job.removeprefix(PREFIX),
        running=None if runs is None else runs == 1,
        ready=sum(map(is_ready, pods)),
        pods=len(pods),
        restarts=whole(metrics.JOB_RESTARTS),
        checkpoints=whole(metrics.JOB_CHECKPOINTS),
        failed_checkpoints=whole(metrics.JOB_FAILED_CHECKPOINTS),
        checkpoint_age_seconds=None if last is None or last <= 0 else max(0.0, at - last / 1000),
        checkpoint_seconds=None if took is None or took < 0 else took / 1000,
        checkpoint_bytes=one(metrics.JOB_CHECKPOINT_SIZE),
        busy=_share(shown, metrics.JOB_BUSY),
        held_back=_share(shown, metrics.JOB_HELD_BACK),
        watermark_seconds=max(0.0, at - min(marks)) if marks else None,
    )


def _each(shown: Sequence[Samples], metric: str) -> list[float]:
    return [value for each in shown for _, value in each.series.get(metric, ())]


def _share(shown: Sequence[Samples], metric: str) -> float | None:
    """Of the step that has most of it."""
    found = [value / 1000 for value in _each(shown, metric) if value >= 0]
    return max(found) if found else None
