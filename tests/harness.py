"""What tests and benchmarks share: stacks driven by the ordinary `pulumi` command line, and `kubectl`.

Everything runs in the environment of the sandbox (`make cluster`, `make e2e` set it), so that the same tests run
against any cluster with the official CLI and plugins.
"""

import contextlib
import json
import os
import re
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from sandbox import client, environment
from sandbox.pins import RUNTIME_IMAGE

ROOT = Path(__file__).resolve().parent.parent
CLIENTS = Path(__file__).parent / "clients"
PATIENCE = 4
"""How many times as long as on an idle machine something may take before a test gives up waiting for it."""
KUBECTL_SECONDS = 900
"""What takes longer hangs: the programs that tests run by kubectl say how long they take, which is less."""
KEDA_SECONDS = 300
"""How long KEDA may take from its installation until it is ready: its certificates are made first."""
QUICK_JVM = {"TieredStopAtLevel": "1", "UseSerialGC": "true"}
"""Options of Java: one compiler instead of two, and one thread for garbage."""
MOST_TOPICS = 1_000
"""More do not fit into a stack file."""


def why_no_cluster(*, nodes: bool) -> str | None:
    """Why tests that need an API server (and nodes to run pods on) cannot run here; None when they can."""
    if shutil.which("pulumi") is None or shutil.which("kubectl") is None:
        return "pulumi and kubectl are not on the PATH: run `make up`, then eval the output of `python -m sandbox env`"
    answer = subprocess.run(["kubectl", "get", "nodes", "-o", "json"], capture_output=True, text=True)
    if answer.returncode != 0:
        return f"no API server answers: {answer.stderr.strip().splitlines()[-1:]}"
    if nodes and not json.loads(answer.stdout)["items"]:
        return "the cluster has no node: pods cannot run on this machine (`python -m sandbox status` says why)"
    return None


def why_no_keda() -> str | None:
    """Why tests that scale workloads by KEDA cannot run here; None when they can, after waiting for a KEDA that starts.

    Raises:
        AssertionError: KEDA is there and does not become ready.
    """
    service = "jsonpath={.spec.service.namespace}"
    namespace = kubectl("get", "apiservice", "v1beta1.external.metrics.k8s.io", "-o", service, check=False)
    if not namespace:
        return "no KEDA serves the cluster's external metrics: `python -m sandbox up` brings one"
    ready = ("wait", f"--timeout={KEDA_SECONDS}s", "--for=condition=Available")
    kubectl("-n", namespace, *ready, "deployment", "--all")
    kubectl(*ready, "apiservice", "v1beta1.external.metrics.k8s.io")
    return None


def kubectl(*arguments: str, stdin: str | None = None, check: bool = True) -> str:
    """The output of kubectl; raises with its error message unless told not to check, and where it never ends."""
    command = ["kubectl", *arguments]
    done = subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=KUBECTL_SECONDS)
    if check and done.returncode != 0:
        raise AssertionError(f"kubectl {' '.join(arguments)}: {done.stderr.strip()}")
    return done.stdout


def get(kind: str, name: str, namespace: str) -> dict[str, Any]:
    """One object of the cluster."""
    found: dict[str, Any] = json.loads(kubectl("-n", namespace, "get", kind, name, "-o", "json"))
    return found


def eventually(what: str, condition: Callable[[], bool], seconds: float = 60) -> None:
    """Waits until the condition holds; fails by its name after PATIENCE times the time."""
    end = time.monotonic() + PATIENCE * seconds
    while not condition():
        if time.monotonic() > end:
            raise AssertionError(f"not within {PATIENCE * seconds:.0f} s: {what}")
        time.sleep(0.5)


class Stack:
    """A stack of this repository's program with a settings file and a state backend of its own, driven by `pulumi`."""

    def __init__(
        self, name: str, folder: Path, platform: Mapping[str, Any], *, jvm: Mapping[str, str] | None = None
    ) -> None:
        """A new stack.

        Args:
            name: of the stack.
            folder: for its file and its state.
            platform: what is under `kafka-platform:platform` in its stack file.
            jvm: options of Java for an embedded Kafka whose settings have none.
        """
        shipped = ROOT / "stacks" / f"Pulumi.{name}.yaml"
        assert not shipped.exists(), f"{name}: the repository has a stack of this name, whose file would be lost"
        self.name = name
        self.file = folder / f"Pulumi.{name}.yaml"
        self.backend = folder / "state"
        self.backend.mkdir(parents=True, exist_ok=True)
        self.environment = os.environ | {
            "PULUMI_BACKEND_URL": environment.backend_url(self.backend),
            "PULUMI_CONFIG_PASSPHRASE": "only for this test",
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            "PULUMI_FALLBACK_TO_STATE_SECRETS_MANAGER": "true",
        }
        self.environment.pop("PULUMI_CONFIG_PASSPHRASE_FILE", None)
        self._jvm = jvm
        self.write(platform)
        self.run("stack", "init", name)
        # `stack init` knows no --config-file; the state has the same salt.
        shipped.unlink(missing_ok=True)

    def write(self, platform: Mapping[str, Any]) -> None:
        """Replaces the platform's settings in the stack file; many topics go into a file of their own."""
        self.platform = platform
        kafka = platform.get("kafka", {})
        if self._jvm and kafka.get("engine", "embedded") == "embedded" and "jvm" not in kafka:
            platform = {**platform, "kafka": {**kafka, "jvm": {"options": self._jvm}}}
        topics = platform.get("topics", {})
        if len(topics) > MOST_TOPICS:
            file = self.file.with_name(f"{self.name}-topics.yaml")
            file.write_text(yaml.safe_dump(topics, sort_keys=False))
            platform = {**platform, "topics": {}, "topicFiles": [str(file)]}
        content = yaml.safe_load(self.file.read_text()) if self.file.exists() else {}
        content["config"] = {"kafka-platform:platform": platform}
        self.file.write_text(yaml.safe_dump(content, sort_keys=False))

    def command(self, *arguments: str) -> list[str]:
        """The command line of `pulumi` for this stack."""
        chosen = [] if arguments[:2] == ("stack", "init") else ["--stack", self.name]
        config = ["--config-file", str(self.file)] if arguments[0] in {"up", "preview", "refresh", "destroy"} else []
        return ["pulumi", *arguments, *chosen, *config, "--non-interactive", "--cwd", str(ROOT)]

    def start(self, *arguments: str) -> "subprocess.Popen[str]":
        """A `pulumi` command in the background, in a process group of its own."""
        return subprocess.Popen(
            self.command(*arguments),
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def run(self, *arguments: str, fails: bool = False) -> str:
        """A `pulumi` command's output; asserts that it succeeds, or fails."""
        done = subprocess.run(
            self.command(*arguments), env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        assert (done.returncode != 0) == fails, f"{' '.join(self.command(*arguments))}:\n{done.stdout}"
        return done.stdout

    def up(self, *, preview: bool = False, fails: bool = False) -> str:
        """`pulumi up`; it shows a preview first only if asked to, which takes as long as the program of the stack."""
        return self.run("up", "--yes", *(() if preview else ("--skip-preview",)), fails=fails)

    def preview(self, *options: str, fails: bool = False) -> str:
        """`pulumi preview`."""
        return self.run("preview", *options, fails=fails)

    def refresh(self) -> str:
        """`pulumi refresh`."""
        return self.run("refresh", "--yes")

    def destroy(self) -> str:
        """`pulumi destroy`, without a preview."""
        return self.run("destroy", "--yes", "--skip-preview")

    def outputs(self) -> dict[str, Any]:
        """What the stack exports."""
        outputs: dict[str, Any] = json.loads(self.run("stack", "output", "--json"))
        return outputs

    def resources(self) -> list[dict[str, Any]]:
        """The resources in the stack's state."""
        state = json.loads(self.run("stack", "export"))
        resources: list[dict[str, Any]] = state["deployment"].get("resources", [])
        return resources


def client_pod(
    namespace: str,
    name: str,
    user: str,
    *,
    image: str = RUNTIME_IMAGE,
    programs: Sequence[str] = (),
    labels: Mapping[str, str] | None = None,
    authority: str | None = None,
) -> None:
    """A pod with the credentials of a user as an application has them, and test programs of tests/clients in /programs.

    Waits until it is ready; programs are then run in it by `in_pod`.
    """
    objects = [
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": f"{name}-programs", "namespace": namespace},
            "data": {program: (CLIENTS / program).read_text() for program in programs},
        },
        client.client_pod(
            namespace, name, user, image, programs=f"{name}-programs", labels=labels, authority=authority
        ),
    ]
    kubectl("apply", "-f", "-", stdin=json.dumps({"apiVersion": "v1", "kind": "List", "items": objects}))
    kubectl("-n", namespace, "wait", "--for=condition=Ready", "--timeout=300s", f"pod/{name}")


def in_pod(
    namespace: str, pod: str, *command: str, container: str | None = None, stdin: str | None = None, check: bool = True
) -> str:
    """The output of a command run in a pod, in its first container unless another is named."""
    chosen = ("-c", container) if container is not None else ()
    return kubectl("-n", namespace, "exec", "-i", pod, *chosen, "--", *command, stdin=stdin, check=check)


@contextlib.contextmanager
def forwarded(namespace: str, target: str, port: int) -> Iterator[str]:
    """The address on this machine of a port of a pod or service, by way of the API server."""
    command = ["kubectl", "-n", namespace, "port-forward", target, f":{port}"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            found = re.match(r"Forwarding from 127\.0\.0\.1:(\d+)", line)
            assert found is not None, line
            # It prints a line for each connection, which somebody has to read.
            threading.Thread(target=process.stdout.read, daemon=True).start()
            yield f"http://127.0.0.1:{found[1]}"
        finally:
            process.terminate()


def scrape(namespace: str, pod: str, url: str) -> dict[str, float]:
    """Every series at a URL by its name with labels, as a pod gets them."""
    program = f"import urllib.request; print(urllib.request.urlopen({url!r}).read().decode())"
    lines = in_pod(namespace, pod, "python3", "-c", program).splitlines()
    return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines if line and line[0] != "#"}


def process_of(namespace: str, pod: str, program: bytes) -> int:
    """The process id, as this machine sees it, of a program in a pod: its cgroup carries the pod's uid."""
    uid = get("pod", pod, namespace)["metadata"]["uid"]
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if program in (folder / "cmdline").read_bytes() and uid in (folder / "cgroup").read_text():
                return int(folder.name)
    pytest.skip("the processes of pods are not visible from here: this is another machine's cluster")
