"""Findings about connectors, from what Kafka Connect and the pods of light ones say."""

from pathlib import Path

import pytest

from infra.connectors.seen import Seen
from infra.doctor import connectors
from infra.doctor.findings import Severity
from infra.doctor.looking import _connectors
from infra.live.cluster import Cluster
from infra.live.metrics import NAMES
from infra.live.samples import parse
from infra.settings.parsing import read_stack
from tests.unit import test_connectors_command as command
from tests.unit.test_api_server import Server

server = command.server


def findings(*seen: Seen) -> list[tuple[str, Severity, str, str]]:
    found = [each for check in (connectors.failed, connectors.changed) for each in check("streaming", "prod", seen)]
    return [(each.check, each.severity, each.subject, each.message) for each in found]


def seen(state: str = "running", **more: str) -> Seen:
    return Seen(name="shop", kind="postgres", state=state, tasks="1/1", **more)


def test_a_connector_as_declared_is_no_finding() -> None:
    assert findings(seen(), seen("paused", wanted="paused")) == []


@pytest.mark.parametrize("state", ["failed", "missing"])
def test_one_that_moves_nothing_is_a_fault_and_told_once(state: str) -> None:
    found = findings(seen(state, reason="no such host", drift="changed by hand: url", wanted="running"))
    assert found == [
        (
            "connector-failed",
            Severity.FAULT,
            "Connector/streaming/shop",
            f"is {state}, 1/1 work: no such host",
        )
    ]


def test_what_was_changed_by_hand_is_a_warning_that_says_how_to_set_it_back() -> None:
    [found] = connectors.changed(
        "streaming", "prod", [seen(drift="changed by hand: tasks.max: --restore sets it back")]
    )
    assert (found.severity, found.message) == (Severity.WARNING, "changed by hand: tasks.max")
    assert found.fix.startswith("python -m infra connectors prod --restore shop")


def test_one_paused_by_hand_and_one_that_nobody_declared_are_warnings() -> None:
    found = findings(seen("paused"), seen(wanted="absent", reason="not declared"))
    assert [each[3] for each in found] == [
        "is paused, and the file says running",
        "is running, and the file says absent: not declared",
    ]


def looked(server: Server, tmp_path: Path) -> tuple[list[Seen], list[str]]:
    settings = read_stack(tmp_path / "Pulumi.dev.yaml")
    found, notes = _connectors(Cluster(settings.kubernetes, {"KUBECONFIG": str(server.kubeconfig)}), settings)
    return found, [each.why for each in notes]


def test_all_connectors_of_the_file_are_looked_at(server: Server, tmp_path: Path) -> None:
    command.answers(server, shop=command.status("FAILED", kind="source"), dw=command.status("RUNNING"))
    found, notes = looked(server, tmp_path)
    assert {each.name: each.state for each in found} == {"shop": "failed", "dw": "running", "search": "running"}
    assert notes == []
    [fault] = connectors.failed("streaming", "dev", found)
    assert "hunter2" not in fault.message


def test_a_kafka_connect_that_does_not_answer_is_a_note_and_no_finding(server: Server, tmp_path: Path) -> None:
    server.answers = {path: each for path, each in server.answers.items() if "8083" not in path}
    found, notes = looked(server, tmp_path)
    assert [each.name for each in found] == ["search"]
    assert len(notes) == 1


@pytest.mark.parametrize(
    ("limit", "kept", "lost", "check"),
    [
        ("-1", "5", "0", "slot-unlimited"),
        ("-1", "20000000000", "0", "slot-grows"),
        ("1000", "600", "0", "slot-grows"),
        ("1000", "1000", "1", "slot-lost"),
        ("1000", "5", "0", None),
    ],
)
def test_a_slot_that_can_fill_the_databases_disk_is_a_finding_with_the_fix(
    limit: str, kept: str, lost: str, check: str | None
) -> None:
    shown = {"limit_bytes": limit, "kept_bytes": kept, "lost": lost}
    text = "\n".join(f'connect_slots_{name}{{connector="shop"}} {value}' for name, value in shown.items())
    found = list(connectors.slots("streaming", {"connect-slots-1": parse(text, 0.0, NAMES)}))
    assert [each.check for each in found] == ([] if check is None else [check])
    assert {each.subject for each in found} <= {"Connector/streaming/shop"}
    if check == "slot-unlimited":
        assert "alter system set max_slot_wal_keep_size" in found[0].fix
