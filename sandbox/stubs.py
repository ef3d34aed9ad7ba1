"""Compiling a Go program without a part of a module that it takes but never uses, and that would bring in very much."""

import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sandbox.host import SandboxError


@dataclass(frozen=True, kw_only=True)
class Stub:
    """A package of this repository in the place of one of a module's.

    It lies in the folder by which go.mod replaces the module, at its place there. go.sum has the module all the same, so
    that the rest of it is the pinned one.
    """

    module: str
    package: str
    """Its folder in the module."""

    def _named(self, source: Path, pattern: str) -> str:
        found = re.search(rf"^\s*{re.escape(self.module)} {pattern}", (source / "go.mod").read_text(), re.MULTILINE)
        if found is None:
            raise SandboxError(f"{source / 'go.mod'}: {self.module}: not required and replaced by a folder: add both")
        return found[1]

    def files(self, source: Path) -> list[Path]:
        """The files of the package here, below a folder with a go.mod."""
        return sorted((source / self._named(source, r"=> \./(\S+)") / self.package).rglob("*.go"))

    def place(self, source: Path, scratch: Path, module_folder: Callable[[Path, str], Path]) -> Path:
        """A copy of a folder with a go.mod, beside the module with the package from here.

        Args:
            source: the folder.
            scratch: an empty folder.
            module_folder: where a module is that a folder's go.sum verifies.
        """
        copied, alone = scratch / "source", scratch / "alone"
        shutil.copytree(source, copied)
        alone.mkdir()
        (alone / "go.mod").write_text("module alone\n")
        shutil.copy(source / "go.sum", alone)
        version = self._named(source, r"(v\S+)")
        original = module_folder(alone, f"{self.module}@{version}")
        replacement = copied / self._named(source, r"=> \./(\S+)")
        for path in original.rglob("*"):
            inner = path.relative_to(original)
            if path.is_file() and not inner.is_relative_to(self.package):
                (replacement / inner).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, replacement / inner)
        return copied
