"""`python -m infra probe`: sends records through a running platform, timed and counted, using only the Kubernetes API."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from kafka_platform.probe.spec import LATENCY_PROBE

from infra.check import STACKS
from infra.kubeconfig import check_there
from infra.live.text import told
from infra.settings.faults import SettingsError
from infra.settings.model import Settings
from infra.settings.parsing import read_stack
from infra.settings.stackfile import stack_file

PROGRAM = ("python3", "-m", "kafka_platform_runtime.probe", "--once", "--table")


def probe(stack: str, folder: Path = STACKS, environment: Mapping[str, str] = os.environ) -> int:
    """Runs the probe once in the pod of the stack's latency probe and prints a table of the paths.

    Returns:
        0 if every record came, otherwise the exit code of kubectl or of the probe.
    """
    file = stack_file(stack, folder)
    try:
        settings = read_stack(file)
    except SettingsError as error:
        print(f"{file.name}: {error.faults[0]}")
        return 1
    if settings.probe is None:
        print(f"{file.name}: probe: missing, so there is no pod that could send any: write probe: {{}} and deploy it")
        return 1
    try:
        check_there(settings.kubernetes, environment)
        done = subprocess.run(command(settings), env=dict(environment), check=False, stderr=subprocess.PIPE, text=True)
    except FileNotFoundError:
        print("kubectl is not on the PATH: install it")
        return 1
    except ValueError as error:
        print(f"{file.name}: {error}")
        return 1
    if done.returncode != 0:
        print(_reason(stack, settings, done.stderr), file=sys.stderr)
    return done.returncode


def _reason(stack: str, settings: Settings, said: str) -> str:
    """What kubectl says, in one line where that is known."""
    if "NotFound" in said:
        return f"{stack} is not deployed: there is no pod of its probe in namespace {settings.namespace}: pulumi up --stack {stack}"
    if "refused" in said or "no such host" in said or "i/o timeout" in said:
        line = said.strip().splitlines()[-1]
        return f"the Kubernetes cluster of {stack} does not answer: {told(line)}"
    return "\n".join(told(line) for line in said.strip().splitlines())


def command(settings: Settings, *program: str, stdin: bool = False) -> list[str]:
    """What runs a program in the pod of the probe; by default, the probe once."""
    chosen = []
    if settings.kubernetes.kubeconfig is not None:
        chosen += ["--kubeconfig", str(Path(settings.kubernetes.kubeconfig).expanduser())]
    if settings.kubernetes.context is not None:
        chosen += ["--context", settings.kubernetes.context]
    options = ["-i"] if stdin else []
    pod = f"deployment/{LATENCY_PROBE}"
    return ["kubectl", *chosen, "-n", settings.namespace, "exec", *options, pod, "--", *(program or PROGRAM)]
