"""What every cluster needs besides nodes: DNS (CoreDNS), volumes (a default StorageClass), and KEDA's CRDs."""

import hashlib
import string
import time
from collections.abc import Sequence
from pathlib import Path

from sandbox import api
from sandbox.host import Command, SandboxError, run
from sandbox.instance import Instance, write
from sandbox.pins import COREDNS_IMAGE

MANIFESTS = Path(__file__).with_name("manifests")
READY_SECONDS = 90


def apply(instance: Instance, kubectl: Path, others: Sequence[Path]) -> None:
    """Applies the manifests and the `others` if they changed since the last time; without nodes only the others."""
    texts = [file.read_text() for file in others]
    for file in sorted(MANIFESTS.glob("*.yaml")) if instance.count else []:
        ours = string.Template(file.read_text())
        texts.append(ours.substitute(DNS=instance.dns, IMAGE=COREDNS_IMAGE, REPLICAS=min(2, instance.count)))
    text = "---\n".join(reversed(texts))
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
    """Waits until KEDA's kinds are served and, if there are nodes, DNS answers.

    Raises:
        SandboxError: not within READY_SECONDS; with what the cluster reports about it.
    """
    deadline = time.monotonic() + READY_SECONDS
    while not api.serves(instance, "/apis/keda.sh/v1alpha1"):
        if time.monotonic() > deadline:
            raise SandboxError(f"KEDA's kinds are not served after {READY_SECONDS} s")
        time.sleep(0.2)
    while instance.count and not api.deployment_ready(instance, "kube-system", "coredns"):
        if time.monotonic() > deadline:
            command: Command = [kubectl, "--kubeconfig", instance.kubeconfig, "--namespace=kube-system"]
            events = run([*command, "get", "pods,events"], check=False)
            raise SandboxError(f"CoreDNS is not ready after {READY_SECONDS} s:\n{events}")
        time.sleep(0.2)
