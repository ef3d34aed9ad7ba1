"""The workflows parse, and every action in them is pinned by its commit."""

import re
from pathlib import Path

import pytest
import yaml

WORKFLOWS = sorted((Path(__file__).parents[2] / ".github" / "workflows").glob("*.yml"))


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.name)
def test_actions_are_pinned_by_commit(workflow: Path) -> None:
    content = yaml.safe_load(workflow.read_text())
    used = [step["uses"] for job in content["jobs"].values() for step in job["steps"] if "uses" in step]
    assert used
    assert [each for each in used if not re.fullmatch(r"[\w./-]+@[0-9a-f]{40}", each)] == []
    assert content["permissions"] == {"contents": "read"}


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.name)
def test_a_pull_request_cannot_run_code_with_rights(workflow: Path) -> None:
    """Neither by its code beside a token that writes, nor by text that becomes part of a script."""
    content = yaml.safe_load(workflow.read_text())
    # YAML 1.1 reads the key `on` as true.
    assert "pull_request_target" not in str(content[True])
    for job in content["jobs"].values():
        scripts = [step["run"] for step in job["steps"] if "run" in step]
        assert not [each for each in scripts if "${{" in each]
        checkouts = [step for step in job["steps"] if step.get("uses", "").startswith("actions/checkout@")]
        if "write" in job.get("permissions", {}).values() and "pull_request" in content[True]:
            assert [each["with"]["ref"] for each in checkouts] == ["${{ github.event.pull_request.base.sha }}"]
            assert "secrets." not in str(job)
            assert "make" not in str(scripts)


def test_previews_see_secrets_only_behind_an_environment() -> None:
    content = yaml.safe_load((WORKFLOWS[0].parent / "preview.yml").read_text())
    jobs = content["jobs"]
    with_secrets = {name for name, job in jobs.items() if "secrets." in str(job)}
    assert with_secrets == {"review", "apply", "drift"}
    assert {name: jobs[name]["environment"] for name in sorted(with_secrets)} == {
        "apply": "${{ matrix.stack }}",
        "drift": "preview-${{ matrix.stack }}",
        "review": "preview-${{ matrix.stack }}",
    }
    assert jobs["apply"]["concurrency"]["cancel-in-progress"] is False
    assert jobs["apply"]["if"].startswith("github.event_name == 'push'")
    assert content[True]["push"] == {"branches": ["main"]}


def test_a_release_comes_from_a_tag_alone_and_after_all_tests() -> None:
    content = yaml.safe_load((WORKFLOWS[0].parent / "release.yml").read_text())
    assert content[True] == {"push": {"tags": ["v*.*.*"]}}
    jobs = content["jobs"]
    assert (jobs["images"]["needs"], jobs["publish"]["needs"]) == ("test", "images")
    assert "permissions" not in jobs["test"], "it runs everything, and may write nothing"
    built = {(each["image"], each["file"], each["target"]) for each in jobs["images"]["strategy"]["matrix"]["include"]}
    root = WORKFLOWS[0].parents[2]
    for _, file, target in built:
        assert (root / file).is_file()
        assert not target or f" AS {target}\n" in (root / file).read_text()
    images = (root / "components/kafka_platform/kube/images.py").read_text()
    assert {name for name, _, _ in built} == set(re.findall(r"ghcr\.io/kafka-platform/([a-z-]+):", images))
