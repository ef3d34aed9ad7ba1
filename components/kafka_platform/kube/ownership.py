"""Ownership: the mark of every object that a stack creates, and the refusal of those that it did not create.

The provider takes over what exists (`upsertExistingObjects`), so that an interrupted deployment can go on. Server-side
apply does not protect the objects of others: one without contested fields, such as a namespace, never conflicts, and a
preview forces its way through all conflicts. Hence the check before each creation, in previews and in deployments.
"""

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import pulumi
from pulumi.runtime import is_dry_run, register_stack_transformation

from kafka_platform.kube.manifests import Manifest
from kafka_platform.kube.marks import ADOPTED, CLAIM_MARK, MARK
from kafka_platform.kube.place import KubernetesObject, hooks_work
from kafka_platform.kube.refusals import CLAIM, MAKINGS, Cluster, Refusals, volume_claim_templates

_FORCE = "pulumi.com/patchForce"
"""Has the provider take over fields that another manager set: of an adopted object all that this stack declares."""
MANY = 20
"""Objects of a kind that a preview looks at one by one, by hooks of 3 ms each; of the rest, those whose name is taken."""
_TEMPLATES = "spec.volumeClaimTemplates"


def own(mark: str, cluster: Cluster, adopt: Collection[str] = ()) -> None:
    """Marks every object that this program creates from here on, and refuses existing ones that are not this stack's.

    That holds for objects of the components, and for those of Helm charts and YAML files. Call it before the first
    resource. Refused are creations, in previews too, and updates of what has another stack's mark by now.

    Args:
        mark: who this stack is, different from all others that deploy to the cluster.
        cluster: tells which objects there are.
        adopt: objects that may be taken over, as `Kind/name` or `Kind/namespace/name`. They are kept when the stack is removed.
    """
    register_stack_transformation(_Owner(mark, cluster, frozenset(adopt)).transform)


class _Owner:
    """The stack."""

    def __init__(self, mark: str, cluster: Cluster, adopt: frozenset[str]) -> None:
        self._mark = mark
        self._adopt = adopt
        self._cluster = cluster
        self._seen: Counter[tuple[str, str]] = Counter()
        self._hooks: pulumi.ResourceHookBinding | None = None
        if hooks_work():
            refusals = Refusals(mark, cluster, adopt)
            on_dry_run = pulumi.ResourceHookOptions(on_dry_run=True)
            self._hooks = pulumi.ResourceHookBinding(
                before_create=[pulumi.ResourceHook("kafka-platform-not-of-others", refusals.before_create, on_dry_run)],
                before_update=[pulumi.ResourceHook("kafka-platform-still-own", refusals.before_update, on_dry_run)],
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
        if is_patch and kind != CLAIM:
            return owned, opts  # fields of somebody else's object, which stays theirs
        mark = {MARK: self._mark}
        adopted = self._may_adopt(kind, metadata)
        owned["metadata"] = _annotated(metadata, {**mark, ADOPTED: "true", _FORCE: "true"} if adopted else mark)
        if kind == "StatefulSet" and _TEMPLATES in (opts.ignore_changes or []):
            # Only where a StatefulSet that exists is not replaced for it.
            templates = [
                {**each, "metadata": _annotated(each["metadata"], mark)} for each in volume_claim_templates(props)
            ]
            owned["spec"] = {**props["spec"], "volumeClaimTemplates": templates}
        if kind == "KafkaNodePool":
            owned = _within(owned, CLAIM_MARK, lambda inner: _annotated(inner, mark))
        own_options = pulumi.ResourceOptions(hooks=None if is_patch else self._hooks_for(props))
        if adopted:
            own_options.retain_on_delete = True
        return owned, pulumi.ResourceOptions.merge(opts, own_options)

    def _hooks_for(self, props: Mapping[str, Any]) -> pulumi.ResourceHookBinding | None:
        """The refusal, but in previews none for one of many objects that cannot collide: the engine calls each hook apart."""
        kind, metadata = (str(props.get("apiVersion")), str(props.get("kind"))), props.get("metadata")
        if self._hooks is None or not is_dry_run() or kind[1] in MAKINGS or not isinstance(metadata, Mapping):
            return self._hooks
        self._seen[kind] += 1
        name = metadata.get("name")
        if self._seen[kind] <= MANY or not isinstance(name, str):
            return self._hooks
        taken = self._cluster.names(*kind)
        return self._hooks if taken is None or name in taken else None

    def _may_adopt(self, kind: Any, metadata: Any) -> bool:
        """Whether an object is among those that may be taken over; a namespace not known yet may be any."""
        if not self._adopt or not isinstance(metadata, Mapping):
            return False
        name, namespace = metadata.get("name"), metadata.get("namespace")
        if namespace is None or isinstance(namespace, str):
            return "/".join(part for part in (kind, namespace, name) if isinstance(part, str)) in self._adopt
        return any(each.startswith(f"{kind}/") and each.endswith(f"/{name}") for each in self._adopt)


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
