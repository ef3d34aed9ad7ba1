"""What the gateway counts, for Prometheus."""

from collections.abc import Callable, Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics

BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Seconds; a write takes 2 to 10 ms."""


class Metrics:
    """Counters and gauges with names that begin with `gateway_`."""

    def __init__(self) -> None:
        disable_created_metrics()
        self.registry = CollectorRegistry()
        self._requests = Counter("gateway_requests", "Requests answered.", ["route", "status"], registry=self.registry)
        self._seconds = Histogram(
            "gateway_request_seconds",
            "Time from the request's head to its answer, without streams.",
            ["route"],
            buckets=BUCKETS,
            registry=self.registry,
        )
        self._written = Counter("gateway_records_written", "Records that Kafka acknowledged.", registry=self.registry)
        self._unwritten = Counter(
            "gateway_records_failed", "Records that Kafka did not acknowledge.", registry=self.registry
        )
        self._read = Counter("gateway_records_read", "Records handed to callers.", registry=self.registry)
        self._children: dict[tuple[str, int], tuple[Counter, Histogram]] = {}

    def gauge(self, name: str, description: str, value: Callable[[], float]) -> None:
        """A gauge whose value is asked for when it is read."""
        Gauge(name, description, registry=self.registry).set_function(value)

    def limits(self, limits: Mapping[str, float]) -> None:
        """The configured bounds, so that a dashboard can draw them beside what is used."""
        gauge = Gauge("gateway_limit", "Configured bound.", ["limit"], registry=self.registry)
        for name, value in limits.items():
            gauge.labels(name).set(value)

    def answered(self, route: str, status: int, seconds: float | None) -> None:
        """Count an answer; `seconds` is None for a stream."""
        children = self._children.get((route, status))
        if children is None:
            children = (self._requests.labels(route, str(status)), self._seconds.labels(route))
            self._children[route, status] = children
        children[0].inc()
        if seconds is not None:
            children[1].observe(seconds)

    def written(self, records: int, failed: int) -> None:
        """Count records that were written, and that were not."""
        self._written.inc(records)
        if failed:
            self._unwritten.inc(failed)

    def read(self, records: int) -> None:
        """Count records that were handed out."""
        self._read.inc(records)
