"""The pauses between the attempts of a program that ends when it is done or out of time."""

import time
from collections.abc import Callable

SHORTEST_PAUSE = 0.5
LONGEST_PAUSE = 5.0
GROWTH = 1.6
"""What each pause is multiplied by for the next one."""


class Retries:
    """Decides whether there is time for another attempt.

    Args:
        seconds: how long attempts may be made, from now on.
        say: receives a line before each pause.
    """

    def __init__(self, seconds: float, say: Callable[[str], object]) -> None:
        self._seconds = seconds
        self._say = say
        self._pause = SHORTEST_PAUSE
        self.until = time.monotonic() + seconds
        """When the time is over, in monotonic seconds."""

    def pause(self, reason: str) -> str | None:
        """Wait before the next attempt; at once, why there is none if the time would be over."""
        if time.monotonic() + self._pause > self.until:
            return f"not done after {self._seconds:.0f} s: {reason}"
        self._say(f"trying again in {self._pause:.1f} s: {reason}")
        time.sleep(self._pause)
        self._pause = min(LONGEST_PAUSE, self._pause * GROWTH)
        return None
