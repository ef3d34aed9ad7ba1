"""Former states of stream jobs: a bounded number stays, and nothing that a job starts from goes, whoever dies in the middle."""

import contextlib
import json
from collections.abc import Iterator
from dataclasses import replace

import pytest
from kafka_platform.storage.logins import policy
from kafka_platform.storage.spec import StoreUser
from kafka_platform_runtime.failures import Refused, Transient
from kafka_platform_runtime.stream_keeper.__main__ import Settings
from kafka_platform_runtime.stream_keeper.former import METADATA, to_remove
from kafka_platform_runtime.stream_keeper.keeper import CLEANING_SECONDS, Keeper
from kafka_platform_runtime.stream_keeper.ledger import Former, Ledger
from kafka_platform_runtime.stream_keeper.store import S3, Store

from tests.s3_process import BUCKET, S3Server, needed_versitygw
from tests.unit.runtime.test_stream_keeper import ID, World, keeper, running, wish

PREFIX = "streams/minutes/"


def changed(world: World, times: int) -> None:
    """The job is changed so often, and completes checkpoints each time."""
    for number in range(times):
        world.wanted = wish(f"change {number}", version=1)
        own = keeper(world)
        for _ in range(12):
            world.now += 2
            with contextlib.suppress(Transient):
                own.once()
        world.checkpoint(1)
        world.checkpoint(2)
        world.files.add(f"{PREFIX}checkpoints/{world.ledger.generation}/{ID}/shared/a")


def cleaned(world: World, kept: int | None = 2) -> Keeper:
    """A keeper looks once; the next look of it that cleans is ten minutes later."""
    own = Keeper(world, world, Store(world, "acme", PREFIX, ID), world, lambda _: None, lambda: world.now, kept=kept)
    own.once()
    return own


def folders(world: World) -> set[str]:
    """Savepoints and checkpoints that there are, such as savepoints/1-1."""
    return {"/".join(key.removeprefix(PREFIX).split("/")[:2]) for key in world.files}


def test_the_last_states_stay_and_the_running_jobs_checkpoints() -> None:
    world = running()
    changed(world, 6)
    cleaned(world, kept=3)
    assert world.ledger.generation == 7
    assert folders(world) == {"savepoints/4-1", "savepoints/5-1", "savepoints/6-1", "checkpoints/7"}
    assert f"{PREFIX}checkpoints/7/{ID}/shared/a" in world.files


def test_all_states_stay_until_somebody_says_how_many_are_enough() -> None:
    world = running()
    changed(world, 6)
    before = set(world.files)
    cleaned(world, kept=None)
    assert world.files == before


def test_nothing_goes_before_the_job_has_a_checkpoint_of_its_own() -> None:
    world = running()
    changed(world, 4)
    world.files = {key for key in world.files if not key.startswith(f"{PREFIX}checkpoints/5/")}
    before = set(world.files)
    cleaned(world, kept=1)
    assert world.files == before


def test_a_job_that_is_not_at_work_or_is_changing_loses_nothing() -> None:
    for state, other in (("RESTARTING", None), ("FAILED", None), ("RUNNING", "something else")):
        world = running()
        changed(world, 4)
        world.state = state
        if other is not None:
            world.wanted = wish(other)
        before = set(world.files)
        with contextlib.suppress(Transient):
            cleaned(world, kept=1)
        assert before <= world.files, (state, other)


def test_a_job_that_is_taken_out_of_the_file_keeps_all_it_has() -> None:
    world = running()
    changed(world, 4)
    world.wanted = None
    before = set(world.files)
    cleaned(world, kept=1)
    assert world.files == before


@pytest.mark.parametrize("lives", range(9))
def test_a_keeper_that_dies_in_the_middle_leaves_nothing_half_that_looks_whole(lives: int) -> None:
    world = running()
    changed(world, 4)
    whole = {key.rsplit("/", 1)[0] for key in world.files if key.endswith(METADATA)}
    before = set(world.files)
    world.lives = lives
    with contextlib.suppress(KeyboardInterrupt):
        cleaned(world, kept=1)
    # As long as a file of shared state is missing, no checkpoint that may need it is complete.
    for generation in range(1, 5):
        if f"{PREFIX}checkpoints/{generation}/{ID}/shared/a" in before - world.files:
            assert not [key for key in world.files if f"checkpoints/{generation}/" in key and key.endswith(METADATA)]
    assert f"{PREFIX}savepoints/4-1/savepoint-1" in whole
    world.lives = None
    cleaned(world, kept=1)
    assert folders(world) == {"savepoints/4-1", "checkpoints/5"}


def test_a_store_that_removes_nothing_is_asked_again_ten_minutes_later_and_holds_back_no_change() -> None:
    world = running()
    changed(world, 4)
    asked: list[str] = []

    def refuses(key: str) -> None:
        asked.append(key)
        raise Transient("the object store does not remove it: AccessDenied")

    world.remove = refuses  # type: ignore[method-assign]
    own = Keeper(world, world, Store(world, "acme", PREFIX, ID), world, lambda _: None, lambda: world.now, kept=1)
    with pytest.raises(Transient):
        own.once()
    own.once()
    assert len(asked) == 1
    world.now += CLEANING_SECONDS
    with pytest.raises(Transient):
        own.once()
    world.wanted = wish("another")
    own.once()
    assert world.ledger.stopping is not None


LEDGER = Ledger(generation=9, plan="a", version=1, begun=True, settled=True)
COMPLETE = [f"{PREFIX}savepoints/{number}-1/savepoint-a/_metadata" for number in range(1, 9)]


def test_what_the_ledger_names_stays_whatever_its_age() -> None:
    store = f"{PREFIX}checkpoints/2/{ID}/chk-7"
    keys = [*COMPLETE, f"{store}/_metadata", f"{PREFIX}checkpoints/2/{ID}/shared/b", f"{PREFIX}checkpoints/1/{ID}/x"]
    gone = to_remove(keys, PREFIX, LEDGER, [store, f"{PREFIX}savepoints/3-1"], 1)
    left = set(keys) - set(gone)
    assert left == {*keys[8:10], COMPLETE[2], COMPLETE[7]}


def test_what_no_keeper_has_made_stays() -> None:
    foreign = [
        f"{PREFIX}savepoints/before-the-move/_metadata",
        f"{PREFIX}savepoints/1-1-copy/_metadata",
        f"{PREFIX}ha/x",
        f"{PREFIX}checkpoints/",
        "streams/minutes-2/savepoints/1-1/_metadata",
        "streams/savepoints/1-1/_metadata",
        f"{PREFIX}savepoints/12-1/s/_metadata",
        f"{PREFIX}checkpoints/9/{ID}/chk-1/_metadata",
    ]
    assert not set(to_remove([*COMPLETE, *foreign], PREFIX, LEDGER, [], 1)) & set(foreign)


def test_a_savepoint_that_was_broken_off_does_not_count() -> None:
    broken = f"{PREFIX}savepoints/8-2/savepoint-b/part"
    assert COMPLETE[7] not in to_remove([*COMPLETE, broken], PREFIX, LEDGER, [], 1)
    assert broken in to_remove([*COMPLETE, broken], PREFIX, LEDGER, [], 1)


def test_a_number_that_would_keep_none_is_refused() -> None:
    variables = {f"STREAM_{each}": "x" for each in ("NAMESPACE", "NAME", "ENDPOINT", "REGION", "BUCKET", "PREFIX")} | {
        "STREAM_JOB": ID
    }
    assert Settings.from_environment(variables).kept is None
    for wrong in ("0", "-1", "1.5", "many"):
        with pytest.raises(Refused, match="STREAM_KEPT"):
            Settings.from_environment(variables | {"STREAM_KEPT": wrong})


OTHER = "streams/hours/"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    users = {"stream-minutes": "secret-of-minutes-job", "stream-hours": "secret-of-hours-job"}
    made = S3Server(needed_versitygw(), tmp_path_factory.mktemp("states") / "server", users)
    made.start()
    made.client.create_bucket(Bucket=BUCKET)
    rights = policy(BUCKET, {"stream-minutes": StoreUser(prefix=PREFIX), "stream-hours": StoreUser(prefix=OTHER)})
    made.client.put_bucket_policy(Bucket=BUCKET, Policy=json.dumps(rights))
    yield made
    made.kill()


def test_a_real_store_with_the_states_of_two_jobs(server: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    keys = [
        f"{prefix}{key}"
        for prefix in (PREFIX, OTHER)
        for number in range(1, 9)
        for key in (f"savepoints/{number}-1/savepoint-a/_metadata", f"checkpoints/{number}/{ID}/shared/a")
    ]
    keys.append(f"{PREFIX}checkpoints/9/{ID}/chk-4/_metadata")
    for key in keys:
        server.client.put_object(Bucket=BUCKET, Key=key, Body=b"state")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "stream-minutes")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret-of-minutes-job")
    place = f"s3://{BUCKET}/{PREFIX}"
    named = replace(
        LEDGER,
        origin=f"{place}savepoints/8-1/savepoint-a",
        former=Former(plan="b", version=1, origin=f"{place}savepoints/2-1/savepoint-a"),
    )
    own = S3(BUCKET, server.url, "us-east-1")
    store = Store(own, BUCKET, PREFIX, ID)
    for key in store.superfluous(named, 3):
        store.remove(key)
        store.remove(key)  # A second keeper finds it gone.
    stays = {f"{PREFIX}savepoints/{number}-1/savepoint-a/_metadata" for number in (2, 6, 7, 8)}
    assert set(own.keys(PREFIX)) == {*stays, keys[-1]}
    assert store.superfluous(named, 3) == []
    assert set(server.keys(OTHER)) == {key for key in keys if key.startswith(OTHER)}
    with pytest.raises(Transient, match="does not remove streams/hours/"):
        own.remove(f"{OTHER}savepoints/1-1/savepoint-a/_metadata")
    assert set(server.keys(OTHER)) == {key for key in keys if key.startswith(OTHER)}
