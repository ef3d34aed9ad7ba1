"""The templates of the pods that Strimzi creates: nodes, and what it runs beside them. No Pulumi."""

from kafka_platform.cluster.strimzi.pools import Pool
from kafka_platform.cluster.strimzi.settings import StrimziSettings
from kafka_platform.cluster.strimzi.spec import StrimziKafka
from kafka_platform.kube import pods
from kafka_platform.kube.manifests import Manifest
from kafka_platform.kube.operated import STRIMZI_CLUSTER_LABEL
from kafka_platform.kube.pod_settings import PodSettings
from kafka_platform.kube.pods import spread_over

_TERMINATION_SECONDS = 120
"""A broker that stops hands over every partition that it leads, which takes a second for some hundred of them."""


def container_security() -> Manifest:
    """What a container of Strimzi's may do. Its images write to their own file system, and say who they run as."""
    security = pods.container_security() | {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
    del security["readOnlyRootFilesystem"]
    return security


def pool_template(settings: StrimziSettings, name: str, pool: Pool) -> Manifest:
    """The template of a pool: what holds for all pods of the cluster, and what the pool says."""
    own = {STRIMZI_CLUSTER_LABEL: settings.name, "strimzi.io/pool-name": name}
    of_pool = PodSettings(
        tolerations=pool.tolerations, node_labels=pool.node_labels, priority_class=pool.priority_class
    )
    pod: Manifest = {
        "terminationGracePeriodSeconds": _TERMINATION_SECONDS,
        "topologySpreadConstraints": spread_over(pool.spread, own),
        **_pod(settings.spec.pod_settings.with_own(of_pool)),
    }
    container: Manifest = {"securityContext": container_security()}
    secrets = _mounted_secrets(settings.strimzi) if pool.holds_records else []
    if secrets:
        pod["volumes"] = [{"name": secret, "secret": {"secretName": secret}} for secret in secrets]
        container["volumeMounts"] = [{"mountPath": f"/mnt/{secret}", "name": secret} for secret in secrets]
    return {"initContainer": {"securityContext": container_security()}, "kafkaContainer": container, "pod": pod}


def pod_template(settings: PodSettings) -> Manifest:
    """The key `pod` of a template of what Strimzi runs beside the nodes; nothing where nothing is decided."""
    pod = _pod(settings)
    return {"pod": pod} if pod else {}


def _pod(settings: PodSettings) -> Manifest:
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


def _mounted_secrets(strimzi: StrimziKafka) -> list[str]:
    ways = [strimzi.listeners.internal.custom]
    if strimzi.listeners.external is not None:
        ways.append(strimzi.listeners.external.custom)
    return list(dict.fromkeys(secret for way in ways if way is not None for secret in way.secrets))
