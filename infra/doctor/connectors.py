"""Connectors that are not as the stack file says: one pure function for each finding."""

from collections.abc import Iterator, Sequence

from infra.connectors.seen import FAILED, MISSING, Seen
from infra.doctor.findings import Finding, fault, warning


def failed(namespace: str, stack: str, connectors: Sequence[Seen]) -> Iterator[Finding]:
    """Those that move no records although they should."""
    for each in connectors:
        if each.state in (FAILED, MISSING):
            text = f"is {each.state}, {each.tasks} work: {each.reason or 'it does not say why'}"
            fix = "docs/runbooks/connector-task-failed.md; then" if each.state == FAILED else "deploy the stack, or see"
            yield fault(
                "connector-failed", _subject(namespace, each), text, f"{fix} python -m infra connectors {stack}"
            )


def changed(namespace: str, stack: str, connectors: Sequence[Seen]) -> Iterator[Finding]:
    """Those that somebody changed, paused or stopped by hand, or made."""
    for each in connectors:
        if each.state in (FAILED, MISSING):
            continue
        if each.drift:
            fix = f"python -m infra connectors {stack} --restore {each.name}, or write the change into the stack file"
            yield warning("connector-differs", _subject(namespace, each), each.drift.partition(": --restore")[0], fix)
        if each.state != each.wanted:
            text = f"is {each.state}, and the file says {each.wanted}" + (f": {each.reason}" if each.reason else "")
            yield warning("connector-differs", _subject(namespace, each), text, f"python -m infra connectors {stack}")


def _subject(namespace: str, connector: Seen) -> str:
    return f"Connector/{namespace}/{connector.name}"
