"""The template of the pods of a pool. No Pulumi."""

from kafka_platform.cluster.strimzi.pools import Pool
from kafka_platform.cluster.strimzi.settings import StrimziSettings
from kafka_platform.cluster.strimzi.spec import StrimziKafka
from kafka_platform.kube.manifests import Manifest
from kafka_platform.kube.operated import STRIMZI_CLUSTER_LABEL
from kafka_platform.kube.pod_settings import PodSettings
from kafka_platform.kube.pods import spread_over
from kafka_platform.kube.strimzi_pods import container_security, pod_fields

_TERMINATION_SECONDS = 120
"""A broker that stops hands over every partition that it leads, which takes a second for some hundred of them."""


def pool_template(settings: StrimziSettings, name: str, pool: Pool) -> Manifest:
    """The template of a pool: what holds for all pods of the cluster, and what the pool says."""
    own = {STRIMZI_CLUSTER_LABEL: settings.name, "strimzi.io/pool-name": name}
    of_pool = PodSettings(
        tolerations=pool.tolerations, node_labels=pool.node_labels, priority_class=pool.priority_class
    )
    pod: Manifest = {
        "terminationGracePeriodSeconds": _TERMINATION_SECONDS,
        "topologySpreadConstraints": spread_over(pool.spread, own),
        **pod_fields(settings.spec.pod_settings.with_own(of_pool)),
    }
    container: Manifest = {"securityContext": container_security()}
    secrets = _mounted_secrets(settings.strimzi) if pool.holds_records else []
    if secrets:
        pod["volumes"] = [{"name": secret, "secret": {"secretName": secret}} for secret in secrets]
        container["volumeMounts"] = [{"mountPath": f"/mnt/{secret}", "name": secret} for secret in secrets]
    return {"initContainer": {"securityContext": container_security()}, "kafkaContainer": container, "pod": pod}


def _mounted_secrets(strimzi: StrimziKafka) -> list[str]:
    ways = [strimzi.listeners.internal.custom]
    if strimzi.listeners.external is not None:
        ways.append(strimzi.listeners.external.custom)
    return list(dict.fromkeys(secret for way in ways if way is not None for secret in way.secrets))
