import json
from pathlib import Path

import pytest

from sandbox import choice, environment, host, kind, packages, pins, progress, remove
from sandbox.choice import Mode
from sandbox.cli import main
from sandbox.host import SandboxError
from sandbox.instance import REPOSITORY


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("SANDBOX", "SANDBOX_NODES"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("SANDBOX_STATE", str(tmp_path / "state"))
    return tmp_path / "state"


def test_a_mode_that_does_not_exist_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SANDBOX", "dokcer")
    assert main(["status"]) == 1
    assert capsys.readouterr().err == "sandbox: SANDBOX: dokcer: use kind, packages, off\n"


def test_the_users_choice_goes_before_the_machines(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choice, "docker_answers", lambda: True)
    monkeypatch.setattr("shutil.which", lambda name: f"/usr/bin/{name}")
    assert choice.choose(state) is Mode.KIND
    choice.remember(state, Mode.PACKAGES)  # what is up stays what it is when a Docker appears
    assert choice.choose(state) is Mode.PACKAGES
    monkeypatch.setenv("SANDBOX", "off")
    assert choice.choose(state) is Mode.OFF


def test_too_few_file_watchers_are_said_before_anything_is_started(monkeypatch: pytest.MonkeyPatch) -> None:
    host.check_watchers(1)

    class Full:
        def inotify_init1(self, flags: int) -> int:
            return -1

    monkeypatch.setattr(host, "_LIBC", Full())
    with pytest.raises(SandboxError, match=r"file watchers: 32 are needed, and only 0 of this user's .* are free"):
        host.check_watchers(32)


def test_without_docker_it_is_packages(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choice, "docker_answers", lambda: False)
    assert choice.choose(state) is Mode.PACKAGES


def test_env_without_a_sandbox_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SANDBOX", "packages")
    assert main(["env"]) == 1
    assert "`python -m sandbox up` first" in capsys.readouterr().err


def test_off_keeps_the_users_cluster(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("SANDBOX", "off")
    assert main(["up"]) == 0
    assert main(["env"]) == 0
    assert main(["down"]) == 0
    assert "KUBECONFIG" not in capsys.readouterr().out


def test_off_keeps_the_users_backend(
    state: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SANDBOX", "off")
    monkeypatch.delenv("PULUMI_BACKEND_URL", raising=False)
    assert main(["env"]) == 0
    assert f"PULUMI_BACKEND_URL='file://{state}/state?metadata=skip'" in capsys.readouterr().out
    assert (state / "state").is_dir()
    monkeypatch.setenv("PULUMI_BACKEND_URL", "s3://mine")
    assert main(["env"]) == 0
    assert "PULUMI_BACKEND_URL" not in capsys.readouterr().out


def test_logs_lists_components_and_prints_one(
    state: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SANDBOX", "packages")
    (state / "logs").mkdir(parents=True)
    (state / "logs" / "etcd.log").write_text("hello\n")
    assert main(["logs"]) == 0
    assert main(["logs", "etcd"]) == 0
    assert capsys.readouterr().out == "etcd\nhello\n"
    assert main(["logs", "ectd"]) == 1
    assert "ectd: no such component: use one of etcd" in capsys.readouterr().err


@pytest.mark.parametrize("text", ["three", "-1", "99"])
def test_an_impossible_number_of_nodes_is_refused(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("SANDBOX_NODES", text)
    with pytest.raises(SandboxError, match=f"SANDBOX_NODES: {text}: use a number from 0"):
        packages.wanted_nodes()


def test_a_folder_that_is_no_sandbox_is_not_removed(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    state.mkdir()
    (state / "thesis.txt").write_text("years of work")
    with pytest.raises(SandboxError, match="nothing in it was removed"):
        remove.everything(None, state)
    assert (state / "thesis.txt").exists()


def test_missing_packages_without_root_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host, "is_root", lambda: False)
    with pytest.raises(SandboxError, match=r"Debian packages alpha, beta: missing, and only root can install them"):
        host.install({"no-such-program-a": "beta", "/no/such/file": "alpha", "sh": "dash"}, tmp_path / "log")


def test_a_failed_program_shows_the_end_of_what_it_said(tmp_path: Path) -> None:
    with pytest.raises(SandboxError, match=r"(?s)failed \(3\).*line 99"):
        host.run(["sh", "-c", "for i in $(seq 99); do echo line $i >&2; done; exit 3"])
    with pytest.raises(SandboxError, match="whole log"):
        host.logged(["sh", "-c", "echo why; exit 1"], tmp_path / "log")
    with pytest.raises(SandboxError, match="not found: install it"):
        host.run(["no-such-program-a"])


def test_standins_are_linked_only_where_the_official_plugin_is_missing(
    state: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    version = environment.plugin_version("random")
    official = tmp_path / "official" / f"resource-random-v{version}"
    official.mkdir(parents=True)
    (official / "pulumi-resource-random").touch()
    monkeypatch.setenv("SANDBOX_PULUMI_PLUGINS", str(official.parent))
    monkeypatch.setenv("PATH", "/nowhere")
    compiled = tmp_path / "compiled"
    compiled.mkdir()
    (compiled / "pulumi").touch()
    for _ in range(2):  # it can be repeated
        environment.prepare(state, compiled, compiled, compiled)
    plugins = state / "pulumi" / "plugins"
    assert (plugins / f"resource-random-v{version}").readlink() == official
    ours = plugins / f"resource-kubernetes-v{environment.plugin_version('kubernetes')}" / "pulumi-resource-kubernetes"
    assert ours.readlink() == compiled / "pulumi-resource-kubernetes"
    for name in ("pulumi-language-python", "pulumi-language-nodejs"):
        assert (state / "bin" / name).readlink() == compiled / name
    assert environment.standins() == ["provider kubernetes", "the language hosts for Python and Node"]


def test_the_environment_can_be_applied_twice(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (state / "bin").mkdir(parents=True)
    first = environment.variables(state, state / "kubeconfig", official=False)
    monkeypatch.setenv("PATH", first["PATH"])
    assert environment.variables(state, state / "kubeconfig", official=False) == first
    assert first["PATH"].startswith(str(state / "bin"))
    assert first["PULUMI_HOME"] == str(state / "pulumi")
    assert "PULUMI_HOME" not in environment.variables(state, None, official=True)


def test_a_plugin_that_is_not_pinned_is_refused() -> None:
    with pytest.raises(SandboxError, match="pulumi-nonesuch: not pinned"):
        environment.plugin_version("nonesuch")


def test_the_pinned_engine_is_the_sdks() -> None:
    assert f"pulumi=={pins.PULUMI}\n" in (REPOSITORY / "requirements.txt").read_text()


def test_the_kubeconfig_of_kind_gets_the_sandboxs_name() -> None:
    given = {
        "clusters": [{"name": "kind-x", "cluster": {"server": "https://127.0.0.1:1"}}],
        "contexts": [{"name": "kind-x", "context": {"cluster": "kind-x", "user": "kind-x"}}],
        "users": [{"name": "kind-x", "user": {}}],
        "current-context": "kind-x",
    }
    text = kind.renamed(json.dumps(given))
    assert "kind-x" not in text
    assert json.loads(text)["current-context"] == "kafka-platform-sandbox"
    assert "https://127.0.0.1:1" in text


def test_times_stand_in_one_column() -> None:
    lines = [progress.line("short", 5), progress.line("Kubernetes 1.34.2, 3 nodes ready", 61)]
    assert [each.rindex(" ") for each in lines] == [each.rindex(" ") for each in reversed(lines)]
    assert lines[1].endswith(" 1:01")
    assert progress.line("no time") == "sandbox   no time"


def test_an_unknown_part_of_the_edge_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SANDBOX", "packages")
    assert main(["edge", "metallb"]) == 1
    assert "metallb: no part of the edge: use load-balancers" in capsys.readouterr().err
