"""Servers that tests start from Maven Central's jars, which are kept in the user's cache."""

import shutil
import tempfile
from pathlib import Path

import pytest

from sandbox.build import from_maven
from sandbox.host import SandboxError
from tests.sandbox_cache import cache


def needed_libraries(name: str, version: str, recipe: Path) -> Path:
    """The folder with the jars that a pom.xml pins; the test is skipped, with the reason, where they cannot be had."""
    libraries = cache() / f"{name.lower()}-{version}" / "libs"
    if libraries.is_dir():
        return libraries
    if shutil.which("java") is None:
        pytest.skip(f"no Java for {name}: install one, such as openjdk-17-jre-headless")
    libraries.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=libraries.parent) as folder:
        try:
            from_maven(recipe / "pom.xml", Path(folder) / "libs", Path(folder) / "log")
        except SandboxError as error:
            pytest.skip(f"no {name}: {error}")
        if not libraries.is_dir():  # another test may have been faster
            (Path(folder) / "libs").replace(libraries)
    return libraries
