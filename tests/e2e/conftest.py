"""Fixtures of the tests that run real pods: they are skipped, with the reason, where there are no nodes."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import pytest

from tests.harness import QUICK_JVM, Stack, kubectl, why_no_cluster


@pytest.fixture(scope="session", autouse=True)
def _cluster() -> None:
    reason = why_no_cluster(nodes=True)
    if reason is not None:
        pytest.skip(reason)


class MakeStack(Protocol):
    """Makes a stack of the repository's program with these settings; it is destroyed after the test."""

    def __call__(self, name: str, platform: dict[str, Any]) -> Stack: ...


@pytest.fixture(scope="module")
def make_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MakeStack]:
    made: list[Stack] = []

    def make(name: str, platform: dict[str, Any]) -> Stack:
        folder: Path = tmp_path_factory.mktemp(name)
        stack = Stack(name, folder, platform, jvm=QUICK_JVM)
        made.append(stack)
        return stack

    yield make
    for stack in made:
        stack.run("cancel", "--yes")
        stack.destroy()
        kubectl("delete", "namespace", str(stack.platform["namespace"]), "--ignore-not-found", "--wait=false")
