"""The objects of a pulse: one pure function renders each."""

from typing import TYPE_CHECKING

from kafka_platform.kafka.client_pods import connection_environment
from kafka_platform.kube.manifests import Manifest, labels, metadata, selector
from kafka_platform.kube.objects import Object
from kafka_platform.kube.pods import METRICS_PORT, container_security, pod_security
from kafka_platform.pulse.spec import PulseSpec

if TYPE_CHECKING:
    from kafka_platform.kafka.connection import KafkaConnection
    from pulumi import Input

COMPONENT = "pulse"


def objects(name: str, spec: PulseSpec, connection: "KafkaConnection") -> list[Object]:
    """One Deployment."""
    return [Object(role="pod", manifest=deployment(name, spec, connection.namespace, connection))]


def deployment(name: str, spec: PulseSpec, namespace: "Input[str]", connection: "KafkaConnection") -> Manifest:
    """The pod that beats."""
    container = {
        "env": connection_environment(connection, {"PULSE_INTERVAL": spec.interval}),
        "image": spec.image,
        "name": "pulse",
        "ports": [{"containerPort": METRICS_PORT, "name": "metrics"}],
        "resources": {"limits": {"memory": "64Mi"}, "requests": {"cpu": "10m", "memory": "64Mi"}},
        "securityContext": container_security(),
    }
    pod = {"automountServiceAccountToken": False, "containers": [container], "securityContext": pod_security()}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": metadata(name, namespace, labels(name, COMPONENT)),
        "spec": {
            "replicas": 1,
            "selector": {"matchLabels": selector(name, COMPONENT)},
            "template": {"metadata": {"labels": labels(name, COMPONENT)}, "spec": pod},
        },
    }
