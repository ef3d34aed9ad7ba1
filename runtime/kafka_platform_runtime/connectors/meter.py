"""What a connector shows of itself: metrics, and whether it is ready."""

import time

from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest

from kafka_platform_runtime.connectors.settings import Connector

QUIET_SECONDS = 10.0
"""How often the same sort of line is logged at most: a target that refuses everything refuses thousands a second."""


class Meter:
    """Counts what one connector does."""

    def __init__(self, connector: Connector) -> None:
        self._unready_after = connector.unready_after
        self._registry = CollectorRegistry()
        labels = {"connector": connector.name, "kind": connector.kind}

        def counter(name: str, text: str) -> Counter:
            made = Counter(name, text, labels, registry=self._registry).labels(**labels)
            assert isinstance(made, Counter)  # noqa: S101 - the library's type does not say so
            return made

        def gauge(name: str, text: str) -> Gauge:
            made = Gauge(name, text, labels, registry=self._registry).labels(**labels)
            assert isinstance(made, Gauge)  # noqa: S101 - the library's type does not say so
            return made

        self._records = counter("kafka_connector_records", "Records delivered, to the target or to Kafka.")
        self._bytes = counter("kafka_connector_bytes", "Bytes of keys and values delivered.")
        self._errors = counter("kafka_connector_errors", "Attempts that failed and are made again.")
        self._dead_letters = counter(
            "kafka_connector_dead_letters", "Records refused, which are in the dead-letter topic."
        )
        self._success = gauge("kafka_connector_last_success_timestamp_seconds", "When something was last delivered.")
        gauge(
            "kafka_connector_failing_seconds", "How long the other side, or Kafka, has been failing; 0 if it works."
        ).set_function(self._failing)
        self._trouble: str | None = "is not connected yet"
        self._since: float | None = time.monotonic()
        self._was_ready = False
        self._said: dict[str, float] = {}

    @property
    def text(self) -> bytes:
        """The metrics, in Prometheus' text format."""
        return generate_latest(self._registry)

    @property
    def trouble(self) -> str | None:
        """Why the connector is not ready: it has not been since it began, or has failed for too long."""
        if self._trouble is None or (self._was_ready and self._failing() < self._unready_after):
            return None
        return self._trouble

    def delivered(self, records: int, size: int) -> None:
        """So many records, of so many bytes, have arrived."""
        self._records.inc(records)
        self._bytes.inc(size)
        self._success.set_to_current_time()

    def refused(self, records: int) -> None:
        """So many are in the dead-letter topic."""
        self._dead_letters.inc(records)
        if records:
            self.say("refused", f"{records} records refused, which are in the dead-letter topic with the reasons")

    def works(self) -> None:
        """The other side answers."""
        if self._trouble is not None:
            self._said.clear()
            print("connected" if not self._was_ready else "works again", flush=True)
        self._trouble, self._since, self._was_ready = None, None, True

    def failed(self, reason: str) -> None:
        """An attempt failed, and will be made again."""
        self._errors.inc()
        if self._since is None:
            self._since = time.monotonic()
        self._trouble = reason
        self.say("failed", f"trying again: {reason}")

    def say(self, sort: str, text: str) -> None:
        """Log a line, unless one of this sort was logged a moment ago."""
        now = time.monotonic()
        if now - self._said.get(sort, -QUIET_SECONDS) >= QUIET_SECONDS:
            self._said[sort] = now
            print(text, flush=True)

    def _failing(self) -> float:
        return 0.0 if self._since is None else time.monotonic() - self._since
