"""From a rendered object to a resource in the graph: the only place that hands manifests to the provider of Kubernetes."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

import pulumi
from pulumi.runtime.mocks import MockMonitor
from pulumi.runtime.settings import get_monitor
from pulumi_kubernetes import _utilities

Manifest = dict[str, Any]
"""A Kubernetes object as the API server takes it; values may be Outputs."""

ACCESS_LABEL = "kafka-platform/access"
"""A namespace with this label and the cluster's name as its value may connect."""

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
        """What it should be, where its manifest says it."""
        return pulumi.get(self, "spec")  # type: ignore[no-any-return]

    @property
    @pulumi.getter
    def status(self) -> pulumi.Output[Any]:
        """What the cluster or an operator says of it; None in the preview of a new one."""
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
    """The resource for those fields of somebody else's object that the manifest has."""
    return KubernetesObject(name, manifest["apiVersion"], manifest["kind"], manifest, opts, suffix="Patch")


def find(
    name: str,
    api_version: str,
    kind: str,
    known_as: pulumi.Input[str],
    opts: pulumi.ResourceOptions,
) -> KubernetesObject:
    """An object that somebody else makes, looked up by its id, `<namespace>/<name>`."""
    return KubernetesObject(
        name,
        api_version,
        kind,
        dict.fromkeys(("spec", "data")),
        pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(id=known_as)),
    )


def after(value: "pulumi.Input[_T]", *resources: pulumi.Resource) -> "pulumi.Output[_T]":
    """The value, known in previews too, for resources that must not be made before those given are ready."""
    return pulumi.Output.all(*(resource.urn for resource in resources)).apply(lambda _: value)


def refuse(name: str, check: Callable[[pulumi.ResourceHookArgs], None]) -> pulumi.ResourceHookBinding | None:
    """Lets `check` raise for an update that must not be made, in previews already. `name` is unique in a program."""
    if not hooks_work():
        return None
    hook = pulumi.ResourceHook(name, check, pulumi.ResourceHookOptions(on_dry_run=True))
    return pulumi.ResourceHookBinding(before_update=[hook])


def hooks_work() -> bool:
    """Whether resources may have hooks: Pulumi's mocks know none, and unit tests of other repositories must not fail on it."""
    return not isinstance(get_monitor(), MockMonitor)


def labels(name: str, component: str) -> dict[str, str]:
    """The labels of every object that belongs to the Kafka cluster `name`."""
    return selector(name, component) | {"app.kubernetes.io/managed-by": "kafka-platform"}


def selector(name: str, component: str) -> dict[str, str]:
    """The labels that find the pods of one part of the Kafka cluster `name`."""
    return {
        "app.kubernetes.io/name": "kafka",
        "app.kubernetes.io/instance": name,
        "app.kubernetes.io/component": component,
    }


def namespace(name: str) -> Manifest:
    """A namespace."""
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}


def metadata(
    name: str,
    namespace: pulumi.Input[str],
    own_labels: Mapping[str, pulumi.Input[str]],
    annotations: Mapping[str, pulumi.Input[str]] | None = None,
) -> Manifest:
    """An object's metadata; without annotations if there are none."""
    rendered: Manifest = {"name": name, "namespace": namespace, "labels": dict(own_labels)}
    if annotations:
        rendered["annotations"] = dict(annotations)
    return rendered


def environment(variables: Mapping[str, str]) -> Sequence[Manifest]:
    """A container's environment, in a stable order."""
    return [{"name": name, "value": value} for name, value in sorted(variables.items())]


def service_port(name: str, port: int, target: int | None = None) -> Manifest:
    """A port of a Service; the pods' is the same unless `target` says another."""
    return {"name": name, "port": port, "protocol": "TCP", "targetPort": port if target is None else target}


NAMESPACE_LABEL = "kubernetes.io/metadata.name"
"""Which Kubernetes gives every namespace."""


def allowed_port(port: int, protocol: str = "TCP") -> Manifest:
    """A port in a network policy."""
    return {"port": port, "protocol": protocol}


def to_names() -> list[Manifest]:
    """The ways to a resolver of names, in a network policy.

    A policy is judged by the port at which the resolver's pod listens, which need not be that of its Service: OpenShift's
    has 5353. Resolvers outside of the cluster and on the machine (NodeLocal DNSCache) are no pods and have 53.
    """
    kubernetes = {
        "namespaceSelector": {"matchLabels": {NAMESPACE_LABEL: "kube-system"}},
        "podSelector": {"matchLabels": {"k8s-app": "kube-dns"}},
    }
    openshift = {"namespaceSelector": {"matchLabels": {NAMESPACE_LABEL: "openshift-dns"}}}
    return [{"ports": [allowed_port(53, "UDP"), allowed_port(53)]}, {"to": [kubernetes, openshift]}]


def callers(ports: Iterable[int], namespaces: Sequence[str]) -> Manifest:
    """Who may connect to these ports, in a network policy: the own namespace and those named, or everybody if none is."""
    rule: Manifest = {"ports": [allowed_port(port) for port in sorted(ports)]}
    return {"from": [{"podSelector": {}}, of_namespaces(namespaces)], **rule} if namespaces else rule


def collectors(port: int, namespaces: Sequence[str]) -> Manifest:
    """Who may collect metrics at this port, in a network policy: the namespaces named, or all if none is."""
    peer = of_namespaces(namespaces) if namespaces else {"namespaceSelector": {}}
    return {"from": [peer], "ports": [allowed_port(port)]}


def client_peers(cluster: str, namespaces: Sequence[str]) -> list[Manifest]:
    """Who may connect to a Kafka, in a network policy: its own namespace, those with its label, and those named."""
    peers: list[Manifest] = [
        {"podSelector": {}},
        {"namespaceSelector": {"matchLabels": {ACCESS_LABEL: cluster}}},
    ]
    if namespaces:
        peers.append(of_namespaces(namespaces))
    return peers


def of_namespaces(names: Iterable[str]) -> Manifest:
    """All pods of these namespaces, in a network policy."""
    expression = {"key": NAMESPACE_LABEL, "operator": "In", "values": sorted(names)}
    return {"namespaceSelector": {"matchExpressions": [expression]}}
