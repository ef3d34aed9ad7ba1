"""What Prometheus reads."""

import time
from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest


class Page:
    """Restarts of each connector, whether it runs without a task, and when Kafka Connect last answered."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._restarts = Counter(
            "connect_restarter_restarts", "Restarts of a failed connector.", ["connector"], registry=self._registry
        )
        self._idle = Gauge(
            "connect_restarter_idle",
            "Whether a connector runs and has no task, though it should have some.",
            ["connector"],
            registry=self._registry,
        )
        self._success = Gauge(
            "connect_restarter_last_success_timestamp_seconds",
            "When Kafka Connect last told the state of all connectors.",
            registry=self._registry,
        )
        self._names: set[str] = set()
        self.trouble: str | None = None
        """Why the program is not ready: it always is, as its readiness holds up nothing else."""

    @property
    def text(self) -> bytes:
        """The metrics."""
        return generate_latest(self._registry)

    def restarted(self, name: str) -> None:
        """A connector was restarted."""
        self._restarts.labels(name).inc()

    def idle(self, name: str, *, is_idle: bool) -> None:
        """Whether a connector runs without a task."""
        self._idle.labels(name).set(is_idle)

    def known(self, names: Iterable[str]) -> None:
        """These connectors are there. Each is counted from 0 on, so that its first restart is an increase."""
        known = set(names)
        for name in self._names - known:
            self._restarts.remove(name)
            self._idle.remove(name)
        for name in known:
            self._restarts.labels(name)
            self._idle.labels(name)
        self._names = known

    def succeeded(self) -> None:
        """The state of all of them was seen."""
        self._success.set(time.time())
