"""The object that scales brokers: pure functions render it."""

from typing import TYPE_CHECKING

from kafka_platform.cluster.scaling.spec import LASTING_SECONDS, QUIET_SECONDS, STEP_SECONDS, BrokerScaling, measures
from kafka_platform.cluster.strimzi.pools import Pool
from kafka_platform.kube.derived import derived
from kafka_platform.kube.manifests import Manifest, labels, metadata
from kafka_platform.kube.objects import Object
from kafka_platform.kube.operated import KEDA_API, KEDA_SCALES, STRIMZI_API

if TYPE_CHECKING:
    from pulumi import Input

    from kafka_platform.kafka.connection import KafkaConnection

COMPONENT = "broker-scaler"


def objects(name: str, connection: "KafkaConnection", brokers: Pool, scaling: BrokerScaling) -> list[Object]:
    """The broker scaler's objects."""
    triggers = derived(
        lambda cluster, namespace: render_triggers(scaling, brokers, cluster, namespace),
        connection.cluster,
        connection.namespace,
    )
    scaled = scaled_object(name, connection.namespace, scaling, triggers)
    return [Object(role="scaled", manifest=scaled, wait=KEDA_SCALES)]


def render_triggers(scaling: BrokerScaling, pool: Pool, cluster: str, namespace: str) -> list[Manifest]:
    """KEDA's Prometheus queries. The value is the brokers' mean, so that a limit passed by half asks for half as many more."""
    return [
        {
            "metadata": {
                # A query without a value is a fault, and not an idle cluster.
                "ignoreNullValues": "false",
                "query": measure.query,
                "serverAddress": scaling.prometheus,
                "threshold": str(measure.limit),
            },
            "metricType": "Value",
            "type": "prometheus",
        }
        for measure in measures(scaling, pool, cluster, namespace)
    ]


def scaled_object(
    name: str, namespace: "Input[str]", scaling: BrokerScaling, triggers: "Input[list[Manifest]]"
) -> Manifest:
    """The ScaledObject with metrics and limits of the pool. Without an answer from Prometheus the number does not change."""
    one = {"periodSeconds": STEP_SECONDS, "type": "Pods", "value": 1}
    down: Manifest = {"policies": [one], "stabilizationWindowSeconds": QUIET_SECONDS}
    if not scaling.scale_in:
        down = {"selectPolicy": "Disabled"}
    return {
        "apiVersion": KEDA_API,
        "kind": "ScaledObject",
        "metadata": metadata(name, namespace, labels(name, COMPONENT)),
        "spec": {
            "advanced": {
                "horizontalPodAutoscalerConfig": {
                    "behavior": {
                        "scaleDown": down,
                        "scaleUp": {"policies": [one], "stabilizationWindowSeconds": LASTING_SECONDS},
                    }
                }
            },
            "maxReplicaCount": scaling.max,
            "minReplicaCount": scaling.min,
            "scaleTargetRef": {"apiVersion": STRIMZI_API, "kind": "KafkaNodePool", "name": scaling.pool},
            "triggers": triggers,
        },
    }
