"""What a stack file declares, for checks of references."""

import itertools
from bisect import bisect_left, insort
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence

from kafka_platform.kafka.entities import AclResource, Operation
from kafka_platform.kafka.protocols import Engine
from kafka_platform.values.names import is_internal_topic

from infra.settings.core import Core
from infra.settings.faults import Fault, Known, declare


class Declared:
    """Which topics there can be."""

    def __init__(self, settings: Core, known: Known, offered: Iterable[str] = (), *, all_offered: bool = True) -> None:
        """`offered` are the topics of connectors and the like, which are all of them if `all_offered`."""
        faulty = known.names("topics")
        self.complete = (
            settings.kafka.engine is not Engine.EXTERNAL
            and known("kafka", "engine")
            and faulty is not None
            and all_offered
        )
        """Whether all topics are known: an external Kafka has others."""
        self.topics = [*dict.fromkeys([*settings.topics, *(faulty or []), *offered])]
        self.creatable = [
            acl.name
            for user in settings.users.values()
            for acl in user.acls
            if acl.resource is AclResource.TOPIC and {Operation.CREATE, Operation.ALL} & set(acl.operations)
        ]
        """Names and prefixes of topics that applications may create."""
        self._sorted = sorted(self.topics)
        self._names = frozenset(self.topics)

    def has(self, pattern: str) -> bool:
        """Whether a topic with that name or prefix exists, or can be created."""
        if pattern == "*" or is_internal_topic(pattern.removesuffix("*")):
            return True
        if pattern.endswith("*"):
            place = bisect_left(self._sorted, pattern[:-1])
            found = self._sorted[place : place + 1]
        else:
            found = [pattern] if pattern in self._names else []
        return any(overlap(pattern, each) for each in (*found, *self.creatable))


def overlap(one: str, other: str) -> bool:
    """Whether a name can match both patterns; a final `*` matches any suffix."""
    if one.endswith("*") and other.endswith("*"):
        return one[:-1].startswith(other[:-1]) or other[:-1].startswith(one[:-1])
    if one.endswith("*"):
        return other.startswith(one[:-1])
    if other.endswith("*"):
        return one.startswith(other[:-1])
    return one == other


class Claims:
    """Patterns that belong to somebody, and which of them mean names that another owner has claimed.

    A pattern is looked up by its beginnings and among those that begin with it: each is not compared with each.
    """

    def __init__(self) -> None:
        self._by_text: dict[str, list[tuple[int, str, str]]] = defaultdict(list)
        """Number, pattern and owner, by the pattern without its `*`."""
        self._sorted: list[str] = []
        self._count = 0

    def add(self, pattern: str, owner: str) -> None:
        """Claims it."""
        text = pattern.removesuffix("*")
        if text not in self._by_text:
            insort(self._sorted, text)
        self._by_text[text].append((self._count, pattern, owner))
        self._count += 1

    def of_others(self, pattern: str, owner: str) -> tuple[str, str] | None:
        """The first pattern that was claimed of what this one can mean too, and its owner; None if nobody else has."""
        text = pattern.removesuffix("*")
        near = [text[:end] for end in range(len(text) + 1)]
        if pattern.endswith("*"):
            begin = bisect_left(self._sorted, text)
            longer = (self._sorted[place] for place in range(begin, len(self._sorted)))
            near += itertools.takewhile(lambda each: each.startswith(text), longer)
        found = (each for known in near for each in self._by_text.get(known, ()))
        taken = min((each for each in found if each[2] != owner and overlap(each[1], pattern)), default=None)
        return None if taken is None else taken[1:]


def no_topic(pattern: str, topics: Sequence[str]) -> str:
    """The message about a topic or prefix that is not declared."""
    # The nearest name may be the topic of another team, or what is left of a removed one.
    fix = declare("topics", topics)
    if pattern.endswith("*"):
        return f"no topic begins with {pattern[:-1]!r}: {fix}"
    return f"{pattern!r} is not a topic of this file: {fix}"


def repeated(path: tuple[str | int, ...], values: Iterable[str]) -> Iterator[Fault]:
    """Values that are listed more than once."""
    for value, times in Counter(values).items():
        if times > 1:
            yield Fault(path=path, message=f"{value!r} is listed {times} times: keep one")
