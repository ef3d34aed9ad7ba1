"""What all parts of the gateway share: settings, callers, remaining memory, and counts."""

import asyncio
from collections.abc import Iterator, Sequence
from http import HTTPStatus
from typing import TYPE_CHECKING

from kafka_platform_runtime.gateway.budget import Budget
from kafka_platform_runtime.gateway.callers.caller import Caller, Topic
from kafka_platform_runtime.gateway.callers.identity import Callers
from kafka_platform_runtime.gateway.callers.login import Brokers
from kafka_platform_runtime.gateway.errors import GatewayError
from kafka_platform_runtime.gateway.formats import Format, read_with
from kafka_platform_runtime.gateway.metrics import Metrics
from kafka_platform_runtime.gateway.polling import Message
from kafka_platform_runtime.gateway.rights import Right
from kafka_platform_runtime.gateway.settings import Kafka, Registry, Settings

if TYPE_CHECKING:
    from kafka_platform_runtime.gateway.schemas.schemas import Schemas


class Core:
    """What all parts of the gateway share; it does not know them.

    Args:
        kafka: where Kafka listens.
        settings: from the file.
        pod: this pod's name, for instances that live in it.
    """

    def __init__(self, kafka: Kafka, settings: Settings, pod: str) -> None:
        self.settings = settings
        self.limits = settings.limits
        self.pod = pod
        self.metrics = Metrics()
        self.budget = Budget(settings.limits.bytes)
        self.brokers = Brokers(kafka)
        self.callers = Callers(kafka, self.brokers, settings)
        self.ending = asyncio.Event()
        """Set when the program is asked to end: streams say goodbye, so that their readers reconnect elsewhere."""

        self.schemas = None if settings.registry is None else _schemas(settings.registry)
        """What is known of the schema registry; None if there is none."""

    async def prepare(self, form: Format, messages: Sequence[Message]) -> None:
        """Have the schemas known by which records are handed out in this format.

        Raises:
            GatewayError: the registry does not answer.
        """
        if self.schemas is not None and form.has_schema:
            await self.schemas.prepare(contents(messages))

    async def topic(self, caller: Caller, name: str, right: Right) -> Topic:
        """What is known about a topic, for a caller who needs that right on it.

        Raises:
            GatewayError: there is no such topic, or this caller may not see it.
        """
        if not _is_topic_name(name):
            raise GatewayError(
                HTTPStatus.NOT_FOUND, 40401, "No topic has this name: letters, digits, '.', '_' and '-', at most 249."
            )
        return await caller.topic(name, right)


def _schemas(settings: Registry) -> "Schemas":
    # Only here: a gateway without a registry has no need for the memory of its libraries.
    from kafka_platform_runtime.gateway.schemas.schemas import Schemas

    schemas = Schemas(settings)
    read_with(schemas.read)
    return schemas


def contents(messages: Sequence[Message]) -> Iterator[bytes | None]:
    """The keys and values of records."""
    for message in messages:
        yield message.key()
        yield message.value()


_TOPIC_CHARACTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-")


def _is_topic_name(name: str) -> bool:
    return 0 < len(name) <= 249 and name not in {".", ".."} and _TOPIC_CHARACTERS.issuperset(name)
