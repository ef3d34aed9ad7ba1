"""`kind`: the sandbox on a machine with Docker and internet access, made only of official programs."""

import json
import shutil
from pathlib import Path

from sandbox import environment
from sandbox.certificates import NAME
from sandbox.host import Command, SandboxError, logged, run
from sandbox.instance import REPOSITORY, short_name, write
from sandbox.pins import KEDA, KIND, KIND_KUBERNETES, KIND_NODE_IMAGE, METRICS_SERVER, RUNTIME_IMAGE
from sandbox.progress import say, step

NODES = 3
NEEDED = {
    "docker": "https://docs.docker.com/get-docker",
    "kubectl": "https://kubernetes.io/docs/tasks/tools",
    "pulumi": "https://www.pulumi.com/docs/install",
}
KEDA_RELEASE = f"https://github.com/kedacore/keda/releases/download/v{KEDA}/keda-{KEDA}.yaml"
METRICS_SERVER_RELEASE = (
    f"https://github.com/kubernetes-sigs/metrics-server/releases/download/v{METRICS_SERVER}/components.yaml"
)


def _cluster(state: Path) -> str:
    return f"kafka-platform-{short_name(state)}"


def _kind(state: Path) -> Path:
    """kind: the one on PATH, or the pinned module compiled into the sandbox's folder."""
    found = shutil.which("kind")
    if found:
        return Path(found)
    ours = state / "bin" / "kind"
    if not ours.exists():
        if shutil.which("go") is None:
            raise SandboxError(
                "kind: not found, and no Go to compile it: install it from https://kind.sigs.k8s.io,"
                " or use SANDBOX=packages on Debian or Ubuntu"
            )
        with step(f"compiling kind {KIND}", f"kind {KIND} compiled"):
            ours.parent.mkdir(parents=True, exist_ok=True)
            log = state / "logs" / "kind.log"
            logged(["go", "install", f"sigs.k8s.io/kind@v{KIND}"], log, env={"GOBIN": str(ours.parent)})
    return ours


def _clusters(state: Path) -> list[str]:
    return run([_kind(state), "get", "clusters"]).split()


def kubeconfig(state: Path) -> Path:
    """The administrator's kubeconfig.

    Raises:
        SandboxError: no cluster is up.
    """
    file = state / "kubeconfig"
    if not file.exists():
        raise SandboxError("no sandbox is up: `python -m sandbox up` first")
    return file


def renamed(text: str) -> str:
    """A kubeconfig of one cluster with that cluster, its user and its context renamed to the sandbox's name."""
    found = json.loads(text)
    for kind in ("clusters", "contexts", "users"):
        found[kind][0]["name"] = NAME
    found["contexts"][0]["context"] |= {"cluster": NAME, "user": NAME}
    found["current-context"] = NAME
    return json.dumps(found, indent=1)


def _autoscaling(kubectl: Command) -> None:
    """Installs KEDA and metrics-server from their official release manifests."""
    for manifest in (KEDA_RELEASE, METRICS_SERVER_RELEASE):
        run([*kubectl, "apply", "--server-side", "--force-conflicts", f"--filename={manifest}"])
    # kind's kubelets sign their own certificates.
    insecure = {"op": "add", "path": "/spec/template/spec/containers/0/args/-", "value": "--kubelet-insecure-tls"}
    deployment: Command = ["deployment/metrics-server", "--namespace=kube-system"]
    if insecure["value"] not in run([*kubectl, "get", *deployment, "--output=json"]):
        run([*kubectl, "patch", *deployment, "--type=json", f"--patch={json.dumps([insecure])}"])


def up(state: Path, *, keda: bool = True) -> None:
    """Makes the cluster if there is none, adds `keda`, and loads the runtime image into it."""
    for program, where in NEEDED.items():
        if shutil.which(program) is None:
            raise SandboxError(
                f"{program}: not found: install it from {where}, or use SANDBOX=packages on Debian or Ubuntu"
            )
    say("kind: Docker, kind and Pulumi, all official (SANDBOX=packages|off chooses otherwise)")
    environment.prepare_backend(state)
    log, name, kind = state / "logs" / "kind.log", _cluster(state), _kind(state)
    workers = [{"role": "worker", "labels": {"topology.kubernetes.io/zone": f"zone-{n + 1}"}} for n in range(NODES)]
    cluster = {
        "kind": "Cluster",
        "apiVersion": "kind.x-k8s.io/v1alpha4",
        "nodes": [{"role": "control-plane"}, *workers],
    }
    settings = write(state / "kind.yaml", json.dumps(cluster))
    exported = state / "kind.kubeconfig"
    with step(f"starting Kubernetes {KIND_KUBERNETES}", f"Kubernetes {KIND_KUBERNETES}, {NODES} nodes ready"):
        if name not in _clusters(state):
            create: Command = [kind, "create", "cluster", "--name", name, "--image", KIND_NODE_IMAGE]
            logged([*create, "--config", settings, "--kubeconfig", exported, "--wait", "5m"], log)
        logged([kind, "export", "kubeconfig", "--name", name, "--kubeconfig", exported], log)
        text = run(["kubectl", "--kubeconfig", exported, "config", "view", "--raw", "--output=json"])
        file = write(state / "kubeconfig", renamed(text), mode=0o600)
        run(["kubectl", "--kubeconfig", file, "wait", "--for=condition=Ready", "nodes", "--all", "--timeout=5m"])
    if keda:
        with step(f"installing KEDA {KEDA}", f"KEDA {KEDA}"):
            _autoscaling(["kubectl", "--kubeconfig", file])
    if (REPOSITORY / "runtime" / "Dockerfile").exists():
        with step("building the runtime image", "runtime image"):
            add_image(state, RUNTIME_IMAGE, REPOSITORY / "runtime")


def add_image(state: Path, tag: str, folder: Path) -> None:
    """Builds the image of the application in a folder and loads it into the nodes."""
    log = state / "logs" / "kind.log"
    logged(["docker", "build", "--tag", tag, folder], log)
    logged([_kind(state), "load", "docker-image", tag, "--name", _cluster(state)], log)


def status(state: Path) -> int:
    """Reports what runs. Returns 0 if the nodes do."""
    if _cluster(state) not in _clusters(state):
        say("nothing runs: `up` starts it")
        return 1
    print(run(["kubectl", "--kubeconfig", kubeconfig(state), "get", "nodes"]), end="")
    return 0


def down(state: Path) -> None:
    """Removes the cluster and the state folder."""
    with step("removing the cluster", "removed, with the folder that held its Pulumi stacks"):
        run([_kind(state), "delete", "cluster", "--name", _cluster(state)])
        shutil.rmtree(state, ignore_errors=True)
