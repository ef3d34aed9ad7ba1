"""The edge: addresses for Services of the type LoadBalancer, certificates, and Traefik as Ingress and Gateway API controller.

Its parts are brought up when somebody asks for them (`python -m sandbox edge`): compiling Traefik and cert-manager from their Go
modules takes minutes, and most sandboxes are used from inside. The controller of load balancers stands in for a cloud's, or MetalLB.
"""

import string
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from sandbox import api, build, pins
from sandbox.addons import MANIFESTS
from sandbox.build import BuildFolders, Group, cached, digest_of
from sandbox.host import Command, SandboxError, run
from sandbox.images import RECIPE, Archive, Image, Layer, LayerWriter, base_layer, fetched, image_archive, seal
from sandbox.instance import Instance

NAMESPACE = "edge"
READY_SECONDS = 180


@dataclass(frozen=True, kw_only=True)
class Part:
    """A program, in a Deployment of the same name, by manifests of that name."""

    name: str
    group: Group
    image: str
    kinds: Sequence[tuple[str, str]] = ()
    """Modules with the kinds that it serves, and where they are in each."""


PARTS = {
    part.name: part
    for part in (
        Part(name="load-balancers", group=build.LOAD_BALANCERS, image=pins.LOAD_BALANCERS_IMAGE),
        Part(
            name="cert-manager",
            group=build.CERT_MANAGER,
            image=pins.CERT_MANAGER_IMAGE,
            kinds=[("github.com/cert-manager/cert-manager", "deploy/crds/*cert-manager.io_*.yaml")],
        ),
        Part(
            name="traefik",
            group=build.TRAEFIK,
            image=pins.TRAEFIK_IMAGE,
            kinds=[
                ("sigs.k8s.io/gateway-api", "config/crd/standard/gateway.networking.k8s.io_*.yaml"),
                (pins.TLS_ROUTES, "config/crd/experimental/gateway.networking.k8s.io_t*routes.yaml"),
            ],
        ),
    )
}


def layer_of(folders: BuildFolders, part: Part) -> Layer:
    """Its program, where Traefik's official image has its own."""
    program = build.binaries(folders, part.group) / part.name

    def make(folder: Path) -> None:
        layer = LayerWriter(folder / "layer.tar")
        layer.file(f"usr/local/bin/{part.name}", program.read_bytes(), mode=0o755)
        layer.finish()
        seal(folder / "layer.tar")

    key = digest_of(RECIPE, program.parent.parent.name)
    folder = cached(folders, f"edge-{part.name}-{key}", make, doing=f"wrapping {part.name}")
    return Layer(file=folder / "layer.tar")


def archive_of(folders: BuildFolders, part: Part) -> Archive:
    """Its image, without the base layer that every node has."""
    layers = [base_layer(folders), layer_of(folders, part)]
    image = Image(name=part.image, layers=layers, entrypoint=[f"/usr/local/bin/{part.name}"])
    doing = f"wrapping the image of {part.name}"
    return image_archive(folders, image, name=part.image, cache=f"edge-{part.name}-image", doing=doing)


def _kinds(folders: BuildFolders, part: Part) -> list[Path]:
    source = part.group.source
    return [
        file
        for module, files in part.kinds
        for file in sorted(build.module_folder(build.go(folders, source), source, module).glob(files))
    ]


def apply(instance: Instance, folders: BuildFolders, kubectl: Path, parts: Sequence[Part]) -> None:
    """Applies the parts with the kinds that they serve, and waits until they run.

    Raises:
        SandboxError: not within READY_SECONDS; with what the cluster reports about it.
    """
    command: Command = [kubectl, "--kubeconfig", instance.kubeconfig]
    applied: Command = [*command, "apply", "--server-side", "--field-manager=sandbox", "--force-conflicts"]
    definitions = [f"--filename={file}" for part in parts for file in _kinds(folders, part)]
    if definitions:
        run([*applied, *definitions])
        run([*command, "wait", "--for=condition=Established", "--timeout=60s", *definitions])
    texts = [_manifests("namespace", instance)]
    texts += [_manifests(part.name, instance, image=part.image) for part in parts]
    run([*applied, "--filename=-"], stdin="---\n".join(texts))
    deadline = time.monotonic() + READY_SECONDS
    while not all(api.deployment_ready(instance, NAMESPACE, part.name) for part in parts):
        if time.monotonic() > deadline:
            events = run([*command, f"--namespace={NAMESPACE}", "get", "pods,events"], check=False)
            raise SandboxError(f"the edge is not ready after {READY_SECONDS} s:\n{events}")
        time.sleep(0.2)


def _manifests(name: str, instance: Instance, image: str = "") -> str:
    template = string.Template((MANIFESTS / "edge" / f"{name}.yaml").read_text())
    return template.substitute(NAMESPACE=NAMESPACE, ADDRESSES=instance.balancers, IMAGE=image)


def main() -> int:
    """Compiles all, so that tests that need them are not skipped."""
    return max(fetched(partial(layer_of, part=part)) for part in PARTS.values())


if __name__ == "__main__":
    sys.exit(main())
