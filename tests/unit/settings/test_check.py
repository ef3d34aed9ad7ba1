"""`python -m infra check`: what it prints, its exit codes, its speed."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from infra.__main__ import main
from infra.check import ROOT, check

GOOD = "config:\n  kafka-platform:platform: {topics: {orders: {}}}\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "Pulumi.dev.yaml").write_text(GOOD)
    (tmp_path / "Pulumi.prod.yaml").write_text(
        "config:\n  kafka-platform:platform:\n    kafka: {nodes: 3, nodez: 3}\n    topics: {orders: {replicas: 5}}\n"
    )
    (tmp_path / "Pulumi.odd.yaml").write_text("config:\n\ta: 1\n")
    return tmp_path


def test_faults(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert check(["prod"], folder) == 1
    assert capsys.readouterr().out == (
        f"{folder}/Pulumi.prod.yaml: 2 faults\n"
        "  kafka.nodez: unknown key: did you mean 'nodes'?\n"
        "  topics.orders.replicas: 5 replicas on 3 brokers: use at most 3, or add nodes to kafka.nodes\n"
    )


def test_all_are_checked_and_one_fault_is_enough(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert check([], folder) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"{folder}/Pulumi.dev.yaml: ok: embedded Kafka, 1 node, 1 topic, 0 users"
    assert lines[1:3] == [
        f"{folder}/Pulumi.odd.yaml: 1 fault",
        "  line 2: a tab stands in the indentation: write spaces",
    ]
    assert lines[3] == f"{folder}/Pulumi.prod.yaml: 2 faults"


def test_a_stack_that_is_not_there(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert check(["prd", "dev"], folder) == 1
    assert capsys.readouterr().out.splitlines()[:2] == [
        f"{folder}/Pulumi.prd.yaml: 1 fault",
        "  stack prd: has no file Pulumi.prd.yaml: did you mean 'prod'?",
    ]


def test_no_stacks_at_all(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert check([], tmp_path) == 1
    assert capsys.readouterr().out == f"{tmp_path}: no stack files: write Pulumi.<stack>.yaml\n"


def test_files_that_are_no_text(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "Pulumi.latin.yaml").write_bytes(b"config: {a: \xff}\n")
    (tmp_path / "Pulumi.dir.yaml").mkdir()
    assert check([], tmp_path) == 1
    assert capsys.readouterr().out.splitlines()[1::2] == [
        "  file: cannot be read, Is a directory: give the name of a stack",
        "  file: is not text in UTF-8: save it as such",
    ]


@pytest.mark.parametrize("arguments", [[], ["chek"], ["check", "dev", "--all"], ["check", "--fast"]])
def test_usage(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2


def test_the_shipped_stacks(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "dev", "ci"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "stacks/Pulumi.dev.yaml: ok: embedded Kafka, 1 node, 3 topics, 2 users, HTTP gateway",
        "stacks/Pulumi.ci.yaml: ok: embedded Kafka, 3 nodes, 3 topics, 3 users, HTTP gateway, latency probe",
        "  advice: kafka.listeners.external: records leave the cluster readable: name a certificate in kafka.listeners "
        "(external-tls)",
        "  advice: Service gateway-external: port http has no TLS, and passwords come in by it: write gateway.tls "
        "(external-tls)",
    ]


def test_a_stack_without_settings_yet(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "Pulumi.new.yaml").write_text("encryptionsalt: v1:abc\n")
    assert check([], tmp_path) == 0
    assert (
        capsys.readouterr().out
        == f"{tmp_path}/Pulumi.new.yaml: no settings yet, only what `pulumi stack init` writes\n"
    )
    assert check(["new"], tmp_path) == 1


def test_it_needs_neither_engine_nor_cluster_and_is_quick(tmp_path: Path) -> None:
    """Processor time, not the clock: other tests run at the same time. Only this child's: others may end meanwhile."""
    command = [sys.executable, "-m", "infra", "check", "dev", "ci"]
    with (tmp_path / "said").open("w") as said:
        child = subprocess.Popen(command, cwd=ROOT, env={"PATH": "/nonexistent"}, stdout=said, stderr=said)
    _, status, used = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    assert child.returncode == 0, (tmp_path / "said").read_text()
    assert used.ru_utime + used.ru_stime < 5


def test_it_does_not_load_pulumi() -> None:
    """That alone would take longer than everything else."""
    code = "import sys, infra.__main__; sys.exit('pulumi' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0


def test_settings_that_somebody_elses_kafka_may_know_are_advice(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "Pulumi.theirs.yaml").write_text(
        """\
config:
  kafka-platform:platform:
    kafka: {engine: external, bootstrapServers: 'k:9092', adminSecret: admin}
    topics: {orders: {config: {segment.bytes: 1024, message.format.version: '3.0', segment.byte: 1}}}
"""
    )
    assert check(["theirs"], tmp_path) == 0
    assert [line for line in capsys.readouterr().out.splitlines() if "topics.orders" in line] == [
        "  advice: topics.orders.config.'segment.bytes': 1024 is out of range: use at least 1048576 (by Kafka 4.3.1)",
        "  advice: topics.orders.config.'message.format.version': unknown topic setting: Kafka 4.3.1 has none of this name, "
        "remove it (by Kafka 4.3.1)",
        "  advice: topics.orders.config.'segment.byte': unknown topic setting: did you mean 'segment.bytes'? (by Kafka 4.3.1)",
    ]
