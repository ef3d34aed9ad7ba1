"""How to reach a RabbitMQ, for both directions."""

import logging
from typing import Annotated

import pika
from msgspec import Meta
from pika.exceptions import AMQPConnectionError

from kafka_platform_runtime.connectors.records import line
from kafka_platform_runtime.connectors.settings import Secrets, Section

# What goes wrong is told once, by whoever tries again.
logging.getLogger("pika").addHandler(logging.NullHandler())
logging.getLogger("pika").propagate = False

CONNECT_SECONDS = 10.0
IDLE_SECONDS = 60
"""After as long without a byte, TCP looks whether the server is still there."""


class Server(Section, frozen=True, kw_only=True):
    """How to reach a server."""

    host: str
    port: Annotated[int, Meta(ge=1, le=65535)] = 5672
    tls: bool = False
    virtual_host: str = "/"


def parameters(server: Server, secrets: Secrets, heartbeat: int) -> pika.ConnectionParameters:
    """Of a connection; a heartbeat of 0 leaves it to TCP to notice a server that is gone."""
    login = secrets.login()
    context = secrets.tls() if server.tls else None
    return pika.ConnectionParameters(
        host=server.host,
        port=server.port,
        virtual_host=server.virtual_host,
        heartbeat=heartbeat,
        socket_timeout=CONNECT_SECONDS,
        stack_timeout=CONNECT_SECONDS + 5,
        blocked_connection_timeout=CONNECT_SECONDS,
        tcp_options={"TCP_KEEPIDLE": IDLE_SECONDS},
        ssl_options=None if context is None else pika.SSLOptions(context, server.host),
        **({} if login is None else {"credentials": pika.PlainCredentials(*login)}),
    )


def why(error: BaseException) -> str:
    """Why an operation failed, in one line."""
    inner = error.args[0] if isinstance(error, AMQPConnectionError) and error.args else error
    return line(str(getattr(inner, "exception", inner)) or type(error).__name__)
