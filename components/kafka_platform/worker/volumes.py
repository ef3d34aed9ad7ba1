"""The StatefulSet of a worker with state, and its volumes: one pure function renders each."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from kafka_platform.kafka.entities import Deletion
from kafka_platform.kube.manifests import Manifest
from kafka_platform.kube.objects import Object
from kafka_platform.values.units import quantity
from kafka_platform.worker.state import WorkerState

if TYPE_CHECKING:
    from pulumi import Input

_SIZE = "kafka-platform/state-size"
"""Annotation with the declared size: the template of the claims stays as it was when the StatefulSet was created."""


def stateful_set_of(
    about: Manifest, own: Mapping[str, str], template: Manifest, state: WorkerState, more: Mapping[str, Any]
) -> Manifest:
    """A StatefulSet whose pods each keep a volume.

    Args:
        about: its metadata.
        own: the labels that find the pods.
        template: of the pods.
        state: whose volumes they are.
        more: further fields of its spec.
    """
    claim: Manifest = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": state.size}}}
    if state.storage_class is not None:
        claim["storageClassName"] = state.storage_class
    spec: Manifest = {
        "persistentVolumeClaimRetentionPolicy": {
            "whenDeleted": "Delete" if state.deletion is Deletion.ALLOW else "Retain",
            # A pod that returns finds most of its state there.
            "whenScaled": "Retain",
        },
        # Pods share the work: none has to wait for another one to start. Updates replace one after another all the same.
        "podManagementPolicy": "Parallel",
        "selector": {"matchLabels": dict(own)},
        "template": template,
        "updateStrategy": {"type": "RollingUpdate"},
        "volumeClaimTemplates": [{"metadata": {"name": "state"}, "spec": claim}],
        **more,
    }
    annotations = {**about.get("annotations", {}), _SIZE: state.size}
    return {
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "metadata": {**about, "annotations": annotations},
        "spec": dict(sorted(spec.items())),
    }


def claims(name: str, namespace: "Input[str]", state: WorkerState, pods: int, workload: Object) -> list[Object]:
    """The requested sizes of the claims of a fixed number of pods: a StatefulSet creates claims, but never changes them."""
    return [
        Object(
            role=f"state-{pod}",
            manifest={
                "apiVersion": "v1",
                "kind": "PersistentVolumeClaim",
                "metadata": {"name": f"state-{name}-{pod}", "namespace": namespace},
                "spec": {"resources": {"requests": {"storage": state.size}}},
            },
            after=[workload],
            awaited=False,
            forced=True,
            # Taking the patch back would shrink the claim, which the API server refuses.
            kept=True,
            partial=True,
        )
        for pod in range(pods)
    ]


def refuse_other_sizes(old: Mapping[str, Any], new: Mapping[str, Any]) -> None:
    """Raises for volumes that would shrink, and for other volumes of pods that an autoscaler adds."""
    before, after = (str(each["metadata"]["annotations"][_SIZE]) for each in (old, new))
    what = f"worker {new['metadata']['name']}: state.size: {before} -> {after}"
    if quantity(after) < quantity(before):
        raise ValueError(f"{what}: volumes never shrink: use at least {before}")
    if quantity(after) != quantity(before) and "replicas" not in new["spec"]:
        raise ValueError(
            f"{what}: the pods that scale adds get volumes of the size that the worker was created with: keep {before}, or "
            "deploy it under another name with its own group"
        )
