"""The Kafka Streams application of examples/: its stack file, and that its Java compiles without a warning."""

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from infra.settings.parsing import parse
from tests.documented import ROOT
from tests.maven_libraries import needed_libraries

TOTALS = ROOT / "examples" / "totals"


def test_its_stack_file_has_no_faults() -> None:
    platform: dict[str, Any] = yaml.safe_load((TOTALS / "stack.yaml").read_text())["config"]["kafka-platform:platform"]
    worker = parse(platform).workers["totals"]
    [user] = worker.users_of("totals").values()
    assert user.transactions == ("totals-*", "totals-app-*")


def test_it_compiles_without_a_warning(tmp_path: Path) -> None:
    if shutil.which("javac") is None:
        pytest.skip("no Java compiler: install one, such as openjdk-17-jdk-headless")
    libraries = needed_libraries("kafka-streams", "4.3.1", TOTALS / "app")
    sources = sorted((TOTALS / "app" / "src" / "main" / "java").rglob("*.java"))
    command = ["javac", "--release", "17", "-Xlint:all", "-Werror", "-cp", f"{libraries}/*", "-d", str(tmp_path)]
    done = subprocess.run([*command, *map(str, sources)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
