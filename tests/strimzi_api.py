"""Strimzi's own definitions of its kinds, for clusters where its operator does not run."""

import json
import subprocess
from collections.abc import Mapping

from sandbox.build import BuildFolders
from sandbox.instance import cache_folder, state_folder
from sandbox.strimzi import KINDS, definitions

NAMES = [f"customresourcedefinition/{plural}.kafka.strimzi.io" for plural in KINDS.values()]


def install(environment: Mapping[str, str]) -> None:
    """The cluster serves Strimzi's kinds from now on; they stay, as several tests may use them at the same time.

    Raises:
        SandboxError: the definitions cannot be made, with the reason.
    """

    def kubectl(*arguments: str, check: bool = True) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(["kubectl", *arguments], env=environment, check=check, capture_output=True, text=True)

    if kubectl("get", *NAMES, check=False).returncode != 0:
        files = definitions(BuildFolders(cache=cache_folder(), logs=state_folder() / "logs"))
        # By the server: the definitions are too large for the annotation that would be kept otherwise.
        kubectl("apply", "--server-side", *(f"--filename={file}" for file in files))
    kubectl("wait", "--for=condition=Established", "--timeout=60s", *NAMES)


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
