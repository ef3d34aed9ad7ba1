"""What Prometheus would read of a pod: its metrics in the text format, and how they change from one look to the next."""

import math
import re
from collections import defaultdict
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

MOST_SAMPLES = 200_000
"""Of one pod: a broker with some ten thousand partitions. Further ones are left out."""

# https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format
_LINE = re.compile(r"([A-Za-z_:][A-Za-z0-9_:]*)(?:\{(.*)\})?[ \t]+(\S+)(?:[ \t]+-?\d+)?[ \t]*")
_LABEL = re.compile(r'[ \t]*([A-Za-z_][A-Za-z0-9_]*)[ \t]*=[ \t]*"((?:[^"\\]|\\.)*)"[ \t]*(?:,|$)')
_ESCAPE = re.compile(r"\\(.)")

Labels = Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class Samples:
    """The metrics of one pod at one moment."""

    at: float
    """Seconds of a monotonic clock."""
    series: Mapping[str, Sequence[tuple[Labels, float]]] = field(default_factory=dict)

    def has(self, name: str) -> bool:
        """Whether there is any series of that name."""
        return bool(self.series.get(name))

    def total(self, name: str, **labels: str | None) -> float | None:
        """The sum of the series with these labels; a label that is None must not be there. None if there is no series."""
        found = [value for each, value in self.series.get(name, ()) if _fits(each, labels)]
        return sum(found) if found else None

    def by(self, name: str, *labels: str) -> dict[tuple[str, ...], float]:
        """The sums of the series that have all of these labels, by the labels' values."""
        sums: dict[tuple[str, ...], float] = defaultdict(float)
        for each, value in self.series.get(name, ()):
            if all(label in each for label in labels):
                sums[tuple(each[label] for label in labels)] += value
        return dict(sums)


def _fits(labels: Labels, wanted: Mapping[str, str | None]) -> bool:
    return all(labels.get(name) == value for name, value in wanted.items())


def parse(text: str, at: float, names: Container[str]) -> Samples:
    """The series of these names. Lines that are none are left out, and so is what is no number."""
    found: dict[str, list[tuple[Labels, float]]] = defaultdict(list)
    seen = 0
    # Not by splitlines: names of groups may have separators of lines in them.
    for line in text.split("\n"):
        if line.startswith("#") or seen >= MOST_SAMPLES:
            continue
        match = _LINE.fullmatch(line.rstrip("\r"))
        if match is None or match[1] not in names:
            continue
        try:
            value = float(match[3])
        except ValueError:
            continue
        # Sums and differences of what is infinite are no numbers that anybody could show.
        if math.isfinite(value):
            found[match[1]].append((_labels(match[2] or ""), value))
            seen += 1
    return Samples(at=at, series=dict(found))


def _labels(text: str) -> Labels:
    found, at = {}, 0
    # One after the other from the start: to look for the next one anywhere would take hostile lines the square of their length.
    while (each := _LABEL.match(text, at)) is not None:
        found[each[1]] = _ESCAPE.sub(_unescaped, each[2])
        at = each.end()
    return found


def _unescaped(match: re.Match[str]) -> str:
    return "\n" if match[1] == "n" else match[1]


def per_second(before: float | None, now: float | None, seconds: float) -> float | None:
    """The rate of a counter; from zero after a reset. None if it was not seen twice."""
    if before is None or now is None or seconds <= 0:
        return None
    return (now - before if now >= before else now) / seconds


def quantile(share: float, buckets: Iterable[tuple[float, float]]) -> float | None:
    """The value below which that share is, of a histogram's buckets by their upper bounds; None if nothing was counted."""
    ordered = sorted(buckets)
    if not ordered or ordered[-1][1] <= 0:
        return None
    wanted, low, before = share * ordered[-1][1], 0.0, 0.0
    for bound, total in ordered:
        if total >= wanted:
            if math.isinf(bound):
                return low
            return low + (bound - low) * (wanted - before) / (total - before) if total > before else bound
        low, before = bound, total
    return low
