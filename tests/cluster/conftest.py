"""The cluster and the Pulumi engine that the tests in this folder use."""

import json
import subprocess
from collections.abc import Callable, Iterator, Mapping

import pytest

from tests.cluster.conformance.runner import Stack, environment_of_sandbox


@pytest.fixture(scope="session")
def environment() -> Mapping[str, str]:
    """The environment in which `pulumi` and `kubectl` work; skips with the reason where no API server answers."""
    try:
        found = environment_of_sandbox()
    except RuntimeError as error:
        pytest.skip(str(error))
    answer = subprocess.run(["kubectl", "get", "--raw", "/readyz"], env=found, capture_output=True, text=True)
    if answer.returncode != 0:
        pytest.skip(f"no API server answers: {answer.stderr.strip()}")
    return found


@pytest.fixture(scope="session")
def keda(environment: Mapping[str, str]) -> None:
    """Skips with the reason where KEDA's kinds are not served."""
    asked = ["kubectl", "get", "--raw", "/apis/keda.sh/v1alpha1"]
    if subprocess.run(asked, env=environment, capture_output=True).returncode != 0:
        pytest.skip("the API server does not serve KEDA's kinds: install KEDA")


@pytest.fixture(scope="session")
def nodes(environment: Mapping[str, str]) -> int:
    """How many nodes are ready; skips with the reason where there are none."""
    answer = subprocess.run(["kubectl", "get", "nodes", "-o", "json"], env=environment, capture_output=True, text=True)
    ready = [
        node
        for node in json.loads(answer.stdout)["items"]
        if any(entry["type"] == "Ready" and entry["status"] == "True" for entry in node["status"]["conditions"])
    ]
    if not ready:
        pytest.skip("no node is ready: pods cannot run on this machine (`python -m sandbox status` says why)")
    return len(ready)


@pytest.fixture(scope="module")
def stacks(
    environment: Mapping[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[str], Stack]]:
    """Makes stacks of the conformance program; at the end nothing of them is left in the cluster."""
    made: list[Stack] = []

    def make(name: str) -> Stack:
        made.append(Stack(name, tmp_path_factory.mktemp("conformance"), environment))
        return made[-1]

    yield make
    for stack in made:
        stack.close()
