"""Which kind of sandbox this machine gets."""

import enum
import os
import shutil
import subprocess
import sys
from pathlib import Path

from sandbox.host import SandboxError
from sandbox.instance import write


class Mode(enum.Enum):
    """How the sandbox is made."""

    KIND = "kind"
    """kind on Docker, with official programs throughout."""
    PACKAGES = "packages"
    """Compiled and assembled from packages."""
    OFF = "off"
    """The user's own cluster and tools."""


def docker_answers() -> bool:
    """Whether a Docker daemon answers within five seconds."""
    if shutil.which("docker") is None:
        return False
    try:
        done = subprocess.run(["docker", "version"], capture_output=True, timeout=5, check=False)
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0


def choose(state: Path) -> Mode:
    """SANDBOX, or the choice made when this sandbox came up, or what this machine supports.

    Raises:
        SandboxError: SANDBOX is not one of the modes.
    """
    wanted = os.environ.get("SANDBOX", "")
    if wanted:
        try:
            return Mode(wanted)
        except ValueError:
            raise SandboxError(f"SANDBOX: {wanted}: use {', '.join(mode.value for mode in Mode)}") from None
    try:
        return Mode((state / "mode").read_text())
    except FileNotFoundError:
        # kind is a program of its own or, with Go, compiled from its module; other systems have no packages to build
        # from.
        possible = shutil.which("kind") or shutil.which("go") or sys.platform != "linux"
        return Mode.KIND if possible and docker_answers() else Mode.PACKAGES


def remember(state: Path, mode: Mode) -> None:
    """Records how this sandbox was made."""
    write(state / "mode", mode.value)
