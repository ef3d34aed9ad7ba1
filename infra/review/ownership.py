"""What a change means for who owns an object: its mark, and whether it was taken over."""

import re
from collections.abc import Iterator, Sequence

from kafka_platform.kube.marks import ADOPTED, CLAIM_MARK, MARK

from infra.reading.values import text
from infra.review.changes import Change, Operation
from infra.review.context import say
from infra.review.findings import Finding, Section
from infra.review.quantities import code

_OF_THE_MARK = re.compile(
    rf"metadata\.annotations\.({MARK}|{ADOPTED})$|{re.escape('.'.join(CLAIM_MARK))}\.annotations\.{MARK}$"
)


def is_mark(path: str) -> bool:
    """Whether a change at this path is only one of who owns the object."""
    return bool(_OF_THE_MARK.match(path))


def only_marks(change: Change, paths: Sequence[str]) -> bool:
    """Whether nothing but the owner of an object changes."""
    return change.operation is Operation.UPDATE and bool(paths) and all(is_mark(path) for path in paths)


def findings(change: Change) -> Iterator[Finding]:
    """What is to be said about the owner."""
    old, new = (text(side, "metadata", "annotations", MARK) for side in (change.before, change.after))
    if old and new and old != new:
        yield say(change, Section.OTHER, f"belongs to the stack {code(new)} from now on, until now to {code(old)}")
    was, is_ = (bool(text(side, "metadata", "annotations", ADOPTED)) for side in (change.before, change.after))
    if is_ and not was:
        yield say(change, Section.DATA, "is taken over if it exists, whoever made it", look=True)
    elif was and not is_ and change.operation is not Operation.DELETE:
        yield say(change, Section.OTHER, "is no longer among what may be taken over")
