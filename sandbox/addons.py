"""What every cluster needs besides nodes: names (CoreDNS) and volumes (a default StorageClass)."""

import hashlib
import string
import time
from pathlib import Path

from sandbox import api
from sandbox.host import Command, SandboxError, run
from sandbox.instance import Instance, write
from sandbox.pins import COREDNS_IMAGE

MANIFESTS = Path(__file__).with_name("manifests")
READY_SECONDS = 90


def apply(instance: Instance, kubectl: Path) -> None:
    """Applies the manifests if they are not what was applied last."""
    texts = [file.read_text() for file in sorted(MANIFESTS.glob("*.yaml"))]
    text = string.Template("---\n".join(texts)).substitute(
        DNS=instance.dns, IMAGE=COREDNS_IMAGE, REPLICAS=min(2, instance.count)
    )
    digest = hashlib.sha256(text.encode()).hexdigest()
    applied = instance.state / "run" / "addons.sha256"
    if applied.exists() and applied.read_text() == digest:
        return
    command: Command = [
        kubectl,
        "--kubeconfig",
        instance.kubeconfig,
        "apply",
        "--server-side",
        "--field-manager=sandbox",
    ]
    run([*command, "--force-conflicts", "--filename=-"], stdin=text)
    write(applied, digest)


def wait(instance: Instance, kubectl: Path) -> None:
    """Waits until names are answered.

    Raises:
        SandboxError: they are not, in READY_SECONDS; with what the cluster says about it.
    """
    deadline = time.monotonic() + READY_SECONDS
    while not api.deployment_ready(instance, "kube-system", "coredns"):
        if time.monotonic() > deadline:
            command: Command = [kubectl, "--kubeconfig", instance.kubeconfig, "--namespace=kube-system"]
            events = run([*command, "get", "pods,events"], check=False)
            raise SandboxError(f"CoreDNS is not ready after {READY_SECONDS} s:\n{events}")
        time.sleep(0.2)
