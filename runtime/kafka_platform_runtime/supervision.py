"""Watches a program's background work, so that nothing dies or hangs unnoticed.

Every task, thread and pool of a program is made here, under a name (a repository law checks this):

- **vital** tasks, threads and pools serve everybody. When one ends before the program does, the program logs the
  reason, fails its health check and ends.
- **errands** serve one caller or do one thing. When one fails, that is logged and nothing else happens.
- **hearts** distinguish a hung loop from a working one: a loop without a round for too long fails the health check.
"""

import asyncio
import contextlib
import logging
import threading
import time
import weakref
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")
LOG = logging.getLogger("supervision")

HUNG_SECONDS = 30.0
"""A loop without a round for this long hangs. The loops take a few seconds; a pod that gets next to no
processor time must not be mistaken for a hung one."""


def whereabouts(error: BaseException) -> str:
    """Kind and place of a fault, without its message, which could contain a caller's data."""
    place = error.__traceback__
    while place is not None and place.tb_next is not None:
        place = place.tb_next
    where = "" if place is None else f" at {Path(place.tb_frame.f_code.co_filename).name}:{place.tb_lineno}"
    return f"{type(error).__name__}{where}"


class Pool(ThreadPoolExecutor):
    """A pool that notices when one of its threads has died, which the standard library's does not.

    Args:
        name: of its threads, followed by a number.
        threads: maximum number.
    """

    def __init__(self, name: str, threads: int) -> None:
        super().__init__(threads, thread_name_prefix=name)
        self.name = name

    @property
    def lost(self) -> bool:
        """Whether a thread has died: work handed to the pool may then wait forever."""
        return not self._shutdown and any(not thread.is_alive() for thread in list(self._threads))


class Watch:
    """What keeps one program going; there is one in each process (`WATCH`)."""

    def __init__(self) -> None:
        self.death: str | None = None
        """What died first, and why; None while everything lives."""
        self._hearts: dict[str, tuple[float, float]] = {}
        """For each loop: when its last round began, and how long one may take."""
        self._pools: weakref.WeakSet[Pool] = weakref.WeakSet()
        self._errands: set[asyncio.Task[Any]] = set()
        self._on_death: Callable[[], object] | None = None
        self._ending = False

    def begin(self, on_death: Callable[[], object]) -> None:
        """Watch from now on.

        Args:
            on_death: ends the program; called once, from any thread.
        """
        self.death, self._on_death, self._ending = None, on_death, False
        self._hearts.clear()

    def ending(self) -> None:
        """The program ends: from now on, everything may end."""
        self._ending = True

    def reason(self) -> str | None:
        """Why the program cannot continue; None if it can. From any thread."""
        if self.death is not None:
            return self.death
        moment = time.monotonic()
        for name, (at, limit) in list(self._hearts.items()):
            if moment - at > limit:
                return f"{name} hangs: no sign of life for {moment - at:.0f} s"
        return None

    def look(self) -> None:
        """Check whether a pool has lost a thread; to be called every few seconds in the thread that makes the pools."""
        for pool in list(self._pools):
            if pool.lost:
                self._died(f"a thread of {pool.name}", "it was killed")

    @contextlib.contextmanager
    def heart(self, name: str, limit: float = HUNG_SECONDS) -> Iterator[Callable[[], None]]:
        """Call the result in each round of a loop; `limit` seconds without a call count as hanging."""

        def beat() -> None:
            self._hearts[name] = (time.monotonic(), limit)

        beat()
        try:
            yield beat
        finally:
            del self._hearts[name]

    def vital(self, name: str, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """A task that the program cannot work without: it must not end before the program."""

        def ended(task: asyncio.Task[Any]) -> None:
            self._errands.discard(task)
            if task.cancelled():
                self._died(name, "was cancelled")
            else:
                error = task.exception()
                self._died(name, "returned" if error is None else whereabouts(error))

        return self._task(name, work, ended)

    def errand(self, name: str, work: Coroutine[Any, Any, T], *, awaited: bool = True) -> asyncio.Task[T]:
        """A task for one caller or one purpose.

        Args:
            name: of the task.
            work: what it does.
            awaited: whether somebody handles its outcome; otherwise a failure is logged here.
        """

        def ended(task: asyncio.Task[T]) -> None:
            self._errands.discard(task)
            if not awaited and not task.cancelled() and (error := task.exception()) is not None:
                LOG.error("%s failed: %s", name, whereabouts(error))

        return self._task(name, work, ended)

    def _task(
        self, name: str, work: Coroutine[Any, Any, T], ended: Callable[[asyncio.Task[T]], None]
    ) -> asyncio.Task[T]:
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._errands.add(task)  # the event loop alone would not keep it alive
        task.add_done_callback(ended)
        return task

    def thread(self, name: str, work: Callable[[], Any]) -> threading.Thread:
        """Start a thread that the program cannot work without."""

        def run() -> None:
            try:
                work()
            except BaseException as error:
                self._died(name, whereabouts(error))
            else:
                self._died(name, "returned")

        thread = threading.Thread(target=run, name=name, daemon=True)
        thread.start()
        return thread

    def question(self, name: str, ask: Callable[[], T]) -> "Future[T]":
        """Make a call that may hang for long, in a thread of its own that does not delay the end of the program.

        Returns:
            The answer or the exception: the caller handles it.
        """
        answer: Future[T] = Future()

        def run() -> None:
            try:
                found = ask()
            except BaseException as error:
                answer.set_exception(error)
            else:
                answer.set_result(found)

        threading.Thread(target=run, name=name, daemon=True).start()
        return answer

    def pool(self, name: str, threads: int) -> Pool:
        """A pool of at most this many threads, for blocking calls."""
        pool = Pool(name, threads)
        self._pools.add(pool)
        return pool

    def hand_over(self, name: str, pool: Pool, work: Callable[[], Any], done: Callable[[], None] | None = None) -> None:
        """Have a pool do something that nobody awaits; a failure is logged.

        Args:
            name: what is done, for the log.
            pool: the pool that does it.
            work: the blocking call.
            done: called in this thread, which runs the event loop, whatever the outcome.
        """
        loop = asyncio.get_running_loop()

        def ended(future: Future[Any]) -> None:
            if not future.cancelled() and (error := future.exception()) is not None:
                LOG.error("%s failed: %s", name, whereabouts(error))
            if done is not None:
                with contextlib.suppress(RuntimeError):  # the loop is closed: the program has ended
                    loop.call_soon_threadsafe(done)

        pool.submit(work).add_done_callback(ended)

    def _died(self, name: str, why: str) -> None:
        if self._ending or self.death is not None:
            return
        self.death = f"{name} has ended: {why}"
        LOG.error("The program cannot continue: %s.", self.death)
        if self._on_death is not None:
            self._on_death()


WATCH = Watch()
"""The watch of this process."""
