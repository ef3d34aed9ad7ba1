"""What Prometheus reads: rendered once for each look, however many scrape it."""

import time
from collections.abc import Iterator, Mapping, Sequence

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from kafka_platform_runtime.exporter.certificates import Certificate
from kafka_platform_runtime.exporter.look import Snapshot
from kafka_platform_runtime.runs import CHANGES

CERTIFICATE_METRIC = "kafka_certificate_expiration_timestamp_seconds"
STALE_LOOKS = 3
"""A result is shown until so many looks in a row have failed: a broker's restart is no gap in anybody's graph."""
ASKED = ("certificates", "groups", "members", "metadata", "offsets", "ends", "runs", "sizes")
"""What `kafka_exporter_errors_total` counts from the start, so that the first error is an increase."""


class Page(Collector):
    """The newest result, as text."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._registry.register(self)
        self._snapshot: Snapshot | None = None
        self._errors: Mapping[str, int] = {}
        self._seconds = 0.0
        self._succeeded: float | None = None
        self._failures = 0
        self.certificates: Sequence[Certificate] = ()
        """Those that are known, whether brokers answer or not; shown from the next result or failure on."""
        self.trouble: str | None = "has not looked yet"
        """Why there is no new result; None if the last look succeeded."""
        self._render()

    def seen(self, snapshot: Snapshot, seconds: float, errors: Mapping[str, int]) -> None:
        """A look succeeded."""
        self._snapshot, self._seconds, self._errors = snapshot, seconds, errors
        self._succeeded, self._failures = time.time(), 0
        self._render()
        self.trouble = None  # last: whoever finds the exporter ready reads this result

    def failed(self, trouble: str, seconds: float, errors: Mapping[str, int]) -> None:
        """A look failed."""
        self._seconds, self._errors, self.trouble = seconds, errors, trouble
        self._failures += 1
        if self._failures >= STALE_LOOKS:
            self._snapshot = None
        self._render()

    def _render(self) -> None:
        self.text = generate_latest(self._registry)
        """The metrics. Threads that answer see the former or these."""

    def describe(self) -> list[Metric]:
        """Empty: what there is follows from the cluster."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Everything, for Prometheus."""
        errors = CounterMetricFamily("kafka_exporter_errors", "Requests to brokers that failed.", labels=["what"])
        for what in sorted({*ASKED, *self._errors}):
            errors.add_metric([what], self._errors.get(what, 0))
        yield errors
        yield GaugeMetricFamily("kafka_exporter_look_seconds", "How long the last look took.", value=self._seconds)
        if self._succeeded is not None:
            yield GaugeMetricFamily(
                "kafka_exporter_last_success_timestamp_seconds", "When a look last succeeded.", value=self._succeeded
            )
        yield _of_certificates(self.certificates)
        if self._snapshot is not None:
            yield from _of_cluster(self._snapshot)
            yield from _of_runs(self._snapshot)
            yield from _of_topics(self._snapshot)
            yield from _of_groups(self._snapshot)


def _of_certificates(certificates: Sequence[Certificate]) -> Metric:
    ends = GaugeMetricFamily(
        CERTIFICATE_METRIC,
        "When a certificate ends: that of a broker or another server as it presents it, or one of the exporter's own.",
        labels=["what", "server"],
    )
    for each in certificates:
        ends.add_metric([each.what, each.server], each.ends)
    return ends


def _of_cluster(snapshot: Snapshot) -> Iterator[Metric]:
    yield GaugeMetricFamily("kafka_brokers", "Brokers that are up.", value=snapshot.brokers)
    left_out = GaugeMetricFamily("kafka_exporter_left_out", "What is beyond the exporter's bounds.", labels=["kind"])
    for kind, count in sorted(snapshot.left_out.items()):
        left_out.add_metric([kind], count)
    yield left_out


def _of_runs(snapshot: Snapshot) -> Iterator[Metric]:
    def gauge(name: str, text: str, *labels: str) -> GaugeMetricFamily:
        return GaugeMetricFamily(f"kafka_provisioner_last_run_{name}", text, labels=["resources", *labels])

    ended = gauge("timestamp_seconds", "When topics and users were last applied, or refused.")
    failed = gauge("failed", "1: the last run failed, and the Kafka is not as declared.")
    took = gauge("seconds", "How long the last run took.")
    changes = gauge("changes", "Topics and users, by what the last run did with them.", "change")
    for run in snapshot.runs:
        ended.add_metric([run.resources], run.ended)
        failed.add_metric([run.resources], run.failed)
        took.add_metric([run.resources], run.seconds)
        for change in CHANGES:
            changes.add_metric([run.resources, change], run.changes.get(change, 0))
    unapplied = GaugeMetricFamily(
        "kafka_provisioner_unapplied",
        "1: what is declared is not what was applied last.",
        labels=["resources"],
    )
    for name, pending in snapshot.unapplied.items():
        unapplied.add_metric([name], pending)
    yield from (ended, failed, took, changes, unapplied)


def _of_topics(snapshot: Snapshot) -> Iterator[Metric]:
    def gauge(name: str, text: str) -> GaugeMetricFamily:
        return GaugeMetricFamily(f"kafka_topic_{name}", text, labels=["topic"])

    partitions = gauge("partitions", "Partitions.")
    lacking = gauge("under_replicated_partitions", "Partitions with fewer copies in sync than they have.")
    offline = gauge("offline_partitions", "Partitions without a leader.")
    written = CounterMetricFamily(
        "kafka_topic_records", "Records ever written: the sum of end offsets.", labels=["topic"]
    )
    kept = gauge("records", "Records that are kept, those that compaction has removed and markers included.")
    size = gauge("size_bytes", "Bytes on the disks of all brokers, all copies together.")
    for name, topic in snapshot.topics.items():
        partitions.add_metric([name], topic.partitions)
        lacking.add_metric([name], topic.under_replicated)
        offline.add_metric([name], topic.offline)
        if topic.written is not None:
            written.add_metric([name], topic.written)
        if topic.records is not None:
            kept.add_metric([name], topic.records)
        if topic.size is not None:
            size.add_metric([name], topic.size)
    yield from (partitions, lacking, offline, written, kept, size)


def _of_groups(snapshot: Snapshot) -> Iterator[Metric]:
    members = GaugeMetricFamily("kafka_consumergroup_members", "Members of a group.", labels=["consumergroup"])
    states = GaugeMetricFamily(
        "kafka_consumergroup_state", "1: the state that a group is in.", labels=["consumergroup", "state"]
    )
    for name, group in snapshot.groups.items():
        states.add_metric([name, group.state], 1)
        if group.members is not None:
            members.add_metric([name], group.members)
    lag = GaugeMetricFamily(
        "kafka_consumergroup_lag", "Records that a group has yet to read.", labels=["consumergroup", "topic"]
    )
    seconds = GaugeMetricFamily(
        "kafka_consumergroup_lag_seconds",
        "Age of the oldest record that a group has yet to read.",
        labels=["consumergroup", "topic"],
    )
    for pair, behind in snapshot.lags.items():
        lag.add_metric(list(pair), behind.records)
        seconds.add_metric(list(pair), behind.seconds)
    yield from (members, states, lag, seconds)
