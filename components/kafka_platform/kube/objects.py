"""The objects that a capability consists of, as data: what is placed in the graph and what is judged. No Pulumi.

Each capability renders one list of them. Where a manifest needs a value that follows from one that only a deployment
knows, it says so by `derived`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kafka_platform.kube.manifests import Manifest


@dataclass(frozen=True, kw_only=True)
class Wait:
    """When an object is ready, in addition to what Pulumi knows about its kind."""

    condition: str
    """The condition in its status that has to be true, such as `Ready`."""
    seconds: int | None = None
    """How long that may take. Default: as long as Pulumi waits for any object."""


@dataclass(frozen=True, kw_only=True)
class Guard:
    """Refuses forbidden updates before anything is changed."""

    name: str
    """Unique in a program. Objects may share a guard."""
    check: Callable[[Mapping[str, Any], Mapping[str, Any]], None]
    """Raises `ValueError` for a forbidden change from the first manifest to the second."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Object:
    """One object of a capability, and how Pulumi is to treat it."""

    role: str
    """What it is in the capability. Its resource is called `<name of the component>-<role>`."""
    manifest: Manifest
    """What the API server gets. Whatever is meant for Pulumi alone is said by the other fields."""
    after: Sequence["Object"] = ()
    """Objects of the same list that have to be ready before it is created."""
    awaited: bool = True
    """Whether the deployment waits until it is ready."""
    wait: Wait | None = None
    """What shows that it is ready. Default: what Pulumi knows of its kind, which is nothing of a custom resource."""
    runs_again: bool = False
    """Whether it is replaced by the next deployment if it has not become ready, as a Job is that failed."""
    forced: bool = False
    """Whether it takes over fields that another field manager owns."""
    ignored: Sequence[str] = ()
    """Paths of fields that are set on creation, and left alone afterwards."""
    kept: bool = False
    """Whether it stays in the cluster when it is no longer declared."""
    partial: bool = False
    """Whether the object is created elsewhere, and the manifest has only the fields that are set in it."""
    guard: Guard | None = None
    """What refuses changes to it. Default: nothing does."""

    @property
    def kind(self) -> str:
        """The kind that its manifest says."""
        return str(self.manifest["kind"])
