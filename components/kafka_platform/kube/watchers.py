"""Programs of ours that look at something and show metrics of it, one pod each: what these have in common. No Pulumi."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from kafka_platform.kube.manifests import Manifest
from kafka_platform.kube.metrics import METRICS_PORT_NAME
from kafka_platform.kube.pod_settings import PodSettings
from kafka_platform.kube.pods import METRICS_PORT, configured, container_security, http_check

if TYPE_CHECKING:
    from pulumi import Input


def watcher_deployment(
    about: Manifest, pods: Mapping[str, str], template: Manifest, pod_settings: PodSettings
) -> Manifest:
    """One pod, and never two at once: they would count, or do, everything twice.

    Args:
        about: metadata of the Deployment.
        pods: the labels that find the pod.
        template: of the pod.
        pod_settings: what users say of pods.
    """
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": about,
        "spec": {
            "replicas": 1,
            "selector": {"matchLabels": dict(pods)},
            "strategy": {"type": "Recreate"},
            "template": configured(template, pod_settings),
        },
    }


def watcher_container(
    name: str,
    program: str,
    *,
    image: "Input[str]",
    env: Sequence[Manifest],
    resources: Manifest,
    mounts: Sequence[Manifest] = (),
) -> Manifest:
    """Its container, with metrics and health on one port.

    Args:
        name: of the container.
        program: of the runtime package, such as `exporter`.
        image: of this platform's own programs.
        env: the program's variables.
        resources: compute.
        mounts: its volumes.
    """
    return {
        "command": ["python3", "-m", f"kafka_platform_runtime.{program}"],
        "env": list(env),
        "image": image,
        "livenessProbe": http_check("/healthz", METRICS_PORT, failures=3, period_seconds=20),
        "name": name,
        "ports": [{"containerPort": METRICS_PORT, "name": METRICS_PORT_NAME}],
        "readinessProbe": http_check("/readyz", METRICS_PORT, failures=3, period_seconds=10),
        "resources": resources,
        "securityContext": container_security(),
        "startupProbe": http_check("/healthz", METRICS_PORT, failures=60, period_seconds=2),
        # A variable that the program refuses is told in its log.
        "terminationMessagePolicy": "FallbackToLogsOnError",
        **({"volumeMounts": list(mounts)} if mounts else {}),
    }
