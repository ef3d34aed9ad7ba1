"""`pulumi up` of pods that cannot start: it ends as soon as that is certain, and says why in one sentence."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.harness import QUICK_JVM, Stack, kubectl

STUCK: dict[str, tuple[dict[str, Any], str]] = {
    "image": (
        {"images": {"kafka": "localhost/nobodys/kafka:1"}},
        "Pod {namespace}/kafka-0, container kafka: its image localhost/nobodys/kafka:1 cannot be pulled: ",
    ),
    "memory": (
        {"kafka": {"nodes": 1, "deletion": "allow", "resources": {"memory": "9Ti"}}},
        "Pod {namespace}/kafka-0: it fits on no machine: 0/",
    ),
}
MOST_SECONDS = 480
"""Less than the ten minutes for which Pulumi waits by itself."""


@contextlib.contextmanager
def new_stack(folder: Path, name: str, settings: dict[str, Any]) -> Iterator[Stack]:
    namespace = f"e2e-stuck-{name}"
    common = {"namespace": namespace, "kafka": {"nodes": 1, "deletion": "allow"}, "topics": {"orders": {}}}
    stack = Stack(f"stuck-{name}", folder / name, common | settings, jvm=QUICK_JVM)
    try:
        yield stack
    finally:
        stack.destroy()
        kubectl("delete", "namespace", namespace, "--ignore-not-found", "--wait=false")


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, tuple[int, str]]]:
    """How each deployment ended, and what it said. They run side by side: all is waiting."""
    folder = tmp_path_factory.mktemp("stuck")
    with contextlib.ExitStack() as stacks:
        made = {name: stacks.enter_context(new_stack(folder, name, settings)) for name, (settings, _) in STUCK.items()}
        running = {name: stack.start("up", "--yes", "--skip-preview") for name, stack in made.items()}
        outputs = {name: process.communicate(timeout=MOST_SECONDS)[0] for name, process in running.items()}
        yield {name: (process.returncode, outputs[name]) for name, process in running.items()}


@pytest.mark.parametrize("name", STUCK)
def test_ends_with_the_reason(ended: dict[str, tuple[int, str]], name: str) -> None:
    code, output = ended[name]
    assert code != 0
    assert STUCK[name][1].format(namespace=f"e2e-stuck-{name}") in output
    assert "Waiting longer would not help, so this deployment is cancelled." in output
