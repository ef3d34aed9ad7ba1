"""Changes of single resources, written by hand."""

from collections.abc import Mapping
from typing import Any

from infra.review.changes import Change, Operation, Preview
from infra.review.report import markdown, review

_TOKENS = {
    "ClusterRole": "kubernetes:rbac.authorization.k8s.io/v1:ClusterRole",
    "ConfigMap": "kubernetes:core/v1:ConfigMap",
    "CustomResourceDefinition": "kubernetes:apiextensions.k8s.io/v1:CustomResourceDefinition",
    "Gateway": "kubernetes:gateway.networking.k8s.io/v1:Gateway",
    "HorizontalPodAutoscaler": "kubernetes:autoscaling/v2:HorizontalPodAutoscaler",
    "Ingress": "kubernetes:networking.k8s.io/v1:Ingress",
    "Kafka": "kubernetes:kafka.strimzi.io/v1:Kafka",
    "KafkaNodePool": "kubernetes:kafka.strimzi.io/v1:KafkaNodePool",
    "KafkaTopic": "kubernetes:kafka.strimzi.io/v1:KafkaTopic",
    "KafkaUser": "kubernetes:kafka.strimzi.io/v1:KafkaUser",
    "Namespace": "kubernetes:core/v1:Namespace",
    "NetworkPolicy": "kubernetes:networking.k8s.io/v1:NetworkPolicy",
    "PersistentVolumeClaim": "kubernetes:core/v1:PersistentVolumeClaim",
    "RandomId": "random:index/randomId:RandomId",
    "RandomPassword": "random:index/randomPassword:RandomPassword",
    "ScaledObject": "kubernetes:keda.sh/v1alpha1:ScaledObject",
    "Secret": "kubernetes:core/v1:Secret",
    "Service": "kubernetes:core/v1:Service",
    "StatefulSet": "kubernetes:apps/v1:StatefulSet",
    "ClusterRoleBinding": "kubernetes:rbac.authorization.k8s.io/v1:ClusterRoleBinding",
    "provider": "pulumi:providers:kubernetes",
}


def made(name: str, spec: Mapping[str, Any] | None = None, **others: Any) -> dict[str, Any]:
    """The inputs of an object."""
    metadata = {"name": name, "namespace": "streaming", **others.pop("metadata", {})}
    return {"metadata": metadata, **({} if spec is None else {"spec": dict(spec)}), **others}


def change(
    kind: str,
    before: Mapping[str, Any] | None,
    after: Mapping[str, Any] | None,
    *,
    name: str | None = None,
    operation: Operation | None = None,
    **others: Any,
) -> Change:
    """A change of an object; the operation follows from the two sides."""
    if operation is None:
        operation = (
            Operation.CREATE
            if before is None
            else Operation.DELETE
            if after is None
            else Operation.SAME
            if before == after
            else Operation.UPDATE
        )
    resource = name or (after or before or {}).get("metadata", {}).get("name", "it")
    urn = f"urn:pulumi:prod::kafka-platform::kafka-platform:index:Part${_TOKENS[kind]}::{resource}"
    return Change(operation=operation, urn=urn, before=before, after=after, **others)


def said(*changes: Change) -> dict[str, list[str]]:
    """The review's lines by section; those that need a second look begin with `!`."""
    sections: dict[str, list[str]] = {}
    for line in markdown(review("prod", Preview(changes=changes))).splitlines():
        if line.startswith("**"):
            section = sections.setdefault(line.strip("*"), [])
        elif line.startswith("- "):
            section.append(line.removeprefix("- ").replace(":warning: ", "! "))
    return sections
