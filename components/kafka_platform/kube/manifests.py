"""Building blocks of manifests. No Pulumi."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from kafka_platform.kube.derived import derived

if TYPE_CHECKING:
    from pulumi import Input

Manifest = dict[str, Any]
"""A Kubernetes object as the API server takes it. Values may be Outputs of Pulumi, or `Derived` from them."""

_RBAC = "rbac.authorization.k8s.io"
ACCESS_LABEL = "kafka-platform/access"
"""A namespace with this label and the cluster's name as its value may connect."""


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


def namespace(name: "Input[str]") -> Manifest:
    """A namespace."""
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}


def metadata(
    name: "Input[str]",
    namespace: "Input[str]",
    own_labels: "Mapping[str, Input[str]]",
    annotations: "Mapping[str, Input[str]] | None" = None,
) -> Manifest:
    """An object's metadata; without annotations if there are none."""
    rendered: Manifest = {"name": name, "namespace": namespace, "labels": dict(own_labels)}
    if annotations:
        rendered["annotations"] = dict(annotations)
    return rendered


def environment(variables: Mapping[str, str]) -> Sequence[Manifest]:
    """A container's environment, in a stable order."""
    return [{"name": name, "value": value} for name, value in sorted(variables.items())]


def secret_of(about: Manifest, data: Any) -> Manifest:
    """A Secret with base64-encoded data; `about` is its metadata."""
    # `type` is what the API server would fill in; said here, it is no difference later.
    return {"apiVersion": "v1", "kind": "Secret", "metadata": about, "type": "Opaque", "data": data}


def service_account_of(about: Manifest) -> Manifest:
    """A ServiceAccount whose token no pod gets unless it asks for it."""
    return {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": about, "automountServiceAccountToken": False}


def role_of(about: Manifest, rules: Sequence[Manifest], *, scope: str = "") -> Manifest:
    """A Role, or, with the scope `Cluster`, a ClusterRole."""
    return {"apiVersion": f"{_RBAC}/v1", "kind": f"{scope}Role", "metadata": about, "rules": list(rules)}


def role_binding_of(about: Manifest, account: Manifest, *, scope: str = "") -> Manifest:
    """What gives the role of the same metadata to the ServiceAccount with the metadata `account`."""
    return {
        "apiVersion": f"{_RBAC}/v1",
        "kind": f"{scope}RoleBinding",
        "metadata": about,
        "roleRef": {"apiGroup": _RBAC, "kind": f"{scope}Role", "name": about["name"]},
        "subjects": [{"kind": "ServiceAccount", "name": account["name"], "namespace": account["namespace"]}],
    }


def service_port(name: str, port: int, target: int | None = None) -> Manifest:
    """A port of a Service; the pods' is the same unless `target` says another."""
    return {"name": name, "port": port, "protocol": "TCP", "targetPort": port if target is None else target}


def service_of(
    about: Manifest,
    ports: Sequence[Manifest],
    own: "Mapping[str, Input[str]]",
    *,
    headless: bool = False,
    unready: bool = False,
) -> Manifest:
    """A Service inside the cluster for the pods with the labels `own`; `about` is its metadata.

    Args:
        about: its metadata.
        ports: its ports.
        own: labels of the pods.
        headless: whether it has no address of its own, but a name for each pod.
        unready: whether pods that are not ready are reached too.
    """
    spec: Manifest = {"clusterIP": "None"} if headless else {"type": "ClusterIP"}
    if unready:
        spec["publishNotReadyAddresses"] = True
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": about,
        "spec": {**spec, "ports": list(ports), "selector": dict(own)},
    }


def disruption_budget_of(about: Manifest, own: "Mapping[str, Input[str]]") -> Manifest:
    """Lets one of the pods with the labels `own` be evicted at a time; `about` is its metadata."""
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": about,
        "spec": {"maxUnavailable": 1, "selector": {"matchLabels": dict(own)}},
    }


def network_policy_of(
    about: Manifest, *, pods: Manifest, ingress: Sequence[Manifest], egress: Sequence[Manifest]
) -> Manifest:
    """Closes pods to everything but these rules, in both directions; `about` is its metadata, `pods` a label selector."""
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": about,
        "spec": {
            "egress": list(egress),
            "ingress": list(ingress),
            "podSelector": pods,
            "policyTypes": ["Ingress", "Egress"],
        },
    }


NAMESPACE_LABEL = "kubernetes.io/metadata.name"
"""Which Kubernetes gives every namespace."""


def allowed_port(port: int, protocol: str = "TCP") -> Manifest:
    """A port in a network policy."""
    return {"port": port, "protocol": protocol}


def to_names() -> list[Manifest]:
    """Egress to DNS resolvers, in a network policy.

    A policy applies to the port of the resolver's pod, which need not be that of its Service: OpenShift's is 5353.
    Resolvers outside of the cluster and on the machine (NodeLocal DNSCache) are no pods and have 53.
    """
    kubernetes = {
        "namespaceSelector": {"matchLabels": {NAMESPACE_LABEL: "kube-system"}},
        "podSelector": {"matchLabels": {"k8s-app": "kube-dns"}},
    }
    openshift = {"namespaceSelector": {"matchLabels": {NAMESPACE_LABEL: "openshift-dns"}}}
    return [{"ports": [allowed_port(53, "UDP"), allowed_port(53)]}, {"to": [kubernetes, openshift]}]


def callers(ports: Iterable[int], namespaces: "Sequence[Input[str]]") -> Manifest:
    """Peers that may connect to these ports, in a network policy: the own namespace and the given ones, or all if none is given."""
    rule: Manifest = {"ports": [allowed_port(port) for port in sorted(ports)]}
    return {"from": [{"podSelector": {}}, of_namespaces(namespaces)], **rule} if namespaces else rule


def collectors(port: int, namespaces: "Sequence[Input[str]]") -> Manifest:
    """Peers that may scrape this port, in a network policy: the given namespaces, or all if none is given."""
    peer = of_namespaces(namespaces) if namespaces else {"namespaceSelector": {}}
    return {"from": [peer], "ports": [allowed_port(port)]}


def client_peers(cluster: str, namespaces: "Sequence[Input[str]]") -> list[Manifest]:
    """Peers that may connect to a Kafka, in a network policy: its own namespace, those with its label, and the given ones."""
    peers: list[Manifest] = [
        {"podSelector": {}},
        {"namespaceSelector": {"matchLabels": {ACCESS_LABEL: cluster}}},
    ]
    if namespaces:
        peers.append(of_namespaces(namespaces))
    return peers


def of_namespaces(names: "Iterable[Input[str]]") -> Manifest:
    """All pods of these namespaces, in a network policy."""
    values = derived(lambda *known: sorted(set(known)), *names)
    expression = {"key": NAMESPACE_LABEL, "operator": "In", "values": values}
    return {"namespaceSelector": {"matchExpressions": [expression]}}


def sha256_of(text: str) -> str:
    """The SHA-256 of a text in hexadecimal digits."""
    return hashlib.sha256(text.encode()).hexdigest()


def text_hash(text: str) -> str:
    """Changes whenever the text does."""
    return sha256_of(text)
