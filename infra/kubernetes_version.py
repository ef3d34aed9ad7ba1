"""The refusal of a Kubernetes that is too old for a stack, before anything is changed."""

from collections.abc import Sequence

from infra.api_server import ApiServer
from infra.capabilities import needed_kubernetes
from infra.capabilities.capability import LeastKubernetes
from infra.settings.core import Core

MAJOR = 1
"""Of every Kubernetes that there is."""


def check_cluster(settings: Core, api_server: ApiServer) -> None:
    """Raises `ValueError` if the cluster's Kubernetes is too old. Nobody is asked for a stack that any will do for."""
    if needed := needed_kubernetes(settings):
        check_version(api_server.version(), needed)


def check_version(version: tuple[int, int] | None, needed: Sequence[LeastKubernetes]) -> None:
    """Raises `ValueError` if the version, `(major, minor)`, is older than what a stack needs. Nothing is said of an unknown one."""
    if version is None:
        return
    most = max(needed, key=lambda each: each.minor)
    if version < (MAJOR, most.minor):
        major, minor = version
        raise ValueError(
            f"kubernetes: the cluster has Kubernetes {major}.{minor}, and this stack needs {MAJOR}.{most.minor} or newer, as "
            f"{most.because}: upgrade the cluster, or name another one"
        )
