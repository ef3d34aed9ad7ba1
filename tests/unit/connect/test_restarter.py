"""The program that restarts connectors that have failed: when it does, and what it leaves alone."""

from typing import Any

import pytest
from kafka_platform_runtime.connect_applier.client import Connect, Status
from kafka_platform_runtime.connect_restarter.__main__ import Looking, Settings
from kafka_platform_runtime.connect_restarter.page import Page
from kafka_platform_runtime.connect_restarter.restarts import Restarts
from kafka_platform_runtime.failures import Refused, Transient

from tests.dashboards import asked


def restarted_at(failing: Any, until: int) -> list[int]:
    """The seconds at which a connector is restarted that is seen each second."""
    restarts, found = Restarts(), []
    for now in range(until):
        if restarts.is_due("shop", now, failed=failing(now)):
            restarts.restarted("shop", now)
            found.append(now)
    return found


def test_pauses_double_up_to_five_minutes_and_never_end() -> None:
    assert restarted_at(lambda _: True, 1600) == [20, 60, 140, 300, 600, 900, 1200, 1500]


def test_one_that_comes_back_is_left_alone() -> None:
    assert restarted_at(lambda now: now <= 60, 1000) == [20, 60]


def test_one_that_fails_again_and_again_is_restarted_no_more_often() -> None:
    # It works for half a minute after each restart, which is seen.
    last: list[int] = []
    restarts = Restarts()
    for now in range(2000):
        failed = not last or now - last[-1] > 30
        if restarts.is_due("shop", now, failed=failed):
            restarts.restarted("shop", now)
            last.append(now)
    assert last == [20, 71, 151, 311, 611, 911, 1211, 1511, 1811]


def test_after_five_good_minutes_pauses_begin_anew() -> None:
    times = restarted_at(lambda now: now <= 140 or now > 450, 520)
    assert times == [20, 60, 140, 471, 511]


class Fake(Connect):
    """A Kafka Connect with these states."""

    def __init__(self, states: dict[str, Status | Exception]) -> None:
        self.states, self.restarted = states, list[str]()

    def names(self) -> set[str]:
        return set(self.states)

    def status(self, name: str) -> Status | None:
        found = self.states[name]
        if isinstance(found, Exception):
            raise found
        return found

    def config(self, name: str) -> dict[str, str] | None:
        package = "org.apache.kafka.connect.mirror"
        return {"connector.class": f"{package}.Mirror{'Checkpoint' if name == 'offsets' else 'Source'}Connector"}

    def restart(self, name: str) -> None:
        if name == "busy":
            raise Transient("connector busy: Kafka Connect answers 409: a rebalance is in process")
        self.restarted.append(name)


def status(state: str = "RUNNING", failure: str | None = None) -> Status:
    return Status(state=state, tasks=["FAILED" if failure else state], failure=failure)


def look(states: dict[str, Status | Exception], times: int = 2) -> tuple[Fake, Page]:
    connect, page = Fake(states), Page()
    looking = Looking(connect, Restarts(first=1e-9), page)
    for _ in range(times):
        looking.once()
    return connect, page


def test_only_what_has_failed_and_is_to_run_is_restarted(capsys: pytest.CaptureFixture[str]) -> None:
    connect, page = look(
        {
            "away": status(failure="the database does not answer"),
            "paused": status("PAUSED", "it failed before"),
            "stopped": status("STOPPED", "it failed before"),
            "well": status(),
        }
    )
    assert connect.restarted == ["away"]
    assert (
        "connector away: restarted, next time not before 0 s: the database does not answer" in capsys.readouterr().out
    )
    assert b'connect_restarter_restarts_total{connector="away"} 1.0' in page.text
    assert b'connect_restarter_restarts_total{connector="well"} 0.0' in page.text


def test_it_shows_what_dashboards_and_alerts_ask_for() -> None:
    _, page = look({"well": status()})
    shown = {line.partition("{")[0].partition(" ")[0] for line in page.text.decode().splitlines() if line[:1] != "#"}
    assert asked("connect_restarter_") <= shown


def test_one_that_runs_without_a_task_is_shown_and_left_alone() -> None:
    without = Status(state="RUNNING", tasks=[], failure=None)
    stopped = Status(state="STOPPED", tasks=[], failure=None)
    connect, page = look({"mirror": without, "offsets": without, "stopped": stopped, "well": status()})
    assert connect.restarted == []
    lines = page.text.decode().splitlines()
    shown = sorted(each for each in lines if each.startswith("connect_restarter_idle"))
    assert shown == [
        'connect_restarter_idle{connector="mirror"} 1.0',
        'connect_restarter_idle{connector="offsets"} 0.0',
        'connect_restarter_idle{connector="stopped"} 0.0',
        'connect_restarter_idle{connector="well"} 0.0',
    ]


def test_what_is_gone_is_no_longer_shown() -> None:
    connect, page = Fake({"mirror": Status(state="RUNNING", tasks=[], failure=None)}), Page()
    looking = Looking(connect, Restarts(), page)
    looking.once()
    connect.states = {"well": status()}
    looking.once()
    assert b"mirror" not in page.text


def test_one_that_cannot_be_restarted_holds_up_no_other(capsys: pytest.CaptureFixture[str]) -> None:
    connect, page = look(
        {
            "busy": status(failure="x"),
            "mute": Transient("connector mute: Kafka Connect answers 500: it does not say why"),
            "odd": Refused(["connector odd: Kafka Connect answers 400: no"]),
            "worse": KeyError("state"),
            "away": status(failure="x"),
        }
    )
    assert connect.restarted == ["away"]
    assert "cannot look at the connectors: connector busy: Kafka Connect answers 409" in capsys.readouterr().out
    assert b"connect_restarter_last_success_timestamp_seconds 0.0" in page.text


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({}, "CONNECT_URL: '' is not an address"),
        ({"CONNECT_URL": "http://c:8083", "RESTARTER_FIRST_SECONDS": "0"}, "RESTARTER_FIRST_SECONDS: '0' is not"),
        (
            {"CONNECT_URL": "http://c:8083", "RESTARTER_LONGEST_SECONDS": "nan"},
            "RESTARTER_LONGEST_SECONDS: 'nan' is not",
        ),
        ({"CONNECT_URL": "http://c:8083", "RESTARTER_PORT": "x"}, "RESTARTER_PORT: 'x' is not a number"),
    ],
)
def test_a_variable_that_is_wrong_is_named(variables: dict[str, str], message: str) -> None:
    with pytest.raises(Refused, match=f"^{message}"):
        Settings.from_environment(variables)
