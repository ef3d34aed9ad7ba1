"""The keeper of a stream job: whatever dies at whatever moment, each job starts from where the one before has stopped.

tests/e2e/test_streams.py has a real Flink.
"""

import contextlib
import copy
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from kafka_platform_runtime.api_server import ConflictError
from kafka_platform_runtime.failures import Refused, Transient
from kafka_platform_runtime.stream_keeper.change import Change
from kafka_platform_runtime.stream_keeper.cluster import Held
from kafka_platform_runtime.stream_keeper.flink import Job, Outcome, root_cause
from kafka_platform_runtime.stream_keeper.keeper import PATIENCE_SECONDS, TRIAL_SECONDS, Keeper
from kafka_platform_runtime.stream_keeper.ledger import Ledger, Wish, read, written
from kafka_platform_runtime.stream_keeper.settings import Settings
from kafka_platform_runtime.stream_keeper.stop import SILENCE_SECONDS, Stop
from kafka_platform_runtime.stream_keeper.store import Store
from kafka_platform_runtime.stream_keeper.turn import Turn

ID = "0" * 32
BUCKET = "s3://acme/streams/minutes/"
UNFIT = "org.apache.flink.util.StateMigrationException: no"


class World:
    """A cluster, a Flink and a store in memory. The process dies after `lives` more writes."""

    def __init__(self) -> None:
        self.wanted: Wish | None = wish("one")
        self.noted: Held | None = None
        self.lives: int | None = None
        self.state: str | None = None
        """Of the job; None as long as Flink waits to be started."""
        self.script, self.config = "", ""
        self.started: list[tuple[str, str | None]] = []
        """What was started, and from where, each time without what Flink knew."""
        self.flinks_checkpoint = False
        self.files: set[str] = set()
        self.unfit: set[str] = set()
        self.broken: set[str] = set()
        self.outcomes: dict[str, Outcome | None] = {}
        self.leftover: str | None = None
        """The state of the job before, with which Flink had not done when it was killed."""
        self.now = 0.0
        self.asked = True

    def _act(self) -> None:
        if self.lives is not None:
            if self.lives == 0:
                raise KeyboardInterrupt
            self.lives -= 1

    # Kubernetes
    def wish(self) -> Wish | None:
        return self.wanted

    def held(self) -> Held | None:
        return copy.deepcopy(self.noted)

    def note(self, before: Held | None, ledger: Ledger, scripts: Mapping[str, str]) -> None:
        if (before and before.ledger) != (self.noted and self.noted.ledger):
            raise ConflictError("ledger")
        self._act()
        self.noted = Held(ledger=read(written(ledger)), scripts=dict(scripts), found={})

    def has_checkpoint(self) -> bool:
        return self.flinks_checkpoint

    def forget(self) -> None:
        self._act()
        self.flinks_checkpoint = False

    # The store
    def keys(self, prefix: str) -> list[str]:
        return sorted(key for key in self.files if key.startswith(prefix))

    def remove(self, key: str) -> None:
        self._act()
        self.files.remove(key)

    # Flink
    def give(self, config: str, script: str) -> None:
        self._act()
        self.asked = False
        self.config, self.script = config, script
        if self.leftover is not None:
            self.state, self.leftover = self.leftover, None
            return
        found = re.search(r'execution.state-recovery.path: "(.*)"', config)
        if not self.flinks_checkpoint:
            self.started.append((script, found[1] if found else None))
        self.state = "FAILED" if script in self.unfit else "RESTARTING" if script in self.broken else "RUNNING"

    def job(self) -> Job | None:
        if self.asked:
            raise Transient("Flink does not answer")
        return Job(state=str(self.state), works=self.state == "RUNNING")

    def reason(self) -> str | None:
        return (
            root_cause(UNFIT)
            if self.state == "FAILED" and self.script in self.unfit
            else "no slots"
            if self.state == "RESTARTING"
            else None
        )

    def stop(self, folder: str) -> None:
        self._act()
        self.outcomes.setdefault(folder, Outcome(location=f"{folder}/savepoint-1"))
        if self.outcomes[folder] == Outcome(location=f"{folder}/savepoint-1"):
            self.files.add(f"{folder.removeprefix('s3://acme/')}/savepoint-1/_metadata")
            self.state, self.flinks_checkpoint = "FINISHED", False

    def stopped(self, folder: str) -> Outcome | None:
        return self.outcomes.get(folder, Outcome(failure="Flink has restarted"))

    def cancel(self) -> None:
        self._act()
        self.state, self.flinks_checkpoint = "CANCELED", False

    def end(self) -> None:
        self._act()
        self.asked, self.state = True, None

    def checkpoint(self, number: int) -> None:
        """The job completes one."""
        assert self.noted is not None
        self.files.add(f"streams/minutes/checkpoints/{self.noted.ledger.generation}/{ID}/chk-{number}/_metadata")
        self.flinks_checkpoint = True

    @property
    def ledger(self) -> Ledger:
        assert self.noted is not None
        return self.noted.ledger


def wish(name: str, version: int = 1) -> Wish:
    return Wish(plan=name, version=version, script=f"SQL {name}", config="a: b\n")


def keeper(world: World, pods: str | None = None) -> Keeper:
    store = Store(world, "acme", "streams/minutes/", ID)
    return Keeper(world, world, store, world, lambda _: None, lambda: world.now, pods)


def looks(world: World, times: int = 12, each: float = 2.0, pods: str | None = None) -> None:
    own = keeper(world, pods)
    for _ in range(times):
        world.now += each
        try:
            own.once()
        except Transient:
            continue


def running(name: str = "one") -> World:
    world = World()
    world.wanted = wish(name)
    looks(world)
    world.checkpoint(1)
    return world


def test_the_first_job_starts_without_state() -> None:
    world = running()
    assert world.started == [("SQL one", None)]
    assert world.ledger.settled
    assert f'execution.checkpointing.dir: "{BUCKET}checkpoints/1"' in world.config


def test_a_changed_job_starts_from_the_savepoint_of_the_former_one() -> None:
    world = running()
    world.wanted = wish("two")
    looks(world)
    assert world.started[1:] == [("SQL two", f"{BUCKET}savepoints/1-1/savepoint-1")]
    assert world.ledger.settled
    assert world.ledger.former is None
    assert world.noted is not None
    assert world.noted.scripts == {"running.sql": "SQL two"}


@pytest.mark.parametrize("lives", range(12))
def test_its_process_dies_at_any_moment_and_the_change_is_the_same(lives: int) -> None:
    world = running()
    world.wanted, world.lives = wish("two"), lives
    with contextlib.suppress(KeyboardInterrupt):
        looks(world)
    world.lives = None
    looks(world)
    assert world.ledger.settled
    state = world.started[-1]
    assert state[0] == "SQL two"
    assert state[1] is not None
    assert state[1].startswith(f"{BUCKET}savepoints/")
    assert "SQL one" not in [script for script, _ in world.started[1:]]


@pytest.mark.parametrize("lives", range(12))
def test_its_pod_dies_at_any_moment_and_nothing_starts_from_an_older_state(lives: int) -> None:
    """The JobManager dies with it: Flink starts again, and goes on from its checkpoint unless it had stopped."""
    world = running()
    world.wanted, world.lives = wish("two"), lives
    with contextlib.suppress(KeyboardInterrupt):
        looks(world)
    world.lives = None
    world.asked, world.state, world.outcomes = True, None, {}
    looks(world, 20)
    assert world.ledger.settled
    assert world.started[-1][0] == "SQL two"
    assert all(state is not None for _, state in world.started[1:])


@pytest.mark.parametrize("state", ["FINISHED", "CANCELED", "FAILED"])
def test_flink_takes_a_job_for_the_one_before(state: str) -> None:
    """It was killed before it had cleaned up after that one."""
    world = running()
    world.wanted, world.leftover = wish("two"), state
    looks(world, 20)
    assert world.started[-1] == ("SQL two", f"{BUCKET}savepoints/1-1/savepoint-1")
    assert (world.ledger.plan, world.ledger.settled, world.ledger.refused) == ("two", True, None)


def test_flink_forgets_its_checkpoint_and_it_is_found_in_the_store() -> None:
    world = running()
    world.checkpoint(9)
    world.checkpoint(10)
    world.flinks_checkpoint, world.asked = False, True
    looks(world)
    assert world.started[-1] == ("SQL one", f"{BUCKET}checkpoints/1/{ID}/chk-10")


def test_one_that_does_not_fit_is_refused_and_the_former_one_comes_back() -> None:
    world = running()
    world.wanted, world.unfit = wish("two"), {"SQL two"}
    looks(world, 20)
    state = f"{BUCKET}savepoints/1-1/savepoint-1"
    assert world.started[1:] == [("SQL two", state), ("SQL one", state)]
    assert world.ledger.refused is not None
    assert "other types in the new SQL" in world.ledger.refused.reason
    looks(world, 20)
    assert len(world.started) == 3  # it is not tried again and again
    with pytest.raises(Refused, match=r"The former job runs again from s3://.*raise version to 2"):
        waited(world, "two")


def waited(world: World, plan: str) -> str:
    own = Change(world, "stream-minutes", plan)
    own._asked = True
    return own.look()


def test_the_same_deployed_again_is_tried_again() -> None:
    world = running()
    world.wanted, world.unfit = wish("two"), {"SQL two"}
    looks(world, 20)
    world.unfit = set()
    with pytest.raises(Transient):
        Change(world, "stream-minutes", "two").look()
    looks(world)
    assert waited(world, "two") == f"stream-minutes runs; it has started from {BUCKET}savepoints/3-1/savepoint-1"


def test_a_first_job_that_cannot_start_is_refused_and_may_be_corrected() -> None:
    world = World()
    world.unfit = {"SQL one"}
    looks(world)
    with pytest.raises(Refused, match="it cannot start"):
        waited(world, "one")
    with pytest.raises(Transient):
        Change(world, "stream-minutes", "one").look()
    looks(world)
    assert [script for script, _ in world.started] == ["SQL one"] * 2
    world.wanted = wish("two")
    looks(world)
    assert waited(world, "two") == "stream-minutes runs; it has started without state"


def test_one_that_never_runs_makes_place_for_the_former_one() -> None:
    world = running()
    world.wanted, world.broken = wish("two"), {"SQL two"}
    looks(world, 20)
    assert world.ledger.trouble == "no slots"
    looks(world, 20, each=TRIAL_SECONDS / 10)
    assert world.started[-1] == ("SQL one", f"{BUCKET}savepoints/1-1/savepoint-1")
    assert world.state == "RUNNING"


def test_one_that_has_completed_a_checkpoint_never_makes_place() -> None:
    """Readers have seen its results: the former one would write them again."""
    world = running()
    world.wanted, world.broken = wish("two"), {"SQL two"}
    looks(world)
    world.checkpoint(2)
    looks(world, 40, each=TRIAL_SECONDS / 10)
    assert world.ledger.plan == "two"
    assert world.ledger.settled


def test_one_that_does_not_run_is_changed_from_its_last_checkpoint() -> None:
    world = running()
    world.checkpoint(7)
    world.wanted, world.state = wish("two"), "RESTARTING"
    looks(world, 4)
    assert len(world.started) == 1
    looks(world, 20, each=PATIENCE_SECONDS / 10)
    assert world.started[-1] == ("SQL two", f"{BUCKET}checkpoints/1/{ID}/chk-7")


def test_a_savepoint_that_fails_leaves_the_job_alone_and_is_tried_again() -> None:
    world = running()
    world.wanted = wish("two")
    world.outcomes = {f"{BUCKET}savepoints/1-1": Outcome(failure="the store is full")}
    looks(world, 2)
    assert world.state == "RUNNING"
    with pytest.raises(Transient, match="no savepoint: the store is full"):
        waited(world, "two")
    looks(world, 20)
    assert world.started[-1] == ("SQL two", f"{BUCKET}savepoints/1-2/savepoint-1")


def test_a_higher_version_starts_without_state_and_the_savepoint_stays() -> None:
    world = running()
    world.wanted = wish("two", version=2)
    looks(world)
    assert world.started[1:] == [("SQL two", None)]
    assert world.ledger.saved == f"{BUCKET}savepoints/1-1/savepoint-1"
    world.wanted = wish("three")
    looks(world)
    assert world.started[2:] == [("SQL three", f"{BUCKET}savepoints/2-1/savepoint-1")]
    assert world.ledger.version == 2


def test_one_with_a_higher_version_that_cannot_start_makes_place_for_the_former_state() -> None:
    world = running()
    world.wanted, world.unfit = wish("two", version=2), {"SQL two"}
    looks(world, 20)
    assert world.started[-1] == ("SQL one", f"{BUCKET}savepoints/1-1/savepoint-1")
    assert world.ledger.version == 1


def test_something_else_is_declared_while_a_change_is_tried() -> None:
    world = running()
    world.wanted, world.broken = wish("two"), {"SQL two"}
    looks(world)
    world.wanted = wish("three")
    looks(world)
    state = f"{BUCKET}savepoints/1-1/savepoint-1"
    assert world.started[1:] == [("SQL two", state), ("SQL three", state)]


def test_somebody_ends_the_job_by_hand_and_it_goes_on() -> None:
    world = running()
    world.checkpoint(4)
    world.cancel()
    looks(world)
    assert world.started[-1] == ("SQL one", f"{BUCKET}checkpoints/1/{ID}/chk-4")


def test_a_job_that_is_no_longer_declared_is_left_alone() -> None:
    world = running()
    world.wanted = None
    looks(world)
    assert (world.state, world.started) == ("RUNNING", [("SQL one", None)])


def test_the_ledger_is_read_as_it_was_written_and_nothing_else_is() -> None:
    ledger = replace(Ledger(plan="a", version=1).next(wish("b"), "s3://x"), trouble='it\'s "late"\n')
    assert read(written(ledger)) == ledger
    for text in ("", "[]", "{}", '{"plan": "a", "version": 1, "other": 2}', '{"plan": "a", "version": 1, "former": 3}'):
        with pytest.raises(Refused, match=r"ledger\.json: cannot be read"):
            read(text)


@pytest.mark.parametrize(
    ("trace", "said"),
    [
        (
            "org.a.JobException: outer\n\tat x\nCaused by: java.util.E\nCaused by: org.b.KafkaException: no topic\n",
            "no topic",
        ),
        ("java.lang.NullPointerException", "NullPointerException"),
        (
            "a.b.RuntimeException: x\nCaused by: java.lang.IllegalStateException: Failed to rollback to checkpoint/savepoint s3://x. "
            "Cannot map checkpoint/savepoint state for operator cbc357 to the new program",
            "it keeps state in steps that the new SQL does not have in the same place",
        ),
        ("nonsense", "it does not say why"),
        (f"a.b.FlinkException: {'x' * 9000}", "x" * 400),
    ],
)
def test_a_stack_trace_in_one_line(trace: str, said: str) -> None:
    assert root_cause(trace) == said


def test_flink_gets_its_files_before_it_may_start(tmp_path: Path) -> None:
    turn = Turn(tmp_path)
    assert not turn.asked
    (tmp_path / "ask").touch()
    turn.give("a: b\n", "SELECT 1")
    assert ((tmp_path / "conf" / "job.sql").read_text(), (tmp_path / "go").exists(), turn.asked) == (
        "SELECT 1",
        True,
        False,
    )


@pytest.mark.parametrize("name", ["", "../other", "a/b", "A", "x" * 64])
def test_a_name_that_is_none_asks_for_nothing(name: str) -> None:
    with pytest.raises(Refused, match="STREAM_NAME"):
        Settings.from_environment({"STREAM_NAMESPACE": "streaming", "STREAM_NAME": name, "STREAM_JOB": ID})


def program(name: str, pods: str, version: int = 1) -> Wish:
    return replace(wish(name, version), pods=pods)


def replaced(world: World, pods: str, times: int = 20) -> None:
    """The pods give way to others: Flink ends with them."""
    world.asked, world.state, world.outcomes = True, None, {}
    looks(world, times, pods=pods)


def of_program() -> World:
    """One that runs, in the pods `a`."""
    world = World()
    world.wanted = program("one", "a")
    looks(world, pods="a")
    assert world.ledger.settled
    return world


def stopped(world: World, pods: str, seconds: float = 0) -> str:
    since = iter([world.now, world.now + seconds])
    return Stop(world, "stream-totals", pods, lambda: next(since)).look()


SAVED = f"{BUCKET}savepoints/1-1/savepoint-1"


def test_a_program_stops_before_its_pods_give_way_and_starts_in_the_others() -> None:
    world = of_program()
    assert stopped(World(), "a") == "stream-totals: no job runs yet"
    world.wanted = program("two", "b")
    with pytest.raises(Transient, match="it has not begun to stop"):
        stopped(world, "b")
    looks(world, pods="a")
    assert stopped(world, "b") == f"stream-totals: the next job starts from {SAVED}"
    assert [script for script, _ in world.started] == ["SQL one"]  # not in these pods
    replaced(world, "b")
    assert world.started[-1] == ("SQL two", SAVED)
    assert (world.ledger.plan, world.ledger.pods, world.ledger.settled) == ("two", "b", True)


@pytest.mark.parametrize("lives", range(12))
def test_pods_that_give_way_at_any_moment_leave_no_older_state(lives: int) -> None:
    """As with files of manifests, which wait for nothing."""
    world = of_program()
    world.checkpoint(3)
    world.wanted, world.lives = program("two", "b"), lives
    with contextlib.suppress(KeyboardInterrupt):
        looks(world, pods="a")
    world.lives = None
    replaced(world, "b")
    assert world.ledger.settled
    script, state = world.started[-1]
    assert script == "SQL two"
    assert state in (SAVED, f"{BUCKET}checkpoints/1/{ID}/chk-3")
    assert (state == SAVED) == any("savepoints/1-1" in each for each in world.files)


def test_a_program_that_does_not_fit_waits_and_its_former_one_goes_on_once_it_is_taken_back() -> None:
    world = of_program()
    world.wanted, world.unfit = program("two", "b"), {"SQL two"}
    looks(world, pods="a")
    replaced(world, "b", 40)
    assert [each for each in world.started[1:] if each[0] == "SQL one"] == []
    with pytest.raises(Refused, match=r"so none runs; its state is in s3://.*Take the change back"):
        waited(world, "two")
    world.wanted = program("one", "a")
    looks(world, pods="b")
    assert stopped(world, "a") == f"stream-totals: the next job starts from {SAVED}"
    replaced(world, "a")
    assert world.started[-1] == ("SQL one", SAVED)
    assert (world.ledger.pods, world.ledger.settled) == ("a", True)


def test_a_program_with_other_arguments_that_do_not_fit_comes_back_in_the_same_pods() -> None:
    world = of_program()
    world.wanted, world.unfit = program("two", "a"), {"SQL two"}
    looks(world, 20, pods="a")
    assert world.started[1:] == [("SQL two", SAVED), ("SQL one", SAVED)]
    assert world.ledger.pods == "a"


def test_other_pods_do_not_wait_for_a_keeper_that_is_gone() -> None:
    world = of_program()
    world.checkpoint(5)
    world.wanted = program("two", "b")
    assert "its last checkpoint takes its place" in stopped(world, "b", SILENCE_SECONDS + 1)
    replaced(world, "b")
    assert world.started[-1] == ("SQL two", f"{BUCKET}checkpoints/1/{ID}/chk-5")


def test_pods_that_gitops_replaces_at_once_start_from_the_last_checkpoint() -> None:
    world = of_program()
    world.checkpoint(5)
    world.wanted = program("two", "b")
    replaced(world, "b")
    assert world.started[-1] == ("SQL two", f"{BUCKET}checkpoints/1/{ID}/chk-5")


def test_pods_that_gitops_replaces_while_a_savepoint_is_written_start_from_the_newest_state() -> None:
    for complete in (True, False):
        world = of_program()
        world.checkpoint(5)
        world.wanted = program("two", "b")
        folder = f"{BUCKET}savepoints/1-1"
        world.noted = replace(world.noted, ledger=replace(world.ledger, stopping=folder))  # type: ignore[type-var]
        if complete:
            world.files.add("streams/minutes/savepoints/1-1/savepoint-1/_metadata")
        replaced(world, "b")
        state = f"{folder}/savepoint-1" if complete else f"{BUCKET}checkpoints/1/{ID}/chk-5"
        assert world.started[-1] == ("SQL two", state), complete


def test_a_program_that_gitops_brings_and_that_does_not_fit_loses_nothing() -> None:
    world = of_program()
    world.checkpoint(5)
    world.wanted, world.unfit = program("two", "b"), {"SQL two"}
    replaced(world, "b")
    assert world.ledger.refused is not None
    world.wanted = program("one", "a")
    replaced(world, "a")
    assert world.started[-1] == ("SQL one", f"{BUCKET}checkpoints/1/{ID}/chk-5")


def test_a_savepoint_that_is_being_written_is_waited_for() -> None:
    world = of_program()
    assert world.noted is not None
    world.noted = replace(world.noted, ledger=replace(world.ledger, stopping=f"{BUCKET}savepoints/1-1"))
    with pytest.raises(Transient, match="it stops with a savepoint"):
        stopped(world, "b", SILENCE_SECONDS + 1)


def test_a_ledger_from_before_there_were_programs_is_read() -> None:
    assert read('{"plan": "one", "version": 1, "former": {"plan": "zero", "version": 1, "origin": null}}').pods is None
