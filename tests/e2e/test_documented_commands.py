"""The commands of README and of the tutorial, run by a shell as they are written there, and the options of every Pulumi command."""

import os
import re
import shlex
import socket
import subprocess
from collections import Counter
from collections.abc import Iterator, Mapping

import pytest

from sandbox import environment
from tests.connect_process import needed_plugins
from tests.documented import ROOT, Command, block, commands, lines_to_type
from tests.harness import kubectl, why_no_keda
from tests.s3_process import needed_versitygw

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


def run(line: str, own: Mapping[str, str]) -> str:
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", line],
        cwd=ROOT,
        env=own,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
    )
    assert done.returncode == 0, f"{line}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def test_the_commands_of_every_day(shell: Mapping[str, str]) -> None:
    lines = [line for line in block("README.md", "Every day") if not line.startswith((NOT_HERE, "eval "))]
    assert len(lines) >= 6
    for line in lines:
        run(line, shell)


def test_the_tutorial(shell: Mapping[str, str]) -> None:
    """All in one shell, as somebody at a terminal: the load of its fifth part is what tests/e2e/test_elastic.py is about."""
    if (reason := why_no_keda()) is not None:
        pytest.skip(reason)
    with socket.socket() as port:
        if port.connect_ex(("127.0.0.1", 8080)) == 0:
            pytest.skip("something listens on port 8080, which the tutorial forwards")
    parts = ("2. The images", "3. The stream", "4. A reading by curl", "6. What is lost when pods go")
    lines = [line for part in parts for line in lines_to_type("docs/tutorial.md", part)]
    # People look at logs some seconds later, stop the stream when they have seen enough, and wait until a port is forwarded.
    lines = [line.replace("| grep freezer", "| grep -m 1 freezer") for line in lines]
    at = next(index for index, line in enumerate(lines) if "port-forward" in line)
    lines.insert(at + 1, "trap 'kill %1' EXIT; until curl -s localhost:8080 > /dev/null; do sleep 1; done")
    at = next(index for index, line in enumerate(lines) if "logs deploy/sensors-producer" in line)
    lines.insert(at, "until kubectl -n sensors logs deploy/sensors-producer | grep -q written; do sleep 1; done")
    example = ROOT / "examples" / "sensors" / "stack.yaml"
    before = example.read_bytes()
    try:
        output = run("set +o pipefail\n" + "\n".join(lines), shell)
        for shown in ("readings written by 20 devices, 0 failed", '{"offsets":[{"partition":', '"key":"freezer-1"'):
            assert shown in output, output
        run("pulumi up --stack dev", shell)
        assert not kubectl("get", "namespace", "sensors", "--ignore-not-found", "-o", "name")
    finally:
        example.write_bytes(before)


@pytest.mark.long
def test_the_shop(shell: Mapping[str, str]) -> None:
    """All in one shell; people look again until what is shown is there."""
    needed_plugins()
    needed_versitygw()
    with socket.socket() as port:
        if port.connect_ex(("127.0.0.1", 9000)) == 0:
            pytest.skip("something listens on port 9000, which the tutorial forwards")
    page = "docs/shop.md"
    first = ("2. The images", "3. The databases", "4. The connectors")
    parts = ("5. The same rows in three places", "6. Changes", "7. What is lost when things break")
    lines = [line for part in first for line in lines_to_type(page, part)]
    lines += [looked_at(line, section(page, part)) for part in parts for line in lines_to_type(page, part)]
    at = next(index for index, line in enumerate(lines) if "port-forward" in line)
    lines.insert(at + 1, "trap 'kill %1' EXIT; until curl -s localhost:9000 > /dev/null; do sleep 1; done")
    wanted = Counter(line for part in parts for line in shown_by(section(page, part)))
    example = ROOT / "examples" / "shop" / "stack.yaml"
    before = example.read_bytes()
    try:
        output = run("\n".join([SEEN, *lines]), shell)
        for line, times in wanted.items():
            assert output.count(f"{line}\n") >= times, f"{line}\n{output}"
    finally:
        for line in lines_to_type(page, "8. Clean up"):
            if line != NOT_HERE and not line.startswith("make "):
                run(line, shell)
        example.write_bytes(before)  # without the salt of this test's state
    assert "shop-db" not in kubectl("-n", "streaming", "get", "pods,secrets,kafkaconnects", "-o", "name", check=False)


SEEN = """
seen() {
  for attempt in $(seq 60); do
    told=$("${@:2}" 2> /dev/null) && [[ "$told" == *"$1"* ]] && break
    sleep 5
  done
  printf '%s\\n' "$told"
}
"""
"""Repeats a command until it says what the page shows; prints what it said last."""


def section(page: str, heading: str) -> str:
    """What is under a heading."""
    text = (ROOT / page).read_text(encoding="utf-8")
    return text.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]


def looked_at(line: str, text: str) -> str:
    """A line that shows something, in a form that waits until it does."""
    after = text.partition(f"$ {line}\n")[2]
    shown = after.partition("\n```")[0].splitlines()
    if not shown or shown[0].startswith(("$ ", "```")):
        return line
    return f"seen {shlex.quote(shown[0])} {line}"


def shown_by(text: str) -> list[str]:
    """The lines of output in a section."""
    blocks = re.findall(r"^```\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    return [line for each in blocks if "$ " in each for line in each.splitlines() if not line.startswith("$ ")]


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
