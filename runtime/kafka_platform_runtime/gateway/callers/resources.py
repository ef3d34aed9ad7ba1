"""What callers use: one user's share, and what all of them share."""

import asyncio
from collections.abc import Callable
from typing import Any

from kafka_platform_runtime.gateway.errors import overloaded
from kafka_platform_runtime.gateway.settings import Kafka, Settings
from kafka_platform_runtime.supervision import WATCH

QUESTION_THREADS = 32
"""Metadata requests to Kafka that hold a thread, for all callers; records are not handled there."""
QUESTIONS_OF_A_USER = 4
"""The same for one user; further ones wait."""
CLOSING_THREADS = 4
MOST_CLIENTS = 900
"""Kafka clients of a process, consumers included. Each takes one of the 1024 thread-specific data keys of a process
(PTHREAD_KEYS_MAX): when they run out, no further client can be made."""


class Usage:
    """What a user currently uses, with any of their passwords or tokens."""

    __slots__ = ("__weakref__", "awaited", "callers", "consumers", "held", "questions", "requests", "streams")

    def __init__(self) -> None:
        self.requests = 0
        """Requests in flight."""
        self.awaited = 0
        """Writes that wait for Kafka's acknowledgement."""
        self.held = 0
        """Bytes of the gateway's budget."""
        self.streams = 0
        self.consumers = 0
        self.callers = 0
        """Passwords and tokens that are logged in."""
        self.questions = asyncio.Semaphore(QUESTIONS_OF_A_USER)

    @property
    def busy(self) -> bool:
        """Whether something is in progress."""
        return bool(self.requests or self.streams or self.consumers or self.awaited)


class Resources:
    """What all callers share: where Kafka is, the threads for blocking calls, and the number of clients.

    Args:
        kafka: where it listens.
        settings: the gateway's.
    """

    def __init__(self, kafka: Kafka, settings: Settings) -> None:
        self.kafka = kafka
        self.settings = settings
        self.questions = WATCH.pool("questions", QUESTION_THREADS)
        self.closing = WATCH.pool("closing", CLOSING_THREADS)
        self.clients = 0

    def claim(self) -> None:
        """Count a client.

        Raises:
            GatewayError: the limit is reached.
        """
        if self.clients >= MOST_CLIENTS:
            raise overloaded("The gateway has reached its limit of Kafka clients: try again later.", 5)
        self.clients += 1

    def release(self) -> None:
        """Stop counting a closed client."""
        self.clients -= 1

    def close_later(self, name: str, close: Callable[[], Any]) -> None:
        """Close an unused client; it counts until it is closed."""
        WATCH.hand_over(name, self.closing, close, self.release)
