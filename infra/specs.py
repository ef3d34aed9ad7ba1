"""What the components of a stack are, as far as its file alone tells: the specs, and the names of the components. No Pulumi.

The program adds what only the graph knows, and `check` renders them as they are.
"""

from typing import Any

from kafka_platform.cluster.embedded.listeners import Listeners
from kafka_platform.cluster.spec import ClusterSpec
from kafka_platform.cluster.strimzi.spec import Metrics
from kafka_platform.gateway.spec import GatewaySpec
from kafka_platform.kafka.entities import Deletion
from kafka_platform.kafka.protocols import Engine
from kafka_platform.kube.images import RUNTIME_IMAGE
from kafka_platform.monitoring.spec import MonitoringSpec
from kafka_platform.probe.spec import LATENCY_PROBE
from kafka_platform.scaling.spec import scaler_user_name
from kafka_platform.values.forms import shared
from kafka_platform.worker.spec import WorkerSpec

from infra.settings import Gateway, Settings
from infra.settings.operators import Prometheus

CLUSTER = "kafka"
"""Name of the cluster in its namespace: bootstrap servers are `kafka.<namespace>.svc:9092`."""
GATEWAY = "gateway"
"""Name of the HTTP gateway in its namespace: `http://gateway.<namespace>.svc`."""


def broker_scaler_name(pool: str) -> str:
    """Name of what scales a pool of brokers."""
    return f"{CLUSTER}-{pool}"


def runtime_image(settings: Settings) -> str:
    """Image of this platform's own programs."""
    return settings.images.runtime or RUNTIME_IMAGE


def keeps_namespace(settings: Settings, namespace: str) -> bool:
    """Whether a namespace stays when the stack goes: volumes that are kept are in it."""
    kafka = settings.kafka
    keeps = kafka.engine is not Engine.EXTERNAL and kafka.deletion is Deletion.RETAIN
    return keeps and namespace == settings.namespace


def manages_entities(settings: Settings) -> bool:
    """Whether topics and users are managed by the stack."""
    return settings.kafka.engine is not Engine.EXTERNAL or settings.kafka.admin_secret is not None


def cluster_values(settings: Settings) -> dict[str, Any]:
    """What the Kafka is, as the fields of its spec: the tenants' pods may connect too."""
    kafka = settings.kafka
    return shared(kafka, ClusterSpec) | {
        "listeners": kafka.listeners.listeners() if kafka.engine is Engine.EMBEDDED else Listeners(),
        "client_namespaces": settings.client_namespaces,
    }


def gateway_values(settings: Settings, gateway: Gateway) -> dict[str, Any]:
    """What the gateway is, as the fields of its spec: the tenants' pods may call too."""
    return shared(gateway, GatewaySpec) | {
        "expose": gateway.exposure(),
        "client_namespaces": settings.gateway_namespaces,
    }


def worker_values(settings: Settings, name: str) -> dict[str, Any]:
    """What the worker of that name is, as the fields of its spec. Its users are made with all others."""
    worker = settings.workers[name]
    return shared(worker, WorkerSpec) | {
        "user": worker.user or name,
        "scaler_user": worker.scaler_user or (scaler_user_name(name) if worker.scales_by_lag else None),
    }


def monitored_values(settings: Settings, prometheus: Prometheus) -> dict[str, Any]:
    """What there is to watch, as the fields of its spec."""
    kafka, certificates = settings.kafka, settings.cert_manager
    return shared(prometheus, MonitoringSpec) | {
        "engine": kafka.engine,
        "nodes": kafka.metrics is not Metrics.OFF,
        "exporter": kafka.exporter,
        "renewal_days": kafka.authorities.renewal_days,
        "authorities_given": kafka.authorities.given,
        "gateways": [] if settings.gateway is None else [GATEWAY],
        "probes": [] if settings.probe is None else [LATENCY_PROBE],
        "cert_manager": None if certificates is None else certificates.namespace,
    }
