"""What all tests share: those that take all of the machine run alone, also where several processes run tests."""

import contextlib
import fcntl
import os
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

# Locks are taken on folders, which are there and stay as they are.
TURN = Path(__file__).parent
GATE = TURN / "unit"


@contextlib.contextmanager
def locked(folder: Path, how: int) -> Iterator[None]:
    """Holds a lock on a folder; it goes with this process in any case."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, how)
        yield
    finally:
        os.close(descriptor)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Waits for its turn: a test marked `alone` until no other one runs, the others until no such test runs or waits.

    What a test waits is not part of its time: pytest-timeout begins inside of this.
    """
    with contextlib.ExitStack() as turn:
        # Who waits for the machine keeps the gate shut: otherwise there could always be somebody else on it.
        with locked(GATE, fcntl.LOCK_EX):
            turn.enter_context(locked(TURN, fcntl.LOCK_EX if item.get_closest_marker("alone") else fcntl.LOCK_SH))
        return (yield)
