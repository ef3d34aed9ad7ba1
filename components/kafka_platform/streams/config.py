"""Flink's own configuration of a job. No Pulumi."""

import hashlib
import json

from kafka_platform.kube.pods import METRICS_PORT
from kafka_platform.streams.spec import StreamJobSpec, stream_user_name
from kafka_platform.values.units import quantity

RPC_PORT, BLOB_PORT, REST_PORT, DATA_PORT, TASK_PORT = 6123, 6124, 8081, 6121, 6122
TEMPORARY = "/tmp"  # noqa: S108 - a volume of the pod
HOME = "/opt/flink"
FLINK = "2.2"
"""The version whose configuration this is."""

_OPENS = [
    "lang",
    "net",
    "io",
    "nio",
    "lang.reflect",
    "text",
    "time",
    "util",
    "util.concurrent",
    "util.concurrent.atomic",
    "util.concurrent.locks",
]
_METASPACE, _OUTSIDE = 192, 128
"""MiB of a TaskManager that are no part of Flink's own accounts: classes, and threads, code and native libraries."""
_FRAMEWORK_HEAP, _FRAMEWORK_OFF_HEAP, _NETWORK = 96, 64, 48
_MANAGED_SHARE = 3
"""RocksDB has one part in so many of what is left."""
_MANAGER_METASPACE, _MANAGER_DIRECT, _MANAGER_OUTSIDE = 256, 64, 160
"""Flink's planner, which makes the job of its SQL, has many classes."""


def job_id(namespace: str, name: str) -> str:
    """The id under which Flink knows a job."""
    return hashlib.md5(f"{namespace}/{name}".encode(), usedforsecurity=False).hexdigest()


def config_maps(name: str, job: str) -> list[str]:
    """The ConfigMaps in which the JobManager notes who leads, and where the last checkpoint is, and its keeper what runs."""
    own = stream_user_name(name)
    return [f"{own}-cluster-config-map", f"{own}-{job}-config-map", f"{own}-ledger"]


def config_yaml(name: str, spec: StreamJobSpec, namespace: str, endpoint: str, region: str, place: str) -> str:
    """The file `config.yaml`; `place` is the folder of the job's state, as `s3://bucket/prefix`."""
    found = {
        **_files(name, spec, namespace, endpoint, region, place),
        **_ports(),
        **_memory(spec),
        "execution.checkpointing.max-concurrent-checkpoints": "1",
        "execution.checkpointing.mode": "EXACTLY_ONCE",
        "execution.checkpointing.timeout": "10 min",
        # The store restarts when it gets another user.
        "execution.checkpointing.tolerable-failed-checkpoints": "3",
        # Its keeper sees why a job failed, and from which state one ended.
        "execution.shutdown-on-application-finish": "false",
        "execution.submit-failed-job-on-application-error": "true",
        "heartbeat.interval": "2000",
        "heartbeat.timeout": "10000",
        # With fewer TaskManagers than declared a job works in fewer parts, and waits for the first as long as it takes.
        "jobmanager.adaptive-scheduler.submission.resource-wait-timeout": "3650 d",
        "jobmanager.scheduler": "adaptive",
        "metrics.job.status.enable": "STATE",
        "metrics.reporter.prom.factory.class": "org.apache.flink.metrics.prometheus.PrometheusReporterFactory",
        "metrics.reporter.prom.port": str(METRICS_PORT),
        "restart-strategy.exponential-delay.initial-backoff": "1 s",
        "restart-strategy.exponential-delay.max-backoff": "30 s",
        "restart-strategy.exponential-delay.reset-backoff-threshold": "5 min",
        "restart-strategy.type": "exponential-delay",
        # Options of a table say who may do what.
        "table.dynamic-table-options.enabled": "false",
        "table.local-time-zone": "UTC",
        "taskmanager.numberOfTaskSlots": str(spec.slots),
        "web.cancel.enable": "false",
        "web.submit.enable": "false",
    }
    # Each is a text in quotes, which YAML and JSON write alike.
    return "".join(f"{key}: {json.dumps(value)}\n" for key, value in sorted(found.items()))


def _files(name: str, spec: StreamJobSpec, namespace: str, endpoint: str, region: str, place: str) -> dict[str, str]:
    return {
        "execution.checkpointing.externalized-checkpoint-retention": "RETAIN_ON_CANCELLATION",
        "execution.checkpointing.incremental": "true",
        "execution.checkpointing.num-retained": "3",
        "execution.checkpointing.savepoint-dir": f"{place}savepoints",
        "high-availability.cluster-id": stream_user_name(name),
        # A new JobManager waits until the lease of one that was killed has ended.
        "high-availability.kubernetes.leader-election.lease-duration": "8 s",
        "high-availability.kubernetes.leader-election.renew-deadline": "6 s",
        "high-availability.kubernetes.leader-election.retry-period": "1 s",
        "high-availability.storageDir": f"{place}ha",
        "high-availability.type": "kubernetes",
        "io.tmp.dirs": TEMPORARY,
        "kubernetes.cluster-id": stream_user_name(name),
        "kubernetes.namespace": namespace,
        "s3.endpoint": endpoint,
        "s3.endpoint.region": region,
        "s3.path-style-access": "true",
        "state.backend.type": "rocksdb",
    }


def _ports() -> dict[str, str]:
    return {
        "blob.server.port": str(BLOB_PORT),
        "jobmanager.bind-host": "0.0.0.0",  # noqa: S104 - in a pod, behind a network policy
        "jobmanager.rpc.port": str(RPC_PORT),
        "rest.bind-address": "0.0.0.0",  # noqa: S104
        "rest.port": str(REST_PORT),
        "taskmanager.bind-host": "0.0.0.0",  # noqa: S104
        "taskmanager.data.port": str(DATA_PORT),
        "taskmanager.rpc.port": str(TASK_PORT),
    }


def _shares(memory: str) -> tuple[int, int]:
    """MiB of the tasks' heap and of RocksDB."""
    whole = int(quantity(memory)) // 2**20
    left = whole - _METASPACE - _OUTSIDE - _FRAMEWORK_HEAP - _FRAMEWORK_OFF_HEAP - _NETWORK
    managed = left // _MANAGED_SHARE
    return left - managed, managed


def _memory(spec: StreamJobSpec) -> dict[str, str]:
    """Flink's accounts of a TaskManager's memory, which it needs all when it is started without its scripts."""
    heap, managed = _shares(spec.resources.memory)
    return {
        "taskmanager.cpu.cores": str(float(quantity(spec.resources.cpu))),
        "taskmanager.memory.framework.heap.size": f"{_FRAMEWORK_HEAP}m",
        "taskmanager.memory.framework.off-heap.size": f"{_FRAMEWORK_OFF_HEAP}m",
        "taskmanager.memory.jvm-metaspace.size": f"{_METASPACE}m",
        "taskmanager.memory.jvm-overhead.max": f"{_OUTSIDE}m",
        "taskmanager.memory.jvm-overhead.min": f"{_OUTSIDE}m",
        "taskmanager.memory.managed.size": f"{managed}m",
        "taskmanager.memory.network.max": f"{_NETWORK}m",
        "taskmanager.memory.network.min": f"{_NETWORK}m",
        "taskmanager.memory.task.heap.size": f"{heap}m",
        "taskmanager.memory.task.off-heap.size": "0m",
    }


def task_options(spec: StreamJobSpec) -> list[str]:
    """Options of a TaskManager's JVM."""
    heap, _ = _shares(spec.resources.memory)
    return [*_options(_FRAMEWORK_HEAP + heap, _METASPACE, _FRAMEWORK_OFF_HEAP + _NETWORK), *_opens()]


def manager_options(spec: StreamJobSpec) -> list[str]:
    """Options of a JobManager's JVM."""
    whole = int(quantity(spec.manager.memory)) // 2**20
    heap = whole - _MANAGER_METASPACE - _MANAGER_DIRECT - _MANAGER_OUTSIDE
    return [*_options(heap, _MANAGER_METASPACE, _MANAGER_DIRECT), *_opens()]


def _options(heap: int, metaspace: int, direct: int) -> list[str]:
    return [
        f"-Xmx{heap}m",
        f"-XX:MaxMetaspaceSize={metaspace}m",
        f"-XX:MaxDirectMemorySize={direct}m",
        "-XX:ReservedCodeCacheSize=64m",
        "-XX:+UseSerialGC",
        "-XX:+ExitOnOutOfMemoryError",
    ]


def _opens() -> list[str]:
    packages = [*(f"java.base/java.{each}" for each in _OPENS), "java.base/sun.nio.ch"]
    return [
        "--add-exports=java.base/sun.net.util=ALL-UNNAMED",
        "--add-exports=java.security.jgss/sun.security.krb5=ALL-UNNAMED",
        *(f"--add-opens={each}=ALL-UNNAMED" for each in packages),
    ]


# Of an exception the root cause comes first, and little else: it has to fit into the last message of the pod.
LOG4J = """\
rootLogger.level = INFO
rootLogger.appenderRef.console.ref = console
appender.console.type = CONSOLE
appender.console.name = console
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = %d{ISO8601} %-5p %c{1} %m%n%notEmpty{%rEx{10}%n}
appender.console.layout.alwaysWriteExceptions = false
logger.kafka.name = org.apache.flink.kafka.shaded
logger.kafka.level = WARN
logger.pekko.name = org.apache.pekko
logger.pekko.level = WARN
logger.configuration.name = org.apache.flink.configuration.GlobalConfiguration
logger.configuration.level = WARN
"""
