"""What the platform's owner lets a team declare in a file of its own."""

from collections.abc import Iterator, Sequence
from dataclasses import MISSING, dataclass

from kafka_platform.kafka.entities import MAX_PARTITIONS, Quotas
from kafka_platform.values.form import DURATION
from kafka_platform.values.forms import Spec, formed, names
from kafka_platform.values.names import check_pattern
from kafka_platform.values.ranges import MOST_REPLICAS, within
from kafka_platform.values.units import milliseconds


def _check_file(name: str) -> None:
    if not name.endswith((".yaml", ".yml")) or not name.isprintable():
        raise ValueError(f"{name!r} is not a file of YAML: write a path such as teams/payments.yaml")


def _check_retention(text: str) -> None:
    if milliseconds(text) < 0:
        raise ValueError(f"{text!r} is no bound: write a duration such as 30d, or remove the key")


@dataclass(frozen=True, kw_only=True)
class TenantFile(Spec):
    """A team's own file, with its `topics` and `users`, and the bounds of both. Without a bound there is none."""

    file: str = formed(MISSING, _check_file, examples=["teams/payments.yaml"])
    """The file, relative to the stack file's folder. Required."""
    owns: Sequence[str] = names(check_pattern)
    """Names, or prefixes that end in `*`, of its topics, groups and transactional ids; no other team's may begin alike.
    Default: `<tenant>.*` and `<tenant>-*`."""
    reads: Sequence[str] = names(check_pattern)
    """Topics of others that its users may read. Default: none."""
    partitions: int | None = within(1, MAX_PARTITIONS, default=None)
    """Most partitions of one topic."""
    all_partitions: int | None = within(1, 1_000_000, default=None)
    """Most partitions of all its topics together."""
    replicas: int | None = within(1, MOST_REPLICAS, default=None)
    """Fewest copies of each record that a topic may ask for."""
    retention: str | None = formed(None, _check_retention, pattern=DURATION, examples=["30d"])
    """Longest time that a topic may keep records, and which each topic that is not compacted has to say."""
    quotas: Quotas | None = None
    """Highest limits of a user. A user without limits of its own has those of its tenant."""

    def owned(self, tenant: str) -> Sequence[str]:
        """The names and prefixes that are the team's."""
        return self.owns or (f"{tenant}.*", f"{tenant}-*")


def covers(patterns: Sequence[str], wanted: str) -> bool:
    """Whether all that a name, or a prefix with a final `*`, can mean is among the patterns."""
    return any(
        wanted.startswith(each[:-1]) if each.endswith("*") and each != "*" else each in ("*", wanted)
        for each in patterns
    )


def exceeded(limits: Quotas, given: Quotas | None) -> Iterator[tuple[str, str]]:
    """The keys of quotas above the limits, and the highest value of each as the limits write it."""
    allowed = limits.kafka_quotas()
    had = {} if given is None else given.kafka_quotas()
    for key, (name, shown) in {
        "consumer_byte_rate": ("consume", limits.consume),
        "controller_mutation_rate": ("controllerMutations", limits.controller_mutations),
        "producer_byte_rate": ("produce", limits.produce),
        "request_percentage": ("requestPercentage", limits.request_percentage),
    }.items():
        if key in allowed and had.get(key, float("inf")) > allowed[key]:
            yield name, str(shown)
