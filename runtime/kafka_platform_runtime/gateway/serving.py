"""The program around the application: its port, its signals, its start and its end."""

import asyncio
import contextlib
import logging
import resource
import signal
import socket
import ssl
import sys
from collections.abc import Iterator

import uvicorn
import uvloop

from kafka_platform_runtime.gateway import memory, unpacking
from kafka_platform_runtime.gateway.application import Gateway
from kafka_platform_runtime.gateway.certificates import END_METRIC, Certificates
from kafka_platform_runtime.gateway.core import Core
from kafka_platform_runtime.gateway.metrics import serve as serve_metrics
from kafka_platform_runtime.gateway.render import COMPILED
from kafka_platform_runtime.gateway.settings import Kafka, Settings
from kafka_platform_runtime.gateway.wire.door import Door
from kafka_platform_runtime.gateway.wire.protocol import BoundedProtocol
from kafka_platform_runtime.gateway.wire.sockets import BoundedSocket
from kafka_platform_runtime.supervision import WATCH

LOG = logging.getLogger("gateway")


class _Server(uvicorn.Server):
    """uvicorn's server without its signal handlers and its accept loop: the program has its own."""

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


def _configuration(gateway: Gateway) -> uvicorn.Config:
    """How uvicorn serves it."""
    settings = gateway.settings
    limits = settings.limits
    tls = settings.tls
    config = uvicorn.Config(
        gateway,
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
        gateway.certificates = certificates = Certificates(tls, config.ssl)
        gateway.metrics.gauge(END_METRIC, "When the TLS certificate in use ends.", lambda: certificates.ends)
    return config


async def serve(gateway: Gateway) -> None:
    """Answer requests until SIGTERM or SIGINT; requests accepted by then are finished."""
    limits = gateway.settings.limits
    server = _Server(_configuration(gateway))

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
            LOG.info("Shutting down: new requests are accepted for another %g s.", limits.drain_seconds)
            WATCH.ending()
            tasks.append(WATCH.errand("drain", drain()))

    WATCH.begin(lambda: loop.call_soon_threadsafe(end))
    tasks = [WATCH.vital("maintenance", gateway.maintain()), WATCH.vital("look at Kafka", gateway.probe.run())]
    for order in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(order, end)
    end_metrics = serve_metrics(gateway.settings.metrics_port, gateway.metrics, gateway.why_not_ready)
    memory.settle()
    if not unpacking.bound(limits.batch_bytes, limits.unpacked_bytes):
        LOG.warning("The compiled bound on unpacking is missing: one batch may take all memory.")
    if not COMPILED:
        LOG.warning("The compiled renderer is missing: JSON streams take half as much processor time again.")
    LOG.info("Listening on port %d, metrics on port %d.", gateway.settings.port, gateway.settings.metrics_port)
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
    """Make the gateway and serve it."""

    async def main() -> None:
        await serve(Gateway(Core(kafka, settings, pod)))

    # A file per connection: the usual 1024 are too few for streams.
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    # Threads that run Kafka's callbacks must not delay the event loop by Python's usual 5 ms.
    sys.setswitchinterval(0.001)
    uvloop.run(main())
