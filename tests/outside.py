"""Ways into the sandbox from outside its cluster."""

import base64
import subprocess
import sys

import pytest

from sandbox import choice
from sandbox.choice import Mode
from sandbox.instance import state_folder
from tests.harness import ROOT, eventually, get, kubectl
from tests.sandbox_cache import newest_layer


def needed_edge(*parts: str) -> None:
    """Skips the test unless the sandbox can have these parts of the edge, and brings them up."""
    if choice.choose(state_folder()) is not Mode.PACKAGES:
        pytest.skip("the edge is part of the sandbox made from packages")
    missing = [part for part in parts if newest_layer(f"edge-{part}") is None]
    if missing:
        pytest.skip(f"not compiled: {', '.join(missing)}: `make edge` does so, once")
    done = subprocess.run([sys.executable, "-m", "sandbox", "edge", *parts], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def balancer(name: str, namespace: str) -> str:
    """The address of a Service of the type LoadBalancer."""
    path = "jsonpath={.status.loadBalancer.ingress[0].ip}"

    def found() -> str:
        return kubectl("-n", namespace, "get", "service", name, "-o", path)

    eventually(f"an address of {name}", lambda: bool(found()))
    return found()


def login(namespace: str, user: str, key: str) -> str:
    """What a user finds in its Secret."""
    return base64.b64decode(get("secret", f"{user}-kafka", namespace)["data"][key]).decode()
