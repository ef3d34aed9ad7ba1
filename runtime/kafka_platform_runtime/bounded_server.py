"""A bound for servers that have a thread for each connection."""

import socket
from socketserver import BaseServer, ThreadingMixIn
from threading import BoundedSemaphore
from typing import Any

CONNECTIONS = 16
"""At a time: Prometheus and the kubelet need one each. Further ones are closed at once."""
CONNECTION_SECONDS = 10
"""How long a connection may be silent."""


class BoundedThreads(ThreadingMixIn, BaseServer):
    """A thread for each connection, so that one who dawdles holds up nobody, and a bound for all of them."""

    daemon_threads = True

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._places = BoundedSemaphore(CONNECTIONS)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Answer in a thread of its own, if there is a place."""
        if not self._places.acquire(blocking=False):
            self.shutdown_request(request)
            return
        try:
            super().process_request(request, client_address)
        except BaseException:  # no thread could be begun
            self._places.release()
            raise

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """In that thread."""
        try:
            if isinstance(request, socket.socket):
                request.settimeout(CONNECTION_SECONDS)
            super().process_request_thread(request, client_address)
        finally:
            self._places.release()
