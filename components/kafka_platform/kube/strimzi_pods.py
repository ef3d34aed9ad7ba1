"""What the templates of pods that Strimzi creates have in common: nodes, workers of Kafka Connect, and what runs beside them. No Pulumi."""

from kafka_platform.kube import pods
from kafka_platform.kube.manifests import Manifest
from kafka_platform.kube.pod_settings import PodSettings


def container_security() -> Manifest:
    """What a container of Strimzi's may do. Its images write to their own file system, and say who they run as."""
    security = pods.container_security() | {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
    del security["readOnlyRootFilesystem"]
    return security


def pod_template(settings: PodSettings) -> Manifest:
    """The key `pod` of a template of what Strimzi runs beside the nodes; nothing where nothing is decided."""
    pod = pod_fields(settings)
    return {"pod": pod} if pod else {}


def pod_fields(settings: PodSettings) -> Manifest:
    """What Strimzi takes for a pod. Its operator leaves user and group ids to the cluster where that decides on them."""
    pod: Manifest = {}
    metadata = {"annotations": dict(settings.annotations), "labels": dict(settings.labels)}
    if any(metadata.values()):
        pod["metadata"] = {key: each for key, each in metadata.items() if each}
    if settings.pull_secrets:
        pod["imagePullSecrets"] = pods.pull_secrets(settings.pull_secrets)
    if settings.priority_class is not None:
        pod["priorityClassName"] = settings.priority_class
    if settings.tolerations:
        pod["tolerations"] = pods.tolerations(settings.tolerations)
    if settings.node_labels:
        # Its templates know no nodeSelector.
        labels = sorted(settings.node_labels.items())
        terms = [{"key": key, "operator": "In", "values": [value]} for key, value in labels]
        pod["affinity"] = {
            "nodeAffinity": {
                "requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [{"matchExpressions": terms}]}
            }
        }
    return pod
