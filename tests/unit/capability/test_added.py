"""A capability is a package of the library and a module of the program: with a line in each of three tables everything
else knows it. Shown by adding one, `pulse`, to a copy of the repository."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from infra.versions.parts import Written
from infra.versions.table import PARTS

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
TABLES = {
    "components/kafka_platform/__init__.pyi": {
        "": "from kafka_platform.pulse.component import Pulse as Pulse, PulseArgs as PulseArgs\n",
    },
    "infra/capabilities/__init__.py": {
        "from infra.capabilities.workers import Workers\n": "from infra.capabilities.pulse import Pulse\n",
        "    LatencyProbe(),\n": "    Pulse(),\n",
    },
    "infra/settings/model.py": {
        "from infra.capabilities.workers import Worker\n": "from infra.capabilities.pulse import PulseSection\n",
        "    probe: Probe | None = None\n": '    pulse: PulseSection | None = None\n    """The pulse. Default: there is none."""\n',
    },
}
"""What is added to the tables: behind which line, or at the end; the line before `probe` has its own description."""
LEFT_OUT = shutil.ignore_patterns(".*", "__pycache__", "*.egg-info", "node_modules")


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("repository")
    for folder in ("components", "infra", "policies", "stacks", "docs", "tests"):
        shutil.copytree(ROOT / folder, root / folder, ignore=LEFT_OUT)
    pinned = {part.used.file for part in PARTS.values() if isinstance(part.used, Written)}
    for file in ("Pulumi.yaml", "__main__.py", "pyproject.toml", *pinned):
        (root / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / file, root / file)
    shutil.copytree(HERE / "pulse", root / "components" / "kafka_platform" / "pulse", ignore=LEFT_OUT)
    shutil.copy(HERE / "section.py", root / "infra" / "capabilities" / "pulse.py")
    for name, lines in TABLES.items():
        table = root / name
        text = table.read_text(encoding="utf-8")
        for before, line in lines.items():
            assert text.count(before) == 1 or not before, (name, before)
            text = text.replace(before, line + before) if before else text + line
        table.write_text(text, encoding="utf-8")
    run(root, "-m", "infra", "schema")
    return root


def run(root: Path, *arguments: str, fails: bool = False) -> str:
    """What a Python program in the copy prints."""
    environment = {**os.environ, "PYTHONPATH": f"{root / 'components'}{os.pathsep}{root}"}
    done = subprocess.run([sys.executable, *arguments], cwd=root, env=environment, capture_output=True, text=True)
    assert (done.returncode != 0) is fails, done.stdout + done.stderr
    return done.stdout


def stack(root: Path, pulse: Any, **more: Any) -> None:
    """Writes the stack `toy`: that of `dev`, with a pulse."""
    content = yaml.safe_load((ROOT / "stacks" / "Pulumi.dev.yaml").read_text(encoding="utf-8"))
    content["config"]["kafka-platform:platform"] |= {"pulse": pulse, **more}
    (root / "stacks" / "Pulumi.toy.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")


def test_the_stack_file_knows_it(copy: Path) -> None:
    stack(copy, {"interval": "5s"})
    assert "users, HTTP gateway, pulse\n" in run(copy, "-m", "infra", "check", "toy")
    schema = json.loads((copy / "stacks" / "schema.json").read_text(encoding="utf-8"))
    assert schema["$defs"]["PulseSection"]["properties"]["interval"]["default"] == "1s"
    keys = (copy / "docs" / "stack-file.md").read_text(encoding="utf-8")
    assert "- `pulse.interval`: Pause between two beats, 100ms to 1m. Default 1s." in keys


@pytest.mark.parametrize(
    ("pulse", "line"),
    [
        ({"intervall": "5s"}, "pulse.intervall: unknown key: did you mean 'interval'?"),
        ({"interval": "5m"}, "pulse.interval: '5m' is out of range: use 100ms to 1m"),
        ({"interval": 5}, "pulse.interval: 5 is a bare number: write a duration such as 1s"),
    ],
)
def test_its_faults_are_said_as_those_of_all(copy: Path, pulse: Mapping[str, Any], line: str) -> None:
    stack(copy, pulse)
    assert line in run(copy, "-m", "infra", "check", "toy", fails=True)


def test_a_worker_may_not_have_its_name(copy: Path) -> None:
    worker = {"image": "pulse:1", "tenant": "shop", "reads": ["orders"], "replicas": 1}
    stack(copy, {}, workers={"pulse": worker})
    shown = run(copy, "-m", "infra", "check", "toy", fails=True)
    assert "workers.pulse: 'pulse' is the name of a part of the platform: choose another name" in shown


def test_the_policies_judge_what_it_renders(copy: Path) -> None:
    stack(copy, {"image": "registry.example.com/pulse:latest"}, environment="prod")
    assert "Deployment pulse: " in run(copy, "-m", "infra", "check", "toy", fails=True)


OBJECTS = """
import json
from pathlib import Path
from infra.capabilities import rendered
from infra.settings.parsing import read_stack
found = rendered(read_stack(Path("stacks/Pulumi.toy.yaml")))
print(json.dumps({f"{each.object.kind} {each.name}": each.object.manifest for each in found}))
"""


def test_its_objects_topic_user_and_alerts_are_among_the_rest(copy: Path) -> None:
    stack(copy, {"interval": "5s"}, prometheus={})
    found = json.loads(run(copy, "-c", OBJECTS))
    assert found["Deployment pulse-pod"]["metadata"]["namespace"] == "streaming"
    assert (
        found["PodMonitor kafka-pulse-pulse"]["spec"]["selector"]["matchLabels"]["app.kubernetes.io/instance"]
        == "pulse"
    )
    groups = found["PrometheusRule kafka-alerts"]["spec"]["groups"]
    assert 'rate(pulse_beats_total{namespace="streaming",pulse="pulse"}[5m]) == 0' in {
        each["expr"] for group in groups for each in group["rules"]
    }
    assert "Secret kafka-pulse-kafka" in found
    assert {"topic.pulse", "user.pulse"} <= found["ConfigMap kafka-declarations"]["data"].keys()


GRAPH = """
import json
from pathlib import Path
from infra.platform import Platform
from infra.settings.parsing import read_stack
from tests.unit.components.graph import run, value
made = []
found = run(lambda: made.append(Platform(read_stack(Path("stacks/Pulumi.toy.yaml")), {"KUBECONFIG": "/a"})))
print(json.dumps([sorted(found), value(made[0].outputs()["pulse"]["deployment"])]))
"""


def test_the_program_builds_it(copy: Path) -> None:
    stack(copy, {"interval": "5s"})
    names, deployment = json.loads(run(copy, "-c", GRAPH))
    assert {"Pulse pulse", "Deployment pulse-pod"} <= set(names)
    assert deployment == "pulse"


def test_other_languages_know_it(copy: Path) -> None:
    schema = json.loads(run(copy, "-c", "from kafka_platform.host import Host; print(Host().schema)"))
    inputs = schema["resources"]["kafka-platform:index:Pulse"]["inputProperties"]
    assert inputs["interval"]["description"].startswith("Pause between two beats")


def test_the_laws_hold_for_it(copy: Path) -> None:
    chosen = "pulumi or public or imports_no_other or Pulse"
    options = ("-q", "-p", "no:cacheprovider", "-k", chosen)
    shown = run(copy, "-m", "pytest", "tests/unit/test_laws.py", *options)
    assert "passed" in shown
