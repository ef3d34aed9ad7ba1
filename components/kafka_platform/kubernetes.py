"""From a rendered object to a resource in the graph: the only place that hands manifests to pulumi_kubernetes."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import pulumi
from pulumi.runtime.mocks import MockMonitor
from pulumi.runtime.settings import get_monitor
from pulumi_kubernetes import _utilities
from pulumi_kubernetes.apiextensions import CustomResource

Manifest = dict[str, Any]
"""A Kubernetes object as the API server takes it; values may be Outputs."""

ACCESS_LABEL = "kafka-platform/access"
"""A namespace with this label and the cluster's name as its value may connect."""

_MACHINE = "kubernetes.io/hostname"

_Resource = TypeVar("_Resource", bound=pulumi.CustomResource)
_T = TypeVar("_T")


class WatchedResource(CustomResource):
    """A custom resource whose status can be asked for: that of pulumi_kubernetes knows its spec alone."""

    spec: pulumi.Output[Any]
    """What it should be."""
    status: pulumi.Output[Any]
    """What its operator says of it; None in the preview of a new one."""

    def __init__(  # as its base class has them
        self,
        resource_name: str,
        api_version: str,
        kind: str,
        spec: Any = None,
        metadata: Any = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        properties = {"apiVersion": api_version, "kind": kind, "metadata": metadata, "spec": spec, "status": None}
        # The version chooses the plugin: the same one as for all other objects.
        opts = pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(version=_utilities.get_version()))  # type: ignore[no-untyped-call]
        pulumi.CustomResource.__init__(self, f"kubernetes:{api_version}:{kind}", resource_name, properties, opts)


def place(kind: type[_Resource], name: str, manifest: Mapping[str, Any], opts: pulumi.ResourceOptions) -> _Resource:
    """The resource for a rendered object."""
    known = () if issubclass(kind, CustomResource) else ("apiVersion", "kind")
    fields = {_snake(key): value for key, value in manifest.items() if key not in known}
    return kind(name, opts=opts, **fields)


def _snake(key: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in key)


def after(value: "pulumi.Input[_T]", *resources: pulumi.Resource) -> "pulumi.Output[_T]":
    """The value, known in previews too, for resources that must not be made before those given are ready."""
    return pulumi.Output.all(*(resource.urn for resource in resources)).apply(lambda _: value)


def refuse(name: str, check: Callable[[pulumi.ResourceHookArgs], None]) -> pulumi.ResourceHookBinding | None:
    """Lets `check` raise for an update that must not be made, in previews already. `name` is unique in a program."""
    if isinstance(get_monitor(), MockMonitor):
        return None  # Pulumi's mocks know no hooks, and the unit tests of other repositories shall not stumble over it
    hook = pulumi.ResourceHook(name, check, pulumi.ResourceHookOptions(on_dry_run=True))
    return pulumi.ResourceHookBinding(before_update=[hook])


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


def container_security() -> Manifest:
    """What every container of this platform may do: nothing but write to its volumes."""
    return {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "readOnlyRootFilesystem": True,
    }


def pod_security() -> Manifest:
    """How every pod of this platform runs: as the images' user 1000, never as root."""
    return {
        "fsGroup": 1000,
        "fsGroupChangePolicy": "OnRootMismatch",
        "runAsGroup": 1000,
        "runAsNonRoot": True,
        "runAsUser": 1000,
        "seccompProfile": {"type": "RuntimeDefault"},
    }


def environment(variables: Mapping[str, str]) -> Sequence[Manifest]:
    """A container's environment, in a stable order."""
    return [{"name": name, "value": value} for name, value in sorted(variables.items())]


def prefer_other_machines(own: Mapping[str, str]) -> Manifest:
    """The affinity of pods that would rather not share a machine with one of their own."""
    term = {"labelSelector": {"matchLabels": dict(own)}, "topologyKey": _MACHINE}
    return {
        "podAntiAffinity": {
            "preferredDuringSchedulingIgnoredDuringExecution": [{"podAffinityTerm": term, "weight": 100}]
        }
    }


def spread_over(label: str, own: Mapping[str, str]) -> list[Manifest]:
    """The constraints of pods that are spread over machines and over the values of a label, as far as possible."""
    return [
        {
            "labelSelector": {"matchLabels": dict(own)},
            "maxSkew": 1,
            "topologyKey": key,
            "whenUnsatisfiable": "ScheduleAnyway",
        }
        for key in dict.fromkeys((_MACHINE, label))
    ]


def service_port(name: str, port: int, target: int | None = None) -> Manifest:
    """A port of a Service; the pods' is the same unless `target` says another."""
    return {"name": name, "port": port, "protocol": "TCP", "targetPort": port if target is None else target}


def allowed_port(port: int, protocol: str = "TCP") -> Manifest:
    """A port in a network policy."""
    return {"port": port, "protocol": protocol}


def client_peers(cluster: str, namespaces: Sequence[str]) -> list[Manifest]:
    """Who may connect to a Kafka, in a network policy: its own namespace, those with its label, and those named."""
    peers: list[Manifest] = [
        {"podSelector": {}},
        {"namespaceSelector": {"matchLabels": {ACCESS_LABEL: cluster}}},
    ]
    if namespaces:
        expression = {"key": "kubernetes.io/metadata.name", "operator": "In", "values": sorted(namespaces)}
        peers.append({"namespaceSelector": {"matchExpressions": [expression]}})
    return peers
