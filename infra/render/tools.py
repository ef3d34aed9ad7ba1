"""What applies a folder of plain files."""

from enum import Enum


class RenderError(ValueError):
    """Why a stack cannot be written to files, in one line that says what to do."""


class Tool(Enum):
    """What applies the files."""

    KUBECTL = "kubectl"
    """`kubectl apply -k`."""
    ARGOCD = "argocd"
    """Argo CD: objects have sync waves, and those with data are never pruned."""
    FLUX = "flux"
    """Flux: objects with data are never pruned."""
