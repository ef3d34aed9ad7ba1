"""kafka-python's client of an administrator, for requests that librdkafka does not know."""

import logging
from typing import Any

from kafka.admin import KafkaAdminClient
from kafka.net.sasl.oauth import AbstractTokenProvider

from kafka_platform_runtime.connection import Connection
from kafka_platform_runtime.tokens import Tokens

# The library's warnings about connections repeat what its exceptions say.
logging.getLogger("kafka").setLevel(logging.CRITICAL)


class _Provider(AbstractTokenProvider):  # type: ignore[misc]  # kafka-python has no types
    """Tokens in the form in which kafka-python asks for them."""

    def __init__(self, tokens: Tokens) -> None:
        super().__init__()
        self._tokens = tokens

    def token(self) -> str:
        return self._tokens.token()

    def extensions(self) -> dict[str, str]:
        return dict(self._tokens.extensions)


def admin_client(connection: Connection, **settings: Any) -> KafkaAdminClient:
    """A connected client; `settings` win over those of the connection.

    Raises:
        kafka.errors.KafkaError: no broker answers, or the login failed.
    """
    known, tokens = connection.kafka_python(), connection.tokens()
    if tokens is not None:
        known["sasl_oauth_token_provider"] = _Provider(tokens)
    return KafkaAdminClient(**known | settings)


def ask(client: KafkaAdminClient, request: Any, seconds: float, broker: int | None = None) -> Any:
    """The answer to a request for which the client has no method.

    Args:
        client: a connected client.
        request: one of `kafka.protocol`.
        seconds: how long it may take.
        broker: who is asked; None: any broker.

    Raises:
        kafka.errors.KafkaError: there is none.
    """
    manager = client._manager

    async def send() -> Any:
        return await manager.send(request, node_id=broker, request_timeout_ms=int(seconds * 1000))

    return manager.run(send)
