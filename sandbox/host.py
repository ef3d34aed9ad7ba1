"""The machine underneath: running its programs, installing its packages, checking what it permits."""

import contextlib
import ctypes
import fcntl
import functools
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from sandbox.progress import say, step

LOG_TAIL = 15
"""Lines of a failed program's output that its error message shows."""

SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
"""Debian keeps `ip`, `iptables` and `runc` in sbin, which a user's PATH may lack."""


Command = list[str | Path]
"""A program and its arguments."""


class SandboxError(Exception):
    """Something that the user has to know; its text is complete and is shown without a traceback."""


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """This process's environment with the system's folders on PATH, and `extra` on top."""
    path = os.environ.get("PATH", "")
    return {**os.environ, "PATH": f"{path}:{SYSTEM_PATH}", **(extra or {})}


PR_SET_PDEATHSIG = 1


def end_with_parent() -> None:
    """In a child, before it becomes the program: asks to be ended with this process, even by SIGKILL."""
    if sys.platform == "linux":
        _LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


_LIBC = ctypes.CDLL(None)


def check_watchers(wanted: int) -> None:
    """Checks that programs of this user can watch `wanted` more sets of files.

    Raises:
        SandboxError: the kernel's per-user limit does not allow it, for example because of other sandboxes.
    """
    opened: list[int] = []
    try:
        while len(opened) < wanted:
            watcher = int(_LIBC.inotify_init1(os.O_CLOEXEC))
            if watcher < 0:
                limit = Path("/proc/sys/fs/inotify/max_user_instances").read_text().strip()
                raise SandboxError(
                    f"file watchers: {wanted} are needed, and only {len(opened)} of this user's {limit} are free: bring another"
                    " sandbox down, or run `sysctl fs.inotify.max_user_instances=1024`"
                )
            opened.append(watcher)
    finally:
        for watcher in opened:
            os.close(watcher)


def tail(text: str, lines: int = LOG_TAIL) -> str:
    """The last lines of a text, indented."""
    return "\n".join(f"  {each}" for each in text.rstrip().splitlines()[-lines:])


def run(
    command: Sequence[str | Path],
    *,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    stdin: str | None = None,
    check: bool = True,
) -> str:
    """Runs a program to its end and returns what it wrote to its standard output.

    Raises:
        SandboxError: it is missing or (unless `check` is False) failed; with the last lines it wrote.
    """
    arguments = [str(each) for each in command]
    try:
        done = subprocess.run(
            arguments,
            env=environment(env),
            cwd=cwd,
            input=stdin,
            text=True,
            capture_output=True,
            check=False,
            preexec_fn=end_with_parent,
        )
    except FileNotFoundError as error:
        raise SandboxError(f"{arguments[0]}: not found: install it and run this again") from error
    if check and done.returncode != 0:
        output = tail(done.stderr.strip() or done.stdout)
        raise SandboxError(f"`{' '.join(arguments[:6])}` failed ({done.returncode}):\n{output}")
    return done.stdout


def logged(
    command: Sequence[str | Path], log: Path, *, env: Mapping[str, str] | None = None, cwd: Path | None = None
) -> None:
    """Runs a long program whose whole output goes to a log file.

    Raises:
        SandboxError: it failed; with the end of the log and its path.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    arguments = [str(each) for each in command]
    with log.open("a") as output:
        try:
            code = subprocess.run(
                arguments,
                env=environment(env),
                cwd=cwd,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                check=False,
                preexec_fn=end_with_parent,
            ).returncode
        except FileNotFoundError as error:
            raise SandboxError(f"{arguments[0]}: not found: install it and run this again") from error
    if code != 0:
        raise SandboxError(
            f"`{' '.join(arguments[:3])}` failed ({code}):\n{tail(log.read_text(errors='replace'))}\n  whole log: {log}"
        )


@contextlib.contextmanager
def lock(path: Path, waiting: str) -> Iterator[None]:
    """Holds a lock file; prints `waiting` if another process holds it. The lock ends with the process."""
    while True:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                say(waiting)
                fcntl.flock(file, fcntl.LOCK_EX)
            if path.exists() and path.stat().st_ino == os.fstat(file.fileno()).st_ino:
                yield
                return
        # The holder removed it with the folder it was for: the file that is there now counts.


# Debian package that provides a program on PATH (or a file, if it starts with /).
NODE_PACKAGES = {
    "containerd": "containerd",
    "runc": "runc",
    "/usr/lib/cni/ptp": "containernetworking-plugins",
    "iptables": "iptables",
    "conntrack": "conntrack",
    "ip": "iproute2",
    "unshare": "util-linux",
    "mount": "mount",
}
CONTROL_PLANE_PACKAGES = {"openssl": "openssl"}
IMAGE_PACKAGES = {
    "mmdebstrap": "mmdebstrap",
    "/usr/share/keyrings/debian-archive-keyring.gpg": "debian-archive-keyring",
    "mvn": "maven",
    "java": "default-jre-headless",
}


def is_root() -> bool:
    """Whether this process has administrator rights."""
    return os.geteuid() == 0


def missing_packages(wanted: Mapping[str, str]) -> list[str]:
    """The Debian packages whose program or file is missing on this machine."""
    path = environment()["PATH"]
    return sorted(
        {
            package
            for program, package in wanted.items()
            if not (Path(program).exists() if program.startswith("/") else shutil.which(program, path=path))
        }
    )


def install(wanted: Mapping[str, str], log: Path) -> None:
    """Installs the Debian packages that are missing.

    Raises:
        SandboxError: some are missing and this user or system cannot install them, or apt-get failed.
    """
    packages = missing_packages(wanted)
    if not packages:
        return
    if not is_root() or shutil.which("apt-get") is None:
        reason = "only root can install them" if not is_root() else "this system has no apt-get"
        raise SandboxError(
            f"Debian packages {', '.join(packages)}: missing, and {reason}: install what they contain and run this again"
        )
    quiet = {"DEBIAN_FRONTEND": "noninteractive"}
    command = ["apt-get", "install", "--yes", "--no-install-recommends", *packages]
    with step(f"installing {', '.join(packages)}", f"Debian packages: {', '.join(packages)}"):
        try:
            logged(command, log, env=quiet)
        except SandboxError:  # the package lists are older than the archive, or were never fetched
            logged(["apt-get", "update"], log, env=quiet)
            logged(command, log, env=quiet)


@functools.cache
def cannot_enforce_policies() -> str | None:
    """Why network policies cannot be enforced on nodes of this machine; None if they can."""
    rule = ["iptables", "-w", "-t", "mangle", "-A", "POSTROUTING", "-j", "NFQUEUE"]
    done = subprocess.run(["unshare", "--net", *rule], env=environment(), capture_output=True, text=True, check=False)
    if done.returncode == 0:
        return None
    reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
    return f"the kernel does not hand packets to programs (iptables' NFQUEUE): {reason}"


@functools.cache
def cannot_run_nodes(folder: Path) -> str | None:
    """Why this machine cannot run nodes (containers), with the fix; None if it can.

    `folder` is for the nodes' files.
    """
    if not is_root():
        return "nodes need root (namespaces, mounts, cgroups): run this with sudo"
    if not Path("/proc/self/ns/net").exists():
        return "nodes need Linux namespaces: use a Linux machine, or a virtual machine"
    for part in ("/var", "/run"):
        if folder.is_relative_to(part):
            return f"nodes have a {part} of their own and {folder} is there: set SANDBOX_STATE to a folder elsewhere"
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        probe = "mkdir l u w m && mount -t overlay overlay -o lowerdir=l,upperdir=u,workdir=w m"
        isolated = ["unshare", "--mount", "--pid", "--net", "--uts", "--ipc", "--fork"]
        for command, what in (
            ([*isolated, "true"], "namespaces (a container needs --privileged for that)"),
            ([*isolated, "sh", "-c", f"cd {scratch} && {probe}"], f"overlay mounts at {folder}"),
        ):
            done = subprocess.run(command, env=environment(), capture_output=True, text=True, check=False)
            if done.returncode != 0:
                reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
                return f"nodes need {what}: {reason}: use a machine or a container that permits them"
    hierarchies = Path("/sys/fs/cgroup")
    if not os.access(hierarchies, os.W_OK) or not any(hierarchies.iterdir()):
        return f"nodes need cgroups and {hierarchies} is not writable: use a machine or a container that permits them"
    return None
