"""What the user sees during long operations: one line per step, with the time it took."""

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

WIDTH = 75
"""Width of the text between the topic and the time."""


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
    """A step in progress. `done` is the text of its line at the end; None leaves the line out."""

    def __init__(self, done: str | None) -> None:
        self.done = done
        self.began = time.monotonic()

    @property
    def seconds(self) -> float:
        """Seconds since the step began."""
        return time.monotonic() - self.began


@contextmanager
def step(doing: str, done: str | None = None) -> Iterator[Step]:
    """Shows `doing` with a running clock on a terminal (once, elsewhere), then the step's `done` with its time."""
    current = Step(done or doing)
    stop = threading.Event()
    terminal = sys.stdout.isatty()

    def tick() -> None:
        while not stop.wait(1):
            sys.stdout.write("\r" + line(f"{doing} ...", current.seconds))
            sys.stdout.flush()

    def announce() -> None:
        # In a log file a long step is named once, so that a reader knows what the silence is.
        if not stop.wait(5):
            say(f"{doing} ...")

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
