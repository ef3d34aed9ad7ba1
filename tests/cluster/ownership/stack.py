"""Stacks of a small program that own what they declare, each with a state of its own."""

import json
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sandbox.environment import backend_url
from tests.cluster.conformance.runner import Run, read
from tests.harness import ROOT

Manifests = Mapping[str, Mapping[str, Any]]


class Stack:
    """A stack; its state is lost when another one of the same name is made."""

    def __init__(self, name: str, folder: Path, environment: Mapping[str, str]) -> None:
        self.name = name
        self.folder = folder
        folder.mkdir()
        shutil.copy(Path(__file__).with_name("program.py"), folder / "__main__.py")
        (folder / "Pulumi.yaml").write_text(
            f"name: owned\nruntime: {{name: python, options: {{toolchain: pip, virtualenv: {sys.prefix}}}}}\n"
        )
        (folder / "state").mkdir()
        self.environment = {
            **environment,
            "PULUMI_BACKEND_URL": backend_url(folder / "state"),
            "PULUMI_CONFIG_PASSPHRASE": "only for this test",
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            "PULUMI_DEBUG_COMMANDS": "true",
            "PYTHONPATH": str(ROOT),
            "OWNERSHIP_PROGRAM": str(folder / "program.json"),
        }
        self.environment.pop("PULUMI_CONFIG_PASSPHRASE_FILE", None)
        self.declare({})
        self.pulumi("stack", "init", name)

    @property
    def mark(self) -> str:
        return f"organization/owned/{self.name}"

    def declare(
        self,
        objects: Manifests,
        *,
        patches: Manifests | None = None,
        chart: Manifests | None = None,
        adopt: Sequence[str] = (),
        owns: bool = True,
        as_stored: bool = False,
    ) -> None:
        """Replaces what the stack declares; `as_stored` sends the chart as those of operators are."""
        declared = {
            "objects": objects,
            "patches": patches or {},
            "chart": chart or {},
            "adopt": adopt,
            "owns": owns,
            "as_stored": as_stored,
        }
        (self.folder / "program.json").write_text(json.dumps(declared))

    def pulumi(self, *arguments: str) -> str:
        """The output of a command that must succeed."""
        command = ["pulumi", *arguments, "--non-interactive", "--cwd", str(self.folder)]
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def run(self, *arguments: str) -> Run:
        """Runs preview, up, refresh or destroy."""
        log = self.folder / "events.json"
        log.unlink(missing_ok=True)
        command = ["pulumi", *arguments, "--non-interactive", "--cwd", str(self.folder), "--event-log", str(log)]
        done = subprocess.run(
            command, env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        events = [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []
        return read(done.stdout, done.returncode, events)

    def preview(self) -> Run:
        return self.run("preview", "--diff", "--parallel", "64")

    def up(self) -> Run:
        """Deploys what can be, and says of the rest why not."""
        return self.run("up", "--yes", "--skip-preview", "--continue-on-error")

    def destroy(self) -> Run:
        return self.run("destroy", "--yes", "--skip-preview")

    def rename(self, name: str) -> None:
        """`pulumi stack rename`."""
        self.pulumi("stack", "rename", name)
        self.name = name

    def made(self) -> set[str]:
        """The objects in the state, by the names of their resources."""
        state = json.loads(self.pulumi("stack", "export"))
        resources = state["deployment"].get("resources", [])
        return {each["urn"].rsplit("::", 1)[-1] for each in resources if each["type"].startswith("kubernetes:")}
