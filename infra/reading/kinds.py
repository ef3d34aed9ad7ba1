"""What is known of each kind of resource, in one record each, which the rules and the review read.

To teach them another kind, add its record to `_RECORDS`. What a change of it means, if more is to be said than that it
changed, is a line in `infra/review/sentences.py`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType
from typing import Any

from infra.reading.values import at, items, mapping, text


class Declares(Enum):
    """What an object represents in Kafka."""

    TOPIC = "topic"
    USER = "user"


@dataclass(frozen=True, kw_only=True)
class Kind:
    """One kind of resource."""

    type: str
    """Its type token, which has its group and version, such as `kubernetes:apps/v1:StatefulSet`."""
    stateful: bool = False
    """Whether it holds data, or deleting it deletes data: a replaced one starts empty."""
    runs_again: bool = False
    """Whether it is replaced in order to run again, so that replacing it loses nothing."""
    workload: bool = False
    """Whether it keeps pods running, so that its size counts as capacity."""
    pods: tuple[str, ...] = ()
    """Path of the spec of its pods. Empty: it has no pods, or an operator makes them."""
    requests_at: tuple[str, ...] = ()
    """Path of the requests of each pod, if an operator makes its pods."""
    pods_between: tuple[str, str] | None = None
    """Keys of its spec that hold the least and the most pods, if it scales a workload."""
    declares: Declares | None = None
    """What it represents in Kafka."""
    grants: bool = False
    """Whether it grants rights in Kubernetes."""
    everywhere: bool = False
    """Whether the rights that it grants hold in every namespace."""

    @property
    def name(self) -> str:
        """The last part of its type, such as `StatefulSet`."""
        return self.type.rpartition(":")[2]


_TEMPLATE = ("spec", "template", "spec")
_REQUESTS = ("spec", "resources", "requests")

_RECORDS = (
    # Workloads.
    Kind(type="kubernetes:batch/v1:CronJob", pods=("spec", "jobTemplate", *_TEMPLATE)),
    Kind(type="kubernetes:apps/v1:DaemonSet", workload=True, pods=_TEMPLATE),
    Kind(type="kubernetes:apps/v1:Deployment", workload=True, pods=_TEMPLATE),
    Kind(type="kubernetes:batch/v1:Job", runs_again=True, pods=_TEMPLATE),
    Kind(type="kubernetes:core/v1:Pod", pods=("spec",)),
    Kind(type="kubernetes:apps/v1:ReplicaSet", pods=_TEMPLATE),
    Kind(type="kubernetes:apps/v1:StatefulSet", stateful=True, workload=True, pods=_TEMPLATE),
    # What scales them.
    Kind(type="kubernetes:autoscaling/v2:HorizontalPodAutoscaler", pods_between=("minReplicas", "maxReplicas")),
    Kind(type="kubernetes:keda.sh/v1alpha1:ScaledObject", pods_between=("minReplicaCount", "maxReplicaCount")),
    # Strimzi's.
    Kind(type="kubernetes:kafka.strimzi.io/v1:Kafka", stateful=True),
    Kind(type="kubernetes:kafka.strimzi.io/v1:KafkaConnect", workload=True, requests_at=_REQUESTS),
    Kind(type="kubernetes:kafka.strimzi.io/v1:KafkaConnector"),
    Kind(type="kubernetes:kafka.strimzi.io/v1:KafkaMirrorMaker2", workload=True, requests_at=_REQUESTS),
    Kind(type="kubernetes:kafka.strimzi.io/v1:KafkaNodePool", stateful=True, workload=True, requests_at=_REQUESTS),
    Kind(type="kubernetes:kafka.strimzi.io/v1:KafkaTopic", stateful=True, declares=Declares.TOPIC),
    Kind(type="kubernetes:kafka.strimzi.io/v1:KafkaUser", stateful=True, declares=Declares.USER),
    # What holds data and settings.
    Kind(type="kubernetes:core/v1:ConfigMap"),
    Kind(type="kubernetes:apiextensions.k8s.io/v1:CustomResourceDefinition", stateful=True),
    Kind(type="kubernetes:core/v1:Namespace", stateful=True),
    Kind(type="kubernetes:core/v1:PersistentVolume", stateful=True),
    Kind(type="kubernetes:core/v1:PersistentVolumeClaim", stateful=True),
    Kind(type="kubernetes:core/v1:PersistentVolumeClaimPatch"),
    Kind(type="kubernetes:core/v1:Secret"),
    # Who reaches what.
    Kind(type="kubernetes:gateway.networking.k8s.io/v1:Gateway"),
    Kind(type="kubernetes:gateway.networking.k8s.io/v1:HTTPRoute"),
    Kind(type="kubernetes:networking.k8s.io/v1:Ingress"),
    Kind(type="kubernetes:networking.k8s.io/v1:NetworkPolicy"),
    Kind(type="kubernetes:core/v1:Service"),
    Kind(type="kubernetes:gateway.networking.k8s.io/v1:TLSRoute"),
    # Who may do what in Kubernetes.
    Kind(type="kubernetes:rbac.authorization.k8s.io/v1:ClusterRole", grants=True, everywhere=True),
    Kind(type="kubernetes:rbac.authorization.k8s.io/v1:ClusterRoleBinding", grants=True, everywhere=True),
    Kind(type="kubernetes:rbac.authorization.k8s.io/v1:Role", grants=True),
    Kind(type="kubernetes:rbac.authorization.k8s.io/v1:RoleBinding", grants=True),
    # Not of Kubernetes.
    Kind(type="kafka-platform:index:KafkaConnection"),
    Kind(type="pulumi:providers:kubernetes"),
    Kind(type="random:index/randomId:RandomId"),
    Kind(type="random:index/randomPassword:RandomPassword"),
)

KINDS: Mapping[str, Kind] = MappingProxyType({each.name: each for each in _RECORDS})
"""The kinds of which something is known, by name."""


def kind_of(type_: str) -> Kind:
    """The record of a type, whatever its group and version; of a kind that has none, one that knows nothing."""
    return KINDS.get(type_.rpartition(":")[2]) or Kind(type=type_)


def containers(kind: Kind, inputs: Any) -> list[Any]:
    """The containers of an object's pods, without those that run first."""
    return items(inputs, *kind.pods, "containers") if kind.pods else []


def first_containers(kind: Kind, inputs: Any) -> list[Any]:
    """The containers that run before the others (`initContainers`)."""
    return items(inputs, *kind.pods, "initContainers") if kind.pods else []


def volumes(storage: Mapping[str, Any]) -> list[Any]:
    """The volumes in the storage of a Strimzi resource, which has one or names several (`jbod`)."""
    return items(storage, "volumes") or [storage]


def deletes_volumes(inputs: Any) -> bool:
    """Whether any of a workload's volumes are deleted with what uses them."""
    if "Delete" in mapping(inputs, "spec", "persistentVolumeClaimRetentionPolicy").values():
        return True
    return any(at(each, "deleteClaim") is True for each in volumes(mapping(inputs, "spec", "storage")))


def reached_by(inputs: Any) -> str:
    """The type of a Service that can be reached from outside of the cluster; empty if it cannot."""
    type_ = text(inputs, "spec", "type")
    return type_ if type_ in ("LoadBalancer", "NodePort") else ""
