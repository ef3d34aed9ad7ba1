"""The example in Go: the SDK that Pulumi's generator makes compiles, and the program passes its own test, by Pulumi's mocks."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from kafka_platform.host import Host

from sandbox.build import COMPILING, YAML, BuildFolders, compiled, go
from sandbox.instance import cache_folder, state_folder

ROOT = Path(__file__).resolve().parents[3]
MODULE = "github.com/kafka-platform/sdk-go/kafkaplatform"


@pytest.mark.timeout(2400)
def test_the_example_in_go_passes_a_connection_as_it_is(tmp_path: Path) -> None:
    tools = compiled(cache_folder(), YAML)
    if tools is None:
        pytest.skip("Pulumi's generator for Go is not compiled: `make test-long` does it (minutes, once)")
    sdk, program = tmp_path / "sdk", tmp_path / "program"
    schema = Host().schema
    assert schema is not None
    subprocess.run([tools / "go-sdk", sdk], input=schema, text=True, check=True)
    # As `pulumi package add` does it, but with the versions of Go modules that are compiled already.
    (sdk / "go.mod").write_text(f"module {MODULE}\n\ngo 1.25\n")
    shutil.copytree(ROOT / "examples" / "go", program)
    pinned = (YAML.source / "go.mod").read_text()
    pinned = re.sub(r"^module .*", "module events", pinned)
    pinned = re.sub(r"^\t\S+/pulumi-yaml .*\n", "", pinned, flags=re.MULTILINE)
    (program / "go.mod").write_text(f"{pinned}\nrequire {MODULE} v0.0.0\n\nreplace {MODULE} => ../sdk\n")
    shutil.copy(YAML.source / "go.sum", program)
    compiler = go(BuildFolders(cache=cache_folder(), logs=state_folder() / "logs"), YAML.source)
    environment = os.environ | COMPILING | {"GOFLAGS": "-mod=mod"}
    done = subprocess.run(
        [compiler, "test", "-trimpath", "./..."], cwd=program, env=environment, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
