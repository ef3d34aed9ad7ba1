"""The command `kafka-platform`: from any folder, completed by the shell, and clear about what is missing."""

import os
import pty
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
import yaml

from infra.__main__ import main
from infra.check import ROOT, check
from infra.kubeconfig import check_chosen, check_there
from infra.probe import probe
from infra.review import command as review
from infra.settings.core import Kubernetes

COMMAND = Path(sys.executable).with_name("kafka-platform")


def run(*arguments: str, folder: Path = ROOT, **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [str(COMMAND), *arguments], cwd=folder, env={**os.environ, **environment}, capture_output=True, text=True
    )


def test_it_works_from_any_folder(tmp_path: Path) -> None:
    done = run("check", "dev", folder=tmp_path)
    assert done.stdout.startswith("stacks/Pulumi.dev.yaml: ok: ")
    assert done.returncode == 0


def test_without_the_environment_one_line_says_what_to_do(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-I", "-S", str(ROOT / "infra" / "__main__.py")], capture_output=True, text=True
    )
    assert done.returncode == 1
    assert re.fullmatch(r"\w+ is not installed for \S+: `make demo` sets everything up, .*\n", done.stderr)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("kafka-platform re", {"render", "review"}),
        ("kafka-platform check st", {"staging"}),
        ("kafka-platform ci apply p", {"prod"}),
    ],
)
def test_the_shell_completes_commands_and_stacks(line: str, expected: set[str], tmp_path: Path) -> None:
    found = tmp_path / "found"
    run(_ARGCOMPLETE="1", _ARGCOMPLETE_STDOUT_FILENAME=str(found), COMP_LINE=line, COMP_POINT=str(len(line)))
    assert set(found.read_text().replace("\x0b", " ").split()) == expected


@pytest.mark.parametrize(
    "name", ["check", "schema", "review", "probe", "top", "doctor", "failover", "drill", "render", "affected", "ci"]
)
def test_every_help_has_examples_that_parse(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    def helped(*arguments: str) -> str:
        with pytest.raises(SystemExit) as ended:
            main([name, *arguments, "--help"])
        assert ended.value.code == 0
        return capsys.readouterr().out

    examples = re.findall(rf"^  kafka-platform {name}(.*)$", helped().partition("examples:")[2], re.MULTILINE)
    assert examples
    for example in examples:
        helped(*example.split())  # the arguments are parsed, and nothing is run


def test_it_is_coloured_at_a_terminal_alone() -> None:
    def shown(**environment: str) -> str:
        ours, theirs = pty.openpty()
        subprocess.run([str(COMMAND), "check", "dev"], stdout=theirs, env={**os.environ, **environment}, check=True)
        os.close(theirs)
        with os.fdopen(ours, "rb") as read:
            return read.read1(4096).decode()

    assert "\033[32mok\033[0m" in shown(NO_COLOR="")
    assert "\033" not in shown(NO_COLOR="1")
    assert "\033" not in run("check", "dev").stdout


def test_a_stack_file_is_checked_by_its_path(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "ours.yaml"
    file.write_text("config:\n  kafka-platform:platform: {kafka: {nodez: 3}}\n")
    assert check([str(file)]) == 1
    assert "kafka.nodez: unknown key: did you mean 'nodes'?" in capsys.readouterr().out


def test_a_path_without_the_ending_of_stack_files_is_no_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "ours").write_text("config:\n  kafka-platform:platform: {kafka: {nodes: 3}}\n")
    monkeypatch.chdir(tmp_path)
    assert check(["./ours"]) == 0
    assert check([f"{tmp_path}/"]) == 1
    assert "file: cannot be read, Is a directory" in capsys.readouterr().out


@pytest.fixture
def kubeconfig(tmp_path: Path) -> Path:
    file = tmp_path / "config"
    file.write_text(yaml.safe_dump({"contexts": [{"name": "kind-dev"}, {"name": "prod"}]}))
    return file


@pytest.mark.parametrize(
    ("chosen", "environment", "message"),
    [
        ({}, {}, "kubernetes.context: missing, and KUBECONFIG is not set: say which cluster is meant"),
        ({"kubeconfig": "/nowhere/config"}, {}, "kubernetes.kubeconfig: there is no file /nowhere/config: name a kubeconfig"),
        ({}, {"KUBECONFIG": "/nowhere/a:/nowhere/b"}, "KUBECONFIG: there is no file /nowhere/a, /nowhere/b: name a"),
        ({"kubeconfig": "~nobody-of-this-name/x"}, {}, "kubernetes.kubeconfig: there is no home folder for ~nobody-of-this-name/x:"),
        ({"kubeconfig": "x" * 300}, {}, f"kubernetes.kubeconfig: there is no file {'x' * 300}: name a kubeconfig"),
        ({"context": "kind-dve"}, {"KUBECONFIG": "{}"}, "kubernetes.context: 'kind-dve' is not a context of {}: did you mean 'kind-dev'?"),
    ],
)  # fmt: skip
def test_a_kubernetes_cluster_that_is_not_there_is_said_before_anything_else(
    chosen: dict[str, str], environment: Mapping[str, str], message: str, kubeconfig: Path
) -> None:
    given = {key: each.format(kubeconfig) for key, each in environment.items()}
    settings = Kubernetes(**chosen)

    def judge() -> None:
        check_chosen(settings, given)
        check_there(settings, given)

    with pytest.raises(ValueError, match=re.escape(message.format(kubeconfig))):
        judge()


def test_a_context_that_is_there_is_taken(kubeconfig: Path) -> None:
    check_there(Kubernetes(context="prod"), {"KUBECONFIG": f"/nowhere/config:{kubeconfig}"})
    check_there(Kubernetes(kubeconfig=str(kubeconfig)), {})


@pytest.mark.parametrize("text", ["user: {token: =}", "expires: 2024-99-01", "expires: !!python/name:os.system"])
def test_what_else_a_kubeconfig_says_is_no_matter(text: str, tmp_path: Path) -> None:
    file = tmp_path / "config"
    file.write_text(f"contexts: [{{name: 1234}}]\n{text}\n")
    check_there(Kubernetes(context="1234"), {"KUBECONFIG": str(file)})


@pytest.mark.parametrize("text", ["a: [", "a: " + "[" * 5000])
def test_a_kubeconfig_that_is_no_yaml(text: str, tmp_path: Path) -> None:
    file = tmp_path / "config"
    file.write_text(text)
    with pytest.raises(ValueError, match=r"KUBECONFIG: .* cannot be read, it is not YAML: name a kubeconfig"):
        check_there(Kubernetes(context="prod"), {"KUBECONFIG": str(file)})


def program(folder: Path, name: str, script: str) -> None:
    (folder / name).write_text(f"#!/bin/sh\n{script}\n")
    (folder / name).chmod(0o755)


def test_a_probe_of_a_stack_that_is_not_deployed(
    tmp_path: Path, kubeconfig: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    program(
        tmp_path,
        "kubectl",
        "echo 'Error from server (NotFound): deployments.apps \"latency-probe\" not found' >&2; exit 1",
    )
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    assert probe("ci", environment={**os.environ, "KUBECONFIG": str(kubeconfig)}) == 1
    assert capsys.readouterr().err == (
        "ci is not deployed: there is no pod of its probe in namespace streaming: pulumi up --stack ci\n"
    )


@pytest.mark.parametrize(
    ("stack", "said"),
    [
        ("prod", "it was never deployed, so there is nothing to compare with: `pulumi stack init prod` makes it, and"),
        ("prdo", "there is no stack of that name: did you mean 'prod'?"),
    ],
)
def test_a_review_of_a_stack_that_was_never_deployed(
    stack: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    program(tmp_path, "pulumi", "echo \"error: no stack named 'x' found\" >&2; exit 255")
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    assert review.run(stack) == review.FAILED
    assert capsys.readouterr().err.startswith(f"review of {stack}: {said}")
