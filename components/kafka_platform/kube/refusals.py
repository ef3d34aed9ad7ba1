"""The check before an object is created: an existing object is refused, unless this stack created it or may adopt it."""

import asyncio
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, Protocol

import pulumi
from pulumi.runtime import is_dry_run

from kafka_platform.kube.marks import MARK
from kafka_platform.kube.object_id import ObjectId

CLAIM = "PersistentVolumeClaim"
_TOGETHER = 0.5
"""Seconds that a preview waits before it refuses an object: the engine ends it at the first error, and by then the others
that it looks at (`--parallel`, 8) are refused as well."""


class Cluster(Protocol):
    """What refusals need to know about a Kubernetes cluster."""

    async def look_up(self, wanted: ObjectId, *, fresh: bool) -> Mapping[str, Any] | None:
        """The metadata of an object; None if there is none, or its kind is not served.

        Args:
            wanted: the object.
            fresh: whether it has to be asked now; otherwise what was seen in this run will do.

        Raises:
            ClusterError: it cannot be told.
        """

    async def find_all(
        self, api_version: str, kind: str, namespace: str, *, fresh: bool
    ) -> Sequence[Mapping[str, Any]]:
        """The metadata of all objects of a kind in a namespace.

        Raises:
            ClusterError: it cannot be told.
        """

    def names(self, api_version: str, kind: str) -> Collection[str] | None:
        """The names of all objects of a kind, in all namespaces, as seen in this run; None if that cannot be told."""


class Refusals:
    """What a stack refuses, as hooks of its resources. A hook that raises stops the preview or the deployment."""

    def __init__(self, mark: str, cluster: Cluster, adopt: Collection[str]) -> None:
        """`mark` is that of the stack; `adopt` names objects as `Kind/name` or `Kind/namespace/name`."""
        self._mark = mark
        self._cluster = cluster
        self._adopt = frozenset(adopt)
        self._declared: dict[ObjectId, str] = {}

    async def before_create(self, args: pulumi.ResourceHookArgs) -> None:
        """Raises for an existing object that is not this stack's, and for others' objects that it would use or overwrite."""
        inputs = args.new_inputs or {}
        wanted = _identity(inputs)
        if wanted is None:
            return  # its name is chosen by the API server, or not known yet
        other = self._declared.setdefault(wanted, args.urn)
        if other != args.urn:
            raise ValueError(f"{wanted} is declared twice, by {other} too: keep one of them")
        live = await self._find(wanted)
        faults = [] if live is None else list(self._faults(wanted, live))
        faults += await self._faults_of_makings(wanted)
        faults += await self._faults_of_claims(wanted, inputs, first=0)
        if faults:
            if is_dry_run():
                await asyncio.sleep(_TOGETHER)
            raise ValueError("\n".join(faults))

    async def before_update(self, args: pulumi.ResourceHookArgs) -> None:
        """Raises for an object that another stack has adopted, and for others' claims that it would use."""
        before, inputs = args.old_inputs or {}, args.new_inputs or {}
        wanted = _identity(inputs)
        if wanted is None:
            return
        live = await self._find(wanted)
        mark = None if live is None else _mark_of(live)
        if mark not in (None, self._mark, _mark_of(before.get("metadata"))) and str(wanted) not in self._adopt:
            raise ValueError(
                f"{wanted} belongs to the stack {mark} by now: leave it to that stack by `pulumi state delete`, or take it "
                f"over again by adding {wanted} to adopt"
            )
        faults = await self._faults_of_claims(wanted, inputs, first=_replicas(before))
        if faults:
            raise ValueError("\n".join(faults))

    async def _find(self, wanted: ObjectId) -> Mapping[str, Any] | None:
        return await self._cluster.look_up(wanted, fresh=not is_dry_run())

    def _is_own(self, found: ObjectId, metadata: Mapping[str, Any]) -> bool:
        return _mark_of(metadata) == self._mark or str(found) in self._adopt

    def _faults(self, wanted: ObjectId, live: Mapping[str, Any], used_by: str = "") -> Iterator[str]:
        if self._is_own(wanted, live):
            return
        owner = _mark_of(live)
        whose = "it has no stack's mark" if owner is None else f"it belongs to the stack {owner}"
        if wanted.kind == "Namespace":
            way = "write createNamespace: false, or another name"
        elif wanted.namespace is not None:
            way = "use another namespace"
        else:
            way = "write install: false where the cluster has the operator already"
        first = "" if owner is None else ", once that stack has let go of it by `pulumi state delete`"
        yield (
            f"{wanted} exists already, and this stack did not make it ({whose}){used_by}: {way}; "
            f"to take it over, add {wanted} to adopt{first}"
        )

    async def _faults_of_makings(self, wanted: ObjectId) -> list[str]:
        """Objects that an operator would overwrite for this object."""
        making = MAKINGS.get(wanted.kind)
        if making is None:
            return []
        made = ObjectId(
            api_version=making[0], kind=making[1], namespace=wanted.namespace, name=making[2].format(name=wanted.name)
        )
        live = await self._find(made)
        if live is None or any(
            (each.get("kind"), each.get("name")) == (wanted.kind, wanted.name)
            for each in live.get("ownerReferences") or []
        ):
            return []
        return list(self._faults(made, live, f", and the operator would write over it for {wanted}"))

    async def _faults_of_claims(self, wanted: ObjectId, inputs: Mapping[str, Any], *, first: int) -> list[str]:
        """Others' claims that the object would use, and eventually delete."""
        used_by = f", and {wanted} would use the records on it"
        faults: list[str] = []
        for template in volume_claim_templates(inputs) if wanted.kind == "StatefulSet" else []:
            for ordinal in range(first, _replicas(inputs)):
                name = f"{template['metadata']['name']}-{wanted.name}-{ordinal}"
                claim = ObjectId(api_version="v1", kind=CLAIM, namespace=wanted.namespace, name=name)
                live = await self._find(claim)
                faults += [] if live is None else self._faults(claim, live, used_by)
        if wanted.kind == "KafkaNodePool" and wanted.namespace is not None and first == 0:
            cluster = (inputs["metadata"].get("labels") or {}).get(_CLUSTER)
            claims = await self._cluster.find_all("v1", CLAIM, wanted.namespace, fresh=not is_dry_run())
            for live in claims:
                labels = live.get("labels") or {}
                if (labels.get(_CLUSTER), labels.get(_POOL)) == (cluster, wanted.name):
                    claim = ObjectId(api_version="v1", kind=CLAIM, namespace=wanted.namespace, name=live["name"])
                    faults += self._faults(claim, live, used_by)
        return faults


_CLUSTER = "strimzi.io/cluster"
_POOL = "strimzi.io/pool-name"
MAKINGS: Mapping[str, tuple[str, str, str]] = {
    "KafkaUser": ("v1", "Secret", "{name}"),
    "ScaledObject": ("autoscaling/v2", "HorizontalPodAutoscaler", "keda-hpa-{name}"),
}
"""Objects that an operator makes for a custom resource, under a name of ours and without asking whose it is."""


def _identity(inputs: Mapping[str, Any]) -> ObjectId | None:
    metadata = inputs.get("metadata")
    if not isinstance(metadata, Mapping):
        return None
    api_version, kind = inputs.get("apiVersion"), inputs.get("kind")
    name, namespace = metadata.get("name"), metadata.get("namespace")
    known = isinstance(api_version, str) and isinstance(kind, str) and isinstance(name, str)
    if not known or not (namespace is None or isinstance(namespace, str)):
        return None
    return ObjectId(api_version=str(api_version), kind=str(kind), namespace=namespace or None, name=str(name))


def _mark_of(metadata: Any) -> str | None:
    """The stack that created an object; None if it has no mark."""
    annotations = metadata.get("annotations") if isinstance(metadata, Mapping) else None
    found = annotations.get(MARK) if isinstance(annotations, Mapping) else None
    return found if isinstance(found, str) else None


def volume_claim_templates(inputs: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The volume claim templates of a StatefulSet."""
    spec = inputs.get("spec")
    templates = spec.get("volumeClaimTemplates") if isinstance(spec, Mapping) else None
    return list(templates) if isinstance(templates, Sequence) else []


def _replicas(inputs: Mapping[str, Any]) -> int:
    spec = inputs.get("spec")
    replicas = spec.get("replicas") if isinstance(spec, Mapping) else None
    return int(replicas) if isinstance(replicas, int | float) else 0
