"""What changes of stream jobs mean for their state and their results."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from kafka_platform.streams.objects import IMAGE, PLAN, PODS, READS, SAVEPOINTS, VERSION, WRITES
from kafka_platform.streams.program import ARGUMENTS
from kafka_platform.streams.settings import SCRIPT
from kafka_platform.streams.spec import PREFIX

from infra.reading.values import mapping, text
from infra.review.changes import Change
from infra.review.findings import Finding, Section
from infra.review.quantities import code, names

_TABLE = re.compile(r"^CREATE TABLE `((?:[^`]|``)+)` \((.*?)^\);$", re.MULTILINE | re.DOTALL)
_PARTS = re.compile(r"^SET 'parallelism\.default' = '(\d+)';$", re.MULTILINE)
_PROGRAMS_PARTS = re.compile(r"^parallelism\.default=(\d+)$", re.MULTILINE)
_STARTS = {
    "earliest-offset": "at the oldest records, so that results come again",
    "latest-offset": "at new records",
    "program": "where its program says",
}


@dataclass(frozen=True, kw_only=True)
class _Job:
    """What a ConfigMap says of a job."""

    plan: str
    version: int
    pods: str
    image: str
    parts: str
    sources: list[str]
    sinks: list[str]
    start: str
    savepoints: int | None
    """None: all stay."""
    """Of how many former jobs; 0 where it is not said, and none is removed."""


def stream_findings(change: Change) -> Iterator[Finding]:
    """What happens to the job whose files changed, and to what it knows."""
    old, new = _job(change.before), _job(change.after)
    name = change.name.removesuffix("-config").removeprefix(PREFIX)

    def say(section: Section, shown: str, *, look: bool = False) -> Finding:
        return Finding(section=section, what="stream job", subject=name, text=shown, look=look)

    if new is None:
        if old is not None:
            yield say(
                Section.DATA,
                f"removed: results no longer come to {names(old.sinks)}; its last checkpoint stays below streams/{name}/ in the store, and "
                "the same job in the file again goes on from there",
                look=True,
            )
        return
    if old is None:
        yield say(Section.OTHER, f"new: reads {names(new.sources)}, writes {names(new.sinks)}")
        return
    added = [each for each in new.sinks if each not in old.sinks]
    if added:
        yield say(Section.ACCESS, f"its results now also go to {names(added)}", look=True)
    gone = [each for each in old.sinks if each not in new.sinks]
    if gone:
        yield say(Section.DATA, f"its results no longer go to {names(gone)}", look=True)
    if new.savepoints is not None and (old.savepoints is None or new.savepoints < old.savepoints):
        before = "all" if old.savepoints is None else old.savepoints
        kept = f"savepoints of {new.savepoints} former jobs stay, before: {before}; older ones are removed"
        yield say(Section.DATA, kept, look=True)
    if new.version > old.version:
        yield say(
            Section.DATA,
            "starts without state: what it knows of open windows and joins is left out, and it begins "
            f"{_STARTS.get(new.start, 'where it has committed')}; its last savepoint stays",
            look=True,
        )
    elif new.plan != old.plan:
        what = f"{old.parts} -> {new.parts} parts" if old.parts != new.parts else "changes"
        if old.pods != new.pods:
            what = f"image {code(old.image)} -> {code(new.image)}" if old.image != new.image else what
            shown = f"{what}: stops with a savepoint, and starts from it in other pods; if it does not fit, none runs until the change is taken back"
            yield say(Section.OTHER, shown)
        elif old.sources != new.sources:
            shown = (
                f"{what}, and reads {names(new.sources)}, before: {names(old.sources)}: this rarely fits its state; the former job comes "
                f"back if it does not; raise {code('version')} to start without state"
            )
            yield say(Section.DATA, shown, look=True)
        else:
            shown = f"{what}: stops with a savepoint and starts from it; the former job comes back if it does not fit"
            yield say(Section.OTHER, shown)


def _job(side: Mapping[str, Any] | None) -> _Job | None:
    about = mapping(side or {}, "metadata", "annotations")
    if text(side, "data", ARGUMENTS) and PLAN in about:
        return _program(side, about)
    script = text(side, "data", SCRIPT)
    if not script or PLAN not in about:
        return None
    tables = {name.replace("``", "`"): options for name, options in _TABLE.findall(script)}
    starts = re.findall(r"'scan\.startup\.mode' = '([a-z-]+)'", script)
    parts = _PARTS.search(script)
    return _Job(
        plan=str(about[PLAN]),
        version=int(str(about.get(VERSION, 0))),
        pods="",
        image="",
        parts=parts[1] if parts else "?",
        sources=sorted(name for name, options in tables.items() if "'scan." in options),
        sinks=sorted(name for name, options in tables.items() if "'sink." in options),
        start=starts[0] if starts else "",
        savepoints=int(str(about[SAVEPOINTS])) if SAVEPOINTS in about else None,
    )


def _program(side: Mapping[str, Any] | None, about: Mapping[str, Any]) -> _Job:
    """The same of a program, which decides itself where it begins."""
    parts = _PROGRAMS_PARTS.search(text(side, "data", ARGUMENTS) or "")
    topics = [[each for each in str(about.get(key, "")).split(",") if each] for key in (READS, WRITES)]
    return _Job(
        plan=str(about[PLAN]),
        version=int(str(about.get(VERSION, 0))),
        pods=str(about.get(PODS, "")),
        image=str(about.get(IMAGE, "")),
        parts=parts[1] if parts else "?",
        sources=sorted(topics[0]),
        sinks=sorted(topics[1]),
        start="program",
        savepoints=int(str(about[SAVEPOINTS])) if SAVEPOINTS in about else None,
    )
