"""KEDA and metrics-server: where the horizontal pod autoscaler gets its numbers, installed by their own manifests."""

import string
import tempfile
from pathlib import Path

from sandbox import build, pins
from sandbox.addons import MANIFESTS
from sandbox.build import BuildFolders, cached, digest_of
from sandbox.host import run
from sandbox.instance import write

MODULES = {"keda": "github.com/kedacore/keda/v2", "metrics-server": "sigs.k8s.io/metrics-server"}
KINDS = "crds.yaml"
"""KEDA's kinds alone: what an API server needs to judge a ScaledObject."""
EVERYTHING = "all.yaml"
"""KEDA with its kinds, and metrics-server."""


def manifests(folders: BuildFolders, kubectl: Path) -> Path:
    """A folder with KINDS and EVERYTHING, made by kustomize from what the Go modules carry."""
    template = string.Template((MANIFESTS / "autoscaling" / "kustomization.yaml").read_text())
    ours = template.substitute(KEDA=pins.KEDA, METRICS_SERVER=pins.METRICS_SERVER)
    source = build.KEDA.source
    key = digest_of(ours, *((source / name).read_text() for name in ("go.mod", "go.sum")))

    def make(folder: Path) -> None:
        compiler = build.go(folders, source)
        with tempfile.TemporaryDirectory() as scratch:
            for name, module in MODULES.items():
                (Path(scratch) / name).symlink_to(build.module_folder(compiler, source, module))
            write(Path(scratch) / "autoscaling" / "kustomization.yaml", ours)
            for file, part in ((KINDS, "keda/config/crd"), (EVERYTHING, "autoscaling")):
                (folder / file).write_text(run([kubectl, "kustomize", Path(scratch) / part]))

    return cached(folders, f"autoscaling-{key}", make, doing=f"fetching KEDA {pins.KEDA}'s manifests")
