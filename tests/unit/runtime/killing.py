"""Runs a program and kills its tasks and threads one by one, as it is told on a port of this machine.

`python -m tests.unit.runtime.killing PORT MODULE` runs MODULE as `python -m MODULE` would. Each connection to PORT sends one
line of words and gets one line of JSON:

- `list`: the names of the tasks and of the threads.
- `stacks`: where each of them is.
- `cancel TASK`, `raise TASK`: cancel it, or have what it waits for fail.
- `thread NAME`: end a thread. One of a pool is given work that it cannot do.
- `hang TASK : HEART`: have it wait for ever, and count 5 s without a sign of life of this loop as hanging.
"""

import asyncio
import ctypes
import json
import runpy
import socketserver
import sys
import threading
import time
import traceback
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from kafka_platform_runtime.supervision import WATCH, Pool

LOOPS: list[asyncio.AbstractEventLoop] = []
CONTROL = "control"
APPEARS_SECONDS = 60.0
T = TypeVar("T")


def note_the_loop() -> None:
    """Keep the program's loop."""
    begin = WATCH.begin

    def noting(on_death: Any) -> None:
        LOOPS.append(asyncio.get_running_loop())
        begin(on_death)

    WATCH.begin = noting  # type: ignore[method-assign]


def tasks() -> dict[str, "asyncio.Task[Any]"]:
    """The tasks by name; those without a name by what they run."""
    found = {}
    for task in asyncio.all_tasks(LOOPS[0]):
        name = task.get_name()
        found[task.get_coro().__qualname__ if name.startswith("Task-") else name] = task  # type: ignore[union-attr]
    return found


def threads() -> dict[str, threading.Thread]:
    """The threads by name, but those of this module."""
    return {each.name: each for each in threading.enumerate() if not each.name.startswith(CONTROL)}


def stacks() -> dict[str, list[str]]:
    """The lines at which the tasks and the threads are."""
    frames = sys._current_frames()
    found = {name: traceback.format_stack(frames[each.ident or 0]) for name, each in threads().items()}
    waiting = {f"task {name}": [str(frame) for frame in task.get_stack()] for name, task in tasks().items()}
    return found | waiting


def task_of(name: str) -> "asyncio.Task[Any]":
    """A task, once it is there: a program says that it has begun before all of it has."""
    return _once_there(tasks, name)


def _once_there(among: Callable[[], Mapping[str, T]], name: str) -> T:
    until = time.monotonic() + APPEARS_SECONDS
    while name not in among():
        if time.monotonic() > until:
            raise KeyError(f"{name} is not among {sorted(among())}")
        time.sleep(0.05)
    return among()[name]


def kill_thread(name: str) -> None:
    """End a thread."""
    pools = [each for each in list(WATCH._pools) if isinstance(each, Pool)]
    for pool in pools:
        for thread in pool._threads:
            if thread.name == name:
                pool._work_queue.put(object())  # type: ignore[arg-type]
                return
    ident = _once_there(threads, name).ident
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(ident or 0), ctypes.py_object(SystemExit))


def hang(name: str, heart: str) -> None:
    """Have a task wait for ever: it is not woken up any more. 5 s without a sign of life then count as hanging.

    For this loop alone: others of a busy program may take as long.
    """
    waiter: asyncio.Future[Any] = tasks()[name]._fut_waiter  # type: ignore[attr-defined]
    for callback, _ in list(waiter._callbacks):
        waiter.remove_done_callback(callback)
    WATCH._hearts[heart] = (WATCH._hearts[heart][0], 5.0)


def obey(words: list[str]) -> Any:
    """Do what a line says."""
    match words:
        case ["list"]:
            return {"tasks": sorted(tasks()), "threads": sorted(threads())}
        case ["stacks"]:
            return stacks()
        case ["cancel", *name]:
            LOOPS[0].call_soon_threadsafe(task_of(" ".join(name)).cancel)
        case ["raise", *name]:
            waiter = task_of(" ".join(name))._fut_waiter  # type: ignore[attr-defined]
            LOOPS[0].call_soon_threadsafe(waiter.set_exception, RuntimeError("killed"))
        case ["hang", *name]:
            task, _, heart = " ".join(name).partition(" : ")
            task_of(task)
            LOOPS[0].call_soon_threadsafe(hang, task, heart)
        case ["thread", *name]:
            kill_thread(" ".join(name))
        case _:
            raise ValueError(words)
    return "done"


class _Control(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        threading.current_thread().name = f"{CONTROL} connection"
        self.wfile.write(json.dumps(obey(self.rfile.readline().decode().split())).encode())


def main() -> None:
    """Run the program beside the control."""
    port, module = int(sys.argv[1]), sys.argv[2]
    sys.argv = [module]
    note_the_loop()
    server = socketserver.ThreadingTCPServer(("127.0.0.1", port), _Control)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, name=CONTROL, daemon=True).start()
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
