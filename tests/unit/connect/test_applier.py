"""The program that applies connectors, with a Kafka Connect that answers as it is told."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import cast

import pytest
from kafka_platform_runtime.connect_applier import apply as applying
from kafka_platform_runtime.connect_applier.__main__ import run
from kafka_platform_runtime.connect_applier.apply import Applier
from kafka_platform_runtime.connect_applier.client import Connect, Status, root_cause
from kafka_platform_runtime.connect_applier.declarations import Connector, Declared, read
from kafka_platform_runtime.failures import Refused, Transient
from kafka_platform_runtime.jobs import REFUSED

RUNNING = Status(state="RUNNING", tasks=["RUNNING"], failure=None)
FAILED = Status(state="RUNNING", tasks=["FAILED"], failure="password authentication failed")


class Told:
    """Keeps what it is told. `answers` are the states of a connector, one after the other; the last one stays."""

    def __init__(self, *answers: Status, faults: Mapping[str, list[str]] | None = None) -> None:
        self.configs: dict[str, dict[str, str]] = {}
        self.said: list[str] = []
        self.answers = list(answers) or [RUNNING]
        self.invalid = faults or {}

    def names(self) -> set[str]:
        return set(self.configs)

    def config(self, name: str) -> dict[str, str] | None:
        return self.configs.get(name)

    def faults(self, name: str, config: Mapping[str, str]) -> list[str]:
        return self.invalid.get(name, [])

    def create(self, name: str, config: Mapping[str, str], state: str) -> None:
        self.configs[name] = {**config, "name": name}
        self.said.append(f"create {name} {state}")

    def put(self, name: str, config: Mapping[str, str]) -> None:
        self.configs[name] = {**config, "name": name}
        self.said.append(f"put {name}")

    def turn(self, name: str, state: str) -> None:
        self.said.append(f"{name} {state}")

    def restart(self, name: str) -> None:
        self.said.append(f"restart {name}")

    def status(self, name: str) -> Status | None:
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]

    def delete(self, name: str) -> bool:
        return self.configs.pop(name, None) is not None


def connector(name: str = "shop", state: str = "running") -> Connector:
    return Connector(name=name, config={"connector.class": "a.Source"}, state=state)


def applier(connect: Told, *connectors: Connector, removed: tuple[str, ...] = ()) -> Applier:
    return Applier(cast(Connect, connect), Declared(connectors=connectors or [connector()], removed=removed))


@pytest.fixture(autouse=True)
def _without_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(applying, "PATIENCE_SECONDS", 0.0)
    monkeypatch.setattr(applying, "RESTART_SECONDS", 0.0)


def test_nothing_is_changed_if_one_is_invalid() -> None:
    connect = Told(faults={"b": ["hosts: missing", "port: not a number"]})
    with pytest.raises(Refused) as refused:
        applier(connect, connector("a"), connector("b")).attempt()
    assert refused.value.faults == ("connector b: hosts: missing", "connector b: port: not a number")
    assert connect.said == []


def test_a_database_that_just_starts_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(applying, "PATIENCE_SECONDS", 60.0)
    connect = Told(faults={"shop": ["database.hostname: refused"]})
    trying = applier(connect)
    with pytest.raises(Transient, match=r"^connector shop: database\.hostname: refused$"):
        trying.attempt()
    connect.invalid = {}
    assert trying.attempt() == "done: 1 applied, 0 unchanged, 0 deleted"


def test_what_is_as_declared_is_left_alone() -> None:
    connect = Told()
    applier(connect).attempt()
    assert applier(connect).attempt() == "done: 0 applied, 1 unchanged, 0 deleted"
    assert connect.said == ["create shop running"]


def test_what_failed_is_started_once_more_and_then_told_with_its_reason() -> None:
    connect = Told(FAILED)
    trying = applier(connect)
    with pytest.raises(Transient):
        trying.attempt()
    with pytest.raises(Refused, match=r"^connector shop: failed: password authentication failed$"):
        trying.attempt()
    assert connect.said == ["create shop running", "restart shop"]


def test_what_fails_just_after_it_began_is_noticed() -> None:
    with pytest.raises(Transient, match="password authentication failed"):
        applier(Told(RUNNING, FAILED)).attempt()


def test_a_connector_without_tasks_is_waited_for() -> None:
    with pytest.raises(Transient, match=r"^connector shop: the connector is running, its tasks: none yet$"):
        applier(Told(Status(state="RUNNING", tasks=[], failure=None))).attempt()


def test_one_that_is_to_be_paused_is_told_so() -> None:
    connect = Told(RUNNING, Status(state="PAUSED", tasks=["PAUSED"], failure=None))
    connect.configs = {"shop": {"connector.class": "a.Source", "name": "shop"}}
    trying = applier(connect, connector(state="paused"))
    with pytest.raises(Transient):
        trying.attempt()
    assert trying.attempt() == "done: 0 applied, 1 unchanged, 0 deleted"
    assert connect.said == ["shop paused"]


@pytest.mark.parametrize("state", ["paused", "stopped"])
def test_one_that_is_not_to_run_never_does(state: str) -> None:
    tasks = ["PAUSED"] if state == "paused" else []
    connect = Told(Status(state=state.upper(), tasks=tasks, failure=None))
    applier(connect, connector(state=state)).attempt()
    assert connect.said == [f"create shop {state}"]
    other = {"connector.class": "another.Source"}
    applier(connect, Connector(name="shop", config=other, state=state)).attempt()
    assert connect.said[1:] == [f"shop {state}", "put shop"]


def test_only_what_is_named_is_deleted(capsys: pytest.CaptureFixture[str]) -> None:
    connect = Told()
    connect.configs = {"old": {}, "other": {}}
    assert applier(connect, removed=("old", "never-there")).attempt() == "done: 1 applied, 0 unchanged, 1 deleted"
    assert connect.configs.keys() == {"other", "shop"}
    assert "other: is not declared, and keeps its last configuration" in capsys.readouterr().out


def test_a_trace_of_java_becomes_one_line() -> None:
    trace = (
        "org.apache.kafka.connect.errors.ConnectException: Error while starting.\n\tat a.B.c(B.java:1)\n"
        "Caused by: java.sql.SQLException: outer\n\tat d.E\nCaused by: org.postgresql.util.PSQLException: FATAL: no slot\n"
    )
    assert root_cause(trace) == "Error while starting: FATAL: no slot"
    assert root_cause("") == "it does not say why"


@pytest.mark.parametrize(
    ("files", "variables", "message"),
    [
        ({}, {"CONNECT_URL": "connect:8083"}, "CONNECT_URL: 'connect:8083' is not an address"),
        ({}, {"DEADLINE_SECONDS": "soon"}, "DEADLINE_SECONDS: cannot be read"),
        ({"connector.shop": "{"}, {}, "the declarations in"),
        ({"connector.shop": json.dumps({"name": "shop"})}, {}, "the declarations in"),
    ],
)
def test_misuse(tmp_path: Path, files: dict[str, str], variables: dict[str, str], message: str) -> None:
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    code, told = run({"CONNECT_URL": "http://connect:8083", "DECLARATIONS_DIR": str(tmp_path), **variables})
    assert code == REFUSED
    assert message in told


def test_declarations_are_read_by_name(tmp_path: Path) -> None:
    for name in ("b", "a"):
        (tmp_path / f"connector.{name}").write_text(
            json.dumps({"name": name, "state": "running", "config": {"x": "1"}})
        )
    (tmp_path / "removed").write_text('["old"]')
    found = read(tmp_path)
    assert [each.name for each in found.connectors] == ["a", "b"]
    assert found.removed == ["old"]
