"""Bytes of requests and responses held in memory."""

from typing import Protocol

from kafka_platform_runtime.gateway.errors import overloaded, too_many


class Holder(Protocol):
    """Takes bytes of a budget."""

    held: int
    """How many it has taken."""


class Budget:
    """Bytes of requests and responses held in memory at a time. One caller may hold half, so that others can go on.

    Args:
        limit: the most bytes.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.used = 0
        self._of_one = limit // 2

    def has(self, count: int, holder: Holder) -> bool:
        """Whether `count` bytes are available for this holder."""
        return self.used + count <= self.limit and holder.held + count <= self._of_one

    def take(self, count: int, holder: Holder) -> None:
        """Reserve `count` bytes.

        Raises:
            GatewayError: they are not available.
        """
        if holder.held + count > self._of_one:
            raise too_many("This user's requests and responses have reached their memory limit: try again in a moment.")
        if self.used + count > self.limit:
            raise overloaded("The gateway has reached its memory limit: try again in a moment.")
        self.used += count
        holder.held += count

    def give(self, count: int, holder: Holder) -> None:
        """Give back what was taken."""
        self.used -= count
        holder.held -= count
