"""`python -m infra graph`: where a stack's data comes from and goes to, by the rights of its users.

Nothing has to be declared for it: a program that may read one topic and write another carries data between them.
"""

import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from kafka_platform.kafka.entities import AclResource, Operation, User
from kafka_platform.values.words import suggest

from infra.capabilities import CAPABILITIES
from infra.capabilities.capability import Program, Stack
from infra.check import STACKS, file_of
from infra.settings.faults import SettingsError
from infra.settings.model import Settings
from infra.settings.parsing import read_stack
from infra.settings.relations.declared import overlap

MOST_ARROWS = 500
"""Mermaid's limit for arrows in one picture (`maxEdges`)."""
VERSION = 1
"""Of the JSON: raised if a key is removed."""


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

    def around(self, topic: str) -> "Graph":
        """What the topic's records are made of, and what is made of them."""
        return self.of({*self._beyond(topic, downstream=False), *self._beyond(topic, downstream=True)})

    def of_tenant(self, tenant: str) -> "Graph":
        """What the programs of a tenant read and write."""
        return self.of(each for each in self.arrows if self.programs[each.user].tenant == tenant)

    @cached_property
    def by_user(self) -> Mapping[str, Sequence[Arrow]]:
        """The arrows of each program."""
        return _grouped(self.arrows, lambda each: each.user)

    @cached_property
    def _by_topic(self) -> Mapping[str, Sequence[Arrow]]:
        return _grouped(self.arrows, lambda each: each.topic)

    def _beyond(self, topic: str, *, downstream: bool) -> Iterator[Arrow]:
        """The arrows on all ways from a topic, or to it."""
        topics, seen = [topic], {topic}
        while topics:
            near = [each for each in self._by_topic.get(topics.pop(), ()) if each.writes is not downstream]
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


def graph_of(settings: Settings) -> Graph:
    """Who may read and write which topics, without those that one program has for itself."""
    stack = Stack(settings, CAPABILITIES)
    topics = sorted(stack.topics)
    arrows = {arrow for user, declared in stack.users.items() for arrow in _arrows(user, declared, topics)}
    users = {topic: {each.user for each in own} for topic, own in _grouped(arrows, lambda each: each.topic).items()}
    shared = {topic for topic in topics if len(users.get(topic, ())) > 1} | settings.topics.keys()
    known = {
        user: each
        for capability, section in stack.present
        for user, each in capability.programs(section, settings).items()
    }
    for name, tenant in settings.tenants.items():
        known |= {user: Program(kind="user", name=user, tenant=name) for user in tenant.users}
    whole = Graph(
        arrows=sorted(arrows),
        programs={user: known.get(user, Program(kind="platform", name=user)) for user in stack.users},
    )
    return whole.of(each for each in arrows if each.topic in shared or whole.programs[each.user].places)


def _arrows(name: str, user: User, topics: Sequence[str]) -> Iterator[Arrow]:
    for acl in user.all_acls():
        if acl.resource is not AclResource.TOPIC:
            continue
        # A topic that is not declared here is one of an external Kafka.
        found = [topic for topic in topics if overlap(acl.name, topic)] or [acl.name]
        for operation, writes in ((Operation.WRITE, True), (Operation.READ, False)):
            if {operation, Operation.ALL} & set(acl.operations):
                yield from (Arrow(topic=topic, user=name, writes=writes) for topic in found)


def mermaid(graph: Graph) -> str:
    """The picture, as GitHub, GitLab and many editors draw it."""
    topics = {topic: f"t{at}" for at, topic in enumerate(sorted({each.topic for each in graph.arrows}))}
    users = {user: f"p{at}" for at, user in enumerate(sorted(graph.programs))}
    places = {
        place: f"o{at}" for at, place in enumerate(sorted({p for e in graph.programs.values() for p in e.places}))
    }
    lines = ["flowchart LR"]
    lines += [f'  {node}[("{_shown(topic)}")]' for topic, node in topics.items()]
    lines += [f'  {node}["{_title(graph.programs[user])}"]' for user, node in users.items()]
    lines += [f'  {node}{{{{"{_shown(place)}"}}}}' for place, node in places.items()]
    for each in graph.arrows:
        ends = (users[each.user], topics[each.topic])
        lines.append(f"  {' --> '.join(ends if each.writes else ends[::-1])}")
    for user, program in graph.programs.items():
        for place in program.places:
            ends = (users[user], places[place])
            lines.append(f"  {' --> '.join(ends[::-1] if program.is_source else ends)}")
    return "\n".join(lines)


def _title(program: Program) -> str:
    tenant = "" if program.tenant is None else f"<br>tenant {_shown(program.tenant)}"
    return f"{program.kind} {_shown(program.name)}{tenant}"


def _shown(text: str) -> str:
    """Text as Mermaid takes it within quotes: names of users may have any characters."""
    return "".join(each if each.isalnum() or each in " .:_-*=@/" else f"#{ord(each)};" for each in text)


def data(graph: Graph, stack: str) -> str:
    """The same as JSON."""
    programs = [
        {
            "user": user,
            "kind": each.kind,
            "name": each.name,
            "tenant": each.tenant,
            "writes": [arrow.topic for arrow in graph.by_user[user] if arrow.writes],
            "reads": [arrow.topic for arrow in graph.by_user[user] if not arrow.writes],
            "takesFrom": list(each.places) if each.is_source else [],
            "bringsTo": [] if each.is_source else list(each.places),
        }
        for user, each in sorted(graph.programs.items())
    ]
    return json.dumps({"version": VERSION, "stack": stack, "programs": programs}, indent=2)


def show(stack: str, *, topic: str | None, tenant: str | None, as_data: bool, folder: Path = STACKS) -> int:
    """Prints where the data of a stack goes.

    Returns:
        1 if the stack's file is wrong, or has no such topic or tenant, otherwise 0.
    """
    file = file_of(stack, folder)
    try:
        settings = read_stack(file)
    except SettingsError as error:
        print(f"{file.name}: {error.faults[0]}", file=sys.stderr)
        return 1
    graph = graph_of(settings)
    if tenant is not None:
        if tenant not in settings.tenants:
            print(f"{tenant!r} is not a tenant of {file.name}: {suggest(tenant, settings.tenants)}", file=sys.stderr)
            return 1
        graph = graph.of_tenant(tenant)
    if topic is not None:
        known = {each.topic for each in graph.arrows} | settings.topics.keys()
        if topic not in known:
            print(f"{topic!r} is not a topic of {file.name}: {suggest(topic, known)}", file=sys.stderr)
            return 1
        graph = graph.around(topic)
    if not as_data and len(graph.arrows) > MOST_ARROWS:
        print(f"{len(graph.arrows):,} arrows are more than Mermaid draws: choose --topic or --tenant", file=sys.stderr)
    print(data(graph, stack) if as_data else mermaid(graph))
    return 0
