"""All dashboards and alerts that there can be, and the metrics that they ask for."""

import pkgutil
import re
from collections.abc import Iterable, Iterator
from importlib import import_module

import kafka_platform
from kafka_platform.connect.monitoring import restarter_source, slots_source, source as connect_source
from kafka_platform.exporter.monitoring import source as exporter_source
from kafka_platform.gateway.monitoring import source as gateway_source
from kafka_platform.job.monitoring import source as job_source
from kafka_platform.job.spec import JobSpec
from kafka_platform.kafka.entities import Quotas
from kafka_platform.kafka.protocols import Engine
from kafka_platform.kube.metrics import Alert
from kafka_platform.levels.spec import LatencyLevel, Level
from kafka_platform.light.monitoring import source as light_source
from kafka_platform.logs.monitoring import source as logs_source
from kafka_platform.mirror.monitoring import source as mirror_source
from kafka_platform.monitoring.alerts import alerts
from kafka_platform.monitoring.dashboards import Shown
from kafka_platform.monitoring.objects import boards_of, measures_of, watched_of
from kafka_platform.monitoring.spec import MonitoredSpec
from kafka_platform.monitoring.tenants import WatchedTenant
from kafka_platform.probe.monitoring import source as probe_source
from kafka_platform.query.monitoring import source as query_source
from kafka_platform.registry.monitoring import source as registry_source
from kafka_platform.storage.monitoring import source as storage_source
from kafka_platform.streams.monitoring import source as streams_source

EVERYTHING = MonitoredSpec(
    engine=Engine.STRIMZI,
    exporter=True,
    provisioner=True,
    cert_manager="cert-manager",
    keda="keda",
    tenants={
        "shop": WatchedTenant(users={"shop-api": Quotas(produce="20MB/s", consume="50MB/s", request_percentage=200)}),
        "batch": WatchedTenant(users={"svc@corp": Quotas(consume="50MB/s"), "CN=report": Quotas()}),
    },
    levels={
        "platform": Level(availability="99.9%", latency=LatencyLevel(p99="500ms")),
        "shop": Level(users=["shop-api"], availability="99.5%"),
        "orders": Level(topic="orders", availability="99.9%"),
        "payments": Level(group="payments-*", freshness="1m"),
    },
)
SOURCES = [
    connect_source("connect"),
    restarter_source("connect"),
    slots_source("connect"),
    exporter_source("kafka-exporter"),
    gateway_source("gateway"),
    job_source("nightly", JobSpec(image="report:4", reads=["orders"], schedule="0 3 * * *")),
    light_source("connector-search"),
    logs_source("log-collector"),
    mirror_source("mirror"),
    probe_source("latency-probe"),
    query_source("query-engine"),
    registry_source("schema-registry"),
    storage_source("object-store"),
    streams_source("stream-minutes"),
]
_METRIC = re.compile(r"(?<![\w:])([a-zA-Z][a-zA-Z0-9_:]*)\{")


def every_board() -> list[Shown]:
    """Those of a Kafka that Strimzi runs, and of all our programs."""
    return boards_of(EVERYTHING, SOURCES)


def every_alert() -> dict[str, Alert]:
    """Those of a Kafka, and the `ALERTS` of every module `monitoring`, by name."""
    found = {each.name: each for each in alerts(watched_of(EVERYTHING, "kafka", "streaming"))}
    for module in pkgutil.walk_packages(kafka_platform.__path__, "kafka_platform."):
        if module.name.endswith(".monitoring") and not module.ispkg:
            found |= {each.name: each for each in getattr(import_module(module.name), "ALERTS", ())}
    return found


def queries(boards: Iterable[Shown]) -> Iterator[tuple[str, str]]:
    """What the panels ask for, with where that is."""
    for shown in boards:
        for panel in shown.board.panels:
            yield from ((f"{shown.board.name}: {panel.title}", each.expression) for each in panel.queries)


def asked(prefix: str) -> set[str]:
    """Names of the metrics with a prefix that dashboards and alerts ask for."""
    texts = [text for _, text in queries(every_board())] + [each.expression for each in every_alert().values()]
    for each in measures_of(EVERYTHING, "streaming", SOURCES):
        texts += [each.errors, each.events]
    return {name for text in texts for name in _METRIC.findall(text) if name.startswith(prefix)}
