"""What the keeper shows of the store: whether it answers, and how full its volume is."""

import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

READY_AFTER_SECONDS = 60.0
"""How long the store may not answer before the pod is not ready: it is the only one, and a short pause is no reason to turn all away."""


class Page:
    """The metrics and the health of the store; read and written from any thread."""

    def __init__(self, volume: Path) -> None:
        self._volume = volume
        self._lock = threading.Lock()
        self._trouble: str | None = "the bucket is not there yet"
        self._seen: float | None = None
        self._seconds = 0.0
        self._failures = 0
        self._changes = 0
        self._at = 0.0

    def kept(self, seconds: float, changes: int) -> None:
        """The bucket is as declared."""
        with self._lock:
            self._trouble, self._seen, self._seconds = None, time.monotonic(), seconds
            self._changes += changes
            self._at = time.time()

    def failed(self, trouble: str) -> None:
        """It could not be looked at, or not be made so."""
        with self._lock:
            self._failures += 1
            self._trouble = trouble

    @property
    def trouble(self) -> str | None:
        """Why clients should not come; None if they may."""
        with self._lock:
            recently = self._seen is not None and time.monotonic() - self._seen < READY_AFTER_SECONDS
            return None if recently else self._trouble

    @property
    def text(self) -> bytes:
        """The metrics."""
        return "".join(f"{line}\n" for line in self._lines()).encode()

    def _lines(self) -> Iterator[str]:
        with self._lock:
            up, seconds, failures, changes, at = (
                int(self._trouble is None),
                self._seconds,
                self._failures,
                self._changes,
                self._at,
            )
        yield from _metric("up", "gauge", "1 if the last look at the bucket succeeded.", up)
        yield from _metric("check_seconds", "gauge", "How long that took.", f"{seconds:.6f}")
        yield from _metric("last_success_timestamp_seconds", "gauge", "When one last succeeded.", f"{at:.3f}")
        yield from _metric("check_failures_total", "counter", "Looks that failed.", failures)
        yield from _metric("bucket_changes_total", "counter", "Changes made to the bucket and its policy.", changes)
        try:
            found = os.statvfs(self._volume)
        except OSError:
            return
        size = found.f_frsize
        yield from _metric("volume_bytes", "gauge", "Size of the volume.", found.f_blocks * size)
        yield from _metric("volume_available_bytes", "gauge", "What is free of it.", found.f_bavail * size)
        if found.f_files:  # some file systems have no limit
            yield from _metric("volume_files", "gauge", "Files that the volume can have.", found.f_files)
            yield from _metric("volume_available_files", "gauge", "Files that it can have besides.", found.f_favail)


def _metric(name: str, kind: str, help_: str, value: object) -> Iterator[str]:
    name = f"object_store_{name}"
    yield f"# HELP {name} {help_}"
    yield f"# TYPE {name} {kind}"
    yield f"{name} {value}"
