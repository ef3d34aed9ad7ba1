"""A stack file is read as Pulumi's engine reads it, or refused: compared with the engine itself."""

import json
import os
import random
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from infra.settings.faults import SettingsError
from infra.settings.parsing import parse
from infra.settings.scalars import engine_reads, unlike
from infra.settings.stackfile import KEY, PROJECT, parse_yaml, select

AS_WRITTEN = (
    "yes no on off y n Yes NO 1:30 190:20:30 . .. ... -- + +- 1.2.3 4.3.1 10Gi 7d 1e 0x 0xg 0b2 0o8 1,5 0x1p4 _1 "
    "2024-02-30 2024-13-01 2024-1 24-01-01 2024-01-01T25:00:00Z 2024-01-01T00:00:00 1 0 -1 10 9223372036854775807 "
    "-9223372036854775808 9007199254740993 1.5 -0.5 0.01 100.25 true false ~ null .e5 0xFFFFFFFFFFFFFFFFF inf nan NaN "
    "x<<y orders-1 a.b 1_000x 1e3x <nil> Infinity 2024-01-01_x"
)
CHANGED = (
    "0123 007 08 00 -0 -017 +1 +0 0x1F 0X1F 0x_1F -0x1f +0x1 0o17 0O17 -0o17 0b1 0B1 -0b1 0_1 1_000 1__0 1_0.5 .5_0 1. .5 "
    "+.5 -.5 1.0 1.10 1.50 1e3 1E3 1e+3 1e-3 1.5e3 .5e1 0.00001 -0.0 12e03 True TRUE False FALSE 2024-01-01 2024-1-2 "
    "2024-01-01T10:00:00Z 2024-01-01t10:00:00.50+02:00 2024-01-01T10:00:00-05:30 2024-01-01T10:00:00+00:00 0000-02-29 "
    "0.1234567890123456789 1e17 100000000000000000000.5"
)
WITH_BLANKS = ("2024-1-2 3:4:5", "2024-01-01 10:00:00.123456789")
TOO_LARGE = (
    "9223372036854775808 18446744073709551615 18446744073709551616 -9223372036854775809 1e19 1e30 1e400 -1e999 "
    "123456789012345678901234567890 1_0000000000000000000000 " + "9" * 5000
)
NOT_FINITE = [".inf", "-.inf", "+.Inf", ".INF", ".nan", ".NaN"]
KEYS = [*AS_WRITTEN.split(), *CHANGED.split(), *WITH_BLANKS]
ALL = [*KEYS, *TOO_LARGE.split()]


def generated() -> list[str]:
    """Short texts of the characters that numbers and points in time are made of; always the same ones."""
    chosen = random.Random(14)
    signs, starts = (
        ("", "", "+", "-"),
        ("", "", "0", "0x", "0o", "0b", ".", "1.", "2024-", "2024-01-", "2024-01-01 10:"),
    )
    return sorted(
        {
            chosen.choice(signs)
            + chosen.choice(starts)
            + "".join(chosen.choices("0123789_.eExobaT:Z-+", k=chosen.randint(1, 6)))
            for _ in range(1500)
        }
        - {"-"}
    )


def _engine() -> str | None:
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "kafka-platform"
    built = sorted(cache.glob("pulumi-*/bin/pulumi"), key=lambda each: each.stat().st_mtime)
    return shutil.which("pulumi") or (str(built[-1]) if built else None)


PULUMI = _engine()
needs_pulumi = pytest.mark.skipif(PULUMI is None, reason="there is no pulumi: `python -m sandbox up` makes one")


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("engine")
    (folder / "Pulumi.yaml").write_text(f"name: {PROJECT}\nruntime: python\n")
    _pulumi(folder, "stack", "init", "s")
    return folder


def _pulumi(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {
        "HOME": str(folder),
        "PATH": os.environ["PATH"],
        "PULUMI_BACKEND_URL": f"file://{folder}",
        "PULUMI_CONFIG_PASSPHRASE": "x",
        "PULUMI_HOME": str(folder / "home"),
        "PULUMI_SKIP_UPDATE_CHECK": "1",
    }
    assert PULUMI is not None
    return subprocess.run(
        [PULUMI, *words, "--non-interactive"], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


def engine(folder: Path, platform: str) -> Any:
    """What the engine hands to a program for the platform's settings; None where it refuses the file."""
    (folder / "Pulumi.s.yaml").write_text(file(platform))
    done = _pulumi(folder, "config", "--json", "--stack", "s")
    return json.loads(json.loads(done.stdout)[KEY]["value"]) if done.returncode == 0 else None


def file(platform: str) -> str:
    return f"config:\n  {KEY}:\n" + "".join(f"    {line}\n" for line in platform.splitlines())


def listed(scalars: list[str]) -> str:
    return "values:\n" + "".join(f"  - {each}\n" for each in scalars)


def mapped(scalars: list[str]) -> str:
    return "".join(f"k{at}:\n  {each}: 1\n" for at, each in enumerate(scalars))


def same(ours: Any, engines: Any) -> bool:
    """Alike to a program, which cannot see whether a number has been spelled 1000 or 1e3."""
    return ours == engines and isinstance(ours, bool) == isinstance(engines, bool)


@needs_pulumi
def test_every_value_without_quotes_is_what_the_engine_reads(project: Path) -> None:
    read = engine(project, listed(ALL))["values"]
    beyond = {each for each in TOO_LARGE.split() if isinstance(engine_reads(each), float)}
    different = [
        (each, engine_reads(each), read[at])
        for at, each in enumerate(ALL)
        if each not in beyond and not same(engine_reads(each), read[at])
    ]
    assert different == []


@needs_pulumi
def test_so_is_every_short_text_that_may_be_a_number(project: Path) -> None:
    scalars = [each for each in generated() if not each.endswith(":")]
    read = engine(project, listed(scalars))["values"]
    assert [
        (each, engine_reads(each), read[at])
        for at, each in enumerate(scalars)
        if not same(engine_reads(each), read[at])
    ] == []


@needs_pulumi
def test_what_is_accepted_is_deployed_as_it_is_written_and_what_is_refused_is_not(project: Path) -> None:
    read = engine(project, listed(ALL))["values"]
    for at, each in enumerate(ALL):
        engines = None if each in ("~", "null") else read[at]
        shown = str(engines).lower() if isinstance(engines, bool) else str(engines)
        is_as_written = shown == each or each in ("~", "null")
        if unlike(each, key=False) is None:
            assert is_as_written, each
        else:
            assert not is_as_written or each in TOO_LARGE.split(), each


@needs_pulumi
def test_every_key_that_is_accepted_is_the_engines_key(project: Path) -> None:
    read = engine(project, mapped(KEYS))
    for at, each in enumerate(KEYS):
        (key,) = read[f"k{at}"]
        assert (key == each) == (unlike(each, key=True) is None), (each, key)


@needs_pulumi
@pytest.mark.parametrize("scalar", NOT_FINITE)
def test_what_the_engine_cannot_hand_over_is_refused(scalar: str, project: Path) -> None:
    assert engine(project, listed([scalar])) is None
    assert unlike(scalar, key=False) is not None


STRUCTURES = [
    "a: &a {x: 1, y: 2}\nb: {<<: *a, y: 3, z: 4}",
    "a: &a {x: 1}\nb: &b {x: 2, y: 2}\nc: {<<: [*a, *b], z: 1}",
    'a: {"<<": {x: 1}}',
    "a: &a [1, two]\nb: *a",
    "a: {1: x, 1.5: y, true: z}\nb: {'007': x, \"null\": y}",
    "a: !!str 007\nb: {!!str 1.10: x}",
    "a: |\n  007\nb: >-\n  1e3\nc: '1.10'\nd: \"\\x41\\u00e9\"",
    "a: {b: 1,c: }\nd: [a,b]\ne: {f: delete,compact}",
    "a: x # no\nb: x#yes\nc: http://x:1/y",
]


@needs_pulumi
@pytest.mark.parametrize("text", STRUCTURES)
def test_merges_anchors_and_quotes_are_what_the_engine_reads(text: str, project: Path) -> None:
    assert select(parse_yaml(file(text))) == engine(project, text)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("topics: {007: {}}", "topics.007: 007 has no quotes, and Pulumi reads 7: put it in quotes"),
        ("topics: {1.10: {}}", "topics.'1.10': 1.10 has no quotes, and Pulumi reads 1.1: put it in quotes"),
        ("topics: {1e3: {}}", "topics.1e3: 1e3 has no quotes, and Pulumi reads 1000: put it in quotes"),
        ("topics: {null: {}}", "topics.null: null has no quotes, and Pulumi reads <nil>: put it in quotes"),
        ("topics: {~: {}}", "topics.~: ~ has no quotes, and Pulumi reads <nil>: put it in quotes"),
        (
            "tenants: {t: {users: {2024-01-01: {}}}}",
            "tenants.t.users.2024-01-01: 2024-01-01 has no quotes, and Pulumi reads 2024-01-01 00:00:00 +0000 UTC: put it in quotes",
        ),
        (
            "topics: {o: {config: {segment.ms: 0123}}}",
            "topics.o.config.'segment.ms': 0123 has no quotes, and Pulumi reads 83: put it in quotes, or write 83",
        ),
        (
            "kafka: {nodes: 0x3}",
            "kafka.nodes: 0x3 has no quotes, and Pulumi reads 3: put it in quotes, or write 3",
        ),
        (
            "keda: {values: {image: {tag: 1.10}}}",
            "keda.values.image.tag: 1.10 has no quotes, and Pulumi reads 1.1: put it in quotes, or write 1.1",
        ),
        (
            "kafka: {nodes: .inf}",
            "kafka.nodes: .inf is no number that Pulumi can hand over: write another one, or put it in quotes",
        ),
        (
            "a: &a {x: 0o7}\nb: [{<<: *a}, *a]",
            "a.x: 0o7 has no quotes, and Pulumi reads 7: put it in quotes, or write 7",
        ),
        ("b: {<<: [{x: 0o7}]}", "b.x: 0o7 has no quotes, and Pulumi reads 7: put it in quotes, or write 7"),
    ],
)
def test_what_needs_quotes_is_named_with_its_place(text: str, line: str) -> None:
    with pytest.raises(SettingsError) as caught:
        parse_yaml(file(text))
    assert [str(each) for each in caught.value.faults] == [line]


def test_all_that_need_quotes_are_named_at_once() -> None:
    with pytest.raises(SettingsError) as caught:
        parse_yaml(file("topics: {007: {}, 1.10: {partitions: 1_0}}"))
    assert [each.path for each in caught.value.faults] == [
        ("topics", "007"),
        ("topics", "1.10"),
        ("topics", "1.10", "partitions"),
    ]


def test_so_they_are_in_a_file_of_topics(tmp_path: Path) -> None:
    (tmp_path / "more.yaml").write_text("007: {}\n")
    with pytest.raises(SettingsError) as caught:
        parse({"topicFiles": ["more.yaml"]}, tmp_path)
    assert [str(each) for each in caught.value.faults] == [
        "topicFiles[0]: 'more.yaml', 007: 007 has no quotes, and Pulumi reads 7: put it in quotes"
    ]


@pytest.mark.parametrize("tag", ["!!int", "!!float", "!!binary", "!!timestamp", "!", "!own", "!!null", "!!bool"])
def test_a_tag_is_refused(tag: str) -> None:
    with pytest.raises(SettingsError, match=r"line 3: a value has a !tag: write a plain value"):
        parse_yaml(file(f"a: {tag} x"))


def test_what_is_not_the_platforms_own_may_be_spelled_as_people_like() -> None:
    parse_yaml(f"encryptionsalt: 007\nconfig:\n  other:build: 0123\n  {KEY}: {{namespace: a}}\n")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ('a: "x\\/y"', "line 3: a / does not need a \\ before it: write / alone"),
        ('a: "\\ud83d\\ude00"', "line 3: a text has an escape for half of a character: write the character itself"),
        ("007", "all of it: 007 has no quotes, and Pulumi reads 7: put it in quotes, or write 7"),
    ],
)
def test_so_is_what_the_engine_cannot_read(text: str, line: str) -> None:
    with pytest.raises(SettingsError) as caught:
        parse_yaml(file(text))
    assert [str(each) for each in caught.value.faults] == [line]
