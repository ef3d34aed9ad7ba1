"""When a partition had an offset: from what was seen of it, so that lag can be told in seconds."""

from bisect import bisect_left, insort
from collections.abc import Iterable

MOST_POINTS = 40
"""Points kept of a partition. Half of them are dropped, evenly, when there are more: what is older is known less exactly."""


LEAST_POINTS = 4
MOST_POINTS_OF_ALL = 400_000
"""Of all partitions together, each point with some 120 bytes: beyond 10,000 partitions each has fewer, down to LEAST_POINTS."""


def points_each(partitions: int) -> int:
    """How many points each of so many partitions may have."""
    return max(LEAST_POINTS, min(MOST_POINTS, MOST_POINTS_OF_ALL // max(1, partitions)))


class History:
    """Times at which a partition ended at which offset, oldest first; both only grow."""

    def __init__(self) -> None:
        self._points: list[tuple[int, float]] = []

    def see(self, at: float, end: int, most: int = MOST_POINTS) -> None:
        """The partition ends at this offset now; at most so many points are kept."""
        points = self._points
        if points and end < points[-1][0]:  # it was made anew, or has lost records
            points.clear()
        # Of an end that stays the first time counts, when its last record came, and the last, until which none came.
        if len(points) > 1 and points[-1][0] == points[-2][0] == end:
            points.pop()
        while len(points) >= most:
            del points[1:-1:2]
        points.append((end, at))

    def learn(self, points: Iterable[tuple[int, float]]) -> None:
        """Points from before the first one that was seen, from the timestamps of records."""
        first = self._points[0] if self._points else None
        for offset, at in points:
            if first is None or (offset < first[0] and at < first[1]):
                insort(self._points, (offset, at))

    def reaches(self, offset: int) -> bool:
        """Whether the time of that offset is known."""
        return bool(self._points) and self._points[0][0] <= offset

    def age(self, offset: int, now: float) -> float:
        """Seconds since the record at `offset`, the next to be read, was written; 0 if there is none yet.

        For what is older than all that is known, as old as that at least.
        """
        points = self._points
        if not points or offset >= points[-1][0]:
            return 0.0
        # The record at `offset` was written while the end passed from `offset` to `offset + 1`.
        later = bisect_left(points, (offset + 1, float("-inf")))
        end, at = points[later]
        if later == 0:
            return max(0.0, now - at)
        before, since = points[later - 1]
        share = (offset + 1 - before) / (end - before)
        return max(0.0, now - (since + share * (at - since)))
