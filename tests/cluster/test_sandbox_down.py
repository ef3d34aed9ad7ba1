"""`down` leaves nothing of a sandbox on the machine: told by what the machine has before `up` and after `down`.

The sandbox here is one of its own beside the one that other tests use, which has its own network, cgroups and folder.
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from sandbox import choice
from sandbox.cgroups import WEIGHT
from sandbox.choice import Mode
from sandbox.host import cannot_run_nodes, environment
from sandbox.instance import REPOSITORY, short_name
from sandbox.nodes import KERNEL_SETTINGS

NODES = 2
WORKLOAD = {
    "apiVersion": "apps/v1",
    "kind": "StatefulSet",
    "metadata": {"name": "writer", "namespace": "default"},
    "spec": {
        "replicas": NODES,
        "podManagementPolicy": "Parallel",
        "serviceName": "writer",
        "selector": {"matchLabels": {"app": "writer"}},
        "volumeClaimTemplates": [
            {
                "metadata": {"name": "data"},
                "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
            }
        ],
        "template": {
            "metadata": {"labels": {"app": "writer"}},
            "spec": {
                "securityContext": {"fsGroup": 1000},
                "containers": [
                    {
                        "name": "writer",
                        "image": "docker.io/apache/kafka:4.3.1",
                        "command": [
                            "bash",
                            "-c",
                            "while date > /data/now; do cp /data/now /memory/now; sleep 0.1; done",
                        ],
                        "volumeMounts": [
                            {"name": "data", "mountPath": "/data"},
                            {"name": "memory", "mountPath": "/memory"},
                        ],
                    }
                ],
                "volumes": [{"name": "memory", "emptyDir": {"medium": "Memory"}}],
            },
        },
    },
}
SERVICE = {
    "apiVersion": "v1",
    "kind": "Service",
    "metadata": {"name": "writer", "namespace": "default"},
    "spec": {"type": "NodePort", "selector": {"app": "writer"}, "ports": [{"port": 80}]},
}


@dataclass(frozen=True, kw_only=True)
class Machine:
    """What a sandbox could leave behind, without what belongs to other sandboxes."""

    mounts: frozenset[str]
    links: frozenset[str]
    routes: frozenset[str]
    cgroups: frozenset[str]
    firewall: frozenset[str]
    folders: frozenset[str]
    kernel: tuple[str, ...]


def output(*command: str) -> list[str]:
    done = subprocess.run(command, env=environment(), capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


def machine() -> Machine:
    others = {line.split(": ")[1].split("@")[0] for line in output("ip", "-o", "link") if ": kp" in line}
    others -= {f"kp{Sandbox.name}"}
    kernel = [f"/proc/sys/{name}" for name in (*KERNEL_SETTINGS, "net/ipv4/ip_forward", "net/ipv4/conf/all/rp_filter")]
    cgroups = [str(path) for path in Path("/sys/fs/cgroup").glob("*/kafka-platform/*") if path.is_dir()]
    cgroups += [str(path) for path in Path("/sys/fs/cgroup").glob("kafka-platform/*") if path.is_dir()]
    return Machine(
        # Mount id and parent id tell nothing; the rest of the line is what is mounted where.
        mounts=frozenset(" ".join(line.split()[2:]) for line in Path("/proc/self/mountinfo").read_text().splitlines()),
        links=frozenset(
            name for line in output("ip", "-o", "link") if (name := line.split(": ")[1].split("@")[0]) not in others
        ),
        routes=frozenset(
            line for line in output("ip", "route", "show", "table", "all") if not any(name in line for name in others)
        ),
        cgroups=frozenset(path for path in cgroups if path.endswith(Sandbox.name)),
        firewall=frozenset(line for line in output("iptables-save") if not line.startswith("#")),
        folders=frozenset(
            str(path) for folder in ("/run", "/var/lib", "/var/log", "/etc", "/opt") for path in Path(folder).glob("*")
        ),
        kernel=tuple(Path(path).read_text() for path in kernel if Path(path).exists()),
    )


def processes() -> set[tuple[int, str]]:
    """Every process as pid and start time."""
    found = set()
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            found.add((int(folder.name), (folder / "stat").read_text().rpartition(")")[2].split()[19]))
        except (FileNotFoundError, ProcessLookupError):
            continue
    return found


def network(pid: int) -> str | None:
    """The network namespace of a process; None if that has ended."""
    try:
        return str(Path(f"/proc/{pid}/ns/net").readlink())
    except OSError:
        return None


def left(started: set[tuple[int, str]], seconds: float = 60) -> list[str]:
    """Those of the processes that still run, by their command lines. The kernel may take a moment to bury one."""
    deadline = time.monotonic() + seconds
    while (found := started & processes()) and time.monotonic() < deadline:
        time.sleep(0.05)
    return [Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ") for pid, _ in found]


class Sandbox:
    """A second sandbox."""

    folder = Path(tempfile.gettempdir()) / f"kafka-platform-down-{os.getpid()}"
    name = short_name(folder)

    def __init__(self) -> None:
        self.env = environment({"SANDBOX_STATE": str(self.folder), "SANDBOX_NODES": str(NODES), "SANDBOX": "packages"})

    def __call__(self, *arguments: str) -> str:
        command = [sys.executable, "-m", "sandbox", *arguments]
        done = subprocess.run(command, cwd=REPOSITORY, env=self.env, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{arguments}: {done.stdout}{done.stderr}"
        return done.stdout

    def started(self) -> set[tuple[int, str]]:
        """The processes that belong to it: those in its cgroups, in its namespaces, and those that name its folder."""
        run = self.folder / "run"
        roots = [file.read_text().split()[0] for file in run.glob("*.pid")]
        namespaces = {network(int(pid)) for pid in roots} - {network(os.getpid()), None}
        found = set()
        for pid, began in processes():
            try:
                command = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace")
            except OSError:
                continue
            if network(pid) in namespaces or str(self.folder) in command:
                found.add((pid, began))
        return found

    def kubectl(self, *arguments: str, stdin: str = "") -> str:
        command = [str(self.folder / "bin" / "kubectl"), "--kubeconfig", str(self.folder / "kubeconfig"), *arguments]
        done = subprocess.run(command, input=stdin, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    if choice.choose(Path("/nowhere")) is not Mode.PACKAGES:
        pytest.skip("this machine's sandbox is not made of packages: kind removes what it made")
    reason = cannot_run_nodes(Path(tempfile.gettempdir()) / f"probe-{os.getpid()}")
    if reason:
        pytest.skip(reason)
    made = Sandbox()
    yield made
    made("down")


@pytest.fixture
def before(sandbox: Sandbox) -> Machine:
    return machine()


def test_nothing_is_left_of_a_sandbox_that_was_used(before: Machine, sandbox: Sandbox) -> None:
    sandbox("up")
    sandbox.kubectl("apply", "-f", "-", stdin="\n---\n".join(json.dumps(each) for each in (WORKLOAD, SERVICE)))
    sandbox.kubectl("rollout", "status", "statefulset/writer", "--timeout=300s")
    started = sandbox.started()
    # etcd, API server, managers, two nodes with their three programs, shims, pods: this test sees what it looks for.
    assert len(started) > 20
    during = machine()
    assert during.links - before.links == {f"kp{Sandbox.name}"}
    assert during.cgroups
    # A group weighs as much as one process unless it says more; `cpu.weight` is version 2's.
    weights = [Path(group) / name for group in during.cgroups for name in ("cpu.shares", "cpu.weight")]
    found = {int(each.read_text()) for each in weights if each.exists()}
    assert found in ({WEIGHT * 1024}, {WEIGHT * 100})
    # While it runs, too, it keeps its hands off what belongs to the whole machine.
    assert during.mounts == before.mounts
    assert during.firewall == before.firewall
    assert during.kernel == before.kernel
    assert during.folders == before.folders

    sandbox("down")
    assert not left(started)
    assert machine() == before
    assert not Sandbox.folder.exists()

    sandbox("down")  # a second time there is nothing to do


@pytest.mark.parametrize("seconds", [0.5, 1.5, 3])
def test_nothing_is_left_of_an_up_that_was_killed(before: Machine, sandbox: Sandbox, seconds: float) -> None:
    command = [sys.executable, "-m", "sandbox", "up"]
    up = subprocess.Popen(
        command, cwd=REPOSITORY, env=sandbox.env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    time.sleep(seconds)
    up.send_signal(signal.SIGKILL)
    up.wait()
    started = sandbox.started()
    sandbox("down")
    assert not left(started)
    assert machine() == before
    assert not Sandbox.folder.exists()


def test_an_up_goes_on_where_a_killed_one_stopped(before: Machine, sandbox: Sandbox) -> None:
    command = [sys.executable, "-m", "sandbox", "up"]
    for seconds in (1, 2, 3):
        up = subprocess.Popen(
            command, cwd=REPOSITORY, env=sandbox.env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        time.sleep(seconds)
        up.send_signal(signal.SIGKILL)
        up.wait()
    assert f"{NODES} nodes ready" in sandbox("up")
    sandbox("status")
    sandbox("down")
    assert machine() == before


def test_a_sandbox_comes_back_after_all_its_processes_were_lost(sandbox: Sandbox) -> None:
    """As after the machine was switched off."""
    sandbox("up")
    sandbox.kubectl("create", "configmap", "kept", "--from-literal=a=b")
    for file in (Sandbox.folder / "run").glob("*.pid"):
        os.kill(int(file.read_text().split()[0]), signal.SIGKILL)
    sandbox("up")
    sandbox("status")
    assert "kept" in sandbox.kubectl("get", "configmaps")
