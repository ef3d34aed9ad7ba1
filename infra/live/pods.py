"""What a pod's object says: which part of the platform it is, where its metrics are, whether it is ready."""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Any

from kafka_platform.kube.manifests import labels
from kafka_platform.kube.metrics import METRICS_PORT_NAME

Pod = Mapping[str, Any]

OURS = ",".join(
    f"{key}={value}"
    for key, value in labels("", "").items()
    if key in ("app.kubernetes.io/managed-by", "app.kubernetes.io/name")
)
"""Selects the pods that the platform itself makes."""
COMPONENT_LABEL = "app.kubernetes.io/component"
INSTANCE_LABEL = "app.kubernetes.io/instance"
NEVER_PULLED = frozenset({"InvalidImageName", "ErrImageNeverPull"})
"""Reasons why a container waits for an image that nobody will ever try to pull again."""
PULLING = frozenset({"ErrImagePull", "ImagePullBackOff", "ImageInspectError", "RegistryUnavailable"})
"""Reasons why a container waits for an image that the kubelet goes on trying to pull."""
CREATING = frozenset({"CreateContainerConfigError", "CreateContainerError"})
"""Reasons why a container cannot be made, such as a Secret that is not there."""
_METRICS_PORTS = (METRICS_PORT_NAME, "tcp-prometheus")


class Part(StrEnum):
    """What of the platform a pod is; the words are those of the label `app.kubernetes.io/component`."""

    BROKER = "broker"
    CONTROLLER = "controller"
    GATEWAY = "gateway"
    PROBE = "latency-probe"
    PROVISIONER = "provisioner"
    STREAM = "stream-job"
    WORKER = "worker"
    OTHER = "other"


def part(pod: Pod) -> Part:
    """Which part it is; Strimzi's nodes are recognised by its labels."""
    found = pod["metadata"].get("labels") or {}
    if found.get("strimzi.io/broker-role") == "true":
        return Part.BROKER
    if found.get("strimzi.io/controller-role") == "true":
        return Part.CONTROLLER
    component = found.get(COMPONENT_LABEL)
    return Part(component) if component in set(Part) and "strimzi.io/cluster" not in found else Part.OTHER


def instance(pod: Pod) -> str:
    """The name of the component that it belongs to."""
    return str((pod["metadata"].get("labels") or {}).get(INSTANCE_LABEL, ""))


def name(pod: Pod) -> str:
    """Its name."""
    return str(pod["metadata"]["name"])


def place(pod: Pod) -> str:
    """What it is called in messages: `streaming/kafka-0`."""
    return f"{pod['metadata']['namespace']}/{name(pod)}"


def of(pods: Iterable[Pod], *parts: Part) -> list[Pod]:
    """Those of these parts that have not ended, by name."""
    return sorted((each for each in pods if part(each) in parts and not has_ended(each)), key=name)


def has_ended(pod: Pod) -> bool:
    """Whether its containers have run and will not run again."""
    return (pod.get("status") or {}).get("phase") in ("Succeeded", "Failed")


def is_running(pod: Pod) -> bool:
    """Whether its containers have been started."""
    return (pod.get("status") or {}).get("phase") == "Running"


def is_ready(pod: Pod) -> bool:
    """Whether it serves, and is not about to end."""
    return condition(pod, "Ready").get("status") == "True" and not pod["metadata"].get("deletionTimestamp")


def condition(thing: Mapping[str, Any], kind: str) -> Mapping[str, Any]:
    """A condition in an object's status; empty if it is not there."""
    conditions = (thing.get("status") or {}).get("conditions") or []
    return next((each for each in conditions if each.get("type") == kind), {})


def metrics_port(pod: Pod) -> int | None:
    """The port with metrics; None if it has none."""
    return next(filter(None, (port_named(pod, each) for each in _METRICS_PORTS)), None)


def port_named(pod: Pod, wanted: str) -> int | None:
    """The port of that name; None if none of its containers declares it."""
    return next((int(each["containerPort"]) for each in _ports(pod) if each.get("name") == wanted), None)


def has_port(pod: Pod, port: int) -> bool:
    """Whether one of its containers declares that port."""
    return any(each.get("containerPort") == port for each in _ports(pod))


def _ports(pod: Pod) -> list[Mapping[str, Any]]:
    return [each for container in pod["spec"].get("containers") or [] for each in container.get("ports") or []]
