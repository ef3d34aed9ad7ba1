"""The refusal of a Kubernetes that is too old for a stack, before anything is changed."""

from collections.abc import Sequence

from infra.capabilities.capability import LeastKubernetes

MAJOR = 1
"""Of every Kubernetes that there is."""


def check_version(version: tuple[int, int] | None, needed: Sequence[LeastKubernetes]) -> None:
    """Raises `ValueError` if the version, `(major, minor)`, is older than what a stack needs. Nothing is said of an unknown one."""
    if version is None or not needed:
        return
    most = max(needed, key=lambda each: each.minor)
    if version < (MAJOR, most.minor):
        major, minor = version
        raise ValueError(
            f"kubernetes: the cluster has Kubernetes {major}.{minor}, and this stack needs {MAJOR}.{most.minor} or newer, as "
            f"{most.because}: upgrade the cluster, or name another one"
        )
