"""What a drill has shown: one line for the chronicle, and the figures. Pure functions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from infra.drill.watching import Recovery, Rung
from infra.live.text import count, lasting, shown

VERSION = 1
"""Of the JSON: raised if a key is removed or means something else."""
SAFE, HARMED = 0, 1


@dataclass(frozen=True, kw_only=True)
class Report:
    """The result of a drill."""

    stack: str
    victim: str
    recovered: bool
    """Whether all was as before within the time."""
    recovery: Recovery
    probe: Mapping[str, Any]
    """What the probe reported (`kafka_platform_runtime.probe.drill`)."""

    @property
    def paths(self) -> Sequence[Mapping[str, Any]]:
        """What happened on each path."""
        found: Sequence[Mapping[str, Any]] = self.probe["paths"]
        return found

    @property
    def writes(self) -> Sequence[Mapping[str, Any]]:
        """What happened to writes, by protocol."""
        found: Sequence[Mapping[str, Any]] = self.probe["writes"]
        return found

    def total(self, key: str) -> int:
        """A sum over the paths."""
        return sum(int(each[key]) for each in self.paths)

    @property
    def code(self) -> int:
        """The exit code."""
        harmed = self.total("lost") or self.total("unread") or self.total("duplicated") or self.total("outOfOrder")
        return HARMED if harmed or not self.recovered else SAFE

    @property
    def line(self) -> str:
        """All of it in one line."""
        nobody = max(float(each["nobodySeconds"]) for each in self.writes)
        longest = max(float(each["longestSilenceSeconds"]) for each in self.writes)
        late = self.total("late")
        parts = [f"nobody could write for {lasting(nobody)}", f"to some partitions for {lasting(longest)}"]
        parts.append(
            f"{count(late)} records came late, by {lasting(self._slowest)} at most" if late else "nothing came late"
        )
        lost = self.total("lost") + self.total("unread")
        parts.append(f"{count(lost)} LOST" if lost else "nothing was lost")
        parts.append(self._woken)
        whole = self.recovery.whole if self.recovery.whole is not None else self.recovery.ready
        end = f"whole again after {lasting(whole)}" if self.recovered else "NOT whole again in time"
        return f"{self.victim} killed: {'; '.join(parts)}; {end}"

    @property
    def _slowest(self) -> float:
        return max((float(each["slowestSeconds"]) for each in self.paths), default=0.0)

    @property
    def _woken(self) -> str:
        if self.recovery.alerts_why is not None:
            return "alerts unknown"
        fired = [each.alert for each in self.recovery.alerts.values() if each.fired]
        return f"{', '.join(fired)} fired" if fired else "no alert fired"


def as_text(report: Report) -> str:
    """The report as text."""
    recovery = report.recovery
    lines = [report.line, ""]
    whole = (
        f"all copies in sync after {lasting(recovery.whole)}" if recovery.copies_known else "copies in sync: not known"
    )
    ready = "pods not all ready" if recovery.ready is None else f"pods ready after {lasting(recovery.ready)}"
    lines.append(f"recovery  {ready}   {whole}")
    for each in report.writes:
        lines.append(
            f"writes    {each['write']}: nobody for {lasting(each['nobodySeconds'])}   longest {lasting(each['longestSilenceSeconds'])}   "
            f"in {each['silentPartitions']} of {each['partitions']} partitions over {lasting(report.probe['lateSeconds'])}   "
            f"{count(each['written'])} written   {count(each['failed'])} refused"
        )
    for each in report.paths:
        lines.append(
            f"records   {each['write']} to {each['read']}: {count(each['late'])} late   slowest {lasting(each['slowestSeconds'])}   "
            f"{count(each['lost'] + each['unread'])} lost   {count(each['duplicated'])} twice   {count(each['outOfOrder'])} out of order"
        )
    lines += [f"alerts    {shown(each)}" for each in _alerts(recovery)]
    return "\n".join(lines)


def _alerts(recovery: Recovery) -> list[str]:
    if recovery.alerts_why is not None:
        return [recovery.alerts_why]
    told = [_rung(each) for each in sorted(recovery.alerts.values(), key=lambda each: (not each.fired, each.alert))]
    return told or ["none had reason to fire: nobody would have been woken"]


def _rung(each: Rung) -> str:
    if each.fired:
        whom = (
            f"told {', '.join(each.receivers)}"
            if each.receivers
            else "nobody was told: no Alertmanager, or it routes it nowhere"
        )
        return f"{each.alert} ({each.severity}) fired: {whom}"
    return f"{each.alert} ({each.severity}) had reason for {lasting(each.seconds)}, and waits for {lasting(each.after)}: nobody was told"


def as_json(report: Report) -> dict[str, Any]:
    """The report as scripts read it."""
    recovery = report.recovery
    return {
        "version": VERSION,
        "stack": report.stack,
        "killed": report.victim,
        "recovered": report.recovered,
        "readySeconds": recovery.ready,
        "wholeSeconds": recovery.whole if recovery.copies_known else None,
        "nobodyCouldWriteSeconds": max(float(each["nobodySeconds"]) for each in report.writes),
        "late": report.total("late"),
        "lost": report.total("lost") + report.total("unread"),
        "duplicated": report.total("duplicated"),
        "outOfOrder": report.total("outOfOrder"),
        "writes": list(report.writes),
        "paths": list(report.paths),
        "alerts": None
        if recovery.alerts_why is not None
        else [
            {
                "alert": each.alert,
                "severity": each.severity,
                "fired": each.fired,
                "seconds": each.seconds,
                "afterSeconds": each.after,
                "receivers": list(each.receivers),
            }
            for each in recovery.alerts.values()
        ],
    }
