"""The cgroups of a sandbox: /kafka-platform/<sandbox>/<node>, in every hierarchy that the machine has.

The control plane has one beside the nodes'.
"""

import contextlib
import os
import signal
import time
from pathlib import Path

from sandbox.host import SandboxError
from sandbox.instance import Instance, Node

MOUNT = Path("/sys/fs/cgroup")
OURS = "kafka-platform"
SYSTEM = "system"
"""The cgroup of the node's own programs; its pods are beside it."""
WEIGHT = 4
"""Combined share of the processors for all sandboxes under contention, relative to a process outside, which has 1.

A group has 1 as well by default: three nodes with everything on them would get no more than one test beside them,
and brokers that answer too late are taken out of service.
"""

NEEDED = ("cpu", "memory", "pids")
"""Controllers that the kubelet requires."""


def unified() -> bool:
    """Whether the machine has only cgroup version 2."""
    return (MOUNT / "cgroup.controllers").exists()


def _hierarchies() -> list[Path]:
    if unified():
        return [MOUNT]
    # cpu and cpuacct may be names of one hierarchy. A hybrid's `unified` one has no controllers, but runc uses it too.
    folders = {path.resolve() for path in MOUNT.iterdir() if (path / "cgroup.procs").exists()}
    return sorted(folders)


def cannot_delegate() -> str | None:
    """Why cgroups cannot be limited for nodes here, with the fix; None if they can. Version 1 always can."""
    if not unified():
        return None
    _delegate(MOUNT)
    missing = set(NEEDED) - set((MOUNT / "cgroup.subtree_control").read_text().split())
    if not missing:
        return None
    return (
        f"nodes need the cgroup controllers {', '.join(sorted(missing))} at {MOUNT}, which cannot be"
        " enabled: in a container, move its processes into a cgroup below that first, or use a dedicated machine"
    )


def _folders(instance: Instance) -> list[Path]:
    return [hierarchy / OURS / instance.id for hierarchy in _hierarchies()]


def path(instance: Instance, node: Node) -> str:
    """The node's cgroup as the kubelet names it."""
    return f"/{OURS}/{instance.id}/{node.name}"


def _make(folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    if folder.is_relative_to(MOUNT / "cpuset") or ((folder / "cpuset.mems").exists() and not unified()):
        for name in ("cpuset.cpus", "cpuset.mems"):
            if not (folder / name).read_text().strip():
                (folder / name).write_text((folder.parent / name).read_text())
        (folder / "cgroup.clone_children").write_text("1")


def _delegate(folder: Path) -> None:
    """Version 2: gives the groups below a folder every controller that the folder has."""
    for controller in (folder / "cgroup.controllers").read_text().split():
        with contextlib.suppress(OSError):
            (folder / "cgroup.subtree_control").write_text(f"+{controller}")


def _weigh(folder: Path) -> None:
    for name, alone in (("cpu.shares", 1024), ("cpu.weight", 100)):
        if (folder / name).exists():
            (folder / name).write_text(str(WEIGHT * alone))


def enter(instance: Instance, pid: int, *parts: str) -> None:
    """Makes the cgroup of a part of the sandbox, such as a node's SYSTEM, and moves a process into it."""
    for hierarchy in _hierarchies():
        folder = hierarchy
        for part in (OURS, instance.id, *parts):
            if unified():
                _delegate(folder)
            folder = folder / part
            _make(folder)
            if part in {OURS, instance.id}:
                _weigh(folder)
        (folder / "cgroup.procs").write_text(str(pid))


def members(instance: Instance) -> set[int]:
    """The processes in this sandbox's cgroups."""
    found: set[int] = set()
    for folder in _folders(instance):
        for file in folder.rglob("cgroup.procs"):
            with contextlib.suppress(OSError):
                found.update(int(pid) for pid in file.read_text().split())
    return found


def remove(instance: Instance, seconds: float = 20) -> None:
    """Ends what is still in this sandbox's cgroups and removes them.

    Raises:
        SandboxError: a process in them does not end.
    """
    deadline = time.monotonic() + seconds
    for folder in _folders(instance):
        while folder.exists():
            for pid in members(instance):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            for inner, _, _ in os.walk(folder, topdown=False):
                with contextlib.suppress(OSError):
                    Path(inner).rmdir()
            if folder.exists() and time.monotonic() > deadline:
                raise SandboxError(f"cgroup {folder} does not empty: processes {sorted(members(instance))} stay")
            if folder.exists():
                time.sleep(0.05)
        with contextlib.suppress(OSError):  # another sandbox may be in it
            folder.parent.rmdir()
