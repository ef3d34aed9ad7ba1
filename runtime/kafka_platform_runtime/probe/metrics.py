"""What the probe exports for Prometheus, and the port that serves its metrics and health."""

import time
from collections.abc import Callable, Iterator, Mapping

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Histogram, generate_latest
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from kafka_platform_runtime.listening import listen
from kafka_platform_runtime.probe.tally import Kind, Path, Tally, Way
from kafka_platform_runtime.supervision import WATCH

BACKLOG = 128
"""Connections that the kernel keeps until they are accepted: only Prometheus and the kubelet come."""
BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Seconds; a record takes 2 to 10 ms from its writer to its reader."""

_WRITES = {
    Kind.WRITTEN: ("kafka_probe_written", "Probes that Kafka acknowledged."),
    Kind.WRITE_ERROR: ("kafka_probe_write_errors", "Probes whose acknowledgement did not come."),
}
_PATHS = {
    Kind.READ: ("kafka_probe_read", "Probes that were read, each once."),
    Kind.LOST: ("kafka_probe_lost", "Acknowledged probes that the reader has passed without being given them."),
    Kind.FOUND: ("kafka_probe_found", "Probes that were counted as lost and came after all."),
    Kind.DUPLICATED: ("kafka_probe_duplicated", "Probes that were read once more."),
    Kind.OUT_OF_ORDER: ("kafka_probe_out_of_order", "Acknowledged probes that were read after a later one."),
    Kind.UNDECIDED: ("kafka_probe_undecided", "Acknowledged probes that the reader never got to."),
}


class Metrics(Collector):
    """A tally's counters, a histogram of latencies, and the current state.

    Every series exists from the start, with 0, so that an increase is visible.

    Args:
        readers: for each read protocol, how often it broke.
    """

    def __init__(self, readers: Mapping[Way, Callable[[], int]]) -> None:
        self.registry = CollectorRegistry()
        self._readers = readers
        self._tally: Tally | None = None
        self._latency = Histogram(
            "kafka_probe_latency_seconds",
            "Time from the sending of a probe until it was read.",
            ["write", "read"],
            buckets=BUCKETS,
            registry=self.registry,
        )
        self.registry.register(self)

    def of(self, tally: Tally) -> None:
        """Report this tally from now on."""
        self._tally = tally
        for path in tally.paths:
            self._latency.labels(*path)

    def observe(self, path: Path, seconds: float) -> None:
        """Count a latency."""
        self._latency.labels(*path).observe(seconds)

    def describe(self) -> list[Metric]:
        """Empty: nothing is known before there is a tally."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Everything except the histogram, for Prometheus."""
        errors = CounterMetricFamily("kafka_probe_read_errors", "How often reading was interrupted.", labels=["read"])
        for read, broke in self._readers.items():
            errors.add_metric([read], broke())
        yield errors
        tally = self._tally
        if tally is None:
            return
        for kind, (name, text) in _WRITES.items():
            family = CounterMetricFamily(name, text, labels=["write"])
            for write in dict.fromkeys(write for write, _ in tally.paths):
                family.add_metric([write], tally.counts[kind, write, None])
            yield family
        for kind, (name, text) in _PATHS.items():
            family = CounterMetricFamily(name, text, labels=["write", "read"])
            for write, read in tally.paths:
                family.add_metric([write, read], tally.counts[kind, write, read])
            yield family
        unread = GaugeMetricFamily(
            "kafka_probe_unread", "Acknowledged probes that wait to be read.", labels=["write", "read"]
        )
        oldest = GaugeMetricFamily(
            "kafka_probe_oldest_unread_seconds",
            "Age of the oldest acknowledged probe that waits to be read; 0 if none does.",
            labels=["write", "read"],
        )
        now = time.monotonic()
        for path, count, since in tally.waiting():
            unread.add_metric(list(path), count)
            oldest.add_metric(list(path), now - since if count else 0.0)
        yield unread
        yield oldest


async def serve(port: int, metrics: Metrics, not_ready: Callable[[], str | None]) -> web.AppRunner:
    """Answer /metrics, /healthz and /readyz, in the loop that sends the probes: if it hangs, so does /healthz.

    Args:
        port: on all addresses, of IPv4 and IPv6; 0 for any.
        metrics: what is reported.
        not_ready: why the probe is not ready, or None.
    """

    async def told(_: web.Request) -> web.Response:
        return web.Response(body=generate_latest(metrics.registry), headers={"Content-Type": CONTENT_TYPE_LATEST})

    async def healthy(_: web.Request) -> web.Response:
        reason = WATCH.reason()
        return web.Response(text=f"{reason or 'ok'}\n", status=503 if reason else 200)

    async def ready(_: web.Request) -> web.Response:
        reason = not_ready()
        return web.Response(text=f"{reason or 'ok'}\n", status=503 if reason else 200)

    application = web.Application()
    application.add_routes([web.get("/metrics", told), web.get("/healthz", healthy), web.get("/readyz", ready)])
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    await web.SockSite(runner, listen(port, BACKLOG)).start()
    return runner
