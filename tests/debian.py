"""Programs that tests need: the machine's own, or those of Debian's packages, unpacked in the user's cache; nothing is installed."""

import atexit
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from sandbox.instance import cache_folder

SECONDS = 600
"""How long a download may take."""


def needed(program: str, *packages: str) -> Path:
    """A program; the test is skipped, with the reason, where it cannot be had.

    Args:
        program: its name, or its path below the root.
        packages: those that have it.
    """
    try:
        return had(program, *packages)
    except RuntimeError as error:
        pytest.skip(str(error))


def had(program: str, *packages: str) -> Path:
    """A program, as `needed`. Raises `RuntimeError`, with the reason, if it cannot be had."""
    path = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
    found = shutil.which(f"/{program}" if "/" in program else program, path=path)
    if found is not None:
        return Path(found)
    root = unpacked(*packages)
    places = [program] if "/" in program else [f"{folder}/{program}" for folder in ("usr/bin", "usr/sbin", "bin")]
    there = next((root / each for each in places if (root / each).exists()), None)
    if there is None:
        raise RuntimeError(f"{program}: not in Debian's {', '.join(packages)}")
    return there


def unpacked(*packages: str) -> Path:
    """A folder with the packages, and with what they need and the machine does not have.

    Raises:
        RuntimeError: they cannot be had, with the reason.
    """
    kept = cache_folder() / f"debian-{'-'.join(packages)}"
    if kept.exists():
        return kept
    if shutil.which("apt-get") is None or shutil.which("dpkg-deb") is None:
        raise RuntimeError(f"{', '.join(packages)}: not installed, and only Debian's packages are known here")
    planned = _apt("--simulate", "--no-install-recommends", "install", *packages)
    wanted = sorted({*re.findall(r"^Inst (\S+) ", planned, re.MULTILINE), *packages})
    kept.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=kept.parent) as folder:
        _apt("download", *wanted, folder=folder)
        root = Path(folder) / "root"
        for archive in sorted(Path(folder).glob("*.deb")):
            subprocess.run(["dpkg-deb", "--extract", archive, root], check=True, capture_output=True)
        if not kept.exists():  # another test may have been faster
            root.replace(kept)
    return kept


def for_everybody(root: Path) -> Path:
    """The same, where other users can read it too until this process ends: some servers refuse to run as root."""
    if os.geteuid() != 0:
        return root
    folder = Path(tempfile.mkdtemp(prefix="debian-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    shutil.copytree(root, folder, symlinks=True, dirs_exist_ok=True)
    folder.chmod(0o755)
    return folder


def environment(program: Path) -> Mapping[str, str]:
    """The variables with which a program runs: an unpacked one finds its libraries beside it."""
    root = next((each for each in [program, *program.parents] if each.name.startswith("debian-")), None)
    if root is None:
        return os.environ
    folders = {str(each.parent) for each in root.rglob("*.so*") if each.parent.name.endswith("-linux-gnu")}
    return {**os.environ, "LD_LIBRARY_PATH": ":".join(sorted(folders))}


def _apt(*arguments: str, folder: str | None = None) -> str:
    done = subprocess.run(
        ["apt-get", "-q", *arguments], cwd=folder, capture_output=True, text=True, timeout=SECONDS, check=False
    )
    if done.returncode != 0:
        said = next(iter(done.stderr.strip().splitlines()[-1:]), "without a reason")
        raise RuntimeError(f"{' '.join(arguments[-2:])}: not installed, and apt-get does not have it: {said}")
    return done.stdout
