"""Ports of loopback for programs that must be told one before they start."""

import contextlib
import os
import random
import socket

PORTS = range(20_000, 30_000)
"""Below the ephemeral ports, which the kernel may give to any process at any moment."""
BLOCK = 100
"""A process that needs ports takes this many for itself, so that two of them never choose the same one."""


class _Block:
    """The ports that belong to this process.

    The first port of the block is held open for as long as the process lives; whoever cannot bind it leaves the block
    alone. The others are handed out in turn, so that one comes round again only after all the others.
    """

    def __init__(self) -> None:
        self._owner = 0
        self._held: socket.socket | None = None
        self._ports: range = range(0)
        self._next = 0

    def next(self) -> int:
        """The next port of this process that nothing listens on."""
        if self._owner != os.getpid():  # a forked process has a block of its own
            self._take()
        for _ in self._ports:
            port = self._ports[self._next]
            self._next = (self._next + 1) % len(self._ports)
            with contextlib.suppress(OSError), _bound(port):
                return port
        raise RuntimeError(f"all ports from {self._ports.start} to {self._ports.stop - 1} are in use")

    def _take(self) -> None:
        starts = list(range(PORTS.start, PORTS.stop, BLOCK))
        for start in random.sample(starts, len(starts)):
            with contextlib.suppress(OSError):
                self._held = _bound(start)
                self._held.listen()
                self._owner, self._ports, self._next = os.getpid(), range(start + 1, start + BLOCK), 0
                return
        raise RuntimeError(f"no block of {BLOCK} ports from {PORTS.start} to {PORTS.stop - 1} is free")


def _bound(port: int) -> socket.socket:
    bound = socket.socket()
    try:
        bound.bind(("127.0.0.1", port))
    except OSError:
        bound.close()
        raise
    return bound


_BLOCK = _Block()


def free_ports(count: int) -> list[int]:
    """Ports of loopback that nothing listens on, and that no other process is given."""
    return [_BLOCK.next() for _ in range(count)]
