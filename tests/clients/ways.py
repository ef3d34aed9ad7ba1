"""Tries ways through the network: python3 ways.py '[[ADDRESS, PORT, SECONDS], ...]' prints which are open, as JSON.

A way without a port is a name that is looked up. Each is tried again until it is open or its seconds have passed.
"""

import json
import socket
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

Way = tuple[str, "int | None", float]
"""Address, port (None: only the name is looked up) and the seconds of trying."""
TRY_SECONDS = 2.0
"""How long one connection may take: a packet that is dropped says nothing."""


def is_open(way: Way) -> bool:
    """Whether somebody gets through."""
    address, port, seconds = way
    until = time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0:
        try:
            if port is None:
                socket.getaddrinfo(address, None)
            else:
                socket.create_connection((address, port), max(0.1, min(TRY_SECONDS, left))).close()
        except OSError:
            time.sleep(0.2)
        else:
            return True
    return False


def tried(ways: Sequence[Way]) -> list[bool]:
    """Which of these are open; all are tried at once."""
    with ThreadPoolExecutor(20) as pool:
        return list(pool.map(is_open, ways))


if __name__ == "__main__":
    print(json.dumps(tried(json.loads(sys.argv[1]))))
