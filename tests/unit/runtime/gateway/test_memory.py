"""Memory that is free is given back, not kept until it is wanted again; and what is used is counted."""

import subprocess
import sys

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
