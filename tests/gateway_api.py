"""The Gateway API's own definitions of its kinds, from its pinned Go module, for clusters that have none."""

import json
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

from sandbox.build import SOURCE, BuildFolders, go
from sandbox.host import SandboxError
from sandbox.instance import cache_folder, state_folder

MODULE = "sigs.k8s.io/gateway-api@v1.4.1"
SUM = "h1:NPxFutNkKNa8UfLd2CMlEuhIPMQgDQ6DXNKG9sHbJU8="
KINDS = ("gateways", "httproutes")


def definitions(folder: Path) -> list[Path]:
    """The files with the definitions of the kinds that are used here.

    Raises:
        RuntimeError: they cannot be had, with the reason.
    """
    try:
        compiler = go(BuildFolders(cache=cache_folder(), logs=state_folder() / "logs"), SOURCE)
    except SandboxError as error:
        raise RuntimeError(str(error)) from None
    (folder / "go.mod").write_text("module none\n")
    done = subprocess.run(
        [compiler, "mod", "download", "-json", MODULE],
        cwd=folder,
        env=os.environ | {"GOFLAGS": "-mod=mod", "GOWORK": "off", "GOTOOLCHAIN": "local"},
        capture_output=True,
        text=True,
    )
    if done.returncode != 0:
        raise RuntimeError(f"{MODULE} cannot be had: {(done.stderr or done.stdout).strip()}")
    found = json.loads(done.stdout)
    assert found["Sum"] == SUM, f"{MODULE}: {found['Sum']} is another one than was pinned"
    standard = Path(found["Dir"]) / "config" / "crd" / "standard"
    return [standard / f"gateway.networking.k8s.io_{kind}.yaml" for kind in KINDS]


def install(folder: Path, environment: Mapping[str, str]) -> None:
    """The cluster serves the kinds of the Gateway API from now on; they stay, as several tests may use them at the same time.

    Raises:
        RuntimeError: the definitions cannot be had, with the reason.
    """

    def kubectl(*arguments: str, check: bool = True) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(["kubectl", *arguments], env=environment, check=check, capture_output=True, text=True)

    names = [f"customresourcedefinition/{kind}.gateway.networking.k8s.io" for kind in KINDS]
    if kubectl("get", *names, check=False).returncode != 0:
        # By the server: the definitions are too large for the annotation that would be kept otherwise.
        kubectl("apply", "--server-side", *(f"--filename={file}" for file in definitions(folder)))
    kubectl("wait", "--for=condition=Established", "--timeout=60s", *names)
