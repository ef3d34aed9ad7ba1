"""Where a stack's data comes from and goes to, by the rights of its users.

Nothing has to be declared for it: a program that may read one topic and write another carries data between them.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import cached_property

from kafka_platform.kafka.entities import AclResource, Operation, User

from infra.capabilities import CAPABILITIES
from infra.capabilities.capability import Program, Stack
from infra.settings.model import Settings
from infra.settings.relations.declared import overlap


class Way(Enum):
    """Which way to follow the data from a topic."""

    UPSTREAM = "upstream"
    """To what its records are made of."""
    DOWNSTREAM = "downstream"
    """To what is made of them."""


@dataclass(frozen=True, kw_only=True, order=True)
class Arrow:
    """A program writes a topic, or reads it."""

    topic: str
    user: str
    """The program's Kafka user."""
    writes: bool


@dataclass(frozen=True, kw_only=True)
class Graph:
    """Where data goes."""

    arrows: Sequence[Arrow]
    programs: Mapping[str, Program]
    """By Kafka user."""

    def of(self, kept: Iterable[Arrow]) -> "Graph":
        """A part of it."""
        arrows = sorted(kept)
        users = {each.user for each in arrows}
        return Graph(arrows=arrows, programs={user: each for user, each in self.programs.items() if user in users})

    def around(self, topic: str, ways: Iterable[Way] = Way) -> "Graph":
        """What the topic's records are made of, and what is made of them; or one of both."""
        return self.of({each for way in ways for each in self._beyond(topic, downstream=way is Way.DOWNSTREAM)})

    def of_tenant(self, tenant: str) -> "Graph":
        """What the programs of a tenant read and write."""
        return self.of(each for each in self.arrows if self.programs[each.user].tenant == tenant)

    @property
    def topics(self) -> Sequence[str]:
        """Those that are written or read, sorted."""
        return sorted({each.topic for each in self.arrows})

    @property
    def places(self) -> Sequence[str]:
        """The systems besides Kafka, sorted."""
        return sorted({place for each in self.programs.values() for place in each.places})

    @cached_property
    def by_user(self) -> Mapping[str, Sequence[Arrow]]:
        """The arrows of each program."""
        return _grouped(self.arrows, lambda each: each.user)

    @cached_property
    def by_topic(self) -> Mapping[str, Sequence[Arrow]]:
        """The arrows of each topic."""
        return _grouped(self.arrows, lambda each: each.topic)

    def _beyond(self, topic: str, *, downstream: bool) -> Iterator[Arrow]:
        """The arrows on all ways from a topic, or to it."""
        topics, seen = [topic], {topic}
        while topics:
            near = [each for each in self.by_topic.get(topics.pop(), ()) if each.writes is not downstream]
            yield from near
            for far in (each for user in {each.user for each in near} for each in self.by_user[user]):
                if far.writes is downstream:
                    yield far
                    if far.topic not in seen:
                        seen.add(far.topic)
                        topics.append(far.topic)


def _grouped(arrows: Iterable[Arrow], by: Callable[[Arrow], str]) -> dict[str, list[Arrow]]:
    found: dict[str, list[Arrow]] = {}
    for each in arrows:
        found.setdefault(by(each), []).append(each)
    return found


def programs_of(settings: Settings) -> dict[str, Program]:
    """The programs that log in as a user of their own, and the tenants' users, by user."""
    own = (each.programs(section, settings) for each, section in Stack(settings, CAPABILITIES).present)
    tenants = (
        {user: Program(kind="user", name=user, tenant=name) for user in tenant.users}
        for name, tenant in settings.tenants.items()
    )
    return {user: program for each in (*own, *tenants) for user, program in each.items()}


def graph_of(settings: Settings) -> Graph:
    """Who may read and write which topics, without those that one program has for itself."""
    stack = Stack(settings, CAPABILITIES)
    topics = sorted(stack.topics)
    known = programs_of(settings)
    programs = {user: known.get(user, Program(kind="platform", name=user)) for user in stack.users}
    arrows = {
        arrow
        for user, declared in stack.users.items()
        for arrow in _arrows(user, declared, topics)
        if arrow.writes or not programs[user].only_writes
    }
    users = {topic: {each.user for each in own} for topic, own in _grouped(arrows, lambda each: each.topic).items()}
    shared = {topic for topic in topics if len(users.get(topic, ())) > 1} | stack.named_topics.keys()
    whole = Graph(arrows=sorted(arrows), programs=programs)
    # What is not declared here is of an external Kafka, unless it is one of the platform's internal topics.
    declared = frozenset(topics)
    return whole.of(
        each for each in arrows if each.topic in shared or (each.topic not in declared and each.user in known)
    )


def _arrows(name: str, user: User, topics: Sequence[str]) -> Iterator[Arrow]:
    for acl in user.all_acls():
        if acl.resource is not AclResource.TOPIC:
            continue
        # A topic that is not declared here is one of an external Kafka.
        found = [topic for topic in topics if overlap(acl.name, topic)] or [acl.name]
        for operation, writes in ((Operation.WRITE, True), (Operation.READ, False)):
            if {operation, Operation.ALL} & set(acl.operations):
                yield from (Arrow(topic=topic, user=name, writes=writes) for topic in found)
