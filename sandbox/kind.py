"""`kind`: the sandbox on a machine with Docker and the internet, made of official programs alone."""

import json
import shutil
from pathlib import Path

from sandbox.host import SandboxError, logged, run
from sandbox.instance import REPOSITORY, write
from sandbox.pins import KIND, KIND_NODE_IMAGE, KUBERNETES, RUNTIME_IMAGE
from sandbox.progress import say, step

CLUSTER = "kafka-platform-sandbox"


def kubeconfig(state: Path) -> Path:
    """The administrator's kubeconfig, with the context renamed to the cluster's name.

    Raises:
        SandboxError: no cluster is up.
    """
    file = state / "kubeconfig"
    if not file.exists():
        raise SandboxError("no sandbox is up: `python -m sandbox up` first")
    return file


def _clusters() -> list[str]:
    return run(["kind", "get", "clusters"]).split()


def up(state: Path) -> None:
    """Makes the cluster if there is none, and loads the runtime image into it."""
    for program, where in (
        ("docker", "https://docs.docker.com/get-docker"),
        ("kind", f"https://kind.sigs.k8s.io (v{KIND} is tried)"),
        ("kubectl", "https://kubernetes.io/docs/tasks/tools"),
        ("pulumi", "https://www.pulumi.com/docs/install"),
    ):
        if shutil.which(program) is None:
            raise SandboxError(
                f"{program}: not found: install it from {where}, or use SANDBOX=packages on Debian or Ubuntu"
            )
    say("kind: everything official (SANDBOX=packages|off chooses otherwise)")
    log = state / "logs" / "kind.log"
    zones = [{"role": "worker", "labels": {"topology.kubernetes.io/zone": f"zone-{n}"}} for n in (1, 2, 3)]
    cluster = {"kind": "Cluster", "apiVersion": "kind.x-k8s.io/v1alpha4", "nodes": [{"role": "control-plane"}, *zones]}
    settings = write(state / "kind.yaml", json.dumps(cluster))
    file = state / "kubeconfig"
    with step(f"starting Kubernetes {KUBERNETES} in Docker", f"Kubernetes {KUBERNETES}, 3 nodes ready"):
        if CLUSTER not in _clusters():
            logged(
                ["kind", "create", "cluster", "--name", CLUSTER, "--image", KIND_NODE_IMAGE, "--config", settings,
                 "--kubeconfig", file, "--wait", "5m"],
                log,
            )  # fmt: skip
            run(["kubectl", "--kubeconfig", file, "config", "rename-context", f"kind-{CLUSTER}", CLUSTER])
    if (REPOSITORY / "runtime" / "Dockerfile").exists():
        with step("building the runtime image", "runtime image"):
            logged(["docker", "build", "--tag", RUNTIME_IMAGE, REPOSITORY / "runtime"], log)
            logged(["kind", "load", "docker-image", RUNTIME_IMAGE, "--name", CLUSTER], log)


def status(state: Path) -> int:
    """Says what runs. Returns 0 if the nodes do."""
    if CLUSTER not in _clusters():
        say("nothing runs: `up` starts it")
        return 1
    print(run(["kubectl", "--kubeconfig", kubeconfig(state), "get", "nodes"]), end="")
    return 0


def down(state: Path) -> None:
    """Removes the cluster and the state folder."""
    with step("removing the cluster", "removed, with the folder that held its Pulumi stacks"):
        run(["kind", "delete", "cluster", "--name", CLUSTER])
        shutil.rmtree(state, ignore_errors=True)
