"""The folder that a stack is written to: ours alone, and never half of one."""

from pathlib import Path

import pytest
import yaml

from infra.render import folder as folders
from infra.render.folder import LIST, files_of, write
from infra.render.objects import Part
from infra.render.tools import RenderError

FILES = {"kustomization.yaml": "resources: [kafka/job.yaml]\n", "kafka/job.yaml": "kind: Job\n"}


def content(folder: Path) -> dict[str, str]:
    found = {each.relative_to(folder).as_posix(): each.read_text() for each in folder.rglob("*") if each.is_file()}
    del found[LIST]
    return found


def test_what_is_no_longer_needed_goes(tmp_path: Path) -> None:
    write(tmp_path / "out", FILES)
    assert content(tmp_path / "out") == FILES
    other = {"kustomization.yaml": "resources: []\n"}
    write(tmp_path / "out", other)
    assert content(tmp_path / "out") == other
    assert not (tmp_path / "out" / "kafka").exists()


def test_a_folder_with_somebody_elses_file_is_left_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("kind: Secret\n")
    with pytest.raises(RenderError, match=r"mine.yaml: was not written by this command"):
        write(tmp_path, FILES)
    assert [each.name for each in tmp_path.iterdir()] == ["mine.yaml"]


def test_a_file_that_was_changed_by_hand_is_not_overwritten(tmp_path: Path) -> None:
    write(tmp_path, FILES)
    (tmp_path / "kafka" / "job.yaml").write_text("kind: CronJob\n")
    with pytest.raises(RenderError, match=r"job.yaml: was changed by hand"):
        write(tmp_path, FILES | {"a.yaml": ""})
    assert not (tmp_path / "a.yaml").exists()


def test_links_are_not_followed(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (tmp_path / "out").symlink_to(outside)
    with pytest.raises(RenderError, match="is not a folder"):
        write(tmp_path / "out", FILES)
    write(tmp_path / "real", FILES)
    (tmp_path / "real" / "kafka" / "job.yaml").unlink()
    (tmp_path / "real" / "kafka" / "job.yaml").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere").write_text("kind: Job\n")
    with pytest.raises(RenderError, match="was changed by hand"):
        write(tmp_path / "real", FILES)
    assert not list(outside.iterdir())


@pytest.mark.parametrize("link", ["kafka", ".kustomization.yaml.new"])
def test_nothing_is_written_through_a_link(tmp_path: Path, link: str) -> None:
    """To a folder, or where a file is written before it is put in its place."""
    (tmp_path / "outside").mkdir()
    write(tmp_path / "out", {"kustomization.yaml": "resources: []\n"})
    (tmp_path / "out" / link).symlink_to(tmp_path / "outside" if link == "kafka" else tmp_path / "outside" / "file")
    with pytest.raises(RenderError, match="was not written by this command"):
        write(tmp_path / "out", FILES)
    assert not list((tmp_path / "outside").iterdir())


@pytest.mark.parametrize("left", [f".{LIST}.new", ".kustomization.yaml.new", "kafka/.job.yaml.new"])
def test_a_file_that_a_run_had_not_finished_is_no_obstacle(tmp_path: Path, left: str) -> None:
    write(tmp_path, FILES)
    (tmp_path / left).write_text("half of")
    other = {"kustomization.yaml": "resources: []\n"}
    write(tmp_path, other)
    assert content(tmp_path) == other


@pytest.mark.parametrize("noted", ["[]", "{", '{"a": 1}', "null"])
def test_a_list_that_is_not_ours_is_refused(tmp_path: Path, noted: str) -> None:
    (tmp_path / LIST).write_text(noted)
    with pytest.raises(RenderError, match="is not a list of files"):
        write(tmp_path, FILES)


def test_a_run_that_died_is_continued(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, FILES)
    changed = {each: text + "# changed\n" for each, text in FILES.items()} | {"new.yaml": "kind: Service\n"}
    usual, notes = folders._note, 0

    def dies(folder: Path, files: dict[str, str]) -> None:
        nonlocal notes
        notes += 1
        if notes == 2:
            raise KeyboardInterrupt
        usual(folder, files)

    monkeypatch.setattr(folders, "_note", dies)
    with pytest.raises(KeyboardInterrupt):
        write(tmp_path, changed)
    monkeypatch.setattr(folders, "_note", usual)
    write(tmp_path, changed)
    assert content(tmp_path) == changed


def test_one_file_for_each_kind_in_the_order_of_the_objects() -> None:
    def made(kind: str, name: str) -> dict[str, object]:
        return {"apiVersion": "v1", "kind": kind, "metadata": {"name": name}, "data": {"a": "one\ntwo\n"}}

    found = files_of(
        [Part(name="kafka", manifests=[made("Service", "a"), made("ConfigMap", "b"), made("Service", "c")])]
    )
    base = yaml.safe_load(found["kustomization.yaml"])
    assert base["resources"] == ["kafka/service.yaml", "kafka/configmap.yaml"]
    assert [each["metadata"]["name"] for each in yaml.safe_load_all(found["kafka/service.yaml"])] == ["a", "c"]
    assert "a: |\n    one\n    two\n" in found["kafka/configmap.yaml"]
