"""Connectors that are not as the stack file says: one pure function for each finding."""

from collections.abc import Iterator, Sequence

from kafka_platform.connect.dashboard import MOST_KEPT, MOST_KEPT_BYTES

from infra.connectors.seen import FAILED, MISSING, Seen
from infra.doctor.findings import Finding, fault, warning
from infra.live import metrics
from infra.top import rates


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


def slots(namespace: str, look: rates.Look) -> Iterator[Finding]:
    """Slots of PostgreSQL that can fill the database's disk, or have lost what was not read."""
    kept, lost = rates.most(look, metrics.SLOT_KEPT, "connector"), rates.most(look, metrics.SLOT_LOST, "connector")
    for (name,), limit in sorted(rates.most(look, metrics.SLOT_LIMIT, "connector").items()):
        subject = f"Connector/{namespace}/{name}"
        size = kept.get((name,), 0.0)
        if lost.get((name,)):
            text = "misses changes: its database removed what the slot had not read"
            yield fault("slot-lost", subject, text, "docs/runbooks/connector-slot-lost.md")
        elif size > (MOST_KEPT_BYTES if limit < 0 else MOST_KEPT * limit):
            text = f"its database keeps {size / 2**30:,.1f} GiB of its log for it, and its disk may become full"
            yield fault("slot-grows", subject, text, "docs/runbooks/connector-slot-grows.md")
        elif limit < 0:
            text = (
                "its database keeps its log for it without a limit: if the source stands still, the disk becomes full"
            )
            fix = "there: alter system set max_slot_wal_keep_size = '20GB' (less than what is free), then select pg_reload_conf()"
            yield warning("slot-unlimited", subject, text, fix)


def _subject(namespace: str, connector: Seen) -> str:
    return f"Connector/{namespace}/{connector.name}"
