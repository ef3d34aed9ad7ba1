"""The pods of an embedded Kafka cluster: one pure function renders each part."""

from kafka_platform.cluster.embedded.files import CONTROLLER_PORT, EXTERNAL_PORT, INTERNAL_PORT, REPLICATION_PORT
from kafka_platform.cluster.embedded.settings import HEALTH_PORT, EmbeddedSettings
from kafka_platform.cluster.metrics import NODE_METRICS_PORT, RULES_FILE
from kafka_platform.kube.manifests import Manifest, environment
from kafka_platform.kube.metrics import NODE_METRICS_PORT_NAME
from kafka_platform.kube.pods import container_security, helper_resources, http_check, resources_of, secret_volume

# After an unclean stop a broker reads its newest segments again; a full volume can take most of an hour.
_STARTUP_SECONDS = 3600

_RENEWED_FOLDER = "/etc/kafka-platform/renewed"
_AGENT_FOLDER = "/opt/kafka-platform/agent"
_AGENT = "jmx_prometheus_javaagent.jar"
"""The file's name in the runtime image (runtime/Dockerfile), in the same folder."""


def kafka_container(settings: EmbeddedSettings) -> Manifest:
    """The broker."""
    heap = settings.spec.jvm.heap_in(settings.spec.resources.memory)
    options = {"KAFKA_JVM_PERFORMANCE_OPTS": settings.spec.jvm.arguments} if settings.spec.jvm.options else {}
    accepts = {"tcpSocket": {"port": REPLICATION_PORT}, "timeoutSeconds": 5}
    return {
        "command": ["/bin/sh", "/etc/kafka-platform/config/start.sh"],
        "env": [
            *environment(
                {
                    # Without this the start script adds a file for the garbage collector's log.
                    "EXTRA_ARGS": _arguments(settings),
                    "KAFKA_HEAP_OPTS": f"-Xms{heap} -Xmx{heap}",
                    "KAFKA_LOG4J_OPTS": "-Dlog4j2.configurationFile=/etc/kafka-platform/config/log4j2.yaml",
                    "LOG_DIR": "/tmp",  # noqa: S108
                    **options,
                }
            ),
            _node_id(),
        ],
        "image": settings.image,
        "livenessProbe": {**accepts, "failureThreshold": 6, "periodSeconds": 10},
        "name": "kafka",
        "ports": [{"containerPort": port, "name": name} for name, port in _ports(settings)],
        # Half a minute, as Strimzi has it: a slow broker is better than none, and clients find one that hangs by themselves.
        "readinessProbe": http_check("/readyz", HEALTH_PORT, failures=6, period_seconds=5),
        "resources": resources_of(settings.spec.resources),
        "securityContext": container_security(),
        "startupProbe": {**accepts, "failureThreshold": _STARTUP_SECONDS // 2, "periodSeconds": 2},
        # A setting that Kafka refuses is only told in its log.
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "volumeMounts": _mounts(settings),
    }


def _arguments(settings: EmbeddedSettings) -> str:
    """What stands before the class that is run: options of Java for the broker alone, not for the tools that start.sh runs."""
    arguments = ["-name", "kafkaServer"]
    if settings.shows_metrics:
        rules = f"/etc/kafka-platform/config/{RULES_FILE}"
        arguments.append(f"-javaagent:{_AGENT_FOLDER}/{_AGENT}={NODE_METRICS_PORT}:{rules}")
    return " ".join(arguments)


def _ports(settings: EmbeddedSettings) -> list[tuple[str, int]]:
    ports = [
        ("replication", REPLICATION_PORT),
        ("internal", INTERNAL_PORT),
        ("controller", CONTROLLER_PORT),
    ] + ([("external", EXTERNAL_PORT)] if settings.spec.listeners.external is not None else [])
    if settings.shows_metrics:
        ports.append((NODE_METRICS_PORT_NAME, NODE_METRICS_PORT))
    return ports


def _mounts(settings: EmbeddedSettings) -> list[Manifest]:
    mounts: list[Manifest] = [
        {"mountPath": "/etc/kafka-platform/config", "name": "config", "readOnly": True},
        {"mountPath": "/etc/kafka-platform/credentials", "name": "broker-credentials", "readOnly": True},
        {"mountPath": "/run/kafka-platform", "name": "run"},
        {"mountPath": "/tmp", "name": "tmp"},  # noqa: S108
        {"mountPath": "/var/lib/kafka", "name": "data"},
    ]
    if settings.spec.listeners.certificate is not None:
        mounts.append({"mountPath": "/etc/kafka-platform/certificate", "name": "certificate", "readOnly": True})
    if settings.shows_metrics:
        mounts.append({"mountPath": _AGENT_FOLDER, "name": "agent", "readOnly": True})
    return mounts


def init_containers(settings: EmbeddedSettings) -> list[Manifest]:
    """Hands the agent from our image to the broker, so that Kafka's image stays the official one."""
    if not settings.shows_metrics:
        return []
    return [
        {
            "command": ["cp", f"{_AGENT_FOLDER}/{_AGENT}", "/agent/"],
            "image": settings.runtime_image,
            "name": "agent",
            "resources": helper_resources("32Mi", reserved="16Mi"),
            "securityContext": container_security(),
            "terminationMessagePolicy": "FallbackToLogsOnError",
            "volumeMounts": [{"mountPath": "/agent", "name": "agent"}],
        }
    ]


def health_container(settings: EmbeddedSettings) -> Manifest:
    """The container that reports whether a node may be restarted."""
    variables = {
        "ADMIN_PASSWORD_FILE": "/etc/kafka-platform/credentials/admin",
        "HEALTH_PORT": str(HEALTH_PORT),
        "KAFKA_BOOTSTRAP_SERVERS": f"localhost:{REPLICATION_PORT}",
        "KAFKA_SASL_MECHANISM": "PLAIN",
        "KAFKA_SASL_PASSWORD_FILE": "/etc/kafka-platform/credentials/broker",
        "KAFKA_SASL_USERNAME": "broker",
        "KAFKA_SECURITY_PROTOCOL": "SASL_PLAINTEXT",
    }
    mounts: list[Manifest] = [
        {"mountPath": "/etc/kafka-platform/credentials", "name": "all-credentials", "readOnly": True},
    ]
    if settings.spec.listeners.certificate is not None:
        variables["CERTIFICATE_FILE"] = f"{_RENEWED_FOLDER}/tls.crt"
        variables["CERTIFICATE_SERVER"] = f"localhost:{INTERNAL_PORT}"
        mounts.append({"mountPath": _RENEWED_FOLDER, "name": "renewed", "readOnly": True})
    return {
        "command": ["python3", "-m", "kafka_platform_runtime.health"],
        "env": [*environment(variables), _node_id()],
        "image": settings.runtime_image,
        "livenessProbe": http_check("/livez", HEALTH_PORT, failures=3, period_seconds=20),
        "name": "health",
        "ports": [{"containerPort": HEALTH_PORT, "name": "health"}],
        "resources": helper_resources("128Mi", reserved="64Mi"),
        "securityContext": container_security(),
        "volumeMounts": mounts,
    }


def volumes(settings: EmbeddedSettings) -> list[Manifest]:
    """What the containers mount, besides the data."""
    broker_password = {
        "items": [{"key": "password", "path": "broker"}],
        "name": f"{settings.name}-broker",
    }
    admin_password = {
        "items": [{"key": "password", "path": "admin"}],
        "name": f"{settings.name}-admin",
    }
    volumes: list[Manifest] = [
        {"configMap": {"name": f"{settings.name}-config"}, "name": "config"},
        # The broker knows the password of the nodes; that of the administrator, only the program beside it.
        {"name": "broker-credentials", "projected": {"sources": [{"secret": broker_password}]}},
        {
            "name": "all-credentials",
            "projected": {"sources": [{"secret": admin_password}, {"secret": broker_password}]},
        },
        # server.properties holds passwords: in memory only.
        {"emptyDir": {"medium": "Memory", "sizeLimit": "4Mi"}, "name": "run"},
        {"emptyDir": {"sizeLimit": "256Mi"}, "name": "tmp"},
    ]
    if settings.shows_metrics:
        volumes.append({"emptyDir": {"sizeLimit": "16Mi"}, "name": "agent"})
    if settings.spec.listeners.certificate is not None:
        secret = settings.spec.listeners.certificate
        volumes.append({"name": "certificate", "secret": {"secretName": secret}})
        # The program beside the broker compares, and has no need of the key.
        volumes.append(secret_volume("renewed", secret, "tls.crt"))
    return volumes


def _node_id() -> Manifest:
    field_path = "metadata.labels['apps.kubernetes.io/pod-index']"
    return {"name": "NODE_ID", "valueFrom": {"fieldRef": {"fieldPath": field_path}}}
