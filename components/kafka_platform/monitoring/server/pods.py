"""The pod that Prometheus and Alertmanager each have. No Pulumi."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kafka_platform.kube.manifests import Manifest, labels, metadata, selector
from kafka_platform.kube.pod_settings import PodSettings
from kafka_platform.kube.pods import (
    CONFIG_ANNOTATION,
    configured,
    container_security,
    http_check,
    pod_spec,
    resources_of,
)
from kafka_platform.monitoring.server.spec import PrometheusSpec
from kafka_platform.values.forms import Compute
from kafka_platform.values.units import quantity

if TYPE_CHECKING:
    from pulumi import Input

_MEMORY_OF_GO = 0.9
"""Share of the memory at which Go collects garbage more often; the rest is for files that are mapped and for stacks."""


@dataclass(frozen=True, kw_only=True)
class MonitoringPod:
    """Inputs of the StatefulSet of either."""

    name: str
    component: str
    namespace: "Input[str]"
    image: "Input[str]"
    arguments: Sequence[str]
    port: int
    resources: Compute
    termination_seconds: int
    mounts: Mapping[str, str]
    """Volumes by the folders where they are; all but `data` can only be read."""
    volumes: Sequence[Manifest]
    changed: "Input[str]"
    """Another one makes another pod: it reads its files when it starts."""
    pod_settings: PodSettings
    service_account: str | None = None


def data_volume(spec: PrometheusSpec, name: str, size: str) -> Manifest:
    """The volume `data` of the pod called `name`: one that outlives it, or not."""
    if spec.persistent:
        return {"name": "data", "persistentVolumeClaim": {"claimName": claim_name(name)}}
    return {"emptyDir": {"sizeLimit": size}, "name": "data"}


def claim_name(name: str) -> str:
    """The claim of the volume of the pod called `name`."""
    return f"{name}-data"


def claim(spec: PrometheusSpec, name: str, component: str, namespace: "Input[str]", size: str) -> Manifest:
    """The claim of that volume. It is no template of the StatefulSet's, which could never grow."""
    wanted: Manifest = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": size}}}
    if spec.storage_class is not None:
        wanted["storageClassName"] = spec.storage_class
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": metadata(claim_name(name), namespace, labels(name, component)),
        "spec": wanted,
    }


def stateful_set(pod: MonitoringPod) -> Manifest:
    """One pod, which keeps its volume."""
    own = labels(pod.name, pod.component)
    spec = pod_spec([_container(pod)], pod.volumes, terminationGracePeriodSeconds=pod.termination_seconds)
    if pod.service_account is not None:
        spec |= {"automountServiceAccountToken": True, "serviceAccountName": pod.service_account}
    template = {"metadata": {"annotations": {CONFIG_ANNOTATION: pod.changed}, "labels": own}, "spec": spec}
    return {
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "metadata": metadata(pod.name, pod.namespace, own),
        "spec": {
            "replicas": 1,
            "selector": {"matchLabels": selector(pod.name, pod.component)},
            "serviceName": pod.name,
            "template": configured(template, pod.pod_settings),
            "updateStrategy": {"type": "RollingUpdate"},
        },
    }


def _container(pod: MonitoringPod) -> Manifest:
    return {
        "args": list(pod.arguments),
        "env": [{"name": "GOMEMLIMIT", "value": str(int(float(quantity(pod.resources.memory)) * _MEMORY_OF_GO))}],
        "image": pod.image,
        "livenessProbe": http_check("/-/healthy", pod.port, failures=6, period_seconds=10),
        "name": pod.component,
        "ports": [{"containerPort": pod.port, "name": "http"}],
        "readinessProbe": http_check("/-/ready", pod.port, failures=3, period_seconds=5),
        "resources": resources_of(pod.resources),
        "securityContext": container_security(),
        # It replays its log first, which after a kill may be hours of metrics.
        "startupProbe": http_check("/-/ready", pod.port, failures=300, period_seconds=2),
        # A configuration that it refuses is told in its log.
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "volumeMounts": [
            {"mountPath": path, "name": name} | ({} if name == "data" else {"readOnly": True})
            for path, name in sorted(pod.mounts.items())
        ],
    }
