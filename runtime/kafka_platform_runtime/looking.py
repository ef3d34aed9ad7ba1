"""The frame of programs that look at something again and again, and show metrics of it until they are told to end."""

import os
import signal
import sys
import threading
from collections.abc import Callable, Mapping
from typing import Protocol, TypeVar

from kafka_platform_runtime.failures import Refused
from kafka_platform_runtime.jobs import DONE, REFUSED
from kafka_platform_runtime.metrics_server import Shown, serve
from kafka_platform_runtime.supervision import WATCH

FAILED = 1


class Ported(Protocol):
    """Settings of a program that shows metrics."""

    @property
    def port(self) -> int:
        """Of /metrics, /healthz and /readyz."""


_Settings = TypeVar("_Settings", bound=Ported)
_Page = TypeVar("_Page", bound=Shown)


def looks(
    read: Callable[[Mapping[str, str]], _Settings],
    page_of: Callable[[_Settings], _Page],
    run: Callable[[_Settings, threading.Event, _Page], None],
) -> int:
    """Runs such a program to its end. Returns its exit code: 0, or 1 if a thread of its own has ended, or 3 if it is refused.

    Args:
        read: makes settings of the environment; raises `Refused` for those that are missing or wrong.
        page_of: makes what the program shows.
        run: looks until the event is set.
    """
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    WATCH.begin(stop.set)
    try:
        settings = read(os.environ)
    except Refused as refusal:
        sys.stderr.write("".join(f"{fault}\n" for fault in refusal.faults))
        return REFUSED
    page = page_of(settings)
    server = serve(settings.port, page)
    run(settings, stop, page)
    WATCH.ending()
    server.shutdown()
    server.server_close()
    return DONE if WATCH.death is None else FAILED


def say(text: str) -> None:
    """Prints a line at once."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


class Trouble:
    """What keeps a program from what it does: said when it changes, not at each look."""

    def __init__(self) -> None:
        self._said = ""

    def tell(self, text: str) -> None:
        """Prints it, unless that was the last one told."""
        if text != self._said:
            say(text)
        self._said = text

    def over(self) -> None:
        """Forgets it: the next one is said, even if it is the same."""
        self._said = ""


def again(what: str, stop: threading.Event, once: Callable[[], float], longest: float) -> None:
    """Looks until the event is set.

    Args:
        what: names it in the answer of /healthz, such as `The look at the bucket`.
        stop: ends it.
        once: one look; returns the seconds until the next.
        longest: seconds from one look to the next beyond which it counts as hanging.
    """
    with WATCH.heart(what, longest) as beat:
        while not stop.is_set():
            beat()
            stop.wait(once())
