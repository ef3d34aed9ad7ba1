"""Why Kafka's name cannot be resolved: DNS that does not answer looks like brokers that do not.

A worker's pod runs `python -m kafka_platform_runtime.names HOST:PORT[,...]` before the team's program.
"""

import ipaddress
import socket
import sys
import threading
import time
from concurrent.futures import Future, TimeoutError as NotYet
from pathlib import Path

from kafka_platform_runtime.supervision import WATCH

LOOKUP_SECONDS = 3.0
"""How long a lookup may take. An unreachable resolver fails after half a minute, so this gives the reason earlier."""
START_SECONDS = 10.0
"""How long a pod waits for the names: network policies may take some seconds to recognize a new pod."""
MESSAGE = Path("/dev/termination-log")
"""Its content is reported with the pod, for example by `kubectl describe pod`."""

_UNDER_WAY: dict[str, "Future[None]"] = {}
_LOCK = threading.Lock()


def unresolved(bootstrap_servers: str, seconds: float = LOOKUP_SECONDS) -> str | None:
    """Why no server's name can be resolved, as `cannot resolve NAME: REASON`; None if one can, or is an address.

    Args:
        bootstrap_servers: `host:port`, several separated by commas.
        seconds: how long the lookups may take together.
    """
    servers = [each.strip() for each in bootstrap_servers.split(",") if each.strip()]
    names = [each.rpartition(":")[0].strip("[]") for each in servers]
    if any(not name or _is_address(name) for name in names):
        return None
    faults = []
    for name, lookup in [(name, _lookup(name)) for name in dict.fromkeys(names)]:
        try:
            lookup.result(seconds)
        except NotYet:
            seconds = 0.0
            faults.append(f"cannot resolve {name}: no DNS server answers")
        except OSError as error:
            faults.append(f"cannot resolve {name}: {error.strerror or error}")
        else:
            return None
    return "; ".join(faults) or None


def _lookup(name: str) -> "Future[None]":
    """A lookup in progress, at most one for each name: a hanging resolver must not hold many threads."""
    with _LOCK:
        if name not in _UNDER_WAY or _UNDER_WAY[name].done():
            _UNDER_WAY[name] = WATCH.question(f"lookup of {name}", lambda: _look_up(name))
        return _UNDER_WAY[name]


def _look_up(name: str) -> None:
    try:
        socket.getaddrinfo(name, None)
    except UnicodeError as error:  # an empty label, or one that is too long
        raise OSError(str(error)) from None


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def main(bootstrap_servers: str) -> None:
    """Report why no server's name can be resolved, in the log and with the pod. Never fails: it may succeed later."""
    until = time.monotonic() + START_SECONDS
    while fault := unresolved(bootstrap_servers, max(0.0, until - time.monotonic())):
        if time.monotonic() >= until:
            print(fault)
            MESSAGE.write_text(fault, encoding="utf-8")
            return
        time.sleep(0.2)


if __name__ == "__main__":
    main(*sys.argv[1:])
