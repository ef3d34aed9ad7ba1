"""What all parts of the gateway share: settings, callers, remaining memory, and counts."""

import asyncio
from http import HTTPStatus

from kafka_platform_runtime.gateway.budget import Budget
from kafka_platform_runtime.gateway.callers.caller import Caller, Topic
from kafka_platform_runtime.gateway.callers.identity import Callers
from kafka_platform_runtime.gateway.callers.login import Brokers
from kafka_platform_runtime.gateway.errors import GatewayError
from kafka_platform_runtime.gateway.metrics import Metrics
from kafka_platform_runtime.gateway.rights import Right
from kafka_platform_runtime.gateway.settings import Kafka, Settings


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


_TOPIC_CHARACTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-")


def _is_topic_name(name: str) -> bool:
    return 0 < len(name) <= 249 and name not in {".", ".."} and _TOPIC_CHARACTERS.issuperset(name)
