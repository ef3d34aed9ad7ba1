"""The pauses between attempts of a program that tries until it is told to end."""

SHORTEST_PAUSE = 0.2
LONGEST_PAUSE = 10.0
"""Seconds: a target that is back gets its records after as long at most."""
GROWTH = 1.7
"""What each pause is multiplied by for the next one."""


class Pauses:
    """Each pause is longer than the one before, within bounds."""

    def __init__(self) -> None:
        self._next = SHORTEST_PAUSE

    def next(self, least: float = 0.0) -> float:
        """Seconds to wait, not less than the other side asks for."""
        pause = max(min(least, 6 * LONGEST_PAUSE), self._next)
        self._next = min(LONGEST_PAUSE, self._next * GROWTH)
        return pause

    def reset(self) -> None:
        """An attempt succeeded."""
        self._next = SHORTEST_PAUSE
