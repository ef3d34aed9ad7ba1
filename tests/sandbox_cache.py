"""What the sandbox keeps in the user's cache of the images that it has made: tests start its programs without a cluster."""

import os
import shutil
import tarfile
import tempfile
from pathlib import Path

import pytest


def cache() -> Path:
    """The folder in which the sandbox keeps what it has made."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "kafka-platform"


def newest_layer(kind: str) -> Path | None:
    """The layer of this kind that was made last, such as `kafka`; None if there is none."""
    layers = (each for each in cache().glob(f"{kind}-*/layer.tar") if "-image-" not in each.parent.name)
    return max(layers, key=lambda layer: layer.stat().st_mtime, default=None)


def needed_layer(kind: str, why: str) -> Path:
    """That layer; the test is skipped where there is none, with `why`: what is missing, and who makes it."""
    layer = newest_layer(kind)
    if layer is None:
        pytest.skip(why)
    return layer


def unpacked(layer: Path, name: str, below: str | None = None) -> Path:
    """The files of a layer, in a folder of this name beside it, where they are unpacked once.

    With `below` only the files in that folder of it, and nothing of their paths but the name.
    """
    folder = layer.with_name(name)
    if not folder.exists():
        temporary = Path(tempfile.mkdtemp(dir=layer.parent))
        try:
            with tarfile.open(layer) as archive:
                members = archive.getmembers()
                if below is not None:
                    members = [each for each in members if each.name.startswith(below) and each.isfile()]
                    for each in members:
                        each.name = Path(each.name).name
                archive.extractall(temporary, members, filter="data")
            temporary.rename(folder)
        except OSError:
            if not folder.exists():  # no other process was quicker
                raise
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
    return folder
