"""What the keeper shows: whether Trino is ready, and what it does."""

import threading
import time
from collections.abc import Iterator, Mapping

_HELP = {
    "failures_total": "Queries that failed, by whose fault: the user's, Trino's, that of a system that it reads, or too little memory.",
    "input_bytes_total": "Bytes that queries have read.",
    "input_rows_total": "Rows that queries have read.",
    "killed_for_memory_total": "Queries that were ended because all memory was in use.",
    "memory_bytes": "Memory that queries use.",
    "memory_limit_bytes": "Memory that queries may use together.",
    "queries_queued": "Queries that wait.",
    "queries_running": "Queries that run.",
    "queries_total": "Queries that have ended.",
    "spilled_bytes_total": "Bytes that queries have put on disk for a while.",
}


class Page:
    """Metrics and health; read and written from any thread."""

    def __init__(self, users: int) -> None:
        self._lock = threading.Lock()
        self._users = users
        self._trouble: str | None = "Trino has not been looked at yet"
        self._values: Mapping[str, float] = {}
        self._failures = 0
        self._writes = 0
        self._at = 0.0

    def looked(self, values: Mapping[str, float]) -> None:
        """Trino is ready, and shows this."""
        with self._lock:
            self._trouble, self._values, self._at = None, dict(values), time.time()

    def wrote(self, files: int) -> None:
        """Files were made anew."""
        with self._lock:
            self._writes += files

    def failed(self, trouble: str) -> None:
        """It is not ready, or a file is missing."""
        with self._lock:
            self._failures += 1
            self._trouble = trouble

    @property
    def trouble(self) -> str | None:
        """Why clients should not come; None if they may."""
        with self._lock:
            return self._trouble

    @property
    def text(self) -> bytes:
        """The metrics."""
        return "".join(f"{line}\n" for line in self._lines()).encode()

    def _lines(self) -> Iterator[str]:
        with self._lock:
            up, values, at = int(self._trouble is None), dict(self._values), self._at
            failures, writes = self._failures, self._writes
        yield from _metric("up", "gauge", "1 if Trino is ready, with all its files.", {"up": up})
        at_name = "last_success_timestamp_seconds"
        yield from _metric(at_name, "gauge", "When that was last so.", {at_name: f"{at:.3f}"})
        yield from _metric(
            "check_failures_total", "counter", "Looks that found it otherwise.", {"check_failures_total": failures}
        )
        yield from _metric(
            "file_writes_total",
            "counter",
            "Times that a file was made anew from a Secret.",
            {"file_writes_total": writes},
        )
        yield from _metric("users", "gauge", "Users who may log in.", {"users": self._users})
        # Old numbers would say that all is well.
        for name, help_ in _HELP.items() if up else ():
            found = {key: value for key, value in values.items() if key.partition("{")[0] == name}
            if found:
                yield from _metric(name, "counter" if name.endswith("_total") else "gauge", help_, found)


def _metric(name: str, kind: str, help_: str, values: Mapping[str, object]) -> Iterator[str]:
    yield f"# HELP query_engine_{name} {help_}"
    yield f"# TYPE query_engine_{name} {kind}"
    for key, value in sorted(values.items()):
        yield f"query_engine_{key} {value}"
