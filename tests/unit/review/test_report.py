"""The review as a comment: no secret in it, its length, its speed, failed previews."""

import json
import time
from pathlib import Path
from typing import Any

import pytest

from infra.__main__ import main
from infra.review.changes import Preview, compare, read
from infra.review.report import MOST_CHARACTERS, markdown, review
from tests.unit.review.objects import change, made

SECRET = "hunter2-correct-horse"  # what must not be shown
URN = "urn:pulumi:prod::kafka-platform::"


def step(kind: str, name: str, op: str, old: Any = None, new: Any = None, **others: Any) -> dict[str, Any]:
    states = {key: {"inputs": inputs} for key, inputs in (("oldState", old), ("newState", new)) if inputs is not None}
    return {"op": op, "urn": f"{URN}{kind}::{name}", **states, **others}


def test_no_secret_is_shown() -> None:
    """Not even of a preview that was made with --show-secrets, or in a Secret that was not marked as one."""
    data = {"password": SECRET}
    secrets = [made("api-kafka", kind="Secret", data={"password": value}) for value in (SECRET, SECRET[::-1])]
    old = made("kafka-config", data={"cluster.properties": "ssl.key.password=a\nsasl.jaas.config=b\n"})
    new = made("kafka-config", data={"cluster.properties": f"ssl.key.password={SECRET}\nsasl.jaas.config={SECRET}\n"})
    container = {"name": "app", "image": "app:1", "env": [{"name": "PASSWORD", "value": SECRET}]}
    workloads = [made("app", {"template": {"spec": {"containers": each}}}) for each in ([], [container])]
    steps = [
        step("kubernetes:core/v1:Secret", "s", "update", *secrets),
        step("kubernetes:core/v1:Secret", "n", "create", None, made("n", kind="Secret", stringData=data)),
        step("kubernetes:core/v1:ConfigMap", "c", "update", old, new),
        step("kubernetes:apps/v1:Deployment", "d", "update", *workloads),
        step("random:index/randomPassword:RandomPassword", "p", "update", {"keepers": data}, {"keepers": {}}),
        step("kubernetes:core/v1:ConfigMap", "x", "update", made("x", data="[secret]"), made("x", data=data)),
    ]
    steps[4]["newState"]["outputs"] = {"result": SECRET}
    shown = markdown(review("prod", read({"config": {"a": SECRET}, "steps": steps})))
    assert SECRET not in shown
    assert SECRET[::-1] not in shown
    for expected in ("`sasl.jaas.config` changes", "Secret `n`: created", "ConfigMap `x`: updated"):
        assert expected in shown


def big(resources: int) -> dict[str, Any]:
    """A preview of that many topics, every one of them with another change, and as much around them as the engine writes."""
    padding = {"stackTrace": [{"sourcePosition": "project:///infra/platform.py#135"}] * 20}
    steps = []
    for number in range(resources):
        sides = [
            made(
                f"topic-with-a-rather-long-name-{number:05}",
                {"partitions": 3, "replicas": 3, "config": {"retention.ms": str((days + number) * 86_400_000)}},
            )
            for days in (30_000, 7)
        ]
        if number % 3 == 0:
            sides[1]["spec"]["config"] |= {"retention.ms": sides[0]["spec"]["config"]["retention.ms"]}
            sides[1]["metadata"]["labels"] = {f"team-{number}": "a"}
        steps.append(step("kubernetes:kafka.strimzi.io/v1:KafkaTopic", f"topic-{number}", "update", *sides, **padding))
    return {"steps": steps}


def test_three_thousand_resources_fit_into_a_comment_and_are_read_quickly() -> None:
    text = json.dumps(big(3_000))
    # Of this thread: others of the tests' process, such as those of Kafka's clients, work at the same time.
    before = time.thread_time()
    shown = markdown(review("prod", read(json.loads(text))))
    assert time.thread_time() - before < 5
    assert MOST_CHARACTERS - 2_500 < len(shown.encode()) <= MOST_CHARACTERS
    first, *_ = shown.splitlines()
    assert first == "### prod: 3,000 changes, 2,000 need a second look"
    # The least important went first, and what went is counted.
    kept = shown.count("\n- ")
    assert "**Other**" not in shown
    assert f"Left out because a comment has no room for them: {2_000 - kept:,} of Data at risk, 1,000 of Other" in shown
    assert f"{2_000 - kept:,} of which need a second look" in shown
    assert shown.splitlines()[-1] == "<sub>Resources: 3,000 updated.</sub>"


@pytest.mark.parametrize("limit", [600, 2_000, 10_000, 32_768])
def test_other_limits(limit: int) -> None:
    shown = markdown(review("prod", read(big(300))), limit)
    assert len(shown.encode()) <= limit
    assert "Left out" in shown


def test_names_are_shortened_before_a_line_is_left_out() -> None:
    sides = [
        [
            made(f"topic-{number:05}", {"partitions": 3, "config": {"retention.ms": str(days * 86_400_000)}})
            for days in (30, 7)
        ]
        for number in range(6_000)
    ]
    preview = Preview(changes=tuple(change("KafkaTopic", old, new) for old, new in sides))
    shown = markdown(review("prod", preview))
    assert "and 5,980 more: retention 30d -> 7d" in shown
    assert "Left out" not in shown
    # With enough room a line that needs a second look has every name.
    assert "topic-05999" in markdown(review("prod", preview), 200_000)


def test_a_failed_preview(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    message = "topic orders: 6 partitions -> 2: partitions never shrink```\n@somebody"
    failed = {
        "steps": [],
        "diagnostics": [{"message": message, "severity": "error"}, {"message": "w", "severity": "warning"}],
    }
    file = tmp_path / "preview.json"
    file.write_text(json.dumps(failed))
    assert main(["review", "prod", "--preview", str(file)]) == 1
    shown = capsys.readouterr().out
    assert shown.startswith("### prod: the preview failed\n\n```\ntopic orders: 6 partitions -> 2")
    assert shown.count("```") == 2


@pytest.mark.parametrize("content", ["", "no JSON", "[]", "{}", '{"steps": [{"op": "create"}]}', '{"steps": 1}', "{"])
def test_what_is_no_preview(content: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "preview.json"
    file.write_text(content)
    assert main(["review", "prod", "--preview", str(file)]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "give what `pulumi preview --json` printed" in captured.err
    assert captured.err.count("\n") == 1


def test_a_file_that_is_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["review", "prod", "--preview", str(tmp_path / "none")]) == 1
    assert "cannot be read" in capsys.readouterr().err


def test_names_cannot_become_markdown() -> None:
    name = "a`\n\n# <img src=x> @somebody"
    shown = markdown(review("prod", Preview(changes=(change("Namespace", made(name), None),))))
    assert "- :warning: Namespace `a' # <img src=x> @somebody`: deleted with everything that is in it" in shown


def test_a_replacement_in_several_steps_is_one_change() -> None:
    kind, old, new = "kubernetes:core/v1:Service", made("job", {"a": 1}), made("job", {"a": 2})
    steps = [
        step(kind, "job", "create-replacement", None, new),
        step(kind, "job", "replace", old, new, replaceReasons=["spec.a"]),
        step(kind, "job", "delete-replaced", old),
        step(kind, "job2", "read", old),
    ]
    shown = markdown(review("prod", read({"steps": steps})))
    assert "- Service `job`: replaced because of `spec.a`" in shown
    assert "Resources: 1 replaced." in shown


def test_rendered_sides() -> None:
    urn = f"{URN}kubernetes:core/v1:Namespace::shop"
    side = [{"urn": urn, "inputs": made("shop"), "retain": False, "protect": False}]
    assert "no changes" in markdown(review("prod", compare(side, side)))
    assert "deleted with everything" in markdown(review("prod", compare(side, [])))
    assert "Namespace `shop`: created" in markdown(review("prod", compare([], side)))


def test_the_order_of_the_engine_does_not_matter() -> None:
    steps = [
        step("kubernetes:core/v1:Service", f"node-{number}", "create", None, made(f"node-{number}"))
        for number in (10, 2, 1)
    ]
    steps += [step("kubernetes:core/v1:Namespace", "shop", "create", None, made("shop"))]
    shown = markdown(review("prod", read({"steps": steps})))
    assert shown == markdown(review("prod", read({"steps": steps[::-1]})))
    assert "- Services (3) `node-1`, `node-2`, `node-10`: created" in shown


def fake_pulumi(folder: Path, output: str, code: int) -> None:
    """A `pulumi` on the PATH that answers as told."""
    (folder / "output").write_text(output)
    program = folder / "pulumi"
    program.write_text(f'#!/bin/sh\necho "$@" > {folder}/arguments\ncat {folder}/output\nexit {code}\n')
    program.chmod(0o755)


def test_the_preview_is_made_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    fake_pulumi(tmp_path, json.dumps(big(3)), 0)
    assert main(["review", "prod"]) == 3
    assert (
        (tmp_path / "arguments").read_text().startswith("preview --json --show-sames --non-interactive --stack prod ")
    )
    fake_pulumi(tmp_path, json.dumps({"steps": []}), 255)
    assert main(["review", "prod"]) == 1
    assert "pulumi preview ended with the code 255" in capsys.readouterr().out
    fake_pulumi(tmp_path, "error: no stack named 'prod' found", 255)
    assert main(["review", "prod"]) == 1
    assert capsys.readouterr().err.splitlines() == [
        "error: no stack named 'prod' found",
        "review of prod: `pulumi preview` failed: its output above says why",
    ]
    (tmp_path / "pulumi").unlink()
    monkeypatch.setenv("PATH", str(tmp_path))
    assert main(["review", "prod"]) == 1
    assert "pulumi is not on the PATH" in capsys.readouterr().err
