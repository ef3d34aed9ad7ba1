"""Nothing that a program does in the background ends or hangs unnoticed."""

import asyncio
import logging
import threading
from collections.abc import Callable

import pytest
from kafka_platform_runtime.supervision import Watch

SECONDS = 120


@pytest.fixture
def ended() -> threading.Event:
    return threading.Event()


@pytest.fixture
def watch(ended: threading.Event) -> Watch:
    """A watch that sets `ended` where a program would end."""
    watch = Watch()
    watch.begin(ended.set)
    return watch


async def forever() -> None:
    await asyncio.Event().wait()


async def fail() -> None:
    raise RuntimeError("the password of red")


async def nothing() -> None:
    pass


def broken() -> None:
    raise RuntimeError("the password of red")


@pytest.mark.parametrize(("work", "why"), [(fail, "RuntimeError at test_supervision.py"), (nothing, "returned")])
def test_a_vital_task_that_ends_ends_the_program(
    watch: Watch, ended: threading.Event, work: Callable[[], object], why: str
) -> None:
    async def main() -> None:
        watch.vital("upkeep", work())  # type: ignore[arg-type]
        await asyncio.sleep(0.01)

    asyncio.run(main())
    assert ended.is_set()
    assert str(watch.reason()).startswith(f"upkeep has ended: {why}")


def test_a_vital_task_that_is_cancelled_ends_the_program(watch: Watch, ended: threading.Event) -> None:
    async def main() -> None:
        task = watch.vital("upkeep", forever())
        await asyncio.sleep(0)
        assert watch.reason() is None
        task.cancel()
        await asyncio.wait({task})
        await asyncio.sleep(0)

    asyncio.run(main())
    assert ended.is_set()
    assert watch.reason() == "upkeep has ended: was cancelled"


def test_what_ends_with_the_program_is_no_death(watch: Watch, ended: threading.Event) -> None:
    async def main() -> None:
        task = watch.vital("upkeep", forever())
        await asyncio.sleep(0)
        watch.ending()
        task.cancel()
        await asyncio.wait({task})

    asyncio.run(main())
    assert not ended.is_set()
    assert watch.reason() is None


def test_an_errand_that_fails_is_logged_without_its_message(
    watch: Watch, ended: threading.Event, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        watch.errand("closing", fail(), awaited=False)
        await asyncio.sleep(0.01)

    with caplog.at_level(logging.ERROR):
        asyncio.run(main())
    assert "closing failed: RuntimeError at test_supervision.py" in caplog.text
    assert "password" not in caplog.text
    assert not ended.is_set()


@pytest.mark.parametrize("work", [broken, lambda: None], ids=["raises", "returns"])
def test_a_thread_that_ends_ends_the_program(watch: Watch, ended: threading.Event, work: Callable[[], object]) -> None:
    watch.thread("server", work).join(SECONDS)
    assert ended.wait(SECONDS)
    assert str(watch.reason()).startswith("server has ended")


def test_a_thread_of_a_pool_that_has_died_ends_the_program(watch: Watch, ended: threading.Event) -> None:
    with watch.pool("questions", 1) as pool:
        pool.submit(lambda: None).result(SECONDS)
        watch.look()
        assert watch.reason() is None
        [thread] = pool._threads
        pool._work_queue.put(object())  # type: ignore[arg-type]
        thread.join(SECONDS)
        watch.look()
        assert watch.reason() == "a thread of questions has ended: it was killed"
        assert ended.is_set()


def test_work_of_a_pool_that_fails_is_logged_and_done(watch: Watch, caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        done = asyncio.Event()
        with watch.pool("closing", 1) as pool:
            watch.hand_over("closing of a client", pool, broken, done.set)
            await asyncio.wait_for(done.wait(), SECONDS)

    with caplog.at_level(logging.ERROR):
        asyncio.run(main())
    assert "closing of a client failed: RuntimeError" in caplog.text
    assert watch.reason() is None


def test_a_loop_that_does_not_come_round_hangs(watch: Watch) -> None:
    with watch.heart("The upkeep", limit=1000.0):
        assert watch.reason() is None
    with watch.heart("The upkeep", limit=-1.0) as beat:
        beat()
        assert str(watch.reason()).startswith("The upkeep hangs: no sign of life for")
    assert watch.reason() is None
