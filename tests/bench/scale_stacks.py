"""Stacks with many topics, users, tenants or workers, and what commands cost with them."""

import functools
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any

import yaml

from tests.bench.measure import measured
from tests.harness import Stack, kubectl

NAMESPACE = "bench-scale"
SUBJECTS = ("topics", "users", "tenants", "workers")
FEW = 10
"""So many there are of what is not measured."""


class Command(StrEnum):
    """What is measured."""

    CHECK = "check"
    RENDER = "render"
    PREVIEW = "preview"
    """By the engine, of a stack that was never deployed."""
    REVIEW = "review"
    """Of that preview."""


def commands() -> Sequence[str]:
    """Their names."""
    return [each.value for each in Command]


def platform(subject: str, count: int) -> dict[str, Any]:
    """Settings with so many of these."""
    found: dict[str, Any] = {
        "namespace": NAMESPACE,
        "kafka": {"engine": "embedded", "nodes": 1, "deletion": "allow"},
        "topics": {
            f"topic-{number}": {"partitions": 1 + number % 12, "retention": f"{1 + number % 30}d", "deletion": "allow"}
            for number in range(count if subject == "topics" else FEW)
        },
    }
    if subject == "users":
        found["tenants"] = {"team": {"users": {f"user-{number}": _user(number) for number in range(count)}}}
    elif subject == "tenants":
        names = [f"t{number:05}" for number in range(count)]
        found["tenants"] = {name: {} for name in names}
        found["tenantFiles"] = {name: {"file": f"teams/{name}.yaml"} for name in names}
    elif subject == "workers":
        # A thousand with short names just fit into what Pulumi hands over: one stack file has no more.
        found["keda"] = {}
        found["tenants"] = {"team": {}}
        found["workers"] = {
            f"w{number}": {
                "image": "example/w:1",
                "tenant": "team",
                "reads": [f"topic-{number % FEW}"],
                "scale": {"lagThreshold": 1000},
            }
            for number in range(count)
        }
    return found


def _user(number: int) -> dict[str, Any]:
    return {
        "writes": [f"topic-{number % FEW}"],
        "reads": [f"topic-{(number + 1) % FEW}"],
        "groups": [f"group-{number}"],
    }


def team(name: str) -> dict[str, Any]:
    """The file of a tenant: a topic and a user."""
    return {
        "topics": {f"{name}.events": {"partitions": 3}},
        "users": {f"{name}-app": {"writes": [f"{name}.events"], "reads": [f"{name}.events"], "groups": [f"{name}-*"]}},
    }


def counts_of(command: Command, subject: str, counts: Sequence[int]) -> Sequence[int]:
    """Fewer than `counts` where there are users that are written to files: one ConfigMap takes the Secrets of some 650.

    A worker has two, its own and its scaler's.
    """
    shares = {"topics": 1, "users": 2, "tenants": 2, "workers": 5}
    return [each // shares[subject] for each in counts] if command is Command.RENDER else counts


class Files:
    """Stacks with different numbers of one kind of thing, and the previews of them."""

    def __init__(self, folder: Path, subject: str) -> None:
        self.folder = folder
        self.subject = subject

    def cost(self, command: Command, count: int) -> float:
        """Seconds of processors of one run."""
        run = {
            Command.CHECK: ["check", str(self.file(count))],
            Command.RENDER: ["render", str(self.file(count)), "--out", str(self.folder / f"rendered-{count}")],
            Command.REVIEW: ["review", "bench", "--preview", ""],
        }
        if command is Command.PREVIEW:
            stack = self.stack(count)
            return measured(stack.command("preview"), stack.environment).processor
        if command is Command.REVIEW:
            run[command][-1] = str(self.previewed(count))
        return measured([sys.executable, "-m", "infra", *run[command]], os.environ, (0, 3)).processor

    @functools.cache  # noqa: B019  # as long as the benchmark
    def file(self, count: int) -> Path:
        """The stack file."""
        folder, settings = self.folder / str(count), platform(self.subject, count)
        (folder / "teams").mkdir(parents=True)
        for name in settings.get("tenantFiles", {}):
            (folder / "teams" / f"{name}.yaml").write_text(yaml.safe_dump(team(name)))
        file = folder / f"Pulumi.{self._stack(count)}.yaml"
        file.write_text(yaml.safe_dump({"config": {"kafka-platform:platform": settings}}, sort_keys=False))
        return file

    @functools.cache  # noqa: B019
    def stack(self, count: int) -> Stack:
        """One that was never deployed."""
        return Stack(self._stack(count), self.file(count).parent, platform(self.subject, count))

    def _stack(self, count: int) -> str:
        return f"scale-{self.subject}-{count}"

    @functools.cache  # noqa: B019
    def previewed(self, count: int) -> Path:
        """What the engine says that it would do."""
        stack = self.stack(count)
        done = subprocess.run(
            stack.command("preview", "--json", "--show-sames"), env=stack.environment, capture_output=True, text=True
        )
        if done.returncode != 0:
            raise SystemExit(done.stdout[-2000:] + done.stderr)
        file = self.folder / f"preview-{count}.json"
        file.write_text(done.stdout)
        return file


def deployed(folder: Path, counts: Sequence[int]) -> Iterator[tuple[str, str, Mapping[int, float]]]:
    """What `pulumi up` takes and what the state then holds, with topics or users that are new each time."""
    for subject in ("topics", "users"):
        ups: dict[int, float] = {}
        again: dict[int, float] = {}
        sizes: dict[int, float] = {}
        for count in counts:
            place = folder / f"up-{subject}-{count}"
            place.mkdir()
            stack = Stack("bench-scale", place, platform(subject, count))
            try:
                command = stack.command("up", "--yes", "--skip-preview")
                ups[count] = measured(command, stack.environment).processor
                again[count] = measured(command, stack.environment).processor
                sizes[count] = len(json.dumps(json.loads(stack.run("stack", "export")))) / 1e6
            finally:
                stack.run("cancel", "--yes")
                stack.destroy()
                kubectl("delete", "namespace", NAMESPACE, "--ignore-not-found")
        yield f"up {subject}", "s", ups
        yield f"up {subject}, nothing to do", "s", again
        yield f"state {subject}", "MB", sizes
