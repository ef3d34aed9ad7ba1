"""Files that are too large, or stand for more than they are, end in one line; and every number has a range."""

import contextlib
import copy
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from kafka_platform.values.words import show_path

from infra.check import STACKS, check
from infra.settings.faults import SettingsError
from infra.settings.model import Settings
from infra.settings.parsing import parse
from infra.settings.schema import schema
from infra.settings.stackfile import KEY, MOST_FILE_BYTES, MOST_NODES, parse_yaml, read, select
from tests.many import for_each
from tests.unit.settings.test_mutations import INSTALLED, WORKERS

SCHEMA = schema()
VALIDATOR = jsonschema.Draft7Validator(SCHEMA)
HEAD = f"config:\n  {KEY}:\n"


def aliases(levels: int) -> str:
    lines = [f"    a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 9)}]\n" for level in range(1, levels)]
    return f"{HEAD}    a0: &a0 [{', '.join('x' * 9)}]\n" + "".join(lines)


MERGES = f"{HEAD}    a0: &a0 {{k0: 1}}\n" + "".join(
    f"    a{at}: &a{at} {{<<: [*a{at - 1}, *a{at - 1}], k{at}: 1}}\n" for at in range(1, 30)
)
FILES = {
    "aliases of aliases": (
        aliases(10),
        f"line 8: aliases (*name) repeat more than {MOST_NODES:,} keys and values: write fewer, or several files of topics",
    ),
    "merges of merges": (
        MERGES,
        f"line 16: aliases (*name) repeat more than {MOST_NODES:,} keys and values: write fewer, or several files of topics",
    ),
    "300,000 topics": (
        HEAD + "    topics:\n" + "".join(f"      topic-{number}: {{}}\n" for number in range(300_000)),
        f"file: has 6,788,937 bytes: write up to {MOST_FILE_BYTES:,}, and more topics in files that topicFiles names",
    ),
    "10 MB": (
        f"{HEAD}    namespace: {'x' * 10_000_000}\n",
        f"file: has 10,000,051 bytes: write up to {MOST_FILE_BYTES:,}, and more topics in files that topicFiles names",
    ),
    "many short ones": (
        f"{HEAD}    topicFiles: [{'a,' * MOST_NODES}]\n",
        f"line 3: the file has more than {MOST_NODES:,} keys and values: write fewer, or several files of topics",
    ),
    "a number of 5000 digits": (
        f"{HEAD}    kafka: {{nodes: {'9' * 5000}}}\n",
        f"kafka.nodes: {'9' * 40}... is too large for a number: use a smaller one, or put it in quotes",
    ),
    "an endless number": (
        f"{HEAD}    tenants: {{t: {{quotas: {{requestPercentage: 1e999}}}}}}\n",
        "tenants.t.quotas.requestPercentage: 1e999 is too large for a number: use a smaller one, or put it in quotes",
    ),
    "itself": ("config: &a {x: *a}\n", "file: a part of it contains itself: write it out plainly"),
    "much depth": (
        "a: " + "[" * 500_000,
        "file: a part of it contains itself, or is nested too deep: write it out plainly",
    ),
}


@pytest.mark.timeout(120)
@pytest.mark.parametrize("name", FILES)
def test_a_file_that_is_too_much_is_answered_by_one_line(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    content, line = FILES[name]
    file = tmp_path / "Pulumi.much.yaml"
    file.write_text(content)
    assert check(["much"], tmp_path) == 1
    assert capsys.readouterr().out.splitlines() == [f"{file}: 1 fault", f"  {line}"]


@pytest.mark.timeout(120)
@pytest.mark.parametrize("name", ["aliases of aliases", "300,000 topics", "10 MB"])
def test_so_is_a_file_of_topics(name: str, tmp_path: Path) -> None:
    content, line = FILES[name]
    (tmp_path / "more.yaml").write_text(content)
    with pytest.raises(SettingsError) as caught:
        parse({"topicFiles": ["more.yaml"]}, tmp_path)
    assert [str(fault) for fault in caught.value.faults] == [f"topicFiles[0]: 'more.yaml', {line}"]


def test_many_files_of_topics_are_bounded_together(tmp_path: Path) -> None:
    (tmp_path / "more.yaml").write_text("#" * (MOST_FILE_BYTES - 1) + "\n")
    with pytest.raises(
        SettingsError, match=r"topicFiles\[2\]: the files up to 'more.yaml' have more than 2,097,152 bytes: "
    ):
        parse({"topicFiles": ["more.yaml"] * 1000}, tmp_path)


def test_what_never_ends_is_not_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for name in ("pipe", "/dev/zero"):
        with pytest.raises(SettingsError, match="is not an ordinary file: name one that is"):
            parse({"topicFiles": [name]}, tmp_path)


def test_aliases_that_repeat_little_are_allowed() -> None:
    assert parse_yaml("a: &a {b: 1}\nc: [*a, *a]\nd: {<<: *a, e: 2}\n") == {
        "a": {"b": 1},
        "c": [{"b": 1}, {"b": 1}],
        "d": {"b": 1, "e": 2},
    }


@pytest.mark.timeout(120)
def test_thousands_of_faults_are_still_told() -> None:
    topics = {f"topic-{number}": {"partitons": 1} for number in range(2000)}
    readers = [f"nothing-{number}" for number in range(2000)]
    with pytest.raises(SettingsError) as caught:
        parse({"topics": topics, "tenants": {"t": {"users": {"u": {"reads": readers}}}}})
    assert len(caught.value.faults) == 4000


def numbers(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for each in (node, node.get("items"), node.get("additionalProperties")):
        if isinstance(each, dict) and each.get("type") in ("integer", "number"):
            yield each


@for_each("name", sorted(SCHEMA["$defs"]))
def test_every_number_has_a_range_in_the_schema(name: str) -> None:
    for key, node in SCHEMA["$defs"][name].get("properties", {}).items():
        for each in numbers(node):
            assert {"minimum", "maximum"} <= each.keys(), f"{name}.{key}"


def leaves(node: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    for key, each in node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ():
        if isinstance(each, int | float) and not isinstance(each, bool):
            yield (*path, key)
        yield from leaves(each, (*path, key))


BASES = {
    "ci": read(STACKS / "Pulumi.ci.yaml") | WORKERS,
    "prod": read(STACKS / "Pulumi.prod.yaml") | INSTALLED,
    "staging": read(STACKS / "Pulumi.staging.yaml"),
}
FREE = ("config", "consumerConfig", "producerConfig", "environment", "values", "options")
PLACES = [
    (base, path)
    for base, content in BASES.items()
    for path in leaves(content)
    if not any(each in FREE for each in path)
]


def replaced(base: str, path: tuple[str | int, ...], value: object) -> Any:
    """The stack with another value there."""
    content = copy.deepcopy(BASES[base])
    here = content
    for part in path[:-1]:
        here = here[part]
    here[path[-1]] = value
    return content


@pytest.mark.parametrize("value", [10**12 + 1, 10**30, -1], ids=["large", "absurd", "negative"])
@for_each("base, path", PLACES)
def test_a_number_beyond_its_range_is_refused_by_the_settings_and_by_the_schema(
    base: str, path: tuple[str | int, ...], value: int
) -> None:
    content = replaced(base, path, value)
    with pytest.raises(SettingsError):
        parse(content)
    assert not VALIDATOR.is_valid({"config": {KEY: content}})


MARK = "the number is here"


@pytest.mark.parametrize("number", ["1000000000000", f"1{'0' * 30}", "-1", "0", "1.5", "1e400"])
@for_each("base, path", PLACES)
def test_whatever_number_is_in_a_file_is_taken_or_answered_with_lines_that_name_its_field(
    base: str, path: tuple[str | int, ...], number: str
) -> None:
    text = json.dumps({"config": {KEY: replaced(base, path, MARK)}}).replace(f'"{MARK}"', number)
    try:
        parse(select(parse_yaml(text)))
    except SettingsError as error:
        lines = [str(fault) for fault in error.faults]
    else:
        lines = []
    assert not any("\n" in line or "Traceback" in line for line in lines)
    if number in ("0", "1.5") or (number == "1000000000000" and path[-1] == "recordsPerSecondPerPod"):
        return
    # A fault in a list, or in ports by name, is one of the whole.
    above = show_path(path[: next((at for at, each in enumerate(path) if isinstance(each, int)), -1)])
    assert any(line.startswith(above) and (str(path[-1]) in line or isinstance(path[-1], int)) for line in lines), lines


def numbers_of() -> Iterator[tuple[str | int, ...]]:
    """The place of every number that the schema has, in a file with nothing else."""
    root = Settings.model_json_schema()

    def walk(node: dict[str, Any], path: tuple[str | int, ...], depth: int) -> Iterator[tuple[str | int, ...]]:
        if "$ref" in node:
            node = root["$defs"][node["$ref"].rpartition("/")[2]]
        if node.get("type") in ("integer", "number"):
            yield path
        for each in node.get("anyOf", ()):
            yield from walk(each, path, depth)
        if depth > 12:
            return
        for key, each in node.get("properties", {}).items():
            yield from walk(each, (*path, key), depth + 1)
        if isinstance(node.get("items"), dict):
            yield from walk(node["items"], (*path, 0), depth + 1)
        if isinstance(node.get("additionalProperties"), dict):
            yield from walk(node["additionalProperties"], (*path, "x"), depth + 1)

    yield from walk(root, (), 0)


ALONE = sorted(set(numbers_of()), key=str)


def test_the_schema_has_many_numbers() -> None:
    assert len(ALONE) >= 60


@for_each("path", ALONE)
def test_every_number_of_the_schema_ends_in_settings_or_in_lines(path: tuple[str | int, ...]) -> None:
    for number in (10**12, 10**30, -1, 0, 1.5, 2.0**900):
        content: Any = number
        for part in reversed(path):
            content = [content] if isinstance(part, int) else {part: content}
        with contextlib.suppress(SettingsError):
            parse(content)


@pytest.mark.parametrize(
    ("key", "each", "fix"),
    [
        ("topics", {}, "move topics to files that topicFiles names"),
        ("tenants", {}, "move topics and users to files of their teams that tenantFiles names"),
        ("workers", {"image": "acme/worker:1"}, "move some of them to a stack of their own"),
    ],
)
def test_of_more_than_pulumi_hands_over_the_largest_part_is_named(
    tmp_path: Path, key: str, each: Any, fix: str
) -> None:
    file = tmp_path / "Pulumi.large.yaml"
    many = {f"name-{number:06}": each for number in range(10_000)}
    file.write_text(json.dumps({"config": {"kafka-platform:platform": {"topics": {"orders": {}}, key: many}}}))
    with pytest.raises(SettingsError) as caught:
        read(file)
    (fault,) = map(str, caught.value.faults)
    assert re.fullmatch(
        rf"{key}: [\d,]+ bytes of settings are more than the 130,048 that Pulumi can hand over on Linux: {fix}", fault
    )
