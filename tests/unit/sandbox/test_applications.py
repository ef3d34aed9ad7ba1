import json
import shutil
import tarfile
from pathlib import Path
from typing import Any

import pytest

from sandbox import applications
from sandbox.applications import full_name, read
from sandbox.build import BuildFolders
from sandbox.host import SandboxError
from sandbox.images import LayerWriter, seal
from sandbox.instance import REPOSITORY

SENSORS = REPOSITORY / "examples" / "sensors"


@pytest.mark.parametrize(
    ("tag", "name"),
    [
        ("alerts:1", "docker.io/library/alerts:1"),
        ("acme/alerts:1.2", "docker.io/acme/alerts:1.2"),
        ("ghcr.io/acme/alerts:v1", "ghcr.io/acme/alerts:v1"),
        ("localhost:5000/alerts:1", "localhost:5000/alerts:1"),
    ],
)
def test_a_name_is_the_one_that_nodes_look_for(tag: str, name: str) -> None:
    assert full_name(tag) == name


@pytest.mark.parametrize("tag", ["alerts", "alerts:latest", "Alerts:1", "ghcr.io/acme/alerts", ""])
def test_a_name_that_a_node_would_pull_is_refused(tag: str) -> None:
    with pytest.raises(SandboxError, match="write name:tag, such as"):
        full_name(tag)


def test_the_last_stage_counts() -> None:
    recipe = read((SENSORS / "minutes" / "Dockerfile").read_text())
    assert (recipe.program, recipe.command, recipe.user) == ("/minutes", ["/minutes"], "1000:1000")
    assert recipe.copies == []
    assert not recipe.is_python


def test_a_dockerfile_of_a_python_program() -> None:
    recipe = read(
        "# syntax=docker/dockerfile:1\nFROM python:3.11-slim-bookworm\nWORKDIR /app\nENV A=1 B='two words'\n"
        "COPY requirements.txt app /app/\n  # and\nRUN pip install \\\n  --no-cache-dir -r requirements.txt\n"
        'USER 1000\nENTRYPOINT ["python3"]\nCMD ["app.py"]\n'
    )
    assert recipe.is_python
    assert (recipe.folder, recipe.user, recipe.requirements) == ("/app", "1000", "requirements.txt")
    assert recipe.env == ["A=1", "B=two words"]
    assert recipe.copies == [("requirements.txt", "/app/"), ("app", "/app/")]
    assert recipe.command == ["python3", "app.py"]


@pytest.mark.parametrize(
    "line",
    [
        "RUN apt-get install --yes curl",
        "USER app",
        "CMD python3 app.py",
        "COPY --chown=1000 a b",
        "ADD https://example.com/a /a",
        "ENV A 1",
    ],
)
def test_what_takes_docker_is_refused_with_its_line(line: str) -> None:
    with pytest.raises(SandboxError, match="cannot be done without Docker") as refused:
        read(f'FROM python:3.11\nCMD ["a"]\n{line}\n')
    assert line in str(refused.value)


@pytest.mark.parametrize(
    ("text", "reason"), [('FROM alpine\nCMD ["a"]', "FROM alpine"), ("FROM python:3.11", "no command"), ("", "FROM")]
)
def test_what_cannot_become_an_image_is_refused(text: str, reason: str) -> None:
    with pytest.raises(SandboxError, match=reason):
        read(text)


def test_a_jar_on_the_image_of_stream_jobs() -> None:
    recipe = read((REPOSITORY / "examples" / "flink" / "Dockerfile").read_text())
    assert recipe.is_flink
    assert (recipe.program, recipe.copies) == ("/opt/flink/usrlib/totals.jar", [])


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> BuildFolders:
    """With a base that is made at once, as Debian is not."""
    base = LayerWriter(tmp_path / "base.tar")
    base.file("usr/bin/python3", b"")
    base.finish()
    layer = seal(tmp_path / "base.tar")
    monkeypatch.setattr(applications, "base_layer", lambda _: layer)
    (tmp_path / "cache").mkdir()
    return BuildFolders(cache=tmp_path / "cache", logs=tmp_path / "logs")


def contents(archive: Path) -> tuple[dict[str, Any], dict[str, tarfile.TarInfo]]:
    """An archive's configuration of its image, and the files of its last layer."""
    with tarfile.open(archive) as tar:

        def blob(digest: str) -> Any:
            return tar.extractfile(f"blobs/sha256/{digest.removeprefix('sha256:')}")

        index = json.load(tar.extractfile("index.json"))  # type: ignore[arg-type]
        manifest = json.load(blob(index["manifests"][0]["digest"]))
        config = json.load(blob(manifest["config"]["digest"]))
        with tarfile.open(fileobj=blob(manifest["layers"][-1]["digest"])) as layer:
            return config, {member.name: member for member in layer if member.isfile()}


def test_files_go_where_docker_puts_them(folders: BuildFolders, tmp_path: Path) -> None:
    source = tmp_path / "app"
    for name in ("main.py", "other.py", "pkg/a.py", "pkg/deep/b.py", "pkg/__pycache__/a.pyc"):
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_text(name)
    (source / "Dockerfile").write_text(
        "FROM python:3.11\nWORKDIR /app\nCOPY *.py ./\nCOPY pkg pkg\nCOPY main.py /bin/start\n"
        'COPY . /all\nUSER 1000:1000\nCMD ["python3", "main.py"]\n'
    )
    config, files = contents(applications.archive(folders, source, "app:1").file)
    everything = {"Dockerfile", "main.py", "other.py", "pkg/a.py", "pkg/deep/b.py"}
    own = {"app/main.py", "app/other.py", "app/pkg/a.py", "app/pkg/deep/b.py", "bin/start"}
    assert set(files) == own | {f"all/{name}" for name in everything}
    assert config["config"]["User"] == "1000:1000"
    assert config["config"]["WorkingDir"] == "/app"
    assert len(config["rootfs"]["diff_ids"]) == 2
    assert files["app/main.py"].uid == 0  # the program cannot change itself


def test_an_image_is_made_anew_when_its_files_change(folders: BuildFolders, tmp_path: Path) -> None:
    source = tmp_path / "app"
    source.mkdir()
    (source / "Dockerfile").write_text('FROM python:3.11\nCOPY a.py /\nCMD ["python3", "/a.py"]\n')
    with pytest.raises(SandboxError, match=r"COPY a\.py: no such file"):
        applications.archive(folders, source, "app:1")
    (source / "a.py").write_text("1")
    first = applications.archive(folders, source, "app:1")
    assert applications.archive(folders, source, "app:1") == first
    (source / "a.py").write_text("2")
    assert applications.archive(folders, source, "app:1").digest != first.digest


def test_a_folder_without_a_dockerfile_is_refused(folders: BuildFolders, tmp_path: Path) -> None:
    with pytest.raises(SandboxError, match="has no Dockerfile"):
        applications.archive(folders, tmp_path / "nothing", "app:1")


def test_a_go_program_is_compiled_and_stands_alone(folders: BuildFolders) -> None:
    config, files = contents(applications.archive(folders, SENSORS / "minutes", "minutes:1").file)
    assert set(files) == {"minutes"}
    assert files["minutes"].mode == 0o755
    assert config["config"] | {"User": "1000:1000", "Cmd": ["/minutes"]} == config["config"]
    assert len(config["rootfs"]["diff_ids"]) == 1


def test_a_java_program_gets_its_classes_and_libraries(
    folders: BuildFolders, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if shutil.which("javac") is None:
        pytest.skip("no Java compiler: install one, such as openjdk-17-jdk-headless")

    def fetch(pom: Path, target: Path, *_: Any) -> None:
        assert pom.name == "pom.xml"
        target.mkdir(parents=True)
        (target / "some.jar").write_bytes(b"PK\5\6" + bytes(18))

    monkeypatch.setattr(applications, "from_maven", fetch)
    source = tmp_path / "app"
    (source / "src/main/java/one").mkdir(parents=True)
    (source / "src/main/java/one/Main.java").write_text("package one; class Main {}")
    (source / "pom.xml").write_text("<project/>")
    (source / "Dockerfile").write_text((REPOSITORY / "examples/totals/app/Dockerfile").read_text())
    config, files = contents(applications.archive(folders, source, "one:1").file)
    assert set(files) == {"app/classes/one/Main.class", "app/lib/some.jar"}
    assert config["config"]["User"] == "1000:1000"
    assert config["config"]["Cmd"][-1] == "totals.Main"
    assert len(config["rootfs"]["diff_ids"]) == 2


def test_a_java_program_that_takes_something_else_from_its_stage_is_refused() -> None:
    with pytest.raises(SandboxError, match="cannot be done without Docker"):
        read('FROM eclipse-temurin:17-jre\nCOPY --from=build /src/target/app.jar /app.jar\nCMD ["java"]\n')
