"""What the gateway counts, for Prometheus, and the port that serves its metrics and health."""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping
from http import HTTPStatus
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from prometheus_client import CollectorRegistry, make_wsgi_app
from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from kafka_platform_runtime.bounded_server import BoundedThreads
from kafka_platform_runtime.listening import EVERYWHERE, BothFamilies
from kafka_platform_runtime.supervision import WATCH

BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Seconds; a write takes 2 to 10 ms."""


_REFUSED, _FAILED = int(HTTPStatus.BAD_REQUEST), int(HTTPStatus.INTERNAL_SERVER_ERROR)
"""The first status of what counts as refused, and as failed. As plain numbers: looking up members of the enumeration would take
longer for each request than all else that is counted of its user."""
MOST_USERS = 500
"""Users that are counted apart, with four series each; those that come after them are counted together."""
OTHER_USERS = "other users"
"""Their name: no Kafka user of a stack has a space in it."""


class _Answered:
    """The requests of a user."""

    __slots__ = ("failed", "ok", "refused", "seconds")

    def __init__(self) -> None:
        self.ok = self.refused = self.failed = 0
        self.seconds = 0.0


class Metrics(Collector):
    """Counters and gauges with names that begin with `gateway_`.

    Plain numbers that only the event loop changes: the library's Counter takes a lock for each change, which is
        noticeable
    at ten thousand requests a second.
    """

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.registry.register(self)
        self._gauges: list[tuple[str, str, Callable[[], float]]] = []
        self._limits: Mapping[str, float] = {}
        self._requests: dict[tuple[str, int], int] = {}
        self._seconds: dict[str, list[int]] = {}
        self._seconds_sum: dict[str, float] = {}
        self._users: dict[str, _Answered] = {}
        self._written = 0
        self._failed = 0
        self._read = 0

    def gauge(self, name: str, description: str, value: Callable[[], float]) -> None:
        """A gauge whose value is computed when it is read."""
        self._gauges.append((name, description, value))

    def limits(self, limits: Mapping[str, float]) -> None:
        """The configured bounds, so that a dashboard can draw them beside the usage."""
        self._limits = limits

    def answered(self, route: str, status: int, seconds: float | None, user: str | None = None) -> None:
        """Count a response; `seconds` is None for a stream, `user` unless Kafka has accepted the password of one."""
        if user is not None:
            self._answered_to(user, status, seconds or 0.0)
        key = (route, status)
        self._requests[key] = self._requests.get(key, 0) + 1
        if seconds is not None:
            counts = self._seconds.get(route)
            if counts is None:
                counts = self._seconds[route] = [0] * (len(BUCKETS) + 1)
                self._seconds_sum[route] = 0.0
            counts[bisect_left(BUCKETS, seconds)] += 1
            self._seconds_sum[route] += seconds

    def _answered_to(self, user: str, status: int, seconds: float) -> None:
        answered = self._users.get(user)
        if answered is None:
            name = user if len(self._users) < MOST_USERS else OTHER_USERS
            # What is no text would keep Prometheus from reading anything.
            name = name.encode("utf-8", "replace").decode()
            answered = self._users.setdefault(name, _Answered())
        answered.seconds += seconds
        if status < _REFUSED:
            answered.ok += 1
        elif status < _FAILED:
            answered.refused += 1
        else:
            answered.failed += 1

    def written(self, records: int, failed: int) -> None:
        """Count records that were written, and those that were not."""
        self._written += records
        self._failed += failed

    def read(self, records: int) -> None:
        """Count records that were handed out."""
        self._read += records

    def describe(self) -> list[Metric]:
        """Empty: nothing is known before something was counted."""
        return []

    def collect(self) -> Iterator[Metric]:
        """All metrics, for Prometheus."""
        requests = CounterMetricFamily("gateway_requests", "Requests answered.", labels=["route", "status"])
        for (route, status), count in list(self._requests.items()):
            requests.add_metric([route, str(status)], count)
        yield requests
        seconds = HistogramMetricFamily(
            "gateway_request_seconds",
            "Time from the head of a request to its answer, without streams.",
            labels=["route"],
        )
        for route, counts in list(self._seconds.items()):
            total, buckets = 0, []
            for bound, count in zip((*map(str, BUCKETS), "+Inf"), counts, strict=True):
                total += count
                buckets.append((bound, float(total)))
            seconds.add_metric([route], buckets, self._seconds_sum[route])
        yield seconds
        yield from self._of_users()
        for name, description, value in (
            ("gateway_records_written", "Records that Kafka acknowledged.", self._written),
            ("gateway_records_failed", "Records that Kafka did not acknowledge.", self._failed),
            ("gateway_records_read", "Records handed to callers.", self._read),
        ):
            yield CounterMetricFamily(name, description, value=value)
        for name, description, ask in self._gauges:
            yield GaugeMetricFamily(name, description, value=ask())
        limits = GaugeMetricFamily("gateway_limit", "Configured bound.", labels=["limit"])
        for name, bound_value in self._limits.items():
            limits.add_metric([name], bound_value)
        yield limits

    def _of_users(self) -> Iterator[Metric]:
        requests = CounterMetricFamily(
            "gateway_user_requests",
            "Requests answered to a user with a password: ok, refused (from 400 on), failed (from 500 on).",
            labels=["user", "outcome"],
        )
        seconds = CounterMetricFamily(
            "gateway_user_request_seconds", "Time that a user's requests took, without streams.", labels=["user"]
        )
        for user, answered in list(self._users.items()):
            for outcome in ("ok", "refused", "failed"):
                requests.add_metric([user, outcome], getattr(answered, outcome))
            seconds.add_metric([user], answered.seconds)
        yield from (requests, seconds)


class _Quiet(WSGIRequestHandler):
    """Does not log each request."""

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
        """Log nothing."""


class _Threaded(BoundedThreads, BothFamilies, WSGIServer):
    """A thread per connection, up to a bound."""


def serve(port: int, metrics: Metrics, not_ready: Callable[[], str | None]) -> Callable[[], None]:
    """Answer /metrics, /healthz and /readyz on a separate port, over plain HTTP and in separate threads.

    Args:
        port: on all addresses, of IPv4 and IPv6.
        metrics: the counts.
        not_ready: why the gateway is not ready, or None.

    Returns:
        A function that ends it.
    """
    counted = make_wsgi_app(metrics.registry)

    def answer(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        path = environ["PATH_INFO"]
        if path == "/metrics":
            told: Iterable[bytes] = counted(environ, start_response)
            return told
        reason = {"/readyz": not_ready, "/healthz": WATCH.reason}.get(path, lambda: None)()
        known = path in {"/healthz", "/readyz"}
        start_response(
            "404 Not Found" if not known else "503 Service Unavailable" if reason else "200 OK",
            [("content-type", "text/plain")],
        )
        return [f"{reason or 'ok'}\n".encode() if known else b"Ask for /metrics, /healthz or /readyz.\n"]

    server = make_server(EVERYWHERE, port, answer, _Threaded, handler_class=_Quiet)
    WATCH.thread("metrics", server.serve_forever)

    def end() -> None:
        server.shutdown()
        server.server_close()

    return end
