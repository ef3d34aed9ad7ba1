"""The pools of a Kafka that Strimzi runs, their volumes, and which steps between them are safe. No Pulumi."""

from collections.abc import Mapping, Sequence
from dataclasses import MISSING, dataclass, field
from enum import Enum

from kafka_platform.cluster.nodes import MOST_NODES, Jvm, Resources, volume_of
from kafka_platform.kube.pod_settings import Toleration
from kafka_platform.values.checks import check_field
from kafka_platform.values.forms import Spec, formed, label_of_machines, mapping, named
from kafka_platform.values.later import Input
from kafka_platform.values.names import check_object_labels, check_subdomain
from kafka_platform.values.ranges import within
from kafka_platform.values.units import quantity


class Role(Enum):
    """Role of a node."""

    CONTROLLER = "controller"
    """It votes on the cluster's metadata."""
    BROKER = "broker"
    """It holds records and serves clients."""


@dataclass(frozen=True, kw_only=True)
class Volume(Spec):
    """One of several volumes of a node."""

    size: str = volume_of(MISSING, "1Ti")
    """Its size, such as `1Ti`. Can grow where the storage class allows it, never shrink."""
    storage_class: Input[str] | None = named(check_subdomain, "StorageClass name")
    """StorageClass; fixed once the volume exists. Default: the pool's."""


def _check_roles(roles: Sequence[Role]) -> None:
    if not roles:
        raise ValueError("none are given: write [broker], [controller] or both")
    if len(set(roles)) != len(roles):
        raise ValueError("one is listed twice: keep one")


@dataclass(frozen=True, kw_only=True)
class Pool(Spec):
    """Nodes of one kind (a KafkaNodePool). Only pools without controllers can be scaled."""

    roles: Sequence[Role] = formed(MISSING, _check_roles, minItems=1, uniqueItems=True)
    """Roles of its nodes: `controller`, `broker`, or both."""
    nodes: int = within(1, MOST_NODES)
    """Number of nodes. Brokers can be added, and removed where the cluster moves their records; the number of
    controllers is fixed."""
    storage: str | None = volume_of(None, "100Gi", "1Ti")
    """The one volume of each node, such as `1Ti`; can grow where the storage class allows it, never shrink. Required
    unless `volumes` is given."""
    volumes: Sequence[Volume] = ()
    """Several volumes of each node (JBOD), in their order; more can be added at the end. Default: `storage` alone."""
    storage_class: Input[str] | None = named(check_subdomain, "object name")
    """StorageClass of the volumes; fixed once they exist. Default: the Kubernetes cluster's default class."""
    resources: Resources = field(default_factory=lambda: Resources(cpu="1", memory="4Gi"))
    """CPU and memory of each node. Default: 1 and 4Gi."""
    jvm: Jvm = field(default_factory=Jvm)
    """JVM of each node."""
    spread: str = label_of_machines("topology.kubernetes.io/zone")
    """Node label over whose values the pods are spread, as far as possible. Default: zones."""
    tolerations: Sequence[Toleration] = ()
    """Taints that the nodes tolerate. Default: none."""
    node_labels: Mapping[str, str] = mapping(check_object_labels)
    """Labels that a machine must have to run the nodes. Default: any machine."""
    priority_class: Input[str] | None = named(check_subdomain, "object name")
    """PriorityClass of the pods. Default: the Kubernetes cluster's."""
    autoscaled: bool = False
    """Whether an autoscaler owns the number of nodes: `nodes` is then the first number only. Default false."""

    def check(self) -> None:
        """Its nodes have volumes, a heap that fits, and no number that changes by itself where they vote."""
        if (self.storage is None) == (not self.volumes):
            what = "volumes are given too: keep one of them" if self.volumes else "missing: write a size such as 100Gi"
            raise ValueError(f"storage: {what}")
        check_field("jvm", self.jvm.check_fits, self.resources.memory)
        if self.autoscaled and not self.scales:
            raise ValueError(
                "autoscaled: only pools without controllers can scale: move the controllers to a pool of their own"
            )

    @property
    def holds_records(self) -> bool:
        """Whether its nodes are brokers."""
        return Role.BROKER in self.roles

    @property
    def votes(self) -> bool:
        """Whether its nodes are controllers."""
        return Role.CONTROLLER in self.roles

    @property
    def scales(self) -> bool:
        """Whether nodes can come and go: not where they vote on the metadata."""
        return not self.votes

    @property
    def all_volumes(self) -> Sequence[Volume]:
        """The volumes of each node."""
        return self.volumes or [Volume(size=self.storage or "")]


def check_scaling_step(cluster: str, pool: str, before: int, after: int, *, votes: bool, balanced: bool) -> None:
    """Raises for a number of nodes that a pool cannot go to."""
    where = f"cluster {cluster}: pools.{pool}.nodes: {before} -> {after}"
    if before != after and votes:
        raise ValueError(
            f"{where}: the number of controllers cannot change: keep {before}, or add brokers in a pool of their own"
        )
    if after < before and not balanced:
        raise ValueError(
            f"{where}: the removed brokers hold records, and Strimzi would silently revert the change: "
            f"keep {before}, or leave unbalanced out"
        )


def check_volumes(
    cluster: str, pool: str, before: Sequence[Mapping[str, object]], after: Sequence[Mapping[str, object]]
) -> None:
    """Raises for volumes that shrink, vanish or change their class. The volumes are those of a rendered KafkaNodePool."""
    where = f"cluster {cluster}: pools.{pool}"
    if len(after) < len(before):
        raise ValueError(f"{where}.volumes: {len(before)} -> {len(after)}: the removed volume holds records: keep it")
    for number, (old, new) in enumerate(zip(before, after, strict=False)):
        had, wanted = str(old["size"]), str(new["size"])
        if quantity(wanted) < quantity(had):
            raise ValueError(f"{where}.volumes[{number}]: {had} -> {wanted}: volumes never shrink: use at least {had}")
        if old.get("class") != new.get("class"):
            raise ValueError(
                f"{where}.volumes[{number}]: class {old.get('class')} -> {new.get('class')}: a volume keeps its class: "
                "make a new pool with the other class, and move there"
            )
