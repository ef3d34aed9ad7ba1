"""A release has one version everywhere, and notes; nothing is changed if it cannot be."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from release import notes, versions
from release.__main__ import check, main, prepare
from release.versions import ReleaseError

CHANGELOG = "# Changelog\n\n## Unreleased\n### Breaking\n- Brokers restart once.\n\n## 0.0.9 (2025-01-01)\n- First.\n"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The files of the repository with a version, and some others."""
    named = {file for file, _, _ in versions.written() if not file.startswith("tests/")}
    recorded = "tests/unit/doctor/recorded/pods.json"
    for file in sorted(named | {recorded}):
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(versions.ROOT / file, tmp_path / file)
    (tmp_path / "CHANGELOG.md").write_text(CHANGELOG)
    (tmp_path / "picture.png").write_bytes(b"\x89PNG\xff")
    for command in (("init", "-q"), ("add", "-A")):
        subprocess.run(["git", *command], cwd=tmp_path, check=True)
    return tmp_path


def everything(root: Path) -> dict[str, bytes]:
    return {str(each): each.read_bytes() for each in root.rglob("*") if each.is_file() and ".git" not in each.parts}


def test_the_repository_has_one_version() -> None:
    found = list(versions.written())
    assert {version for _, _, version in found} == {versions.current()}
    assert {file for file, _, _ in found} >= {*versions.PLACES, "components/kafka_platform/kube/images.py"}


def test_a_version_is_written_everywhere_and_its_notes_are_those_of_the_changelog(root: Path) -> None:
    recorded = (root / "tests/unit/doctor/recorded/pods.json").read_bytes()
    changed = prepare("1.20.3", root)
    assert {"CHANGELOG.md", "pyproject.toml", "runtime/Dockerfile"} <= set(changed)
    assert check("1.20.3", root) == "### Breaking\n- Brokers restart once."
    assert notes.notes("0.0.9", root) == "- First."
    assert (root / "tests/unit/doctor/recorded/pods.json").read_bytes() == recorded
    assert "1.20.3" in (root / "runtime/connect/Dockerfile").read_text()
    # What is not ours is as it was.
    assert "docker.io/library/flink:2.2.1-java17" in (root / "runtime/flink/Dockerfile").read_text()


@pytest.mark.parametrize(
    ("version", "message"),
    [
        ("1.2", "'1.2' is no version: write three numbers, such as 1.4.0"),
        ("1.2.3-rc1", "'1.2.3-rc1' is no version"),
        ("01.2.3", "'01.2.3' is no version"),
        ("0.0.1", "0.0.1 is older than "),
        ("0.0.9", "0.0.9 is older than "),
    ],
)
def test_a_version_that_cannot_follow_is_refused_before_anything_is_changed(
    root: Path, version: str, message: str
) -> None:
    before = everything(root)
    with pytest.raises(ReleaseError, match=f"^{message}"):
        prepare(version, root)
    assert everything(root) == before


def test_a_release_without_notes_is_refused(root: Path) -> None:
    (root / "CHANGELOG.md").write_text("# Changelog\n\n## Unreleased\n\n## 0.0.9 (2025-01-01)\n- First.\n")
    before = everything(root)
    with pytest.raises(
        ReleaseError, match=r"^CHANGELOG\.md: nothing is under Unreleased: say what the release changes$"
    ):
        prepare("1.0.0", root)
    assert everything(root) == before


def test_a_release_is_prepared_once(root: Path) -> None:
    prepare("1.0.0", root)
    with pytest.raises(ReleaseError, match=r"^CHANGELOG\.md: has a section 1\.0\.0 already: choose another version$"):
        prepare("1.0.0", root)


def test_a_tag_that_is_not_what_is_written_is_refused(root: Path) -> None:
    prepare("1.0.0", root)
    with pytest.raises(
        ReleaseError, match=r"^pyproject\.toml:\d+: has 1\.0\.0 instead of 1\.0\.1: run python -m release "
    ):
        check("1.0.1", root)
    file = root / "runtime" / "Dockerfile"
    file.write_text(file.read_text().replace(":1.0.0", ":0.9.0"))
    with pytest.raises(ReleaseError, match=r"^runtime/Dockerfile:2: has 0\.9\.0 instead of 1\.0\.0"):
        check("1.0.0", root)


def test_the_command_says_why_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "v1.2"]) == 1
    assert capsys.readouterr().err == "'1.2' is no version: write three numbers, such as 1.4.0\n"


@pytest.mark.long
def test_wheels_and_notes_are_built(root: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Of a copy of the repository that is prepared for a release, by its own command."""
    copy = tmp_path_factory.mktemp("copy") / "repository"
    subprocess.run(["git", "clone", "-q", str(versions.ROOT), str(copy)], check=True)
    (copy / "CHANGELOG.md").write_text(CHANGELOG)
    for command in (["prepare", "1.0.0"], ["build", "v1.0.0", "--out", "dist"]):
        subprocess.run([sys.executable, "-m", "release", *command], cwd=copy, check=True)
    built = sorted(each.name for each in (copy / "dist").iterdir())
    assert built[0] == "NOTES.md"
    assert [each.split("-")[:2] for each in built[1:]] == [
        ["kafka_platform", "1.0.0"],
        ["kafka_platform_runtime", "1.0.0"],
    ]
