"""The Go sources of the sandbox: their form, and the unit tests of the plugins."""

import os
import subprocess
from pathlib import Path

import pytest

from sandbox.build import CERT_MANAGER, NETWORK_POLICIES, SOURCE, TRAEFIK, YAML, BuildFolders, go
from sandbox.instance import cache_folder, state_folder


@pytest.fixture(scope="module")
def compiler() -> Path:
    return go(BuildFolders(cache=cache_folder(), logs=state_folder() / "logs"), SOURCE)


def test_the_sources_are_formatted(compiler: Path) -> None:
    folders = [str(source / "cmd") for source in (SOURCE, NETWORK_POLICIES.source, YAML.source, CERT_MANAGER.source)]
    folders.append(str(TRAEFIK.source))
    listed = subprocess.run(
        [str(compiler.with_name("gofmt")), "-l", *folders], capture_output=True, text=True, check=True
    )
    assert listed.stdout == "", "run gofmt -w on them"


@pytest.mark.timeout(2400)
def test_the_programs(compiler: Path) -> None:
    environment = os.environ | {"CGO_ENABLED": "0", "GOTOOLCHAIN": "local", "GOWORK": "off"}
    command = [str(compiler), "test", "-trimpath", "./cmd/plugins/...", "./cmd/load-balancers"]
    done = subprocess.run(
        command, cwd=SOURCE, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    assert done.returncode == 0, done.stdout
