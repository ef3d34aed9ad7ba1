"""`python -m infra drill`: refuses or kills, watches, restores and reports."""

import contextlib
import json
import os
import signal
import socket
import sys
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType

from infra.check import STACKS
from infra.connection import NoAnswerError
from infra.doctor.command import diagnosed
from infra.drill import breaking
from infra.drill.probing import ProbeError, Probing
from infra.drill.report import Report, as_json, as_text
from infra.drill.victims import Kill, RefusedError, Victim, Words, choose, refusals
from infra.drill.watching import Watching
from infra.live.cluster import NODES, Cluster, Manifest, UnreachableError
from infra.live.platform import Platform, watchers
from infra.live.text import shown, told
from infra.settings.faults import SettingsError
from infra.settings.model import Settings
from infra.settings.parsing import read_stack
from infra.settings.stackfile import stack_file

REFUSED, UNSEEN, INTERRUPTED = 2, 3, 130
WITHIN_SECONDS = 600.0
"""How long a platform may take until it is as before."""
LEAST_WITHIN, MOST_WITHIN = 30.0, 1800.0
BEFORE_SECONDS = 3.0
"""How long records flow undisturbed."""
CLOSED_SECONDS = 30.0
"""How long a drained machine stays closed: brokers whose volumes are on it wait for that long."""
AFTER_SECONDS = 3.0
"""How long records flow once all is as before."""


class _InterruptedError(BaseException):
    """The drill was interrupted."""


def drill(
    stack: str,
    words: Words,
    *,
    within: float = WITHIN_SECONDS,
    as_data: bool = False,
    folder: Path = STACKS,
    environment: Mapping[str, str] = os.environ,
) -> int:
    """Kills one thing while records flow.

    Returns:
        0 if nothing was lost and all is as before; 1 if not; 2 if it was refused; 3 if it could not be watched, and then
        nothing was killed unless it says so; 130 if it was interrupted, and then what it changed is restored.
    """
    file = stack_file(stack, folder)
    try:
        settings = read_stack(file)
        cluster = Cluster(settings.kubernetes, environment)
        victim = _allowed(stack, settings, words, cluster)
        with _told_to_end():
            report = _Drill(stack, settings, cluster, victim, within, environment).run()
    except SettingsError as error:
        return _failed(f"{file.name}: {error.faults[0]}", UNSEEN)
    except RefusedError as error:
        return _failed("\n".join(f"refused: {shown(line)}" for line in str(error).splitlines()), REFUSED)
    except (UnreachableError, ProbeError, NoAnswerError) as error:
        return _failed(f"{stack}: {told(error)}", UNSEEN)
    except (_InterruptedError, KeyboardInterrupt):
        return _failed("interrupted", INTERRUPTED)
    print(json.dumps(as_json(report), indent=2) if as_data else as_text(report))
    return report.code


def _failed(text: str, code: int) -> int:
    print(text, file=sys.stderr)
    return code


def _allowed(stack: str, settings: Settings, words: Words, cluster: Cluster) -> Victim:
    """What is to be killed. Raises `RefusedError` with every reason why not."""
    found, seen, brokers = diagnosed(stack, settings, cluster)
    reasons = list(dict.fromkeys(refusals(stack, settings, words, found, brokers)))
    if reasons:
        raise RefusedError("\n".join(reasons))
    nodes: list[Manifest] = cluster.objects(NODES, None) if words.kill is Kill.NODE else []
    return choose(words, seen.pods, nodes)


@contextlib.contextmanager
def _told_to_end() -> Iterator[None]:
    """SIGTERM and a closed terminal end the drill in order, as Ctrl-C does."""
    was_told = False

    def end(number: int, frame: FrameType | None) -> None:
        # Once: another signal, which may come at the same moment, must not break off what is restored.
        nonlocal was_told
        if not was_told:
            was_told = True
            raise _InterruptedError

    before = {each: signal.signal(each, end) for each in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class _Drill:
    """One drill of one stack."""

    def __init__(
        self,
        stack: str,
        settings: Settings,
        cluster: Cluster,
        victim: Victim,
        within: float,
        environment: Mapping[str, str],
    ) -> None:
        self._stack = stack
        self._settings = settings
        self._cluster = cluster
        self._victim = victim
        self._within = within
        self._environment = environment
        self._platform = Platform.of(stack, settings)
        self._closed = False
        """Whether the machine takes no pods because of this drill."""

    def run(self) -> Report:
        """Kills, watches, and restores whatever happens. Raises what `drill` tells of."""
        watching = Watching(self._cluster, self._platform, watchers(self._cluster, self._platform))
        longest = self._within + breaking.EVICTION_SECONDS + CLOSED_SECONDS + BEFORE_SECONDS + AFTER_SECONDS + 60
        probing = Probing(self._settings, longest, self._environment)
        try:
            _say("records flow as soon as the probe has begun ...")
            probing.begin()
            time.sleep(BEFORE_SECONDS)
            begun = time.monotonic()
            self._kill(watching, begun)
            recovered = watching.until_whole(self._victim, begun, self._within)
            _say("as before" if recovered else f"not as before within {self._within:.0f} s")
            time.sleep(AFTER_SECONDS)
            watching.note_alerts(time.monotonic() - begun)
            report = probing.finish()
        finally:
            probing.stop()
        return Report(
            stack=self._stack, victim=self._victim.called, recovered=recovered, recovery=watching.recovery, probe=report
        )

    def _kill(self, watching: Watching, begun: float) -> None:
        connection, machine = self._cluster.connection, self._victim.machine
        _say(f"killing {self._victim.called}")
        if machine is None:
            breaking.kill(connection, self._victim.pods[0])
            return
        since = datetime.now(UTC).isoformat(timespec="seconds")
        whose = f"{self._stack} since {since} on {socket.gethostname()}, process {os.getpid()}"
        gone = [each["metadata"]["uid"] for each in self._victim.pods]
        try:
            try:
                self._closed = True
                breaking.close(connection, machine, whose)
                breaking.evict(connection, self._victim.pods)
                until = time.monotonic() + CLOSED_SECONDS
                while time.monotonic() < until and not watching.is_whole(gone, time.monotonic() - begun):
                    time.sleep(1)
            finally:
                self._reopen(machine)
        finally:
            # The drill may have been told to end within the lines above, which it is once.
            self._reopen(machine)

    def _reopen(self, machine: str) -> None:
        if not self._closed:
            return
        try:
            breaking.reopen(self._cluster.connection, machine)
            self._closed = False
            _say(f"machine {machine} takes pods again")
        except NoAnswerError as error:
            self._closed = False
            _say(f"machine {machine} could not be opened again ({told(error)}): kubectl uncordon {machine}")


def _say(text: str) -> None:
    """Prints progress for people; scripts read only the report."""
    print(shown(text), file=sys.stderr, flush=True)
