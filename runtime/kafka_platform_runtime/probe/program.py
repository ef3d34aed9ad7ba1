"""Sends probes along every path, until stopped."""

import asyncio
import contextlib
import sys
import time
import uuid
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path as File
from typing import Any

from kafka_platform_runtime.connection import Connection
from kafka_platform_runtime.failures import Transient
from kafka_platform_runtime.probe import metrics
from kafka_platform_runtime.probe.native import Native
from kafka_platform_runtime.probe.settings import Settings
from kafka_platform_runtime.probe.tally import Path, Tally, Way
from kafka_platform_runtime.probe.web import Web
from kafka_platform_runtime.supervision import WATCH

REMEMBERED_SECONDS = 600.0
"""How long a probe is remembered. The topic keeps records for longer (an hour, as the platform declares it), so
whatever a reader missed in this time is still there, and no probe counts as lost because it had become old."""
JUDGE_SECONDS = 1.0
WATCH_SECONDS = 30.0
"""How often to check whether the topic, the password or the certificate has changed since the start."""
REPEAT_SECONDS = 60.0
"""How long a line is not repeated."""
PAUSE_SECONDS = 1.0
MOST_BEHIND_SECONDS = 40.0
"""HTTP writes to a partition wait for each other. A write that is due meanwhile is sent late, and its latency counts
from when it was due; what would be later than this is left out."""


class Log:
    """Lines with the seconds since the start; repeated lines are logged once a minute."""

    def __init__(self) -> None:
        self._begun = time.monotonic()
        self._said: dict[str, float] = {}
        self.last: dict[str, str] = {}
        """The last line about each subject, which is the text before its first colon."""

    def __call__(self, line: str) -> None:
        """Log a line."""
        now = time.monotonic()
        self.last[line.partition(":")[0]] = line
        if now - self._said.get(line, -REPEAT_SECONDS) < REPEAT_SECONDS:
            return
        self._said = {each: at for each, at in self._said.items() if now - at < REPEAT_SECONDS} | {line: now}
        sys.stdout.write(f"{now - self._begun:8.1f}s  {line}\n")
        sys.stdout.flush()


class Prober:
    """The connections, and the tasks that send probes.

    Args:
        settings: the probe's own variables.
        connection: where Kafka listens, and the login.
        log: receives failures.
    """

    def __init__(self, settings: Settings, connection: Connection, log: Log) -> None:
        self.settings = settings
        self.log = log
        self.native = Native(connection, settings.topic, log)
        self.web: Web | None = None
        if settings.gateway is not None:
            self.web = Web(settings.gateway, settings.gateway_ca, connection, settings.topic, log)
        self.ways = [Way.NATIVE] if self.web is None else [Way.NATIVE, Way.HTTP]
        self.readers: dict[Way, Callable[[], int]] = {Way.NATIVE: lambda: self.native.errors}
        """How often reading was interrupted, by read protocol."""
        if (web := self.web) is not None:
            self.readers[Way.HTTP] = lambda: web.errors
        self.partitions = 0

    async def begin(self, observe: Callable[[Path, float, int, int], None], remembered: float) -> Tally:
        """Wait until the topic exists, and make the tally.

        Raises:
            Refused: the topic has too many partitions for the interval.
        """
        while True:
            try:
                self.partitions = await asyncio.to_thread(self.native.partitions)
                self.settings.check_rate(self.partitions)
                self._ends = await asyncio.to_thread(self.native.ends, self.partitions)
            except Transient as trouble:
                self.log(f"begin: {trouble}")
                await asyncio.sleep(PAUSE_SECONDS)
            else:
                break
        return Tally(
            run=uuid.uuid4().hex,
            writers=self.ways,
            readers=self.ways,
            partitions=self.partitions,
            lost_after=self.settings.lost_after,
            remembered=remembered,
            observe=observe,
        )

    @contextlib.asynccontextmanager
    async def reading(self, tally: Tally) -> AsyncIterator[Sequence[asyncio.Task[None]]]:
        """Run readers of every protocol, and the judge; none of the tasks ends by itself unless it fails."""
        self.native.start(tally, self._ends)
        tasks = [WATCH.vital("judge of the probes", self._judge(tally))]
        if self.web is not None:
            tasks.append(WATCH.vital("reader by HTTP", self.web.read(tally, self._ends)))
        try:
            yield tasks
        finally:
            await end(tasks)

    async def send(self, tally: Tally, interval: float, count: int | None = None) -> None:
        """Send probes over every protocol to every partition, `count` to each or until cancelled."""
        begin = time.monotonic()
        writers = []
        for number in range(self.partitions):
            # Not all at once: the load is even, and so is the effect of a path's neighbours.
            due = begin + interval * number / self.partitions
            writers.append(self._send_native(tally, number, due, interval, count))
            if self.web is not None:
                writers.append(self._send_http(self.web, tally, number, due + interval / 2, interval, count))
        async with asyncio.TaskGroup() as group:
            for writer in writers:
                group.create_task(writer)

    async def close(self) -> None:
        """Close the connections."""
        if self.web is not None:
            await self.web.close()
        await asyncio.to_thread(self.native.close)

    async def _send_native(self, tally: Tally, partition: int, due: float, interval: float, count: int | None) -> None:
        sent = 0
        while count is None or sent < count:
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            self.native.write(tally, partition)
            sent += 1
            due = max(due + interval, time.monotonic())

    async def _send_http(
        self, gateway: Web, tally: Tally, partition: int, due: float, interval: float, count: int | None
    ) -> None:
        sent = 0
        while count is None or sent < count:
            now = time.monotonic()
            if due > now:
                await asyncio.sleep(due - now)
                due = time.monotonic()
            await gateway.write(tally, partition, due)
            sent += 1
            due = max(due + interval, time.monotonic() - MOST_BEHIND_SECONDS)

    async def _judge(self, tally: Tally) -> None:
        with WATCH.heart("The judge of the probes") as beat:
            while True:
                await asyncio.sleep(JUDGE_SECONDS)
                beat()
                WATCH.look()
                tally.judge(time.monotonic())


async def end(tasks: Sequence[asyncio.Task[Any]]) -> None:
    """Cancel what still runs; raises what failed before."""
    for task in tasks:
        task.cancel()
    done = await asyncio.gather(*tasks, return_exceptions=True)
    for result in done:
        if isinstance(result, Exception):
            raise result


async def canary(
    settings: Settings, connection: Connection, login_file: File | None, stop: asyncio.Event, log: Log
) -> str:
    """Send probes and report them until `stop` is set, or its preconditions have changed; returns why it ended.

    Raises:
        Refused: the topic has too many partitions for the interval.
    """
    begun = _text(login_file)
    prober = Prober(settings, connection, log)
    counted = metrics.Metrics(prober.readers)
    tally: Tally | None = None

    def not_ready() -> str | None:
        if tally is None:
            return log.last.get("begin", "has not begun yet")
        return tally.silent(time.monotonic())

    server = await metrics.serve(settings.port, counted, not_ready)
    try:
        beginning = WATCH.errand(
            "begin of the probes",
            prober.begin(lambda path, seconds, *_: counted.observe(path, seconds), REMEMBERED_SECONDS),
        )
        stopping = WATCH.errand("order to end", stop.wait())
        await asyncio.wait({beginning, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if not beginning.done():
            beginning.cancel()
            return "told to end"
        tally = await beginning
        counted.of(tally)
        paths = ", ".join(f"{write}->{read}" for write, read in tally.paths)
        log(f"begun: {paths}; topic {settings.topic}, {prober.partitions} partitions, every {settings.interval:g} s")
        async with prober.reading(tally) as reading:
            sending = WATCH.vital("writer of the probes", prober.send(tally, settings.interval))
            watching = WATCH.errand("look for changes", _changed(prober, login_file, begun))
            done, _ = await asyncio.wait({sending, watching, stopping, *reading}, return_when=asyncio.FIRST_COMPLETED)
            await asyncio.sleep(0)  # what has died is recorded by now
            reason = await watching if watching in done else "told to end"
            WATCH.ending()
            await end([sending, watching])
        return WATCH.death or reason
    finally:
        await server.cleanup()
        await prober.close()


def _text(login_file: File | None) -> str | None:
    """The password, or the certificate; None if there is none, or it is being replaced."""
    if login_file is not None:
        with contextlib.suppress(OSError, UnicodeDecodeError):
            return login_file.read_text(encoding="utf-8")
    return None


async def _changed(prober: Prober, login_file: File | None, begun: str | None) -> str:
    """Return when something differs from the start: then the program starts over."""
    while True:
        await asyncio.sleep(WATCH_SECONDS)
        if prober.native.failure is not None:
            return f"the producer cannot continue: {prober.native.failure}"
        if _text(login_file) not in (None, begun):
            return "the password, or the certificate, has changed"
        with contextlib.suppress(Transient):
            partitions = await asyncio.to_thread(prober.native.partitions)
            if partitions != prober.partitions:
                return f"the topic has {partitions} partitions, and had {prober.partitions}"
