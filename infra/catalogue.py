"""`python -m infra catalogue`: the topics of a stack as a page of Markdown, for people who look for data."""

import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from urllib.parse import quote

from kafka_platform.kafka.entities import Cleanup, Topic
from kafka_platform.kafka.protocols import Engine

from infra.capabilities import CAPABILITIES
from infra.capabilities.capability import Stack
from infra.capabilities.registry import Registry
from infra.check import STACKS, file_of
from infra.graph.flow import Arrow, Graph, graph_of
from infra.live.text import shown
from infra.settings.faults import SettingsError
from infra.settings.model import Settings
from infra.settings.parsing import read_stack
from infra.settings.topic import LONGEST_DESCRIPTION, Topic as StackTopic

_MARKED = re.compile(r"([\\`*_\[\]<>|~&!$#])")
"""What Markdown, or GitHub in it, gives a meaning inside of a line."""


def write(stack: str, out: Path | None, folder: Path = STACKS) -> int:
    """Writes the catalogue of a stack to a file, or prints it.

    Returns:
        1 if the stack's file is wrong, or the other cannot be written; otherwise 0.
    """
    file = file_of(stack, folder)
    try:
        settings = read_stack(file)
    except SettingsError as error:
        print(f"{file.name}: {error.faults[0]}", file=sys.stderr)
        return 1
    page = "\n".join(Catalogue(settings, file.name.removeprefix("Pulumi.").removesuffix(".yaml")).lines()) + "\n"
    if out is None:
        print(page, end="")
        return 0
    try:
        out.write_text(page, encoding="utf-8")
    except OSError as error:
        print(f"{out} cannot be written, {error.strerror}: name another file", file=sys.stderr)
        return 1
    return 0


@dataclass(frozen=True)
class Catalogue:
    """The topics of a stack: those that the file declares, and those that others carry data with."""

    settings: Settings
    stack: str

    @cached_property
    def _graph(self) -> Graph:
        return graph_of(self.settings)

    @cached_property
    def _declared(self) -> Mapping[str, Topic]:
        return Stack(self.settings, CAPABILITIES).named_topics

    @cached_property
    def topics(self) -> frozenset[str]:
        """All but those that a program has for itself, as where a connector keeps its position."""
        own = Stack(self.settings, CAPABILITIES).topics.keys() - self._declared.keys()
        return frozenset({*self._graph.topics, *self.settings.topics} - own)

    def owner(self, topic: str) -> str | None:
        """The tenant that the file names, or the one of all who write it."""
        declared = self._own(topic)
        if declared is not None and declared.tenant is not None:
            return declared.tenant
        writers = {self._graph.programs[each.user].tenant for each in self._arrows(topic, writes=True)}
        return writers.pop() if len(writers) == 1 else None

    def lines(self) -> Iterator[str]:
        """The page: a table of all topics, then one section for each."""
        yield f"# Topics of {_plain(self.stack)}"
        yield ""
        yield "Written by `kafka-platform catalogue`, from the stack file: who reads and writes is who has the right to."
        yield ""
        yield "| Topic | Owner | Description |"
        yield "|---|---|---|"
        for topic in sorted(self.topics):
            yield f"| {_link(topic)} | {_plain(self.owner(topic) or '')} | {_plain(self._description(topic))} |"
        for topic in sorted(self.topics):
            yield ""
            yield from self._section(topic)

    def _section(self, topic: str) -> Iterator[str]:
        yield f'<a id="{_anchor(topic)}"></a>'
        yield ""
        yield f"## {_plain(topic)}"
        yield ""
        facts = [(name, text) for name, text in self._facts(topic) if text]
        yield "| | |"
        yield "|---|---|"
        yield from (f"| {name} | {text} |" for name, text in facts)

    def _facts(self, topic: str) -> Iterator[tuple[str, str]]:
        declared = self._declared.get(topic)
        yield "Description", _plain(self._description(topic))
        yield "Owner", _plain(self.owner(topic) or "")
        if declared is None:
            yield "Declared", "not in this stack"
        else:
            yield "Partitions", f"{declared.partitions:,}"
            yield "Kept", _plain(_kept(declared, self._default))
        yield "Schema", self._schema(topic)
        yield "Written by", self._programs(topic, writes=True)
        yield "Read by", self._programs(topic, writes=False)
        yield "Made from", self._near(topic, downstream=False)
        yield "Goes into", self._near(topic, downstream=True)

    @property
    def _default(self) -> str | None:
        kafka = self.settings.kafka
        return None if kafka.engine is Engine.EXTERNAL else kafka.defaults.retention

    def _own(self, topic: str) -> StackTopic | None:
        return self.settings.topics.get(topic)

    def _description(self, topic: str) -> str:
        declared = self._own(topic)
        return "" if declared is None else declared.description or ""

    def _schema(self, topic: str) -> str:
        declared = self._own(topic)
        if declared is None or not declared.has_schema:
            return ""
        registry = self.settings.of(Registry)
        level = declared.compatibility or (None if registry is None else registry.compatibility)
        files = [f"{part} {_plain(file)}" for part in ("key", "value") if (file := getattr(declared, part)) is not None]
        return ", ".join([*files, *([] if level is None else [_plain(level.value)])])

    def _arrows(self, topic: str, *, writes: bool) -> list[Arrow]:
        return [each for each in self._graph.by_topic.get(topic, ()) if each.writes is writes]

    def _programs(self, topic: str, *, writes: bool) -> str:
        found = (self._graph.programs[each.user] for each in self._arrows(topic, writes=writes))
        return ", ".join(sorted(_plain(each.called) + _of(each.tenant) for each in found))

    def _near(self, topic: str, *, downstream: bool) -> str:
        """The topics and other systems that are one program away."""
        users = [each.user for each in self._arrows(topic, writes=not downstream)]
        topics = {each.topic for user in users for each in self._graph.by_user[user] if each.writes is downstream}
        programs = [self._graph.programs[user] for user in users]
        places = {place for each in programs if each.is_source is not downstream for place in each.places}
        return ", ".join([*map(_link, sorted((topics & self.topics) - {topic})), *map(_plain, sorted(places))])


def _kept(topic: Topic, default: str | None) -> str:
    """For how long, or how much of it; `default` is the cluster's retention, if it is known."""
    if topic.cleanup is Cleanup.COMPACT:
        return "the newest record of each key, for ever"
    kept = topic.retention or (f"{default} (the default)" if default is not None else "the cluster's default")
    parts = [kept, *([] if topic.retention_size is None else [f"at most {topic.retention_size} in each partition"])]
    if topic.cleanup is Cleanup.COMPACT_DELETE:
        parts.insert(0, "the newest record of each key")
    return ", ".join(parts)


def _of(tenant: str | None) -> str:
    return "" if tenant is None else f" (tenant {_plain(tenant)})"


def _link(topic: str) -> str:
    return f"[{_plain(topic)}](#{_anchor(topic)})"


def _anchor(topic: str) -> str:
    """Of a topic's section: names with other characters than a topic's are those of rights."""
    return f"topic-{quote(topic, safe='')}"


def _plain(text: str) -> str:
    """The text in one line, as it is: with nothing that Markdown, or a terminal, would follow."""
    return _MARKED.sub(r"\\\1", shown(text, LONGEST_DESCRIPTION))
