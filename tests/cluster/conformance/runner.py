"""Runs programs of the conformance table by the `pulumi` command and reads what it tells about each resource."""

import json
import os
import shutil
import subprocess
import sys
import time
import uuid
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from sandbox.environment import backend_url
from tests.cluster.conformance.model import Resource, filled

PROGRAM = Path(__file__).parent / "program"

KIND_SECONDS = 30.0


@dataclass(frozen=True, kw_only=True)
class Step:
    """What the engine did, or would do, to one resource."""

    operation: str
    changes: Mapping[str, str]
    """Kind of the change by property path."""
    inputs: Mapping[str, Any]
    outputs: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Run:
    """What one command did."""

    output: str
    code: int
    steps: Mapping[str, Step]
    """The step that describes what happens to each resource, by name."""
    order: list[tuple[str, str]]
    """Every step as name and operation, in the order in which they started."""
    messages: Mapping[str, str] = field(default_factory=dict)
    """Errors and warnings, by resource."""

    def assert_succeeded(self) -> "Run":
        assert self.code == 0, self.output
        return self


def name_of(urn: str) -> str:
    return urn.rsplit("::", 1)[-1]


class Stack:
    """A stack of the conformance program with its own state and namespace."""

    def __init__(self, name: str, folder: Path, environment: Mapping[str, str]) -> None:
        self.name = name
        self.namespace = f"conformance-{name}-{uuid.uuid4().hex[:8]}"
        self.folder = folder / name
        shutil.copytree(PROGRAM, self.folder)
        project = self.folder / "Pulumi.yaml"
        project.write_text(
            f"name: conformance\nruntime: {{name: python, options: {{toolchain: pip, virtualenv: {sys.prefix}}}}}\n"
        )
        state = self.folder / "state"
        state.mkdir()
        self.listing = self.folder / "program.json"
        self.environment = {
            **environment,
            "PULUMI_BACKEND_URL": backend_url(state),
            "PULUMI_CONFIG_PASSPHRASE": "only for this test",
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            "PULUMI_DEBUG_COMMANDS": "true",
            "CONFORMANCE_PROGRAM": str(self.listing),
            "KUBECACHEDIR": str(self.folder / "kube-cache"),
        }
        self.environment.pop("PULUMI_CONFIG_PASSPHRASE_FILE", None)
        self.declare({})
        self.pulumi("stack", "init", name)
        self.kubectl("create", "namespace", self.namespace)

    def close(self) -> None:
        """Destroys what the stack still has, and its namespace."""
        if self.resources():
            self.run("destroy", "--yes")
        self.kubectl("delete", "namespace", self.namespace, "--wait=false")

    def kubectl(self, *arguments: str) -> str:
        """The output of a kubectl command in the stack's namespace, which must succeed.

        A kind that was made a moment ago may not be served yet, although its definition is established.
        """
        until = time.monotonic() + KIND_SECONDS
        while True:
            done = subprocess.run(
                ["kubectl", "-n", self.namespace, *arguments], env=self.environment, capture_output=True, text=True
            )
            unknown_kind = "could not find the requested resource" in done.stderr
            if not unknown_kind or time.monotonic() > until:
                break
            time.sleep(0.2)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def declare(self, resources: Mapping[str, Resource], **provider: Any) -> None:
        """Replaces the program. Keyword arguments are settings of the kubernetes providers."""
        self.listing.write_text(
            json.dumps(
                {
                    "namespace": self.namespace,
                    "provider": provider,
                    "resources": {
                        name: filled(asdict(resource), namespace=self.namespace) for name, resource in resources.items()
                    },
                }
            )
        )

    def command(self, *arguments: str) -> list[str]:
        return ["pulumi", *arguments, "--non-interactive", "--cwd", str(self.folder)]

    def pulumi(self, *arguments: str) -> str:
        """The output of a command that must succeed."""
        done = subprocess.run(self.command(*arguments), env=self.environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def run(self, *arguments: str) -> Run:
        """Runs preview, up, refresh or destroy."""
        log = self.folder / "events.json"
        log.unlink(missing_ok=True)
        done = subprocess.run(
            self.command(*arguments, "--event-log", str(log)),
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        events = [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []
        return read(done.stdout, done.returncode, events)

    def preview(self) -> Run:
        return self.run("preview", "--diff")

    def up(self, *arguments: str) -> Run:
        return self.run("up", "--yes", "--skip-preview", *arguments)

    def resources(self) -> dict[str, dict[str, Any]]:
        """The resources of the state, by name."""
        state = json.loads(self.pulumi("stack", "export"))
        return {name_of(resource["urn"]): resource for resource in state["deployment"].get("resources", [])}


def read(output: str, code: int, events: list[dict[str, Any]]) -> Run:
    """Collects the events of one command. Of the steps of a replacement the one that says so describes it."""
    steps: dict[str, Step] = {}
    order: list[tuple[str, str]] = []
    messages: dict[str, str] = {}
    for event in events:
        before, after = event.get("resourcePreEvent"), event.get("resOutputsEvent")
        if detail := (before or after or {}).get("metadata"):
            name, operation = name_of(detail["urn"]), detail["op"]
            if before:
                order.append((name, operation))
            known = steps.get(name)
            if known is None or known.operation == "refresh" or operation in ("replace", "same", known.operation):
                steps[name] = Step(
                    operation=operation,
                    changes={path: change["diffKind"] for path, change in (detail.get("detailedDiff") or {}).items()},
                    inputs=(detail.get("new") or {}).get("inputs") or {},
                    outputs=(detail.get("new") or {}).get("outputs") or {},
                )
        if (diagnostic := event.get("diagnosticEvent")) and diagnostic["severity"] in ("error", "warning"):
            name = name_of(diagnostic.get("urn") or "")
            messages[name] = messages.get(name, "") + diagnostic["message"]
    return Run(output=output, code=code, steps=steps, order=order, messages=messages)


def environment_of_sandbox() -> dict[str, str]:
    """The environment in which `pulumi` and `kubectl` find the sandbox; raises RuntimeError with the reason if none."""
    if "KUBECONFIG" in os.environ and shutil.which("pulumi"):
        return dict(os.environ)
    done = subprocess.run([sys.executable, "-m", "sandbox", "env"], capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(done.stderr.strip() or done.stdout.strip())
    shell = subprocess.run(["sh", "-c", f"{done.stdout}\nenv -0"], capture_output=True, text=True, check=True)
    return dict(line.split("=", 1) for line in shell.stdout.split("\0") if "=" in line)
