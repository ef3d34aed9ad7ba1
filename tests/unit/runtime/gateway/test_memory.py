"""Memory that is free is given back, not kept until it is wanted again; and what is used is counted."""

import asyncio
import gc
import subprocess
import sys
import time
import weakref
from socket import create_connection

from kafka_platform_runtime.gateway.settings import Limits
from kafka_platform_runtime.gateway.wire.connections import Connections
from kafka_platform_runtime.gateway.wire.door import Accepted, Door, Handshake

from tests.ports import free_ports

PROGRAM = """
import ctypes, re
from pathlib import Path
from kafka_platform_runtime.gateway import unpacking

libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
libc.free.argtypes = [ctypes.c_void_p]
libc.memset.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_size_t]

def megabytes():
    return int(re.search(r"VmRSS:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) / 1024

pieces = []
for _ in range(6400):
    piece = libc.malloc(16 * 1024)
    libc.memset(piece, 1, 16 * 1024)
    pieces.append(piece)
for number, piece in enumerate(pieces):
    if number % 64:  # what stays keeps malloc from giving the rest back by itself
        libc.free(piece)
before = megabytes()
used = unpacking.allocated()
unpacking.trim()
print(before - megabytes(), used)
"""


def test_pieces_that_are_free_are_given_back() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    given_back, used = map(float, done.stdout.split())
    assert given_back > 50, "of 100 MB, nearly all of which were free"
    assert 1.6e6 < used < 30e6, "100 pieces of 16 KiB, and what Python has from malloc"


CYCLES = """
import sys
from kafka_platform_runtime.gateway import memory

memory.settle()
before = sys.getallocatedblocks()
for _ in range(90):
    cycle = [[number] for number in range(1000)]
    cycle.append(cycle)
del cycle
kept = sys.getallocatedblocks() - before
memory.give_back()
print(kept, sys.getallocatedblocks() - before)
"""


def test_what_only_cycles_hold_is_freed() -> None:
    done = subprocess.run([sys.executable, "-c", CYCLES], capture_output=True, text=True, check=True)
    kept, left = map(int, done.stdout.split())
    assert kept > 50_000, "the collector runs rarely"
    assert left < 2_000


async def _connections(count: int) -> tuple[list[weakref.ref[Handshake]], int]:
    """Let connections be made and closed; which handshakes there were, and how many are left without the collector."""
    made: list[weakref.ref[Handshake]] = []

    class Closing(Accepted):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            made.append(weakref.ref(self.handshake))
            transport.close()

    [port] = free_ports(1)
    connections = Connections(Limits())
    door = Door(connections, Closing, port, None)
    gc.disable()
    try:
        for _ in range(count):
            (await asyncio.to_thread(create_connection, ("127.0.0.1", port), 10)).close()
        until = time.monotonic() + 240
        while (len(made) < count or len(connections)) and time.monotonic() < until:
            await asyncio.sleep(0.05)
        return made, sum(each() is not None for each in made)
    finally:
        gc.enable()
        door.close()


def test_a_connection_leaves_nothing_to_the_collector() -> None:
    made, left = asyncio.run(_connections(20))
    assert len(made) == 20
    assert left == 0
