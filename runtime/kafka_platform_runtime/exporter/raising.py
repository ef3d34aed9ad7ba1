"""Raises the number of pods of workloads when records arrive faster than those can handle; it never lowers one.

It has the right to read and change the scale of these Deployments, and nothing else in Kubernetes. What it raised to, the
autoscaler keeps: KEDA reads the rate from the metrics, as another reason for as many pods. If this loop fails, pods come when
the autoscaler sees the lag.
"""

import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from http import HTTPStatus

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from kafka_platform_runtime.api_server import ApiServer, taken
from kafka_platform_runtime.exporter.cluster import LATEST, Cluster, Metadata, Partition
from kafka_platform_runtime.exporter.surge import Arrivals, Workload, wanted
from kafka_platform_runtime.failures import Refused, Rejected, Transient
from kafka_platform_runtime.supervision import whereabouts

LOOK_SECONDS = 1.0
METADATA_SECONDS = 15.0
"""How often it is asked which topics and leaders there are."""
SCALE_SECONDS = 15.0
"""How long a number of pods is believed that somebody else may have changed: as often as the autoscaler looks."""
FAILED_SECONDS = 5.0
"""Pause after a failure."""
MERGE = "application/merge-patch+json"


class Surges(Collector):
    """Looks once a second, and what it shows of that."""

    def __init__(
        self,
        workloads: Sequence[Workload],
        connect: Callable[[], Cluster],
        api: ApiServer,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`connect` makes a connection to Kafka, again after a failure."""
        self._workloads, self._connect, self._api, self._clock = workloads, connect, api, clock
        self._arrivals = [Arrivals() for _ in workloads]
        self._pods: list[tuple[float, int] | None] = [None] * len(workloads)
        """When it was asked how many there are, and the answer."""
        self._cluster: Cluster | None = None
        self._metadata: tuple[float, Metadata] | None = None
        self._raised = [0] * len(workloads)
        self._failures = Counter[str]()
        self._succeeded: float | None = None
        self._said: str | None = None
        self._registry = CollectorRegistry()
        self._registry.register(self)

    def once(self) -> float:
        """One look; returns the seconds until the next. Never raises."""
        begun = self._clock()
        try:
            self._look(begun)
        except (Refused, Rejected, Transient) as trouble:
            self._failed("offsets", str(trouble))
        except Exception as error:  # what a broker answers must not end the program
            self._failed("offsets", f"unexpected {whereabouts(error)}")
        else:
            self._succeeded = time.time()
            return max(0.0, begun + LOOK_SECONDS - self._clock())
        self.close()
        return FAILED_SECONDS

    def close(self) -> None:
        """End the connection."""
        if self._cluster is not None:
            self._cluster.close()
        self._cluster = self._metadata = None

    def _look(self, at: float) -> None:
        if self._cluster is None:
            self._cluster = self._connect()
        if self._metadata is None or at - self._metadata[0] > METADATA_SECONDS:
            self._metadata = at, self._cluster.metadata()
        ends = self._ends(self._cluster, self._metadata[1])
        for number, workload in enumerate(self._workloads):
            own = {each: end for each, end in ends.items() if workload.reads(each[0])}
            rate = self._arrivals[number].seen(at, own)
            try:
                self._raise(number, workload, rate, at)
            except (Refused, Transient) as trouble:
                self._pods[number] = None
                self._failed("scale", f"{workload.namespace}/{workload.name}: {trouble}")

    def _ends(self, cluster: Cluster, metadata: Metadata) -> dict[Partition, int]:
        by_leader: dict[int, list[Partition]] = {}
        for topic, partitions in metadata.topics.items():
            if any(each.reads(topic) for each in self._workloads):
                for partition, replicas in partitions.items():
                    by_leader.setdefault(replicas.leader, []).append((topic, partition))
        return {
            partition: offset
            for leader, led in by_leader.items()
            if leader in metadata.brokers
            for partition, (offset, _) in cluster.offsets(leader, led, LATEST).items()
        }

    def _raise(self, number: int, workload: Workload, rate: float, at: float) -> None:
        # With one pod it waits longest: who needs no more then needs no question.
        if wanted(workload, rate, 1) is None:
            return
        path = f"/apis/apps/v1/namespaces/{workload.namespace}/deployments/{workload.name}/scale"
        known = self._pods[number]
        if known is not None and at - known[0] < SCALE_SECONDS and wanted(workload, rate, known[1]) is None:
            return
        found = self._api.get(path, "its scale") or {}
        pods = int((found.get("spec") or {}).get("replicas") or 0)
        self._pods[number] = at, pods
        more = wanted(workload, rate, pods)
        if more is None:
            return
        # Refused if anybody has changed it meanwhile: nothing is ever lowered.
        version = {"resourceVersion": found["metadata"]["resourceVersion"]}
        change = {"metadata": version, "spec": {"replicas": more}}
        status, answer = self._api.ask("PATCH", f"{path}?fieldManager=kafka-exporter", change, MERGE)
        if status == HTTPStatus.CONFLICT:
            self._pods[number] = None
            return
        taken(status, answer, "its scale")
        self._pods[number] = at, more
        self._raised[number] += 1
        self._say(f"{workload.namespace}/{workload.name}: from {pods} to {more} pods for {rate:,.0f} records/s")

    def _failed(self, what: str, trouble: str) -> None:
        self._failures[what] += 1
        if trouble != self._said:
            self._say(f"cannot raise the number of pods: {trouble}")
            self._said = trouble

    def _say(self, text: str) -> None:
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()

    @property
    def text(self) -> bytes:
        """The metrics as they are now."""
        return generate_latest(self._registry)

    def describe(self) -> list[Metric]:
        """Empty: what there is follows from the workloads."""
        return []

    def collect(self) -> list[Metric]:
        """Everything, for Prometheus and for KEDA."""
        labels = ["namespace", "workload"]
        rates = GaugeMetricFamily(
            "kafka_surge_records_per_second", "Records that arrive for a workload: the most of a minute.", labels=labels
        )
        raised = CounterMetricFamily("kafka_surge_raised", "How often the number of pods was raised.", labels=labels)
        at = self._clock()
        for number, each in enumerate(self._workloads):
            rates.add_metric([each.namespace, each.name], self._arrivals[number].held(at))
            raised.add_metric([each.namespace, each.name], self._raised[number])
        failures = CounterMetricFamily("kafka_surge_failures", "Looks and changes that failed.", labels=["what"])
        for what in ("offsets", "scale"):
            failures.add_metric([what], self._failures[what])
        last = GaugeMetricFamily(
            "kafka_surge_last_success_timestamp_seconds", "When offsets were last read.", value=self._succeeded or 0.0
        )
        return [rates, raised, failures, last]
