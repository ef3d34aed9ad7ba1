"""When jobs run, and that some no longer do."""

from collections.abc import Iterator

from infra.reading.kinds import containers
from infra.reading.values import Object, at, text
from infra.review.changes import Change, Operation
from infra.review.context import Context, say
from infra.review.findings import Finding, Section
from infra.review.quantities import code
from infra.review.workloads import pods_may_more

_TOLD = {
    ("spec", "concurrencyPolicy"): "a run that is due while another is going",
    ("spec", "jobTemplate", "spec", "activeDeadlineSeconds"): "seconds a run may take",
}


def job(change: Change, context: Context) -> Iterator[Finding]:
    """What becomes of the runs of a job."""
    if context.goes(change):
        yield say(
            change, Section.DATA, "removed: what it does on its schedule is no longer done", look=True, what="job"
        )
    if change.operation is Operation.CREATE:
        yield say(change, Section.OTHER, f"new: runs at {_times(change.after)}", what="job")
    if change.operation is not Operation.UPDATE:
        return
    yield from pods_may_more(change, "job")
    before, after = _times(change.before), _times(change.after)
    if before != after:
        yield say(change, Section.OTHER, f"runs at {after} instead of {before}", what="job")
    was, is_ = (bool(at(side, "spec", "suspend")) for side in (change.before, change.after))
    if was != is_:
        told = "suspended: no run begins" if is_ else "runs again"
        yield say(change, Section.DATA if is_ else Section.OTHER, told, look=is_, what="job")
    for path, words in _TOLD.items():
        old, new = at(change.before, *path), at(change.after, *path)
        if old != new:
            yield say(change, Section.OTHER, f"{words}: {code(str(old))} -> {code(str(new))}", what="job")
    old_images, new_images = (
        [text(each, "image") for each in containers(change.record, side)] for side in (change.before, change.after)
    )
    for old, new in zip(old_images, new_images, strict=False):
        if old != new:
            yield say(change, Section.OTHER, f"image {code(old)} -> {code(new)}, from the next run on", what="job")


def _times(inputs: Object | None) -> str:
    zone = text(inputs, "spec", "timeZone")
    return f"{code(text(inputs, 'spec', 'schedule'))} {zone}".strip()
