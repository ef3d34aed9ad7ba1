"""The gateway as a whole: from a request to its answer, and from start to end."""

import asyncio
import contextlib
import gc
import logging
import resource
import signal
import socket
import ssl
import sys
import time
from collections.abc import Callable, Iterator
from http import HTTPStatus
from pathlib import Path
from typing import Any, Protocol

import msgspec
import uvicorn
import uvloop

from kafka_platform_runtime.gateway import browsers, encodings, unpacking
from kafka_platform_runtime.gateway.caller import Caller, Topic
from kafka_platform_runtime.gateway.connections import Connections, Door
from kafka_platform_runtime.gateway.consumers import Consumers
from kafka_platform_runtime.gateway.errors import GatewayError, overloaded, too_many
from kafka_platform_runtime.gateway.health import KafkaProbe
from kafka_platform_runtime.gateway.http import (
    Budget,
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
    now,
)
from kafka_platform_runtime.gateway.identity import Callers
from kafka_platform_runtime.gateway.login import Brokers
from kafka_platform_runtime.gateway.metadata import Metadata
from kafka_platform_runtime.gateway.metrics import Metrics
from kafka_platform_runtime.gateway.metrics import serve as serve_metrics
from kafka_platform_runtime.gateway.produce import Writes
from kafka_platform_runtime.gateway.protocol import BoundedProtocol, BoundedSocket
from kafka_platform_runtime.gateway.reads import Reads
from kafka_platform_runtime.gateway.render import COMPILED
from kafka_platform_runtime.gateway.settings import Kafka, Settings, Tls
from kafka_platform_runtime.supervision import WATCH, whereabouts

LOG = logging.getLogger("gateway")

TRIM_SECONDS = 30.0
"""Pause between two times at which memory is given back: malloc keeps what was freed in pieces, a third of a busy pod's."""
DEAD_SECONDS = 5.0
"""How long an end may take after something has died on which it may wait for ever."""
PREFLIGHT = [
    (b"access-control-allow-methods", b"GET, POST, DELETE"),
    (b"access-control-allow-headers", b"authorization, content-type, accept, last-event-id"),
    (b"access-control-max-age", b"600"),
]
EXPOSED = [(b"access-control-expose-headers", b"retry-after")]
BEARER = ("www-authenticate", 'Bearer realm="kafka"')
"""The other way to log in, where tokens are taken: a 401 names each (RFC 9110, 11.6.1)."""
LEFT = 499
"""Counted, never sent: the caller was gone before the answer."""


class Part(Protocol):
    """A part of the gateway with routes of its own."""

    def routes(self) -> list[Route]:
        """What it answers."""

    async def close(self) -> None:
        """End what is under way; called once, after the last request."""


class Gateway:
    """The ASGI application.

    Args:
        kafka: where Kafka listens.
        settings: the file.
        pod: this pod's name, for instances that live in it.
    """

    def __init__(self, kafka: Kafka, settings: Settings, pod: str) -> None:
        self.kafka = kafka
        self.settings = settings
        self.pod = pod
        self.metrics = Metrics()
        self.budget = Budget(settings.limits.bytes)
        brokers = Brokers(kafka)
        self.callers = Callers(kafka, brokers, settings)
        self.probe = KafkaProbe(brokers)
        self.in_flight = 0
        self.ending = asyncio.Event()
        """Set when the program is told to end: streams say goodbye, so that their readers come back elsewhere."""
        self.not_ready: str | None = None
        self.certificates: _Certificates | None = None
        self.open = Connections(settings.limits)
        self.parts: list[Part] = _parts(self)
        own = [
            Route(method="GET", path="/healthz", handler=self._healthz, name="healthz", public=True),
            Route(method="GET", path="/readyz", handler=self._readyz, name="readyz", public=True),
        ]
        self._writes = Writes(self)
        self.routes = [*own, *self._writes.routes(), *(route for part in self.parts for route in part.routes())]
        self._router = Router(self.routes)
        preflight = Route(method="OPTIONS", path="*", handler=self._allow, name="preflight", public=True)
        self._preflight: tuple[Route, list[str]] = (preflight, [])
        self.metrics.limits(msgspec.structs.asdict(settings.limits))
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

    time = staticmethod(now)

    async def topic(self, caller: Caller, name: str) -> Topic:
        """What is known of a topic.

        Raises:
            GatewayError: there is no such topic, or this caller may not see it.
        """
        if not _is_topic_name(name):
            raise GatewayError(
                HTTPStatus.NOT_FOUND, 40401, "No topic has this name: letters, digits, '.', '_' and '-', at most 249."
            )
        return await caller.topic(name)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        begun = time.perf_counter()
        request = Request(scope, receive, send)
        name, long, status = "none", False, 0
        response: Response | None = None
        admitted: Caller | None = None
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
                    caller = request.caller = await self.callers.identify(request.authorization, request.address)
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
                if request.begun:  # the server closes the connection of an answer that is not ended
                    status, response = response.status, None
            if response is not None:
                status = response.status
                response = await self._encoded(request, response)
                await send({"type": "http.response.start", "status": status, "headers": encoded_headers(response)})
                # It returns when the caller has taken it: until then it counts.
                await send({"type": "http.response.body", "body": response.body})
        finally:
            if request.held:
                self.budget.give(request.held, request.caller.usage)
            if admitted is not None:
                admitted.usage.requests -= 1
                self.in_flight -= 1
        self.metrics.answered(name, status or 200, None if long else time.perf_counter() - begun)

    async def _encoded(self, request: Request, response: Response) -> Response:
        """The answer as the caller asks for it: by gzip, if it is large enough to gain by that."""
        if len(response.body) < encodings.LEAST_BYTES:
            return response
        # An answer may depend on more than that already.
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
        """Begin a write for which nothing is missing: a caller and a topic that are known, room, and a sound body.

        Args:
            authorization: header of the request, as the others.
            content_type: of the body.
            topic: as it stands in the path.
            body: all of it.
            since: when the head was there, by `now`.
            answer: called once, later, with the answer.

        Returns:
            Whether it was begun. If not, nothing has happened: `__call__` knows why and says it.
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
            self.metrics.answered("write", response.status, now() - since)

        if not self._writes.begin(caller, topic, content_type, body, ended):
            return False
        caller.usage.requests += 1
        self.in_flight += 1
        self.budget.take(size, caller.usage)
        return True

    def _faulty(self, method: str, name: str, error: Exception) -> Response:
        """What is answered when this program is at fault."""
        LOG.error("%s %s: %s", method, name, whereabouts(error))
        return error_response(GatewayError(500, 50001, "The gateway has a fault: it was written to its log."))

    def _admit(self, caller: Caller) -> None:
        """Count a request of this caller in flight.

        Raises:
            GatewayError: there are as many as there may be.
        """
        limits = self.settings.limits
        if caller.usage.requests >= limits.requests_per_caller:
            raise too_many(
                f"User {caller.username} has {caller.usage.requests} requests in flight, as many as allowed."
            )
        if self.in_flight >= limits.requests:
            raise overloaded("The gateway has as many requests in flight as it may: try again in a moment.")
        caller.usage.requests += 1
        self.in_flight += 1

    def _allowing(self, request: Request, send: Send) -> Send:
        """As `send`, and tells the browser of a page from elsewhere whether it may have the answer."""
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
        """A browser asks whether a page from elsewhere may send a request; the headers of the answer say it."""
        return Response(status=HTTPStatus.NO_CONTENT)

    async def _healthz(self, request: Request) -> Response:
        return _told(WATCH.reason())

    async def _readyz(self, request: Request) -> Response:
        return _told(self.why_not_ready())

    def why_not_ready(self) -> str | None:
        """Why no load balancer should send anything here; None if it may."""
        return self.not_ready or WATCH.reason() or self.probe.reason

    async def maintain(self) -> None:
        """What is due once a second, until cancelled."""
        trimmed = now()
        with WATCH.heart("The gateway's maintenance") as beat:
            while True:
                await asyncio.sleep(1)
                beat()
                if now() >= trimmed + TRIM_SECONDS:
                    await asyncio.wrap_future(WATCH.question("giving memory back", unpacking.trim))
                    trimmed = now()
                WATCH.look()
                self.callers.maintain()
                self.open.sweep(now())
                if self.certificates is not None:
                    self.certificates.refresh()

    async def close(self) -> None:
        """End what is under way; what cannot be ended any more is left."""
        seconds = self.settings.limits.timeout_seconds
        for end in [
            *(part.close() for part in (*self.parts, self._writes)),
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


def _parts(gateway: Gateway) -> list[Part]:
    return [Consumers(gateway), Metadata(gateway), Reads(gateway)]


_TOPIC_CHARACTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-")


def _is_topic_name(name: str) -> bool:
    return 0 < len(name) <= 249 and name not in {".", ".."} and _TOPIC_CHARACTERS.issuperset(name)


async def _refuse_websocket(send: Send, response: Response) -> None:
    await send(
        {"type": "websocket.http.response.start", "status": response.status, "headers": encoded_headers(response)}
    )
    await send({"type": "websocket.http.response.body", "body": response.body})


class _Server(uvicorn.Server):
    """uvicorn's server without its signal handlers and its way to accept: the program has its own."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen."""
        await self.lifespan.startup()
        gateway: Gateway = self.config.app  # type: ignore[assignment]
        door = Door(
            gateway.open,
            lambda: BoundedProtocol(config=self.config, server_state=self.server_state, app_state={}),
            self.config.port,
            self.config.ssl,
        )
        self.servers = [door]  # type: ignore[list-item]
        self.started = True

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals alone."""
        yield


class _Certificates:
    """The TLS files, read again when they change; connections that are open keep what they have."""

    def __init__(self, tls: Tls, context: ssl.SSLContext) -> None:
        self._tls = tls
        self._context = context
        self._seen = self._state()

    def _state(self) -> list[tuple[int, int]]:
        files = [self._tls.certificate, self._tls.key, *filter(None, [self._tls.client_authority])]
        return [(status.st_mtime_ns, status.st_ino) for status in (Path(file).stat() for file in files)]

    def refresh(self) -> None:
        """Read the files again if they are others."""
        try:
            state = self._state()
            if state != self._seen:
                # A pair that does not fit is refused here and the former one stays in use.
                ssl.create_default_context().load_cert_chain(self._tls.certificate, self._tls.key)
                self._context.load_cert_chain(self._tls.certificate, self._tls.key)
                if self._tls.client_authority is not None:
                    self._context.load_verify_locations(self._tls.client_authority)
                LOG.info("The TLS certificate was read again.")
        except (OSError, ssl.SSLError) as error:
            LOG.error("The TLS certificate cannot be read, the former one stays in use: %s", error)
            return
        self._seen = state


async def serve(gateway: Gateway) -> None:
    """Answer requests until SIGTERM or SIGINT; what was accepted by then is finished."""
    settings = gateway.settings
    limits = settings.limits
    tls = settings.tls
    config = uvicorn.Config(
        gateway,
        host="0.0.0.0",  # noqa: S104 - a pod's address is not known before
        port=settings.port,
        http=BoundedProtocol,
        ws=BoundedSocket,
        ws_max_size=64 * 1024,
        lifespan="off",
        access_log=False,
        log_config=None,
        server_header=False,
        date_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=int(limits.timeout_seconds) + 5,
        ssl_certfile=tls.certificate if tls else None,
        ssl_keyfile=tls.key if tls else None,
        ssl_ca_certs=tls.client_authority if tls else None,
        ssl_cert_reqs=ssl.CERT_REQUIRED if tls and tls.client_authority else ssl.CERT_NONE,
    )
    config.load()
    if tls is not None and config.ssl is not None:
        config.ssl.minimum_version = ssl.TLSVersion.TLSv1_2
        gateway.certificates = _Certificates(tls, config.ssl)
    server = _Server(config)

    async def drain() -> None:
        gateway.not_ready = "The gateway is ending."
        try:
            await asyncio.sleep(limits.drain_seconds)
        finally:
            gateway.ending.set()
            server.should_exit = True

    loop = asyncio.get_running_loop()

    def end() -> None:
        if gateway.not_ready is None:
            LOG.info("Ending: new requests are taken for %g s more.", limits.drain_seconds)
            WATCH.ending()
            tasks.append(WATCH.errand("drain", drain()))

    WATCH.begin(lambda: loop.call_soon_threadsafe(end))
    tasks = [WATCH.vital("maintenance", gateway.maintain()), WATCH.vital("look at Kafka", gateway.probe.run())]
    for order in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(order, end)
    end_metrics = serve_metrics(settings.metrics_port, gateway.metrics, gateway.why_not_ready)
    # What is there now stays for good: the collector need not look at it, and what requests leave behind has no cycles.
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 20, 100)
    if not unpacking.bound(limits.batch_bytes, limits.unpacked_bytes):
        LOG.warning("The part that bounds what batches unpack to is missing: one batch may take all memory.")
    if not COMPILED:
        LOG.warning("The part that is compiled is missing: streams of JSON take half as much processor time again.")
    LOG.info("Listening on port %d, metrics on port %d.", settings.port, settings.metrics_port)
    try:
        await server.serve()
    finally:
        WATCH.ending()
        for task in tasks:
            task.cancel()
        await gateway.close()
        end_metrics()
    LOG.info("Ended.")


def run(kafka: Kafka, settings: Settings, pod: str) -> None:
    """Make the gateway and serve."""

    async def main() -> None:
        await serve(Gateway(kafka, settings, pod))

    # A file for each connection: the usual 1024 are too few for streams.
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    # Threads that serve Kafka's callbacks must not hold the event loop up for Python's usual 5 ms.
    sys.setswitchinterval(0.001)
    uvloop.run(main())
