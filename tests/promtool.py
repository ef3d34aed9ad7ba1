"""promtool and amtool, by which Prometheus and Alertmanager judge rules and routes: the machine's own, or Debian's."""

import shutil
import subprocess
import tempfile
from pathlib import Path

from sandbox.instance import cache_folder


def promtool() -> str:
    """The program. Raises `RuntimeError`, with the reason, if it cannot be had."""
    return _tool("promtool", "prometheus")


def amtool() -> str:
    """Alertmanager's own. Raises `RuntimeError`, with the reason, if it cannot be had."""
    return _tool("amtool", "prometheus-alertmanager")


def _tool(name: str, package: str) -> str:
    found = shutil.which(name)
    if found is not None:
        return found
    kept = cache_folder() / name / name
    if not kept.exists():
        _fetch(kept, package)
    return str(kept)


def _fetch(kept: Path, package: str) -> None:
    if shutil.which("apt-get") is None or shutil.which("dpkg-deb") is None:
        raise RuntimeError(f"{kept.name} is not installed, and only Debian's package of it is known here")
    kept.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=kept.parent) as folder:
        done = subprocess.run(["apt-get", "download", "-q", package], cwd=folder, capture_output=True, text=True)
        archives = list(Path(folder).glob("*.deb"))
        if done.returncode != 0 or not archives:
            raise RuntimeError(f"{kept.name} is not installed, and apt-get has no {package}: {done.stderr.strip()}")
        subprocess.run(["dpkg-deb", "--extract", archives[0], folder], check=True, capture_output=True)
        (Path(folder) / "usr" / "bin" / kept.name).replace(kept)
