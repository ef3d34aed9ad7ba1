"""Memory that is free is given back, and not kept until it is wanted again."""

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
unpacking.trim()
print(before - megabytes())
"""


def test_pieces_that_are_free_are_given_back() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    assert float(done.stdout) > 50, "of 100 MB, nearly all of which were free"
