"""`python -m infra size`: as a table, as JSON, and as a stack file that holds the load."""

import json
from pathlib import Path

import pytest
import yaml

from infra.__main__ import main
from infra.capabilities import CAPABILITIES
from infra.capabilities.capability import Stack
from infra.settings.parsing import parse
from infra.sizing.advice import advice
from infra.sizing.text import counted, rate, storage
from tests.documented import ROOT

LOAD = ["size", "--records", "5000", "--peak", "3", "--retention", "7d", "--per-pod", "200", "--batched", "5000"]


def test_the_fragment_is_a_stack_that_holds_the_load(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*LOAD, "--format", "yaml"]) == 0
    made = yaml.safe_load(capsys.readouterr().out)
    made["workers"]["reader"] |= {"image": "example.com/reader:1", "tenant": "shop"}
    whole = made | {"namespace": "streaming", "tenants": {"shop": {"namespace": "shop"}}, "keda": {}}
    assert advice(Stack(parse(whole), CAPABILITIES)) == []


@pytest.mark.parametrize("fewer", [("topics", "records", "partitions", 74), ("kafka", "storage", "500Gi")])
def test_less_of_it_does_not(fewer: tuple[object, ...], capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*LOAD, "--format", "yaml"]) == 0
    made = yaml.safe_load(capsys.readouterr().out)
    made["workers"]["reader"] |= {"image": "example.com/reader:1", "tenant": "shop"}
    *path, last, value = fewer
    at = made
    for key in path:
        at = at[key]
    at[last] = value
    whole = made | {"namespace": "streaming", "tenants": {"shop": {"namespace": "shop"}}, "keda": {}}
    assert advice(Stack(parse(whole), CAPABILITIES)) != []


def test_the_documented_table_is_what_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    page = (ROOT / "docs" / "sizing.md").read_text(encoding="utf-8")
    command, _, shown = page.partition("$ python -m infra ")[2].partition("\n")
    assert main(command.split()) == 0
    assert shown.partition("```")[0].rstrip() == capsys.readouterr().out.rstrip()


def test_json_has_the_same_numbers(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*LOAD, "--format", "json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["version"] == 1
    assert found["partitions"] == 75
    assert found["pods"] == {"min": 50, "average": 50, "most": 75}
    assert found["brokers"]["because"] == "disk"


def test_records_for_ever_have_no_number_of_brokers(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["size", "--records", "10", "--retention", "forever"]) == 0
    assert "kept for ever" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        ("--records x", "argument --records: 'x' is not a number from 0.001 to 1,000,000,000"),
        ("--records nan", "argument --records: 'nan' is not a number"),
        ("--records 1 --size 0B", "argument --size: '0B' is not the size of a record: write one such as 1kB"),
        ("--records 1 --retention soon", "argument --retention: 'soon' is not a duration"),
        ("--records 1 --delay forever", "argument --delay: 'forever' is not a delay: write one such as 10s"),
        ("--records 1 --replicas 0", "argument --replicas: '0' is not a whole number from 1 to 10"),
        ("--records 1 --broker-disk 1Mi", "argument --broker-disk: '1Mi' is less than one segment of a log"),
        ("--records 1 --broker-network 1Gbit", "argument --broker-network: '1Gbit' is not a rate"),
        ("", "the following arguments are required: --records"),
    ],
)
def test_wrong_arguments_are_refused_by_name(arguments: str, fault: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["size", *arguments.split()])
    assert ended.value.code == 2
    assert fault in capsys.readouterr().err


def test_fewer_partitions_than_needed_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*LOAD, "--partitions", "10"]) == 1
    assert capsys.readouterr().out == (
        "--partitions 10: a reader needs 75 pods for 15,000 records/s, 200 each: use at least 75\n"
    )


def test_more_than_a_topic_can_do_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["size", "--records", "1000000000", "--per-pod", "1"]) == 1
    assert "a topic has at most 10,000: divide the load" in capsys.readouterr().out


def test_more_than_a_kafka_can_have_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["size", "--records", "5000", "--size", "1Mi", "--broker-network", "1kB/s"]) == 1
    assert "brokers are needed: divide the load, or give each more network" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("size", "text"), [(0, "0 kB/s"), (4.5, "0.0045 kB/s"), (3_750_000, "3.75 MB/s"), (1.5e10, "15 GB/s")]
)
def test_rates_are_readable(size: float, text: str) -> None:
    assert rate(size) == text


@pytest.mark.parametrize(
    ("number", "what", "text"), [(1, "copy", "1 copy"), (3, "copy", "3 copies"), (1_500, "pod", "1,500 pods")]
)
def test_words_fit_their_numbers(number: int, what: str, text: str) -> None:
    assert counted(number, what) == text


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (1, "1Mi"),
        (2**30, "1Gi"),
        (2**30 + 2**20, "1.1Gi"),
        (598 * 2**30, "600Gi"),
        (1023 * 2**30, "1100Gi"),
        (2**40, "1Ti"),
        (0, "1Mi"),
    ],
)
def test_sizes_are_rounded_up(size: int, text: str) -> None:
    assert storage(size) == text


def test_nothing_is_read_or_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["size", "--records", "1"]) == 0
    assert list(tmp_path.iterdir()) == []
