"""How an object of a Kubernetes cluster is named, and what is raised where the cluster cannot be asked. No Pulumi."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class ObjectId:
    """Identity of an object in a Kubernetes cluster."""

    api_version: str
    kind: str
    name: str
    namespace: str | None = None
    """None for what is cluster-wide, and for the namespace that the kubeconfig names."""

    def __str__(self) -> str:
        return "/".join(part for part in (self.kind, self.namespace, self.name) if part)


class ClusterError(Exception):
    """The Kubernetes cluster cannot be asked; the message says why."""
