"""The settings of one stack: what every stack has, and one line for each thing that can be turned on."""

from collections.abc import Mapping

from infra.capabilities.alerts import Alerts
from infra.capabilities.connectors import Connect, StackConnector
from infra.capabilities.exporter import Exporter
from infra.capabilities.gateway import Gateway
from infra.capabilities.jobs import Job
from infra.capabilities.levels import ServiceLevel
from infra.capabilities.logs import Logs
from infra.capabilities.mirrors import Mirror
from infra.capabilities.operators import (
    CertManagerInstallation,
    DrainCleanerInstallation,
    Keda,
    Prometheus,
    StrimziInstallation,
)
from infra.capabilities.probe import Probe
from infra.capabilities.query import Query
from infra.capabilities.registry import Registry
from infra.capabilities.storage import Storage
from infra.capabilities.streams import Stream
from infra.capabilities.workers import Worker
from infra.settings.core import Core


class Settings(Core):
    """The platform of one stack: the content of `kafka-platform:platform`."""

    registry: Registry | None = None
    """The schema registry; may be left empty. Default: none."""
    gateway: Gateway | None = None
    """The HTTP gateway; may be left empty. Default: none."""
    strimzi: StrimziInstallation | None = None
    """Strimzi's operator, for `kafka.engine: strimzi`. Default: the Kubernetes cluster has it."""
    drain_cleaner: DrainCleanerInstallation | None = None
    """Strimzi's Drain Cleaner, for `kafka.drainCleaner: true`. Default: the Kubernetes cluster has it."""
    cert_manager: CertManagerInstallation | None = None
    """cert-manager; may be left empty where the Kubernetes cluster has it. Default: not used."""
    prometheus: Prometheus | None = None
    """Prometheus; may be left empty where the Kubernetes cluster has its operator. Default: none."""
    alerts: Alerts | None = None
    """Receivers of alerts. Default: none; alerts are only shown in Prometheus."""
    keda: Keda | None = None
    """KEDA; may be left empty where the Kubernetes cluster has it. Default: nothing is scaled by it."""
    exporter: Exporter | None = None
    """The Kafka exporter, which exposes consumer lag and topic sizes; may be left empty. Default: present wherever
    there is `prometheus`, unless the stack does not manage Kafka's users."""
    probe: Probe | None = None
    """The latency probe; may be left empty. Default: none."""
    levels: Mapping[str, ServiceLevel] = {}
    """Service levels by name: what users may expect, with alerts that page when an error budget burns too fast.
    Default: none."""
    storage: Storage | None = None
    """The object store, for what is kept as files: a lake, checkpoints. Default: none."""
    streams: Mapping[str, Stream] = {}
    """Stream jobs by name: SQL over topics, or a program of an image, run by Flink, each with its own Kafka user. They need `storage`."""
    query: Query | None = None
    """The query engine: SQL over topics, for users who may read them; may be left empty. Default: none."""
    workers: Mapping[str, Worker] = {}
    """Teams' services by name, each with its own Kafka user and as many pods as its load needs."""
    jobs: Mapping[str, Job] = {}
    """Teams' programs that run on a schedule by name, each with its own Kafka user."""
    connectors: Mapping[str, StackConnector] = {}
    """Connectors by name, which move records between Kafka and other systems, each with its own Kafka user."""
    connect: Connect | None = None
    """Settings of Kafka Connect, which runs connectors. Default: two pods where there is a connector for it."""
    mirror: Mirror | None = None
    """The mirror, which copies topics of another Kafka to this one, with the offsets of consumer groups. Default: none."""
    logs: Logs | None = None
    """The log collector, which writes lines of containers to topics. Default: none."""
