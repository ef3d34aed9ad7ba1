"""KEDA and metrics-server: the sources of the horizontal pod autoscaler's numbers, installed from their own manifests.

They become ready in the background, some seconds after the nodes: KEDA makes its certificates first.
"""

import string
import tempfile
from pathlib import Path

from sandbox import api, build, pins
from sandbox.addons import MANIFESTS
from sandbox.build import BuildFolders, cached, digest_of
from sandbox.host import run
from sandbox.instance import Instance, write

MODULES = {
    "keda": (build.KEDA, "github.com/kedacore/keda/v2"),
    "metrics-server": (build.METRICS_SERVER, "sigs.k8s.io/metrics-server"),
}
KINDS = "crds.yaml"
"""KEDA's CRDs alone: what an API server needs to validate a ScaledObject."""
EVERYTHING = "all.yaml"
"""KEDA with its CRDs, and metrics-server."""

DEPLOYMENTS = (
    ("keda", "keda-operator"),
    ("keda", "keda-metrics-apiserver"),
    ("keda", "keda-admission"),
    ("kube-system", "metrics-server"),
)
MARK = "keda"


def manifests(folders: BuildFolders, kubectl: Path) -> Path:
    """A folder with KINDS and EVERYTHING, which kustomize makes from the contents of the Go modules."""
    template = string.Template((MANIFESTS / "autoscaling" / "kustomization.yaml").read_text())
    ours = template.substitute(KEDA=pins.KEDA, METRICS_SERVER=pins.METRICS_SERVER)
    pinned = [(group.source / name).read_text() for group, _ in MODULES.values() for name in ("go.mod", "go.sum")]
    key = digest_of(ours, *pinned)

    def make(folder: Path) -> None:
        with tempfile.TemporaryDirectory() as scratch:
            for name, (group, module) in MODULES.items():
                found = build.module_folder(build.go(folders, group.source), group.source, module)
                (Path(scratch) / name).symlink_to(found)
            write(Path(scratch) / "autoscaling" / "kustomization.yaml", ours)
            for file, part in ((KINDS, "keda/config/crd"), (EVERYTHING, "autoscaling")):
                (folder / file).write_text(run([kubectl, "kustomize", Path(scratch) / part]))

    return cached(folders, f"autoscaling-{key}", make, doing=f"fetching KEDA {pins.KEDA}'s manifests")


def installed(state: Path) -> bool:
    """Whether the sandbox in a folder has KEDA."""
    return (state / MARK).exists()


def remember(state: Path) -> None:
    """Records that the sandbox in a folder has KEDA."""
    write(state / MARK, "")


def ready(instance: Instance) -> bool:
    """Whether all of it runs."""
    return all(api.deployment_ready(instance, *each) for each in DEPLOYMENTS)
