"""From a rendered object to a resource in the graph: the only place that hands manifests to the provider of Kubernetes."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar

import pulumi
from pulumi.runtime.mocks import MockMonitor
from pulumi.runtime.settings import get_monitor
from pulumi_kubernetes import _utilities

from kafka_platform.kube.derived import Derived
from kafka_platform.kube.manifests import Manifest
from kafka_platform.kube.objects import Guard, Object

_T = TypeVar("_T")


class KubernetesObject(pulumi.CustomResource):
    """An object in the cluster, of whatever kind its manifest says.

    The classes of pulumi_kubernetes say the same to the engine. They are not used because a program that imports those
    of the core alone needs more than a second and 75 MB for it before it begins; manifests are checked against
    the schemas of a real API server instead.
    """

    @property
    @pulumi.getter
    def spec(self) -> pulumi.Output[Any]:
        """Its spec."""
        return pulumi.get(self, "spec")  # type: ignore[no-any-return]

    @property
    @pulumi.getter
    def status(self) -> pulumi.Output[Any]:
        """Its status; None in the preview of a new object."""
        return pulumi.get(self, "status")  # type: ignore[no-any-return]

    @property
    @pulumi.getter
    def data(self) -> pulumi.Output[Any]:
        """What is in a Secret (as base64, secret) or ConfigMap."""
        return pulumi.get(self, "data")  # type: ignore[no-any-return]

    def __init__(
        self,
        name: str,
        api_version: str,
        kind: str,
        fields: Mapping[str, Any],
        opts: pulumi.ResourceOptions | None = None,
        *,
        suffix: str = "",
    ) -> None:
        """`fields` are those of its manifest; `suffix` makes the type of a patch of its kind's."""
        known: Manifest = {"status": None, **fields}
        hidden: list[str] = []
        if (api_version, kind) == ("v1", "Secret"):
            hidden = ["data", "stringData"]
            known |= {key: pulumi.Output.secret(known[key]) for key in hidden if known.get(key) is not None}
        # The version chooses the plugin: the same one as for all other objects.
        version = _utilities.get_version()  # type: ignore[no-untyped-call]
        own = pulumi.ResourceOptions(version=version, additional_secret_outputs=hidden)
        group = "core/v1" if api_version == "v1" else api_version
        super().__init__(f"kubernetes:{group}:{kind}{suffix}", name, known, pulumi.ResourceOptions.merge(opts, own))


def place(name: str, manifest: Mapping[str, Any], opts: pulumi.ResourceOptions) -> KubernetesObject:
    """The resource for a rendered object."""
    return KubernetesObject(name, manifest["apiVersion"], manifest["kind"], manifest, opts)


def patch(name: str, manifest: Mapping[str, Any], opts: pulumi.ResourceOptions) -> KubernetesObject:
    """The resource for the manifest's fields of an object that is created elsewhere."""
    return KubernetesObject(name, manifest["apiVersion"], manifest["kind"], manifest, opts, suffix="Patch")


def look_up(
    name: str,
    api_version: str,
    kind: str,
    known_as: pulumi.Input[str],
    opts: pulumi.ResourceOptions,
) -> KubernetesObject:
    """An object that is created elsewhere, looked up by its id, `<namespace>/<name>`."""
    return KubernetesObject(
        name,
        api_version,
        kind,
        dict.fromkeys(("spec", "data")),
        pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(id=known_as)),
    )


def once_ready(value: "pulumi.Input[_T]", *resources: pulumi.Resource) -> "pulumi.Output[_T]":
    """The value, known in previews too, for resources that must not be created before the given ones are ready."""
    return pulumi.Output.all(*(resource.urn for resource in resources)).apply(lambda _: value)


def refuse(guard: Guard) -> pulumi.ResourceHookBinding | None:
    """Lets the guard raise for a forbidden update, in previews already."""
    if not hooks_work():
        return None

    def check(change: pulumi.ResourceHookArgs) -> None:
        if change.old_inputs is not None and change.new_inputs is not None:
            guard.check(change.old_inputs, change.new_inputs)

    hook = pulumi.ResourceHook(guard.name, check, pulumi.ResourceHookOptions(on_dry_run=True))
    return pulumi.ResourceHookBinding(before_update=[hook])


def hooks_work() -> bool:
    """Whether resources may have hooks: Pulumi's mocks know none, and unit tests of other repositories must not fail on it."""
    return not isinstance(get_monitor(), MockMonitor)


_Key = tuple[str, str]


def place_all(
    parent: pulumi.Resource, name: str, objects: Iterable[Object], *, depends_on: Sequence[pulumi.Resource] = ()
) -> Mapping[_Key, KubernetesObject]:
    """The resources for all objects of the component `name`, which is their parent: by kind and role.

    All of them come after those of `depends_on`.
    """
    made: dict[Object, KubernetesObject] = {}
    guards: dict[str, pulumi.ResourceHookBinding | None] = {}
    for each in objects:
        guard = each.guard
        if guard is not None and guard.name not in guards:
            guards[guard.name] = refuse(guard)
        opts = pulumi.ResourceOptions(
            parent=parent,
            depends_on=[*depends_on, *(made[other] for other in each.after)],
            hooks=None if guard is None else guards[guard.name],
            ignore_changes=list(each.ignored),
            retain_on_delete=each.kept,
        )
        manifest = resolved(annotated(each))
        made[each] = (patch if each.partial else place)(f"{name}-{each.role}", manifest, opts)
    return {(each.kind, each.role): resource for each, resource in made.items()}


def annotated(rendered: Object) -> Manifest:
    """The manifest, with the official plugin's annotations: `pulumi.com/...`."""
    told: dict[str, str] = {}
    if rendered.forced:
        told["patchForce"] = "true"
    if rendered.runs_again:
        told["replaceUnready"] = "true"
    if not rendered.awaited:
        told["skipAwait"] = "true"
    if rendered.wait is not None:
        told["waitFor"] = f"condition={rendered.wait.condition}"
        if rendered.wait.seconds is not None:
            told["timeoutSeconds"] = str(rendered.wait.seconds)
    if not told:
        return rendered.manifest
    metadata = rendered.manifest["metadata"]
    annotations = {f"pulumi.com/{key}": value for key, value in told.items()} | metadata.get("annotations", {})
    return rendered.manifest | {"metadata": metadata | {"annotations": dict(sorted(annotations.items()))}}


def resolved(value: Any) -> Any:
    """The value, with Outputs for all that is `Derived` in it."""
    if isinstance(value, Derived):
        function = value.function
        return pulumi.Output.all(*map(resolved, value.values)).apply(lambda known: function(*known))
    if isinstance(value, Mapping):
        return {key: resolved(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [resolved(each) for each in value]
    return value
