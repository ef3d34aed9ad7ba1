"""How fast counters of several pods grow together, from one look to the next."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping

from infra.live.cluster import Unseen
from infra.live.samples import Samples, per_second

Look = Mapping[str, "Samples | Unseen"]
"""The metrics of pods, by their names."""


def seen(look: Look, pods: Iterable[str] | None = None) -> Iterator[tuple[str, Samples]]:
    """The pods that showed metrics."""
    for name, each in look.items():
        if isinstance(each, Samples) and (pods is None or name in pods):
            yield name, each


def unseen(look: Look, pods: Iterable[str] | None = None) -> str | None:
    """Why the metrics of one of the pods are not known; None if all are."""
    chosen = look if pods is None else set(pods)
    return next((each.why for name, each in look.items() if name in chosen and isinstance(each, Unseen)), None)


def total(look: Look, name: str, pods: Iterable[str] | None = None, **labels: str | None) -> float | None:
    """The sum over all pods; None if none shows it."""
    found = [value for _, each in seen(look, pods) if (value := each.total(name, **labels)) is not None]
    return sum(found) if found else None


def growth(before: Look, now: Look, name: str, pods: Iterable[str] | None = None, **labels: str | None) -> float | None:
    """How fast the sum over all pods grows; None if no pod showed it twice."""
    rates = []
    for pod, each in seen(now, pods):
        old = before.get(pod)
        if isinstance(old, Samples):
            value = per_second(old.total(name, **labels), each.total(name, **labels), each.at - old.at)
            rates += [] if value is None else [value]
    return sum(rates) if rates else None


def growth_by(before: Look, now: Look, name: str, *labels: str) -> dict[tuple[str, ...], float]:
    """How fast the sums grow, by the values of labels."""
    rates: dict[tuple[str, ...], float] = defaultdict(float)
    for pod, each in seen(now):
        old = before.get(pod)
        if not isinstance(old, Samples):
            continue
        earlier = old.by(name, *labels)
        for key, value in each.by(name, *labels).items():
            # A series that was not there yet began at zero.
            rates[key] += per_second(earlier.get(key, 0.0), value, each.at - old.at) or 0.0
    return dict(rates)


def most(look: Look, name: str, *labels: str) -> dict[tuple[str, ...], float]:
    """Of each the largest that a pod shows: several exporters tell of the same thing."""
    found: dict[tuple[str, ...], float] = {}
    for _, each in seen(look):
        for key, value in each.by(name, *labels).items():
            found[key] = max(value, found.get(key, value))
    return found
