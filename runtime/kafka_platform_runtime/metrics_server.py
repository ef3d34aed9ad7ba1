"""A server of /metrics, /healthz and /readyz, for programs whose work runs elsewhere."""

from http.server import HTTPServer
from typing import Protocol

from prometheus_client import CONTENT_TYPE_LATEST

from kafka_platform_runtime.bounded_server import Answering, BoundedThreads
from kafka_platform_runtime.listening import EVERYWHERE, BothFamilies
from kafka_platform_runtime.supervision import WATCH


class Shown(Protocol):
    """What a program shows of itself; read from any thread."""

    @property
    def text(self) -> bytes:
        """The metrics, in Prometheus' text format."""

    @property
    def trouble(self) -> str | None:
        """Why the program is not ready, in one line; None if it is."""


class Server(BoundedThreads, BothFamilies, HTTPServer):
    """Answers Prometheus and the kubelet."""

    shown: Shown


class Handler(Answering):
    """One request."""

    server: Server

    def answer(self) -> None:
        """Metrics or health."""
        if self.path == "/metrics":
            self.send(200, self.server.shown.text, CONTENT_TYPE_LATEST)
        elif self.path == "/healthz":
            reason = WATCH.reason()
            self.say(503 if reason else 200, reason or "ok")
        elif self.path == "/readyz":
            trouble = self.server.shown.trouble
            self.say(503 if trouble else 200, trouble or "ok")
        else:
            self.say(404, "ask for /metrics, /healthz or /readyz")


def serve(port: int, shown: Shown) -> Server:
    """A server that answers in the background."""
    server = Server((EVERYWHERE, port), Handler)
    server.shown = shown
    WATCH.thread("server of metrics", server.serve_forever)
    return server
