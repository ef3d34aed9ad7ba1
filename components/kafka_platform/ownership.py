"""Whose an object is: the mark of every object that a stack makes, and the refusal of those that it did not make.

The provider takes over what exists (`upsertExistingObjects`), so that an interrupted deployment can go on. Server-side
apply does not protect the objects of others: one without contested fields, such as a namespace, never conflicts, and a
preview forces its way through all conflicts. Hence the look before each creation, in previews and in deployments.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import pulumi
from pulumi.runtime import is_dry_run, register_stack_transformation

from kafka_platform.kubernetes import MANAGER, KubernetesObject, Manifest, hooks_work

MARK = "kafka-platform/stack"
"""The annotation that says which stack made an object. Not a label: those are limited to 63 characters, and Strimzi copies
the labels of its custom resources to pods."""
ADOPTED = "kafka-platform/adopted"
"""The annotation of an object that a stack has taken over, as its owner said."""
_FORCE = "pulumi.com/patchForce"
"""Has the provider take over fields that another manager set: of an adopted object all that this stack declares."""
_CLAIM = "PersistentVolumeClaim"
_TEMPLATES = "spec.volumeClaimTemplates"
_PLACEHOLDER = ("spec", "template", "persistentVolumeClaim", "metadata")
"""Where a KafkaNodePool says what its claims carry."""


@dataclass(frozen=True, kw_only=True)
class ObjectId:
    """What tells an object of a Kubernetes cluster apart from all others."""

    api_version: str
    kind: str
    name: str
    namespace: str | None = None
    """None for what is cluster-wide, and for the namespace that the kubeconfig names."""

    def __str__(self) -> str:
        return "/".join(part for part in (self.kind, self.namespace, self.name) if part)


class ClusterError(Exception):
    """The Kubernetes cluster cannot be asked; the message says why."""


class Cluster(Protocol):
    """What has to be known of a Kubernetes cluster."""

    async def find(self, wanted: ObjectId, *, fresh: bool) -> Mapping[str, Any] | None:
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


def own(mark: str, cluster: Cluster, adopt: Collection[str] = ()) -> None:
    """Marks every object that this program makes from here on, and refuses those that exist and are not this stack's.

    That holds for objects of the components, and for those of Helm charts and YAML files. Call it before the first
    resource. Refused are creations, in previews too, and updates of what has another stack's mark by now.

    Args:
        mark: who this stack is, different from all others that deploy to the cluster.
        cluster: tells which objects there are.
        adopt: objects that may be taken over, as `Kind/name` or `Kind/namespace/name`. They are kept when the stack goes.
    """
    register_stack_transformation(_Owner(mark, cluster, frozenset(adopt)).transform)


class _Owner:
    """The stack."""

    def __init__(self, mark: str, cluster: Cluster, adopt: frozenset[str]) -> None:
        self._mark = mark
        self._cluster = cluster
        self._adopt = adopt
        self._declared: dict[ObjectId, str] = {}
        self._hooks: pulumi.ResourceHookBinding | None = None
        if hooks_work():
            on_dry_run = pulumi.ResourceHookOptions(on_dry_run=True)
            self._hooks = pulumi.ResourceHookBinding(
                before_create=[pulumi.ResourceHook("kafka-platform-not-of-others", self._before_create, on_dry_run)],
                before_update=[pulumi.ResourceHook("kafka-platform-still-own", self._before_update, on_dry_run)],
            )

    def transform(self, args: pulumi.ResourceTransformationArgs) -> pulumi.ResourceTransformationResult | None:
        """For what this process registers."""
        if isinstance(args.resource, KubernetesObject) and args.opts.id is None:
            return pulumi.ResourceTransformationResult(*self._owned(args.type_, args.props, args.opts))
        if isinstance(args.resource, pulumi.ComponentResource) and args.type_.startswith("kubernetes:") and self._hooks:
            # A Helm chart or a YAML file: the provider's process registers its objects.
            of_children = pulumi.ResourceOptions(transforms=[self._transform_remote])
            return pulumi.ResourceTransformationResult(args.props, pulumi.ResourceOptions.merge(args.opts, of_children))
        return None

    def _transform_remote(self, args: pulumi.ResourceTransformArgs) -> pulumi.ResourceTransformResult | None:
        if not args.custom or not args.type_.startswith("kubernetes:"):
            return None
        return pulumi.ResourceTransformResult(*self._owned(args.type_, args.props, args.opts))

    def _owned(
        self, type_: str, props: Mapping[str, Any], opts: pulumi.ResourceOptions
    ) -> tuple[Manifest, pulumi.ResourceOptions]:
        """An object's fields with the mark, and its options with the refusal."""
        owned, kind, metadata = dict(props), props.get("kind"), props.get("metadata")
        is_patch = type_.endswith("Patch")
        if is_patch and kind != _CLAIM:
            return owned, opts  # fields of somebody else's object, which stays theirs
        mark = {MARK: self._mark}
        adopted = self._may_adopt(kind, metadata)
        owned["metadata"] = _annotated(metadata, {**mark, ADOPTED: "true", _FORCE: "true"} if adopted else mark)
        if kind == "StatefulSet" and _TEMPLATES in (opts.ignore_changes or []):
            # Only where a StatefulSet that exists is not replaced for it.
            templates = [{**each, "metadata": _annotated(each["metadata"], mark)} for each in _templates(props)]
            owned["spec"] = {**props["spec"], "volumeClaimTemplates": templates}
        if kind == "KafkaNodePool":
            owned = _within(owned, _PLACEHOLDER, lambda inner: _annotated(inner, mark))
        own_options = pulumi.ResourceOptions(hooks=None if is_patch else self._hooks)
        if adopted:
            own_options.retain_on_delete = True
        return owned, pulumi.ResourceOptions.merge(opts, own_options)

    def _may_adopt(self, kind: Any, metadata: Any) -> bool:
        """Whether an object is among those that may be taken over; a namespace not known yet may be any."""
        if not self._adopt or not isinstance(metadata, Mapping):
            return False
        name, namespace = metadata.get("name"), metadata.get("namespace")
        if namespace is None or isinstance(namespace, str):
            return "/".join(part for part in (kind, namespace, name) if isinstance(part, str)) in self._adopt
        return any(each.startswith(f"{kind}/") and each.endswith(f"/{name}") for each in self._adopt)

    async def _before_create(self, args: pulumi.ResourceHookArgs) -> None:
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
            raise ValueError("\n".join(faults))

    async def _before_update(self, args: pulumi.ResourceHookArgs) -> None:
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
        return await self._cluster.find(wanted, fresh=not is_dry_run())

    def _is_own(self, found: ObjectId, metadata: Mapping[str, Any]) -> bool:
        return _mark_of(metadata) == self._mark or str(found) in self._adopt

    def _faults(self, wanted: ObjectId, live: Mapping[str, Any], used_by: str = "") -> Iterator[str]:
        if self._is_own(wanted, live) or (is_dry_run() and _is_about_to_go(wanted, live)):
            return
        owner = _mark_of(live)
        whose = "it has no stack's mark" if owner is None else f"it belongs to the stack {owner}"
        ways = (
            "write createNamespace: false, or another name" if wanted.kind == "Namespace" else "use another namespace"
        )
        first = "" if owner is None else ", once that stack has let go of it by `pulumi state delete`"
        yield (
            f"{wanted} exists already, and this stack did not make it ({whose}){used_by}: {ways}; "
            f"to take it over, add {wanted} to adopt{first}"
        )

    async def _faults_of_makings(self, wanted: ObjectId) -> list[str]:
        """What an operator would write over to do what the object asks for."""
        making = _MAKINGS.get(wanted.kind)
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
        """Claims of others that the object would use, and delete in the end."""
        used_by = f", and {wanted} would use the records on it"
        faults: list[str] = []
        for template in _templates(inputs) if wanted.kind == "StatefulSet" else []:
            for ordinal in range(first, _replicas(inputs)):
                name = f"{template['metadata']['name']}-{wanted.name}-{ordinal}"
                claim = ObjectId(api_version="v1", kind=_CLAIM, namespace=wanted.namespace, name=name)
                live = await self._find(claim)
                faults += [] if live is None else self._faults(claim, live, used_by)
        if wanted.kind == "KafkaNodePool" and wanted.namespace is not None and first == 0:
            cluster = (inputs["metadata"].get("labels") or {}).get(_CLUSTER)
            claims = await self._cluster.find_all("v1", _CLAIM, wanted.namespace, fresh=not is_dry_run())
            for live in claims:
                labels = live.get("labels") or {}
                if (labels.get(_CLUSTER), labels.get(_POOL)) == (cluster, wanted.name):
                    claim = ObjectId(api_version="v1", kind=_CLAIM, namespace=wanted.namespace, name=live["name"])
                    faults += self._faults(claim, live, used_by)
        return faults


_CLUSTER = "strimzi.io/cluster"
_POOL = "strimzi.io/pool-name"
_MAKINGS: Mapping[str, tuple[str, str, str]] = {
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
    """The stack that made an object; None if it has no mark."""
    annotations = metadata.get("annotations") if isinstance(metadata, Mapping) else None
    found = annotations.get(MARK) if isinstance(annotations, Mapping) else None
    return found if isinstance(found, str) else None


def _is_about_to_go(wanted: ObjectId, live: Mapping[str, Any]) -> bool:
    """Whether a preview cannot tell an object of others from one that is replaced.

    A Job is replaced whenever it has to run again, by deleting it first, and one of a release before the marks has none.
    The deployment looks again once it is gone.
    """
    return wanted.kind == "Job" and _mark_of(live) is None and MANAGER.items() <= (live.get("labels") or {}).items()


def _templates(inputs: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    spec = inputs.get("spec")
    templates = spec.get("volumeClaimTemplates") if isinstance(spec, Mapping) else None
    return list(templates) if isinstance(templates, Sequence) else []


def _replicas(inputs: Mapping[str, Any]) -> int:
    spec = inputs.get("spec")
    replicas = spec.get("replicas") if isinstance(spec, Mapping) else None
    return int(replicas) if isinstance(replicas, int | float) else 0


def _annotated(metadata: Any, annotations: Mapping[str, str]) -> Any:
    """An object's metadata with further annotations."""
    if isinstance(metadata, pulumi.Output):
        return metadata.apply(lambda known: _annotated(known, annotations))
    own = (metadata or {}).get("annotations")
    if isinstance(own, pulumi.Output):
        merged: Any = own.apply(lambda known: {**(known or {}), **annotations})
    else:
        merged = {**(own or {}), **annotations}
    return {**(metadata or {}), "annotations": merged}


def _within(value: Mapping[str, Any], path: Sequence[str], change: Callable[[Any], Any]) -> Manifest:
    """A copy with what is at the path changed."""
    inner = value.get(path[0])
    return {**value, path[0]: change(inner) if len(path) == 1 else _within(inner or {}, path[1:], change)}
