"""promtool, by which Prometheus itself judges rules: the machine's own, or that of Debian's package."""

import shutil
import subprocess
import tempfile
from pathlib import Path

from sandbox.instance import cache_folder

PACKAGE = "prometheus"


def promtool() -> str:
    """The program.

    Raises:
        RuntimeError: it cannot be had, with the reason.
    """
    found = shutil.which("promtool")
    if found is not None:
        return found
    kept = cache_folder() / "promtool" / "promtool"
    if not kept.exists():
        _fetch(kept)
    return str(kept)


def _fetch(kept: Path) -> None:
    if shutil.which("apt-get") is None or shutil.which("dpkg-deb") is None:
        raise RuntimeError("promtool is not installed, and only Debian's package of it is known here")
    kept.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=kept.parent) as folder:
        done = subprocess.run(["apt-get", "download", "-q", PACKAGE], cwd=folder, capture_output=True, text=True)
        archives = list(Path(folder).glob("*.deb"))
        if done.returncode != 0 or not archives:
            raise RuntimeError(f"promtool is not installed, and apt-get has no {PACKAGE}: {done.stderr.strip()}")
        subprocess.run(["dpkg-deb", "--extract", archives[0], folder], check=True, capture_output=True)
        (Path(folder) / "usr" / "bin" / "promtool").replace(kept)
