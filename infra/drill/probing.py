"""The probe of a drill: a program in the pod of the latency probe, which ends by itself when its reader is gone."""

import json
import queue
import subprocess
import threading
import time
from collections.abc import Mapping
from typing import Any

from infra.live.text import told
from infra.probe import command
from infra.settings.model import Settings

BEGIN_SECONDS = 150.0
"""How long it may take until every path has delivered a record."""
END_SECONDS = 130.0
"""How long the last records may take until they are read, or lost."""
MOST_LINES = 1_000
"""Lines of the program's log that are kept."""
_PROGRAM = ("python3", "-m", "kafka_platform_runtime.probe", "--drill")


class ProbeError(Exception):
    """The probe did not run; the message says why."""


class Probing:
    """Runs from `begin` to `finish`. The process of kubectl, and the thread that reads it, end with `stop`."""

    def __init__(self, settings: Settings, seconds: float, environment: Mapping[str, str]) -> None:
        """It ends by itself after so many seconds."""
        self._lines: queue.Queue[str | None] = queue.Queue(MOST_LINES)
        self._said = ""
        try:
            self._process = subprocess.Popen(
                command(settings, *_PROGRAM, f"{seconds:.0f}", stdin=True),
                env=dict(environment),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                # Ctrl-C is for the drill, which ends this in order.
                start_new_session=True,
            )
        except FileNotFoundError:
            raise ProbeError("kubectl is not on the PATH: install it") from None
        threading.Thread(target=self._read, name="probe", daemon=True).start()

    def _read(self) -> None:
        assert self._process.stdout is not None  # noqa: S101 - it is a pipe
        for line in self._process.stdout:
            if line.startswith('{"'):
                self._lines.put(line)
            else:
                self._said = line
        self._lines.put(None)

    def begin(self) -> None:
        """Waits until records flow. Raises `ProbeError`."""
        self._expect("begun", BEGIN_SECONDS)

    def finish(self) -> dict[str, Any]:
        """Ends it, and returns its report. Raises `ProbeError`."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        return self._expect("done", END_SECONDS)

    def _expect(self, what: str, seconds: float) -> dict[str, Any]:
        until = time.monotonic() + seconds
        while True:
            try:
                line = self._lines.get(timeout=max(0.0, until - time.monotonic()))
            except queue.Empty:
                raise ProbeError(f"the probe has said nothing for {seconds:.0f} s: {told(self._said)}") from None
            if line is None:
                raise ProbeError(f"the probe has ended: {told(self._said)}")
            try:
                found: dict[str, Any] = json.loads(line)
            except ValueError:
                continue
            if found.get("drill") == what:
                return found
            if found.get("drill") == "failed":
                raise ProbeError(f"records do not get through: {told(found.get('why'))}")

    def stop(self) -> None:
        """Ends it, whatever it does."""
        if self._process.stdin is not None and not self._process.stdin.closed:
            self._process.stdin.close()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
