"""The gateway as an ASGI application: from a request to its response."""

import asyncio
import logging
import sys
import time
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, Protocol

import msgspec

from kafka_platform_runtime.gateway import browsers, encodings, memory, unpacking
from kafka_platform_runtime.gateway.callers.caller import Caller
from kafka_platform_runtime.gateway.callers.shown import ShownCertificates
from kafka_platform_runtime.gateway.certificates import Certificates
from kafka_platform_runtime.gateway.clock import now
from kafka_platform_runtime.gateway.consumers.routes import Consumers
from kafka_platform_runtime.gateway.core import Core
from kafka_platform_runtime.gateway.errors import GatewayError, overloaded, too_many
from kafka_platform_runtime.gateway.health import KafkaProbe
from kafka_platform_runtime.gateway.http import (
    Gone,
    Receive,
    Request,
    Response,
    Route,
    Router,
    Scope,
    Send,
    encoded_headers,
    error_response,
)
from kafka_platform_runtime.gateway.metadata import Metadata
from kafka_platform_runtime.gateway.proxies import TrustedProxies
from kafka_platform_runtime.gateway.reads.routes import Reads
from kafka_platform_runtime.gateway.wire.connections import Connections
from kafka_platform_runtime.gateway.writes.routes import Writes
from kafka_platform_runtime.supervision import WATCH, whereabouts

LOG = logging.getLogger("gateway")

TRIM_SECONDS = 30.0
"""Pause between two returns of memory to the system: malloc keeps freed fragments, a third of a busy pod's memory."""
DEAD_SECONDS = 5.0
"""How long shutdown may take after something died that it might otherwise await forever."""
PREFLIGHT = [
    (b"access-control-allow-methods", b"GET, POST, DELETE"),
    (b"access-control-allow-headers", b"authorization, content-type, accept, last-event-id"),
    (b"access-control-max-age", b"600"),
]
EXPOSED = [(b"access-control-expose-headers", b"retry-after")]
BEARER = ("www-authenticate", 'Bearer realm="kafka"')
"""The other way to log in, if tokens are accepted: a 401 names each (RFC 9110, 11.6.1)."""
LEFT = 499
"""Counted, never sent: the caller left before the response."""


class Part(Protocol):
    """A part of the gateway with its own routes."""

    def routes(self) -> list[Route]:
        """The routes that it answers."""

    async def close(self) -> None:
        """End what is in progress; called once, after the last request."""


class Gateway:
    """The ASGI application.

    Args:
        core: what its parts share.
    """

    def __init__(self, core: Core) -> None:
        self.settings = core.settings
        self.metrics = core.metrics
        self.budget = core.budget
        self.callers = core.callers
        self.ending = core.ending
        self.probe = KafkaProbe(core.brokers)
        self.in_flight = 0
        self.not_ready: str | None = None
        self.certificates: Certificates | None = None
        self.shown_certificates = ShownCertificates(core.settings.tls)
        self.open = Connections(core.limits)
        self._schemas = core.schemas
        self._proxies = TrustedProxies(core.settings.trusted_proxies)
        self._writes = Writes(core)
        self.parts: list[Part] = [Consumers(core), Metadata(core), Reads(core), self._writes]
        """They are closed in this order."""
        own = [
            Route(method="GET", path="/healthz", handler=self._healthz, name="healthz", public=True),
            Route(method="GET", path="/readyz", handler=self._readyz, name="readyz", public=True),
        ]
        self.routes = [*own, *(route for part in self.parts for route in part.routes())]
        self._router = Router(self.routes)
        preflight = Route(method="OPTIONS", path="*", handler=self._allow, name="preflight", public=True)
        self._preflight: tuple[Route, list[str]] = (preflight, [])
        self._measure()

    def _measure(self) -> None:
        """Register gauges for what is open and held."""
        self.metrics.limits(msgspec.structs.asdict(self.settings.limits))
        self.metrics.gauge("gateway_requests_in_flight", "Requests in flight.", lambda: self.in_flight)
        self.metrics.gauge("gateway_streams", "Open streams.", lambda: self.callers.streams)
        self.metrics.gauge("gateway_consumers", "Kafka consumers.", lambda: self.callers.consumers)
        self.metrics.gauge("gateway_callers", "Callers who are logged in to Kafka.", lambda: len(self.callers))
        self.metrics.gauge("gateway_logins_waiting", "Logins that wait for their turn.", lambda: self.callers.waiting)
        self.metrics.gauge("gateway_kafka_clients", "Kafka clients, consumers included.", lambda: self.callers.clients)
        self.metrics.gauge("gateway_connections", "Open connections of HTTP.", lambda: len(self.open))
        self.metrics.gauge(
            "gateway_connections_ended",
            "Connections refused or ended since the start, because there were too many, or they held too much or did not go on.",
            lambda: self.open.ended,
        )
        self.metrics.gauge("gateway_bytes", "Bodies held in memory, in bytes.", lambda: self.budget.used)
        # This shows a leak: resident memory also includes what the allocators keep for the next peak.
        self.metrics.gauge("gateway_python_blocks", "Blocks that Python's objects use.", sys.getallocatedblocks)
        self.metrics.gauge("gateway_malloc_bytes", "Bytes that libraries use.", unpacking.allocated)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        begun = time.perf_counter()
        request = Request(scope, receive, send)
        name, long, status = "none", False, 0
        response: Response | None = None
        admitted: Caller | None = None
        user: str | None = None
        if self.settings.cors:
            send = request.send = self._allowing(request, send)
        try:
            try:
                if (
                    self.settings.cors
                    and request.method == "OPTIONS"
                    and request.header("access-control-request-method")
                ):
                    route, segments = self._preflight
                else:
                    route, segments = self._router.find(request.method, request.path)
                name, long = route.name, route.long
                if not route.public:
                    browsers.judge(request, self.settings.cors)
                    address = self._proxies.caller(request.address, scope["headers"])
                    caller = request.caller = await self.callers.identify(request.authorization, address)
                    user = caller.identity.known_user
                    self.open.identified(scope["connection"], caller.identity.owner)
                    if not long:
                        self._admit(caller)
                        admitted = caller
                response = await route.handler(request, *segments)
            except GatewayError as error:
                response = error_response(error)
                if error.status == HTTPStatus.UNAUTHORIZED and self.settings.bearer:
                    response = msgspec.structs.replace(response, headers=(*response.headers, BEARER))
                if scope["type"] == "websocket":
                    await _refuse_websocket(send, response)
                    status, response = response.status, None
            except Gone:
                status = LEFT
            except Exception as error:
                response = self._faulty(request.method, name, error)
                if request.begun:  # the server closes the connection of an unfinished response
                    status, response = response.status, None
            if response is not None:
                status = response.status
                response = await self._encoded(request, response)
                await send({"type": "http.response.start", "status": status, "headers": encoded_headers(response)})
                # It returns when the caller has taken the response: until then it counts.
                await send({"type": "http.response.body", "body": response.body})
        finally:
            if request.held:
                self.budget.give(request.held, request.caller.usage)
            if admitted is not None:
                admitted.usage.requests -= 1
                self.in_flight -= 1
        self.metrics.answered(name, status or 200, None if long else time.perf_counter() - begun, user)

    async def _encoded(self, request: Request, response: Response) -> Response:
        """The response in the encoding that the caller prefers: gzip if it is large enough to gain from that."""
        if len(response.body) < encodings.LEAST_BYTES:
            return response
        # A response may already depend on more than that.
        others = [value for name, value in response.headers if name == "vary"]
        headers = [(name, value) for name, value in response.headers if name != "vary"]
        headers.append(("vary", ", ".join([*others, "accept-encoding"])))
        body = response.body
        if encodings.wants_gzip(request.header("accept-encoding")):
            body = await encodings.deflated(body)
            headers.append(("content-encoding", "gzip"))
        return msgspec.structs.replace(response, body=body, headers=headers)

    def direct(
        self,
        *,
        authorization: bytes | None,
        content_type: bytes,
        topic: str,
        body: bytes,
        since: float,
        answer: Callable[[Response], None],
    ) -> bool:
        """Begin a write that lacks nothing: its caller and topic are known, there is room, and the body is sound.

        Args:
            authorization: header of the request, like the others.
            content_type: of the body.
            topic: as written in the path.
            body: all of it.
            since: when the head had arrived, by `now`.
            answer: called once, later, with the response.

        Returns:
            Whether it was begun. If not, nothing has happened: `__call__` finds out why and reports it.
        """
        caller = self.callers.known(authorization)
        limits = self.settings.limits
        size = len(body)
        if (
            caller is None
            or self.settings.cors
            or caller.usage.requests >= limits.requests_per_caller
            or self.in_flight >= limits.requests
            or size > limits.body_bytes
            or not self.budget.has(size, caller.usage)
        ):
            return False

        def ended(make: Callable[[], Response]) -> None:
            caller.usage.requests -= 1
            self.in_flight -= 1
            self.budget.give(size, caller.usage)
            try:
                response = make()
            except Exception as error:
                response = self._faulty("POST", "write", error)
            answer(response)
            self.metrics.answered("write", response.status, now() - since, caller.identity.known_user)

        if not self._writes.begin(caller, topic, content_type, body, ended):
            return False
        caller.usage.requests += 1
        self.in_flight += 1
        self.budget.take(size, caller.usage)
        return True

    def _faulty(self, method: str, name: str, error: Exception) -> Response:
        """The response when this program is at fault."""
        LOG.error("%s %s: %s", method, name, whereabouts(error))
        return error_response(GatewayError(500, 50001, "Internal error in the gateway: its log has the details."))

    def _admit(self, caller: Caller) -> None:
        """Count a request of this caller as in flight.

        Raises:
            GatewayError: the limit is reached.
        """
        limits = self.settings.limits
        if caller.usage.requests >= limits.requests_per_caller:
            raise too_many(
                f"User {caller.username} has {caller.usage.requests} requests in flight, as many as allowed."
            )
        if self.in_flight >= limits.requests:
            raise overloaded("The gateway has reached its limit of requests in flight: try again in a moment.")
        caller.usage.requests += 1
        self.in_flight += 1

    def _allowing(self, request: Request, send: Send) -> Send:
        """Like `send`, and tells the browser whether a page from another origin may read the response."""
        origin = request.header("origin")
        headers: list[tuple[bytes, bytes]] = [(b"vary", b"origin")]
        if origin is not None and browsers.allows(self.settings.cors, origin):
            headers.append((b"access-control-allow-origin", origin.encode("latin-1")))
            headers += PREFLIGHT if request.method == "OPTIONS" else EXPOSED

        async def allowing(message: dict[str, Any]) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *headers]
            await send(message)

        return allowing

    async def _allow(self, request: Request) -> Response:
        """Answer a browser's preflight request: whether a page from another origin may send a request."""
        return Response(status=HTTPStatus.NO_CONTENT)

    async def _healthz(self, request: Request) -> Response:
        return _told(WATCH.reason())

    async def _readyz(self, request: Request) -> Response:
        return _told(self.why_not_ready())

    def why_not_ready(self) -> str | None:
        """Why load balancers should not send requests here; None if they may."""
        return self.not_ready or WATCH.reason() or self.probe.reason

    async def maintain(self) -> None:
        """Do what is due once a second, until cancelled."""
        trimmed = now()
        with WATCH.heart("The gateway's maintenance") as beat:
            while True:
                await asyncio.sleep(1)
                beat()
                if now() >= trimmed + TRIM_SECONDS:
                    await asyncio.wrap_future(WATCH.question("giving memory back", memory.give_back))
                    trimmed = now()
                WATCH.look()
                self.callers.maintain()
                self.open.sweep(now())
                if self.certificates is not None:
                    self.certificates.refresh()

    async def close(self) -> None:
        """End what is in progress; abandon what can no longer be ended."""
        seconds = self.settings.limits.timeout_seconds
        for end in [
            *(part.close() for part in self.parts),
            *([] if self._schemas is None else [self._schemas.close()]),
            asyncio.to_thread(self.callers.close, seconds),
        ]:
            try:
                async with asyncio.timeout(seconds if WATCH.death is None else DEAD_SECONDS):
                    await end
            except Exception as error:
                LOG.error("Something cannot be ended: %s", whereabouts(error))


def _told(reason: str | None) -> Response:
    status = HTTPStatus.OK if reason is None else HTTPStatus.SERVICE_UNAVAILABLE
    return Response(status=status, body=f"{reason or 'ok'}\n".encode(), content_type="text/plain")


async def _refuse_websocket(send: Send, response: Response) -> None:
    await send(
        {"type": "websocket.http.response.start", "status": response.status, "headers": encoded_headers(response)}
    )
    await send({"type": "websocket.http.response.body", "body": response.body})
