"""Why Kafka cannot be found by its name: DNS that does not answer looks like brokers that do not."""

import ipaddress
import socket
import threading
from concurrent.futures import Future
from concurrent.futures import TimeoutError as NotYet

from kafka_platform_runtime.supervision import WATCH

LOOKUP_SECONDS = 3.0
"""How long a lookup may take. A resolver that is cut off answers nothing for half a minute, so the reason is known before."""

_UNDER_WAY: dict[str, "Future[None]"] = {}
_LOCK = threading.Lock()


def unresolved(bootstrap_servers: str, seconds: float = LOOKUP_SECONDS) -> str | None:
    """Why no server can be found, as `cannot resolve NAME: REASON`; None if one can, or has an address.

    Args:
        bootstrap_servers: `host:port`, several with commas.
        seconds: how long the lookups may take, together.
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
    """A lookup that is under way, of which there is one for each name: a resolver that hangs must not hold many threads."""
    with _LOCK:
        if name not in _UNDER_WAY or _UNDER_WAY[name].done():
            _UNDER_WAY[name] = WATCH.question(f"lookup of {name}", lambda: _look_up(name))
        return _UNDER_WAY[name]


def _look_up(name: str) -> None:
    try:
        socket.getaddrinfo(name, None)
    except UnicodeError as error:  # a label that is empty or too long
        raise OSError(str(error)) from None


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
