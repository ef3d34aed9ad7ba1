"""Sends a fixed number of probes along every path and reports the result in one line."""

import asyncio
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass

from kafka_platform_runtime.connection import Connection
from kafka_platform_runtime.probe.program import Log, Prober, end
from kafka_platform_runtime.probe.settings import Settings
from kafka_platform_runtime.probe.tally import Kind, Path, Tally, Way
from kafka_platform_runtime.supervision import WATCH

INTERVAL_SECONDS = 0.2
"""Between probes to a partition; long enough for a write through the gateway to be answered before the next is due."""
MOST_PROBES_A_SECOND = 100.0
"""With many partitions the interval is longer to stay below this."""
WARM_UP_SECONDS = 0.25
"""Interval of the probes that are sent until every path has delivered one; they must not get lost, but are not
timed."""
LOOK_SECONDS = 0.05


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """The result."""

    passed: bool
    line: str
    table: str = ""
    """The paths, one per line, if anything was measured."""


async def gate(settings: Settings, connection: Connection, stop: asyncio.Event, log: Log) -> Verdict:
    """Send `settings.count` probes along every path for each partition, within `settings.deadline` seconds.

    Raises:
        Refused: the topic has too many partitions for the interval.
    """
    prober = Prober(settings, connection, log)
    run = _Run(prober)
    working = WATCH.errand("probes", run.work())
    stopping = WATCH.errand("order to end", stop.wait())
    try:
        await asyncio.wait({working, stopping}, timeout=settings.deadline, return_when=asyncio.FIRST_COMPLETED)
        ended = "" if working.done() else "was told to end" if stop.is_set() else f"{settings.deadline:g} s have passed"
        WATCH.ending()
        await end([working])
        stopping.cancel()
        return run.verdict(ended)
    finally:
        await prober.close()


def interval(prober: Prober) -> float:
    """Seconds between two probes to a partition, for a run that ends soon."""
    return max(INTERVAL_SECONDS, prober.partitions * len(prober.ways) / MOST_PROBES_A_SECOND)


class _Run:
    def __init__(self, prober: Prober) -> None:
        self._prober = prober
        self._tally: Tally | None = None
        self._is_warm = False
        self._errors: dict[Way, int] = {}
        self._samples: list[tuple[Path, float, int, int]] = []

    async def work(self) -> None:
        prober, settings = self._prober, self._prober.settings
        self._tally = tally = await prober.begin(
            lambda *sample: self._samples.append(sample), settings.deadline + settings.lost_after
        )
        async with prober.reading(tally):
            while tally.silent(time.monotonic()) is not None:
                await prober.send(tally, WARM_UP_SECONDS, 1)
                await asyncio.sleep(WARM_UP_SECONDS)
            await self._settled(tally)
            self._errors = {way: tally.counts[Kind.WRITE_ERROR, way, None] for way in prober.ways}
            self._samples.clear()
            self._is_warm = True
            await prober.send(tally, interval(prober), settings.count)
            await self._settled(tally)

    async def _settled(self, tally: Tally) -> None:
        while tally.unsettled():
            await asyncio.sleep(LOOK_SECONDS)

    def verdict(self, ended: str) -> Verdict:
        tally = self._tally
        if tally is None or not self._is_warm:
            reasons = [
                self._prober.log.last[key] for key in ("begin", "native", "http") if key in self._prober.log.last
            ]
            silent = None if tally is None else tally.silent(time.monotonic())
            told = "; ".join([*([silent] if silent else []), *(each.removeprefix("begin: ") for each in reasons)])
            return Verdict(passed=False, line=f"not ready: {ended}: {told or 'nothing has answered'}")
        expected = self._prober.settings.count * self._prober.partitions
        table = _table(tally, self._samples)
        faults = self._faults(tally, ended, expected)
        if faults:
            return Verdict(passed=False, line=f"failed: {'; '.join(faults)}", table=table)
        paths = "; ".join(
            f"{write}->{read} p50 {_ms(_quantile(times, 0.5))} p99 {_ms(_quantile(times, 0.99))}"
            for (write, read), times in _by_path(tally, self._samples).items()
        )
        return Verdict(passed=True, line=f"passed: {paths}; {expected} probes each, lost 0", table=table)

    def _faults(self, tally: Tally, ended: str, expected: int) -> list[str]:
        faults = []
        for way in self._prober.ways:
            errors = tally.counts[Kind.WRITE_ERROR, way, None] - self._errors[way]
            if errors:
                why = self._prober.log.last.get(way.value, "").partition(": ")[2]
                faults.append(f"{errors} of {expected} probes were not written by {way} ({why})")
        words = {Kind.LOST: "lost", Kind.DUPLICATED: "duplicated", Kind.OUT_OF_ORDER: "out of order"}
        for kind, word in words.items():
            for write, read in tally.paths:
                if tally.counts[kind, write, read]:
                    faults.append(f"{write}->{read}: {tally.counts[kind, write, read]} {word}")
        if ended:
            unread = [f"{write}->{read} {count}" for (write, read), count, _ in tally.waiting() if count]
            faults.append(f"{ended}, not read yet: {', '.join(unread)}" if unread else f"{ended} before all were sent")
        return faults


def _by_path(tally: Tally, samples: Sequence[tuple[Path, float, int, int]]) -> dict[Path, list[float]]:
    return {path: sorted(seconds for each, seconds, _, _ in samples if each == path) for path in tally.paths}


def _table(tally: Tally, samples: Sequence[tuple[Path, float, int, int]]) -> str:
    columns = ("path", "read", "p50", "p90", "p99", "max", "lost", "duplicated", "out of order")
    rows: list[Sequence[str]] = [columns]
    for (write, read), times in _by_path(tally, samples).items():
        figures = [_ms(_quantile(times, share)) if times else "-" for share in (0.5, 0.9, 0.99, 1.0)]
        kinds = (Kind.LOST, Kind.DUPLICATED, Kind.OUT_OF_ORDER)
        counts = [str(tally.counts[kind, write, read]) for kind in kinds]
        rows.append((f"{write}->{read}", str(len(times)), *figures, *counts))
    widths = [max(len(row[column]) for row in rows) for column in range(len(columns))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def _quantile(times: Sequence[float], share: float) -> float:
    """The value that this share of the sorted values does not exceed."""
    return times[max(0, math.ceil(share * len(times)) - 1)]


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.1f} ms" if seconds < 1 else f"{seconds:.2f} s"
