"""HTTP to a port of a pod, through the API server and the kubelet: no local port is opened, and no network policy applies."""

import contextlib
import http.client
import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from socket import SHUT_RDWR
from typing import Any
from urllib.parse import quote

from infra.connection import Connection, NoAnswerError

SECONDS = 8.0
"""How long an answer may take: a broker with thousands of partitions needs some seconds for its metrics."""
WHOLE_SECONDS = 15.0
"""How long all of it may take: a pod that sends a byte now and then must not hold a thread for ever."""
MOST_BYTES = 32 * 1024 * 1024
"""Of one answer."""
_THREADS = "Kubernetes port forward proxy"
"""How the library's threads are called that carry the bytes."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a program in a pod answers."""

    status: int
    body: bytes


def forwarded(
    connection: Connection,
    namespace: str,
    pod: str,
    port: int,
    path: str,
    method: str = "GET",
    body: Any = None,
    headers: Mapping[str, str] | None = None,
) -> Answer:
    """What the pod answers to a request at that port, with JSON as its body if there is one; bytes are sent as they are.

    Raises:
        NoAnswerError: it does not, or the right is missing.
    """
    from kubernetes.stream import ws_client

    where = f"/api/v1/namespaces/{quote(namespace)}/pods/{quote(pod)}/portforward?ports={port}"
    socket = connection.upgraded(where)
    _quiet()
    ways = ws_client.PortForward(socket, [port])
    try:
        return _asked(ways.socket(port), path, method, body, headers or {})
    except (OSError, http.client.HTTPException) as error:
        # What the kubelet says of a port at which nobody listens comes by another channel, and names addresses of its machine.
        raise NoAnswerError(f"pod {pod} does not answer at port {port}: {error or type(error).__name__}") from error
    finally:
        with contextlib.suppress(OSError):
            ways.close()


def _asked(
    socket: Any, path: str, method: str = "GET", body: Any = None, headers: Mapping[str, str] | None = None
) -> Answer:
    socket.settimeout(SECONDS)
    over = threading.Event()

    def break_off() -> None:
        over.set()
        with contextlib.suppress(OSError):
            socket.shutdown(SHUT_RDWR)

    end = threading.Timer(WHOLE_SECONDS, break_off)
    end.daemon = True
    end.start()
    try:
        found = _answer(socket, path, method, body, headers or {})
    finally:
        end.cancel()
    if over.is_set():
        raise TimeoutError(f"the answer takes more than {WHOLE_SECONDS:.0f} s")
    return found


def _answer(socket: Any, path: str, method: str, body: Any, more: Mapping[str, str]) -> Answer:
    http_connection = http.client.HTTPConnection("localhost")
    http_connection.sock = socket
    headers = {"Connection": "close", "User-Agent": "kafka-platform", **more}
    sent = body
    if body is not None and not isinstance(body, bytes):
        headers["Content-Type"] = "application/json"
        sent = json.dumps(body)
    http_connection.request(method, f"/{path.lstrip('/')}", sent, headers)
    answer = http_connection.getresponse()
    body = answer.read(MOST_BYTES + 1)
    if len(body) > MOST_BYTES:
        raise OSError(f"the answer has more than {MOST_BYTES:,} bytes")
    return Answer(status=answer.status, body=body)


_SHOWN = threading.excepthook


def _quiet() -> None:
    """A broken connection ends the library's thread with an exception, which the reader at its other end sees anyway."""

    def show(args: Any) -> None:
        if args.thread is None or not args.thread.name.startswith(_THREADS):
            _SHOWN(args)

    threading.excepthook = show
