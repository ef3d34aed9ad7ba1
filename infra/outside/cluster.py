"""What is asked of a Kubernetes cluster about the ways in."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from kafka_platform.kube.manifests import Manifest
from kafka_platform.kube.object_id import ObjectId

GATEWAY_API = "gateway.networking.k8s.io"


class Cluster(Protocol):
    """Queries to a Kubernetes cluster. An answer is None if it is unknown, for example without the right to read."""

    def exists(self, wanted: ObjectId) -> bool | None:
        """Whether there is an object."""

    def read(self, wanted: ObjectId) -> Manifest | None:
        """An object; None also if it is not there."""

    def read_all(self, api_version: str, kind: str) -> Sequence[Manifest] | None:
        """All objects of a kind; none if the cluster does not know the kind."""

    def metadata(self, api_version: str, kind: str) -> Mapping[str, Mapping[str, Any]] | None:
        """The metadata of all objects of a kind, by name."""


def gateway_id(parent: Mapping[str, Any], namespace: str) -> ObjectId:
    """The Gateway that a route of this namespace names as its parent."""
    return ObjectId(
        api_version=f"{GATEWAY_API}/v1",
        kind="Gateway",
        namespace=parent.get("namespace") or namespace,
        name=parent["name"],
    )


def id_of(manifest: Manifest) -> ObjectId:
    """How an object is named, whatever version of its kind it is written in."""
    metadata = manifest["metadata"]
    return ObjectId(
        api_version=manifest["apiVersion"].partition("/")[0],
        kind=manifest["kind"],
        namespace=metadata.get("namespace"),
        name=metadata.get("name", ""),
    )
