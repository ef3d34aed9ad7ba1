"""Starts the programs of a control plane or a node, restarts those that end, and reaps orphans.

A separate program, started as `python supervise.py SPEC`: SPEC is a JSON file with `setup` (commands, in order),
`services` (name, argv) and `logs` (folder). In a node it is process 1 of the node's own process namespace, so that
ending it ends everything in the node. It writes its pid as the machine sees it, then waits for a line on its standard
input: the starter first records the pid and connects the network, and if the starter dies before that, this ends too.
"""

import ctypes
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

PR_SET_PDEATHSIG = 1
STEADY_SECONDS = 20.0
"""A service that ran this long is restarted at once; otherwise after a pause that doubles up to PAUSE_LIMIT."""
PAUSE_LIMIT = 8.0
STOP_SECONDS = 8.0
"""How long a service may take to end before it is killed."""
WATCHED = {signal.SIGCHLD, signal.SIGTERM, signal.SIGINT}


class Service:
    """A program to keep running."""

    def __init__(self, name: str, argv: list[str], logs: Path) -> None:
        self.name = name
        self.argv = argv
        self.log = logs / f"{name}.log"
        self.pid: int | None = None
        self.began = 0.0
        self.pause = 0.25
        self.due = 0.0

    def start(self) -> None:
        """Starts it, its output appended to its log."""
        with self.log.open("ab") as log:
            process = subprocess.Popen(
                self.argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, preexec_fn=_child, start_new_session=True
            )
        self.pid, self.began = process.pid, time.monotonic()
        process.returncode = 0  # this program reaps its children itself

    def ended(self, status: int) -> None:
        """Records its end and when to start it again."""
        ran = time.monotonic() - self.began
        self.pause = 0.25 if ran > STEADY_SECONDS else min(self.pause * 2, PAUSE_LIMIT)
        self.due = time.monotonic() + self.pause
        self.pid = None
        with self.log.open("a") as log:
            code = os.waitstatus_to_exitcode(status)
            log.write(f"supervise: {self.name} ended ({code}) after {ran:.1f} s, next start in {self.pause} s\n")


def _child() -> None:
    signal.pthread_sigmask(signal.SIG_UNBLOCK, WATCHED)
    # A service never outlives its supervisor, however the latter ends.
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def _reap(services: list[Service]) -> None:
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return
        for service in services:
            if service.pid == pid:
                service.ended(status)


def _stop(services: list[Service], patience: float) -> None:
    """Ends the services, the last started first: dependents end before what they depend on.

    A service that takes longer than `patience` seconds is killed; with 0 all are.
    """
    for service in reversed(services):
        if service.pid is None:
            continue
        os.kill(service.pid, signal.SIGTERM if patience else signal.SIGKILL)
        deadline = time.monotonic() + patience
        while service.pid is not None and time.monotonic() < deadline:
            signal.sigtimedwait({signal.SIGCHLD}, 0.1)
            _reap(services)
        if service.pid is not None:
            os.kill(service.pid, signal.SIGKILL)
            os.waitpid(service.pid, 0)


def main(spec_file: str) -> int:
    """Runs the spec's services until SIGTERM, which ends them one by one, or SIGINT, which kills them."""
    signal.pthread_sigmask(signal.SIG_BLOCK, WATCHED)
    spec = json.loads(Path(spec_file).read_text())
    logs = Path(spec["logs"])
    # /proc is still the machine's here, so this is the pid on the machine.
    print(Path("/proc/self").readlink(), flush=True)
    if sys.stdin.readline() != "go\n":
        return 1
    null = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1):
        os.dup2(null, descriptor)
    for command in spec["setup"]:
        done = subprocess.run(command, capture_output=True, text=True, preexec_fn=_child, check=False)
        if done.returncode != 0:
            print(f"{' '.join(command)}: {done.stderr.strip()}", file=sys.stderr)
            return 1
    services = [Service(each["name"], each["argv"], logs) for each in spec["services"]]
    while True:
        for service in services:
            if service.pid is None and service.due <= time.monotonic():
                service.start()
        # Every pending start is checked again after at most a second.
        received = signal.sigtimedwait(WATCHED, 0.25 if any(each.pid is None for each in services) else 60)
        if received is not None and received.si_signo in (signal.SIGTERM, signal.SIGINT):
            _stop(services, STOP_SECONDS if received.si_signo == signal.SIGTERM else 0)
            return 0
        _reap(services)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
