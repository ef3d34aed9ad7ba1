"""Definitions of kinds from the pinned Go modules of those who make them, for clusters that have none."""

import json
import os
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sandbox.build import SOURCE, BuildFolders, go
from sandbox.host import SandboxError
from sandbox.instance import cache_folder, state_folder


@dataclass(frozen=True, kw_only=True)
class Kinds:
    """Kinds of one module."""

    module: str
    checksum: str
    """As a go.sum has it."""
    files: Mapping[str, str]
    """Where in the module the definition of each kind is, by its name in Kubernetes."""

    def definitions(self, folder: Path) -> list[Path]:
        """The files with the definitions.

        Raises:
            RuntimeError: they cannot be had, with the reason.
        """
        try:
            compiler = go(BuildFolders(cache=cache_folder(), logs=state_folder() / "logs"), SOURCE)
        except SandboxError as error:
            raise RuntimeError(str(error)) from None
        (folder / "go.mod").write_text("module none\n")
        done = subprocess.run(
            [compiler, "mod", "download", "-json", self.module],
            cwd=folder,
            env=os.environ | {"GOFLAGS": "-mod=mod", "GOWORK": "off", "GOTOOLCHAIN": "local"},
            capture_output=True,
            text=True,
        )
        if done.returncode != 0:
            raise RuntimeError(f"{self.module} cannot be had: {(done.stderr or done.stdout).strip()}")
        found = json.loads(done.stdout)
        assert found["Sum"] == self.checksum, f"{self.module}: {found['Sum']} is another one than was pinned"
        return [Path(found["Dir"]) / file for file in self.files.values()]

    def install(self, folder: Path, environment: Mapping[str, str]) -> None:
        """The cluster serves the kinds from now on; they stay, as several tests may use them at the same time.

        Raises:
            RuntimeError: the definitions cannot be had, with the reason.
        """
        serve(list(self.files), lambda: self.definitions(folder), environment)


def serve(kinds: Sequence[str], definitions: Callable[[], Sequence[Path]], environment: Mapping[str, str]) -> None:
    """The cluster serves these kinds (`topics.example.com`) from now on, by definitions that are asked for only if need be."""

    def kubectl(*arguments: str, check: bool = True) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(["kubectl", *arguments], env=environment, check=check, capture_output=True, text=True)

    names = [f"customresourcedefinition/{kind}" for kind in kinds]
    if kubectl("get", *names, check=False).returncode != 0:
        # By the server: the definitions are too large for the annotation that would be kept otherwise.
        kubectl("apply", "--server-side", *(f"--filename={file}" for file in definitions()))
    kubectl("wait", "--for=condition=Established", "--timeout=300s", *names)
