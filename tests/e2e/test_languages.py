"""The examples in other languages, as they stand: a package added from this repository's folder, deployed, used and removed.

YAML runs by Pulumi's own language host, Node by the sandbox's stand-in where the official one is not installed.
"""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox import environment
from sandbox.choice import Mode, choose
from sandbox.instance import state_folder
from tests.harness import ROOT, client_pod, eventually, in_pod, kubectl

EXAMPLES = ROOT / "examples"
NAMESPACE = "streaming"
"""The one that the examples name."""
COMMAND_SECONDS = 1500
"""A `pulumi` command that takes longer hangs; the first one installs this package, and npm's."""
HOT = 99.5
WRITE_AND_READ = f"""
import json, sys, time
from confluent_kafka import Consumer, Producer
sys.path.append("/programs")
from ledger import connection
settings = connection()
producer = Producer(settings)
reading = json.dumps({{"device": "d", "reading": "1", "celsius": {HOT}, "at": int(time.time() * 1000)}})
producer.produce("readings", key="d", value=reading)
assert producer.flush(120) == 0
consumer = Consumer({{**settings, "group.id": "operator", "auto.offset.reset": "earliest"}})
consumer.subscribe(["alerts"])
until = time.monotonic() + 120
while time.monotonic() < until:
    message = consumer.poll(1)
    if message is not None and not message.error():
        print(message.value().decode())
        break
consumer.close()
"""

pytestmark = [pytest.mark.long, pytest.mark.timeout(3600)]


class Program:
    """A copy of an example, with a state of its own, driven by `pulumi`."""

    def __init__(self, language: str, folder: Path) -> None:
        self.folder = folder / language
        shutil.copytree(EXAMPLES / language, self.folder, ignore=shutil.ignore_patterns("sdks", "node_modules", "bin"))
        (folder / "state").mkdir()
        self.environment = os.environ | {
            "PULUMI_BACKEND_URL": environment.backend_url(folder / "state"),
            "PULUMI_CONFIG_PASSPHRASE": "only for this test",
            "PULUMI_SKIP_UPDATE_CHECK": "true",
        }
        self.environment.pop("PULUMI_CONFIG_PASSPHRASE_FILE", None)

    def run(self, *arguments: str) -> str:
        """The output of a `pulumi` command, which succeeds."""
        done = subprocess.run(
            ["pulumi", *arguments, "--non-interactive"], cwd=self.folder, env=self.environment, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=COMMAND_SECONDS, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout
        assert "Traceback" not in done.stdout
        return done.stdout


def why_not(language: str) -> str | None:
    """Why programs in a language cannot run here; None when they can."""
    if choose(state_folder()) is Mode.OFF:
        return "this cluster pulls its images: the example's is in no registry"
    host = {"yaml": "yaml", "typescript": "nodejs"}[language]
    if shutil.which(f"pulumi-language-{host}") is None:
        return f"no language host for {language}: `make test-long` compiles what is missing (minutes, once)"
    if language == "typescript" and shutil.which("npm") is None:
        return "no npm: install Node"
    return None


@pytest.fixture(params=["yaml", "typescript"])
def program(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Program]:
    language: str = request.param
    reason = why_not(language)
    if reason is not None:
        pytest.skip(reason)
    if kubectl("get", "namespace", NAMESPACE, "--ignore-not-found"):
        pytest.skip(f"the namespace {NAMESPACE} is in use: another stack is deployed there")
    image = ["image", "--tag", "sensors-alerts:1", str(EXAMPLES / "sensors" / "alerts")]
    subprocess.run([shutil.which("python3") or "python3", "-m", "sandbox", *image], cwd=ROOT, check=True)
    kubectl("create", "namespace", NAMESPACE)
    made = Program(language, tmp_path)
    made.run("stack", "init", "dev")
    yield made
    made.run("destroy", "--yes", "--skip-preview", "--stack", "dev")
    kubectl("delete", "namespace", NAMESPACE, "--wait=true")


def left() -> set[str]:
    """Files in the working tree that are neither committed nor ignored."""
    command = ["git", "ls-files", "--others", "--exclude-standard"]
    return set(subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines())


def test_an_example_deploys_a_kafka_whose_worker_passes_records_on(program: Program) -> None:
    before = left()
    program.run("package", "add", str(ROOT / "components"))
    assert left() - before == set()
    shown = program.run("up", "--yes", "--stack", "dev")
    assert "events.streaming.svc:9092" in shown
    assert "unchanged" in program.run("preview", "--expect-no-changes", "--stack", "dev")
    client_pod(NAMESPACE, "operator", "operator", programs=["ledger.py"])
    alert = json.loads(in_pod(NAMESPACE, "operator", "python3", "-c", WRITE_AND_READ))
    assert alert["celsius"] == HOT
    kubectl("-n", NAMESPACE, "delete", "pod", "operator", "--wait=true")
    program.run("destroy", "--yes", "--skip-preview", "--stack", "dev")
    eventually("nothing is left", lambda: not kubectl("-n", NAMESPACE, "get", "pods", "-o", "name").strip(), 90)
