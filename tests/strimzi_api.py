"""Strimzi's own definitions of its kinds, for clusters where its operator does not run."""

import json
import subprocess
from collections.abc import Mapping

from sandbox.build import BuildFolders
from sandbox.instance import cache_folder, state_folder
from sandbox.strimzi import KINDS, definitions
from tests.go_kinds import serve

NAMES = [f"{plural}.kafka.strimzi.io" for plural in KINDS.values()]


def install(environment: Mapping[str, str]) -> None:
    """The cluster serves Strimzi's kinds from now on; they stay, as several tests may use them at the same time.

    Raises:
        SandboxError: the definitions cannot be made, with the reason.
    """
    folders = BuildFolders(cache=cache_folder(), logs=state_folder() / "logs")
    serve(NAMES, lambda: definitions(folders), environment)


def operator_watches(environment: Mapping[str, str]) -> bool:
    """Whether an operator of Strimzi runs in the cluster."""
    found = subprocess.run(
        ["kubectl", "get", "deployments", "--all-namespaces", "--selector=app=strimzi", "-o", "json"],
        env=environment,
        check=True,
        capture_output=True,
        text=True,
    )
    return any(each["status"].get("readyReplicas") for each in json.loads(found.stdout)["items"])
