"""What the user sees during long operations: one line per step, with the time it took."""

import shutil
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

WIDTH = 75
"""Width of the text between the topic and the time."""


FIRST_SECONDS = 5.0
"""After which a log file names a step that has not ended, so that a reader knows what the silence is."""
AGAIN_SECONDS = 60.0
"""After which it says how far the step is, again and again."""


def clock(seconds: float) -> str:
    """Seconds as minutes:seconds, such as 0:41."""
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


def line(text: str, seconds: float | None = None, topic: str = "sandbox") -> str:
    """One line of progress: the topic, what happened, and how long it took."""
    return f"{topic:<9} {text:<{WIDTH}} {'' if seconds is None else clock(seconds)}".rstrip()


def say(text: str, seconds: float | None = None, topic: str = "sandbox") -> None:
    """Prints one line of progress."""
    print(line(text, seconds, topic), flush=True)


class Step:
    """A step in progress. `done` is the text of its line at the end; None leaves the line out.

    `far` tells how far it is, such as `12 of 40 packages`; it is called while the step goes on.
    """

    def __init__(self, done: str | None, far: Callable[[], str] | None = None) -> None:
        self.done = done
        self.far = far
        self.began = time.monotonic()

    def line(self, doing: str) -> str:
        """The line about it while it goes on."""
        far = self.far() if self.far is not None else ""
        return line(f"{doing}: {far}" if far else f"{doing} ...", self.seconds)

    @property
    def seconds(self) -> float:
        """Seconds since the step began."""
        return time.monotonic() - self.began


@contextmanager
def step(doing: str, done: str | None = None, far: Callable[[], str] | None = None) -> Iterator[Step]:
    """Shows `doing`, how far it is and a running clock, then the step's `done` with its time.

    On a terminal that is one line that is renewed each second; elsewhere a line after five seconds, and one each minute.
    """
    current = Step(done or doing, far)
    stop = threading.Event()
    terminal = sys.stdout.isatty()

    def tick() -> None:
        while not stop.wait(1):
            columns = shutil.get_terminal_size().columns
            sys.stdout.write("\r\x1b[K" + current.line(doing)[: columns - 1])
            sys.stdout.flush()

    def announce() -> None:
        pause = FIRST_SECONDS
        while not stop.wait(pause):
            print(current.line(doing), flush=True)
            pause = AGAIN_SECONDS

    watcher = threading.Thread(target=tick if terminal else announce, daemon=True)
    watcher.start()
    try:
        yield current
    finally:
        stop.set()
        watcher.join()
        if terminal:
            sys.stdout.write("\r\x1b[K")
            sys.stdout.flush()
    if current.done is not None:
        say(current.done, current.seconds)
