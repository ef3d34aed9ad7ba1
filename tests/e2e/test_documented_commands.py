"""README's commands of every day, run by a shell as they are written there, and the options of every Pulumi command in the docs."""

import os
import re
import subprocess
from collections.abc import Iterator, Mapping

import pytest

from sandbox import environment
from tests.documented import ROOT, Command, block, commands
from tests.harness import kubectl

NOT_HERE = "make down"
"""It ends the sandbox of all tests."""
PULUMI = [each for each in commands() if each.words[:1] == ["pulumi"] and not each.text.endswith("import")]


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[str, str]]:
    """As after `make demo`: the stack `dev` is deployed, by a state of this test's own."""
    if kubectl("get", "namespace", "streaming", "--ignore-not-found"):
        pytest.skip("the namespace streaming is in use: a demo runs in this sandbox")
    state = tmp_path_factory.mktemp("state")
    own = os.environ | {
        "PATH": f"{ROOT / '.venv' / 'bin'}:{os.environ['PATH']}",
        "PULUMI_BACKEND_URL": environment.backend_url(state),
        "PULUMI_CONFIG_PASSPHRASE": "only for this test",
        "PULUMI_SKIP_CONFIRMATIONS": "true",
        "PULUMI_SKIP_UPDATE_CHECK": "true",
    }
    file = ROOT / "stacks" / "Pulumi.dev.yaml"
    before = file.read_bytes()
    try:
        run("pulumi stack init dev && pulumi up --stack dev", own)
        yield own
    finally:
        run("pulumi destroy --stack dev", own)
        kubectl("delete", "namespace", "streaming", "--ignore-not-found", "--wait=false")
        file.write_bytes(before)  # without the salt of this test's state


def run(line: str, own: Mapping[str, str]) -> None:
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", line],
        cwd=ROOT,
        env=own,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
    )
    assert done.returncode == 0, f"{line}\n{done.stdout}\n{done.stderr}"


def test_the_commands_of_every_day(shell: Mapping[str, str]) -> None:
    lines = [line for line in block("README.md", "Every day") if not line.startswith((NOT_HERE, "eval "))]
    assert len(lines) >= 6
    for line in lines:
        run(line, shell)


@pytest.mark.parametrize("command", PULUMI, ids=str)
def test_pulumi_has_the_options(command: Command) -> None:
    words = command.words[1:]
    path: list[str] = []
    for word in words:
        if word.startswith("-") or not re.fullmatch(r"[a-z]+", word) or len(path) == 2:
            break
        path.append(word)
    if path and path[0] not in ("stack", "state", "config", "package"):
        path = path[:1]
    told = subprocess.run(["pulumi", *path, "--help"], capture_output=True, text=True, check=True).stdout
    options = [word.partition("=")[0] for word in words if word.startswith("--")]
    assert [each for each in options if not re.search(rf"{each}\b", told)] == []
