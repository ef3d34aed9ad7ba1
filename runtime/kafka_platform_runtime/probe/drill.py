"""Sends probes while something is broken on purpose, and reports how long nobody could write, what came late and what was lost.

It prints one line of JSON, `{"drill": "begun"}`, once every path has delivered a probe, and another with the report when its
standard input has ended: whoever runs it by the Kubernetes API and dies leaves nothing behind. Other lines are the log.
"""

import asyncio
import contextlib
import json
import os
import sys
import time
from collections import defaultdict
from typing import Any

from kafka_platform_runtime.connection import Connection
from kafka_platform_runtime.probe.gate import LOOK_SECONDS, WARM_UP_SECONDS, Verdict, interval
from kafka_platform_runtime.probe.native import WRITE_SECONDS
from kafka_platform_runtime.probe.program import Log, Prober, end
from kafka_platform_runtime.probe.settings import Settings
from kafka_platform_runtime.probe.tally import Kind, Path, Tally, Way
from kafka_platform_runtime.supervision import WATCH

LATE_SECONDS = 1.0
"""A probe that takes longer came late; usual are milliseconds."""
_LONGEST_SECONDS = 3600.0
"""Whatever is asked for: memory grows with the time."""


async def drill(settings: Settings, connection: Connection, stop: asyncio.Event, log: Log, seconds: float) -> Verdict:
    """Send probes along every path until `stop` or the end of standard input, for at most so many seconds.

    Raises:
        Refused: the topic has too many partitions for the interval.
    """
    _stop_at_end_of_input(stop)
    prober = Prober(settings, connection, log)
    run = _Run(prober, min(seconds, _LONGEST_SECONDS))
    working = WATCH.errand("probes", run.work(stop))
    try:
        with contextlib.suppress(TimeoutError):  # what has not begun by then is reported as such
            await asyncio.wait_for(working, 2 * settings.deadline + run.seconds + run.settling)
        WATCH.ending()
        await end([working])
        return run.verdict()
    finally:
        await prober.close()


def _stop_at_end_of_input(stop: asyncio.Event) -> None:
    loop, file = asyncio.get_running_loop(), sys.stdin.fileno()

    def read() -> None:
        if not os.read(file, 4096):
            loop.remove_reader(file)
            stop.set()

    with contextlib.suppress(PermissionError):  # a file or /dev/null: then the time decides
        loop.add_reader(file, read)


class _Run:
    def __init__(self, prober: Prober, seconds: float) -> None:
        self.seconds = seconds
        self.settling = WRITE_SECONDS + prober.settings.lost_after
        """How long the last probe may take until it is read or lost."""
        self._prober = prober
        self._tally: Tally | None = None
        self._late: dict[Path, int] = defaultdict(int)
        self._slowest: dict[Path, float] = defaultdict(float)
        self._errors: dict[Way, int] = {}
        self._written: dict[Way, int] = {}
        self._silences: dict[Way, tuple[float, list[float]]] = {}
        self._begun = 0.0
        self._lasted = 0.0

    async def work(self, stop: asyncio.Event) -> None:
        prober = self._prober
        deadline = prober.settings.deadline
        beginning = prober.begin(self._observe, self.seconds + self.settling + deadline)
        try:
            tally = self._tally = await asyncio.wait_for(beginning, deadline)
        except TimeoutError:
            return  # the log has the reason
        async with prober.reading(tally):
            if not await self._is_warm(tally, stop):
                return
            self._errors = {way: tally.counts[Kind.WRITE_ERROR, way, None] for way in prober.ways}
            self._written = {way: tally.counts[Kind.WRITTEN, way, None] for way in prober.ways}
            self._begun = time.monotonic()
            tally.measure_silences(self._begun)
            print(json.dumps({"drill": "begun"}), flush=True)
            sending = WATCH.errand("sending", prober.send(tally, interval(prober)))
            stopping = WATCH.errand("order to end", stop.wait())
            try:
                await asyncio.wait({sending, stopping}, timeout=self.seconds, return_when=asyncio.FIRST_COMPLETED)
            finally:
                now = time.monotonic()
                self._lasted = now - self._begun
                self._silences = {way: tally.silences(way, now) for way in prober.ways}
                stopping.cancel()
                await end([sending])
            until = time.monotonic() + self.settling
            while tally.unsettled() and time.monotonic() < until:
                await asyncio.sleep(LOOK_SECONDS)

    async def _is_warm(self, tally: Tally, stop: asyncio.Event) -> bool:
        """Whether every path has delivered a probe, within the time."""
        until = time.monotonic() + self._prober.settings.deadline
        while tally.silent(time.monotonic()) is not None:
            if stop.is_set() or time.monotonic() > until:
                return False
            await self._prober.send(tally, WARM_UP_SECONDS, 1)
            await asyncio.sleep(WARM_UP_SECONDS)
        return True

    def _observe(self, path: Path, seconds: float, *_: int) -> None:
        if self._begun:
            self._late[path] += seconds > LATE_SECONDS
            self._slowest[path] = max(self._slowest[path], seconds)

    def verdict(self) -> Verdict:
        tally = self._tally
        if tally is None or not self._lasted:
            silent = None if tally is None else tally.silent(time.monotonic())
            why = "; ".join([*([silent] if silent else []), *self._prober.log.last.values()]) or "nothing has answered"
            return Verdict(passed=False, line=json.dumps({"drill": "failed", "why": why}))
        unread = {path: number for path, number, _ in tally.waiting()}
        report = {
            "drill": "done",
            "lateSeconds": LATE_SECONDS,
            "paths": [self._path(tally, path, unread.get(path, 0)) for path in tally.paths],
            "seconds": round(self._lasted, 3),
            "writes": [self._writes(tally, way) for way in self._prober.ways],
        }
        lost = any(each["lost"] or each["unread"] for each in report["paths"])  # type: ignore[attr-defined]
        return Verdict(passed=not lost, line=json.dumps(report, sort_keys=True))

    def _writes(self, tally: Tally, way: Way) -> dict[str, Any]:
        together, each = self._silences[way]
        return {
            "failed": tally.counts[Kind.WRITE_ERROR, way, None] - self._errors[way],
            "longestSilenceSeconds": round(max(each), 3),
            "nobodySeconds": round(together, 3),
            "partitions": len(each),
            "silentPartitions": sum(seconds > LATE_SECONDS for seconds in each),
            "write": way.value,
            "written": tally.counts[Kind.WRITTEN, way, None] - self._written[way],
        }

    def _path(self, tally: Tally, path: Path, unread: int) -> dict[str, Any]:
        write, read = path
        return {
            "duplicated": tally.counts[Kind.DUPLICATED, write, read],
            "late": self._late[path],
            # What was counted as lost and came after all is late, not lost.
            "lost": tally.counts[Kind.LOST, write, read] - tally.counts[Kind.FOUND, write, read],
            "outOfOrder": tally.counts[Kind.OUT_OF_ORDER, write, read],
            "read": read.value,
            "slowestSeconds": round(self._slowest[path], 3),
            "unread": unread,
            "write": write.value,
        }
