"""The Kubernetes objects of a log collector: one pure function renders each."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kafka_platform.kafka.client_pods import (
    ca_mounts,
    ca_volumes,
    connection_environment,
    kafka_ports,
    login_values,
    login_volume,
)
from kafka_platform.kube.derived import derived
from kafka_platform.kube.manifests import (
    Manifest,
    collectors,
    labels,
    metadata,
    network_policy_of,
    selector,
    text_hash,
    to_names,
)
from kafka_platform.kube.metrics import METRICS_PORT_NAME
from kafka_platform.kube.objects import Object
from kafka_platform.kube.pods import (
    CONFIG_ANNOTATION,
    METRICS_PORT,
    configured,
    container_security,
    http_check,
    pod_spec,
    resources_of,
)
from kafka_platform.logs.config import HEALTH_PORT, LOGS, STATE, config
from kafka_platform.logs.spec import LogCollectorSpec
from kafka_platform.values.units import quantity

if TYPE_CHECKING:
    from pulumi import Input

    from kafka_platform.kafka.connection import KafkaConnection

COMPONENT = "log-collector"
ARGUMENTS = ("--feature-gates=stanza.synchronousLogEmitter",)
"""By which the position in a file is behind what was handed on, never before it."""
_CONFIG = "/etc/kafka-platform/config"
_FILE = "config.yaml"
_CREDENTIALS = "/etc/kafka-platform/credentials"
_CA_FILE = "/etc/kafka-platform/ca/ca.crt"
_PASSWORD_ANNOTATION = "kafka-platform/password-version"  # noqa: S105 - the name of an annotation
_ON_MACHINE = "/var/lib/kafka-platform"
"""Below it each namespace has a folder, and in that each collector: two stacks in one cluster do not share positions."""
TERMINATION_SECONDS = 15
"""Without Kafka it does not end by itself, and loses nothing when it is killed."""
_MEMORY_OF_GO = 0.8
"""Share of the memory limit at which Go collects garbage whatever that costs."""
_ROOT = 0
"""Files of lines belong to root, and are read by nobody else. Without capabilities root reads and writes only what is its own."""


@dataclass(frozen=True, kw_only=True)
class LogSettings:
    """Inputs of the objects of a log collector."""

    name: str
    namespace: "Input[str]"
    connection: "KafkaConnection"
    image: "Input[str]"
    secret: "Input[str]"
    """Name of the Secret with its login."""
    spec: LogCollectorSpec

    @property
    def own(self) -> dict[str, str]:
        """The labels that find the pods."""
        return selector(self.name, COMPONENT)

    @property
    def about(self) -> Manifest:
        """The metadata of its objects."""
        return metadata(self.name, self.namespace, labels(self.name, COMPONENT))


def objects(settings: LogSettings) -> list[Object]:
    """The collector's objects, in the order in which they are needed."""
    told = Object(role="config", manifest=config_map(settings))
    policy = Object(role="network", manifest=network_policy(settings))
    # Not awaited: a machine that is not ready holds up no deployment, and an alert tells of a collector that is missing.
    return [told, policy, Object(role="pods", manifest=daemon_set(settings), after=[told, policy], awaited=False)]


def collector_file(settings: LogSettings) -> "Input[str]":
    """What the collector does; it contains no secret."""
    made: Any = derived(
        lambda namespace: config(
            settings.spec, settings.name, namespace, settings.connection, files=_CREDENTIALS, ca=_CA_FILE
        ),
        settings.namespace,
    )
    return made  # type: ignore[no-any-return]


def config_map(settings: LogSettings) -> Manifest:
    """The collector's file."""
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": settings.about,
        "data": {_FILE: collector_file(settings)},
    }


def network_policy(settings: LogSettings) -> Manifest:
    """Whoever collects metrics reaches the pods; they reach names and Kafka."""
    return network_policy_of(
        settings.about,
        pods={"matchLabels": settings.own},
        ingress=[collectors(METRICS_PORT, settings.spec.metrics_namespaces)],
        egress=[*to_names(), {"ports": kafka_ports(settings.connection)}],
    )


def daemon_set(settings: LogSettings) -> Manifest:
    """A pod on each machine."""
    annotations: dict[str, Input[str]] = {
        CONFIG_ANNOTATION: derived(text_hash, collector_file(settings)),
        # Another password is another Secret content, which a running collector does not look at.
        _PASSWORD_ANNOTATION: str(settings.spec.password_version),
    }
    template = configured(
        {
            "metadata": {"annotations": annotations, "labels": labels(settings.name, COMPONENT)},
            "spec": pod_spec(
                [_container(settings)], _volumes(settings), terminationGracePeriodSeconds=TERMINATION_SECONDS
            ),
        },
        settings.spec.pod_settings,
    )
    # Lines are written on every machine, whatever else keeps pods away from it; and only root reads them.
    template["spec"] |= {"securityContext": _pod_security(), "tolerations": [{"operator": "Exists"}]}
    return {
        "apiVersion": "apps/v1",
        "kind": "DaemonSet",
        "metadata": settings.about,
        "spec": {
            "selector": {"matchLabels": settings.own},
            "template": template,
            "updateStrategy": {"rollingUpdate": {"maxUnavailable": "10%"}, "type": "RollingUpdate"},
        },
    }


def _pod_security() -> Manifest:
    return {
        "runAsGroup": _ROOT,
        "runAsNonRoot": False,
        "runAsUser": _ROOT,
        "seccompProfile": {"type": "RuntimeDefault"},
    }


def _container(settings: LogSettings) -> Manifest:
    # Go clears garbage before the limit is reached.
    variables = {"GOMEMLIMIT": str(int(float(quantity(settings.spec.resources.memory)) * _MEMORY_OF_GO))}
    machine = {"name": "NODE_NAME", "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": "spec.nodeName"}}}
    environment = connection_environment(settings.connection, variables)
    return {
        "args": [*ARGUMENTS, f"--config={_CONFIG}/{_FILE}"],
        "env": [machine, *environment, *login_values(settings.connection, settings.secret)],
        "image": settings.image,
        "livenessProbe": http_check("/", HEALTH_PORT, failures=6, period_seconds=10),
        "name": "collector",
        "ports": [
            {"containerPort": METRICS_PORT, "name": METRICS_PORT_NAME},
            {"containerPort": HEALTH_PORT, "name": "health"},
        ],
        "readinessProbe": http_check("/", HEALTH_PORT, failures=2, period_seconds=10),
        "resources": resources_of(settings.spec.resources),
        "securityContext": container_security(),
        "volumeMounts": _mounts(settings),
    }


def _mounts(settings: LogSettings) -> list[Manifest]:
    mounts: list[Manifest] = [
        {"mountPath": _CONFIG, "name": "config", "readOnly": True},
        {"mountPath": LOGS, "name": "logs", "readOnly": True},
        {"mountPath": STATE, "name": "state"},
    ]
    if settings.connection.logs_in:
        mounts.append({"mountPath": _CREDENTIALS, "name": "credentials", "readOnly": True})
    return [*mounts, *ca_mounts(settings.connection)]


def _volumes(settings: LogSettings) -> list[Manifest]:
    folder = derived(lambda namespace: f"{_ON_MACHINE}/{namespace}/{settings.name}", settings.namespace)
    volumes: list[Manifest] = [
        {"configMap": {"name": settings.name}, "name": "config"},
        {"hostPath": {"path": LOGS, "type": "Directory"}, "name": "logs"},
        {"hostPath": {"path": folder, "type": "DirectoryOrCreate"}, "name": "state"},
    ]
    if settings.connection.logs_in:
        volumes.append(login_volume(settings.connection, settings.secret))
    return [*volumes, *ca_volumes(settings.connection)]
