"""What all tests share: those that take all of the machine run alone, also where several processes run tests."""

import contextlib
import fcntl
import os
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

from tests.order import ordered

# Locks are taken on folders, which are there and stay as they are.
TURN = Path(__file__).parent
GATE = TURN / "unit"
ALONE_SECONDS = 2400
"""A test that runs alone may have to wait as long as any other one may take before its own time."""


@contextlib.contextmanager
def locked(folder: Path, how: int) -> Iterator[None]:
    """Holds a lock on a folder; it goes with this process in any case."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, how)
        yield
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def turn(how: int) -> Iterator[None]:
    """Waits for the machine: alone (LOCK_EX) until nobody else is on it, otherwise until nobody is alone on it or waits to be."""
    with contextlib.ExitStack() as held:
        # Who waits for the machine keeps the gate shut: otherwise there could always be somebody else on it.
        with locked(GATE, fcntl.LOCK_EX):
            held.enter_context(locked(TURN, how))
        yield


def is_alone(item: pytest.Item) -> bool:
    return item.get_closest_marker("alone") is not None


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    def file(item: pytest.Item) -> str:
        return item.path.relative_to(config.rootpath).as_posix()

    for item in filter(is_alone, items):
        item.add_marker(pytest.mark.timeout(ALONE_SECONDS))
    names = list(dict.fromkeys(map(file, items)))
    rank = {
        name: number for number, name in enumerate(ordered(names, {file(item) for item in items if is_alone(item)}))
    }
    items.sort(key=lambda item: rank[file(item)])


# What a test waits for its turn is not part of its time (pytest-timeout begins inside of this), unless it runs alone: what
# is made before it and removed after it takes no more of the machine than others do, so its turn is the test itself.
@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    with contextlib.nullcontext() if is_alone(item) else turn(fcntl.LOCK_SH):
        return (yield)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> Generator[None, object, object]:
    with turn(fcntl.LOCK_SH) if is_alone(item) else contextlib.nullcontext():
        return (yield)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    with turn(fcntl.LOCK_EX) if is_alone(item) else contextlib.nullcontext():
        return (yield)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_teardown(item: pytest.Item) -> Generator[None, object, object]:
    with turn(fcntl.LOCK_SH) if is_alone(item) else contextlib.nullcontext():
        return (yield)
